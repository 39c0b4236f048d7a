// The rows that hold a block's submissions, several in each: a block of many small submissions
// costs a few rows of some 32 KiB instead of one per submission (rows.h, ADR 0003).
//
// Inside the ledger module only.
#pragma once

#include <memory>
#include <span>

#include "ledger/state/store.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

// A row is closed when it has this much; a larger submission has a row to itself.
inline constexpr std::size_t kBodyRowBytes = std::size_t{32} << 10;

// Adds the rows of a block.
void put_bodies(WriteBatch& batch, chain::Height height,
                std::span<const std::shared_ptr<const Submission>> bodies);

// The encoded submissions of a block, in order; kCorruption for a row that is not one.
[[nodiscard]] std::expected<std::vector<Bytes>, StoreError> read_bodies(const StoreView& rows,
                                                                        chain::Height height);
// One of them; nullopt if the block has no such index.
[[nodiscard]] std::expected<std::optional<Bytes>, StoreError> read_body(const StoreView& rows,
                                                                        chain::Height height,
                                                                        std::uint32_t index);

}  // namespace imi::ledger
