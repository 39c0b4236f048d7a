// A vote that its signer forgot and that none of those it asks can show (B6). On an idle network
// one member's PREPARE reaches a single other, the witness, which is then cut off; the member gets
// its disk of before that vote back, asks the others, who have seen nothing, and signs. Then the
// witness returns, and its VIEW-CHANGE carries a certificate with the forgotten PREPARE: from then
// on that member must sign nothing new (I19), and the others must go on without it.
#include <algorithm>
#include <set>

#include "node/wire.h"
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

class ForgottenVote final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    c_.set_client_gap(20'000, 200'000);
    c_.network().set_lose([this](std::uint16_t from, std::uint16_t to, const Bytes& frame) {
      return lose(from, to, frame);
    });
    after(1 * kSecond, 2 * kSecond, [this] { c_.set_client_gap(60 * kSecond, 60 * kSecond); });
    after(4 * kSecond, 8 * kSecond, [this] { stage_ = Stage::kArmed; });
  }
  void stop() override {
    Scenario::stop();
    end();
    c_.network().set_lose({});
  }

 private:
  enum class Stage : std::uint8_t {
    kOpen,
    kArmed,      // the next proposal is the one
    kVoting,     // only the witness gets the vote, and nobody hears the witness
    kAsking,     // the member is back, on its old disk
    kWitnessed,  // the witness is back
  };

  void end() {
    if (stage_ == Stage::kOpen) return;
    stage_ = Stage::kOpen;
    c_.set_client_gap(20'000, 200'000);
  }

  // As many vote as a certificate needs, the member and the witness among them.
  void begin(std::uint16_t primary, Height height) {
    std::vector<std::uint16_t> others = all_honest();
    std::erase(others, primary);
    for (std::size_t i = others.size(); i > 1; --i) std::swap(others[i - 1], others[rng_.below(i)]);
    member_ = others[0];
    witness_ = others[1];
    height_ = height;
    const std::uint32_t q = c_.world().genesis().validators.quorum().q;
    deaf_ = {others.begin() + static_cast<std::ptrdiff_t>(q) - 1, others.end()};
    backup_ = c_.host(member_).backup();
    stage_ = Stage::kVoting;
    after(6 * kSecond, 8 * kSecond, [this] { end(); });
  }

  void lose_disk() {
    after(20'000, 40'000, [this] {
      if (stage_ != Stage::kVoting || !c_.host(member_).up()) return;
      c_.take_down(member_, rng_.chance_ppm(500'000));
      c_.host(member_).restore_unnoticed(backup_);
      stage_ = Stage::kAsking;
      answered_.clear();
      after(10'000, 60'000, [this] { c_.boot(member_); });
    });
  }

  bool lose(std::uint16_t from, std::uint16_t to, const Bytes& frame) {
    if (frame.empty() || frame[0] != static_cast<std::uint8_t>(node::FrameKind::kConsensus)) {
      return false;
    }
    const auto m = consensus::decode_message(ByteView(frame).subspan(1));
    if (!m) return false;
    const auto* proposal = std::get_if<consensus::PrePrepare>(&m->payload);
    if (stage_ == Stage::kArmed && proposal != nullptr && m->sender.value == from) {
      begin(from, proposal->header.height);
    }
    if (stage_ == Stage::kOpen || stage_ == Stage::kArmed) return false;
    if (stage_ == Stage::kWitnessed && to == member_ && shows(*m)) return show();
    // That proposal reaches those who are to vote for it, and the member only once.
    const auto* block = std::get_if<consensus::BlockData>(&m->payload);
    const bool of_height = (proposal != nullptr && proposal->header.height >= height_) ||
                           (block != nullptr && block->block.header.height >= height_);
    if (of_height && (deaf_.contains(to) || (to == member_ && stage_ != Stage::kVoting))) {
      return true;
    }
    if (stage_ == Stage::kWitnessed) return false;
    if (from == witness_) return true;
    if (stage_ == Stage::kVoting && from == member_) {
      const auto* vote = std::get_if<consensus::Prepare>(&m->payload);
      if (vote == nullptr || to != witness_ || vote->height != height_) return true;
      lose_disk();
    }
    if (stage_ == Stage::kAsking && to == member_ &&
        m->kind() == consensus::MessageKind::kLastSeen) {
      answered(from);
    }
    return false;
  }

  // With q - f answers it signs: then the witness may come back.
  void answered(std::uint16_t by) {
    const chain::Quorum quorum = c_.world().genesis().validators.quorum();
    answered_.insert(by);
    if (answered_.size() != quorum.q - quorum.f) return;
    after(20'000, 40'000, [this] {
      if (stage_ == Stage::kAsking) stage_ = Stage::kWitnessed;
    });
  }

  [[nodiscard]] bool shows(const consensus::ViewChange& v) const {
    return std::ranges::any_of(v.certificates, [this](const consensus::HeightCertificate& c) {
      const auto* prepared = std::get_if<consensus::PreparedCertificate>(&c.proof);
      return prepared != nullptr && prepared->header.height == height_ &&
             std::ranges::any_of(prepared->prepares, [this](const chain::MemberSignature& s) {
               return s.member.value == member_;
             });
    });
  }
  [[nodiscard]] bool shows(const consensus::SignedMessage& m) const {
    if (const auto* v = std::get_if<consensus::ViewChange>(&m.payload)) return shows(*v);
    const auto* n = std::get_if<consensus::NewView>(&m.payload);
    return n != nullptr &&
           std::ranges::any_of(n->view_changes, [this](const auto& v) { return shows(v.message); });
  }

  // It arrives within milliseconds, and is verified.
  bool show() {
    c_.count("forgotten vote shown in a certificate");
    c_.queue().schedule(kWorld, 200'000, [this] { c_.oracle().on_shown(MemberId(member_)); });
    end();
    return false;
  }

  Stage stage_ = Stage::kOpen;
  std::uint16_t member_ = 0;
  std::uint16_t witness_ = 0;
  Height height_;
  std::set<std::uint16_t> deaf_;
  std::set<std::uint16_t> answered_;
  Host::Backup backup_;
};

}  // namespace

std::unique_ptr<Scenario> make_forgotten_vote(Cluster& cluster, Rng rng) {
  return std::make_unique<ForgottenVote>(cluster, rng);
}

}  // namespace imi::sim
