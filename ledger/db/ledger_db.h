// The ledger on a store: executes blocks, keeps the two authenticated structures, answers readers.
//
// What it holds
//  - In the store: everything (rows are listed in ledger/db/rows.h and docs/DATA_FORMAT.md).
//  - In memory: the upper levels of the state map's tree and the right edge of the event log. Both
//    are rebuilt at open() by a scan of the records, and the root must equal the stored head's
//    state root: damage is found and named at start, not when it has been signed.
//
// Two heads
//  - applied(): the last executed block. Consensus needs it.
//  - certified(): the last head with q CHECKPOINT signatures. Every reader reads exactly here; an
//    uncertified result is never shown. Execution runs up to L blocks ahead (A5).
//  Between the two, the tree keeps undo records and the store keeps snapshots (ADR 0006).
//
// Writing: commit_block() makes ONE synced batch a block (B5): block, bodies, records, indexes,
// log, commit certificate, applied height. Memory changes only after that write succeeded. After a
// failed write every further commit is refused with kStopped; the process must end and open again.
//
// Threading: commit_block() and set_certified() from one thread (the executor). Everything else
// from any thread. Readers never wait for a write to the disk; they wait at most for the tree to be
// updated in memory (about a millisecond a block).
// Source: docs/PROTOCOL.md "Two authenticated structures", B5, D1-D3, E4.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chain/block.h"
#include "chain/certificate.h"
#include "ledger/state/store.h"
#include "ledger/submission/outcome.h"
#include "ledger/submission/precheck.h"

namespace imi::ledger {

struct Genesis;
struct Submission;
class LedgerReader;

struct LedgerError {
  enum class Reason : std::uint8_t {
    kStore,         // the store failed; see `store`
    kDamaged,       // rows contradict each other or the stored head
    kForeign,       // the store belongs to another chain
    kOlderFormat,   // written by an older version of this program
    kNewerFormat,   // written by a newer version of this program
    kStopped,       // an earlier write failed; the process must end
    kNotNext,       // the block is not the child of the applied head
    kBodyMismatch,  // the bodies given are not those that the block lists
    kMismatch,      // a certificate for a height we executed names another head (D3): stop signing
    kNotApplied,    // a certificate for a height that is not executed yet
    kBadBlock,      // time or shape that execution cannot accept
    kNoSuchHeight,  // not in the store: above the applied head, or below the oldest kept
  };
  Reason reason{};
  std::string detail;               // numbers and places
  std::optional<StoreError> store;  // the failure of the store that led here, if one did
  bool operator==(const LedgerError&) const = default;
};
[[nodiscard]] std::string_view name(LedgerError::Reason r);
// A sentence that says what happened and what to do.
[[nodiscard]] std::string describe(const LedgerError& e);

inline constexpr std::uint32_t kLedgerFormat = 3;
// Heights below the certified one that an existing reader may still read before it is refused with
// StoreError::kExpired. A reader is meant for one request.
inline constexpr std::uint64_t kReaderSpan = 16;

// Local choices: none of them changes a root. The simulator uses small ones for its many replicas.
struct LedgerDbOptions {
  unsigned scan_threads = 2;  // for the rebuild at open
  unsigned bucket_bits = 18;  // crypto/sparse_map_tree.h
  std::size_t tree_cache_leaves = 1'500'000;
  std::size_t record_cache_bytes = std::size_t{36} << 20;  // records that execution reads again
  std::size_t precheck_agencies = 4'096;                   // remembered for precheck()
  unsigned precheck_enterprise_bits = 17;                  // two in a place: 4 MiB
};

// A block as catch-up hands it to a peer (D2).
struct StoredBlock {
  chain::Block block;
  Bytes commit_certificate;   // as given to commit_block; opaque here
  std::vector<Bytes> bodies;  // encoded submissions, in block order
};

struct OpenReport {
  std::uint64_t records = 0;
  std::uint64_t log_size = 0;
  std::uint64_t rebuild_ms = 0;
};

class LedgerDb {
 public:
  // Opens or, for an empty store, creates (executes genesis: height 0, certified by definition).
  [[nodiscard]] static std::expected<std::unique_ptr<LedgerDb>, LedgerError> open(
      std::shared_ptr<Store> store, const Genesis& genesis, const LedgerDbOptions& options = {});
  ~LedgerDb();
  LedgerDb(const LedgerDb&) = delete;
  LedgerDb& operator=(const LedgerDb&) = delete;

