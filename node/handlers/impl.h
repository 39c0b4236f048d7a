// Internal to handlers/: what the groups of methods share.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "ledger/proof/queries.h"
#include "ledger/proof/reader.h"
#include "node/handlers/handlers.h"

namespace imi::node {

// One thread that builds answers which need the disk. Bounded by the number of waiting clients.
class AnswerThread {
 public:
  AnswerThread();
  ~AnswerThread();
  void run(Task task);

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::thread thread_;
};

// Outcomes of the last blocks: every submission of a block asks for them.
class OutcomesCache {
 public:
  using Outcomes = std::shared_ptr<const std::vector<ledger::SubmissionOutcomes>>;
  // Null above the applied head, or if the store fails.
  [[nodiscard]] Outcomes get(const ledger::LedgerDb& db, chain::Height height);

 private:
  static constexpr std::size_t kBlocks = 16;
  std::mutex mutex_;
  std::map<chain::Height, Outcomes> blocks_;  // guarded by mutex_
};

struct Handlers::Impl {
  Impl(HandlerOptions o, NodeAccess& n, ledger::LedgerDb& d, const Clock& c)
      : options(std::move(o)), node(n), db(d), clock(c), replays(c.now()) {}

  using Method = void (Impl::*)(RpcRequest&, RpcResponder&);
  static const std::map<std::string_view, Method>& table();

  // submit.cpp
  void submit(RpcRequest& q, RpcResponder& r);
  void submit_batch(RpcRequest& q, RpcResponder& r);
  void submission(RpcRequest& q, RpcResponder& r);
  // reads.cpp
  void enterprise(RpcRequest& q, RpcResponder& r);
  void person(RpcRequest& q, RpcResponder& r);
  void attestation(RpcRequest& q, RpcResponder& r);
  void event(RpcRequest& q, RpcResponder& r);
  void agency(RpcRequest& q, RpcResponder& r);
  void agencies(RpcRequest& q, RpcResponder& r);
  void head(RpcRequest& q, RpcResponder& r);
  void log_proof(RpcRequest& q, RpcResponder& r);
  // chain.cpp
  void block(RpcRequest& q, RpcResponder& r);
  void blocks(RpcRequest& q, RpcResponder& r);
  void status(RpcRequest& q, RpcResponder& r);
  void validators(RpcRequest& q, RpcResponder& r);
  void genesis(RpcRequest& q, RpcResponder& r);
  void catalog(RpcRequest& q, RpcResponder& r);
  void peers(RpcRequest& q, RpcResponder& r);
  void evidence(RpcRequest& q, RpcResponder& r);

  // Answers `question`, as {"head", <name>: ..., "proof"?}; absence as not-found with its proof.
  void read(const ledger::Question& question, std::string_view name, RpcRequest& q,
            RpcResponder& r);
  void reply(std::string_view name, const ledger::Question& question,
             std::expected<ledger::Reply, ledger::QueryError> reply, RpcResponder& r);
  // The text of a fate, with outcomes where the ledger can tell them. `bytes`: the submission, if
  // at hand, for the ids of what its entries made.
  [[nodiscard]] std::string report_text(const SubmissionReport& report, const SharedBytes& bytes);
  // As the ledger knows it, when the driver does not.
  [[nodiscard]] rpc::Outcome ledger_report(const ledger::AskSubmission& ask, bool prove);

  HandlerOptions options;
  NodeAccess& node;
  ledger::LedgerDb& db;
  const Clock& clock;
  ledger::ReplayGuard replays;
  OutcomesCache outcomes;
  AnswerThread answers;  // of submissions
};

// Parameters were bound (rpc::bind_params): what is there has its declared type and range.
[[nodiscard]] bool flag_param(const RpcRequest& q, std::string_view name);
[[nodiscard]] std::string_view text_param(const RpcRequest& q, std::string_view name);
[[nodiscard]] std::optional<std::uint64_t> number_param(const RpcRequest& q, std::string_view name);
template <class Id>
[[nodiscard]] Id id_param(const RpcRequest& q, std::string_view name);

}  // namespace imi::node
