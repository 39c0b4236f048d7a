// Evidence of equivocation, kept permanently: two messages of which an honest member signs at
// most one (D5), one pair per (epoch, member, kind), so at most six times the number of members per
// epoch.
//
// Files: <directory>/EPOCH-MEMBER-KIND.pair, one per pair, written once and never changed; the name
// is the key, so a restart finds what was kept and keeps nothing twice. content = EvidencePair in
// the canonical codec (docs/DATA_FORMAT.md). A file that is torn, damaged or of another chain
// proves nothing: it is removed at open().
//
// Evidence proves itself: check() needs the validator set alone, and anyone can do the same.
// A write that fails loses the pair and nothing else; the owner logs it.
//
// Threading: any thread; calls wait for one another. `files` is used by this object alone.
// Source: docs/PROTOCOL.md D5.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "chain/validator_set.h"
#include "consensus/effects.h"
#include "node/file_system.h"

namespace imi::node {

struct EvidencePair {
  SchemaVersion<1> version;
  chain::GenesisId genesis;
  chain::Epoch epoch;
  chain::MemberId member;
  std::uint8_t kind = 0;  // consensus::MessageKind, a signed one
  // Encoded SignedMessages. PRE-PREPAREs are without their lists, which the signature does not
  // cover.
  Bytes first;
  Bytes second;
  bool operator==(const EvidencePair&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, genesis, epoch, member, kind, first, second);
  }
};

[[nodiscard]] EvidencePair make_evidence(const chain::GenesisId& genesis,
                                         const consensus::Evidence& e);

// Whether the pair shows what it says: both messages are of that member, kind and epoch, about the
// same view and height (a VIEW-CHANGE or NEW-VIEW: view; a CHECKPOINT: height), differ in what is
// signed, and both signatures hold. The error says what does not.
[[nodiscard]] std::expected<void, std::string_view> check(const EvidencePair& pair,
                                                          const chain::GenesisId& genesis,
                                                          const chain::ValidatorSet& set);

// Larger pairs (VIEW-CHANGEs and NEW-VIEWs of large sets) are not kept.
inline constexpr std::size_t kMaxEvidenceBytes = std::size_t{16} << 20;

class EvidenceStore {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<EvidenceStore>, IoError> open(
      FileSystem& files, const std::string& directory, const chain::GenesisId& genesis,
      const chain::ValidatorSet& set);

  // Durable on return. True if it is new; false if there is one of that epoch, member and kind.
  [[nodiscard]] std::expected<bool, IoError> keep(const EvidencePair& pair);

  [[nodiscard]] std::size_t size() const;
  // In ascending order of (epoch, member, kind), from place `from`; what cannot be read is left
  // out.
  [[nodiscard]] std::vector<EvidencePair> pairs(std::size_t from, std::size_t limit) const;
  // Files that open() removed.
  [[nodiscard]] std::size_t removed() const { return removed_; }

 private:
  using Key = std::tuple<std::uint64_t, std::uint16_t, std::uint8_t>;
  EvidenceStore(FileSystem& files, std::string directory, const chain::GenesisId& genesis,
                const chain::ValidatorSet& set)
      : files_(files), directory_(std::move(directory)), genesis_(genesis), set_(set) {}
  [[nodiscard]] std::expected<void, IoError> load();
  [[nodiscard]] std::expected<EvidencePair, IoError> read(const std::string& file) const;

  FileSystem& files_;
  const std::string directory_;
  const chain::GenesisId genesis_;
  const chain::ValidatorSet set_;
  std::size_t removed_ = 0;
  mutable std::mutex mutex_;
  std::map<Key, std::string> kept_;  // file names; guarded by mutex_
};

}  // namespace imi::node
