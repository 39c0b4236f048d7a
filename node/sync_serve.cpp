// Catch-up: what peers ask of this node.
#include <algorithm>
#include <set>

#include "node/sync.h"

namespace imi::node {

namespace {
// Of a frame, so that it stays well below the transport's 16 MiB.
constexpr std::size_t kMaxBodiesFrameBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxRunsFrameBytes = std::size_t{12} << 20;

// The blocks from a height on with what certifies them, as far as limits go.
class RunBuilder {
 public:
  RunBuilder(const LedgerPort& ledger, const FetchRunsFrame& request, std::size_t max_bytes)
      : ledger_(ledger),
        request_(request),
        max_bytes_(max_bytes),
        wanted_bytes_(
            static_cast<std::size_t>(std::min<std::uint64_t>(request.max_bytes, max_bytes))) {}

  RunsFrame build() {
    read();
    RunsFrame out{request_.from, {}, {}};
    std::size_t used = 0;
    if (certified_ != 0) {
      consensus::SyncedBlocks run;
      for (std::size_t i = 0; i < certified_; ++i) run.blocks.push_back(blocks_[i].block);
      run.proof = *certificate_;
      out.runs.push_back(std::move(run));
      used = certified_;
    } else if (!request_.checkpoints_only) {
      for (const ledger::StoredBlock& stored : blocks_) {
        const auto proof = decode<StoredProof>(stored.commit_certificate);
        if (!proof || !std::holds_alternative<consensus::CommitCertificate>(*proof)) break;
        out.runs.push_back({{stored.block}, std::get<consensus::CommitCertificate>(*proof)});
        ++used;
      }
    }
    const std::size_t max = std::min(wanted_bytes_, kMaxRunsFrameBytes);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < used; ++i) {
      for (Bytes& body : blocks_[i].bodies) {
        if (bytes != 0 && bytes + body.size() > max) return out;
        bytes += body.size();
        out.bodies.push_back(std::move(body));
      }
    }
    return out;
  }

 private:
  void read() {
    std::size_t bytes = 0;
    const std::uint64_t applied = ledger_.applied().height.value;
    // Up to one more window than asked for, to find a certificate.
    for (std::uint64_t h = request_.from.value; h <= applied && blocks_.size() < kMaxRunBlocks;
         ++h) {
      const bool enough = !blocks_.empty() && (bytes >= wanted_bytes_ || h > request_.to.value);
      if (enough && certified_ != 0) break;
      if (bytes >= 4 * max_bytes_) break;
      auto stored = ledger_.block(chain::Height(h));
      if (!stored) break;
      bytes += stored->block.items.size() * sizeof(chain::ContentHash);
      for (const Bytes& b : stored->bodies) bytes += b.size();
      blocks_.push_back(std::move(*stored));
      const auto certificate = ledger_.certificate_at(chain::Height(h));
      if (certificate && *certificate) {
        certified_ = blocks_.size();
        certificate_ = **certificate;
      }
    }
  }

  const LedgerPort& ledger_;
  FetchRunsFrame request_;
  std::size_t max_bytes_;     // of this node; a search for a certificate may read 4 times as much
  std::size_t wanted_bytes_;  // of the asker, not more than that
  std::vector<ledger::StoredBlock> blocks_;
  std::size_t certified_ = 0;  // this many blocks end in `certificate_`
  std::optional<chain::CheckpointCertificate> certificate_;
};

// Those of `wanted` that the block at `height` lists, at the end of `found`.
void find_in_block(const LedgerPort& ledger, chain::Height height,
                   const std::set<chain::ContentHash>& wanted, std::vector<SharedBytes>& found) {
  auto stored = ledger.block(height);
  if (!stored) return;
  const auto& items = stored->block.items;
  for (std::size_t i = 0; i < items.size() && i < stored->bodies.size(); ++i) {
    if (!wanted.contains(items[i])) continue;
    found.push_back(std::make_shared<const Bytes>(std::move(stored->bodies[i])));
  }
}

// One frame at least: that there is nothing is an answer too, so that the asker need not wait.
std::vector<SharedBytes> bodies_frames(const std::vector<SharedBytes>& bodies) {
  std::vector<SharedBytes> frames;
  if (bodies.empty()) frames.push_back(make_bodies_frame({}));
  for (std::size_t at = 0; at < bodies.size();) {
    const std::size_t first = at;
    std::size_t bytes = 0;
    while (at < bodies.size() &&
           (at == first || bytes + bodies[at]->size() <= kMaxBodiesFrameBytes)) {
      bytes += bodies[at++]->size();
    }
    frames.push_back(make_bodies_frame(std::span(bodies).subspan(first, at - first)));
  }
  return frames;
}

}  // namespace

void Sync::serve_runs(PeerIndex to, const FetchRunsFrame& request) {
  if (request.from.value == 0 || request.to < request.from) return;
  std::uint64_t& serving = serving_[to.value];
  if (serving >= core_.limits.serve_per_peer) return;  // it asks again, or another
  ++serving;
  auto frame = std::make_shared<SharedBytes>();
  work_.run(
      FairWork::peer(to),
      [frame, request, max = core_.limits.sync_bytes, &ledger = core_.ports.ledger] {
        *frame = make_frame(FrameKind::kRuns, RunBuilder(ledger, request, max).build());
      },
      [this, to, frame](bool ran) {
        --serving_[to.value];
        if (ran) (void)core_.send(to, Urgency::kBulk, *frame);
      });
}

void Sync::serve_bodies(PeerIndex to, const FetchBodiesFrame& request) {
  std::uint64_t& serving = serving_[to.value];
  if (serving >= core_.limits.serve_per_peer) return;  // it asks again, or another
  std::vector<SharedBytes> found;
  std::set<chain::ContentHash> missing;
  // What exceeds the limits is asked for again: a small request does not get a larger answer, nor
  // one body twice.
  std::set<chain::ContentHash> seen;
  std::size_t bytes = 0;
  for (const chain::ContentHash& content : request.contents) {
    if (seen.size() >= core_.limits.fetch_items || bytes > core_.limits.serve_bytes) break;
    if (!seen.insert(content).second) continue;
    if (const Body* body = bodies_.find(content)) {
      bytes += body->bytes->size();
      found.push_back(body->bytes);
    } else {
      missing.insert(content);
    }
  }
  const bool from_ledger = !missing.empty() && request.height.value != 0 &&
                           request.height <= core_.ports.ledger.applied().height;
  ++serving;
  auto frames = std::make_shared<std::vector<SharedBytes>>();
  Task work = [frames, found = std::move(found), missing = std::move(missing), from_ledger,
               height = request.height, &ledger = core_.ports.ledger]() mutable {
    if (from_ledger) find_in_block(ledger, height, missing, found);
    *frames = bodies_frames(found);
  };
  const auto done = [this, to, frames](bool ran) {
    --serving_[to.value];
    for (const SharedBytes& frame : *frames) {
      if (!ran || !core_.send(to, Urgency::kBulk, frame)) break;
    }
  };
  if (from_ledger) {
    work_.run(FairWork::peer(to), std::move(work), done);
  } else {  // wanted for a vote as a rule, and quick to send
    core_.run(core_.ports.verify, Priority::kVote, std::move(work), [done] { done(true); });
  }
}

}  // namespace imi::node
