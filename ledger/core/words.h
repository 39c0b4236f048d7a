// The words of an enum: what its values are called in JSON, columns, options and documents. One
// list per enum, next to it; which values are known, what they are called, and how they are read
// follow.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <type_traits>

namespace imi::ledger {

// "state-organ": stable, lower case, hyphens.
template <class E>
struct Word {
  E value;
  std::string_view text;
};

// Of an enum that has words: std::to_array<Word<E>>({{E::kOne, "one"}, ...}), ascending.
template <class E>
inline constexpr int kWords = 0;

template <class E>
concept HasWords = std::is_enum_v<E> && requires { kWords<E>.size(); };

// A value without a word is not known: decoding refuses it.
template <HasWords E>
[[nodiscard]] constexpr bool is_known(E value) {
  for (const Word<E>& w : kWords<E>) {
    if (w.value == value) return true;
  }
  return false;
}
template <HasWords E>
[[nodiscard]] constexpr std::string_view name(E value) {
  for (const Word<E>& w : kWords<E>) {
    if (w.value == value) return w.text;
  }
  return "?";
}
template <HasWords E>
[[nodiscard]] constexpr std::optional<E> from_word(std::string_view text) {
  for (const Word<E>& w : kWords<E>) {
    if (w.text == text) return w.value;
  }
  return std::nullopt;
}

// All values, in the order of the list.
template <HasWords E>
inline constexpr auto kValues = [] {
  std::array<E, kWords<E>.size()> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = kWords<E>[i].value;
  return out;
}();

}  // namespace imi::ledger
