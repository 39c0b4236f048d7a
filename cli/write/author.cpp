#include "cli/write/author.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/hex.h"
#include "cli/read/verified.h"
#include "cli/write/sender.h"
#include "crypto/keystore.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

const ledger::AgencyRegister* agency_by_name(const ledger::Genesis& g, std::string_view name) {
  for (const ledger::AgencyRegister& a : g.agencies) {
    if (a.profile.short_name == name) return &a;
  }
  return nullptr;
}

const ledger::AgencyRegister* agency_by_key(const ledger::Genesis& g,
                                            const crypto::PublicKey& key) {
  for (const ledger::AgencyRegister& a : g.agencies) {
    const auto& keys = a.profile.keys;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return &a;
  }
  return nullptr;
}

[[noreturn]] void no_such_agency(Session& s, const std::string& as,
                                 const std::filesystem::path& file) {
  std::vector<std::string> names;
  for (const ledger::AgencyRegister& a : s.genesis().agencies)
    names.push_back(a.profile.short_name);
  const auto near = nearest(as, names);
  fail(ExitCode::kLocal, "no-such-agency",
       fmt::format("there is no key of an agency '{}': {} does not exist", printable(as),
                   file.string()),
       near ? "--as " + *near : "imi agency list; or --as FILE.key");
}

}  // namespace

Author resolve_author(Session& s, const std::string& as, const std::string& author) {
  if (as.empty()) fail(ExitCode::kUsage, "usage", "--as is needed: who signs?", "imi agency list");
  const bool path = as.find('/') != std::string::npos || as.ends_with(".key");
  const std::filesystem::path file =
      path ? std::filesystem::path(as) : s.dir() / "agencies" / (as + ".key");
  if (!path && !std::filesystem::exists(file)) no_such_agency(s, as, file);
  const auto info = crypto::read_key_info(file);
  if (!info) fail(ExitCode::kLocal, "key", crypto::describe(info.error()));
  std::optional<ledger::AuthorId> id;
  std::string name = path ? file.stem().string() : as;
  if (!author.empty()) {
    const auto given = fixed_from_hex<ledger::AuthorId>(author);
    if (!given) fail(ExitCode::kUsage, "usage", "--author is not 64 hexadecimal characters");
    id = *given;
  } else if (const auto* a = agency_by_key(s.genesis(), info->public_key); a != nullptr) {
    id = chain::retag<ledger::AuthorId>(a->id);
    name = a->profile.short_name;
  } else if (agency_by_name(s.genesis(), name) != nullptr) {
    fail(ExitCode::kLocal, "wrong-key",
         fmt::format("{} is not a key that genesis knows of the agency '{}'", file.string(), name),
         "the agency's own key file, or --author if its keys were changed later");
  } else {
    id = chain::retag<ledger::AuthorId>(ledger::agency_id(name));
  }
  return Author{std::move(name), *id, s.load_key(file)};
}

ledger::Submission sign_now(Session& s, const Author& author, std::vector<ledger::Entry> entries,
                            std::int64_t valid_ms) {
  if (valid_ms == 0) valid_ms = s.genesis().parameters.max_expiry_ms / 2;
  ledger::SubmissionTerms terms;
  terms.genesis = s.genesis_id();
  terms.author = author.id;
  terms.nonce = crypto::system_random().fixed<ledger::Nonce>();
  terms.expiry = chain::TimeMs(s.now_ms() + valid_ms);
  return ledger::sign_submission(terms, std::move(entries), author.key);
}

std::string wait_level(const std::string& text) {
  const std::vector<std::string> levels = {std::string(rpc::kWaitAccepted),
                                           std::string(rpc::kWaitCommitted),
                                           std::string(rpc::kWaitCertified)};
  if (std::find(levels.begin(), levels.end(), text) != levels.end()) return text;
  fail(ExitCode::kUsage, "usage", fmt::format("--wait is '{}'", printable(text)),
       "one of " + joined(levels, "or"));
}

Fate submit_and_wait(Session& s, const ledger::Submission& submission, const std::string& wait) {
  const std::string id = to_hex(ledger::digests(submission)->id);
  s.out().note(fmt::format("submission {} --expiry {}", id, submission.header.expiry.value));
  std::optional<Fate> fate;
  Sender sender(s, wait, 1, [&](std::uint64_t, const Fate& f) { fate = f; });
  sender.send(0, id, submission.header.expiry.value, encode(submission));
  while (!fate) sender.poll(std::chrono::milliseconds(100));
  fate->id = id;
  const std::int64_t expiry_ms = submission.header.expiry.value;
  if (fate->kind == Fate::Kind::kExpired &&
      !is_proved_expired(s, ledger::digests(submission)->id, expiry_ms)) {
    fate->kind = Fate::Kind::kUnknown;  // a node was wrong; what it said is not handed on
  }
  const bool certified = fate->kind == Fate::Kind::kCommitted && wait == rpc::kWaitCertified;
  if (certified && !s.options.no_verify) reach_height(s, fate->height);
  return *fate;
}

json::object to_json(const Fate& f) {
  json::object o{{"id", f.id}, {"fate", std::string(name(f.kind))}};
  if (f.kind != Fate::Kind::kCommitted) return o;
  o["height"] = f.height;
  o["index"] = f.index;
  o["certified"] = f.certified;
  json::array outcomes;
  for (const EntryOutcome& e : f.outcomes) {
    json::object item{{"ok", e.ok}};
    if (!e.id.empty()) item["id"] = e.id;
    if (!e.refusal.empty()) item["refusal"] = e.refusal;
    if (!e.message.empty()) item["message"] = e.message;
    outcomes.push_back(std::move(item));
  }
  o["outcomes"] = std::move(outcomes);
  return o;
}

void report_fate(Session& s, const Fate& f) {
  s.out().emit(to_json(f));
  switch (f.kind) {
    case Fate::Kind::kUnknown:
      return s.out().line("unknown: no node has seen it, or its record was pruned long after");
    case Fate::Kind::kPending:
      return s.out().line("pending: accepted by a node, not yet in a block\n  imi submission " +
                          f.id);
    case Fate::Kind::kExpired:
      fail(ExitCode::kRefused, "expired", "the submission expired: it can never commit",
           "sign it anew: run the command again");
    case Fate::Kind::kCommitted: break;
  }
  std::size_t refused = 0;
  std::string first;
  s.out().styled_line(fmt::format("committed in block {}{}", grouped(f.height),
                                  f.certified ? ", certified by a quorum" : ""),
                      Style::kGood);
  for (std::size_t i = 0; i < f.outcomes.size(); ++i) {
    const EntryOutcome& e = f.outcomes[i];
    if (e.ok) {
      if (f.outcomes.size() <= 20 && !e.id.empty()) s.out().line("  id " + e.id);
      continue;
    }
    ++refused;
    const std::string text = e.message.empty() ? e.refusal : e.refusal + ": " + e.message;
    if (first.empty()) first = text;
    if (refused <= 20)
      s.out().styled_line(fmt::format("  entry {} refused: {}", i, text), Style::kBad);
  }
  if (refused > 0) {
    fail(ExitCode::kRefused, "entries-refused",
         refused == f.outcomes.size() && refused == 1
             ? "the ledger refused it: " + first
             : fmt::format("the ledger refused {} of {} entries", refused, f.outcomes.size()));
  }
}

}  // namespace imi::cli
