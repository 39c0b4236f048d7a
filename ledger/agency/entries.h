// The entries about agencies. Decoding bounds every string and list by the limits here; what the
// state or the catalog refuses is refused at execution and recorded (core/refusal.h).
// docs/DATA_FORMAT.md lists all entries.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/core/codes.h"
#include "ledger/core/kind.h"
#include "ledger/core/limits.h"
#include "ledger/core/notes.h"
#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::size_t kMaxShortNameBytes = 40;
inline constexpr std::size_t kMaxAgencyKeys = 8;
inline constexpr std::size_t kMaxAgencyDivisions = 32;
inline constexpr std::size_t kMaxAgencyFields = 32;

enum class AgencyTier : std::uint8_t {
  kNational = 0,
  kProvince = 1,
  kCity = 2,
  kDistrict = 3,
  kTown = 4,
  kCommunity = 5,
};
template <>
inline constexpr auto kWords<AgencyTier> =
    std::to_array<Word<AgencyTier>>({{AgencyTier::kNational, "national"},
                                     {AgencyTier::kProvince, "province"},
                                     {AgencyTier::kCity, "city"},
                                     {AgencyTier::kDistrict, "district"},
                                     {AgencyTier::kTown, "town"},
                                     {AgencyTier::kCommunity, "community"}});

enum class SourceClass : std::uint8_t {
  kStateOrgan = 1,
  kPublicInstitution = 2,
  kPublicUtility = 3,
  kAssociation = 4,
  kCompany = 5,
};
template <>
inline constexpr auto kWords<SourceClass> =
    std::to_array<Word<SourceClass>>({{SourceClass::kStateOrgan, "state-organ"},
                                      {SourceClass::kPublicInstitution, "public-institution"},
                                      {SourceClass::kPublicUtility, "public-utility"},
                                      {SourceClass::kAssociation, "association"},
                                      {SourceClass::kCompany, "company"}});

enum class AgencyStatus : std::uint8_t { kActive = 1, kSuspended = 2, kClosed = 3 };
template <>
inline constexpr auto kWords<AgencyStatus> =
    std::to_array<Word<AgencyStatus>>({{AgencyStatus::kActive, "active"},
                                       {AgencyStatus::kSuspended, "suspended"},
                                       {AgencyStatus::kClosed, "closed"}});

// What is said of an agency by whoever registers it. Public.
struct AgencyProfile {
  std::string short_name;  // [a-z0-9-], 1..40 bytes, for people and files: "fire-440604"
  std::string title;       // 1..200 bytes
  Uscc uscc;
  std::optional<AgencyId> parent;
  AgencyTier tier = AgencyTier::kDistrict;
  SourceClass source_class = SourceClass::kStateOrgan;
  Roles roles;
  std::vector<FieldId> fields;          // ascending
  std::vector<Division> divisions;      // ascending, 1..32: where it has jurisdiction
  std::vector<crypto::PublicKey> keys;  // ascending, 1..8: any one signs
  bool as_issued = false;               // the code was issued against its check character
  bool operator==(const AgencyProfile&) const = default;
  template <class V>
  void each_field(V& v) {
    v("short_name", short_name, Size{1, kMaxShortNameBytes},
      Help{"name for people and files: a-z, 0-9 and '-', at most 40 characters"});
    v("title", title, Size{1, kMaxNameBytes}, Help{"official name, at most 200 bytes"});
    v("uscc", uscc, kUsccHelp);
    v("parent", parent, Help{"id of the agency above it"});
    v("tier", tier, kMayBeOmitted, Help{"level of government"});
    v("source_class", source_class, kMayBeOmitted, Help{"what kind of body it is"});
    v("roles", roles, Help{"what it may do"});
    v("fields", fields, Size{0, kMaxAgencyFields}, kMayBeOmitted,
      Help{"fields of work, as the catalog names them"});
    v("divisions", divisions, Size{1, kMaxAgencyDivisions},
      Help{"12-digit division codes: where it has jurisdiction"});
    v("keys", keys, Size{1, kMaxAgencyKeys}, kAgencyKeysHelp);
    v("as_issued", as_issued, kMayBeOmitted, kAsIssuedHelp);
  }
};

