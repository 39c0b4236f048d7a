#include "node/dissemination.h"

#include <algorithm>

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
  for (std::uint32_t i = 0; i < contents.size(); ++i) {
    if (std::binary_search(refused.begin(), refused.end(), i)) continue;
    held_by_peer(contents[i], from);
  }
  if (sent->second.waiting_for.empty()) sent_.erase(sent);
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
    if (core_.send(PeerIndex(p), Urgency::kBulk, frame)) sent.waiting_for.insert(p);
  }
  if (!sent.waiting_for.empty()) sent_.emplace(number, std::move(sent));
  while (sent_.size() > core_.limits.max_unacknowledged) sent_.erase(sent_.begin());
}

void Dissemination::repush_due() {
  const std::uint64_t now = core_.now_us();
  if (now < next_repush_us_) return;
  next_repush_us_ = now + core_.limits.repush_us;
  const PeerIndex peer(primary_.value);
  if (core_.is_self(peer) || !core_.ports.network.is_connected(peer) ||
      now < core_.limits.repush_us) {
    return;
  }
  const std::vector<Body> bodies =
      pool_.not_held_by(primary_.value, now - core_.limits.repush_us, core_.limits.repush_items,
                        core_.limits.push_bytes);
  if (!bodies.empty()) push(bodies, peer);
}

void Dissemination::on_view(chain::View view, chain::MemberId primary) {
  view_ = view;
  primary_ = primary;
  at_primary_.clear();
  if (core_.is_self(PeerIndex(primary.value))) return;
  std::vector<chain::ContentHash> held = pool_.held_by(primary.value, core_.limits.pool.max_items);
  if (!held.empty()) {
    core_.input(consensus::PendingAtPrimary{view, std::move(held)});
  }
}

}  // namespace imi::node
