// What can be asked of the ledger. A proof answers one stated question; the verifier recomputes the
// answer from the proof and compares nothing else, so a bundle made for another subject, code or
// page never passes for the one asked.
//
// Tags of Question are part of the bundle format: never change or re-use one.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "chain/head.h"
#include "ledger/core/codes.h"
#include "ledger/core/types.h"

namespace imi::ledger {

// The most events per page. A page of a longer dossier proves that it is exactly positions
// [from, from + count) of n.
inline constexpr std::uint32_t kMaxPageEvents = 200;

struct Page {
  std::uint64_t from = 0;
  std::uint32_t limit = kMaxPageEvents;  // 1..kMaxPageEvents
  bool operator==(const Page&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(from, limit);
    require(ar, limit >= 1 && limit <= kMaxPageEvents);
  }
};

// A head and nothing else. Without a height the newest certified one: how far the chain is, and how
// fresh this answer. With one the head of that height, under the newest: what ties an answer saved
// then to the chain of today (renew() in proof.h).
struct AskHead {
  std::optional<chain::Height> height;
  bool operator==(const AskHead&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(height);
  }
};

// An enterprise's record and its credit events: of all codes, or of one (no event of another is
// shown; the dossier record does show how many there are of each code: ADR 0004).
struct AskEnterprise {
  Uscc uscc;
  std::optional<CodeId> code;
  Page page;
  bool operator==(const AskEnterprise&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(uscc, code, page);
  }
};

// A person's record and events. Answered to the person alone (queries.h: SignedQuery).
struct AskPerson {
  SubjectId sid;
  Page page;
  bool operator==(const AskPerson&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(sid, page);
  }
};

// One event of an enterprise, or its absence. Persons' events are answered to them alone.
struct AskEvent {
  EventId eid;
  bool operator==(const AskEvent&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(eid);
  }
};

struct AskAttestation {
  AttestationId aid;
  bool operator==(const AskAttestation&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(aid);
  }
};

struct AskAgency {
  AgencyId id;
  bool operator==(const AskAgency&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id);
  }
};

// The status of a submission. `expiry` is what its header says; without it absence proves only
// "unknown" (F3).
struct AskSubmission {
  chain::SubmissionId id;
  std::optional<chain::TimeMs> expiry;
  bool operator==(const AskSubmission&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, expiry);
  }
};

// One accepted entry of a submission, and its place in the event log. `height` is that of the block
// that has it (SubmissionState::height).
struct AskEntry {
  chain::SubmissionId id;
  std::uint32_t index = 0;
  chain::Height height;
  bool operator==(const AskEntry&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, index, height);
  }
};

// That today's event log begins with all of an older head's log: nothing was taken back.
struct AskConsistency {
  std::uint64_t old_size = 0;
  Hash256 old_root;
  bool operator==(const AskConsistency&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(old_size, old_root);
  }
};

using Question = std::variant<AskHead, AskEnterprise, AskPerson, AskEvent, AskAttestation,
                              AskAgency, AskSubmission, AskEntry, AskConsistency>;

// "enterprise 91350100M000100Y43, events 0..199": for people.
[[nodiscard]] std::string describe(const Question& q);

}  // namespace imi::ledger
