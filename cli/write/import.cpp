#include "cli/write/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/read/verified.h"
#include "cli/write/compare.h"
#include "cli/write/sender.h"
#include "crypto/hash.h"
#include "ledger/core/calendar.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

constexpr std::size_t kMaxBatchBytes = 1U << 20;

std::filesystem::path journal_path(Session& s, const JournalHeader& h) {
  const Hash256 name = crypto::hash_of(crypto::Domain::kPayload, h);
  return s.dir() / "imports" / fmt::format("{}-{}.journal", h.kind, to_hex(name).substr(0, 24));
}

// One run of an import: rows -> batches -> journal -> sender -> settled.
class Run {
 public:
  Run(Session& s, const Author& author, const ImportOptions& o, const RowMapper& mapper,
      const CheckReport& check, Journal journal)
      : session_(s),
        author_(author),
        options_(o),
        mapper_(mapper),
        check_(check),
        journal_(std::move(journal)),
        progress_(o.kind, check.good, s.out().err(), s.out().json() || s.out().quiet()) {
    report_.rows = check.good;
  }

  ImportReport run() {
    count_settled();
    if (done_ == check_.good && open_.empty()) return finish();
    sender_.emplace(session_, std::string(rpc::kWaitCertified), options_.window,
                    [this](std::uint64_t tag, const KnownSubmission& f) { settle(tag, f); });
    try {
      resend_open();
      send_rows();
      drain();
      // Rows of submissions that expired on the way (a long outage): signed anew, in another pass.
      while (expired_) {
        expired_ = false;
        send_rows();
        drain();
      }
    } catch (const Failure&) {
      (void)journal_.sync();
      progress_.finish();
      throw;
    }
    return finish();
  }

 private:
  void journal_ok(std::expected<void, JournalError> result) {
    if (!result) fail(ExitCode::kLocal, "journal", describe(result.error()));
  }

  // What earlier runs did.
  void count_settled() {
    for (std::size_t i = 0; i < journal_.submissions().size(); ++i) {
      const JournalSubmission& sub = journal_.submissions()[i];
      const JournalSettled* settled = journal_.settled(sub.id);
      if (settled == nullptr) {
        open_.push_back(i);
      } else if (!settled->expired) {
        const auto again = static_cast<std::uint64_t>(
            std::count_if(settled->refused.begin(), settled->refused.end(),
                          [](const RowRefusal& r) { return !means_present(r.code); }));
        done_ += sub.rows.size() - again;
        report_.before += sub.rows.size() - again;
      }
    }
    if (done_ < check_.good || !open_.empty()) progress_.update(done_);
  }

  void resend_open() {
    if (open_.empty()) return;
    session_.out().note(
        fmt::format("resuming: {} submissions of an earlier run have no known outcome; "
                    "the same bytes are sent again",
                    open_.size()));
    for (const std::size_t i : open_) {
      wait_for_room();
      const JournalSubmission& sub = journal_.submissions()[i];
      sender_->send(i, to_hex(sub.id), sub.expiry_ms, sub.signed_bytes);
    }
  }

  void wait_for_room() {
    while (!sender_->has_room()) sender_->poll(std::chrono::milliseconds(100));
  }
  void drain() {
    while (sender_->under_way() > 0) sender_->poll(std::chrono::milliseconds(100));
  }

  void send_rows() {
    RecordReader reader = open_import(options_, mapper_);
    Record record;
    while (true) {
      auto more = reader.next(record);
      if (more && !*more) break;
      if (!more) {
        if (more.error().fatal) break;
        continue;  // reported by the check
      }
      auto entry = mapper_.map(record);
      if (!entry || !*entry || !is_due(record.row)) continue;
      bytes_ += encode(**entry).size();
      entries_.push_back(std::move(**entry));
      rows_.push_back(record.row);
      if (entries_.size() >= options_.batch || bytes_ >= kMaxBatchBytes) send_batch();
    }
    if (!entries_.empty()) send_batch();
  }

  // Refused rows are due again in another run, not in another pass of this one.
  [[nodiscard]] bool is_due(std::uint64_t row) const {
    return !journal_.covers(row) && !refused_now_.contains(row) && !check_.left.contains(row);
  }

