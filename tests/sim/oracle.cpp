#include "tests/sim/oracle.h"

#include <utility>

#include "base/check.h"
#include "base/hex.h"

namespace imi::sim {

Oracle::Oracle(const OracleSetup& setup) : setup_(setup), nodes_(setup.set.members.size()) {
  // Rule A0, computed here and not taken from the code under test.
  const auto n = static_cast<std::uint32_t>(setup.set.members.size());
  f_ = (n - 1) / 3;
  q_ = (n + f_ + 2) / 2;
  IMI_CHECK(setup_.honest.size() == n);
  Decision genesis;
  genesis.head = setup.genesis_head;
  decisions_[Height(0)] = genesis;
}

void Oracle::violate(const char* invariant, std::string text) {
  if (!violation_) violation_ = Violation{invariant, std::move(text)};
}

void Oracle::report(std::string invariant, std::string text) {
  if (!violation_) violation_ = Violation{std::move(invariant), std::move(text)};
}

std::string Oracle::at(MemberId m, View v, Height h, const BlockId& id) {
  return "member " + std::to_string(m.value) + ", view " + std::to_string(v.value) + ", height " +
         std::to_string(h.value) + ", block " + to_hex(id).substr(0, 16);
}

std::map<BlockId, Oracle::Members>& Oracle::Slot::of(Vote v) {
  switch (v) {
    case Vote::kPrePrepare: return pre_prepare;
    case Vote::kPrepare: return prepare;
    case Vote::kCommit: return commit;
  }
  return commit;
}

std::optional<Oracle::Place> Oracle::effect(const SubmissionId& id) const {
  const auto it = effects_.find(id);
  if (it == effects_.end()) return std::nullopt;
  return it->second;
}

}  // namespace imi::sim
