// Internal to node/net: whose call a worker takes next. Pure: no clock and no threads, so that
// tests run it in virtual time.
//
// Clients get equal shares of the workers' time, whatever their calls cost and however many they
// have waiting (start-time fair queueing): the next call is one of the client that has used least.
// What a call costs is known when it is done. Until then it is expected to cost what calls of this
// method by this client cost of late; so a client's short calls are not taken for its long ones.
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
  // Clients without a call in work of whom figures are kept.
  static constexpr std::size_t kRemembered = 4'096;

  struct Turn {
    ClientKey client{};
    std::string_view method;
    Micros expected = 0;
    Task task;
  };

  // `method` outlives the queue.
  void push(const ClientKey& client, std::string_view method, Task task);
  // nullopt: nothing waits that this worker may take. What is taken has to be told to done().
  [[nodiscard]] std::optional<Turn> pop(bool only_short);
  void done(const Turn& turn, Micros used);

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  void clear();

 private:
  static constexpr Micros kLeast = 10;  // of any call, so that none is free
  static constexpr Micros kUnknown = 200;

  // The calls of one method by one client.
  struct Line {
    std::deque<std::pair<std::uint64_t, Task>> waiting;  // with their number, in order of arrival
    Micros expected = kUnknown;
    bool is_known = false;
    std::size_t running = 0;
    [[nodiscard]] bool may_run(bool only_short) const;
  };
  struct Client {
    Micros used = 0;
    std::map<std::string_view, Line> lines;
    std::size_t waiting = 0;
    std::size_t running = 0;
  };
  using Clients = std::map<ClientKey, Client>;

  [[nodiscard]] static Line* next_line(Client& c, bool only_short, std::string_view& method);
  void change_used(Clients::iterator c, Micros used);
  void forget_idle();

  Clients clients_;
  std::set<std::pair<Micros, ClientKey>> ready_;  // clients with a call waiting, by what they used
  std::uint64_t next_number_ = 0;
  std::size_t waiting_ = 0;
  Micros now_ = 0;  // what the client whose turn it was last had used
};

}  // namespace imi::node
