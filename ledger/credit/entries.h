// The entries about credit events. Decoding bounds every string by the limits here; what the state
// or the catalog refuses is refused at execution and recorded (core/refusal.h).
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ledger/core/codes.h"
#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::size_t kMaxDocBytes = 100;
inline constexpr std::size_t kMaxBasisBytes = 200;
inline constexpr std::size_t kMaxSourceBytes = 200;

struct Basis {
  BasisLevel level = BasisLevel::kLaw;
  std::string text;  // law and clause, 1..200 bytes
  bool operator==(const Basis&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(enum_field(level), text);
    require(ar, text.size() <= kMaxBasisBytes);
  }
};

// What is public of an enterprise's event.
struct PublicFacts {
  CodeId code;
  std::optional<std::uint64_t> amount_fen;
  std::string doc;  // number of the decision document; empty = none
  Basis basis;
  std::optional<Grid> grid;
  bool operator==(const PublicFacts&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(code, amount_fen, doc, basis, grid);
    require(ar, doc.size() <= kMaxDocBytes);
  }
};

// What is stored of a person's event: a coarse bucket and a salted commitment to all the rest.
struct CommittedFacts {
  BucketId bucket;
  Hash256 commitment;
  bool operator==(const CommittedFacts&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(bucket, commitment);
  }
};

struct EventFacts {
  RuleId rule;
  Day occurred;
  Day decided;
  std::optional<Day> ended;     // of the act
  std::optional<Day> notified;  // prior notice to the subject
  std::variant<PublicFacts, CommittedFacts> what;
  Hash256 body;           // H(kPayload, sealed private part); zero = none
  bool backfill = false;  // from stock older than this chain
  bool operator==(const EventFacts&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(rule, occurred, decided, ended, notified, what, body, backfill);
  }
};

// The agency's own name of an event, which it records once only. Of an enterprise's event: the
// text, clean in the form of keys, 1..200 bytes. Of a person's event: secret_source_key, so that
// nothing that identifies the case is public.
using Source = std::variant<std::string, SourceKey>;
[[nodiscard]] SourceKey key_of(const Source& source);

struct EventRecord {
  SubjectId subject;
  EventFacts facts;
  std::optional<Source> source;
  bool operator==(const EventRecord&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(subject, facts, source);
    const auto* text = source ? std::get_if<std::string>(&*source) : nullptr;
    require(ar, text == nullptr || text->size() <= kMaxSourceBytes);
  }
};

enum class ChangeReason : std::uint8_t {
  kTypo = 1,
  kWrongSubject = 2,
  kFinalDecision = 3,  // the final instance decided otherwise, or fixed the amount
  kRevoked = 4,        // the act itself was revoked or quashed
  kDuplicate = 5,
  kOther = 6,
};
[[nodiscard]] constexpr bool is_known(ChangeReason r) {
  return r >= ChangeReason::kTypo && r <= ChangeReason::kOther;
}
[[nodiscard]] std::string_view name(ChangeReason r);

// Replaces an event by a new one with new facts; the old one stays, marked superseded. An open
// dispute moves to the new one.
struct EventCorrect {
  EventId event;
  Version version;  // seen
  EventFacts facts;
  ChangeReason reason = ChangeReason::kTypo;
  bool operator==(const EventCorrect&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(event, version, facts, enum_field(reason));
  }
};

struct EventWithdraw {
  EventId event;
  Version version;  // seen
  ChangeReason reason = ChangeReason::kRevoked;
  bool operator==(const EventWithdraw&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(event, version, enum_field(reason));
  }
};

}  // namespace imi::ledger
