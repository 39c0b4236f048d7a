// Test support: one real replica whose peers are played by the test.
#pragma once

#include <algorithm>

#include "tests/unit/consensus/members.h"

namespace imi::consensus::test {

class Solo {
 public:
  Members members;

  explicit Solo(std::size_t n = 4, std::uint16_t me = 1, const Config& config = {},
                const SafetyState& state = {}, std::optional<RestartFacts> facts = std::nullopt)
      : members(with(n, me, config)),
        me_(me),
        verifier_(members.config, members.set, cache_),
        replica_(
            members.config, members.set,
            SafetyRules(members.config, members.set, MemberId(me), members.keys[me].clone(), state),
            facts ? *facts : RestartFacts{members.genesis_head(), {}, {}}) {
    started = replica_.start();
    tick();
  }

  Effects started;
  std::int64_t now_ms = 1'000'000;

  Replica& replica() { return replica_; }
  [[nodiscard]] const Verifier& verifier() const { return verifier_; }
  [[nodiscard]] MemberId me() const { return MemberId(me_); }

  Effects tick(std::uint64_t count = 1) {
    Effects last;
    for (std::uint64_t i = 0; i < count; ++i) {
      now_ms += members.config.tick_ms;
      last = replica_.step(Tick{TimeMs(now_ms)});
    }
    return last;
  }
  // Ticks until an effect satisfies the condition; the effects of that tick.
  template <class F>
  std::optional<Effects> tick_until(F&& condition, std::uint64_t most = 100'000) {
    for (std::uint64_t i = 0; i < most; ++i) {
      Effects e = tick();
      if (condition(e)) return e;
    }
    return std::nullopt;
  }
  Effects receive(const SignedMessage& m) {
    auto verified = verifier_.verify(m, m.sender);
    IMI_CHECK(verified.has_value(), verified ? "" : describe(verified.error()));
    return replica_.step(Receive{*verified});
  }
  Effects give(const Input& input) { return replica_.step(input); }
  Effects bodies(const Block& b, const std::vector<ItemFacts>& items, bool full = false) {
    return replica_.step(BodiesReady{b.header.height, members.id_of(b), items, full});
  }
  Effects executed(const LedgerHead& head) { return replica_.step(Executed{head}); }

  // A STATUS of a member that has what this one has and wants a view (C4).
  [[nodiscard]] Status wishes(View wanted) const {
    Status status;
    status.view = replica_.view();
    status.wish = wanted;
    return status;
  }

  // The whole normal case for one block without items, played by the lowest other members: the
  // replica decides, executes and signs its CHECKPOINT; not certified yet. Returns its head.
  LedgerHead run_block(View view, const Block& b, const LedgerHead& on) {
    const BlockId id = members.id_of(b);
    const Height h = b.header.height;
    if (members.leader(view) != me()) receive(members.pre_prepare(view, b));
    each_other([&](MemberId m) {
      if (m != members.leader(view)) receive(members.prepare(m, view, h, id));
    });
    each_other([&](MemberId m) { receive(members.commit(m, view, h, id)); });
    const LedgerHead head = members.execute(on, b);
    executed(head);
    return head;
  }
  template <class F>
  void each_other(F&& f) {
    for (std::uint16_t m = 0; m < members.set.members.size(); ++m) {
      if (m != me_) f(MemberId(m));
    }
  }

 private:
  static Members with(std::size_t n, std::uint16_t me, Config config) {
    Members m(n);
    config.genesis = m.config.genesis;
    m.config = config;
    m.absent = MemberId(me);
    return m;
  }
  std::uint16_t me_;
  BoundedSignatureCache cache_;
  Verifier verifier_;
  Replica replica_;
};

inline std::size_t sent(const Effects& e, MessageKind kind) {
  return static_cast<std::size_t>(
      std::ranges::count_if(e.send, [kind](const Send& s) { return s.message->kind() == kind; }));
}
template <class T>
const T* sent_payload(const Effects& e) {
  for (const Send& s : e.send) {
    if (const T* p = std::get_if<T>(&s.message->payload)) return p;
  }
  return nullptr;
}
inline bool ignored(const Effects& e, Ignored why) {
  return std::ranges::find(e.ignored, why) != e.ignored.end();
}

}  // namespace imi::consensus::test
