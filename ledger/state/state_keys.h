// Where records live: the paths of the state map, and the rows beside it.
//
// path = H(kMapKey, space byte || key). docs/DATA_FORMAT.md repeats the table.
#pragma once

#include "ledger/core/codes.h"
#include "ledger/core/types.h"
#include "ledger/state/space.h"

namespace imi::ledger {

[[nodiscard]] Hash256 state_path(Space space, ByteView key);
template <class Tag>
[[nodiscard]] Hash256 state_path(Space space, const FixedBytes<Tag, 32>& key) {
  return state_path(space, key.view());
}
[[nodiscard]] Hash256 rule_path(RuleId rule);
[[nodiscard]] Hash256 catalog_path();
[[nodiscard]] Hash256 parameters_path();

// Numbers in the keys of rows: big-endian, so that rows are ordered as the numbers are.
template <class Unsigned>
void append_big_endian(Bytes& out, Unsigned v) {
  for (int shift = 8 * (static_cast<int>(sizeof(v)) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(v >> shift));
  }
}

// Rows beside the map (StateDiff::aux); the first letter is the store's (rows.h). They can be made
// again from the map and the blocks: nothing under the root depends on anything else.
//   A height(8) id(32)             an agency registered after genesis; empty; never read here
//   D sid(32) seq(8, big-endian)   DossierRow
//   X height(8, big-endian)        keep_until, paths of the records to prune with that height
//   X                              next height to look at, u64
[[nodiscard]] Bytes agency_row_key(chain::Height registered, const AgencyId& id);
[[nodiscard]] Bytes dossier_row_key(const SubjectId& subject, std::uint64_t seq);
[[nodiscard]] Bytes prune_row_key(chain::Height height);
[[nodiscard]] Bytes prune_cursor_key();

}  // namespace imi::ledger
