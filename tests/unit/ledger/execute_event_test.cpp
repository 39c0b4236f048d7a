// Credit events: recording, correcting, withdrawing; rolls, cells and ranges kept right.
#include "ledger/credit/status.h"
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

namespace {

EventRecord record(const SubjectId& subject, Day day, RuleId rule = kGeneral,
                   CodeId code = kPests) {
  return {subject, food_facts(day, rule, code), std::nullopt};
}

PublicFacts& facts_of(EventRecord& e) { return std::get<PublicFacts>(e.facts.what); }

}  // namespace

TEST_CASE("An event is recorded: its record, its leaf, its roll and its cell") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Day day = w.today().prev();
  const EventRecord e = record(sid, day);
  const Outcome o = w.run_one(w.food, e);
  REQUIRE(accepted(o));
  const EventState state = w.event(o.id);
  CHECK(state.subject == sid);
  CHECK(state.recorder == w.food.id);
  CHECK(state.facts == e.facts);
  CHECK(state.height == w.height);
  CHECK(state.recorded == w.today());
  CHECK(state.life == Life::kLive);
  CHECK(state.last_seq == 0);

  const DossierState d = w.dossier(sid);
  REQUIRE(d.rolls.size() == 1);
  CHECK(d.rolls[0] == Roll{kGeneral, 1, 0, 1, day, std::nullopt});
  REQUIRE(d.cells.size() == 1);
  CHECK(d.cells[0].code == kPests);
  CHECK(d.cells[0].peaks.size() == 1);
  CHECK(d.cells[0].rolls == d.rolls);

  const auto rows = w.rows_of(sid);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].leaf.event == chain::retag<EventId>(o.id));
  CHECK(rows[0].leaf.op == Transition::kRecord);
  CHECK(rows[0].leaf.version == Version(1));
  CHECK(rows[0].leaf.body == entry_hash(e));
  CHECK_FALSE(rows[0].leaf.prev_seq.has_value());
}

