// Timeouts, in ticks (C2, C3, C5, C7).
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
  if (!rules_.can_sign()) return;
  const bool complain = std::exchange(complain_, false);
  const bool rotate = std::exchange(rotate_, false);
  if (!changing_ && complain) return start_view_change(view_.next(), Cause::kComplaint);
  if (!changing_ && rotate) return start_view_change(view_.next(), Cause::kRotation);
  const bool view_late = !confirmed_ && view_since_ && tick_ - *view_since_ >= period();
  const bool progress_late =
      !changing_ && confirmed_ && progress_since_ && tick_ - *progress_since_ >= period();
  if (view_late || progress_late) start_view_change(view_.next(), Cause::kTimeout);
}

void Replica::update_progress() {
  // While this member catches up, the delay is its own: it does not leave the view for it.
  if (!changing_ && !confirmed_ && lagging()) view_since_ = tick_;
  if (changing_ || !confirmed_ || !outstanding()) {
    progress_since_.reset();
  } else if (!progress_since_) {
    progress_since_ = tick_;
  }
}

// C2: is there anything that an honest primary and a quorum should be deciding?
bool Replica::outstanding() const {
  if (lagging()) return false;  // our own delay, not the primary's
  for (auto it = slots_.upper_bound(decided_tip_); it != slots_.end() && it->first <= window_end();
       ++it) {
    if (it->second.proposal && !decided_.contains(it->first)) return true;
  }
  // With the window full it is certification that is awaited (D4), and no primary could help.
  if (decided_tip_ >= window_end()) return false;
  return unproposed_ > 0 || tick_ - last_commit_ >= config_.ticks(config_.heartbeat_ms);
}

}  // namespace imi::consensus
