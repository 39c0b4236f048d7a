#include "node/fair_work.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace imi::node {

// Groups: one for each validator, one for the clients, one for all observers.
FairWork::FairWork(Core& core)
    : core_(core),
      waiting_(core.peers + std::size_t{1}),
      in_group_(core.validators + std::size_t{2}) {}

std::size_t FairWork::group_of(WorkSource source) const {
  if (source.value < core_.validators) return source.value;
  return source == clients() ? core_.validators : core_.validators + std::size_t{1};
}

void FairWork::run(WorkSource source, Task work, Done done) {
  IMI_CHECK(source.value < waiting_.size(), "work is done for a peer or for clients");
  auto& pieces = waiting_[source.value];
  if (pieces.empty()) {
    auto& group = in_group_[group_of(source)];
    if (group.empty()) groups_.push_back(group_of(source));
    group.push_back(source.value);
  }
  pieces.push_back({std::move(work), std::move(done)});
  pump();
}

FairWork::Piece FairWork::take_next() {
  const std::size_t group_number = groups_.front();
  groups_.pop_front();
  auto& group = in_group_[group_number];
  const std::uint32_t source = group.front();
  group.pop_front();
  Piece piece = std::move(waiting_[source].front());
  waiting_[source].pop_front();
  if (!waiting_[source].empty()) group.push_back(source);
  if (!group.empty()) groups_.push_back(group_number);
  return piece;
}

void FairWork::pump() {
  while (under_way_ < core_.limits.verify_pieces && !groups_.empty()) {
    Piece piece = take_next();
    ++under_way_;
    core_.run(core_.ports.verify, Priority::kBulk, std::move(piece.work),
              [this, done = std::move(piece.done)] {
                --under_way_;
                done(true);
                if (core_.running()) pump();
              });
  }
}

void FairWork::drop(WorkSource source) {
  const auto dropped = std::exchange(waiting_[source.value], {});
  if (dropped.empty()) return;
  const std::size_t group_number = group_of(source);
  auto& group = in_group_[group_number];
  std::erase(group, source.value);
  if (group.empty()) std::erase(groups_, group_number);
  for (const Piece& piece : dropped) piece.done(false);
}

}  // namespace imi::node