TEST_CASE("Recording is refused by name, and leaves no trace") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Day today = w.today();
  EventRecord e = record(sid, today);
  const Agency* by = &w.food;
  std::string expected;
  auto field = RefusalField::kNone;
  SUBCASE("no recorder role") {
    by = &w.market;
    expected = "role-missing";
  }
  SUBCASE("no such subject") {
    e.subject.bytes[0] ^= 1;
    expected = "no-such-subject";
    field = RefusalField::kSubject;
  }
  SUBCASE("no such code") {
    facts_of(e).code = CodeId(999);
    expected = "no-such-code";
    field = RefusalField::kCode;
  }
  SUBCASE("no such rule") {
    e.facts.rule = RuleId(999);
    expected = "no-such-rule";
    field = RefusalField::kRule;
  }
  SUBCASE("a rule that the code does not have") {
    e.facts.rule = kPositive;
    expected = "rule-not-allowed";
    field = RefusalField::kRule;
  }
  SUBCASE("another agency's field") {
    by = &w.tax;
    expected = "type-scope";
    field = RefusalField::kCode;
  }
  SUBCASE("decided tomorrow") {
    e.facts.decided = today.next();
    expected = "day-in-future";
    field = RefusalField::kDecided;
  }
  SUBCASE("occurred tomorrow") {
    e.facts.occurred = today.next();
    expected = "day-in-future";
    field = RefusalField::kOccurred;
  }
  SUBCASE("ended tomorrow") {
    e.facts.ended = today.next();
    expected = "day-in-future";
    field = RefusalField::kEnded;
  }
  SUBCASE("notified tomorrow") {
    e.facts.notified = today.next();
    expected = "day-in-future";
    field = RefusalField::kNotified;
  }
  SUBCASE("decided before it occurred") {
    e.facts.decided = today.prev();
    expected = "days-out-of-order";
    field = RefusalField::kDecided;
  }
  SUBCASE("ended before it occurred") {
    e.facts.ended = today.prev();
    expected = "days-out-of-order";
    field = RefusalField::kEnded;
  }
  SUBCASE("before 1900") {
    e.facts.occurred = kFirstDay.prev();
    expected = "field-out-of-range";
    field = RefusalField::kOccurred;
  }
  SUBCASE("a day far off") {
    e.facts.decided = Day(INT32_MAX);
    expected = "field-out-of-range";
    field = RefusalField::kDecided;
  }
  SUBCASE("backfill of something new") {
    e.facts.backfill = true;
    expected = "field-out-of-range";
    field = RefusalField::kBackfill;
  }
  SUBCASE("no document") {
    facts_of(e).doc = "";
    expected = "field-missing";
    field = RefusalField::kDoc;
  }
  SUBCASE("a weak basis") {
    facts_of(e).basis.level = BasisLevel::kNormative;
    expected = "basis-insufficient";
    field = RefusalField::kBasis;
  }
  SUBCASE("no basis") {
    facts_of(e).basis.text = "";
    expected = "field-text";
    field = RefusalField::kBasis;
  }
  SUBCASE("an absurd amount") {
    facts_of(e).amount_fen = UINT64_MAX;
    expected = "field-out-of-range";
    field = RefusalField::kAmount;
  }
  SUBCASE("a grid of no district") {
    facts_of(e).grid = Grid{};
    expected = "field-out-of-range";
    field = RefusalField::kGrid;
  }
  SUBCASE("a grid of another district") {
    facts_of(e).grid = Grid{1, 440605, 1};
    expected = "out-of-jurisdiction";
    field = RefusalField::kGrid;
  }
  SUBCASE("a person's form for an enterprise") {
    e.facts = person_facts(floor_to_month(today));
    expected = "type-scope";
    field = RefusalField::kBucket;
  }
  const auto records = w.view.records;
  const auto log = w.view.log.size();
  const Outcome o = w.run_one(*by, e);
  CHECK(what(o) == expected);
  CHECK(o.refusal.field == field);
  CHECK_FALSE(describe(o.refusal).empty());
  CHECK(w.view.log.size() == log);
  CHECK(w.view.records.size() == records.size() + 1);  // the submission's fate
  for (const auto& [path, value] : records) CHECK(w.view.records[path] == value);
  CHECK(w.rows_of(sid).empty());
}

TEST_CASE("The day of an event is compared with the block's day in UTC+8, to the millisecond") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Day tomorrow = w.today().next();
  w.time = start_of(tomorrow).plus(-2);
  w.step_ms = 1;
  CHECK(what(w.run_one(w.food, record(sid, tomorrow))) == "day-in-future");
  CHECK(what(w.run_one(w.food, record(sid, tomorrow))) == "accepted");
}

TEST_CASE("Codes may demand an amount, a grid and a prior notice") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Day day = w.today();
  EventRecord e = record(sid, day, kGeneral, kArrears);
  const auto run = [&] { return w.run_one(w.tax, e); };
  CHECK(run().refusal.field == RefusalField::kAmount);
  facts_of(e).amount_fen = 100;
  CHECK(run().refusal.field == RefusalField::kGrid);
  facts_of(e).grid = Grid{1, 440604, 7};
  CHECK(what(run()) == "notice-missing");
  e.facts.notified = day;
  CHECK(what(run()) == "accepted");
  e.facts.decided = e.facts.occurred = day.prev();
  CHECK(what(run()) == "notice-missing");  // notice after the decision
}

TEST_CASE("An enterprise elsewhere is out of jurisdiction unless the grid is at home") {
  World w;
  Agency other{"market-2", agency_id("market-2"), crypto::SecretKey::generate(w.random)};
  AgencyRegister reg = new_agency("market-2", other.key.public_key());
  reg.profile.roles = {Role::kMarket};
  reg.profile.divisions = {Division{440605000000}};
  REQUIRE(accepted(w.run_one(w.council, reg)));
  const SubjectEnterprise shop{test_uscc(9), "shop", Division{440605010001}};
  REQUIRE(accepted(w.run_one(other, shop)));
  EventRecord e = record(enterprise_id(shop.uscc), w.today());
  const Outcome o = w.run_one(w.food, e);
  CHECK(what(o) == "out-of-jurisdiction");
  CHECK(o.refusal.a == 440605010001);
  facts_of(e).grid = Grid{1, 440604, 7};
  CHECK(what(w.run_one(w.food, e)) == "accepted");
}

