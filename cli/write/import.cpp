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
#include "ledger/calendar.h"
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
                  fmt::format("{}: {}", o.name.empty() ? o.file : o.name, describe(reader.error())),
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

// What the ledger knows an entry by, whatever the spelling of the row.
std::string ledger_key(const ledger::Entry& entry) {
  if (const auto* e = std::get_if<ledger::SubjectEnterprise>(&entry)) return ledger::text(e->uscc);
  if (const auto* e = std::get_if<ledger::EventRecord>(&entry); e != nullptr && e->source) {
    return to_hex(ledger::key_of(*e->source));
  }
  if (const auto* e = std::get_if<ledger::EventCorrect>(&entry)) return to_hex(e->event);
  if (const auto* e = std::get_if<ledger::EventWithdraw>(&entry)) return to_hex(e->event);
  return {};
}

// What it says, except the spelling of its key.
Hash256 content_hash(ledger::Entry entry) {
  if (auto* e = std::get_if<ledger::EventRecord>(&entry)) e->source.reset();
  return crypto::hash(crypto::Domain::kPayload, encode(entry));
}

// Rows by what the ledger knows them by: the first of each, to find repeats and contradictions.
class KeysSeen {
 public:
  struct First {
    std::uint64_t row = 0;
    bool same = true;
  };
  First note(std::uint64_t row, const ledger::Entry& entry) {
    const Hash256 content = content_hash(entry);
    const auto [it, fresh] = rows_.try_emplace(ledger_key(entry), row, content);
    return {it->second.first, fresh || it->second.second == content};
  }