struct AgencyRegister {
  static constexpr KindTraits kKind{.number = 1,
                                    .name = "agency.register",
                                    .authors = agencies_with(Role::kCouncil),
                                    .visibility = Visibility::kPublic};

  AgencyId id;  // agency_id(short_name), so that no short name is used twice
  AgencyProfile profile;
  bool operator==(const AgencyRegister&) const = default;
  template <class V>
  void each_field(V& v) {
    v("id", id, kMayBeOmitted, Help{"derived from the short name where it is not given"});
    v("profile", profile);
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(id); }
};

// Changes what is given, leaves the rest. Key changes count from the very next entry on.
struct AgencyUpdate {
  static constexpr KindTraits kKind{.number = 2,
                                    .name = "agency.update",
                                    .authors = agencies_with(Role::kCouncil),
                                    .visibility = Visibility::kPublic};

  AgencyId id;
  Version version;  // seen
  std::optional<std::string> title;
  std::optional<AgencyId> parent;  // zero = none any more
  std::optional<AgencyTier> tier;
  std::optional<Roles> roles;
  std::optional<std::vector<FieldId>> fields;
  std::optional<std::vector<Division>> divisions;
  std::optional<std::vector<crypto::PublicKey>> keys;
  std::optional<AgencyStatus> status;
  bool operator==(const AgencyUpdate&) const = default;

  template <class V>
  void each_field(V& v) {
    v("id", id, kAgencyIdHelp);
    v("version", version, kVersionHelp);
    v("title", title, Size{1, kMaxNameBytes}, Help{"official name, at most 200 bytes"});
    v("parent", parent, Help{"id of the agency above it"});
    v("tier", tier, Help{"level of government"});
    v("roles", roles, Help{"what it may do"});
    v("fields", fields, Size{0, kMaxAgencyFields},
      Help{"fields of work, as the catalog names them"});
    v("divisions", divisions, Size{1, kMaxAgencyDivisions},
      Help{"12-digit division codes: where it has jurisdiction"});
    v("keys", keys, Size{1, kMaxAgencyKeys}, kAgencyKeysHelp);
    v("status", status, Help{"suspended agencies author nothing; closed is final"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(id); }
};

// An agency changes its own keys: one is added, or taken away, or both. What the council gave it
// otherwise stays. Counts from the very next entry on.
struct AgencyRekey {
  static constexpr KindTraits kKind{.number = 3,
                                    .name = "agency.rekey",
                                    .authors = kAnyAgency,
                                    .visibility = Visibility::kPublic};

  AgencyId id;      // the author's own
  Version version;  // seen
  std::optional<crypto::PublicKey> add;
  // With the new key, over agency_key_digest(): whoever adds a key holds it. One key per entry
  // bounds what an entry costs to check.
  std::optional<crypto::Signature> holding;
  std::optional<crypto::PublicKey> remove;
  bool operator==(const AgencyRekey&) const = default;
  template <class V>
  void each_field(V& v) {
    v("id", id, kAgencyIdHelp);
    v("version", version, kVersionHelp);
    v("add", add, Help{"a new public key, 66 hexadecimal characters"});
    v("holding", holding, Help{"signature by the new key, 128 hexadecimal characters"});
    v("remove", remove, Help{"a public key that signs no longer, 66 hexadecimal characters"});
  }
  [[nodiscard]] Hash256 result_id(const EntryPlace&) const { return chain::retag<Hash256>(id); }
};
// What the new key signs.
[[nodiscard]] Hash256 agency_key_digest(const chain::GenesisId& genesis, const AgencyId& id,
                                        Version version, const crypto::PublicKey& key);

}  // namespace imi::ledger
