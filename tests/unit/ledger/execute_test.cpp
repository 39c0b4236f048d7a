// Blocks: order, duplicates, determinism, the log, fate records, genesis, and a store that fails.
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

namespace {

Entry shop(std::uint32_t n) {
  return SubjectEnterprise{test_uscc(n), "shop", Division{440604010001}};
}

}  // namespace

TEST_CASE("The same block on the same state gives the same result, to the byte") {
  World w;
  const SubjectId sid = w.enterprise(1);
  std::vector<Entry> entries;
  for (int i = 0; i < 50; ++i) {
    entries.push_back(EventRecord{sid, food_facts(w.today().plus(-i)), std::nullopt});
  }
  const auto a = w.sign(w.food, entries);
  const auto b = w.sign(w.market, {shop(2), shop(3), shop(2)});
  const auto once = w.peek({a, b}).value();
  const auto again = w.peek({a, b}).value();
  CHECK(once == again);
  // A decoded copy, with its digests made elsewhere, is the same submission.
  const auto limits = admission_limits(w.policy->genesis, w.policy->parameters);
  const auto copy =
      std::make_shared<const Submission>(decode_submission(encode(*a), limits).value());
  CHECK(w.peek({copy, b}).value() == once);
  auto bare = std::make_shared<Submission>(*a);
  bare->digests = nullptr;
  CHECK(w.peek({bare, b}).value() == once);
  // The state's insertion history does not matter.
  World other;
  other.enterprise(1);
  MapView reversed;
  for (auto it = w.view.records.rbegin(); it != w.view.records.rend(); ++it) {
    reversed.records.insert(*it);
  }
  for (auto it = w.view.rows.rbegin(); it != w.view.rows.rend(); ++it) reversed.rows.insert(*it);
  const std::vector bodies = {a, b};
  CHECK(execute(reversed, {*w.policy, w.height.next(), w.time.plus(w.step_ms), bodies}).value() ==
        once);
}

TEST_CASE("A block that one subject fills reads and writes its records once") {
  World w;
  const SubjectId sid = w.enterprise(1);
  std::vector<Entry> entries;
  for (int i = 0; i < 100; ++i) {
    entries.push_back(EventRecord{sid, food_facts(w.today()), std::nullopt});
  }
  w.view.reads = 0;
  const auto r = w.execute_block({w.sign(w.food, entries)});
  CHECK(r.accepted == 100);
  CHECK(w.view.reads == 103);           // fate, agency, dossier, and each event's absence
  CHECK(r.diff.records.size() == 102);  // fate, dossier, events
}

TEST_CASE("Order decides between entries that exclude each other") {
  World w;
  const auto first = w.sign(w.market, {shop(5)});
  const auto second = w.sign(w.market, {shop(5)});
  const auto r = w.peek({first, second}).value();
  CHECK(r.submissions[0].outcomes.refused.empty());
  CHECK(r.submissions[1].outcomes.refused.size() == 1);
  const auto swapped = w.peek({second, first}).value();
  CHECK(swapped.submissions[0].id == second->digests->id);
  CHECK(swapped.submissions[0].outcomes.refused.empty());
}

TEST_CASE("A repeat, in the block or later, is a duplicate: the first outcome stands (F2)") {
  World w;
  const auto s = w.sign(w.market, {shop(1), shop(1)});
  const auto r = w.execute_block({s, s});
  CHECK(r.accepted == 1);
  CHECK(r.refused == 1);
  CHECK_FALSE(r.submissions[0].outcomes.duplicate);
  CHECK(r.submissions[1].outcomes.duplicate);
  CHECK(r.diff.log_leaves.size() == 1);
  const auto fate = w.get<SubmissionState>(Space::kSubmission, s->digests->id).value();
  CHECK(fate.height == w.height);
  CHECK(fate.index == 0);
  CHECK(fate.count == 2);
  CHECK(fate.refused == 1);
  CHECK(fate.outcomes == r.submissions[0].outcomes.digest());
  const auto later = w.execute_block({s});
  CHECK(later.submissions[0].outcomes.duplicate);
  CHECK(later.diff.log_leaves.empty());
  CHECK(w.get<SubmissionState>(Space::kSubmission, s->digests->id).value() == fate);
  CHECK(what(expand(*s, later.submissions[0].outcomes)[0]) == "duplicate");
}

