// Clients, an observer and members other than the primary do what they may and what they may not,
// on a network that is mostly idle and on which nothing is wrong: no member may leave the view
// (I26), no client may be turned away, and a peer that floods is cut off.
#include <algorithm>

#include "node/wire.h"
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

constexpr std::size_t kFloodFrames = 40;
constexpr std::uint32_t kFloodItems = 64;  // in a frame
constexpr std::uint64_t kPushNumbers = 1'000'000'000;

class Pester final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    c_.set_client_gap(200'000, 2'500'000);
    // All kinds together, or one of them alone.
    if (rng_.chance_ppm(700'000)) only_ = rng_.below(kKinds);
    if (rng_.chance_ppm(400'000)) {
      c_.mind().traits().feign_wishes = true;
      c_.count("members that feign wishes");
    }
    next();
  }

 private:
  void next() {
    after(300'000, 1'800'000, [this] {
      act();
      next();
    });
  }

  void act() {
    const std::uint64_t kind = rng_.below(kKinds);
    switch (only_.value_or(kind)) {
      case 0: return short_life();
      case 1: return undue();
      case 2: return twins();
      case 3: return late_push();
      case 4: return flood(c_.outsider(), "push flood by an observer");
      case 5: return flood(a_liar(), "push flood by a member");
      default: return lone_push();
    }
  }

  ClientSubmission make(std::int64_t life_ms) {
    ClientSubmission s = c_.clients().make(TimeMs(c_.now_ms().value + life_ms));
    c_.oracle().on_submission(s.content, s.known);
    return s;
  }
  std::uint16_t a_liar() {
    const auto liars = c_.liars();
    return liars[rng_.below(liars.size())];
  }
  void give(std::uint16_t to, const ClientSubmission& s) {
    c_.host(to).submit(s.bytes, node::WaitFor::kAccepted, 1'000, [](const node::SubmitResult&) {});
  }
  void push(std::uint16_t from, std::uint16_t to, const std::vector<node::SharedBytes>& bodies) {
    if (from == to) return;
    c_.network().send(from, to, node::make_push_frame(kPushNumbers + ++pushes_, bodies));
  }
  // One honest member, or all, or some.
  std::vector<std::uint16_t> some_of_them() {
    std::vector<std::uint16_t> to = all_honest();
    if (rng_.chance_ppm(400'000)) return {to[rng_.below(to.size())]};
    if (rng_.chance_ppm(500'000)) to.resize(1 + rng_.below(to.size()));
    return to;
  }

  // It can be verified, and hardly ever be proposed in time.
  void short_life() {
    c_.count("submission with a very short life");
    const ClientSubmission s = make(rng_.range_i64(1, rng_.chance_ppm(700'000) ? 2 : 25));
    // Mostly not to the primary, which could still propose it.
    const bool spare_primary = rng_.chance_ppm(700'000);
    for (const std::uint16_t to : some_of_them()) {
      if (to != 0 || !spare_primary) give(to, s);
    }
  }

  // Not due for a while, or never within the run.
  void undue() {
    c_.count("submission pushed before it is due");
    const std::int64_t max = c_.world().genesis().parameters.max_expiry_ms;
    const ClientSubmission s =
        make(max + rng_.range_i64(1, rng_.chance_ppm(500'000) ? 3'000 : max));
    for (const std::uint16_t to : some_of_them()) push(a_liar(), to, {s.bytes});
  }

  // One id under two signatures, one here and the other there.
  void twins() {
    c_.count("submission under two signatures");
    const ClientSubmission one = make(60'000);
    const ClientSubmission two = c_.clients().twin_of(one);
    c_.oracle().on_submission(two.content, two.known);
    std::vector<std::uint16_t> all = all_honest();
    const std::uint64_t split = rng_.next();
    for (const std::uint16_t i : all) {
      const ClientSubmission& first = ((split >> i) & 1) != 0 ? one : two;
      const ClientSubmission& second = ((split >> i) & 1) != 0 ? two : one;
      give(i, first);
      if (rng_.chance_ppm(300'000)) give(i, second);
      if (rng_.chance_ppm(300'000)) push(a_liar(), i, {second.bytes});
    }
  }

  // A member pushes what was just proposed, executed, or long ago, to one member.
  void late_push() {
    if (c_.submissions() == 0) return;
    c_.count("submission pushed after the others");
    const std::size_t back = std::min<std::size_t>(c_.submissions(), 8);
    const auto bytes = c_.submission(c_.submissions() - 1 - rng_.below(back)).bytes;
    const std::uint16_t from = a_liar();
    for (const std::uint16_t to : some_of_them()) push(from, to, {bytes});
    // And one that is pushed while it is on its way into a block.
    const ClientSubmission s = make(60'000);
    give(some_honest(), s);
    const std::uint16_t to = some_honest();
    for (int i = 0; i < 6; ++i) {
      c_.queue().schedule(kWorld, rng_.range_i64(500, 12'000),
                          [this, from, to, b = s.bytes] { push(from, to, {b}); });
    }
  }

  // A member gives a valid submission to one other, and to no one else.
  void lone_push() {
    c_.count("submission pushed to one member only");
    push(a_liar(), some_honest(), {make(60'000).bytes});
  }

  // Forged signatures as fast as they come; clients go on meanwhile, at the flooded node too.
  void flood(std::uint16_t from, const char* what) {
    c_.count(what);
    const std::uint16_t to = some_honest();
    const ClientSubmission s = make(60'000);
    std::vector<node::SharedBytes> forged;
    for (std::uint32_t i = 0; i < kFloodItems; ++i) {
      forged.push_back(Clients::forgery_of(s, (floods_ * kFloodItems + i) % 240));
    }
    ++floods_;
    c_.host(to).speed().verify_max = 60'000;
    c_.host(to).speed().verify_min = 40'000;
    for (std::size_t i = 0; i < kFloodFrames; ++i) {
      c_.queue().schedule(kWorld, static_cast<Micros>(i) * 10'000,
                          [this, from, to, forged] { push(from, to, forged); });
    }
    for (int i = 0; i < 4; ++i) {
      c_.queue().schedule(kWorld, 60'000 + i * 80'000, [this, to] {
        if (running_) c_.submit_new(60'000'000, {to});
      });
    }
    c_.queue().schedule(kWorld, static_cast<Micros>(kFloodFrames) * 10'000,
                        [this, to] { c_.host(to).speed() = MachineSpeed{}; });
  }

  static constexpr std::uint64_t kKinds = 7;
  std::optional<std::uint64_t> only_;
  std::uint64_t pushes_ = 0;
  std::uint32_t floods_ = 0;
};

}  // namespace

std::unique_ptr<Scenario> make_pester(Cluster& cluster, Rng rng) {
  return std::make_unique<Pester>(cluster, rng);
}

}  // namespace imi::sim
