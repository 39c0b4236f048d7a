// A chain for tests and benchmarks: a valid genesis with keys known to the test, and blocks made,
// committed and certified as four validators would.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/random.h"
#include "ledger/db/ledger_db.h"
#include "ledger/db/mem_store.h"
#include "ledger/execution/execute.h"
#include "ledger/submission/submission.h"

namespace imi::ledger::test {

class TestChain {
 public:
  explicit TestChain(std::uint64_t seed = 1);

  [[nodiscard]] const Genesis& genesis() const { return genesis_; }
  [[nodiscard]] const chain::GenesisId& id() const { return id_; }
  [[nodiscard]] const AgencyId& agency() const { return agency_; }
  [[nodiscard]] crypto::SeededRandom& random() { return random_; }
  [[nodiscard]] const std::vector<crypto::SecretKey>& validators() const { return validators_; }

  // Small trees: a test opens many.
  [[nodiscard]] static LedgerDbOptions small();
  [[nodiscard]] std::unique_ptr<LedgerDb> open(std::shared_ptr<Store> store) const;

  [[nodiscard]] std::shared_ptr<const Submission> submit(std::vector<Entry> entries);
  [[nodiscard]] std::shared_ptr<const Submission> submit_at(std::vector<Entry> entries,
                                                            chain::TimeMs expiry);
  // As submit_at, by anybody who claims to be `author`.
  [[nodiscard]] std::shared_ptr<const Submission> submit_as(const AuthorId& author,
                                                            const crypto::SecretKey& key,
                                                            std::vector<Entry> entries,
                                                            chain::TimeMs expiry);
  // The child of `head` with these submissions, `ms` later.
  [[nodiscard]] chain::Block block(const chain::LedgerHead& head,
                                   const std::vector<std::shared_ptr<const Submission>>& bodies,
                                   std::int64_t ms = 1000) const;
  // Commits and certifies (by q validators) one block. IMI_CHECKs that both succeed.
  chain::LedgerHead add(LedgerDb& db, const std::vector<std::shared_ptr<const Submission>>& bodies);
  chain::LedgerHead commit(LedgerDb& db,
                           const std::vector<std::shared_ptr<const Submission>>& bodies,
                           std::int64_t ms = 1000);
  void certify(LedgerDb& db, const chain::LedgerHead& head) const;
  [[nodiscard]] chain::CheckpointCertificate certificate(const chain::LedgerHead& head,
                                                         std::size_t signers = 3) const;

  // ---- entries
  [[nodiscard]] static Uscc uscc(std::uint32_t n);
  [[nodiscard]] static SubjectEnterprise enterprise(std::uint32_t n);
  [[nodiscard]] EventRecord event(std::uint32_t n, std::uint16_t code = 1);
  [[nodiscard]] EventRecord person_event(const SubjectId& sid);
  [[nodiscard]] SubjectPerson person(const crypto::SecretKey& key);
  [[nodiscard]] AttIssue attestation();

 private:
  crypto::SeededRandom random_;
  crypto::SecretKey agency_key_;
  std::vector<crypto::SecretKey> validators_;
  AgencyId agency_;
  Genesis genesis_;
  chain::GenesisId id_;
  Day today_;
  chain::TimeMs time_;  // of the newest block made
};

}  // namespace imi::ledger::test
