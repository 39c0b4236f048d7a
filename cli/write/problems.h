// What is wrong with the fields that a person gave: each with its field, all of them at once.
#pragma once

#include <algorithm>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/values.h"

namespace imi::cli {

struct NamedProblem {
  std::string field;  // "code", "class", ...
  std::string reason;
};

// Collects values and what was wrong with them.
class Problems {
 public:
  // The value, or nullopt with the problem noted.
  template <class T, class E>
  std::optional<T> take(std::string_view field, std::expected<T, E> value) {
    if (value) return std::move(*value);
    if constexpr (std::is_same_v<E, ValueError>) {
      add(field, value.error().reason);
    } else {
      add(field, std::string(value.error()));
    }
    return std::nullopt;
  }
  // The first of a field: what follows from it would only repeat it.
  void add(std::string_view field, std::string reason) {
    const bool known =
        std::ranges::any_of(list, [&](const NamedProblem& p) { return p.field == field; });
    if (!known) list.push_back({std::string(field), std::move(reason)});
  }

  std::vector<NamedProblem> list;
};

}  // namespace imi::cli
