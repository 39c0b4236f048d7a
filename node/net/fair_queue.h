// Internal to node/net: whose call a worker takes next. Pure: no clock and no threads, so that
// tests run it in virtual time.
//
// Clients get equal shares of the workers' time, and the connections of one client equal shares of
// its own, whatever their calls cost and however many they have waiting (start-time fair queueing):
// the next call is that of the client that has used least. What a call costs is known when it is
// done. Until then it is expected to cost what calls of this method on this connection cost
// recently, or, where there were none, what those of the same client did.
//
// A worker that takes only short calls keeps them from waiting behind long ones, which cannot be
// interrupted: with one such worker a short read waits for short reads alone. A method that a
// client has not called before counts as short once, until it is known.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "node/net/http_text.h"

namespace imi::node {

class FairQueue {
 public:
  using Task = std::function<void()>;
  using Micros = std::uint64_t;
  static constexpr Micros kShort = 2'000;  // calls expected to take longer are long
  // Clients, and connections of one client, of which figures are kept while nothing is in work.
  static constexpr std::size_t kRemembered = 4'096;
  static constexpr std::size_t kConnections = 1'024;

  struct Asker {
    ClientKey client{};
    std::uint64_t connection = 0;
    std::string_view method;  // outlives the queue
  };
  struct Turn {
    Asker asker;
    Micros expected = 0;
    Task task;
  };

  void push(const Asker& asker, Task task);
  // nullopt: nothing waits that this worker may take. What is taken must be reported to done().
  [[nodiscard]] std::optional<Turn> pop(bool only_short);
  void done(const Turn& turn, Micros used);

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

 private:
  static constexpr Micros kLeast = 10;  // of any call, so that none is free
  static constexpr Micros kUnknown = 200;

  struct Expected {
    Micros time = kUnknown;
    bool is_known = false;
    void learn(Micros used);
  };
  // A share of the time, of those that have something waiting beside it in a `Ready`.
  struct Share {
    Micros used = 0;
    std::size_t waiting = 0;
    std::size_t running = 0;
    [[nodiscard]] bool is_idle() const { return waiting == 0 && running == 0; }
  };
  template <class Key>
  struct Ready {
    std::set<std::pair<Micros, Key>> order;  // those with a call waiting, by what they used
    Micros now = 0;                          // what the one whose turn it was last had used

    void add_waiting(const Key& key, Share& s);
    void take(const Key& key, Share& s, Micros expected);
    void finish(const Key& key, Share& s, Micros expected, Micros used);
  };

  struct Line {                                          // of one method
    std::deque<std::pair<std::uint64_t, Task>> waiting;  // with their number, in order of arrival
    Expected expected;
  };
  struct Connection {
    Share share;
    std::map<std::string_view, Line> lines;
  };
  struct Method {
    Expected expected;
    std::size_t running = 0;
  };
  struct Client {
    Share share;
    std::map<std::string_view, Method> methods;
    std::map<std::uint64_t, Connection> connections;
    Ready<std::uint64_t> ready;
  };

  [[nodiscard]] static bool may_run(const Line& line, const Method& method, bool only_short);
  // Null: none that may run.
  [[nodiscard]] static Line* next_line(Client& client, Connection& connection, bool only_short,
                                       std::string_view& method);
  Turn take(Client& client, Connection& connection, Line& line, const Asker& asker);
  template <class Map>
  static void forget_idle(Map& map);

  std::map<ClientKey, Client> clients_;
  Ready<ClientKey> ready_;
  std::uint64_t next_number_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace imi::node
