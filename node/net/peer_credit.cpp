// Back-pressure: what was received and not dealt with, by peer.
#include <utility>

#include "node/net/peer_impl.h"

namespace imi::node {

void Credit::Account::give_back(std::size_t bytes) {
  const std::size_t left = held_.fetch_sub(bytes) - bytes;
  if (left > limit_ / 2 || !paused_.exchange(false)) return;
  if (const auto owner = owner_.lock()) owner->post_resume(peer_);
}

bool Credit::Account::must_pause() {
  if (held_.load() <= limit_) return false;
  paused_.store(true);
  // What was given back before the flag was up saw no flag.
  if (held_.load() <= limit_ / 2 && paused_.exchange(false)) return false;
  return true;
}

void Credit::release() {
  if (account_ && bytes_ != 0) account_->give_back(bytes_);
  account_.reset();
  bytes_ = 0;
}

Credit& Credit::operator=(Credit&& o) noexcept {
  if (this != &o) {
    release();
    account_ = std::move(o.account_);
    bytes_ = std::exchange(o.bytes_, 0);
  }
  return *this;
}

}  // namespace imi::node
