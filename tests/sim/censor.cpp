// Members that keep submissions out of their blocks, in one of the ways of Censorship, while
// clients of their own go on. A submission that all honest members hold commits within a bound (C6,
// I22).
#include "node/wire.h"
#include "tests/sim/scenario.h"

namespace imi::sim {
namespace {

constexpr std::size_t kShields = 80;
constexpr std::int64_t kMarginMs = 100;

class Censor final : public Scenario {
 public:
  using Scenario::Scenario;

  void start() override {
    Censorship& kind = c_.mind().traits().censorship;
    const auto drawn = static_cast<Censorship>(1 + rng_.below(kCensorships - 1));
    if (kind == Censorship::kNone) kind = drawn;
    static constexpr const char* kNames[kCensorships] = {"",
                                                         "censor that acknowledges nothing",
                                                         "censor that acknowledges to one",
                                                         "censor that acknowledges some",
                                                         "censor that acknowledges all",
                                                         "censor behind a shield",
                                                         "censor just below the timeout"};
    c_.count(kNames[static_cast<std::size_t>(kind)]);
    c_.set_client_gap(150'000, 700'000);
    own_clients();
    victims();
    if (kind == Censorship::kShield) shield();
  }

 private:
  // The censors' blocks are not empty: without these it would be the progress timer's business.
  void own_clients() {
    after(100'000, 400'000, [this] {
      const auto liars = c_.liars();
      c_.submit_new(90 * kSecond, {liars[rng_.below(liars.size())]});
      own_clients();
    });
  }

  void victims() {
    after(500'000, 2'000'000, [this] {
      const std::size_t number = c_.submit_new(100 * kSecond, all_honest(), false);
      const SubmissionId id = c_.submission(number).known.id;
      c_.count("submission that censors must not exclude");
      const Micros bound = c_.inclusion_bound();
      c_.queue().schedule(kWorld, bound, [this, id, bound] {
        if (!running_) return;
        c_.count("submission included in time");
        if (c_.oracle().effect(id)) return;
        c_.oracle().report("C6", "a submission that all honest members held for " +
                                     std::to_string(bound / kSecond) + " s is in no block");
      });
      victims();
    });
  }

  // Submissions that fit no block yet: everybody holds them, and the censor says that it does too.
  void shield() {
    const auto liars = c_.liars();
    const ledger::Parameters& p = c_.world().genesis().parameters;
    // As far ahead as nodes take them, and again before they come due.
    const std::int64_t far = std::int64_t{p.max_expiry_ms} + p.past_skew_ms - kMarginMs;
    std::vector<node::SharedBytes> bodies;
    for (std::size_t i = 0; i < kShields; ++i) {
      const ClientSubmission s = c_.clients().make(TimeMs(c_.now_ms().value + far));
      c_.oracle().on_submission(s.content, s.known);
      bodies.push_back(s.bytes);
    }
    for (const std::uint16_t from : liars) {
      for (const std::uint16_t to : all_honest()) {
        c_.network().send(from, to, node::make_push_frame(1'000'000'000, bodies));
      }
    }
    // Long before the last ones come due: without a gap.
    after(700'000, 700'000, [this] { shield(); });
  }
};

}  // namespace

std::unique_ptr<Scenario> make_censor(Cluster& cluster, Rng rng) {
  return std::make_unique<Censor>(cluster, rng);
}

}  // namespace imi::sim
