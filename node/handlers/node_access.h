// What the RPC handlers need from the running node. Thread-safe: handlers run on the RPC's threads,
// the driver on its loop; everything is passed by posting.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "node/driver_status.h"
#include "node/health.h"
#include "node/ports.h"
#include "node/submission_report.h"

namespace imi::node {

class Driver;

class NodeAccess {
 public:
  virtual ~NodeAccess() = default;
  // `done` is called once, on the loop: it must not block.
  virtual void submit(SharedBytes submission, WaitFor wait, std::uint32_t timeout_ms,
                      std::function<void(SubmitResult)> done) = 0;
  virtual void submit_batch(std::vector<SharedBytes> submissions,
                            std::function<void(std::vector<SubmitResult>)> done) = 0;
  virtual void submission(const chain::SubmissionId& id,
                          std::function<void(SubmissionReport)> done) = 0;
  // As of the last refresh, at most a few ticks ago.
  [[nodiscard]] virtual NodeStatus status() const = 0;
  [[nodiscard]] virtual DriverCounters counters() const = 0;
  [[nodiscard]] virtual NodeHealth health() const = 0;
  [[nodiscard]] virtual std::vector<PeerRow> peers() const = 0;
};

// The one over a driver and its loop. Construct it before the RPC server and attach() the driver on
// the loop; detach() on the loop before the driver goes. Calls while none is attached are answered
// kStopping.
class LoopNodeAccess final : public NodeAccess {
 public:
  using PeerSource = std::function<std::vector<PeerRow>()>;
  LoopNodeAccess(Loop& loop, PeerSource peers, HealthWatch::Options health)
      : loop_(loop), peers_(std::move(peers)), watch_(std::move(health)) {}

  // On the loop.
  void attach(Driver& driver);
  void detach();
  // Takes the snapshot that status(), counters() and health() give, and logs what changed; call it
  // with the tick.
  void refresh();

  void submit(SharedBytes submission, WaitFor wait, std::uint32_t timeout_ms,
              std::function<void(SubmitResult)> done) override;
  void submit_batch(std::vector<SharedBytes> submissions,
                    std::function<void(std::vector<SubmitResult>)> done) override;
  void submission(const chain::SubmissionId& id,
                  std::function<void(SubmissionReport)> done) override;
  [[nodiscard]] NodeStatus status() const override;
  [[nodiscard]] DriverCounters counters() const override;
  [[nodiscard]] NodeHealth health() const override;
  [[nodiscard]] std::vector<PeerRow> peers() const override { return peers_(); }

 private:
  // Shared with posted tasks, which may run after this object has gone.
  struct Attached {
    Driver* driver = nullptr;  // touched on the loop alone
  };
  Loop& loop_;
  PeerSource peers_;
  HealthWatch watch_;  // on the loop
  std::shared_ptr<Attached> attached_ = std::make_shared<Attached>();
  mutable std::mutex mutex_;
  NodeStatus status_;        // guarded by mutex_
  DriverCounters counters_;  // guarded by mutex_
  NodeHealth health_;        // guarded by mutex_
};

}  // namespace imi::node
