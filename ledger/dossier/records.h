// The records of the state map, as stored, hashed and proved: dossiers, which commit to all
// transitions of a subject's events and sum them up by rule and by code.
// Fields of later entries stand at zero, one byte each, so that those need no migration.
// Source: ADR 0003, 0004.
#pragma once

#include <optional>
#include <vector>

#include "base/fields.h"
#include "crypto/range.h"
#include "ledger/core/catalog.h"
#include "ledger/state/record.h"

namespace imi::ledger {

// What a subject's events under one rule amount to. `max_*` never decrease: a withdrawn or
// corrected event still counts in them, so that they are an upper bound (a proof of absence stays
// true; at worst it becomes possible later than it might).
struct Roll {
  RuleId rule;
  std::uint32_t live = 0;        // events in life kLive
  std::uint32_t disputed = 0;    // of those, with an open dispute
  std::uint32_t unended = 0;     // of those, whose act has no end yet
  Day max_start;                 // over all ever recorded: clock_start()
  std::optional<Day> max_ended;  // over all ever recorded that had an end
  bool operator==(const Roll&) const = default;
  template <class V>
  void each_field(V& v) {
    v("rule", rule);
    v("live", live);
    v("disputed", disputed);
    v("unended", unended);
    v("max_start", max_start);
    v("max_ended", max_ended);
  }
};

inline constexpr std::size_t kMaxRolls = 16;
inline constexpr std::size_t kMaxCellRolls = kMaxRulesOfCode;

// The transitions and the roll of one event code (enterprises). Its range has the dossier's leaves
// of that code, in order: n_ever = peaks.size() of them.
struct Cell {
  CodeId code;
  crypto::RangePeaks peaks;
  std::vector<Roll> rolls;  // ascending by rule, <= 8
  bool operator==(const Cell&) const = default;
  template <class V>
  void each_field(V& v) {
    v("code", code);
    v("peaks", peaks);
    v("rolls", rolls, Size{0, kMaxCellRolls});
  }
};

struct DossierState {
  using Key = SubjectId;
  static constexpr RecordUse kUse = RecordUse::kAgain;

  RecordTag<Space::kDossier> schema;
  SubjectClass subject_class = SubjectClass::kEnterprise;
  SubjectLife life = SubjectLife::kOpen;  // as the subject's, so that an event reads one record
  Division division;                      // as the subject's; zero for persons
  crypto::RangePeaks peaks;               // of all transitions: n = peaks.size()
  std::vector<Roll> rolls;                // ascending by rule, <= 16
  crypto::RangePeaks access;
  crypto::RangePeaks grants;
  crypto::RangePeaks links;
  std::vector<Cell> cells;  // ascending by code; empty for persons
  bool operator==(const DossierState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("class", subject_class);
    v("life", life);
    v("division", division);
    v("peaks", peaks);
    v("rolls", rolls, Size{0, kMaxRolls});
    v("access", access);
    v("grants", grants);
    v("links", links);
    v("cells", cells, Size{0, kMaxCodes});
  }
  [[nodiscard]] const Cell* cell(CodeId code) const;
};

enum class Transition : std::uint8_t {
  kRecord = 1,
  kCorrect = 2,  // the new event's leaf; prev_seq = last leaf of the superseded one
  kWithdraw = 3,
  // 4 object, 5 resolve, 6 fulfil, 7 statement, 8 repair.request, 9 repair.decide
};
template <>
inline constexpr auto kWords<Transition> =
    std::to_array<Word<Transition>>({{Transition::kRecord, "record"},
                                     {Transition::kCorrect, "correct"},
                                     {Transition::kWithdraw, "withdraw"}});

// One transition of one event: leaf `seq` of the dossier's range. H(kRangeLeaf, encoding).
struct DossierLeaf {
  SchemaVersion<1> format;
  std::uint64_t seq = 0;
  // Where the entry that made it stands, so that its reason, signature and day can be proved.
  chain::Height height;
  std::uint32_t submission = 0;  // in its block
  std::uint32_t entry = 0;       // in its submission
  Transition op = Transition::kRecord;
  std::uint8_t detail = 0;  // why: the ChangeReason of kCorrect and kWithdraw; otherwise 0
  EventId event;
  Version version;                        // of the event after the transition
  std::optional<std::uint64_t> prev_seq;  // the event's previous transition
  Hash256 body;                           // entry_hash of the entry that made it
  bool operator==(const DossierLeaf&) const = default;
  template <class V>
  void each_field(V& v) {
    v("format", format);
    v("seq", seq);
    v("height", height);
    v("submission", submission);
    v("entry", entry);
    v("op", op);
    v("detail", detail);
    v("event", event);
    v("version", version);
    v("prev_seq", prev_seq);
    v("body", body);
  }
};
[[nodiscard]] Hash256 leaf_hash(const DossierLeaf& leaf);

// A row beside the map: the leaf, and the codes whose cells have it too (none for persons; two when
// a correction moves an event from one code to another).
struct DossierRow {
  DossierLeaf leaf;
  std::vector<CodeId> cells;
  bool operator==(const DossierRow&) const = default;
  template <class V>
  void each_field(V& v) {
    v("leaf", leaf);
    v("cells", cells, Size{0, 2});
  }
};

}  // namespace imi::ledger
