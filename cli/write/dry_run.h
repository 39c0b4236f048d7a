// What the ledger would say of entries if they were sent now: its own rules (ledger/execute.h), run
// here over records that are read with proof. Nothing is sent. What is accepted here is refused
// later only if the ledger changed in between.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "crypto/suite.h"
#include "ledger/agency/records.h"
#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/execution/execute.h"
#include "ledger/identity/records.h"

namespace imi::cli {

// The ledger's records, as far as execution asks for them; nullopt: there is none.
class LedgerRecords {
 public:
  struct Enterprise {
    std::optional<ledger::SubjectState> subject;
    std::optional<ledger::DossierState> dossier;
  };
  virtual ~LedgerRecords() = default;
  virtual std::optional<ledger::AgencyState> agency(const ledger::AgencyId& id) = 0;
  virtual Enterprise enterprise(const ledger::Uscc& uscc) = 0;
  virtual std::optional<ledger::EventState> event(const ledger::EventId& id) = 0;
  virtual std::optional<ledger::AttState> attestation(const ledger::AttestationId& id) = 0;
};

class DryRun {
 public:
  // `policy` and `records` outlive it.
  DryRun(LedgerRecords& records, const ledger::Policy& policy, const ledger::AuthorId& author,
         const crypto::SecretKey& key);
  ~DryRun();
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

  // An entry, and the enterprise that it is about (entries name enterprises by a digest).
  struct Item {
    ledger::Entry entry;
    std::optional<ledger::Uscc> enterprise;
  };
  // True where the item changes an event of another enterprise than the one it names. The ledger
  // would not notice (a correction names the event alone); the author of the row should.
  [[nodiscard]] bool is_of_another(const Item& item);
  // The outcome of each in a block at `time`, as if those before had been sent too: nullopt =
  // accepted. 1..4,096 items, none of which is_of_another().
  [[nodiscard]] std::vector<std::optional<ledger::Refusal>> run(const std::vector<Item>& items,
                                                                chain::TimeMs time);

 private:
  class View;
  void load(const Item& item);
  void load_enterprise(const ledger::Uscc& uscc);
  void load_event(const ledger::EventId& id);

  LedgerRecords& records_;
  const ledger::Policy& policy_;
  ledger::AuthorId author_;
  const crypto::SecretKey& key_;
  std::unique_ptr<View> view_;
  std::uint64_t runs_ = 0;
};

}  // namespace imi::cli
