// The entries about agencies. Decoding bounds every string and list by the limits here; what the
// state or the catalog refuses is refused at execution and recorded (core/refusal.h).
// docs/DATA_FORMAT.md lists all entries.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/core/codes.h"
#include "ledger/core/limits.h"
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
[[nodiscard]] constexpr bool is_known(AgencyTier t) { return t <= AgencyTier::kCommunity; }
[[nodiscard]] std::string_view name(AgencyTier t);

enum class SourceClass : std::uint8_t {
  kStateOrgan = 1,
  kPublicInstitution = 2,
  kPublicUtility = 3,
  kAssociation = 4,
  kCompany = 5,
};
[[nodiscard]] constexpr bool is_known(SourceClass s) {
  return s >= SourceClass::kStateOrgan && s <= SourceClass::kCompany;
}
[[nodiscard]] std::string_view name(SourceClass s);

enum class AgencyStatus : std::uint8_t { kActive = 1, kSuspended = 2, kClosed = 3 };
[[nodiscard]] constexpr bool is_known(AgencyStatus s) {
  return s >= AgencyStatus::kActive && s <= AgencyStatus::kClosed;
}
[[nodiscard]] std::string_view name(AgencyStatus s);

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
  template <class A>
  void serialize(A& ar) {
    ar(short_name, title, uscc, parent, enum_field(tier), enum_field(source_class), roles, fields,
       divisions, keys, as_issued);
    require(ar, short_name.size() <= kMaxShortNameBytes && title.size() <= kMaxNameBytes &&
                    fields.size() <= kMaxAgencyFields && divisions.size() <= kMaxAgencyDivisions &&
                    keys.size() <= kMaxAgencyKeys);
  }
};

struct AgencyRegister {
  AgencyId id;  // agency_id(short_name), so that no short name is used twice
  AgencyProfile profile;
  bool operator==(const AgencyRegister&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, profile);
  }
};

// Changes what is given, leaves the rest. Key changes count from the very next entry on.
struct AgencyUpdate {
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

  template <class A>
  void serialize(A& ar) {
    ar(id, version, title, parent);
    optional_enum(ar, tier);
    ar(roles, fields, divisions, keys);
    optional_enum(ar, status);
    require(ar, (!title || title->size() <= kMaxNameBytes) &&
                    (!fields || fields->size() <= kMaxAgencyFields) &&
                    (!divisions || divisions->size() <= kMaxAgencyDivisions) &&
                    (!keys || keys->size() <= kMaxAgencyKeys));
  }
};

}  // namespace imi::ledger
