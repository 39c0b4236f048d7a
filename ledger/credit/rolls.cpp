#include "ledger/credit/rolls.h"

#include <algorithm>

#include "base/check.h"
#include "ledger/credit/status.h"

namespace imi::ledger::execution {
namespace {

std::vector<Roll>::iterator roll_at(std::vector<Roll>& rolls, RuleId rule) {
  return std::lower_bound(rolls.begin(), rolls.end(), rule,
                          [](const Roll& r, RuleId id) { return r.rule < id; });
}

bool room_in(const std::vector<Roll>& rolls, RuleId rule, std::size_t limit) {
  return rolls.size() < limit ||
         std::any_of(rolls.begin(), rolls.end(), [rule](const Roll& r) { return r.rule == rule; });
}

std::vector<Cell>::iterator cell_at(std::vector<Cell>& cells, CodeId code) {
  return std::lower_bound(cells.begin(), cells.end(), code,
                          [](const Cell& c, CodeId id) { return c.code < id; });
}

Cell& cell_of(DossierState& dossier, CodeId code) {
  auto it = cell_at(dossier.cells, code);
  if (it == dossier.cells.end() || it->code != code) {
    Cell cell;
    cell.code = code;
    it = dossier.cells.insert(it, std::move(cell));
  }
  return *it;
}

bool is_disputed(const EventState& e) { return e.dispute.state == DisputeState::kOpen; }

void add(std::vector<Roll>& rolls, const EventState& e, Day start) {
  auto it = roll_at(rolls, e.facts.rule);
  if (it == rolls.end() || it->rule != e.facts.rule) {
    Roll fresh;
    fresh.rule = e.facts.rule;
    fresh.max_start = start;
    it = rolls.insert(it, fresh);
  }
  it->live += 1;
  it->disputed += is_disputed(e) ? 1 : 0;
  it->unended += e.facts.ended ? 0 : 1;
  it->max_start = std::max(it->max_start, start);
  if (e.facts.ended) {
    it->max_ended = it->max_ended ? std::max(*it->max_ended, *e.facts.ended) : *e.facts.ended;
  }
}

void remove(std::vector<Roll>& rolls, const EventState& e) {
  const auto it = roll_at(rolls, e.facts.rule);
  IMI_CHECK(it != rolls.end() && it->rule == e.facts.rule && it->live > 0);
  it->live -= 1;
  if (is_disputed(e)) {
    IMI_CHECK(it->disputed > 0);
    it->disputed -= 1;
  }
  if (!e.facts.ended) {
    IMI_CHECK(it->unended > 0);
    it->unended -= 1;
  }
}

}  // namespace

bool has_room(const DossierState& dossier, RuleId rule, std::optional<CodeId> code) {
  if (!room_in(dossier.rolls, rule, kMaxRolls)) return false;
  if (!code) return true;
  const Cell* cell = dossier.cell(*code);
  return cell == nullptr || room_in(cell->rolls, rule, kMaxCellRolls);
}

std::optional<CodeId> code_of(const EventFacts& facts) {
  const auto* p = std::get_if<PublicFacts>(&facts.what);
  return p != nullptr ? std::optional(p->code) : std::nullopt;
}

void count_in(DossierState& dossier, const EventState& event, const Catalog& catalog) {
  const Rule* rule = catalog.find(event.facts.rule);
  IMI_CHECK(rule != nullptr);
  const Day start = clock_start(event, *rule);
  add(dossier.rolls, event, start);
  if (const auto code = code_of(event.facts)) add(cell_of(dossier, *code).rolls, event, start);
}

void count_out(DossierState& dossier, const EventState& event) {
  remove(dossier.rolls, event);
  if (const auto code = code_of(event.facts)) remove(cell_of(dossier, *code).rolls, event);
}

std::uint64_t append(Context& c, const SubjectId& subject, DossierState& dossier,
                     TransitionNote note) {
  DossierRow row;
  row.leaf.seq = dossier.peaks.size();
  row.leaf.height = c.height;
  row.leaf.submission = c.place;
  row.leaf.entry = c.index;
  row.leaf.op = note.op;
  row.leaf.detail = note.detail;
  row.leaf.event = note.event;
  row.leaf.version = note.version;
  row.leaf.prev_seq = note.prev_seq;
  row.leaf.body = c.entry_hash;
  const Hash256 leaf = leaf_hash(row.leaf);
  dossier.peaks.append(leaf);
  for (CodeId code : note.codes) cell_of(dossier, code).peaks.append(leaf);
  row.cells = std::move(note.codes);
  c.diff.aux.put(dossier_row_key(subject, row.leaf.seq), encode_reserved(row, 160));
  return row.leaf.seq;
}

}  // namespace imi::ledger::execution
