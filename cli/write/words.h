// The words of an enum as people write them: the ledger's own (ledger/core/words.h), and those that
// Chinese offices use for the same.
#pragma once

#include <fmt/format.h>

#include <array>
#include <expected>
#include <string>
#include <vector>

#include "cli/text.h"
#include "ledger/credit/entries.h"
#include "ledger/identity/entries.h"

namespace imi::cli {

// Accepted, not listed in help.
template <class E>
inline constexpr std::array<ledger::Word<E>, 0> kSynonyms{};
template <>
inline constexpr auto kSynonyms<ledger::EnterpriseStatus> =
    std::to_array<ledger::Word<ledger::EnterpriseStatus>>({
        {ledger::EnterpriseStatus::kActive, "存续"},
        {ledger::EnterpriseStatus::kSuspended, "停业"},
        {ledger::EnterpriseStatus::kRevoked, "吊销"},
        {ledger::EnterpriseStatus::kDeregistered, "注销"},
    });
template <>
inline constexpr auto kSynonyms<ledger::Gravity> = std::to_array<ledger::Word<ledger::Gravity>>({
    {ledger::Gravity::kMinor, "轻微"},
    {ledger::Gravity::kGeneral, "一般"},
    {ledger::Gravity::kSerious, "严重"},
});

// "active, suspended or closed".
template <ledger::HasWords E>
[[nodiscard]] std::string words_of() {
  std::vector<std::string> all;
  for (const auto& w : ledger::kWords<E>) all.emplace_back(w.text);
  return joined(all, "or");
}

// The value of a word in its one form (typed_word); the error lists the words.
template <ledger::HasWords E>
[[nodiscard]] std::expected<E, std::string> parse_word(std::string_view text) {
  if (const auto own = ledger::from_word<E>(text)) return *own;
  for (const auto& w : kSynonyms<E>) {
    if (w.text == text) return w.value;
  }
  if (text.empty()) return std::unexpected("is empty; one of " + words_of<E>() + " is needed");
  return std::unexpected(
      fmt::format("'{}' is not one of {}", cut(printable(text), 40), words_of<E>()));
}

}  // namespace imi::cli
