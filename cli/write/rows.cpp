#include "cli/write/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "cli/text.h"
#include "cli/typed.h"
#include "cli/write/entry_reader.h"

namespace imi::cli {
namespace {

namespace json = boost::json;
using ledger::Entry;
using Columns = std::vector<FieldSpec>;

// The columns of a kind of entry, and those that a file may have beside them.
Columns with(Columns columns, const Columns& more) {
  columns.insert(columns.end(), more.begin(), more.end());
  return columns;
}

// Rows whose columns are the fields of entries, read as those (entry_reader.h).
class ByName : public RowMapper {
 public:
  ByName(Columns fields, const RowOptions& options)
      : fields_(std::move(fields)),
        rules_{options.catalog, options.backfill, options.as_issued},
        agency_(options.agency) {}
  [[nodiscard]] const std::vector<FieldSpec>& fields() const override { return fields_; }
  [[nodiscard]] std::optional<ledger::Uscc> enterprise(const Record& rec) const override {
    if (!find("uscc")) return std::nullopt;
    const json::object given = object(rec);
    const auto code = EntryReader(given, rules_).enterprise_code();
    return code ? std::optional(code->uscc) : std::nullopt;
  }

 protected:
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    const auto it = std::ranges::find(fields_, name, &FieldSpec::name);
    if (it == fields_.end()) return std::nullopt;
    return static_cast<std::size_t>(it - fields_.begin());
  }
  [[nodiscard]] const std::string& value(const Record& r, std::string_view name) const {
    return r.values[find(name).value()];
  }
  [[nodiscard]] json::object object(const Record& rec) const {
    json::object out;
    for (std::size_t i = 0; i < fields_.size(); ++i) out[fields_[i].name] = rec.values[i];
    return out;
  }
  [[nodiscard]] std::vector<FieldProblem> located(const Problems& problems) const {
    std::vector<FieldProblem> out;
    for (const NamedProblem& p : problems.list)
      out.push_back({find(p.field).value_or(0), p.reason});
    return out;
  }
  [[nodiscard]] const ReadRules& rules() const { return rules_; }
  [[nodiscard]] const ledger::AgencyId& agency() const { return agency_; }

 private:
  std::vector<FieldSpec> fields_;
  ReadRules rules_;
  ledger::AgencyId agency_;
};

// Each row is one entry of one kind. `key`: the field that the ledger takes once only.
template <class E>
class OneKind final : public ByName {
 public:
  OneKind(const RowOptions& options, std::string_view key, const Columns& more = {})
      : ByName(with(columns_of<E>(), more), options), key_(key) {}
  [[nodiscard]] std::optional<std::size_t> key() const override {
    return key_.empty() ? std::nullopt : find(key_);
  }
  [[nodiscard]] std::expected<std::optional<Entry>, std::vector<FieldProblem>> map(
      const Record& rec) const override {
    const json::object given = object(rec);
    EntryReader reader(given, rules());
    E entry = reader.template read<E>();
    if (!reader.problems().list.empty()) return std::unexpected(located(reader.problems()));
    return Entry(std::move(entry));
  }

 private:
  std::string_view key_;
};

// Rows of events: each is a record, and where it has an outcome a correction or a withdrawal too,
// which `outcomes` makes of it.
class Events final : public ByName {
 public:
  Events(const RowOptions& options, bool outcomes)
      : ByName(with(columns(), {{"outcome", outcomes}, {"note", false}}), options),
        outcomes_(outcomes) {}

  [[nodiscard]] std::optional<std::size_t> key() const override { return find("source_key"); }
  [[nodiscard]] std::expected<std::optional<Entry>, std::vector<FieldProblem>> map(
      const Record& rec) const override {
    json::object given = object(rec);
    const std::string outcome = typed_word(value(rec, "outcome")).value_or("?");
    // The correction brings the final amount, unless the ledger takes no record without one.
    if (outcome == "correct" && !outcomes_ && !needs_amount(value(rec, "code"))) {
      given["amount_yuan"] = nullptr;
    }
    EntryReader reader(given, rules());
    if (!outcome.empty() && outcome != "pending" && outcome != "correct" && outcome != "withdraw") {
      reader.problems().add("outcome",
                            fmt::format("'{}' is not one of correct, withdraw or pending",
                                        cut(printable(value(rec, "outcome")), 40)));
    }
    auto record = reader.read<ledger::EventRecord>();
    if (!record.source && reader.problems().list.empty()) {
      reader.problems().add("source_key", "is empty");
    }
    if (!reader.problems().list.empty()) return std::unexpected(located(reader.problems()));
    if (!outcomes_) return Entry(std::move(record));
    return change(outcome, std::move(record));
  }
  [[nodiscard]] bool has_outcome(const Record& rec) const override {
    const auto outcome = typed_word(value(rec, "outcome"));
    return !outcomes_ && outcome && (*outcome == "correct" || *outcome == "withdraw");
  }

 private:
  // A file names every event by its source key; an entry need not.
  static Columns columns() {
    Columns out = columns_of<ledger::EventRecord>();
    for (FieldSpec& f : out) f.required |= f.name == "source_key" || f.name == "class";
    return out;
  }
  [[nodiscard]] bool needs_amount(const std::string& code) const {
    const ledger::EventCode* found = rules().catalog->code(typed_word(code).value_or(""));
    return found != nullptr && (found->needs & ledger::kNeedsAmount) != 0;
  }
  [[nodiscard]] std::optional<Entry> change(const std::string& outcome,
                                            ledger::EventRecord record) const {
    const ledger::EventId event = ledger::event_id(agency(), ledger::key_of(*record.source));
    if (outcome == "correct") {
      return Entry(ledger::EventCorrect{event, ledger::Version(1), std::move(record.facts),
                                        ledger::ChangeReason::kFinalDecision});
    }
    if (outcome == "withdraw") {
      return Entry(
          ledger::EventWithdraw{event, ledger::Version(1), ledger::ChangeReason::kRevoked});
    }
    return std::nullopt;
  }

  bool outcomes_;
};

}  // namespace

const std::vector<std::string>& row_kinds() {
  static const std::vector<std::string> kinds = {"enterprises", "events", "event-outcomes",
                                                 "attestation-status"};
  return kinds;
}

std::unique_ptr<RowMapper> make_mapper(std::string_view kind, const RowOptions& options) {
  if (kind == "enterprises") {
    return std::make_unique<OneKind<ledger::SubjectEnterprise>>(options, "uscc",
                                                                Columns{{"established_id", false}});
  }
  if (kind == "events") return std::make_unique<Events>(options, false);
  if (kind == "event-outcomes") return std::make_unique<Events>(options, true);
  if (kind == "attestation-status") {
    return std::make_unique<OneKind<ledger::AttStatus>>(options, "");
  }
  return nullptr;
}

}  // namespace imi::cli
