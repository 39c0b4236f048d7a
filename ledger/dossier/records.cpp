#include "ledger/dossier/records.h"

#include <algorithm>

namespace imi::ledger {

const Cell* DossierState::cell(CodeId code) const {
  const auto it = std::lower_bound(cells.begin(), cells.end(), code,
                                   [](const Cell& c, CodeId id) { return c.code < id; });
  return it != cells.end() && it->code == code ? &*it : nullptr;
}

Hash256 leaf_hash(const DossierLeaf& leaf) { return crypto::range_leaf_hash(encode(leaf)); }

}  // namespace imi::ledger