 private:
  std::unordered_map<std::string, std::pair<std::uint64_t, Hash256>> rows_;
};

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

  void settle(std::uint64_t tag, const Fate& f) {
    const JournalSubmission& sub = journal_.submissions()[tag];
    JournalSettled settled;
    settled.id = sub.id;
    if (f.kind == Fate::Kind::kExpired || (f.kind == Fate::Kind::kTooLongAgo && is_guarded())) {
      settled.expired = true;
      expired_ = true;
      return journal_ok(journal_.add(settled));
    }
    settled.height = f.height;
    if (f.outcomes.size() != sub.rows.size()) report_.unknown += sub.rows.size();
    if (f.kind == Fate::Kind::kTooLongAgo) {
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
    if (auto why = conflict_with_ledger(session_, entry, agency, r.code)) {
      r.code = kConflict;
      r.message = std::move(*why);
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

namespace {

constexpr std::size_t kDryRunRows = 256;

// One look at a file: rows -> entries -> the fields' rules -> repeats -> the ledger's rules.
class FileCheck {
 public:
  FileCheck(Session& s, const ImportOptions& o, const RowMapper& mapper, const CheckRules& rules)
      : session_(s),
        options_(o),
        mapper_(mapper),
        rules_(rules),
        reader_(open_file(o, mapper)),
        now_(s.now_ms()) {}

  CheckReport run() {
    std::error_code ec;
    const auto size = std::filesystem::file_size(options_.file, ec);
    Progress progress("check", ec ? 0 : size, session_.out().err(),
                      session_.out().json() || session_.out().quiet() ||
                          (size < (4U << 20) && rules_.dry_run == nullptr));
    Record record;
    while (true) {
      if (interrupted()) {
        fail(ExitCode::kInterrupted, "interrupted", "interrupted; nothing was sent");
      }
      auto more = reader_.next(record);
      if (more && !*more) break;
      ++report_.rows;
      progress.update(reader_.offset());
      if (more) {
        row(record);
        continue;
      }
      ++report_.bad;
      const bool fatal = more.error().fatal;
      problem(std::move(more.error()));
      if (fatal) break;
    }
    ask_ledger();
    // Not stable_sort: clang warns of what libstdc++ 12 uses for it.
    std::ranges::sort(report_.problems, {},
                      [](const RowError& e) { return std::tie(e.row, e.column); });
    report_.content = content_of(options_.file);
    return std::move(report_);
  }

 private:
  void problem(RowError e) {
    ++report_.all_problems;
    if (report_.problems.size() < kShownProblems) report_.problems.push_back(std::move(e));
  }
  // The field of a refusal, as the columns name it; the key's where no column has it.
  [[nodiscard]] std::size_t column_of(const ledger::Refusal& r) const {
    std::string name(ledger::name(r.field));
    if (name == "amount") name = "amount_yuan";
    if (name == "rule") name = "class";
    if (name == "subject" || r.code == ledger::RefusalCode::kUsccInvalid) name = "uscc";
    const auto& fields = mapper_.fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name == name) return i;
    }
    return mapper_.key().value_or(0);
  }
  void refused(const Record& record, const ledger::Refusal& r) {
    ++report_.bad;
    problem(reader_.error(record, column_of(r), ledger::describe(r)));
  }

  void row(const Record& record) {
    auto entry = mapper_.map(record);
    if (!entry) {
      ++report_.bad;
      for (FieldProblem& p : entry.error()) {
        problem(reader_.error(record, p.field, std::move(p.reason)));
      }
      return;
    }
    if (!*entry) {
      ++report_.empty;
      return;
    }
    const ledger::Day today = ledger::day_of(chain::TimeMs(now_));
    if (auto ok = ledger::check_fields(**entry, rules_.policy, today); !ok) {
      return refused(record, ok.error());
    }
    if (!is_first(record, **entry)) return;
    ++report_.good;
    if (rules_.dry_run == nullptr) return;
    DryRun::Item item{std::move(**entry), mapper_.enterprise(record)};
    if (rules_.dry_run->is_of_another(item)) {
      --report_.good;
      ++report_.bad;
      return problem(reader_.error(record, mapper_.key().value_or(0),
                                   "the event recorded under it is about another enterprise"));
    }
    items_.push_back(std::move(item));
    records_.push_back(record);
    if (items_.size() == kDryRunRows) ask_ledger();
  }

  // False for a row whose key an earlier row has.
  bool is_first(const Record& record, const ledger::Entry& entry) {
    const auto key = mapper_.key();
    if (!key) return true;
    const auto first = seen_.note(record.row, entry);
    if (first.row == record.row) return true;
    report_.left.insert(record.row);
    if (first.same) {
      ++report_.repeats;
      return false;
    }
    ++report_.bad;
    problem(reader_.error(record, *key,
                          fmt::format("row {} has the same one with different content: one of the "
                                      "two is wrong",
                                      first.row)));
    return false;
  }

  void ask_ledger() {
    if (items_.empty()) return;
    const auto refusals = rules_.dry_run->run(items_, chain::TimeMs(now_));
    for (std::size_t i = 0; i < refusals.size(); ++i) {
      if (!refusals[i]) continue;
      const std::string_view code = ledger::name(refusals[i]->code);
      if (!means_present(code)) {
        --report_.good;
        refused(records_[i], *refusals[i]);
        continue;
      }
      ++report_.present;
      if (report_.present > kMaxCompared) continue;
      auto why = conflict_with_ledger(session_, items_[i].entry, rules_.agency, code);
      if (!why) continue;
      --report_.good;
      --report_.present;
      ++report_.bad;
      problem(reader_.error(records_[i], mapper_.key().value_or(0), std::move(*why)));
    }
    items_.clear();
    records_.clear();
  }

  Session& session_;
  const ImportOptions& options_;
  const RowMapper& mapper_;
  const CheckRules& rules_;
  RecordReader reader_;
  std::int64_t now_;
  KeysSeen seen_;
  std::vector<DryRun::Item> items_;  // not asked about yet
  std::vector<Record> records_;      // their rows
  CheckReport report_;
};

std::string file_name(const ImportOptions& o) {
  return o.name.empty() ? std::filesystem::path(o.file).filename().string() : o.name;
}

}  // namespace

CheckReport check_file(Session& s, const ImportOptions& o, const RowMapper& mapper,
                       const CheckRules& rules) {
  return FileCheck(s, o, mapper, rules).run();
}

void show_problems(Session& s, const ImportOptions& o, const CheckReport& r) {
  const std::string file = file_name(o);
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
  const std::string file = file_name(o);
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
