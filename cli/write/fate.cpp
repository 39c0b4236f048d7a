#include "cli/write/fate.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/hex.h"
#include "ledger/submission/submission.h"

namespace imi::cli {
namespace json = boost::json;
namespace {

std::string text(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

std::optional<std::uint64_t> number(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  if (v != nullptr && v->is_uint64()) return v->get_uint64();
  if (v != nullptr && v->is_int64() && v->get_int64() >= 0) {
    return static_cast<std::uint64_t>(v->get_int64());
  }
  return std::nullopt;
}

bool flag(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_bool() && v->get_bool();
}

}  // namespace

std::string_view name(Fate::Kind k) {
  switch (k) {
    case Fate::Kind::kUnknown: return "unknown";
    case Fate::Kind::kPending: return "pending";
    case Fate::Kind::kCommitted: return "committed";
    case Fate::Kind::kExpired: return "expired";
    case Fate::Kind::kTooLongAgo: return "too-long-ago";
  }
  return "unknown";
}

chain::TimeMs expiry_from(std::int64_t now_ms, const std::optional<chain::LedgerHead>& newest,
                          std::int64_t valid_ms) {
  if (newest) now_ms = std::max(now_ms, newest->time.value);
  return chain::TimeMs(now_ms + valid_ms);
}

Fate proved_fate(const ledger::VerifiedAnswer& v, chain::TimeMs expiry, std::int64_t grace_ms,
                 const ledger::Submission* submission) {
  const auto& a = std::get<ledger::SubmissionAnswer>(v.answer);
  Fate f;
  f.id = to_hex(std::get<ledger::AskSubmission>(v.question).id);
  f.proved = true;
  if (!a.state || !a.outcomes) {
    if (v.head.time < expiry) return f;  // it may be in the next block
    f.kind = expiry.value > v.head.time.value - grace_ms ? Fate::Kind::kExpired
                                                         : Fate::Kind::kTooLongAgo;
    return f;
  }
  f.kind = Fate::Kind::kCommitted;
  f.height = a.state->height.value;
  f.index = a.state->index;
  f.certified = true;
  const auto digests = submission != nullptr ? ledger::digests(*submission) : nullptr;
  for (std::uint32_t i = 0; i < a.outcomes->count; ++i) {
    EntryOutcome e;
    if (const ledger::Refusal* r = a.outcomes->refusal(i)) {
      e.refusal = ledger::name(r->code);
      e.message = ledger::describe(*r);
      e.field = ledger::name(r->field);
    } else {
      e.ok = true;
      if (submission != nullptr && i < submission->entries.size()) {
        e.id = to_hex(
            ledger::result_id(submission->entries[i], submission->header.author, digests->id, i));
      }
    }
    f.outcomes.push_back(std::move(e));
  }
  return f;
}

std::expected<Fate, std::string> parse_fate(const json::value& value) {
  const json::object* o = value.if_object();
  if (o == nullptr) return std::unexpected(std::string("not an object"));
  Fate f;
  f.id = text(*o, "id");
  const std::string fate = text(*o, "fate");
  bool known = false;
  for (const Fate::Kind k :
       {Fate::Kind::kUnknown, Fate::Kind::kPending, Fate::Kind::kCommitted, Fate::Kind::kExpired}) {
    if (fate != name(k)) continue;
    f.kind = k;
    known = true;
  }
  if (!known) return std::unexpected("an unknown fate '" + fate + "'");
  if (f.kind != Fate::Kind::kCommitted) return f;
  const auto height = number(*o, "height");
  if (!height) return std::unexpected(std::string("committed without a height"));
  f.height = *height;
  f.index = number(*o, "index").value_or(0);
  f.certified = flag(*o, "certified");
  const json::value* outcomes = o->if_contains("outcomes");
  if (outcomes == nullptr || !outcomes->is_array()) return f;
  for (const json::value& v : outcomes->get_array()) {
    const json::object* e = v.if_object();
    if (e == nullptr) return std::unexpected(std::string("an outcome that is not an object"));
    f.outcomes.push_back(
        {flag(*e, "ok"), text(*e, "refusal"), text(*e, "message"), text(*e, "id"), {}});
  }
  return f;
}

}  // namespace imi::cli
