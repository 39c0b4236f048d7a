#include "ledger/records.h"

#include <algorithm>

#include "ledger/outcome.h"
#include "ledger/state_keys.h"

namespace imi::ledger {

std::string_view name(Transition t) {
  switch (t) {
    case Transition::kRecord: return "record";
    case Transition::kCorrect: return "correct";
    case Transition::kWithdraw: return "withdraw";
  }
  return "?";
}

std::string_view name(Life l) {
  switch (l) {
    case Life::kLive: return "live";
    case Life::kSuperseded: return "superseded";
    case Life::kWithdrawn: return "withdrawn";
    case Life::kRepaired: return "repaired";
  }
  return "?";
}

std::string_view name(AttLife l) {
  switch (l) {
    case AttLife::kActive: return "active";
    case AttLife::kSuspended: return "suspended";
    case AttLife::kRevoked: return "revoked";
    case AttLife::kSurrendered: return "surrendered";
  }
  return "?";
}

const Cell* DossierState::cell(CodeId code) const {
  const auto it = std::lower_bound(cells.begin(), cells.end(), code,
                                   [](const Cell& c, CodeId id) { return c.code < id; });
  return it != cells.end() && it->code == code ? &*it : nullptr;
}

Hash256 leaf_hash(const DossierLeaf& leaf) { return crypto::range_leaf_hash(encode(leaf)); }

// ---- outcome.h --------------------------------------------------------------------------------

Hash256 SubmissionOutcomes::digest() const {
  return crypto::hash_of(crypto::Domain::kOutcomes, *this);
}

const Refusal* SubmissionOutcomes::refusal(std::uint32_t index) const {
  const auto it = std::lower_bound(refused.begin(), refused.end(), index,
                                   [](const Refused& r, std::uint32_t i) { return r.index < i; });
  return it != refused.end() && it->index == index ? &it->refusal : nullptr;
}

// ---- state_keys.h -----------------------------------------------------------------------------

Hash256 state_path(Space space, ByteView key) {
  const auto byte = static_cast<std::uint8_t>(space);
  return crypto::Hasher(crypto::Domain::kMapKey).add(ByteView(&byte, 1)).add(key).finish();
}

Hash256 rule_path(RuleId rule) {
  const std::array<std::uint8_t, 2> key = {static_cast<std::uint8_t>(rule.value >> 8),
                                           static_cast<std::uint8_t>(rule.value & 0xff)};
  return state_path(Space::kRule, ByteView(key));
}

Hash256 catalog_path() { return state_path(Space::kCatalog, ByteView()); }
Hash256 parameters_path() { return state_path(Space::kParameters, ByteView()); }

namespace {
void append_u64_big_endian(Bytes& out, std::uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}
}  // namespace

Bytes dossier_row_key(const SubjectId& subject, std::uint64_t seq) {
  Bytes key;
  key.reserve(41);
  key.push_back('D');
  append(key, subject.view());
  append_u64_big_endian(key, seq);
  return key;
}

Bytes prune_row_key(chain::Height height) {
  Bytes key = {'X'};
  append_u64_big_endian(key, height.value);
  return key;
}

Bytes prune_cursor_key() { return {'X'}; }

}  // namespace imi::ledger
