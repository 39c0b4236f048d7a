#include "node/intake.h"

#include <algorithm>

#include "node/wire.h"

namespace imi::node {

using consensus::MessageError;

// Consensus messages of one peer that may always wait, however many peers there are.
constexpr std::size_t kLeastShare = 128;
// Credits of skipped frames that one peer gets back in a tick.
constexpr std::size_t kSkippedPerTick = 64;

Intake::Intake(Core& core, FairWork& work, std::shared_ptr<const consensus::Verifier> verifier)
    : core_(core),
      work_(work),
      verifier_(std::move(verifier)),
      messages_of_(core.peers),
      verifying_of_(core.peers + std::size_t{1}),
      skipped_(core.peers) {}

void Intake::message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold) {
  ++core_.counters.messages_in;
  // Consensus repeats what is lost (A8), so a flood costs its sender's messages and no memory; each
  // peer has a share, so it costs no other peer's.
  std::size_t& waiting = messages_of_[from.value];
  if (waiting >= std::max(core_.limits.max_verifying_messages / core_.peers, kLeastShare)) {
    ++core_.counters.messages_refused;
    return;
  }
  ++waiting;
  received_.push_back({from, std::move(frame), std::move(hold)});
  core_.want_flush();
}

// What an honest node neither signs nor passes on: it checks before it does.
static bool is_forged(MessageError e) {
  return e == MessageError::kBadSignature || e == MessageError::kBadCheckpointCertificate ||
         e == MessageError::kBadPreparedCertificate || e == MessageError::kBadCommitCertificate;
}

void Intake::verify(Piece& piece, const consensus::Verifier& verifier, std::uint32_t validators) {
  for (const Received& r : piece.in) {
    auto decoded = consensus::decode_message(ByteView(*r.frame).subspan(1));
    if (!decoded) {
      piece.checks.push_back(consensus::is_of_unknown_kind(ByteView(*r.frame).subspan(1))
                                 ? Check::kUnknown
                                 : Check::kMalformed);
      piece.out.emplace_back();
      continue;
    }
    std::optional<chain::MemberId> member;
    if (r.from.value < validators) {
      member = chain::MemberId(static_cast<std::uint16_t>(r.from.value));
    }
    auto verified = verifier.verify(std::move(*decoded), member);
    piece.checks.push_back(verified                      ? Check::kGood
                           : is_forged(verified.error()) ? Check::kForged
                                                         : Check::kRefused);
    piece.out.push_back(verified ? std::optional(std::move(*verified)) : std::nullopt);
  }
}

bool Intake::verify_here() const {
  const auto is_short = [this](const Received& r) {
    return r.frame->size() <= core_.limits.inline_message_bytes;
  };
  return messages_under_way_ == 0 && received_.size() <= core_.limits.inline_messages &&
         std::all_of(received_.begin(), received_.end(), is_short);
}

void Intake::flush() {
  if (received_.empty()) return;
  const bool here = verify_here();
  auto piece = std::make_shared<Piece>();
  piece->in = std::move(received_);
  received_.clear();
  messages_under_way_ += piece->in.size();
  const std::uint64_t ticket = next_ticket_++;
  if (here) {
    verify(*piece, *verifier_, core_.validators);
    deliver(ticket, std::move(piece));
    return;
  }
  core_.run(
      core_.ports.verify, Priority::kVote,
      [piece, validators = core_.validators, verifier = verifier_] {
        verify(*piece, *verifier, validators);
      },
      [this, ticket, piece] { deliver(ticket, piece); });
}

void Intake::deliver(std::uint64_t ticket, std::shared_ptr<Piece> piece) {
  finished_.emplace(ticket, std::move(piece));
  for (auto next = finished_.begin();
       next != finished_.end() && next->first == next_to_deliver_ && core_.running();
       next = finished_.begin()) {
    const std::shared_ptr<Piece> ready = std::move(next->second);
    finished_.erase(next);
    ++next_to_deliver_;
    messages_under_way_ -= ready->in.size();
    for (const Received& r : ready->in) --messages_of_[r.from.value];
    hand_on(*ready);
  }
}

void Intake::hand_on(const Piece& piece) {
  for (std::size_t i = 0; i < piece.in.size() && core_.running(); ++i) {
    switch (piece.checks[i]) {
      case Check::kGood: core_.input(consensus::Receive{*piece.out[i]}); break;
      case Check::kRefused: ++core_.counters.messages_refused; break;
      case Check::kForged:
        ++core_.counters.messages_refused;
        core_.disconnect_misbehaving(piece.in[i].from,
                                     "a consensus message with a wrong signature");
        break;
      case Check::kUnknown:
        ++core_.counters.messages_unknown;
        if (piece.in[i].hold) skipped_[piece.in[i].from.value].push_back(piece.in[i].hold);
        break;
      case Check::kMalformed:
        core_.disconnect_misbehaving(piece.in[i].from, "a consensus message that does not parse");
        break;
    }
  }
}

