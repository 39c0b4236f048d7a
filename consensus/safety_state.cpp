#include "consensus/safety_state.h"

#include <algorithm>

#include "base/overloaded.h"

namespace imi::consensus {

namespace {

// A block once voted for is served until its height is stable, also when a later view votes for
// another: some member outside may hold a prepared certificate for it (B2, I11).
void accept(SafetyState& state, const AcceptedProposal& r) {
  const Height h = r.block.header.height;
  if (h <= state.stable_height()) return;
  SafetyState::AtHeight& at = state.heights[h];
  if (at.accepted && at.accepted->block.header != r.block.header) {
    at.voted.push_back(std::move(at.accepted->block));
  }
  std::erase_if(at.voted, [&r](const Block& b) { return b.header == r.block.header; });
  at.accepted = r;
}

void prepare(SafetyState& state, const RecordedPrepared& r) {
  const Height h = r.certificate.header.height;
  if (h <= state.stable_height()) return;
  SafetyState::AtHeight& at = state.heights[h];
  if (!at.prepared || at.prepared->view < r.certificate.view) at.prepared = r.certificate;
}

void see(std::vector<Statement>& of_member, const Statement& s) {
  const auto at = std::ranges::lower_bound(of_member, s.kind, {}, &Statement::kind);
  if (at == of_member.end() || at->kind != s.kind) {
    of_member.insert(at, s);
  } else {
    *at = s;
  }
}

}  // namespace

void SafetyState::apply(const SafetyRecord& record) {
  std::visit(Overloaded{
                 [this](const PromisedView& r) {
                   view = std::get<ViewChange>(r.view_change.payload).view;
                   changing = true;
                   view_change = r.view_change;
                 },
                 [this](const EnteredView& r) {
                   view = std::get<NewView>(r.new_view.payload).view;
                   changing = false;
                   new_view = r.new_view;
                 },
                 [this](const AcceptedProposal& r) { accept(*this, r); },
                 [this](const RecordedPrepared& r) { prepare(*this, r); },
                 [this](const RecordedDecision& r) {
                   const Height h = r.decided.header.height;
                   if (h > stable_height()) heights[h].decided = r.decided;
                 },
                 [this](const CommitVote& r) {
                   if (r.height > stable_height()) heights[r.height].committed = Vote{r.view, r.id};
                 },
                 [this](const CheckpointVote& r) { checkpoint = r.head; },
                 [this](const StableCheckpoint& r) {
                   stable = r.certificate;
                   heights.erase(heights.begin(), heights.upper_bound(r.certificate.head.height));
                 },
                 [this](const SigningStopped& r) { stopped = r.reason; },
                 [this](const PeersSeen& r) {
                   for (const SeenStatement& s : r.statements) see(seen[s.member], s.statement);
                 },
             },
             record);
}

}  // namespace imi::consensus
