// Sends signed submissions to whichever nodes answer, several under way at a time, until each one's
// fate is final. Whatever goes wrong on the way (a node dies, a connection breaks, a pool is full,
// an answer is lost) the SAME bytes are sent again, to another node: the ledger knows them by id,
// so that is always safe.
//
// A fate that is final is proved before it is handed on, unless with --no-verify: a node's word
// that a submission is certified, or has expired, only makes the sender ask for the proof.
//
// One thread. Throws Failure when no fate became final for the session's --timeout, when the ledger
// refuses a submission before ordering it, when a node's proof does not verify, or on Ctrl-C.
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
  // Called inside poll(): the fate is kCommitted, kExpired or kTooLongAgo and proved, or, with wait
  // "committed" or "accepted", may be a node's word that it is kCommitted or kPending.
  using OnFate = std::function<void(std::uint64_t tag, const Fate&)>;

  // `wait` is one of rpc::kWaitAccepted, kWaitCommitted, kWaitCertified.
  Sender(Session& session, std::string wait, std::size_t window, OnFate on_fate);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  [[nodiscard]] bool has_room() const { return waiting_.size() < window_; }
  [[nodiscard]] std::size_t under_way() const { return waiting_.size(); }
  // Takes one; it is journaled already. `id` as hexadecimal; `expiry_ms` as signed.
  void send(std::uint64_t tag, std::string id, std::int64_t expiry_ms, const Bytes& signed_bytes);
  // Moves things on for at most `wait`.
  void poll(std::chrono::milliseconds wait);
  // True after a Failure of poll() where no node can have the submission: the first that it was
  // sent to (and whoever was asked next) refused it.
  [[nodiscard]] bool refused_at_once() const { return refused_at_once_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    std::string id;
    std::int64_t expiry_ms = 0;
    std::string request;
    bool sent = false;
    int sends = 0;  // of `submit`
    // The proof of its fate is asked for, not `submit`: a node says that it is final.
    bool proving = false;
    int proofs = 0;  // asked for in a row
    // --no-verify: `submission` is asked, not `submit`: the ledger said it has expired, or told no
    // outcomes yet.
    bool asking_fate = false;
    int outcome_asks = 0;
    int early_refusals = 0;  // in a row, from the first send on
    int unknown_asks = 0;
    Clock::time_point not_before;
  };
  void connect();
  void start(std::uint64_t tag, Waiting& w);
  void answered(LoadClient::Done& done);
  void answered_error(Waiting& w, const rpc::RpcError& e);
  void again(Waiting& w, std::chrono::milliseconds after);
  void prove(std::uint64_t tag);
  void finish(std::uint64_t tag, const Fate& fate);

  Session& session_;
  std::string wait_;
  std::size_t window_;
  bool verify_;
  OnFate on_fate_;
  std::unique_ptr<LoadClient> load_;
  std::map<std::uint64_t, Waiting> waiting_;
  Clock::time_point last_final_;  // when a fate became final, or the first of the window was sent
  std::string last_problem_;
  std::optional<rpc::RpcError> refused_;
  bool refused_at_once_ = false;
};

// The nodes that answer `status` now. Throws Failure when none does.
[[nodiscard]] std::vector<NodeAddress> answering_nodes(Session& session);

}  // namespace imi::cli