void Intake::skip(PeerIndex from, std::shared_ptr<void> hold) {
  ++core_.counters.frames_unknown;
  if (hold) skipped_[from.value].push_back(std::move(hold));
}

void Intake::give_back() {
  for (auto& credits : skipped_) {
    for (std::size_t n = 0; n < kSkippedPerTick && !credits.empty(); ++n) credits.pop_front();
  }
}

bool Intake::has_room(PeerIndex from, bool wanted) const {
  const std::size_t share = from.value < core_.validators ? core_.limits.max_verifying_of_validator
                                                          : core_.limits.max_verifying_of_observer;
  return verifying_of_[from.value] < (wanted ? 2 * share : share);
}

std::size_t Intake::room_for_clients() const {
  // The clients, each other validator, all observers together.
  const std::size_t others = core_.validators - (core_.me ? 1U : 0U);
  const std::size_t sources = 1 + others + (core_.peers > core_.validators ? 1U : 0U);
  const std::size_t even =
      std::max<std::size_t>(core_.limits.max_verifying_for_clients / sources, 1);
  std::size_t used = verifying_of_[work_.clients().value];
  std::size_t observers = 0;
  for (std::uint32_t p = 0; p < core_.peers; ++p) {
    if (p < core_.validators) {
      used += std::min(verifying_of_[p], even);
    } else {
      observers += verifying_of_[p];
    }
  }
  used += std::min(observers, even);
  const std::size_t all = core_.limits.max_verifying_for_clients;
  return all - std::min(used, all);
}

struct Intake::Job {
  WorkSource source;
  bool lookup = false;
  std::vector<SharedBytes> in;
  std::vector<std::optional<CheckedBody>> out;  // empty: not checked
  std::vector<ledger::LedgerDb::Precheck> prechecks;
  std::size_t pieces = 0;
  bool lied = false;
  std::function<void(Answer)> done;
};

void Intake::check(WorkSource source, std::vector<SharedBytes> bodies, bool lookup,
                   std::function<void(Answer)> done) {
  auto job = std::make_shared<Job>();
  const std::size_t n = bodies.size();
  const std::size_t chunk = core_.limits.verify_chunk;
  job->source = source;
  job->lookup = lookup;
  job->in = std::move(bodies);
  job->out.resize(n);
  job->prechecks.resize(lookup ? n : 0);
  job->pieces = std::max<std::size_t>(1, (n + chunk - 1) / chunk);
  job->done = std::move(done);
  verifying_ += n;
  verifying_of_[source.value] += n;
  core_.counters.submissions_received += n;
  for (std::size_t begin = 0; begin == 0 || begin < n; begin += chunk) {
    check_piece(job, begin, std::min(n, begin + chunk));
  }
}

void Intake::check_piece(const std::shared_ptr<Job>& job, std::size_t begin, std::size_t end) {
  work_.run(
      job->source,
      [job, begin, end, limits = core_.admission, keys = known_keys_,
       &ledger = core_.ports.ledger] {
        auto checked = check_bodies(std::span(job->in).subspan(begin, end - begin), limits, *keys);
        for (std::size_t i = begin; i < end; ++i) {
          job->out[i] = std::move(checked[i - begin]);
          if (!job->lookup || !job->out[i]->has_value()) continue;
          if (auto precheck = ledger.precheck(*(*job->out[i])->submission)) {
            job->prechecks[i] = std::move(*precheck);
          }
        }
      },
      [this, job, begin, end](bool ran) { finish_piece(job, begin, end, ran); });
}

void Intake::finish_piece(const std::shared_ptr<Job>& job, std::size_t begin, std::size_t end,
                          bool ran) {
  verifying_ -= end - begin;
  verifying_of_[job->source.value] -= end - begin;
  const bool last = --job->pieces == 0;
  std::string_view lie;
  for (std::size_t i = begin; i < end; ++i) {
    // Dropped ones count as refused: no one waits for them.
    const bool good = ran && job->out[i]->has_value();
    ++(good ? core_.counters.submissions_verified : core_.counters.submissions_refused);
    if (!ran || good || job->source == work_.clients()) continue;
    if (!proves_a_lie(job->out[i]->error())) continue;
    ++core_.counters.submissions_forged;
    lie = ledger::name(job->out[i]->error().error.reason);
  }
  if (!lie.empty() && !std::exchange(job->lied, true)) {
    core_.disconnect_misbehaving(PeerIndex(job->source.value),
                                 "a submission that it must have refused: " + std::string(lie));
    work_.drop(job->source);
  }
  if (last) finish(*job);
}

void Intake::finish(Job& job) {
  Answer answer;
  answer.bodies.reserve(job.out.size());
  for (std::size_t i = 0; i < job.out.size(); ++i) {
    if (!job.out[i]) {
      answer.complete = false;
      continue;
    }
    answer.bodies.push_back(std::move(*job.out[i]));
    if (job.lookup) answer.prechecks.push_back(std::move(job.prechecks[i]));
  }
  job.done(std::move(answer));
}

}  // namespace imi::node
