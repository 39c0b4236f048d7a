#include "cli/write/known_submission.h"

#include <algorithm>
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

chain::TimeMs expiry_from(std::int64_t now_ms, const std::optional<chain::LedgerHead>& newest,
                          std::int64_t valid_ms) {
  if (newest) now_ms = std::max(now_ms, newest->time.value);
  return chain::TimeMs(now_ms + valid_ms);
}

KnownSubmission known_by_proof(const ledger::VerifiedAnswer& v) {
  const auto& a = std::get<ledger::SubmissionAnswer>(v.answer);
  KnownSubmission r;
  r.status = a.status;
  r.id = to_hex(std::get<ledger::AskSubmission>(v.question).id);
  r.proved = true;
  if (!a.state || !a.outcomes) return r;
  r.height = a.state->height.value;
  r.index = a.state->index;
  r.certified = true;
  for (std::uint32_t i = 0; i < a.outcomes->count; ++i) {
    EntryOutcome e;
    if (const ledger::Refusal* refusal = a.outcomes->refusal(i)) {
      e.refusal = ledger::name(refusal->code);
      e.message = ledger::describe(*refusal);
      e.field = ledger::name(refusal->field);
    } else {
      e.ok = true;
    }
    r.outcomes.push_back(std::move(e));
  }
  return r;
}

std::expected<KnownSubmission, std::string> known_by_report(const json::value& value) {
  const json::object* o = value.if_object();
  if (o == nullptr) return std::unexpected(std::string("not an object"));
  KnownSubmission f;
  f.id = text(*o, "id");
  const std::string word = text(*o, "fate");
  const auto* status = std::ranges::find(ledger::kSubmissionStatuses, word,
                                         [](SubmissionStatus s) { return ledger::name(s); });
  if (status == std::end(ledger::kSubmissionStatuses)) {
    return std::unexpected("an unknown fate '" + word + "'");
  }
  f.status = *status;
  if (f.status != SubmissionStatus::kCommitted) return f;
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
