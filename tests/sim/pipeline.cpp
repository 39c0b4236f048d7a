// Heights of one pipeline that are prepared in different views (A3). COMMITs are lost to all but
// one member, which decides alone and is then cut off; in the next view the lowest re-proposed
// height alone is prepared again; then that view is left too. What the one member decided must
// survive.
#include <algorithm>

#include "node/wire.h"
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

class Pipeline final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    c_.set_client_gap(5'000, 40'000);
    c_.network().set_lose([this](std::uint16_t from, std::uint16_t to, const Bytes& frame) {
      return lose(from, to, frame);
    });
    begin();
  }
  void stop() override {
    Scenario::stop();
    c_.network().set_lose({});
  }

 private:
  enum class Stage : std::uint8_t { kOpen, kNoCommits, kHalfPrepared };

  void begin() {
    after(200'000, 1'200'000, [this] {
      stage_ = Stage::kNoCommits;
      witness_ = some_honest();
      base_ = top_;
      // However it goes, it ends.
      after(6'000'000, 8'000'000, [this] { end(); });
    });
  }

  void end() {
    stage_ = Stage::kOpen;
    for (std::uint16_t i = 0; i < c_.size(); ++i) isolate(i, false);
    begin();
  }

  void isolate(std::uint16_t member, bool cut) {
    for (std::uint16_t i = 0; i < c_.size(); ++i) {
      if (i == member) continue;
      c_.network().set_cut(member, i, cut);
      c_.network().set_cut(i, member, cut);
    }
  }

  bool lose(std::uint16_t from, std::uint16_t to, const Bytes& frame) {
    if (frame.empty() || frame[0] != static_cast<std::uint8_t>(node::FrameKind::kConsensus)) {
      return false;
    }
    const auto m = consensus::decode_message(ByteView(frame).subspan(1));
    if (!m) return false;
    if (const auto* v = std::get_if<consensus::ViewChange>(&m->payload)) see_leaving(v->view);
    if (const auto* n = std::get_if<consensus::NewView>(&m->payload)) see_new_view(*n);
    if (const auto* p = std::get_if<consensus::PrePrepare>(&m->payload)) {
      top_ = std::max(top_, p->header.height);
    }
    if (stage_ == Stage::kOpen) return false;
    if (m->kind() == consensus::MessageKind::kCommit) {
      return stage_ != Stage::kNoCommits || to != witness_;
    }
    // A decision is not told either, or there is nothing to carry over.
    if (m->kind() == consensus::MessageKind::kCommitNotice) return from == witness_;
    const auto* p = std::get_if<consensus::Prepare>(&m->payload);
    return p != nullptr && stage_ == Stage::kHalfPrepared && p->height > lowest_;
  }

  // The view in which nothing was decided is left: the witness has what it has.
  void see_leaving(View view) {
    if (stage_ == Stage::kNoCommits && view > left_) {
      left_ = view;
      isolate(witness_, true);
    } else if (stage_ == Stage::kHalfPrepared && view > left_) {
      left_ = view;
      c_.count("view left half prepared again");
      stage_ = Stage::kOpen;
      // The witness comes back once a view has settled without it.
      after(300'000, 1'500'000, [this] { isolate(witness_, false); });
    }
  }

  void see_new_view(const consensus::NewView& n) {
    if (stage_ != Stage::kNoCommits || n.view < left_ || n.proposals.size() < 2) return;
    stage_ = Stage::kHalfPrepared;
    left_ = n.view;
    lowest_ = n.proposals.front().header.height;
  }

  Stage stage_ = Stage::kOpen;
  std::uint16_t witness_ = 0;
  Height top_, base_, lowest_;
  View left_;
};

}  // namespace

std::unique_ptr<Scenario> make_pipeline(Cluster& cluster, Rng rng) {
  return std::make_unique<Pipeline>(cluster, rng);
}

}  // namespace imi::sim
