// A small network of real transports on loopback, with what they saw.
#pragma once

#include <doctest/doctest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/net/peer_transport.h"

namespace imi::node {

inline constexpr std::chrono::seconds kPatience{20};

// Identities take a while to make; tests share them.
inline const TlsIdentity& test_identity(std::size_t i) {
  static const std::vector<TlsIdentity> all = [] {
    std::vector<TlsIdentity> out;
    for (int k = 0; k < 8; ++k) out.push_back(*generate_tls_identity("t" + std::to_string(k)));
    return out;
  }();
  return all.at(i);
}

inline Hash256 chain(std::uint8_t n) {
  Hash256 h;
  h.bytes[0] = n;
  return h;
}

// Everything that one transport reported, and a way to wait for it.
class Witness {
 public:
  std::vector<PeerMessage> messages;
  std::set<std::uint32_t> connected;
  std::vector<std::pair<std::uint32_t, PeerRefusal>> ends;
  std::vector<PeerRefusal> refused;
  std::vector<std::string> log;

  PeerCallbacks callbacks() {
    return {
        .on_message = [this](PeerMessage m) { tell([&] { messages.push_back(std::move(m)); }); },
        .on_connected = [this](PeerId p) { tell([&] { connected.insert(p.value); }); },
        .on_disconnected =
            [this](PeerId p, PeerRefusal why) {
              tell([&] {
                connected.erase(p.value);
                ends.emplace_back(p.value, why);
              });
            },
        .on_refused = [this](std::string_view,
                             PeerRefusal why) { tell([&] { refused.push_back(why); }); }};
  }
  NetLog sink() {
    return [this](NetLogLevel, std::string_view line) { tell([&] { log.emplace_back(line); }); };
  }

  template <class Condition>
  [[nodiscard]] bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }
  template <class F>
  auto read(F f) {
    const std::lock_guard lock(mutex_);
    return f();
  }
  [[nodiscard]] bool wait_refused(PeerRefusal why) {
    return wait([&] { return std::find(refused.begin(), refused.end(), why) != refused.end(); });
  }
  [[nodiscard]] bool wait_end(PeerRefusal why) {
    return wait([&] {
      return std::any_of(ends.begin(), ends.end(), [&](const auto& e) { return e.second == why; });
    });
  }

 private:
  template <class F>
  void tell(F f) {
    {
      const std::lock_guard lock(mutex_);
      f();
    }
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

// n nodes that all know each other; node i is PeerId(i).
class PeerNet {
 public:
  explicit PeerNet(std::size_t n, PeerLimits limits = {}) : limits_(limits) {
    for (std::size_t i = 0; i < n; ++i) {
      infos_.push_back({"node-" + std::to_string(i), test_identity(i).pin, "", true});
    }
    witnesses_.resize(n);
    nodes_.resize(n);
  }

  PeerTransportOptions options(std::size_t i) const {
    PeerTransportOptions out;
    out.identity = test_identity(i);
    out.genesis_id = chain(1);
    out.peers = infos_;
    out.limits = limits_;
    return out;
  }
  std::vector<PeerInfo>& infos() { return infos_; }

  void start(std::size_t i) { start(i, options(i)); }
  void start(std::size_t i, PeerTransportOptions options) {
    if (!witnesses_[i]) witnesses_[i] = std::make_unique<Witness>();
    options.log = witnesses_[i]->sink();
    auto t = PeerTransport::start(std::move(options), witnesses_[i]->callbacks());
    REQUIRE(t);
    nodes_[i] = std::move(*t);
  }
  // Lets `from` dial `to`.
  void link(std::size_t from, std::size_t to) {
    nodes_[from]->set_address(PeerId(static_cast<std::uint32_t>(to)), address(to));
  }
  std::string address(std::size_t i) const {
    return "127.0.0.1:" + std::to_string(nodes_[i]->port());
  }
  void start_all_linked() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) start(i);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (std::size_t k = 0; k < nodes_.size(); ++k) {
        if (i != k) link(i, k);
      }
    }
  }
  [[nodiscard]] bool wait_connected() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!witness(i).wait([&] { return witness(i).connected.size() == nodes_.size() - 1; })) {
        return false;
      }
    }
    return true;
  }

  PeerTransport& node(std::size_t i) { return *nodes_[i]; }
  Witness& witness(std::size_t i) { return *witnesses_[i]; }
  void kill(std::size_t i) { nodes_[i].reset(); }

 private:
  PeerLimits limits_;
  std::vector<PeerInfo> infos_;
  std::vector<std::unique_ptr<Witness>> witnesses_;
  std::vector<std::unique_ptr<PeerTransport>> nodes_;  // go before what they report to
};

inline SharedBytes message_of(std::string_view text) {
  return std::make_shared<const Bytes>(to_bytes(as_bytes(text)));
}

}  // namespace imi::node
