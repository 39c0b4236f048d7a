#include "cli/write/entry_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>

#include "cli/text.h"

namespace imi::cli {
namespace {

Written unwritten(std::string reason) { return std::unexpected(std::move(reason)); }

std::expected<std::vector<std::string>, std::string> texts_of_list(const boost::json::value& list) {
  const boost::json::array* array = list.if_array();
  std::vector<std::string> out;
  const bool texts =
      array != nullptr && std::ranges::all_of(*array, [&](const auto& e) { return e.is_string(); });
  if (!texts) return std::unexpected("must be an array of texts");
  for (const auto& e : *array) out.emplace_back(e.get_string());
  return out;
}

// The elements in ascending order, as the ledger wants them.
template <class T, class Read>
Written sorted_list(const boost::json::value& list, std::vector<T>& v, const Read& read) {
  const auto texts = texts_of_list(list);
  if (!texts) return unwritten(texts.error());
  for (const std::string& text : *texts) {
    T element;
    if (auto ok = read(text, element); !ok) return ok;
    v.push_back(element);
  }
  std::sort(v.begin(), v.end());
  return {};
}

std::string not_in_catalog(std::string_view text) {
  return fmt::format("'{}' is not in the catalog", cut(printable(text), 40));
}

}  // namespace

std::expected<std::int64_t, std::string> parse_integer(std::string_view text, std::int64_t least,
                                                       std::int64_t most) {
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec == std::errc() && end == text.data() + text.size() && n >= least && n <= most) return n;
  return std::unexpected(fmt::format("must be an integer from {} to {}", least, most));
}

Written text_value(std::string_view text, ledger::Division& v, const ledger::Catalog*) {
  const auto code = typed_code(text);
  if (!code) return unwritten(code.error().reason);
  const auto d = parse_division_text(*code);
  if (!d) return unwritten(d.error());
  v = *d;
  return {};
}

Written text_value(std::string_view text, ledger::SchemaId& v, const ledger::Catalog* catalog) {
  const auto word = typed_word(text);
  if (!word) return unwritten(word.error().reason);
  const ledger::Schema* schema = catalog->schema(*word);
  if (schema == nullptr) return unwritten(not_in_catalog(*word));
  v = schema->id;
  return {};
}

Written text_value(std::string_view text, ledger::Source& v, const ledger::Catalog*) {
  auto source = typed_source(text);
  if (!source) return unwritten(source.error().reason);
  if (source->empty()) return unwritten("is empty: it needs visible text");
  if (source->size() > ledger::kMaxSourceBytes) {
    return unwritten(
        fmt::format("is {} bytes long; the limit is {}", source->size(), ledger::kMaxSourceBytes));
  }
  v = std::move(*source);
  return {};
}

Written text_value(std::string_view text, crypto::PublicKey& v, const ledger::Catalog*) {
  const auto key = fixed_from_hex<crypto::PublicKey>(typed_word(text).value_or(""));
  if (!key) return unwritten("is not a public key: 66 hexadecimal characters are needed");
  if (!crypto::is_valid(*key)) {
    return unwritten("'" + cut(printable(text), 70) + "' is not a public key of secp256k1");
  }
  v = *key;
  return {};
}

Written text_value(std::string_view text, crypto::Signature& v, const ledger::Catalog*) {
  const auto signature = fixed_from_hex<crypto::Signature>(typed_word(text).value_or(""));
  if (!signature) return unwritten("is not a signature: 128 hexadecimal characters are needed");
  v = *signature;
  return {};
}

Written text_value(std::string_view text, chain::TimeMs& v, const ledger::Catalog*) {
  const auto n = parse_integer(text, 0, INT64_MAX);
  if (!n) return unwritten(n.error());
  v = chain::TimeMs(*n);
  return {};
}

Written text_value(std::string_view text, ledger::Version& v, const ledger::Catalog*) {
  const auto n = parse_integer(text, 1, UINT32_MAX);
  if (!n) return unwritten(n.error());
  v = ledger::Version(static_cast<std::uint32_t>(*n));
  return {};
}

Written list_value(const boost::json::value& list, ledger::Roles& v, const ledger::Catalog*) {
  const auto texts = texts_of_list(list);
  if (!texts) return unwritten(texts.error());
  for (const std::string& text : *texts) {
    ledger::Role role{};
    if (auto ok = text_value(text, role, nullptr); !ok) return ok;
    v.bits |= static_cast<std::uint32_t>(role);
  }
  return {};
}

Written list_value(const boost::json::value& list, std::vector<ledger::FieldId>& v,
                   const ledger::Catalog* catalog) {
  return sorted_list(list, v, [&](const std::string& text, ledger::FieldId& id) -> Written {
    const ledger::WorkField* field = catalog->field(text);
    if (field == nullptr) return unwritten(not_in_catalog(text));
    id = field->id;
    return {};
  });
}

Written list_value(const boost::json::value& list, std::vector<ledger::Division>& v,
                   const ledger::Catalog*) {
  return sorted_list(list, v, [](const std::string& text, ledger::Division& d) {
    return text_value(text, d, nullptr);
  });
}

Written list_value(const boost::json::value& list, std::vector<crypto::PublicKey>& v,
                   const ledger::Catalog*) {
  return sorted_list(list, v, [](const std::string& text, crypto::PublicKey& key) {
    return text_value(text, key, nullptr);
  });
}

}  // namespace imi::cli
