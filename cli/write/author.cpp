#include "cli/write/author.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/hex.h"
#include "cli/journal.h"
#include "cli/read/verified.h"
#include "cli/typed.h"
#include "cli/values.h"
#include "cli/write/sender.h"
#include "crypto/hash.h"
#include "crypto/keystore.h"
#include "ledger/submission/admission.h"
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

Author resolve_author(Session& s, const std::string& signer, const std::string& author) {
  const bool path = signer.find('/') != std::string::npos || signer.ends_with(".key");
  // A short name is lower case by rule, however it is typed.
  const std::string as = path ? signer : typed_word(signer).value_or(signer);
  if (as.empty()) fail(ExitCode::kUsage, "usage", "--as is needed: who signs?", "imi agency list");
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
         fmt::format("{} is not a key of the agency '{}' in the genesis", file.string(), name),
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
  terms.expiry = expiry_from(s.now_ms(), newest_head(s), valid_ms);
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

namespace {

// What one command signed, kept in <dir>/pending until its fate is proved, under a name made of
// what it says: the same command run again finds it.
class Pending {
 public:
  Pending(Session& s, const ledger::Submission& fresh) {
    JournalHeader h;
    h.genesis = fresh.header.genesis;
    h.author = chain::retag<Hash256>(fresh.header.author);
    h.kind = "write";
    h.content = crypto::hash(crypto::Domain::kPayload, encode(fresh.entries));
    h.rows = fresh.entries.size();
    path_ = s.dir() / "pending" /
            (to_hex(crypto::hash_of(crypto::Domain::kPayload, h)).substr(0, 24) + ".journal");
    std::error_code ec;
    std::filesystem::create_directories(path_.parent_path(), ec);
    auto journal = Journal::open(path_.string(), h);
    if (!journal) fail(ExitCode::kLocal, "journal", describe(journal.error()));
    journal_.emplace(std::move(*journal));
    if (journal_->submissions().empty()) return;
    auto earlier = decode<ledger::Submission>(journal_->submissions().back().signed_bytes);
    if (earlier) earlier_ = std::move(*earlier);
  }

  // Signed by an earlier run, its fate not known.
  [[nodiscard]] const std::optional<ledger::Submission>& earlier() const { return earlier_; }
  void keep(const ledger::Submission& s) {
    JournalSubmission j;
    j.id = ledger::digests(s)->id;
    j.expiry_ms = s.header.expiry.value;
    j.signed_bytes = encode(s);
    auto ok = journal_->add(j);
    if (ok) ok = journal_->sync();
    if (!ok) fail(ExitCode::kLocal, "journal", describe(ok.error()));
  }
  void forget() {
    std::error_code ec;
    std::filesystem::remove(path_, ec);
  }

 private:
  std::filesystem::path path_;
  std::optional<Journal> journal_;
  std::optional<ledger::Submission> earlier_;
};

// Sends it and waits. A Failure names the submission, so that its fate can be asked for. Whatever
// nodes report, it is kept until its fate is proved: it may take effect until it has expired.
KnownSubmission send_one(Session& s, Pending& pending, const ledger::Submission& submission,
                         bool is_fresh, const std::string& wait) {
  const std::string id = to_hex(ledger::digests(submission)->id);
  const std::int64_t expiry_ms = submission.header.expiry.value;
  std::optional<KnownSubmission> result;
  std::optional<Sender> sender;
  try {
    sender.emplace(s, wait, 1, [&](std::uint64_t, const KnownSubmission& f) { result = f; });
  } catch (const Failure&) {
    if (is_fresh) pending.forget();  // nothing left this machine
    throw;
  }
  if (is_fresh) pending.keep(submission);
  const std::string question = fmt::format("submission {} --expiry {}", id, expiry_ms);
  s.out().note(question);
  try {
    sender->send(0, id, expiry_ms, encode(submission));
    while (!result) sender->poll(std::chrono::milliseconds(100));
  } catch (Failure& f) {
    f.data["submission"] = id;
    f.data["fate_open"] = true;
    f.data["expiry_ms"] = expiry_ms;
    f.what +=
        fmt::format("; the fate of submission {} is open: it may take effect until {} (UTC+8)", id,
                    time_text(expiry_ms));
    if (!f.hint.empty()) f.hint += "; ";
    f.hint +=
        "the same command again: it sends the same bytes, and applies nothing twice; or imi " +
        question;
    throw;
  }
  result->id = id;
  const bool settled = ledger::is_final(result->status);
  if (settled && (result->proved || s.options.no_verify)) pending.forget();
  if (!result->proved || result->status != SubmissionStatus::kCommitted) return *result;
  for (std::size_t i = 0; i < result->outcomes.size() && i < submission.entries.size(); ++i) {
    if (!result->outcomes[i].ok) continue;
    result->outcomes[i].id =
        to_hex(ledger::result_id(submission.entries[i], submission.header.author,
                                 ledger::digests(submission)->id, static_cast<std::uint32_t>(i)));
  }
  return *result;
}

}  // namespace

KnownSubmission submit_and_wait(Session& s, const Author& author,
                                std::vector<ledger::Entry> entries, const std::string& wait) {
  const ledger::Submission submission = sign_now(s, author, std::move(entries));
  // What every node would refuse before ordering is refused here, before anything is kept or sent.
  const auto limits = ledger::admission_limits(s.genesis_id(), s.genesis().parameters);
  if (auto ok = ledger::check_stateless(submission, limits); !ok) {
    fail(ExitCode::kBadInput, std::string(ledger::name(ok.error().reason)),
         ledger::describe(ok.error()) + "; nothing was sent");
  }
  Pending pending(s, submission);
  if (const auto& earlier = pending.earlier()) {
    s.out().note(
        "an earlier run of this command signed the same entries and did not learn their fate: the "
        "same bytes are sent again");
    const KnownSubmission result = send_one(s, pending, *earlier, false, wait);
    if (result.status == SubmissionStatus::kTooLongAgo) {
      fail(ExitCode::kRefused, "fate-unknown",
           fmt::format(
               "submission {} of an earlier run expired so long ago that it can no longer be "
               "determined whether it had committed",
               result.id),
           "check whether the ledger has its entries; then run this command again to send them "
           "anew");
    }
    if (result.status != SubmissionStatus::kExpired) return result;
    s.out().note("the earlier submission expired and will never commit: signed anew");
    // With an expiry of its own: what was signed above may have expired while that was proved.
    const ledger::Submission fresh = sign_now(s, author, submission.entries);
    Pending anew(s, fresh);
    return send_one(s, anew, fresh, true, wait);
  }
  return send_one(s, pending, submission, true, wait);
}

json::object to_json(const KnownSubmission& f) {
  json::object o{{"id", f.id}, {"fate", std::string(ledger::name(f.status))}};
  if (f.status != SubmissionStatus::kCommitted) return o;
  o["height"] = f.height;
  o["index"] = f.index;
  o["certified"] = f.certified;
  o["verified"] = f.proved;
  json::array outcomes;
  for (const EntryOutcome& e : f.outcomes) {
    json::object item{{"ok", e.ok}};
    if (!e.id.empty()) item["id"] = e.id;
    if (!e.refusal.empty()) item["refusal"] = e.refusal;
    if (!e.field.empty()) item["field"] = e.field;
    if (!e.message.empty()) item["message"] = e.message;
    outcomes.push_back(std::move(item));
  }
  o["outcomes"] = std::move(outcomes);
  return o;
}

void report_result(Session& s, const KnownSubmission& f) {
  s.out().emit(to_json(f));
  switch (f.status) {
    case SubmissionStatus::kUnknown:
      return s.out().line("unknown: no node has seen it, or its record was pruned long ago");
    case SubmissionStatus::kPending:
      s.out().line("pending: accepted by a node, not yet in a block");
      return s.out().line("  imi submission " + f.id);
    case SubmissionStatus::kExpired:
      fail(ExitCode::kRefused, "expired", "the submission expired: it can never commit",
           "sign it anew: run the command again");
    case SubmissionStatus::kTooLongAgo:
      fail(ExitCode::kRefused, "fate-unknown",
           "it expired so long ago that it can no longer be determined whether it had committed");
    case SubmissionStatus::kCommitted: break;
  }
  const auto is_refused = [](const EntryOutcome& e) { return !e.ok; };
  const auto refused = static_cast<std::size_t>(std::ranges::count_if(f.outcomes, is_refused));
  const auto text = [](const EntryOutcome& e) {
    return e.message.empty() ? e.refusal : e.refusal + ": " + e.message;
  };
  if (refused == 1 && f.outcomes.size() == 1) {
    fail(ExitCode::kRefused, "entries-refused",
         fmt::format("REFUSED ({}, block {}): {}",
                     f.proved ? "proved" : "reported by a node without proof", grouped(f.height),
                     text(f.outcomes.front())));
  }
  if (f.proved) {
    s.out().styled_line(
        fmt::format("committed in block {}, certified by a quorum: verified", grouped(f.height)),
        Style::kGood);
  } else {
    s.out().styled_line(
        fmt::format("committed in block {}, reported by a node without proof: {}",
                    grouped(f.height), f.certified ? "not verified" : "not provable yet"),
        Style::kWarn);
    s.out().line("  imi submission " + f.id);
  }
  std::size_t shown = 0;
  for (std::size_t i = 0; i < f.outcomes.size(); ++i) {
    const EntryOutcome& e = f.outcomes[i];
    if (e.ok) {
      if (f.outcomes.size() <= 20 && !e.id.empty()) s.out().line("  id " + e.id);
    } else if (++shown <= 20) {
      s.out().styled_line(fmt::format("  entry {} refused: {}", i, text(e)), Style::kBad);
    }
  }
  if (refused > 0) {
    fail(ExitCode::kRefused, "entries-refused",
         fmt::format("REFUSED ({}, block {}): {} of {} entries",
                     f.proved ? "proved" : "reported by a node without proof", grouped(f.height),
                     refused, f.outcomes.size()));
  }
}

}  // namespace imi::cli
