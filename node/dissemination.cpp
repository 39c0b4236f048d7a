#include "node/dissemination.h"

#include <algorithm>

#include "consensus/defects.h"
#include "node/wire.h"

namespace imi::node {

void Dissemination::added(const Body& body, bool local) {
  to_announce_.push_back(body.facts());
  if (local) to_push_.push_back(body);
  core_.want_flush();
}

void Dissemination::held_by_peer(const chain::ContentHash& content, PeerIndex peer) {
  if (peer.value >= core_.validators) return;
  pool_.mark_held(content, peer.value);
  if (is_primary(peer)) {
    at_primary_.push_back(content);
    core_.want_flush();
  }
}

void Dissemination::acknowledge(PeerIndex to, std::uint64_t number,
                                std::vector<std::uint32_t> refused) {
  (void)core_.send(to, Urgency::kControl,
                   make_frame(FrameKind::kAck, AckFrame{number, std::move(refused)}));
}

void Dissemination::on_ack(PeerIndex from, std::uint64_t number,
                           const std::vector<std::uint32_t>& refused) {
  const auto sent = sent_.find(number);
  if (sent == sent_.end() || sent->second.waiting_for.erase(from.value) == 0) return;
  const auto& contents = sent->second.contents;
  std::vector<Body> refused_here;
  for (std::uint32_t i = 0; i < contents.size(); ++i) {
    if (!std::binary_search(refused.begin(), refused.end(), i)) {
      held_by_peer(contents[i], from);
    } else if (const Body* body = pool_.find(contents[i]); body && is_primary(from)) {
      refused_here.push_back(*body);
    }
  }
  if (!refused_here.empty()) on_refused(refused_here);
  if (sent->second.waiting_for.empty()) sent_.erase(sent);
  // It can take more. (One that refuses is not asked again at the speed of its refusals.)
  if (refused.empty() && again_[from.value].last == number) again_[from.value].at_us = 0;
}

void Dissemination::flush() {
  // What was executed or expired since it was admitted is not announced any more.
  std::erase_if(to_announce_, [this](const auto& facts) { return !pool_.find(facts.content); });
  std::erase_if(to_push_, [this](const Body& body) { return !pool_.find(body.content()); });
  if (!to_announce_.empty()) {
    core_.input(consensus::PendingAdded{std::exchange(to_announce_, {})});
  }
  if (!to_push_.empty()) push(std::exchange(to_push_, {}), std::nullopt);
  if (!at_primary_.empty()) {
    core_.input(consensus::PendingAtPrimary{view_, std::exchange(at_primary_, {})});
  }
}

void Dissemination::push(const std::vector<Body>& bodies, std::optional<PeerIndex> only) {
  std::vector<SharedBytes> submissions;
  std::vector<chain::ContentHash> contents;
  std::size_t bytes = 0;
  for (const Body& b : bodies) {
    if (!submissions.empty() && (submissions.size() >= core_.limits.push_items ||
                                 bytes + b.bytes->size() > core_.limits.push_bytes)) {
      send_frame(submissions, std::exchange(contents, {}), only);
      submissions.clear();
      bytes = 0;
    }
    bytes += b.bytes->size();
    submissions.push_back(b.bytes);
    contents.push_back(b.content());
  }
  if (!submissions.empty()) send_frame(submissions, std::move(contents), only);
}

void Dissemination::send_frame(const std::vector<SharedBytes>& submissions,
                               std::vector<chain::ContentHash> contents,
                               std::optional<PeerIndex> only) {
  const std::uint64_t number = next_number_++;
  const SharedBytes frame = make_push_frame(number, submissions);
  Sent sent{std::move(contents), {}};
  for (std::uint32_t p = 0; p < core_.validators; ++p) {
    if (only && only->value != p) continue;
    if (!core_.send(PeerIndex(p), Urgency::kBulk, frame)) continue;
    sent.waiting_for.insert(p);
    if (!is_primary(PeerIndex(p))) continue;
    for (const chain::ContentHash& content : sent.contents) count_push(content);
  }
  if (!sent.waiting_for.empty()) sent_.emplace(number, std::move(sent));
  while (sent_.size() > core_.limits.max_unacknowledged) sent_.erase(sent_.begin());
}

void Dissemination::count_push(const chain::ContentHash& content) {
  if (planted(consensus::Defect::kPushesUncounted)) return;
  if (pool_.count_push(content) != core_.limits.pushes_that_count) return;
  at_primary_.push_back(content);
  core_.want_flush();
}

void Dissemination::repush_due() {
  const std::uint64_t now = core_.now_us();
  for (std::uint32_t p = 0; p < core_.validators; ++p) {
    const PeerIndex peer(p);
    if (now < again_[p].at_us || core_.is_self(peer)) continue;
    if (core_.ports.network.is_connected(peer)) push_again(p, again_[p]);
  }
}

void Dissemination::push_again(std::uint32_t peer, Again& again) {
  const bool primary = is_primary(PeerIndex(peer));
  const std::uint64_t period = primary ? core_.limits.repush_us : core_.limits.repush_others_us;
  const std::uint64_t now = core_.now_us();
  again.at_us = now + period;
  again.last = 0;
  if (pool_.items() == 0) return;
  const std::uint64_t youngest = std::min(core_.limits.repush_us, now);
  Pool::Unheld next{peer,
                    again.all ? now + 1 : now - youngest,
                    !primary,
                    again.after,
                    core_.limits.repush_items,
                    core_.limits.push_bytes};
  const std::vector<Body> bodies = pool_.not_held(next);
  again.after = next.after;
  if (next.after == 0) again.all = false;
  if (bodies.empty()) return;
  push(bodies, PeerIndex(peer));
  if (next.after != 0) again.last = next_number_ - 1;
}

void Dissemination::on_view(chain::View view, chain::MemberId primary) {
  view_ = view;
  primary_ = primary;
  at_primary_.clear();
  primary_let_off_ = false;
  pool_.forget_pushes();
  again_[primary.value] = {};
  if (core_.is_self(PeerIndex(primary.value))) return;
  std::vector<chain::ContentHash> held = pool_.held_by(primary.value, core_.limits.pool.max_items);
  if (!held.empty()) {
    core_.input(consensus::PendingAtPrimary{view, std::move(held)});
  }
}

void Dissemination::on_connected(PeerIndex peer) {
  if (peer.value >= core_.validators) return;
  again_[peer.value] = {0, 0, true, 0};
  for (auto& [number, sent] : sent_) sent.waiting_for.erase(peer.value);
  std::erase_if(sent_, [](const auto& s) { return s.second.waiting_for.empty(); });
  const bool held_any = pool_.forget_held(peer.value);
  if (!is_primary(peer) || !held_any || primary_let_off_) return;
  primary_let_off_ = true;
  at_primary_.clear();
  pool_.forget_pushes();
  core_.input(consensus::PrimaryForgot{view_});
}

}  // namespace imi::node
