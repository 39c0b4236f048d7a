#include "cli/write/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/read/verified.h"
#include "cli/write/sender.h"
#include "crypto/hash.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

constexpr std::size_t kMaxBatchBytes = 1U << 20;

Hash256 content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  crypto::Hasher h(crypto::Domain::kPayload);
  std::vector<char> buffer(1U << 18);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    h.add(as_bytes({buffer.data(), static_cast<std::size_t>(in.gcount())}));
  }
  return h.finish();
}

RecordReader open_file(const ImportOptions& o, const RowMapper& mapper) {
  auto reader = RecordReader::open(o.file, mapper.fields());
  if (!reader) {
    throw Failure{ExitCode::kBadInput,
                  fmt::format("{}: {}", o.file, describe(reader.error())),
                  fmt::format("imi import {} --help shows the columns", o.kind),
                  "bad-file",
                  {{"row", reader.error().row}, {"column", reader.error().column}}};
  }
  return std::move(*reader);
}

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
                    [this](std::uint64_t tag, const Fate& f) { settle(tag, f); });
    try {
      resend_open();
      send_rows();
      drain();
      // Rows of submissions that expired on the way (a long outage): signed anew, in another pass.
      while (!expired_.empty()) {
        settle_expired();
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
        done_ += sub.rows.size();
        report_.before += sub.rows.size();
      }
    }
    if (done_ < check_.good || !open_.empty()) progress_.update(done_);
  }

  void resend_open() {
    if (open_.empty()) return;
    session_.out().note(
        fmt::format("going on: {} submissions of an earlier run have no known outcome; "
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
    RecordReader reader = open_file(options_, mapper_);
    Record record;
    while (true) {
      auto more = reader.next(record);
      if (more && !*more) break;
      if (!more) {
        if (more.error().fatal) break;
        continue;  // reported by the check
      }
      auto entry = mapper_.map(record);
      if (!entry || !*entry || journal_.covers(record.row)) continue;
      bytes_ += encode(**entry).size();
      entries_.push_back(std::move(**entry));
      rows_.push_back(record.row);
      if (entries_.size() >= options_.batch || bytes_ >= kMaxBatchBytes) send_batch();
    }
    if (!entries_.empty()) send_batch();
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

  void settle(std::uint64_t tag, const Fate& f) {
    if (f.kind == Fate::Kind::kExpired) return expired_.push_back(tag);
    const JournalSubmission& sub = journal_.submissions()[tag];
    JournalSettled settled;
    settled.id = sub.id;
    settled.height = f.height;
    highest_ = std::max(highest_, f.height);
    if (f.outcomes.size() != sub.rows.size()) report_.unknown += sub.rows.size();
    for (std::size_t i = 0; i < f.outcomes.size() && i < sub.rows.size(); ++i) {
      const EntryOutcome& e = f.outcomes[i];
      if (e.ok) {
        ++settled.accepted;
      } else {
        settled.refused.push_back({sub.rows[i], e.refusal});
        note_refusal(settled.refused.back());
      }
    }
    report_.added += settled.accepted;
    done_ += sub.rows.size();
    journal_ok(journal_.add(settled));
    progress_.update(done_);
  }

  // Rows are signed anew only where it is proved that what had them will never commit. Of any other
  // a node was wrong: the same bytes are sent again.
  void settle_expired() {
    for (const std::uint64_t tag : std::exchange(expired_, {})) {
      const JournalSubmission sub = journal_.submissions()[tag];
      if (is_proved_expired(session_, sub.id, sub.expiry_ms)) {
        JournalSettled settled;
        settled.id = sub.id;
        settled.expired = true;
        journal_ok(journal_.add(settled));
      } else {
        wait_for_room();
        sender_->send(tag, to_hex(sub.id), sub.expiry_ms, sub.signed_bytes);
      }
    }
  }

  void note_refusal(const RowRefusal& r) {
    if (means_present(r.code)) {
      ++report_.present;
      return;
    }
    ++report_.refused;
    if (report_.refusals.size() < kShownProblems) report_.refusals.push_back(r);
  }

  ImportReport finish() {
    journal_ok(journal_.sync());
    if (report_.submissions > 0 || !open_.empty()) progress_.finish();
    report_.elapsed_ms = progress_.elapsed_ms();
    if (highest_ > 0 && !session_.options.no_verify) reach_height(session_, highest_);
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
  std::uint64_t highest_ = 0;           // block that settled something in this run
  std::vector<std::uint64_t> expired_;  // tags of which a node said so
  ImportReport report_;
};

}  // namespace

bool means_present(std::string_view refusal) {
  // What the ledger says of an entry that is there already, kind by kind (refusal.h).
  return refusal == "duplicate-source" || refusal == "already-registered" ||
         refusal == "superseded" || refusal == "withdrawn" || refusal == "already-revoked" ||
         refusal == "duplicate";
}

CheckReport check_file(Session& s, const ImportOptions& o, const RowMapper& mapper) {
  CheckReport report;
  RecordReader reader = open_file(o, mapper);
  std::error_code ec;
  const auto size = std::filesystem::file_size(o.file, ec);
  Progress progress("check", ec ? 0 : size, s.out().err(),
                    s.out().json() || s.out().quiet() || size < (4U << 20));
  const auto problem = [&](RowError e) {
    ++report.all_problems;
    if (report.problems.size() < kShownProblems) report.problems.push_back(std::move(e));
  };
  Record record;
  while (true) {
    if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted; nothing was sent");
    auto more = reader.next(record);
    if (more && !*more) break;
    ++report.rows;
    progress.update(reader.offset());
    if (!more) {
      ++report.bad;
      const bool fatal = more.error().fatal;
      problem(std::move(more.error()));
      if (fatal) break;
      continue;
    }
    auto entry = mapper.map(record);
    if (!entry) {
      ++report.bad;
      for (FieldProblem& p : entry.error())
        problem(reader.error(record, p.field, std::move(p.reason)));
    } else {
      ++(*entry ? report.good : report.empty);
    }
  }
  report.content = content_of(o.file);
  return report;
}

void show_problems(Session& s, const ImportOptions& o, const CheckReport& r) {
  const std::string file = std::filesystem::path(o.file).filename().string();
  for (const RowError& e : r.problems) {
    const std::string column = e.column_name.empty() ? "" : fmt::format(" {}:", e.column_name);
    s.out().line(fmt::format("{}:{}:{}:{} {}", file, e.row, e.column, column, e.reason));
  }
  if (r.all_problems > r.problems.size()) {
    s.out().line(
        fmt::format("... and {} more problems", grouped(r.all_problems - r.problems.size())));
  }
}

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
  for (const RowRefusal& x : r.refusals)
    refusals.push_back(json::object{{"row", x.row}, {"refusal", x.code}});
  s.out().emit(json::object{{"file", o.file},
                            {"kind", o.kind},
                            {"rows", r.rows},
                            {"added", r.added},
                            {"already_imported", r.before},
                            {"already_on_ledger", r.present},
                            {"refused", r.refused},
                            {"outcome_not_kept", r.unknown},
                            {"submissions", r.submissions},
                            {"elapsed_ms", r.elapsed_ms},
                            {"refusals", refusals}});
  const std::string file = std::filesystem::path(o.file).filename().string();
  for (const RowRefusal& x : r.refusals) {
    s.out().styled_line(fmt::format("{}:{}: the ledger refused it: {}", file, x.row, x.code),
                        Style::kBad);
  }
  if (r.refused > r.refusals.size()) {
    s.out().line(fmt::format("... and {} more refusals", grouped(r.refused - r.refusals.size())));
  }
  std::string text = fmt::format("{} of {} rows added", grouped(r.added), grouped(r.rows));
  if (r.before > 0) text += fmt::format(", {} imported by an earlier run", grouped(r.before));
  if (r.present > 0) text += fmt::format(", {} on the ledger already", grouped(r.present));
  if (r.refused > 0) text += fmt::format(", {} refused", grouped(r.refused));
  if (r.unknown > 0)
    text += fmt::format(", {} committed earlier (outcomes no longer kept)", grouped(r.unknown));
  s.out().line(fmt::format("{} {}: {}", o.kind, file, text));
}

}  // namespace imi::cli