  void send_batch() {
    wait_for_room();
    const ledger::Submission s = sign_now(session_, author_, std::move(entries_));
    entries_.clear();
    bytes_ = 0;
    JournalSubmission j;
    j.id = ledger::digests(s)->id;
    j.expiry_ms = s.header.expiry.value;
    j.rows = std::move(rows_);
    rows_.clear();
    j.signed_bytes = encode(s);
    // Durable before it leaves: after a crash the fate of exactly these bytes is asked for.
    journal_ok(journal_.add(j));
    journal_ok(journal_.sync());
    ++report_.submissions;
    sender_->send(journal_.submissions().size() - 1, to_hex(j.id), j.expiry_ms, j.signed_bytes);
    sender_->poll(std::chrono::milliseconds(0));
  }

  void settle(std::uint64_t tag, const KnownSubmission& f) {
    const JournalSubmission& sub = journal_.submissions()[tag];
    JournalSettled settled;
    settled.id = sub.id;
    if (f.status == SubmissionStatus::kExpired ||
        (f.status == SubmissionStatus::kTooLongAgo && is_guarded())) {
      settled.expired = true;
      expired_ = true;
      return journal_ok(journal_.add(settled));
    }
    settled.height = f.height;
    if (f.outcomes.size() != sub.rows.size()) report_.unknown += sub.rows.size();
    if (f.status == SubmissionStatus::kTooLongAgo) {
      for (const std::uint64_t row : sub.rows) {
        settled.refused.push_back({row, std::string(kFateUnknown)});
        refused_now_.insert(row);
      }
    }
    std::optional<ledger::Submission> entries;  // decoded where one is looked at
    for (std::size_t i = 0; i < f.outcomes.size() && i < sub.rows.size(); ++i) {
      const EntryOutcome& e = f.outcomes[i];
      if (e.ok) {
        ++settled.accepted;
        continue;
      }
      RefusedRow r{sub.rows[i], e.refusal, e.field, e.message};
      if (means_present(e.refusal)) {
        if (!entries) entries = decode<ledger::Submission>(sub.signed_bytes).value();
        compare(r, entries->entries.at(i));
      }
      settled.refused.push_back({r.row, r.code});
      note_refusal(std::move(r));
    }
    report_.added += settled.accepted;
    done_ += sub.rows.size();
    journal_ok(journal_.add(settled));
    progress_.update(done_);
  }

  // The ledger itself refuses such a row where it has it. Then rows are signed anew even where
  // it can no longer be determined whether the expired submission had committed.
  [[nodiscard]] bool is_guarded() const { return options_.kind != "attestation-status"; }

  // Makes the refusal a conflict where the ledger has something else in the row's place.
  void compare(RefusedRow& r, const ledger::Entry& entry) {
    if (session_.options.no_verify || compared_ >= kMaxCompared) {
      ++report_.not_compared;
      return;
    }
    ++compared_;
    const auto agency = chain::retag<ledger::AgencyId>(author_.id);
    OnLedger there = compare_with_ledger(session_, entry, agency, r.code);
    if (there.withdrawn && !there.conflict) ++report_.withdrawn;
    if (there.conflict) {
      r.code = kConflict;
      r.message = std::move(*there.conflict);
      r.field.clear();
    }
  }

  void note_refusal(RefusedRow r) {
    if (means_present(r.code)) {
      ++report_.present;
      return;
    }
    refused_now_.insert(r.row);
    ++(r.code == kConflict ? report_.conflicts : report_.refused);
    if (report_.refusals.size() < kShownProblems) report_.refusals.push_back(std::move(r));
  }

  ImportReport finish() {
    journal_ok(journal_.sync());
    if (report_.submissions > 0 || !open_.empty()) progress_.finish();
    report_.elapsed_ms = progress_.elapsed_ms();
    return std::move(report_);
  }

  Session& session_;
  const Author& author_;
  const ImportOptions& options_;
  const RowMapper& mapper_;
  const CheckReport& check_;
  Journal journal_;
  Progress progress_;
  std::optional<Sender> sender_;
  std::vector<std::size_t> open_;
  std::vector<ledger::Entry> entries_;
  std::vector<std::uint64_t> rows_;
  std::size_t bytes_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t compared_ = 0;
  std::set<std::uint64_t> refused_now_;
  bool expired_ = false;
  ImportReport report_;
};

}  // namespace

