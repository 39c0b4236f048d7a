// What `imi import --check` accepts is not refused: the check and execution are given the same
// rows, and must agree on each.
#include <doctest/doctest.h>

#include <array>

#include "cli/values.h"
#include "cli/write/dry_run.h"
#include "cli/write/rows.h"
#include "tests/unit/ledger/rules_world.h"

using namespace imi;       // NOLINT
using namespace imi::cli;  // NOLINT
using ledger::test::World;

namespace {

class WorldRecords final : public LedgerRecords {
 public:
  explicit WorldRecords(const World& world) : w_(world) {}
  std::optional<ledger::AgencyState> agency(const ledger::AgencyId& id) override {
    return w_.get<ledger::AgencyState>(ledger::Space::kAgency, id);
  }
  Enterprise enterprise(const ledger::Uscc& uscc) override {
    const auto id = ledger::enterprise_id(uscc);
    return {w_.get<ledger::SubjectState>(ledger::Space::kSubject, id),
            w_.get<ledger::DossierState>(ledger::Space::kDossier, id)};
  }
  std::optional<ledger::EventState> event(const ledger::EventId& id) override {
    return w_.get<ledger::EventState>(ledger::Space::kEvent, id);
  }
  std::optional<ledger::AttState> attestation(const ledger::AttestationId& id) override {
    return w_.get<ledger::AttState>(ledger::Space::kAttestation, id);
  }

 private:
  const World& w_;
};

// Rows of values drawn from lists in which good ones are many.
class Rows {
 public:
  explicit Rows(const World& world) : today_(world.today().value) {}

  std::string one_of(std::initializer_list<const char*> texts) {
    return *(texts.begin() + draw(texts.size()));
  }
  std::string code() {
    // 13 and 14 are registered nowhere.
    std::string text =
        ledger::text(ledger::test::test_uscc(static_cast<std::uint32_t>(1 + draw(14))));
    if (draw(20) == 0) text[17] = text[17] == '7' ? '8' : '7';
    if (draw(20) == 0) text = "91990604M0007QKA93";
    return text;
  }
  std::string day(int from, int to) {
    const int span = to - from + 1;
    return day_text(today_ + from + static_cast<int>(draw(static_cast<std::size_t>(span))));
  }
  std::string value(const std::string& column) {
    if (column == "source_key")
      return one_of({"K-", "k-", "Ｋ－", " K-"}) + std::to_string(draw(700));
    if (column == "uscc") return code();
    if (column == "code") return one_of({"food.pests", "food.pests", "food.passed", "tax.arrears"});
    if (column == "class") return one_of({"general", "general", "minor", "serious", "none"});
    if (column == "occurred") return day(-30, draw(10) == 0 ? 2 : -10);
    if (column == "decided") return day(-12, draw(10) == 0 ? 2 : 0);
    if (column == "ended") return draw(4) == 0 ? day(-30, 1) : "";
    if (column == "notified") return draw(4) == 0 ? day(-30, 1) : "";
    if (column == "basis") return one_of({"食品安全法 126", "s. 7", "  s.  7", " ", "x\u200b"});
    if (column == "basis_level") return one_of({"", "law", "rule", "normative", "pact"});
    if (column == "doc") return one_of({"粤罚〔2026〕1号", "D-1", "D-1", " ", "1E+20"});
    if (column == "grid") return one_of({"", "", "440604G0460", "440605G0001"});
    if (column == "amount_yuan") return one_of({"", "", "3000.00", "0", "1,5"});
    if (column == "backfill") return one_of({"", "", "", "yes"});
    if (column == "outcome") return one_of({"", "correct", "withdraw", "pending"});
    if (column == "name") return one_of({"海港厨房", "Shop（5）", " Shop ", "  ", "a\u202eb"});
    if (column == "division")
      return one_of({"440604010001", "440604010001", "440605000000", "000000000000"});
    if (column == "as_issued") return one_of({"", "", "", "yes"});
    return "";
  }
  Record record(const RowMapper& m, std::uint64_t row) {
    Record r;
    r.row = row;
    for (const FieldSpec& f : m.fields()) r.values.push_back(value(f.name));
    // Mostly the case number tells the enterprise, so that outcomes name the right one.
    if (m.key() && m.fields()[*m.key()].name == "source_key" && draw(8) != 0) {
      const std::size_t n = draw(300);
      r.values[*m.key()] = one_of({"K-", "k-", "Ｋ－", " K-"}) + std::to_string(n);
      const auto uscc = std::ranges::find(m.fields(), "uscc", &FieldSpec::name);
      r.values[static_cast<std::size_t>(uscc - m.fields().begin())] =
          ledger::text(ledger::test::test_uscc(static_cast<std::uint32_t>(1 + n % 7)));
    }
    r.columns.assign(r.values.size(), 1);
    return r;
  }