TEST_CASE(
    "A source key is recorded once by an agency: again is a duplicate, whatever else differs") {
  World w;
  const SubjectId sid = w.enterprise(1);
  EventRecord e = record(sid, w.today());
  e.source = "case 1";
  const auto outcomes = w.run(w.food, {e, e});
  CHECK(what(outcomes[0]) == "accepted");
  CHECK(what(outcomes[1]) == "duplicate-source");
  CHECK(outcomes[0].id == chain::retag<Hash256>(event_id(w.food.id, key_of(*e.source))));
  e.facts.occurred = e.facts.occurred.prev();
  CHECK(what(w.run_one(w.food, e)) == "duplicate-source");
  REQUIRE(accepted(
      w.run_one(w.food, EventWithdraw{chain::retag<EventId>(outcomes[0].id), Version(1)})));
  CHECK(what(w.run_one(w.food, e)) == "duplicate-source");  // a withdrawn one still was recorded
  CHECK(w.dossier(sid).peaks.size() == 2);
  e.source = "case 2";
  CHECK(what(w.run_one(w.food, e)) == "accepted");
  e.source.reset();
  CHECK(what(w.run_one(w.food, e)) == "accepted");
}

TEST_CASE("One case is recorded once, however its number is spelt") {
  World w;
  const SubjectId sid = w.enterprise(1);
  EventRecord e = record(sid, w.today());
  e.source = "K-17";
  REQUIRE(accepted(w.run_one(w.food, e)));
  for (const char* same : {"k-17", "K\u201317"}) {
    e.source = same;
    CHECK(what(w.run_one(w.food, e)) == "duplicate-source");
  }
  // A spelling that is not in the one form never gets so far.
  for (const char* bad : {"K-17 ", " K-17", "Ｋ－17", "K-\u200b17", "K-17\t", "", "  "}) {
    e.source = bad;
    const Outcome o = w.run_one(w.food, e);
    CHECK(what(o) == "field-text");
    CHECK(o.refusal.field == RefusalField::kSource);
  }
  // Nor does a digest that its maker may have made of any spelling.
  e.source = source_key("K-18");
  CHECK(what(w.run_one(w.food, e)) == "source-form");
  CHECK(w.dossier(sid).rolls.at(0).live == 1);
}

TEST_CASE("Required text is text that can be seen, and in one form") {
  World w;
  const SubjectId sid = w.enterprise(1);
  EventRecord e = record(sid, w.today());
  for (const char* bad : {" ", "\u3000", "\u3164", "\u200b", "a ", "a  b", "e\u0301"}) {
    e = record(sid, w.today());
    facts_of(e).basis.text = bad;
    CHECK(what(w.run_one(w.food, e)) == "field-text");
    e = record(sid, w.today());
    facts_of(e).doc = bad;
    CHECK(what(w.run_one(w.food, e)) == "field-text");
    const SubjectEnterprise shop{test_uscc(9), bad, Division{440604010001}};
    CHECK(what(w.run_one(w.market, shop)) == "field-text");
  }
}

