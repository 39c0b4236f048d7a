#include "cli/write/entry_json.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "cli/text.h"
#include "cli/typed.h"
#include "cli/write/entry_reader.h"

namespace imi::cli {
namespace {
namespace json = boost::json;

using ledger::Catalog;
using ledger::Entry;
using Reading = std::expected<Entry, std::vector<NamedProblem>>;

template <class E>
Reading read_as(const json::object& o, const ReadRules& rules) {
  EntryReader reader(o, rules);
  E entry = reader.template read<E>();
  reader.refuse_unused();
  if (!reader.problems().list.empty()) return std::unexpected(std::move(reader.problems().list));
  return Entry(std::move(entry));
}

template <std::size_t I = 0>
Reading read_kind(std::string_view kind, const json::object& o, const ReadRules& rules) {
  if constexpr (I < std::variant_size_v<Entry>) {
    using E = std::variant_alternative_t<I, Entry>;
    return kind == E::kKind.name.value ? read_as<E>(o, rules) : read_kind<I + 1>(kind, o, rules);
  } else {
    std::vector<std::string> kinds;
    for (const ledger::KindTraits& k : ledger::kKinds) kinds.emplace_back(k.name.value);
    const auto near = nearest(std::string(kind), kinds);
    auto why = near ? fmt::format("'{}' is unknown: did you mean '{}'?", printable(kind), *near)
                    : "must be one of " + joined(kinds, "or");
    return std::unexpected(std::vector{NamedProblem{"kind", std::move(why)}});
  }
}

}  // namespace

Reading entry_from_json(const json::object& o, const Catalog& catalog) {
  const json::value* kind = o.if_contains("kind");
  const auto word = kind != nullptr && kind->is_string()
                        ? typed_word(std::string_view(kind->get_string()))
                        : Value<std::string>(std::unexpected(ValueError{"is missing"}));
  if (!word) return std::unexpected(std::vector{NamedProblem{"kind", word.error().reason}});
  return read_kind(*word, o, ReadRules{.catalog = &catalog});
}

std::expected<std::vector<Entry>, std::string> entries_from_json(const json::value& value,
                                                                 const Catalog& catalog) {
  json::array one;
  const json::array* list = value.if_array();
  if (list == nullptr) {
    if (!value.is_object()) return std::unexpected(std::string("an array of entries is expected"));
    one.push_back(value);
    list = &one;
  }
  if (list->empty()) return std::unexpected(std::string("the array has no entries"));
  if (list->size() > 4096) {
    return std::unexpected(fmt::format("{} entries; a submission has at most 4,096", list->size()));
  }
  std::vector<Entry> out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const json::object* o = (*list)[i].if_object();
    if (o == nullptr) return std::unexpected(fmt::format("entry {} is not an object", i));
    auto entry = entry_from_json(*o, catalog);
    if (!entry) {
      const NamedProblem& p = entry.error()[0];
      return std::unexpected(fmt::format("entry {}, field '{}': {}", i, p.field, p.reason));
    }
    out.push_back(std::move(*entry));
  }
  return out;
}

}  // namespace imi::cli
