// The options of a command that writes one entry, from the fields of the entry itself: one option
// per field, `--sole-trader` of `sole_trader`, with the field's help. What they were given is read
// as the entries of `imi submit` are (write/entry_reader.h).
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands/write_options.h"
#include "cli/write/author.h"
#include "cli/write/entry_reader.h"

namespace imi::cli {

// How a command differs from one option per field.
struct OptionRules {
  std::string_view positional;  // the field that is given without a name: "uscc"
  bool all_facts = true;        // facts that a new event needs are required
  // A field that the command finds out where it is not given.
  std::string_view found_out{};
  // A field that the command itself stands for, and its value.
  std::string_view fixed_field{};
  std::string fixed_value{};
};

class EntryOptions {
 public:
  // Adds the options to `command`; this object outlives it.
  template <ledger::EntryDescription E>
  void add_to(CLI::App* command, const OptionRules& rules);
  // What was given, by field; nothing of what was not.
  [[nodiscard]] const boost::json::object& given() const { return given_; }

 private:
  friend class OptionAdder;
  boost::json::object given_;
};

// One option for each field that it visits.
class OptionAdder {
 public:
  OptionAdder(EntryOptions& options, CLI::App* command, const OptionRules& rules)
      : options_(options), command_(command), rules_(rules) {}

  template <class T, class... Notes>
  void operator()(std::string_view name, T& value, const Notes&... notes) {
    const std::string help(note_of<Help>(notes...).value_or(Help{}).text);
    if (name == rules_.fixed_field) {
      options_.given_[name] = rules_.fixed_value;
      return;
    }
    const bool required =
        !kIsOptional<T> && !note_of<MayBeOmitted>(notes...) && name != rules_.found_out;
    if constexpr (std::is_same_v<T, ledger::EventFacts>) {
      for (const FactField& f : kFactFields) {
        text(f.name, std::string(f.help), f.type, f.required && rules_.all_facts, {});
      }
    } else if constexpr (std::is_same_v<T, ledger::SubjectId>) {
      if (name != "subject") return text(name, help, "HEX", required, {});
      text("uscc", "the enterprise that it is about", "USCC", required, {});
      flag("as_issued", std::string(ledger::kAsIssuedHelp.text));
    } else if constexpr (HasFields<T>) {
      value.each_field(*this);
    } else if constexpr (std::is_same_v<T, bool>) {
      flag(name, help);
    } else if constexpr (kIsOptional<T>) {
      of_type<typename T::value_type>(name, help, required, {});
    } else {
      const bool has_default = note_of<MayBeOmitted>(notes...).has_value();
      of_type<T>(name, help, required, has_default ? default_text(value) : std::string());
    }
  }

 private:
  template <class T>
  void of_type(std::string_view name, const std::string& help, bool required,
               const std::string& initial) {
    if constexpr (ledger::HasWords<T>) {
      text(name, help + ": " + words_of<T>(), "WORD", required, initial);
    } else if constexpr (requires(const boost::json::value& v, T& t) {
                           list_value(v, t, nullptr);
                         }) {
      list(name, help, required);
    } else {
      text(name, help, "TEXT", required, initial);
    }
  }
  template <class T>
  static std::string default_text(const T& value) {
    if constexpr (ledger::HasWords<T>) {
      return std::string(ledger::name(value));
    } else if constexpr (requires { std::to_string(value.value); }) {
      return std::to_string(value.value);
    } else {
      return {};
    }
  }
  void text(std::string_view field, const std::string& help, std::string_view type, bool required,
            const std::string& initial);
  void list(std::string_view field, const std::string& help, bool required);
  void flag(std::string_view field, const std::string& help);
  // "--sole-trader", or "USCC" of what is given without a name.
  [[nodiscard]] std::string option(std::string_view field) const;

  EntryOptions& options_;
  CLI::App* command_;
  const OptionRules& rules_;
};

template <ledger::EntryDescription E>
void EntryOptions::add_to(CLI::App* command, const OptionRules& rules) {
  OptionAdder adder(*this, command, rules);
  E entry;
  entry.each_field(adder);
}

// What the command does when it is chosen.
void on_chosen(CLI::App* command, Session& s, std::function<void()> action);

// Throws Failure that names each option that is wrong.
[[noreturn]] void refuse_options(const std::vector<NamedProblem>& problems,
                                 std::string_view positional);

// The entry that `given` describes; throws Failure as above.
template <ledger::EntryDescription E>
[[nodiscard]] E entry_of(Session& s, const boost::json::object& given,
                         std::string_view positional) {
  EntryReader reader(given, ReadRules{.catalog = &s.genesis().catalog});
  E entry = reader.template read<E>();
  reader.refuse_unused();
  if (!reader.problems().list.empty()) refuse_options(reader.problems().list, positional);
  return entry;
}

// A command that writes one entry of one kind: its options, those of every command that writes, and
// what it does. `make`: from what was given to the entry; entry_of() where it is not given.
template <ledger::EntryDescription E>
void add_write(CLI::App* command, Session& s, const OptionRules& rules,
               std::function<E(Session&, const boost::json::object&)> make = {}) {
  struct Options {
    EntryOptions entry;
    WriteOptions write;
  };
  auto o = std::make_shared<Options>();
  o->entry.template add_to<E>(command, rules);
  add_write_options(command, o->write);
  if (!make) {
    make = [positional = rules.positional](Session& session, const boost::json::object& given) {
      return entry_of<E>(session, given, positional);
    };
  }
  on_chosen(command, s, [&s, o, make = std::move(make)] {
    report_result(s, submit_one(s, o->write, make(s, o->entry.given())));
  });
}

}  // namespace imi::cli
