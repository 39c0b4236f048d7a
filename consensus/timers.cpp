// Timeouts, in ticks (C2, C3, C5, C7).
#include "base/invariant.h"
#include "consensus/replica.h"

namespace imi::consensus {

void Replica::on(const Tick& i) {
  ++tick_;
  now_ = i.now;
  if (tick_ - last_fetch_ >= config_.ticks(config_.fetch_period_ms)) {
    last_fetch_ = tick_;
    fetch_missing();
  }
  if (!me_) return;
  pending_.update(next_block_time(now_), tick_);
  if (rules_.awaiting() && tick_ - last_ask_ >= config_.ticks(config_.fetch_period_ms)) ask_peers();
  if (tick_ - last_status_ >= config_.ticks(config_.status_period_ms)) send_status();
  check_timeouts();
  if (!halted_) propose_empty_if_due();
}

// T * 2^k, capped.
Ticks Replica::period() const {
  std::uint64_t ms = config_.progress_timeout_ms;
  for (std::uint32_t k = 0; k < backoff_ && ms < config_.max_view_timeout_ms; ++k) ms *= 2;
  return config_.ticks(
      static_cast<std::uint32_t>(std::min<std::uint64_t>(ms, config_.max_view_timeout_ms)));
}

// P * 1.1^k, in integers.
std::int64_t Replica::past_tolerance_ms() const {
  std::int64_t ms = config_.past_tolerance_ms;
  for (std::uint32_t k = 0; k < backoff_ && ms < (std::int64_t{1} << 40); ++k) ms += ms / 10;
  return ms;
}

// Views are left on ticks alone, never in the step of a vote, so that no vote shares a step with a
// promise above it (I5).
void Replica::check_timeouts() {
  // Nobody is to wait for a member that can follow no wish of its own.
  if (!rules_.can_sign()) return set_wish(std::nullopt);
  set_wish(cause_to_leave());
  act_on_wishes();
}

// Each of these is true only for as long as its cause stands (C4).
std::optional<Replica::Cause> Replica::cause_to_leave() {
  const bool view_late = !confirmed_ && view_since_ && tick_ - *view_since_ >= period();
  if (view_late || progress_late()) return Cause::kTimeout;
  if (complaint_ && !pending_.is_left_out(*complaint_)) complaint_.reset();
  if (changing_ || !confirmed_) return std::nullopt;
  if (complaint_) return Cause::kComplaint;
  if (rotate_) return Cause::kRotation;
  if (ahead_for() >= config_.ticks(config_.max_view_timeout_ms)) return Cause::kFetch;
  return std::nullopt;
}

void Replica::update_progress() {
  // While this member catches up, the delay is its own: it does not leave the view for it.
  if (!changing_ && !confirmed_ && lagging()) view_since_ = tick_;
  // With the window full it is certification that is awaited (D4), and no primary could help.
  const bool own_delay = lagging() || decided_tip_ >= window_end();
  if (changing_ || !confirmed_ || own_delay) progress_base_ = tick_;
  IMI_INVARIANT("C2", progress_base_ <= tick_ && last_commit_ <= tick_, progress_base_,
                last_commit_, tick_);
  IMI_INVARIANT("C5", backoff_ <= kMaxBackoff, backoff_);
}

// C2: has some one thing that an honest primary and a quorum should decide waited for a whole
// period without a commit? Things that come and go do not add up to a wait.
bool Replica::progress_late() const {
  if (changing_ || !confirmed_) return false;
  const Ticks patience = period();
  const auto late = [this, patience](Ticks since) {
    const Ticks from = std::max(since, progress_base_);
    return tick_ >= from && tick_ - from >= patience;
  };
  for (auto it = slots_.upper_bound(decided_tip_); it != slots_.end() && it->first <= window_end();
       ++it) {
    const std::optional<Proposal>& proposal = it->second.proposal;
    if (proposal && !decided_.contains(it->first) && late(proposal->received_tick)) return true;
  }
  if (late(last_commit_ + config_.ticks(config_.heartbeat_ms))) return true;
  const std::optional<Ticks> waiting = pending_.waiting_since();
  return waiting && late(*waiting);
}

}  // namespace imi::consensus
