// From a row of a file to an entry: every field checked as far as it can be without the ledger's
// state, each problem with its column, all problems of a row at once.
//
// Kinds of rows, with their columns in docs/CLI.md: `enterprises`, `events`, `event-outcomes` (the
// same file: rows whose outcome is `correct` or `withdraw` become corrections and withdrawals of
// the events that `events` recorded) and `attestation-status`. Where a row's outcome is `correct`,
// its amount is the final one: `events` records the event without it and `event-outcomes` corrects
// it. Pure; no state.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/records.h"
#include "ledger/core/catalog.h"
#include "ledger/submission/entry.h"

namespace imi::cli {

struct FieldProblem {
  std::size_t field = 0;  // index into fields()
  std::string reason;
};

struct RowOptions {
  const ledger::Catalog* catalog = nullptr;  // outlives the mapper
  ledger::AgencyId agency;                   // who records: names events together with source_key
  bool backfill = false;                     // default of the column
  bool as_issued = false;                    // default of the column, for codes that do not fit
};

class RowMapper {
 public:
  virtual ~RowMapper() = default;
  [[nodiscard]] virtual const std::vector<FieldSpec>& fields() const = 0;
  // The field that the ledger knows a row by, so that it takes each value once only: source_key,
  // uscc; none where rows with the same one follow each other.
  [[nodiscard]] virtual std::optional<std::size_t> key() const { return std::nullopt; }
  // The enterprise that a row is about; none where its code is not valid, or the kind has none.
  [[nodiscard]] virtual std::optional<ledger::Uscc> enterprise(const Record&) const {
    return std::nullopt;
  }
  // True for a row with an outcome (correct, withdraw) that this kind does not apply.
  [[nodiscard]] virtual bool has_outcome(const Record&) const { return false; }
  // No entry: the row is sound and has nothing for this kind (an event without an outcome).
  [[nodiscard]] virtual std::expected<std::optional<ledger::Entry>, std::vector<FieldProblem>> map(
      const Record& record) const = 0;
};

[[nodiscard]] const std::vector<std::string>& row_kinds();
// Null for a kind that is not in row_kinds().
[[nodiscard]] std::unique_ptr<RowMapper> make_mapper(std::string_view kind,
                                                     const RowOptions& options);

}  // namespace imi::cli
