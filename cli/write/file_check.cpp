#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <tuple>
#include <unordered_map>

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/typed.h"
#include "cli/write/compare.h"
#include "cli/write/import.h"
#include "cli/write/key_column.h"
#include "cli/write/sender.h"
#include "crypto/hash.h"
#include "ledger/core/calendar.h"

namespace imi::cli {
namespace {

Hash256 content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  crypto::Hasher h(crypto::Domain::kPayload);
  std::vector<char> buffer(1U << 18);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    h.add(as_bytes({buffer.data(), static_cast<std::size_t>(in.gcount())}));
  }
  return h.finish();
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

// What it says, except for the spelling of its key.
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

constexpr std::size_t kDryRunRows = 256;

// One look at a file: rows -> entries -> the fields' rules -> repeats -> the ledger's rules.
class FileCheck {
 public:
  FileCheck(Session& s, const ImportOptions& o, const RowMapper& mapper, const CheckRules& rules)
      : session_(s),
        options_(o),
        mapper_(mapper),
        rules_(rules),
        reader_(open_import(o, mapper)),
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
    report_.rounded_keys = keys_.rounded();
    report_.shortened_keys = keys_.shortened();
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
      if (auto why = no_record(record)) return problem({record.row, 0, {}, std::move(*why)});
      for (FieldProblem& p : entry.error()) {
        problem(reader_.error(record, p.field, std::move(p.reason)));
      }
      return;
    }
    note_key(record);
    if (mapper_.has_outcome(record)) ++report_.outcomes;
    if (!*entry) {
      ++report_.empty;
      return;
    }
    const ledger::Day today = ledger::day_of(chain::TimeMs(now_));
    if (auto ok = ledger::check_fields(**entry, rules_.policy, today); !ok) {
      return refused(record, ok.error());
    }
    if (!is_first(record, **entry)) return;
    DryRun::Item item{std::move(**entry), mapper_.enterprise(record)};
    // The entry names the event alone, so the ledger cannot know whom the row means.
    if (rules_.dry_run != nullptr && rules_.dry_run->is_of_another(item)) {
      ++report_.bad;
      report_.left.insert(record.row);
      return problem(reader_.error(record, mapper_.key().value_or(0),
                                   "the event recorded under it is about another enterprise: the "
                                   "key or the code is wrong"));
    }
    ++report_.good;
    if (rules_.dry_run == nullptr || rules_.subjects_only) return;
    items_.push_back(std::move(item));
    records_.push_back(record);
    if (items_.size() == kDryRunRows) ask_ledger();
  }

  // Why a row that does not map is no record at all: told once, not for each of its fields.
  [[nodiscard]] std::optional<std::string> no_record(const Record& record) const {
    std::vector<std::string> missing;
    std::size_t required = 0;
    std::size_t named = 0;
    std::size_t filled = 0;
    const auto& fields = mapper_.fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const std::string& value = record.values[i];
      const bool blank = is_blank(value);
      if (!blank) ++filled;
      if (value == fields[i].name) ++named;
      if (!fields[i].required || fields[i].name == "class") continue;
      ++required;
      if (blank) missing.push_back(fields[i].name);
    }
    if (named > 1 && named == filled) return "the row repeats the header: delete it";
    if (missing.size() * 2 <= required) return std::nullopt;
    return fmt::format("{} are empty: if the row is a total or a note, delete it", joined(missing));
  }

  // Of a column that people number by: not the codes, which have their own check.
  void note_key(const Record& record) {
    const auto key = mapper_.key();
    if (!key || mapper_.fields()[*key].name != "source_key") return;
    if (const auto text = typed_source(record.values[*key])) keys_.note(record.row, *text);
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
      OnLedger there = compare_with_ledger(session_, items_[i].entry, rules_.agency, code);
      if (!there.conflict) {
        if (there.withdrawn) ++report_.withdrawn;
        continue;
      }
      --report_.good;
      --report_.present;
      ++report_.bad;
      problem(reader_.error(records_[i], mapper_.key().value_or(0), std::move(*there.conflict)));
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
  KeyColumn keys_;
  std::vector<DryRun::Item> items_;  // not asked about yet
  std::vector<Record> records_;      // their rows
  CheckReport report_;
};

}  // namespace

RecordReader open_import(const ImportOptions& o, const RowMapper& mapper) {
  auto reader = RecordReader::open(o.file, mapper.fields());
  if (!reader) {
    const std::string name = o.name.empty() ? o.file : o.name;
    const std::string what = describe(reader.error());
    const bool names_it = reader.error().row == 0 && what.find(name) != std::string::npos;
    throw Failure{ExitCode::kBadInput,
                  names_it ? what : fmt::format("{}: {}", name, what),
                  // Of a file that is no table, the columns are not what is wrong.
                  reader.error().row == 0
                      ? std::string()
                      : fmt::format("imi import {} --help shows the columns", o.kind),
                  "bad-file",
                  {{"row", reader.error().row}, {"column", reader.error().column}}};
  }
  return std::move(*reader);
}

std::string shown_file(const ImportOptions& o) {
  return o.name.empty() ? std::filesystem::path(o.file).filename().string() : o.name;
}

CheckReport check_file(Session& s, const ImportOptions& o, const RowMapper& mapper,
                       const CheckRules& rules) {
  return FileCheck(s, o, mapper, rules).run();
}

void warn_of_withdrawn(Session& s, std::uint64_t rows) {
  if (rows == 0) return;
  s.out().warn(
      fmt::format("{} of the rows that are already on the ledger were withdrawn there and "
                  "do not count; to record one anew, give it a different source key",
                  grouped(rows)));
}

void show_problems(Session& s, const ImportOptions& o, const CheckReport& r) {
  const std::string file = shown_file(o);
  for (const RowError& e : r.problems) {
    const std::string column = e.column_name.empty() ? "" : fmt::format(" {}:", e.column_name);
    const std::string place = e.column == 0 ? "" : fmt::format("{}:", e.column);
    s.out().line(fmt::format("{}:{}:{}{} {}", file, e.row, place, column, e.reason));
  }
  if (r.all_problems > r.problems.size()) {
    s.out().line(
        fmt::format("... and {} more problems", grouped(r.all_problems - r.problems.size())));
  }
}

}  // namespace imi::cli