TEST_CASE("The same signed header under another signature is the same submission") {
  World w;
  const auto s = w.sign(w.market, {shop(1)});
  auto other = std::make_shared<Submission>(*s);
  other->signature.bytes[0] ^= 1;  // as a malleated copy would
  compute_digests(*other);
  const auto r = w.execute_block({s, other});
  CHECK(r.submissions[1].outcomes.duplicate);
}

TEST_CASE("Every accepted entry has a log leaf that binds height, submission, index and content") {
  World w;
  const auto s = w.sign(w.market, {shop(1), shop(1), shop(2)});
  const auto r = w.execute_block({s});
  REQUIRE(r.diff.log_leaves.size() == 2);
  CHECK(r.diff.log_places == std::vector{LogPlace{0, 0}, LogPlace{0, 2}});
  const LogLeafHeader h{w.height, s->digests->id, 2, SubjectEnterprise::kKind.kind()};
  CHECK(r.diff.log_leaves[1] == log_leaf(log_header_hash(h), entry_hash(s->entries[2])));
  LogLeafHeader moved = h;
  moved.index = 1;
  CHECK(r.diff.log_leaves[1] != log_leaf(log_header_hash(moved), entry_hash(s->entries[2])));
}

TEST_CASE("Fate records are pruned when inclusion time + E_max + grace has come (F3)") {
  World w;
  const auto s = w.sign(w.market, {shop(1)});
  w.execute_block({s});
  const std::int64_t keep = 60'000 + 30'000;
  const chain::TimeMs due = w.time.plus(keep);
  const auto has = [&] {
    return w.get<SubmissionState>(Space::kSubmission, s->digests->id).has_value();
  };
  w.execute_block({});
  w.step_ms = due.value - w.time.value - 1;
  w.execute_block({});
  CHECK(has());
  w.step_ms = 1;
  const auto r = w.execute_block({});
  CHECK(w.time == due);
  CHECK_FALSE(has());
  CHECK(r.diff.records.size() == 1);
  CHECK_FALSE(w.view.rows.contains(prune_row_key(chain::Height(1))));
  // Idle blocks after that change no record.
  CHECK(w.execute_block({}).diff.records.empty());
}

// What execution reads is under the state root: the rows that say what to prune are an index of it.
TEST_CASE("what is to be pruned follows from the submission records alone (E4)") {
  World w;
  for (std::size_t block = 0; block < 4; ++block) {
    std::vector<std::shared_ptr<const Submission>> bodies;
    for (std::size_t i = 0; i < block; ++i) bodies.push_back(w.sign(w.market, {shop(1)}));
    w.execute_block(bodies);
  }
  std::map<chain::Height, std::map<std::uint32_t, Hash256>> paths;
  std::map<chain::Height, chain::TimeMs> due;
  for (const auto& [path, bytes] : w.view.records) {
    if (bytes[0] != static_cast<std::uint8_t>(Space::kSubmission)) continue;
    const auto state = decode<SubmissionState>(bytes).value();
    paths[state.height][state.index] = path;
    due[state.height] = state.keep_until;
  }
  CHECK(paths.size() == 3);
  for (const auto& [height, listed] : paths) {
    Bytes row = encode(due[height]);
    std::vector<Hash256> in_order;
    for (const auto& [index, path] : listed) in_order.push_back(path);
    append(row, encode(in_order));
    CHECK(w.view.rows.at(prune_row_key(height)) == row);
  }
}

TEST_CASE("After a long pause pruning goes on block by block, whole heights at a time") {
  World w;
  std::size_t submissions = 0;
  for (int block = 0; block < 5; ++block) {
    std::vector<std::shared_ptr<const Submission>> bodies;
    for (int i = 0; i < 3; ++i) bodies.push_back(w.sign(w.market, {shop(1)}));
    submissions += bodies.size();
    w.execute_block(bodies);
  }
  w.step_ms = 1'000'000;
  const auto r = w.execute_block({});
  CHECK(r.diff.records.size() == submissions);
  for (const RecordChange& change : r.diff.records) CHECK_FALSE(change.value.has_value());
}

TEST_CASE("A store that fails, or a record that does not decode, stops execution and says so") {
  World w;
  const SubjectId sid = w.enterprise(1);
  const Hash256 path = state_path(Space::kDossier, sid);
  const auto s = w.sign(w.food, {EventRecord{sid, food_facts(w.today()), std::nullopt}});
  w.view.fail_on = path;
  const auto failed = w.peek({s});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().reason == StoreError::Reason::kIo);
  w.view.fail_on.reset();
  w.view.records[path].push_back(0);
  const auto damaged = w.peek({s});
  REQUIRE_FALSE(damaged.has_value());
  CHECK(damaged.error().reason == StoreError::Reason::kCorruption);
}

