// From files to a driver's safety state: whether this node may sign at all (B6), and with what it
// remembers. Used by imid and by the simulator alike.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "node/wal.h"

namespace imi::node {

struct SafetyStart {
  std::unique_ptr<Wal> wal;    // null: sign nothing
  std::string silent_because;  // if wal is null: a sentence
  consensus::SafetyState state;
  std::vector<WalBody> bodies;  // of the blocks that `state` knows
  WalContent found;             // what was read (its bodies are moved out)
};

// Opens the safety log and starts a fresh file of it. A missing log is not an error: it means
// that the safety state was never begun or was lost, and the key must not sign (B6).
[[nodiscard]] std::expected<SafetyStart, WalError> open_safety(FileSystem& files,
                                                               const std::string& directory,
                                                               const WalHeader& header,
                                                               crypto::RandomSource& random);

// `imid init`, the marked first boot: begins the safety log. Refused (kExists) if there is one, and
// (kMissing) if the ledger already holds blocks: its log was lost, and this key must not sign
// again.
[[nodiscard]] std::expected<void, WalError> init_safety(FileSystem& files,
                                                        const std::string& directory,
                                                        const WalHeader& header,
                                                        crypto::RandomSource& random,
                                                        bool ledger_has_blocks);

}  // namespace imi::node