 private:
  std::size_t draw(std::size_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state_ >> 33) % n;
  }
  std::int32_t today_;
  std::uint64_t state_ = 7;
};

struct Count {
  std::size_t mapped = 0;
  std::size_t accepted = 0;
  std::size_t refused = 0;
};

// `batches` of 60 rows: looked at first, executed then.
Count compare(World& w, const ledger::test::Agency& author, const char* kind, Rows& rows,
              int batches) {
  const auto mapper = make_mapper(kind, {&w.genesis.catalog, author.id, false, false});
  WorldRecords records(w);
  DryRun dry(records, *w.policy, chain::retag<ledger::AuthorId>(author.id), author.key);
  Count count;
  for (int b = 0; b < batches; ++b) {
    std::vector<DryRun::Item> items;
    std::vector<ledger::Entry> entries;
    for (std::uint64_t i = 0; i < 60; ++i) {
      const Record r = rows.record(*mapper, i);
      auto entry = mapper->map(r);
      if (!entry || !*entry) continue;
      DryRun::Item item{**entry, mapper->enterprise(r)};
      if (dry.is_of_another(item)) continue;
      entries.push_back(item.entry);
      items.push_back(std::move(item));
    }
    if (items.empty()) continue;
    const chain::TimeMs time = w.time.plus(w.step_ms);
    const auto said = dry.run(items, time);
    const auto done = w.run(author, entries);
    for (std::size_t i = 0; i < items.size(); ++i) {
      ++count.mapped;
      const bool ok = done[i].kind == ledger::Outcome::Kind::kAccepted;
      ++(ok ? count.accepted : count.refused);
      REQUIRE_MESSAGE(said[i].has_value() == !ok, std::string(kind), " ", i, ": ",
                      ledger::test::what(done[i]));
      if (!ok) REQUIRE(*said[i] == done[i].refusal);
      // The part of the check that needs no ledger refuses nothing that execution accepts.
      const auto fields = ledger::check_fields(entries[i], *w.policy, ledger::day_of(time));
      if (!fields) REQUIRE(!ok);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("The check and execution agree on thousands of generated rows") {
  World w;
  Rows rows(w);
  w.time = w.time.plus(3 * 86'400'000);
  for (std::uint32_t n = 1; n <= 6; ++n) (void)w.enterprise(n);
  const Count shops = compare(w, w.market, "enterprises", rows, 40);
  const Count events = compare(w, w.food, "events", rows, 100);
  const Count outcomes = compare(w, w.food, "event-outcomes", rows, 100);
  // Without the role, all are refused, and by the same name.
  const Count strangers = compare(w, w.tax, "enterprises", rows, 5);
  for (const Count& c : {shops, events, outcomes}) {
    CHECK(c.accepted > 5);
    CHECK(c.refused > 20);
  }
  CHECK(strangers.accepted == 0);
  CHECK(events.mapped + outcomes.mapped + shops.mapped > 1000);
}
