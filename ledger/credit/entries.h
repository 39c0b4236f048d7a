// The entries about credit events. Decoding bounds every string by the limits here; what the state
// or the catalog refuses is refused at execution and recorded (core/refusal.h).
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ledger/core/codes.h"
#include "ledger/core/kind.h"
#include "ledger/core/notes.h"
#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::size_t kMaxDocBytes = 100;
inline constexpr std::size_t kMaxBasisBytes = 200;
inline constexpr std::size_t kMaxSourceBytes = 200;

struct Basis {
  BasisLevel level = BasisLevel::kLaw;
  std::string text;  // law and clause, 1..200 bytes
  bool operator==(const Basis&) const = default;
  template <class V>
  void each_field(V& v) {
    v("level", level);
    v("text", text, Size{1, kMaxBasisBytes});
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
  template <class V>
  void each_field(V& v) {
    v("code", code);
    v("amount_fen", amount_fen);
    v("doc", doc, Size{0, kMaxDocBytes});
    v("basis", basis);
    v("grid", grid);
  }
};

// What is stored of a person's event: a coarse bucket and a salted commitment to all the rest.
struct CommittedFacts {
  BucketId bucket;
  Hash256 commitment;
  bool operator==(const CommittedFacts&) const = default;
  template <class V>
  void each_field(V& v) {
    v("bucket", bucket);
    v("commitment", commitment);
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
  template <class V>
  void each_field(V& v) {
    v("rule", rule);
    v("occurred", occurred);
    v("decided", decided);
    v("ended", ended);
    v("notified", notified);
    v("what", what);
    v("body", body);
    v("backfill", backfill);
  }
};

// Facts are public exactly where the subject is an enterprise.
[[nodiscard]] bool is_public(const EventFacts& facts);
// The field that would describe a person in plain: all public facts, or a day finer than a month.
[[nodiscard]] RefusalField plain_field(const EventFacts& facts);

// The agency's own name of an event, which it records once only. Of an enterprise's event: the
// text, clean in the form of keys, 1..200 bytes. Of a person's event: secret_source_key, so that
// nothing that identifies the case is public.
using Source = std::variant<std::string, SourceKey>;
[[nodiscard]] SourceKey key_of(const Source& source);

struct EventRecord {
  static constexpr KindTraits kKind{.number = 30,
                                    .name = "event.record",
                                    .authors = agencies_with(Role::kRecorder),
                                    .visibility = Visibility::kAsSubject};

  SubjectId subject;
  EventFacts facts;
  std::optional<Source> source;
  bool operator==(const EventRecord&) const = default;
  template <class V>
  void each_field(V& v) {
    v("subject", subject);
    v("facts", facts);
    v("source_key", source, Size{1, kMaxSourceBytes},
      Help{"the agency's own number of the case: recorded once only"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace& place) const;
  [[nodiscard]] About about() const;
};

enum class ChangeReason : std::uint8_t {
  kTypo = 1,
  kWrongSubject = 2,
  kFinalDecision = 3,  // the final instance decided otherwise, or fixed the amount
  kRevoked = 4,        // the act itself was revoked or quashed
  kDuplicate = 5,
  kOther = 6,
};
template <>
inline constexpr auto kWords<ChangeReason> =
    std::to_array<Word<ChangeReason>>({{ChangeReason::kTypo, "typo"},
                                       {ChangeReason::kWrongSubject, "wrong-subject"},
                                       {ChangeReason::kFinalDecision, "final-decision"},
                                       {ChangeReason::kRevoked, "revoked"},
                                       {ChangeReason::kDuplicate, "duplicate"},
                                       {ChangeReason::kOther, "other"}});

// Replaces an event by a new one with new facts; the old one stays, marked superseded. An open
// dispute moves to the new one.
struct EventCorrect {
  static constexpr KindTraits kKind{.number = 31,
                                    .name = "event.correct",
                                    .authors = agencies_with(Role::kRecorder),
                                    .visibility = Visibility::kAsSubject};

  EventId event;
  Version version{1};  // seen
  EventFacts facts;
  ChangeReason reason = ChangeReason::kTypo;
  bool operator==(const EventCorrect&) const = default;
  template <class V>
  void each_field(V& v) {
    v("eid", event, kEventIdHelp);
    v("version", version, kMayBeOmitted, kVersionHelp);
    v("facts", facts);
    v("reason", reason, Help{"why it is corrected"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace& place) const;
  [[nodiscard]] About about() const;
};

struct EventWithdraw {
  static constexpr KindTraits kKind{.number = 32,
                                    .name = "event.withdraw",
                                    .authors = agencies_with(Role::kRecorder),
                                    .visibility = Visibility::kAsSubject};

  EventId event;
  Version version{1};  // seen
  ChangeReason reason = ChangeReason::kRevoked;
  bool operator==(const EventWithdraw&) const = default;
  template <class V>
  void each_field(V& v) {
    v("eid", event, kEventIdHelp);
    v("version", version, kMayBeOmitted, kVersionHelp);
    v("reason", reason, kMayBeOmitted, Help{"why it is withdrawn"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(event); }
  [[nodiscard]] About about() const { return about_event(event, RefusalField::kNone); }
};

}  // namespace imi::ledger
