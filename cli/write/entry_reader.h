// From the fields that a person gave, by name, to an entry: what JSON entries, rows of files and
// options of commands have in common. Which fields there are, the entry says itself (each_field());
// how a value of each type is written, entry_values.h. Every field is checked as far as it can be
// without the ledger's state.
//
// Two things are written in another way than they are recorded: the facts of an event by the texts
// of event_facts.h, and the subject of public facts by its `uscc`. What is public is about an
// enterprise, which its code names; a bare id may be a person's, and what is sent cannot be taken
// back.
#pragma once

#include <boost/json/object.hpp>
#include <set>

#include "cli/records.h"
#include "cli/write/entry_values.h"
#include "cli/write/event_facts.h"
#include "ledger/submission/entry.h"

namespace imi::cli {

struct ReadRules {
  const ledger::Catalog* catalog = nullptr;  // outlives the reader; null: the kind needs none
  bool backfill = false;                     // where no field says so
  bool as_issued = false;                    // where no field says so, for codes that do not fit
};

class EntryReader {
 public:
  // `given`: text, numbers, lists by field; null and absent are the same. Outlives the reader.
  EntryReader(const boost::json::object& given, const ReadRules& rules);

  template <ledger::EntryDescription E>
  [[nodiscard]] E read() {
    E entry;
    // One that names an enterprise that is registered has no say in how its code was issued.
    if constexpr (std::is_same_v<E, ledger::EnterpriseUpdate>) rules_.as_issued = true;
    entry.each_field(*this);
    complete(entry);
    return entry;
  }
  // Called by each_field().
  template <class T, class... Notes>
  void operator()(std::string_view name, T& value, const Notes&... notes) {
    if constexpr (std::is_same_v<T, ledger::EventFacts>) {
      read_special(name, value);
    } else if constexpr (HasFields<T>) {
      value.each_field(*this);
    } else if constexpr (kIsOptional<T>) {
      if (has(name)) read_value(name, value.emplace(), notes...);
    } else {
      const bool may_be_omitted = note_of<MayBeOmitted>(notes...).has_value();
      if (may_be_omitted && !has(name) && name != "as_issued") return;
      read_value(name, value, notes...);
    }
  }

  // The enterprise's code, with what was said of its check character.
  [[nodiscard]] std::optional<EnterpriseCode> enterprise_code();
  // Notes every field that nobody asked for, so that no misspelt one goes unnoticed.
  void refuse_unused();
  [[nodiscard]] Problems& problems() { return problems_; }

 private:
  [[nodiscard]] const boost::json::value* find(std::string_view name);
  [[nodiscard]] bool has(std::string_view name) { return find(name) != nullptr; }
  // The text of a field; nullopt, with the problem noted, where there is none.
  [[nodiscard]] std::optional<std::string> text(std::string_view name);
  [[nodiscard]] EventTexts event_texts();

  template <class T, class... Notes>
  void read_value(std::string_view name, T& value, const Notes&... notes) {
    if constexpr (requires { list_value(*find(name), value, rules_.catalog); }) {
      if (const auto* v = required(name)) {
        note(name, list_value(*v, value, rules_.catalog));
      }
    } else if constexpr (std::is_same_v<T, ledger::SubjectId>) {
      read_special(name, value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      read_string(name, value, note_of<Size>(notes...).value_or(Size{}));
    } else if constexpr (requires { text_value(std::string_view(), value, rules_.catalog); }) {
      if (const auto t = text(name)) note(name, text_value(*t, value, rules_.catalog));
    } else {
      read_special(name, value);
    }
  }
  // Types that are read together with other fields.
  void read_special(std::string_view name, ledger::EventFacts& facts);
  void read_special(std::string_view name, ledger::SubjectId& subject);
  void read_special(std::string_view name, ledger::Uscc& uscc);
  void read_special(std::string_view name, bool& flag);
  void read_string(std::string_view name, std::string& value, Size size);

  [[nodiscard]] const boost::json::value* required(std::string_view name);
  void note(std::string_view name, const std::expected<void, std::string>& result) {
    if (!result) problems_.add(name, result.error());
  }
  // What follows from other fields where it is not given.
  template <class E>
  void complete(E&) {}
  void complete(ledger::AgencyRegister& entry);

  const boost::json::object& given_;
  ReadRules rules_;
  std::set<std::string, std::less<>> used_;
  bool as_issued_ = false;  // of the code that was read last
  Problems problems_;
};

// The columns of a file of entries of one kind, in the order of its fields.
template <ledger::EntryDescription E>
[[nodiscard]] std::vector<FieldSpec> columns_of();

namespace entry_reader_detail {
struct Columns {
  std::vector<FieldSpec> list;
  template <class T, class... Notes>
  void operator()(std::string_view name, T& value, const Notes&... notes) {
    if constexpr (std::is_same_v<T, ledger::EventFacts>) {
      for (const FactField& f : kFactFields) list.push_back({std::string(f.name), f.required});
    } else if constexpr (std::is_same_v<T, ledger::SubjectId>) {
      if (name != "subject") {
        list.push_back({std::string(name), true});
      } else {
        list.push_back({"uscc", true});
        list.push_back({"as_issued", false});
      }
    } else if constexpr (HasFields<T>) {
      value.each_field(*this);
    } else {
      list.push_back({std::string(name), !kIsOptional<T> && !note_of<MayBeOmitted>(notes...)});
    }
  }
};
}  // namespace entry_reader_detail

template <ledger::EntryDescription E>
std::vector<FieldSpec> columns_of() {
  entry_reader_detail::Columns columns;
  E entry;
  entry.each_field(columns);
  return std::move(columns.list);
}

}  // namespace imi::cli
