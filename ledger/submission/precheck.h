// The precheck before the pool: what the latest executed state already says against a submission.
// Not a rule of the chain: a later block may change the answer either way, members may answer
// differently, and execution decides. It keeps out what would only be recorded as refused for ever:
//  - by an unregistered author, with a key that is not the author's, or of a suspended agency, so
//    that nobody uses up an author's share of the pool by naming it;
//  - by a holder (author = hash of the key) that holds none of the attestations it names;
//  - with what would describe a person in plain (About::plain): public facts, a source key as text,
//    a day finer than a month. It would stay in the block's rows of every node.
// An author or subject whose registration is not executed yet: the author is refused and may send
// again; the subject's entries pass (an enterprise may be registered and recorded of in one go).
//
// Threading: as the view's. Cost: one author, and for an entry with public facts one subject.
#pragma once

#include <expected>
#include <memory>
#include <optional>

#include "ledger/agency/records.h"
#include "ledger/core/refusal.h"
#include "ledger/state/store.h"
#include "ledger/submission/submission.h"

namespace imi::ledger {

// What the precheck asks of the state; may be answered from memory.
class PrecheckView {
 public:
  virtual ~PrecheckView() = default;
  // Null if there is none.
  [[nodiscard]] virtual std::expected<std::shared_ptr<const AgencyState>, StoreError> agency(
      const AgencyId& id) const = 0;
  // nullopt if it is not registered.
  [[nodiscard]] virtual std::expected<std::optional<SubjectClass>, StoreError> subject_class(
      const SubjectId& id) const = 0;
  [[nodiscard]] virtual std::expected<std::optional<Bytes>, StoreError> record(
      const Hash256& path) const = 0;
};

struct EarlyRefusal {
  Refusal refusal;
  std::optional<std::uint32_t> entry;  // nullopt: the author, so all of them
  bool operator==(const EarlyRefusal&) const = default;
};
// "entry 3: ...".
[[nodiscard]] std::string describe(const EarlyRefusal& r);

// nullopt: nothing speaks against it.
[[nodiscard]] std::expected<std::optional<EarlyRefusal>, StoreError> precheck(
    const PrecheckView& view, const Submission& submission);

// The class in the encoding of a dossier, without decoding the rest.
[[nodiscard]] std::expected<SubjectClass, StoreError> class_of_dossier(ByteView record);

}  // namespace imi::ledger