TEST_CASE("A person's event is a bucket, a month and a commitment, or it is refused") {
  World w;
  const SubjectId sid = w.person(1);
  const Day month = floor_to_month(w.today());
  EventRecord e{sid, person_facts(month), std::nullopt};
  const auto run = [&] { return w.run_one(w.food, e); };
  const Outcome o = run();
  REQUIRE(accepted(o));
  CHECK(w.event(o.id).recorded == month);
  CHECK(w.dossier(sid).cells.empty());
  CHECK(w.dossier(sid).rolls.size() == 1);

  SUBCASE("public facts") {
    e.facts = food_facts(month);
    CHECK(what(run()) == "plaintext-for-person");
  }
  SUBCASE("the day it occurred") {
    e.facts.occurred = month.prev();
    CHECK(what(run()) == "plaintext-for-person");
    CHECK(run().refusal.field == RefusalField::kOccurred);
  }
  SUBCASE("the day it was decided") {
    e.facts.decided = month.next();
    CHECK(what(run()) == "plaintext-for-person");
  }
  SUBCASE("the day it ended") {
    e.facts.ended = month.next();
    CHECK(what(run()) == "plaintext-for-person");
  }
  SUBCASE("the day of the notice") {
    e.facts.notified = month.prev();
    CHECK(what(run()) == "plaintext-for-person");
  }
  SUBCASE("another rule than the bucket's") {
    e.facts.rule = kGeneral;
    CHECK(what(run()) == "rule-not-allowed");
  }
  SUBCASE("no such bucket") {
    std::get<CommittedFacts>(e.facts.what).bucket = BucketId(9);
    CHECK(what(run()) == "no-such-bucket");
  }
  SUBCASE("no commitment") {
    std::get<CommittedFacts>(e.facts.what).commitment = {};
    CHECK(what(run()) == "field-out-of-range");
  }
}

TEST_CASE("A correction makes a new event, marks the old one, and links both ways") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Day day = w.today().prev();
  const Outcome first = w.run_one(w.food, record(sid, day, kGeneral, kPests));
  const EventId old_id = chain::retag<EventId>(first.id);
  EventFacts facts = food_facts(day.prev(), kPositive, kPassed);
  const EventCorrect fix{old_id, Version(1), facts, ChangeReason::kTypo};
  const Outcome o = w.run_one(w.food, fix);
  REQUIRE(accepted(o));
  const EventState old_event = w.event(first.id);
  const EventState new_event = w.event(o.id);
  CHECK(old_event.life == Life::kSuperseded);
  CHECK(old_event.superseded_by == chain::retag<EventId>(o.id));
  CHECK(old_event.record_version == Version(2));
  CHECK(new_event.life == Life::kLive);
  CHECK(new_event.supersedes == old_id);
  CHECK(new_event.facts == facts);
  CHECK(new_event.recorded == old_event.recorded);

  const DossierState d = w.dossier(sid);
  REQUIRE(d.rolls.size() == 2);
  CHECK(d.rolls[0] == Roll{kGeneral, 0, 0, 0, day, std::nullopt});  // max_start stays: conservative
  CHECK(d.rolls[1] == Roll{kPositive, 1, 0, 1, day.prev(), std::nullopt});
  REQUIRE(d.cells.size() == 2);
  CHECK(d.cells[0].peaks.size() == 2);  // the leaving is a transition of the old code's cell too
  CHECK(d.cells[1].peaks.size() == 1);
  const auto rows = w.rows_of(sid);
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].leaf.op == Transition::kCorrect);
  CHECK(rows[1].leaf.event == chain::retag<EventId>(o.id));
  CHECK(rows[1].leaf.prev_seq == 0);
  CHECK(rows[1].cells == std::vector{kPests, kPassed});

  CHECK(what(w.run_one(w.food, fix)) == "superseded");
  CHECK(what(w.run_one(w.food, EventWithdraw{old_id, Version(2)})) == "superseded");
  CHECK(what(w.run_one(w.food, EventWithdraw{chain::retag<EventId>(o.id), Version(1)})) ==
        "accepted");
}