TEST_CASE("Outcomes survive encoding, and their digest tells refusals apart") {
  World w;
  const auto s = w.sign(w.market, {shop(1), shop(1)});
  const auto outcomes = w.execute_block({s}).submissions[0].outcomes;
  CHECK(decode<SubmissionOutcomes>(encode(outcomes)).value() == outcomes);
  SubmissionOutcomes other = outcomes;
  other.refused[0].refusal.code = RefusalCode::kRoleMissing;
  CHECK(other.digest() != outcomes.digest());
  CHECK(outcomes.refusal(0) == nullptr);
  REQUIRE(outcomes.refusal(1) != nullptr);
}

TEST_CASE("Every refusal and field has a stable name and a sentence") {
  std::set<std::string_view> names;
  for (int i = 0; i < 256; ++i) {
    const auto code = static_cast<RefusalCode>(i);
    if (!is_known(code)) continue;
    CHECK(names.insert(name(code)).second);
    CHECK(describe(Refusal{code, RefusalField::kDecided, 20'000, 20'001}).size() > 10);
  }
  CHECK(names.size() == 48);
}

TEST_CASE("Genesis state has the catalog, the rules, the parameters and the agencies") {
  World w;
  CHECK(decode<CatalogState>(w.view.records.at(catalog_path())).value().catalog ==
        w.genesis.catalog);
  CHECK(decode<ParametersState>(w.view.records.at(parameters_path())).value().parameters ==
        w.genesis.parameters);
  for (const Rule& r : w.genesis.catalog.rules) {
    CHECK(decode<RuleState>(w.view.records.at(rule_path(r.id))).value().rule == r);
  }
  for (const AgencyRegister& a : w.genesis.agencies) {
    CHECK(w.get<AgencyState>(Space::kAgency, a.id)->profile == a.profile);
    const auto key = w.get<KeyState>(Space::kKey, key_hash(a.profile.keys[0])).value();
    CHECK(key.owner == chain::retag<AuthorId>(a.id));
  }
}

TEST_CASE("A genesis file survives encoding; anything else is refused with its reason") {
  World w;
  const Bytes file = encode_genesis_file(w.genesis);
  const auto back = decode_genesis_file(file);
  REQUIRE(back.has_value());
  CHECK(*back == w.genesis);
  CHECK(genesis_id(*back) == w.policy->genesis);
  using Reason = GenesisError::Reason;
  CHECK(decode_genesis_file(as_bytes("hello, world")).error().reason == Reason::kNotGenesis);
  Bytes damaged = file;
  damaged.push_back(0);
  CHECK(decode_genesis_file(damaged).error().reason == Reason::kMalformed);

  const auto reason = [](Genesis g) {
    const auto ok = validate(g);
    REQUIRE_FALSE(ok.has_value());
    CHECK_FALSE(describe(ok.error()).empty());
    return ok.error().reason;
  };
  Genesis g = w.genesis;
  g.chain_name = "No Spaces";
  CHECK(reason(g) == Reason::kChainName);
  g = w.genesis;
  g.suite = "sm2-sm3";
  CHECK(reason(g) == Reason::kSuite);
  g = w.genesis;
  g.time = chain::TimeMs(0);
  CHECK(reason(g) == Reason::kTime);
  g = w.genesis;
  g.parameters.window = 0;
  CHECK(reason(g) == Reason::kParameters);
  g = w.genesis;
  g.validators.members.clear();
  CHECK(reason(g) == Reason::kValidators);
  g = w.genesis;
  g.catalog.codes[0].rules = {RuleId(99)};
  CHECK(reason(g) == Reason::kCatalog);
  g = w.genesis;
  std::erase_if(g.agencies, [](const auto& a) { return a.profile.roles.has(Role::kCouncil); });
  CHECK(reason(g) == Reason::kNoCouncil);
  g = w.genesis;
  g.agencies[0].profile.keys = g.agencies[1].profile.keys;
  CHECK(reason(g) == Reason::kAgencies);
  g = w.genesis;
  g.agencies[0].profile.parent = g.agencies[1].id;
  g.agencies[1].profile.parent = g.agencies[0].id;
  CHECK(reason(g) == Reason::kAgencies);
  g = w.genesis;
  std::swap(g.agencies[0], g.agencies[1]);
  CHECK(reason(g) == Reason::kAgencies);
}