ImportReport import_file(Session& s, const Author& author, const ImportOptions& o,
                         const RowMapper& mapper, const CheckReport& check) {
  JournalHeader header;
  header.genesis = s.genesis_id();
  header.author = chain::retag<Hash256>(author.id);
  header.kind = o.kind;
  header.content = check.content;
  header.rows = check.good;
  const std::filesystem::path path = journal_path(s, header);
  std::error_code ec;
  std::filesystem::create_directories(path.parent_path(), ec);
  auto journal = Journal::open(path.string(), header);
  if (!journal) fail(ExitCode::kLocal, "journal", describe(journal.error()));
  return Run(s, author, o, mapper, check, std::move(*journal)).run();
}

void show_import(Session& s, const ImportOptions& o, const ImportReport& r) {
  json::array refusals;
  for (const RefusedRow& x : r.refusals) {
    json::object one{{"row", x.row}, {"refusal", x.code}};
    if (!x.field.empty()) one["field"] = x.field;
    if (!x.message.empty()) one["message"] = x.message;
    refusals.push_back(std::move(one));
  }
  s.out().emit(json::object{{"file", o.name.empty() ? o.file : o.name},
                            {"kind", o.kind},
                            {"rows", r.rows},
                            {"added", r.added},
                            {"already_imported", r.before},
                            {"already_on_ledger", r.present},
                            {"refused", r.refused},
                            {"conflicts", r.conflicts},
                            {"not_compared", r.not_compared},
                            {"outcome_not_kept", r.unknown},
                            {"submissions", r.submissions},
                            {"elapsed_ms", r.elapsed_ms},
                            {"refusals", refusals}});
  const std::string file = shown_file(o);
  for (const RefusedRow& x : r.refusals) {
    const std::string field = x.field.empty() ? "" : fmt::format(" ({})", x.field);
    const std::string why = x.message.empty() ? "" : ": " + x.message;
    s.out().styled_line(x.code == kConflict ? fmt::format("{}:{}: conflict{}", file, x.row, why)
                                            : fmt::format("{}:{}: the ledger refused it: {}{}{}",
                                                          file, x.row, x.code, field, why),
                        Style::kBad);
  }
  if (const std::uint64_t all = r.refused + r.conflicts; all > r.refusals.size()) {
    s.out().line(fmt::format("... and {} more refusals", grouped(all - r.refusals.size())));
  }
  std::string text = fmt::format("{} of {} rows added", grouped(r.added), grouped(r.rows));
  if (r.before > 0) text += fmt::format(", {} imported by an earlier run", grouped(r.before));
  if (r.present > 0) text += fmt::format(", {} already on the ledger", grouped(r.present));
  if (r.conflicts > 0) {
    text += fmt::format(", {} on the ledger with different content", grouped(r.conflicts));
  }
  if (r.refused > 0) text += fmt::format(", {} refused", grouped(r.refused));
  if (r.unknown > 0)
    text += fmt::format(", {} whose outcome can no longer be determined", grouped(r.unknown));
  s.out().line(fmt::format("{} {}: {}", o.kind, file, text));
  warn_of_withdrawn(s, r.withdrawn);
  if (r.not_compared > 0) {
    s.out().line(fmt::format("{} of the rows already on the ledger were not compared with it",
                             grouped(r.not_compared)));
  }
}

void require_all(const ImportOptions& o, const ImportReport& r) {
  if (r.refused > 0) {
    fail(ExitCode::kRefused, "rows-refused",
         fmt::format("the ledger refused {} rows", grouped(r.refused)),
         "the same command tries them again");
  }
  if (r.conflicts > 0) {
    fail(ExitCode::kRefused, "rows-conflict",
         fmt::format("the ledger has {} rows with different content", grouped(r.conflicts)),
         o.kind == "enterprises" ? "imi enterprise show USCC shows what the ledger has; a "
                                   "registered enterprise is not changed by an import"
                                 : "imi event correct EID, if the file is right");
  }
  if (r.unknown > 0) {
    fail(ExitCode::kRefused, "fate-unknown",
         fmt::format("the outcome of {} rows can no longer be determined", grouped(r.unknown)),
         "check whether the ledger has them before sending them anew");
  }
}

}  // namespace imi::cli