TEST_CASE("A correction or withdrawal is refused by name") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const EventId id = chain::retag<EventId>(w.run_one(w.food, record(sid, w.today())).id);
  EventCorrect fix{id, Version(1), food_facts(w.today()), ChangeReason::kTypo};
  EventWithdraw withdraw{id, Version(1)};
  CHECK(what(w.run_one(w.tax, withdraw)) == "not-recorder");
  CHECK(what(w.run_one(w.market, withdraw)) == "role-missing");
  withdraw.version = Version(2);
  const Outcome stale = w.run_one(w.food, withdraw);
  CHECK(what(stale) == "stale-version");
  CHECK(stale.refusal.b == 1);
  withdraw.event.bytes[0] ^= 1;
  CHECK(what(w.run_one(w.food, withdraw)) == "no-such-event");
  fix.facts.decided = w.today().next();
  CHECK(what(w.run_one(w.food, fix)) == "day-in-future");
  fix.facts = person_facts(floor_to_month(w.today()));
  CHECK(what(w.run_one(w.food, fix)) == "type-scope");
  fix.facts = food_facts(w.today());
  fix.version = Version(9);
  CHECK(what(w.run_one(w.food, fix)) == "stale-version");
  REQUIRE(accepted(w.run_one(w.food, EventWithdraw{id, Version(1)})));
  fix.version = Version(2);
  CHECK(what(w.run_one(w.food, fix)) == "withdrawn");
  CHECK(what(w.run_one(w.food, EventWithdraw{id, Version(2)})) == "withdrawn");
}

TEST_CASE("A dispute survives a correction and a withdrawal") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Outcome first = w.run_one(w.food, record(sid, w.today()));
  // Plant an open dispute, as event.object will make it.
  EventState event = w.event(first.id);
  event.dispute = {DisputeState::kOpen, w.today(), w.today().plus(20)};
  w.view.records[state_path(Space::kEvent, chain::retag<EventId>(first.id))] = encode(event);
  DossierState d = w.dossier(sid);
  d.rolls[0].disputed = 1;
  d.cells[0].rolls[0].disputed = 1;
  w.view.records[state_path(Space::kDossier, sid)] = encode(d);

  const EventCorrect fix{chain::retag<EventId>(first.id), Version(1),
                         food_facts(w.today(), kSerious), ChangeReason::kFinalDecision};
  const Outcome o = w.run_one(w.food, fix);
  REQUIRE(accepted(o));
  CHECK(w.event(o.id).dispute == event.dispute);
  CHECK(w.event(first.id).dispute == Dispute{});
  d = w.dossier(sid);
  CHECK(d.rolls[0].disputed == 0);
  CHECK(d.rolls[1].rule == kSerious);
  CHECK(d.rolls[1].disputed == 1);
  REQUIRE(accepted(w.run_one(w.food, EventWithdraw{chain::retag<EventId>(o.id), Version(1)})));
  CHECK(w.event(o.id).dispute == event.dispute);
  CHECK(w.dossier(sid).rolls[1].disputed == 0);  // counts live events only
}

TEST_CASE("A dossier that has sixteen rules takes no event under a seventeenth") {
  World w;
  const SubjectId sid = w.enterprise(1);
  DossierState d = w.dossier(sid);
  for (std::uint16_t i = 0; i < kMaxRolls; ++i) {
    Roll roll;
    roll.rule = RuleId(static_cast<std::uint16_t>(100 + i));
    d.rolls.push_back(roll);
  }
  w.view.records[state_path(Space::kDossier, sid)] = encode(d);
  const Outcome o = w.run_one(w.food, record(sid, w.today()));
  CHECK(what(o) == "roll-full");
  CHECK(o.refusal.a == kGeneral.value);
}

// ---- recomputation from scratch ---------------------------------------------------------------

