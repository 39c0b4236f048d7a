// What every kind of entry says of itself, beside its fields (base/fields.h): its number and name,
// who may author it, and who may see it. Nothing here has a default: a kind that leaves one of
// these out does not compile (EntryDescription). From it follow the author's authority at
// execution, the look at persons' data before the pool, and what the log shows to whom.
#pragma once

#include <concepts>
#include <string_view>

#include "base/fields.h"
#include "ledger/core/refusal.h"
#include "ledger/core/types.h"

namespace imi::ledger {

// The number of a kind: the tag of an entry's bytes. The kinds there are: submission/entry.h.
enum class EntryKind : std::uint8_t {};

// A member that a designated initialiser cannot leave out.
template <class T>
struct Required {
  template <std::convertible_to<T> U>
  constexpr Required(U v) : value(v) {}  // NOLINT(google-explicit-constructor): to be written as T
  T value;
};

// Who may author a kind. Each needs a key that the author has now, and agencies to be active.
struct Authors {
  enum class Who : std::uint8_t {
    kRole,            // an agency with `role`
    kAgency,          // any agency; what it may change is the kind's own rule
    kAgencyOrHolder,  // or whoever holds the attestation, under the hash of the holder's key
  };
  Who who;
  Role role;  // of kRole
};
[[nodiscard]] constexpr Authors agencies_with(Role role) { return {Authors::Who::kRole, role}; }
inline constexpr Authors kAnyAgency{Authors::Who::kAgency, {}};
inline constexpr Authors kAgencyOrHolder{Authors::Who::kAgencyOrHolder, {}};

// Who may see an entry of a kind.
enum class Visibility : std::uint8_t {
  kPublic = 1,     // anyone: the kind says nothing of a person
  kAsSubject = 2,  // as about() says
};

struct KindTraits {
  Required<int> number;             // 1..255: the tag of its bytes
  Required<std::string_view> name;  // "event.record": stable
  Required<Authors> authors;
  Required<Visibility> visibility;

  [[nodiscard]] constexpr EntryKind kind() const { return static_cast<EntryKind>(number.value); }
};

// Whom an entry is about, as far as the entry itself says so. A person's is never public.
struct About {
  enum class Whose : std::uint8_t {
    kPerson,   // a person: the entry alone tells
    kSubject,  // `subject`, a person or an enterprise
    kEvent,    // the subject of `event`
  };
  Whose whose = Whose::kPerson;
  SubjectId subject;
  EventId event;
  // The field that would describe a person in plain, should it be about one; kNone if there is
  // none.
  RefusalField plain = RefusalField::kNone;
};
[[nodiscard]] inline About about_person(RefusalField plain) {
  return {About::Whose::kPerson, {}, {}, plain};
}
[[nodiscard]] inline About about_subject(const SubjectId& id, RefusalField plain) {
  return {About::Whose::kSubject, id, {}, plain};
}
[[nodiscard]] inline About about_event(const EventId& id, RefusalField plain) {
  return {About::Whose::kEvent, {}, id, plain};
}

// Where an entry stands: what the id of a thing that it creates may be made from.
struct EntryPlace {
  const AuthorId& author;
  const chain::SubmissionId& submission;
  std::uint32_t index;
};

// A struct that describes a kind in full. A kind that is shown as its subject is says whose it is;
// one that is public has nothing to say.
template <class E>
concept EntryDescription =
    HasFields<E> && std::same_as<decltype(E::kKind), const KindTraits> &&
    (E::kKind.number.value >= 1 && E::kKind.number.value <= 255) &&
    requires(const E& e, const EntryPlace& place) {
      // The id of what an accepted entry creates or changes.
      { e.result_id(place) } -> std::same_as<Hash256>;
    } && ((E::kKind.visibility.value == Visibility::kAsSubject) == requires(const E& e) {
      { e.about() } -> std::same_as<About>;
    });

}  // namespace imi::ledger
