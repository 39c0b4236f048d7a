// Sends signed submissions to whichever nodes answer, several under way at a time, until each one's
// fate is final. Whatever goes wrong on the way (a node dies, a connection breaks, a pool is full,
// an answer is lost) the SAME bytes are sent again, to another node: the ledger knows them by id,
// so that is always safe.
//
// One thread. Throws Failure when no node has answered for the session's --timeout, when the ledger
// refuses a submission before ordering it, or on Ctrl-C.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "chain/ids.h"
#include "cli/client/load_client.h"
#include "cli/session.h"
#include "cli/write/fate.h"

namespace imi::cli {

class Sender {
 public:
  // Called inside poll(): the fate is kCommitted, kExpired or, with wait "accepted", kPending.
  using OnFate = std::function<void(std::uint64_t tag, const Fate&)>;

  // `wait` is one of rpc::kWaitAccepted, kWaitCommitted, kWaitCertified.
  Sender(Session& session, std::string wait, std::size_t window, OnFate on_fate);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  [[nodiscard]] bool has_room() const { return waiting_.size() < window_; }
  [[nodiscard]] std::size_t under_way() const { return waiting_.size(); }
  // Takes one; it is journaled already. `id` as hexadecimal; `expiry_ms` as signed: with it a node
  // can say that it will never commit.
  void send(std::uint64_t tag, std::string id, std::int64_t expiry_ms, const Bytes& signed_bytes);
  // Moves things on for at most `wait`.
  void poll(std::chrono::milliseconds wait);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    std::string id;
    std::int64_t expiry_ms = 0;
    std::string request;
    bool sent = false;
    // `submission` is asked, not `submit`: the ledger said it has expired, or told no outcomes yet.
    bool asking_fate = false;
    int outcome_asks = 0;
    int early_refusals = 0;
    int unknown_asks = 0;  // in a row, of one that the ledger said has expired
    Clock::time_point not_before;
  };
  void connect();
  void start(std::uint64_t tag, Waiting& w);
  void answered(LoadClient::Done& done);
  void answered_error(Waiting& w, const rpc::RpcError& e);
  void again(Waiting& w, std::chrono::milliseconds after);

  Session& session_;
  std::string wait_;
  std::size_t window_;
  OnFate on_fate_;
  std::unique_ptr<LoadClient> load_;
  std::map<std::uint64_t, Waiting> waiting_;
  Clock::time_point last_answer_;
  std::string last_problem_;
  std::optional<rpc::RpcError> refused_;
};

// True if the ledger proves that the submission never committed and never will (always true with
// --no-verify, where one node's word is taken). Not from within poll(). Throws Failure.
[[nodiscard]] bool is_proved_expired(Session& session, const chain::SubmissionId& id,
                                     std::int64_t expiry_ms);

// The nodes that answer `status` now. Throws Failure when none does.
[[nodiscard]] std::vector<NodeAddress> answering_nodes(Session& session);

}  // namespace imi::cli
