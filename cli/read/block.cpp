#include "cli/read/block.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/codec.h"
#include "base/hex.h"

namespace imi::cli {
namespace {

namespace json = boost::json;
using Problem = std::unexpected<std::string>;

// What content_hash() is made from.
struct SignedHeader {
  ledger::SubmissionHeader header;
  crypto::Signature signature;
  template <class A>
  void serialize(A& ar) {
    ar(header, signature);
  }
};

const std::string_view kNone;

std::string_view field_text(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string_view(v->get_string()) : kNone;
}

std::optional<std::uint64_t> field_number(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  if (v != nullptr && v->is_uint64()) return v->get_uint64();
  if (v == nullptr || !v->is_int64() || v->get_int64() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(v->get_int64());
}

template <class T>
std::optional<T> decoded(std::string_view base64url) {
  const auto bytes = from_base64url(base64url);
  auto value = bytes ? decode<T>(*bytes) : std::unexpected(CodecError{});
  return value ? std::optional<T>(std::move(*value)) : std::nullopt;
}

std::expected<chain::BlockHeader, std::string> header_of(const json::object& o) {
  const auto height = field_number(o, "height");
  const auto epoch = field_number(o, "epoch");
  const auto time = field_number(o, "time_ms");
  const auto parent = fixed_from_hex<chain::BlockId>(field_text(o, "parent"));
  const auto body = fixed_from_hex<Hash256>(field_text(o, "body_root"));
  if (!height || !epoch || !time || !parent || !body) {
    return Problem("its header is not whole (another version of imid?)");
  }
  chain::BlockHeader h;
  h.height = chain::Height(*height);
  h.epoch = decltype(h.epoch)(static_cast<decltype(h.epoch.value)>(*epoch));
  h.time = chain::TimeMs(static_cast<std::int64_t>(*time));
  h.parent = *parent;
  h.body_root = *body;
  return h;
}

}  // namespace

std::expected<CheckedBlock, std::string> check_block(const json::value& answer,
                                                     const chain::GenesisId& genesis,
                                                     std::uint64_t height) {
  const json::object* o = answer.if_object();
  if (o == nullptr) return Problem("it is not a block");
  auto header = header_of(*o);
  if (!header) return Problem(std::move(header).error());
  if (header->height.value != height) {
    return Problem(fmt::format("it is block {}, not {}", header->height.value, height));
  }
  CheckedBlock out;
  out.header = *header;
  out.id = chain::block_id(genesis, *header);
  if (field_text(*o, "id") != to_hex(out.id)) return Problem("its id is not that of its header");

  std::vector<chain::ContentHash> items;
  const json::value* list = o->if_contains("submissions");
  if (list == nullptr || !list->is_array()) return Problem("it has no list of submissions");
  for (const json::value& v : list->get_array()) {
    const json::object* s = v.if_object();
    const auto made = s != nullptr ? decoded<SignedHeader>(field_text(*s, "signed_header"))
                                   : std::optional<SignedHeader>();
    if (!made) return Problem("a submission has no signed header");
    items.push_back(ledger::content_hash(made->header, made->signature));
    out.submissions.push_back(made->header);
  }
  if (chain::body_root(items) != header->body_root) {
    return Problem("its submissions are not those that its header commits to");
  }
  const std::string_view certificate = field_text(*o, "certificate");
  if (certificate.empty()) return out;
  out.certificate = decoded<chain::CheckpointCertificate>(certificate);
  if (!out.certificate) return Problem("its certificate cannot be read");
  const chain::LedgerHead& head = out.certificate->head;
  if (head.height != header->height || head.block != out.id) {
    return Problem("its certificate is of another block");
  }
  return out;
}

}  // namespace imi::cli