  [[nodiscard]] const chain::GenesisId& genesis_id() const;
  [[nodiscard]] const Genesis& genesis() const;
  [[nodiscard]] const OpenReport& open_report() const;

  // Where a submission took effect.
  struct Applied {
    chain::Height height;
    std::uint32_t index = 0;  // of the submission in its block
  };
  struct Repeat {
    std::uint32_t index = 0;  // in the block at hand
    Applied first;
  };

  // ---- the executor's side -------------------------------------------------------------------

  // Executes `block` on the applied head and makes the result durable. `bodies[i]` is the
  // submission whose content hash is block.items[i]. Returns the head to be signed in a CHECKPOINT.
  // `repeats`, if given, gets the submissions that took effect before (F2): their first place is
  // the one to tell.
  [[nodiscard]] std::expected<chain::LedgerHead, LedgerError> commit_block(
      const chain::Block& block, const std::vector<std::shared_ptr<const Submission>>& bodies,
      ByteView commit_certificate, std::vector<Repeat>* repeats = nullptr);

  // Stores a certificate that the caller has verified (chain::verify), moves certified() to it if
  // it is newer, and lets go of what only older readers needed. A certificate at or below
  // certified() is accepted and changes nothing. Written buffered: it is durable with the next
  // block; a certificate lost in a power cut is formed or fetched again.
  [[nodiscard]] std::expected<void, LedgerError> set_certified(
      const chain::CheckpointCertificate& certificate);

  // ---- any thread ----------------------------------------------------------------------------

  [[nodiscard]] chain::LedgerHead applied() const;
  [[nodiscard]] chain::LedgerHead certified() const;
  // Null at height 0, which nobody signs.
  [[nodiscard]] std::shared_ptr<const chain::CheckpointCertificate> certificate() const;

  // A consistent view at certified(). Take one for each request; see kReaderSpan. Null while the
  // certified state cannot be read back, and an uncertified one is never shown: after an open()
  // that found blocks executed beyond the last stored certificate, and during a catch-up that
  // executed more than L + kReaderSpan blocks beyond it; until a certificate for a newer height is
  // set.
  [[nodiscard]] std::shared_ptr<const LedgerReader> reader() const;

  // Block, commit certificate and bodies of an applied height (1..applied), for catch-up. Not
  // bounded by certified(): blocks certify themselves by the certificate they come with.
  [[nodiscard]] std::expected<StoredBlock, LedgerError> block(chain::Height height) const;
  // The same without bodies.
  [[nodiscard]] std::expected<StoredBlock, LedgerError> block_header(chain::Height height) const;
  // Outcomes of the submissions of an applied block, in block order: what commit_block() recorded,
  // certified or not (execution is deterministic, so a certificate can only confirm it).
  [[nodiscard]] std::expected<std::vector<SubmissionOutcomes>, LedgerError> outcomes(
      chain::Height height) const;
  // The head after `height`.
  [[nodiscard]] std::expected<chain::LedgerHead, LedgerError> head(chain::Height height) const;
  // The checkpoint certificate of exactly that height, or nullopt if this node never had it.
  [[nodiscard]] std::expected<std::optional<chain::CheckpointCertificate>, LedgerError>
  certificate_at(chain::Height height) const;

  // Whether a submission was already applied, at the applied head (not the certified one): for the
  // pool, which must not propose it again. nullopt: not known (never seen, or expired and pruned).
  [[nodiscard]] std::expected<std::optional<Applied>, LedgerError> find_submission(
      const chain::SubmissionId& id) const;

  // What the applied state says of a submission that wants into the pool: that it took effect
  // already, or what speaks against it (precheck.h). Authors and the classes of subjects are
  // remembered, so that a precheck mostly reads nothing from the store.
  struct Precheck {
    std::optional<Applied> applied;
    std::optional<EarlyRefusal> refusal;  // never with `applied`: a repeat has its first outcome
  };
  [[nodiscard]] std::expected<Precheck, LedgerError> precheck(const Submission& submission) const;

 private:
  struct Impl;
  explicit LedgerDb(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace imi::ledger
