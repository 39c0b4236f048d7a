// Blocks that this program checks itself. A node gives a block's header fields, the content hashes
// of its list, the signed header of each submission, and a checkpoint certificate; what follows
// from them is recomputed: the block's id, its body root, each submission's id, author and number
// of entries. What became of the entries is not in a block: that is asked for submission by
// submission.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "chain/block.h"
#include "chain/certificate.h"
#include "ledger/submission/submission.h"

namespace imi::cli {

struct CheckedBlock {
  chain::BlockHeader header;
  chain::BlockId id;                                        // recomputed
  std::vector<ledger::SubmissionHeader> submissions;        // each hashes to its place in the body
  std::optional<chain::CheckpointCertificate> certificate;  // as given, of this very block
};

// What a node answered to `block` with prove. An error is a sentence: the answer contradicts
// itself, or lacks what it must have. The certificate's signatures are not checked here.
[[nodiscard]] std::expected<CheckedBlock, std::string> check_block(const boost::json::value& answer,
                                                                   const chain::GenesisId& genesis,
                                                                   std::uint64_t height);

}  // namespace imi::cli
