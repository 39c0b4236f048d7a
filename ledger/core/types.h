// The names and numbers of the ledger: who, what, when, where. Fixed sizes only; nothing in here is
// derived from a person's data.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/strong_id.h"
#include "chain/ids.h"
#include "crypto/suite.h"
#include "ledger/core/words.h"

namespace imi::ledger {

// An agency. Chosen by who registers it; genesis derives it from the short name (codes.h).
using AgencyId = FixedBytes<struct AgencyIdTag, 32>;
// A person (random) or an enterprise (derived from its public code: enterprise_id()).
using SubjectId = FixedBytes<struct SubjectIdTag, 32>;
// Who signs a submission: an agency's id, a subject's id, or key_hash() of the signing key itself
// (the holder of an attestation, who is nobody else to the ledger).
using AuthorId = FixedBytes<struct AuthorIdTag, 32>;
// A credit event (event_id()).
using EventId = FixedBytes<struct EventIdTag, 32>;
// An attestation: random, unlinked to any subject.
using AttestationId = FixedBytes<struct AttestationIdTag, 32>;

// Days since 1970-01-01 in UTC+8, the calendar of every rule (calendar.h).
using Day = StrongId<struct DayTag, std::int32_t>;
// Number of an event code, rule, field or schema in the catalog. Stable; the texts are the
// catalog's.
using CodeId = StrongId<struct CodeIdTag, std::uint16_t>;
using RuleId = StrongId<struct RuleIdTag, std::uint16_t>;
using FieldId = StrongId<struct FieldIdTag, std::uint8_t>;
using SchemaId = StrongId<struct SchemaIdTag, std::uint16_t>;
// A person's coarse bucket, 0..15: polarity, class and rule, by the catalog.
using BucketId = StrongId<struct BucketIdTag, std::uint8_t>;
// Counts changes of one record, from 1. An entry that changes a record names the version it saw.
using Version = StrongId<struct VersionTag, std::uint32_t>;

// A 12-digit administrative division code as a number: 440604010001. Province 2 digits, city 2,
// district 2, town 3, community 3; zero levels at the end mean "all of the level above".
struct Division {
  std::uint64_t code = 0;
  constexpr auto operator<=>(const Division&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(code);
    require(ar, code < 1'000'000'000'000ULL);
  }
};

// A micro-grid: cell `cell` of district `district` (6 digits) in version `set` of the grid data.
// Text form "440604G0460" (the set apart).
struct Grid {
  std::uint16_t set = 1;
  std::uint32_t district = 0;
  std::uint32_t cell = 0;
  constexpr auto operator<=>(const Grid&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(set, district, cell);
    require(ar, district < 1'000'000);
  }
};

// Persons and enterprises: what is public of the one is never stored of the other.
enum class SubjectClass : std::uint8_t { kEnterprise = 1, kPerson = 2 };
template <>
inline constexpr auto kWords<SubjectClass> = std::to_array<Word<SubjectClass>>(
    {{SubjectClass::kEnterprise, "enterprise"}, {SubjectClass::kPerson, "person"}});

enum class SubjectLife : std::uint8_t { kOpen = 1, kClosed = 2, kForwarded = 3 };
template <>
inline constexpr auto kWords<SubjectLife> =
    std::to_array<Word<SubjectLife>>({{SubjectLife::kOpen, "open"},
                                      {SubjectLife::kClosed, "closed"},
                                      {SubjectLife::kForwarded, "forwarded"}});

// 轻微, 一般, 严重; kNone for what has no gravity (a passed inspection, a registration).
enum class Gravity : std::uint8_t { kNone = 0, kMinor = 1, kGeneral = 2, kSerious = 3 };
template <>
inline constexpr auto kWords<Gravity> =
    std::to_array<Word<Gravity>>({{Gravity::kNone, "none"},
                                  {Gravity::kMinor, "minor"},
                                  {Gravity::kGeneral, "general"},
                                  {Gravity::kSerious, "serious"}});

enum class Polarity : std::uint8_t { kNeutral = 0, kPositive = 1, kNegative = 2 };
template <>
inline constexpr auto kWords<Polarity> =
    std::to_array<Word<Polarity>>({{Polarity::kNeutral, "neutral"},
                                   {Polarity::kPositive, "positive"},
                                   {Polarity::kNegative, "negative"}});

// On what an act rests, strongest first (法律, 行政法规, 部门规章或地方性法规, 规范性文件,
// 居民公约).
enum class BasisLevel : std::uint8_t {
  kLaw = 1,
  kRegulation = 2,
  kRule = 3,
  kNormative = 4,
  kPact = 5,
};
template <>
inline constexpr auto kWords<BasisLevel> =
    std::to_array<Word<BasisLevel>>({{BasisLevel::kLaw, "law"},
                                     {BasisLevel::kRegulation, "regulation"},
                                     {BasisLevel::kRule, "rule"},
                                     {BasisLevel::kNormative, "normative"},
                                     {BasisLevel::kPact, "pact"}});

// What an agency may do. A set of bits (Roles).
enum class Role : std::uint32_t {
  kCouncil = 1,    // G: registers and updates agencies
  kRegistrar = 2,  // R: registers persons
  kMarket = 4,     // registers enterprises
  kRecorder = 8,   // records credit events
  kIssuer = 16,    // issues attestations
};
template <>
inline constexpr auto kWords<Role> = std::to_array<Word<Role>>({{Role::kCouncil, "council"},
                                                                {Role::kRegistrar, "registrar"},
                                                                {Role::kMarket, "market"},
                                                                {Role::kRecorder, "recorder"},
                                                                {Role::kIssuer, "issuer"}});
struct Roles {
  std::uint32_t bits = 0;
  static constexpr std::uint32_t kAll = 31;
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (Role r : roles) bits |= static_cast<std::uint32_t>(r);
  }
  constexpr bool operator==(const Roles&) const = default;
  [[nodiscard]] constexpr bool has(Role r) const {
    return (bits & static_cast<std::uint32_t>(r)) != 0;
  }
  // The words of those that it has.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const Role r : kValues<Role>) {
      if (has(r)) out.emplace_back(name(r));
    }
    return out;
  }
  template <class A>
  void serialize(A& ar) {
    ar(bits);
    require(ar, bits <= kAll);
  }
};

}  // namespace imi::ledger
