#include "node/sync.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "node/checks.h"

namespace imi::node {

namespace {
// Of a frame, so that it stays well below the transport's 16 MiB.
constexpr std::size_t kMaxBodiesFrameBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxRunsFrameBytes = std::size_t{12} << 20;
}  // namespace

// ---- asking -------------------------------------------------------------------------------------

struct Sync::Answer {
  bool malformed = false;
  std::string why;
  chain::Height from;
  std::vector<consensus::VerifiedBlocks> runs;
  std::vector<Body> bodies;
};

void Sync::want(const consensus::FetchBlocks& wanted) {
  want_us_ = core_.now_us();
  wanted_ = true;
  to_ = wanted.to;
  // What was asked for and is still on its way is not asked for again.
  if (!busy() || wanted.from > next_) next_ = wanted.from;
  request_next();
}

std::optional<PeerIndex> Sync::choose_peer() {
  const std::uint64_t now = core_.now_us();
  std::optional<PeerIndex> penalised;
  for (std::uint32_t n = 0; n < core_.validators; ++n) {
    const PeerIndex peer(turn_++ % core_.validators);
    if (core_.is_self(peer) || !core_.ports.network.is_connected(peer)) continue;
    const auto until = passed_over_until_us_.find(peer.value);
    if (until == passed_over_until_us_.end() || until->second <= now) return peer;
    penalised = peer;
  }
  // All were passed over: better one of them than none, as long as it did not lie.
  return penalised;
}

void Sync::request_next() {
  if (!wanted_ || request_ || next_ > to_ || !core_.running()) return;
  std::size_t ahead = execution_.backlog();
  for (const auto& run : ready_) ahead += run.blocks().size();
  if (ahead >= core_.limits.sync_backlog) return;
  const auto peer = choose_peer();
  if (!peer) return;
  const chain::Height to(std::min(to_.value, next_.value + core_.limits.sync_blocks - 1));
  const FetchRunsFrame frame{next_, to, core_.follows};
  if (!core_.send(*peer, Urgency::kControl, make_frame(FrameKind::kFetchRuns, frame))) return;
  request_ = Request{*peer, next_, core_.now_us() + core_.limits.sync_timeout_us, false};
}

void Sync::on_runs(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold) {
  if (!request_ || request_->peer != from || request_->verifying) return;  // late: asked elsewhere
  request_->verifying = true;
  auto answer = std::make_shared<Answer>();
  core_.run(
      core_.ports.verify, Priority::kBulk,
      [answer, frame, expected = request_->from, limits = core_.admission, verifier = verifier_] {
        auto decoded = read_frame<RunsFrame>(*frame);
        if (!decoded) {
          answer->malformed = true;
          answer->why = "blocks that do not parse: " + describe(decoded.error());
          return;
        }
        answer->from = decoded->from;
        chain::Height next = expected;
        for (consensus::SyncedBlocks& run : decoded->runs) {
          auto verified = verifier->verify(std::move(run));
          const bool follows =
              verified.has_value() && verified->blocks().front()->header.height == next;
          if (!follows) {
            answer->malformed = true;
            answer->why = verified ? "blocks of other heights than asked for"
                                   : std::string(consensus::describe(verified.error()));
            return;
          }
          next = verified->blocks().back()->header.height.next();
          answer->runs.push_back(std::move(*verified));
        }
        for (Bytes& bytes : decoded->bodies) {
          // The certificate vouches for the content hash; the body must only match it.
          auto body = check_certified_body(std::make_shared<const Bytes>(std::move(bytes)), limits);
          if (body) answer->bodies.push_back(std::move(*body));
        }
      },
      [this, from, answer, hold] { accept(from, *answer); });
}

void Sync::accept(PeerIndex from, Answer& answer) {
  if (!request_ || request_->peer != from) return;
  const chain::Height asked = request_->from;
  request_.reset();
  if (answer.malformed || answer.from != asked) {
    passed_over_until_us_[from.value] = core_.now_us() + core_.limits.peer_penalty_us;
    core_.disconnect_misbehaving(from,
                                 answer.why.empty() ? "an answer to another question" : answer.why);
    request_next();
    return;
  }
  if (answer.runs.empty()) {  // it does not have them: an honest answer
    passed_over_until_us_[from.value] = core_.now_us() + core_.limits.sync_timeout_us;
    request_next();
    return;
  }
  std::set<chain::ContentHash> vouched;
  for (consensus::VerifiedBlocks& run : answer.runs) {
    for (std::size_t i = 0; i < run.blocks().size(); ++i) {
      const auto& block = run.blocks()[i];
      bodies_.keep(block->header.height, run.ids()[i], block);
      vouched.insert(block->items.begin(), block->items.end());
    }
    next_ = run.blocks().back()->header.height.next();
    ready_.push_back(std::move(run));
  }
  // Their signatures were not checked: a quorum did, for exactly the contents that these blocks
  // list.
  core_.counters.bodies_fetched += answer.bodies.size();
  for (const Body& b : answer.bodies) {
    if (vouched.contains(b.content())) bodies_.offer(b);
  }
  advance();
}

void Sync::deliver_ready() {
  while (!ready_.empty() && core_.running()) {
    const consensus::VerifiedBlocks& run = ready_.front();
    for (std::size_t i = 0; i < run.blocks().size(); ++i) {
      const chain::Height height = run.blocks()[i]->header.height;
      // Executed in the meantime (and released), or every body is held.
      if (height > core_.ports.ledger.applied().height && !bodies_.complete(height, run.ids()[i])) {
        return;
      }
    }
    const consensus::VerifiedBlocks whole = std::move(ready_.front());
    ready_.pop_front();
    core_.counters.blocks_synced += whole.blocks().size();
    core_.input(consensus::Synced{whole});
    if (const auto* certificate = std::get_if<chain::CheckpointCertificate>(&whole.proof())) {
      execution_.certify(*certificate);
    }
  }
}

void Sync::advance() {
  const std::uint64_t now = core_.now_us();
  if (request_ && !request_->verifying && now >= request_->deadline_us) {
    passed_over_until_us_[request_->peer.value] = now + core_.limits.sync_timeout_us;
    request_.reset();
  }
  deliver_ready();
  // Consensus repeats its wish while it holds.
  if (wanted_ && now - want_us_ > core_.limits.sync_timeout_us) wanted_ = false;
  request_next();
}

// ---- serving ------------------------------------------------------------------------------------

namespace {

// The blocks from a height on with what certifies them, as far as limits go.
class RunBuilder {
 public:
  RunBuilder(const LedgerPort& ledger, const FetchRunsFrame& request, std::size_t max_bytes)
      : ledger_(ledger), request_(request), max_bytes_(max_bytes) {}

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
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < used; ++i) {
      for (Bytes& body : blocks_[i].bodies) {
        bytes += body.size();
        if (bytes > kMaxRunsFrameBytes) return out;
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
      const bool enough = bytes >= max_bytes_ || h > request_.to.value;
      if (enough && certified_ != 0) break;
      if (bytes >= 4 * max_bytes_) break;
      auto stored = ledger_.block(chain::Height(h));
      if (!stored) break;
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
  std::size_t max_bytes_;
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

std::vector<SharedBytes> bodies_frames(const std::vector<SharedBytes>& bodies) {
  std::vector<SharedBytes> frames;
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
  core_.run(
      core_.ports.verify, Priority::kBulk,
      [frame, request, max = core_.limits.sync_bytes, &ledger = core_.ports.ledger] {
        *frame = make_frame(FrameKind::kRuns, RunBuilder(ledger, request, max).build());
      },
      [this, to, frame] {
        --serving_[to.value];
        (void)core_.send(to, Urgency::kBulk, *frame);
      });
}

void Sync::serve_bodies(PeerIndex to, const FetchBodiesFrame& request) {
  std::uint64_t& serving = serving_[to.value];
  if (serving >= core_.limits.serve_per_peer) return;  // it asks again, or another
  std::vector<SharedBytes> found;
  std::set<chain::ContentHash> missing;
  // What goes beyond the limits is asked for again: nobody gets more for a small request, nor one
  // body twice.
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
  if (found.empty() && !from_ledger) return;
  ++serving;
  // What is at hand is wanted for a vote as a rule, and quick to send.
  auto frames = std::make_shared<std::vector<SharedBytes>>();
  core_.run(
      core_.ports.verify, from_ledger ? Priority::kBulk : Priority::kVote,
      [frames, found = std::move(found), missing = std::move(missing), from_ledger,
       height = request.height, &ledger = core_.ports.ledger]() mutable {
        if (from_ledger) find_in_block(ledger, height, missing, found);
        *frames = bodies_frames(found);
      },
      [this, to, frames] {
        --serving_[to.value];
        for (const SharedBytes& frame : *frames) {
          if (!core_.send(to, Urgency::kBulk, frame)) break;
        }
      });
}

}  // namespace imi::node
