// The rows of the ledger's store: one letter, then the key. Integers in keys are big-endian, so
// that a range of heights or positions is one scan. docs/DATA_FORMAT.md repeats this table.
//
//   key                     value
//   M "format"              u32, 4 bytes little-endian: kLedgerFormat
//   M "genesis"             32 bytes: the genesis id of the chain
//   M "start"               LedgerHead of height 0
//   M "applied"             AppliedRow: the head after the last executed block, the frontiers of
//   the
//                           log and of the history of heads
//   M "certified"           u64: height of the newest certificate stored
//   R path(32)              a record of the state map (its encoding, as hashed: H(kMapValue, row))
//   D, X                    rows beside the map that execution keeps (state_keys.h)
//   A height(8) id(32)      an agency registered after genesis, in that block; empty
//   B height(8)             BlockRow: block, commit certificate, head. From height 1
//   S height(8) last(4)     list of encoded submissions of the block, `last` being the index of the
//                           row's last one (body_rows.h): written once, read for catch-up by one
//                           scan, and one submission by the first row from (height, index) on
//   O height(8)             list of SubmissionOutcomes of the block, in block order
//   C height(8)             the CheckpointCertificate of that height, where this node had one
//   L level(1) index(8)     event log: the hashes of one tile, concatenated (crypto/merkle_log.h)
//   H level(1) index(8)     history of heads: of level 0 one leaf per row, the head of height
//   `index`;
//                           of higher levels one tile, as for L
//
// The batch of a block holds its B, S and O rows, all A, R, D, X, L and H rows that it changes, and
// M "applied". Inside the ledger module only.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chain/block.h"
#include "chain/head.h"
#include "crypto/merkle_log.h"
#include "ledger/core/types.h"
#include "ledger/state/store.h"
#include "ledger/submission/outcome.h"

namespace imi::ledger::rows {

[[nodiscard]] Bytes format_key();
[[nodiscard]] Bytes genesis_key();
[[nodiscard]] Bytes start_key();
[[nodiscard]] Bytes applied_key();
[[nodiscard]] Bytes certified_key();
[[nodiscard]] Bytes record_key(const Hash256& path);
[[nodiscard]] Bytes agencies_end();
[[nodiscard]] std::optional<std::pair<chain::Height, AgencyId>> parse_agency_key(ByteView key);
[[nodiscard]] Bytes block_key(chain::Height height);
[[nodiscard]] Bytes bodies_key(chain::Height height, std::uint32_t last);
[[nodiscard]] std::optional<std::uint32_t> last_of_bodies_key(ByteView key);
[[nodiscard]] Bytes outcomes_key(chain::Height height);
[[nodiscard]] Bytes certificate_key(chain::Height height);
[[nodiscard]] Bytes tile_key(crypto::LogTileId id);
[[nodiscard]] Bytes heads_key(crypto::LogTileId id);

// First key beyond the records, and beyond a height's submissions.
[[nodiscard]] Bytes records_end();
[[nodiscard]] Bytes bodies_end(chain::Height height);

struct AppliedRow {
  SchemaVersion<1> version;
  chain::LedgerHead head;
  crypto::LogFrontier log;
  crypto::LogFrontier heads{crypto::Domain::kHeadsNode};  // of the heads below `head`
  template <class A>
  void serialize(A& ar) {
    ar(version, head, log, heads);
  }
};

struct BlockRow {
  SchemaVersion<1> version;
  chain::Block block;
  Bytes commit_certificate;
  chain::LedgerHead head;
  template <class A>
  void serialize(A& ar) {
    ar(version, block, commit_certificate, head);
  }
};

using OutcomesRow = std::vector<SubmissionOutcomes>;

[[nodiscard]] Bytes tile_value(const std::vector<Hash256>& hashes);
// nullopt: not a whole number of hashes, or none, or more than a tile has.
[[nodiscard]] std::optional<std::vector<Hash256>> parse_tile(ByteView value);

// Decodes a row that must be there. kCorruption names the row where it is not, or does not decode.
template <class T>
[[nodiscard]] std::expected<T, StoreError> parse(
    const std::expected<std::optional<Bytes>, StoreError>& row, std::string_view what) {
  if (!row) return std::unexpected(row.error());
  const auto damaged = [&](std::string_view how) {
    return std::unexpected(
        StoreError{StoreError::Reason::kCorruption, std::string(what).append(how)});
  };
  if (!row->has_value()) return damaged(" is missing");
  auto value = decode<T>(**row);
  if (!value) return damaged(" does not decode");
  return std::move(*value);
}

}  // namespace imi::ledger::rows
