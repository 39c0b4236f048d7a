// Import of a file: checked whole before anything is sent, then sent in journaled submissions.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/csv.h"
#include "cli/journal.h"
#include "cli/session.h"
#include "cli/write/author.h"
#include "cli/write/dry_run.h"
#include "cli/write/rows.h"

namespace imi::cli {

inline constexpr std::size_t kShownProblems = 50;  // the rest are counted
inline constexpr std::uint64_t kMaxCompared = 1000;

struct ImportOptions {
  std::string kind;
  std::string file;
  std::string name;            // of the file, for people; empty = file
  std::uint32_t batch = 500;   // entries per submission
  std::uint32_t window = 4;    // submissions in flight
  std::uint64_t max_rows = 0;  // 0 = all; else stop after so many good rows
  bool skip_bad_rows = false;
  bool backfill = false;
  bool as_issued = false;
  bool keys_as_given = false;  // though they look rounded
};

struct CheckReport {
  std::uint64_t rows = 0;       // data rows read
  std::uint64_t good = 0;       // of those, rows that make an entry
  std::uint64_t empty = 0;      // sound rows with nothing for this kind
  std::uint64_t repeats = 0;    // rows that say what an earlier row says: sent once
  std::uint64_t present = 0;    // of the good rows, those that are already on the ledger (DryRun)
  std::uint64_t withdrawn = 0;  // of those, events that were withdrawn
  std::uint64_t bad = 0;
  std::uint64_t outcomes = 0;                 // rows with an outcome that this kind does not apply
  std::optional<std::string> rounded_keys;    // KeyColumn: digits were lost
  std::optional<std::string> shortened_keys;  // KeyColumn: leading zeros may be lost
  std::vector<RowError> problems;             // the first kShownProblems
  std::uint64_t all_problems = 0;
  Hash256 content;               // of the file
  std::set<std::uint64_t> left;  // rows not to be sent though they map: repeats and contradictions
};

struct RefusedRow {
  std::uint64_t row = 0;
  std::string code;     // the ledger's refusal, or kConflict
  std::string field;    // of the entry, that it is about; may be empty
  std::string message;  // a sentence; may be empty with --no-verify
};

struct ImportReport {
  std::uint64_t rows = 0;       // rows that make an entry
  std::uint64_t before = 0;     // accepted, or found there, in an earlier run
  std::uint64_t added = 0;      // accepted in this run
  std::uint64_t present = 0;    // the ledger had them already
  std::uint64_t withdrawn = 0;  // of those that were compared, events that were withdrawn
  std::uint64_t refused = 0;    // tried again by the next run
  // Of the rows that were already on the ledger: those with different content there. Of the first
  // kMaxCompared only; the others were not compared.
  std::uint64_t conflicts = 0;
  std::uint64_t not_compared = 0;
  std::uint64_t unknown = 0;  // committed; their outcomes are no longer kept by the nodes
  std::uint64_t submissions = 0;
  std::int64_t elapsed_ms = 0;
  std::vector<RefusedRow> refusals;  // refused and in conflict: the first kShownProblems
};

// The rules to check by: those of an entry's own fields, and with a dry run all others too.
struct CheckRules {
  const ledger::Policy& policy;
  DryRun* dry_run = nullptr;
  ledger::AgencyId agency;     // of the dry run
  bool subjects_only = false;  // of the dry run, only whether an event is about a row's enterprise
};

// Reads the whole file. Throws Failure only where it cannot be read at all.
[[nodiscard]] CheckReport check_file(Session& session, const ImportOptions& options,
                                     const RowMapper& mapper, const CheckRules& rules);
// The file, opened. Throws Failure.
[[nodiscard]] RecordReader open_import(const ImportOptions& options, const RowMapper& mapper);
[[nodiscard]] std::string shown_file(const ImportOptions& options);
void warn_of_withdrawn(Session& session, std::uint64_t rows);
// Prints the problems of a report, as FILE:row:column.
void show_problems(Session& session, const ImportOptions& options, const CheckReport& report);

// Sends what the journal does not have yet. Throws Failure: kInterrupted after Ctrl-C, with the
// journal in a state to go on from.
[[nodiscard]] ImportReport import_file(Session& session, const Author& author,
                                       const ImportOptions& options, const RowMapper& mapper,
                                       const CheckReport& check);
void show_import(Session& session, const ImportOptions& options, const ImportReport& report);
// Throws Failure if the ledger refused rows, has others in their place, or can no longer tell
// what became of them.
void require_all(const ImportOptions& options, const ImportReport& report);

}  // namespace imi::cli
