// The catalog: event codes, publication rules, persons' buckets, attestation schemas. Data, not
// code: genesis carries it, governance will change it, and a record of the state map proves it.
//
// Source: 《信用修复管理办法》(NDRC order 36) as the table of rules.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/core/types.h"

namespace imi::ledger {

inline constexpr std::size_t kMaxCodes = 256;
inline constexpr std::size_t kMaxRules = 256;
inline constexpr std::size_t kMaxFields = 64;
inline constexpr std::size_t kMaxBuckets = 16;
inline constexpr std::size_t kMaxSchemas = 64;
inline constexpr std::size_t kMaxRulesOfCode = 8;  // rolls of a cell
inline constexpr std::uint32_t kMaxMonths = 1200;

// A name in the two languages of the product, UTF-8, each 1..120 bytes.
struct Names {
  std::string zh;
  std::string en;
  bool operator==(const Names&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(zh, en);
  }
};

// From which day the months of a rule count.
enum class ClockStart : std::uint8_t {
  kDecision = 1,  // the decision document (order 36, default)
  kRecord = 2,    // the day it was recorded, hence published
};
[[nodiscard]] constexpr bool is_known(ClockStart s) {
  return s == ClockStart::kDecision || s == ClockStart::kRecord;
}

// How long an event is published, and when it may be repaired. A prospective change of law makes a
// new rule with a new number, in force for what is decided from a day on; the months of a rule in
// use never shrink or grow silently.
struct Rule {
  RuleId id;
  std::string text;  // "order36-general": stable, [a-z0-9.-], 1..40 bytes
  Names names;
  Gravity gravity = Gravity::kNone;
  Polarity polarity = Polarity::kNegative;  // of every code and bucket that has it
  std::optional<Day> valid_from;            // first day of decisions that it is for
  std::optional<Day> valid_until;           // first day of decisions that it is for no longer
  bool published = false;                   // false: never shown to the public (minor)
  bool shared = true;                       // false: not handed on at all (residents' pacts)
  std::uint16_t min_months = 0;             // before which repair is not granted
  std::uint16_t max_months = 0;  // after which publication stops on its own; 0 = no maximum
  ClockStart start = ClockStart::kDecision;
  std::uint16_t seal_months = 0;  // after the act's END, leaves every answer; 0 = never sealed
  bool repairable = false;
  std::string law;  // clause, for people
  bool operator==(const Rule&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, text, names, enum_field(gravity), enum_field(polarity), valid_from, valid_until,
       published, shared, min_months, max_months, enum_field(start), seal_months, repairable, law);
  }
};
// True if the rule is for what was decided on that day. Of a person only the month is known: the
// rule is in force in it if it is on any of its days.
[[nodiscard]] bool in_force(const Rule& rule, Day decided, SubjectClass of);

// A field of work: food, tax, fire. Agencies have some; a code belongs to one.
struct WorkField {
  FieldId id;
  std::string text;  // "food"
  Names names;
  bool operator==(const WorkField&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, text, names);
  }
};

// Fields that a code demands beyond those every event has. Bits.
inline constexpr std::uint8_t kNeedsAmount = 1;
inline constexpr std::uint8_t kNeedsDoc = 2;
inline constexpr std::uint8_t kNeedsGrid = 4;
inline constexpr std::uint8_t kNeedsNotice = 8;
inline constexpr std::uint8_t kNeedsAll = 15;

// A type of credit event of enterprises.
struct EventCode {
  CodeId id;
  std::string text;  // "food.pests": the field's text, a dot, [a-z0-9-]
  Names names;
  FieldId field;
  Polarity polarity = Polarity::kNeutral;
  BasisLevel weakest_basis = BasisLevel::kNormative;
  std::uint8_t needs = 0;
  std::vector<RuleId> rules;  // allowed, ascending, 1..8; the rule gives the gravity
  bool operator==(const EventCode&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, text, names, field, enum_field(polarity), enum_field(weakest_basis), needs, rules);
  }
};

// What is public of a person's event: which of at most 16 buckets it is in.
struct Bucket {
  BucketId id;
  Polarity polarity = Polarity::kNeutral;
  RuleId rule;                  // gives the gravity
  std::vector<FieldId> fields;  // ascending, at least one: a recorder works in one of them
  bool operator==(const Bucket&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, enum_field(polarity), rule, fields);
  }
};

// What an attestation may say, and how strongly who may say it.
struct Schema {
  SchemaId id;
  std::string text;  // "person-identity"
  Names names;
  std::uint8_t registrar_level = 0;  // highest assurance level a registrar may state; 0 = none
  std::uint8_t issuer_level = 0;     // highest level any other issuer of `field` may state
  FieldId field;
  std::uint16_t max_days = 0;  // longest validity
  bool operator==(const Schema&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(id, text, names, registrar_level, issuer_level, field, max_days);
  }
};

struct CatalogError {
  enum class Reason : std::uint8_t {
    kTooMany,       // more than the limit above
    kNotAscending,  // ids must strictly ascend
    kTextTwice,     // two entries with one text
    kBadText,       // empty, too long, or other characters
    kBadNames,
    kUnknownRule,  // a code or bucket names a rule that is not there
    kUnknownField,
    kBadRules,   // none, too many, or not ascending
    kBadMonths,  // min > max, or beyond kMaxMonths
    kBadRule,    // published but not shared, or the text of the law is too long
    kBadNeeds,
    kBadLevel,
    kBadPolarity,  // a code or bucket has a rule of another polarity
    kBadInterval,  // a rule ends before it begins, or its days are out of range
    kBadFields,    // of a bucket: none, or not ascending
  };
  Reason reason{};
  std::string where;  // text of the entry
};
[[nodiscard]] std::string describe(const CatalogError& e);

struct Catalog {
  SchemaVersion<1> version;
  std::vector<WorkField> fields;  // each list ascending by id
  std::vector<Rule> rules;
  std::vector<EventCode> codes;
  std::vector<Bucket> buckets;
  std::vector<Schema> schemas;
  bool operator==(const Catalog&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, fields, rules, codes, buckets, schemas);
  }

  [[nodiscard]] std::expected<void, CatalogError> validate() const;

  // By number: nullptr if there is none. Logarithmic.
  [[nodiscard]] const WorkField* find(FieldId id) const;
  [[nodiscard]] const Rule* find(RuleId id) const;
  [[nodiscard]] const EventCode* find(CodeId id) const;
  [[nodiscard]] const Bucket* find(BucketId id) const;
  [[nodiscard]] const Schema* find(SchemaId id) const;
  // By text: linear, for people's input.
  [[nodiscard]] const WorkField* field(std::string_view text) const;
  [[nodiscard]] const Rule* rule(std::string_view text) const;
  [[nodiscard]] const EventCode* code(std::string_view text) const;
  [[nodiscard]] const Schema* schema(std::string_view text) const;
  // The rule of a code with that gravity (the first, if several) for what an enterprise's decision
  // of that day is under: what an import that knows "general" looks up. nullptr if the code has
  // none.
  [[nodiscard]] const Rule* rule_for(const EventCode& code, Gravity gravity, Day decided) const;
  // The bucket of that polarity and rule. nullptr if there is none.
  [[nodiscard]] const Bucket* bucket_for(Polarity polarity, RuleId rule) const;
};

}  // namespace imi::ledger
