// What every record of the state map has: the tag that it begins with, the key that it stands
// under, and how execution uses it.
#pragma once

#include "ledger/core/types.h"
#include "ledger/state/space.h"
#include "ledger/state/view.h"

namespace imi::ledger {

// The first two bytes of a record: its space, and the version of its fields. A record can thus be
// told from its bytes alone, and none passes for another whose fields happen to fit.
//
// `kNewest` is what this program writes. It reads every version from 1 on: a record keeps the
// version it was written with, and its serialize() asks `version` before it reads or writes a field
// that came later.
template <Space S, std::uint8_t kNewest = 1>
struct RecordTag {
  static constexpr Space kSpace = S;
  std::uint8_t version = kNewest;
  bool operator==(const RecordTag&) const = default;
  template <class A>
  void serialize(A& ar) {
    auto space = static_cast<std::uint8_t>(S);
    ar(space);
    require(ar, space == static_cast<std::uint8_t>(S));
    ar(version);
    require(ar, version >= 1 && version <= kNewest);
  }
};

// A record that execution reads and writes by key (overlay.h). It says so itself:
//   using Key = ...;                                       what its path is made from
//   static constexpr RecordUse kUse = RecordUse::k...;     a hint, see view.h
//   RecordTag<Space::k...> schema;                         its first field
template <class R>
concept KeyedRecord = requires(const R& r) {
  typename R::Key;
  { R::kUse } -> std::convertible_to<RecordUse>;
  { decltype(r.schema)::kSpace } -> std::convertible_to<Space>;
};
template <KeyedRecord R>
inline constexpr Space kSpaceOf = decltype(R::schema)::kSpace;

}  // namespace imi::ledger
