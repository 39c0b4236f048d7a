// Internal to genesis/: the words of enums that TOML files name.
#pragma once

#include <string>

#include "ledger/core/words.h"

namespace imi::genesis {

// "none, minor, general".
template <ledger::HasWords E>
std::string words_of() {
  std::string out;
  for (const auto& w : ledger::kWords<E>) {
    if (!out.empty()) out += ", ";
    out += w.text;
  }
  return out;
}

}  // namespace imi::genesis
