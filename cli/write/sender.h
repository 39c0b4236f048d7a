// Sends signed submissions, several in flight at a time, until each one's fate is final. Whatever
// goes wrong on the way (a node dies, a connection breaks, a pool is full, an answer is lost) the
// SAME bytes are sent again, to another node: the ledger knows them by id, so that is always safe.
//
// No node is trusted. A fate that is final is proved before it is handed on, unless with
// --no-verify: a node's report that a submission is certified, or has expired, only makes the
// sender ask for the proof, which it does from time to time without any report, too. A node that
// takes a submission which is then not seen committed within a share of --timeout is not waited
// for: the next node gets it as well. A refusal is a node's report: the other nodes are asked, and
// only where all refuse is it shown, as reported without proof. The submission may still take
// effect then. With --no-verify, a report that a submission has expired counts only once it has by
// this machine's clock: what is signed anew too early could be applied twice.
//
// One thread. Throws Failure when no fate became final for the session's --timeout, when all nodes
// report that they refuse a submission, when no node's proof verifies, or on Ctrl-C.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "chain/ids.h"
#include "cli/client/load_client.h"
#include "cli/session.h"
#include "cli/write/known_submission.h"

namespace imi::cli {

class Sender {
 public:
  // Called inside poll(): the result is final and proved or, with wait "committed" or "accepted",
  // may be what a node reports: kCommitted or kPending.
  using OnResult = std::function<void(std::uint64_t tag, const KnownSubmission&)>;

  // `wait` is one of rpc::kWaitAccepted, kWaitCommitted, kWaitCertified. Throws Failure where no
  // node can be reached: then nothing was sent.
  Sender(Session& session, std::string wait, std::size_t window, OnResult on_result);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  [[nodiscard]] bool has_room() const { return waiting_.size() < window_; }
  [[nodiscard]] std::size_t under_way() const { return waiting_.size(); }
  // Takes one; it is journaled already. `id` as hexadecimal; `expiry_ms` as signed.
  void send(std::uint64_t tag, std::string id, std::int64_t expiry_ms, const Bytes& signed_bytes);
  // Moves things on for at most `wait`.
  void poll(std::chrono::milliseconds wait);

 private:
  using Clock = std::chrono::steady_clock;
  // What one node does with one submission.
  struct AtNode {
    bool under_way = false;
    int failures = 0;  // calls without an answer, or with one that another try may not meet
    std::optional<rpc::RpcError> refusal;  // as reported
    Clock::time_point started;
    Clock::time_point not_before;
  };
  struct Waiting {
    std::string id;
    std::int64_t expiry_ms = 0;
    json::object params;  // of `submit`
    std::vector<AtNode> nodes;
    std::size_t first = 0;  // the node that gets it first
    std::size_t width = 1;  // nodes that have it by now, from `first` on
    Clock::time_point widen_at;
    Clock::time_point prove_at;
    bool said_final = false;  // a node, `reporter`, reports that its fate is final
    std::size_t reporter = 0;
    int proofs = 0;          // asked for in a row since it was reported
    int early_refusals = 0;  // rounds in which all nodes refused
    // --no-verify: `submission` is asked, not `submit`: a node reported that it has expired, or
    // reported no outcomes yet.
    bool asking_submission = false;
    int outcome_asks = 0;
    int unknown_asks = 0;
  };
  struct Call {
    std::uint64_t tag = 0;
    std::size_t node = 0;
  };

  void connect();
  [[nodiscard]] std::size_t first_node();
  void advance(std::uint64_t tag, Waiting& w, Clock::time_point now);
  void start(std::uint64_t tag, Waiting& w, std::size_t node);
  enum class Tell : std::uint8_t { kNo, kNow, kOnceSettled };
  void widen(Waiting& w, std::size_t from, const std::string& why, Tell tell);
  void answered(LoadClient::Done& done);
  void answered_result(const Call& call, Waiting& w, const KnownSubmission& result);
  void answered_error(const Call& call, Waiting& w, const rpc::RpcError& e);
  [[nodiscard]] bool may_have_expired(const Waiting& w) const;
  void failed(Waiting& w, std::size_t node, const std::string& why, Tell tell = Tell::kNow);
  [[nodiscard]] bool all_refuse(const Waiting& w) const;
  void decide_refusal(std::uint64_t tag, Waiting& w);
  void prove(std::uint64_t tag);
  void finish(std::uint64_t tag, const KnownSubmission& result);
  void tell_held_back();

  Session& session_;
  std::string wait_;
  std::size_t window_;
  bool verify_;
  OnResult on_result_;
  std::vector<NodeAddress> nodes_;
  std::chrono::milliseconds share_;  // of --timeout, for one node
  std::unique_ptr<LoadClient> load_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::map<std::uint64_t, Call> calls_;  // by JSON-RPC id
  std::uint64_t last_call_ = 0;
  std::size_t next_first_ = 0;
  std::set<std::size_t> doubtful_;  // nodes that failed: others get submissions first
  std::vector<std::string> held_back_;
  Clock::time_point last_final_;  // when a fate became final, or the first of the window was sent
  std::string last_problem_;
};

// The nodes that answer `status` now. Throws Failure when none does.
[[nodiscard]] std::vector<NodeAddress> answering_nodes(Session& session);

}  // namespace imi::cli