namespace {

struct Recomputed {
  crypto::RangePeaks peaks;
  std::map<RuleId, Roll> rolls;
  std::map<CodeId, crypto::RangePeaks> cell_peaks;
  std::map<CodeId, std::map<RuleId, Roll>> cell_rolls;
};

void count(std::map<RuleId, Roll>& rolls, const EventState& e, Day start) {
  auto [it, fresh] = rolls.try_emplace(e.facts.rule);
  Roll& r = it->second;
  r.rule = e.facts.rule;
  r.max_start = fresh ? start : std::max(r.max_start, start);
  if (e.facts.ended) r.max_ended = std::max(r.max_ended.value_or(*e.facts.ended), *e.facts.ended);
  if (e.life != Life::kLive) return;
  r.live += 1;
  r.unended += e.facts.ended ? 0 : 1;
}

Recomputed recompute(const World& w, const SubjectId& sid) {
  Recomputed out;
  std::set<EventId> events;
  for (const DossierRow& row : w.rows_of(sid)) {
    const Hash256 leaf = leaf_hash(row.leaf);
    out.peaks.append(leaf);
    for (CodeId code : row.cells) out.cell_peaks[code].append(leaf);
    events.insert(row.leaf.event);
  }
  for (const EventId& id : events) {
    const EventState e = w.get<EventState>(Space::kEvent, id).value();
    const Day start = clock_start(e, *w.policy->catalog.find(e.facts.rule));
    count(out.rolls, e, start);
    count(out.cell_rolls[std::get<PublicFacts>(e.facts.what).code], e, start);
  }
  return out;
}

void check_rolls(const std::vector<Roll>& kept, const std::map<RuleId, Roll>& expected) {
  REQUIRE(kept.size() == expected.size());
  std::size_t i = 0;
  for (const auto& [rule, roll] : expected) CHECK(kept[i++] == roll);
}

void check_dossier(const World& w, const SubjectId& sid) {
  const DossierState d = w.dossier(sid);
  const Recomputed expected = recompute(w, sid);
  CHECK(d.peaks == expected.peaks);
  check_rolls(d.rolls, expected.rolls);
  REQUIRE(d.cells.size() == expected.cell_peaks.size());
  for (const Cell& cell : d.cells) {
    CHECK(cell.peaks == expected.cell_peaks.at(cell.code));
    check_rolls(cell.rolls, expected.cell_rolls.at(cell.code));
  }
}

std::uint64_t dice(World& w) {
  std::uint64_t v = 0;
  for (std::uint8_t b : w.random.fixed<FixedBytes<struct DiceTag, 8>>().bytes) v = v << 8 | b;
  return v;
}

// One random entry about one of `subjects`, some of them wrong on purpose.
Entry random_entry(World& w, const std::vector<SubjectId>& subjects,
                   const std::vector<Hash256>& events, std::uint64_t roll) {
  const auto pick = [&roll](std::uint64_t n) {
    const std::uint64_t v = roll % n;
    roll /= n;
    return v;
  };
  const bool change = !events.empty() && pick(3) != 0;
  EventFacts f = food_facts(w.today().plus(-static_cast<std::int32_t>(pick(90))));
  const bool passed = pick(2) == 0;
  std::get<PublicFacts>(f.what).code = passed ? kPassed : kPests;
  const RuleId other = passed ? kPositive : kSerious;
  f.rule = pick(2) == 0 ? kGeneral : other;
  if (pick(2) == 0) f.ended = f.decided;
  if (!change) return EventRecord{subjects[pick(subjects.size())], f, std::nullopt};
  const auto id = chain::retag<EventId>(events[pick(events.size())]);
  if (pick(2) == 0) return EventCorrect{id, Version(1), f, ChangeReason::kTypo};
  return EventWithdraw{id, Version(1), ChangeReason::kRevoked};
}

}  // namespace

TEST_CASE(
    "After any sequence of entries, dossiers equal what their leaves and events recompute to") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    World w(seed);
    const std::vector<SubjectId> subjects = {w.enterprise(1), w.enterprise(2), w.enterprise(3)};
    std::vector<Hash256> events;
    std::size_t refused = 0;
    std::map<std::pair<SubjectId, RuleId>, Day> max_start;
    for (int block = 0; block < 12; ++block) {
      std::vector<Entry> entries;
      for (int i = 0; i < 20; ++i) {
        entries.push_back(random_entry(w, subjects, events, dice(w)));
      }
      for (const Outcome& o : w.run(w.food, entries)) {
        if (accepted(o))
          events.push_back(o.id);
        else
          ++refused;
      }
      for (const SubjectId& sid : subjects) {
        check_dossier(w, sid);
        for (const Roll& r : w.dossier(sid).rolls) {
          const auto [it, fresh] = max_start.try_emplace({sid, r.rule}, r.max_start);
          CHECK(it->second <= r.max_start);  // never decreases
          it->second = r.max_start;
        }
      }
    }
    CHECK(refused > 10);  // stale, superseded and withdrawn ones were among them
    CHECK(events.size() > 60);
  }
}
