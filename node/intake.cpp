#include "node/intake.h"

#include <algorithm>

#include "node/wire.h"

namespace imi::node {

using consensus::MessageError;

// Consensus messages of one peer that may always wait, however many peers there are.
constexpr std::size_t kLeastShare = 128;

void Intake::message(PeerIndex from, SharedBytes frame, std::shared_ptr<void> hold) {
  ++core_.counters.messages_in;
  // Consensus repeats what is lost (A8), so a flood costs its sender's messages and no memory; each
  // peer has a share, so it costs nobody else's.
  std::size_t& waiting = messages_of_[from.value];
  if (waiting >= std::max(core_.limits.max_verifying_messages / core_.peers, kLeastShare)) {
    ++core_.counters.messages_refused;
    return;
  }
  ++waiting;
  received_.push_back({from, std::move(frame), std::move(hold)});
  core_.want_flush();
}

void Intake::verify(Piece& piece, const consensus::Verifier& verifier, std::uint32_t validators) {
  for (const Received& r : piece.in) {
    auto decoded = consensus::decode_message(ByteView(*r.frame).subspan(1));
    if (!decoded) {
      piece.verdicts.push_back(Verdict::kMalformed);
      piece.out.emplace_back();
      continue;
    }
    std::optional<chain::MemberId> member;
    if (r.from.value < validators) {
      member = chain::MemberId(static_cast<std::uint16_t>(r.from.value));
    }
    auto verified = verifier.verify(std::move(*decoded), member);
    piece.verdicts.push_back(verified                                          ? Verdict::kGood
                             : verified.error() == MessageError::kBadSignature ? Verdict::kForged
                                                                               : Verdict::kRefused);
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
    switch (piece.verdicts[i]) {
      case Verdict::kGood: core_.input(consensus::Receive{*piece.out[i]}); break;
      case Verdict::kRefused: ++core_.counters.messages_refused; break;
      case Verdict::kForged:
        // Who signs it or passes it on has checked it before.
        ++core_.counters.messages_refused;
        core_.disconnect_misbehaving(piece.in[i].from,
                                     "a consensus message with a wrong signature");
        break;
      case Verdict::kMalformed:
        core_.disconnect_misbehaving(piece.in[i].from, "a consensus message that does not parse");
        break;
    }
  }
}

void Intake::check(std::vector<SharedBytes> bodies, bool lookup, std::function<void(Answer)> done) {
  struct Job {
    std::vector<SharedBytes> in;
    std::vector<std::optional<CheckedBody>> out;
    std::vector<ledger::LedgerDb::Precheck> prechecks;
    std::size_t pieces = 0;
    std::function<void(Answer)> done;
  };
  auto job = std::make_shared<Job>();
  const std::size_t n = bodies.size();
  const std::size_t chunk = core_.limits.verify_chunk;
  job->in = std::move(bodies);
  job->out.resize(n);
  job->prechecks.resize(lookup ? n : 0);
  job->pieces = std::max<std::size_t>(1, (n + chunk - 1) / chunk);
  job->done = std::move(done);
  verifying_ += n;
  core_.counters.submissions_received += n;
  for (std::size_t begin = 0; begin == 0 || begin < n; begin += chunk) {
    const std::size_t end = std::min(n, begin + chunk);
    core_.run(
        core_.ports.verify, Priority::kBulk,
        [job, begin, end, lookup, limits = core_.admission, keys = known_keys_,
         &ledger = core_.ports.ledger] {
          auto checked =
              check_bodies(std::span(job->in).subspan(begin, end - begin), limits, *keys);
          for (std::size_t i = begin; i < end; ++i) {
            job->out[i] = std::move(checked[i - begin]);
            if (!lookup || !job->out[i]->has_value()) continue;
            if (auto precheck = ledger.precheck(*(*job->out[i])->submission)) {
              job->prechecks[i] = std::move(*precheck);
            }
          }
        },
        [this, job, n] {
          if (--job->pieces != 0) return;
          verifying_ -= n;
          Answer answer;
          answer.bodies.reserve(n);
          for (auto& b : job->out) {
            if (b->has_value()) {
              ++core_.counters.submissions_verified;
            } else {
              ++core_.counters.submissions_refused;
            }
            answer.bodies.push_back(std::move(*b));
          }
          answer.prechecks = std::move(job->prechecks);
          job->done(std::move(answer));
        });
  }
}

}  // namespace imi::node
