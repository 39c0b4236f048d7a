#include "node/execution.h"

#include <algorithm>

#include "base/invariant.h"

namespace imi::node {

void Execution::execute(const consensus::Execute& e, Bytes proof) {
  bodies_.keep(e.block->header.height, e.id, e.block);
  queue_.push_back({e.block, e.id, std::move(proof)});
  advance();
}

void Execution::advance() {
  while (!queue_.empty() && core_.running()) {
    auto bodies = bodies_.all_of(*queue_.front().block);
    if (!bodies) return;
    Next next = std::move(queue_.front());
    queue_.pop_front();
    run(std::move(next), std::move(*bodies));
  }
}

void Execution::run(Next next, LedgerPort::Bodies bodies) {
  struct Job {
    Next next;
    LedgerPort::Bodies bodies;
    std::expected<chain::LedgerHead, ledger::LedgerError> head;
    LedgerPort::Repeats repeats;
  };
  auto job = std::make_shared<Job>(Job{std::move(next), std::move(bodies), {}, {}});
  ++running_;
  core_.run(
      core_.ports.executor, Priority::kVote,
      [job, &ledger = core_.ports.ledger] {
        job->head =
            ledger.commit_block(*job->next.block, job->bodies, job->next.proof, job->repeats);
      },
      [this, job] {
        --running_;
        if (!job->head) {
          core_.halt(job->head.error());
          return;
        }
        IMI_INVARIANT("I13", job->head->height == job->next.block->header.height, job->head->height,
                      job->next.block->header.height);
        IMI_INVARIANT("I7", job->head->block == job->next.id, job->head->block, job->next.id);
        applied_ = job->head->height;
        applied_known_ = true;
        on_executed(*job->head, *job->next.block, job->bodies, job->repeats);
        if (core_.running()) certify_due();
      });
}

namespace {
constexpr std::size_t kMaxWaitingCertificates = 64;
}

void Execution::certify(const chain::CheckpointCertificate& certificate) {
  if (!applied_known_) {
    applied_ = core_.ports.ledger.applied().height;
    applied_known_ = true;
  }
  certificates_.insert_or_assign(certificate.head.height, certificate);
  // Far behind, only the next ones and the newest matter.
  if (certificates_.size() > kMaxWaitingCertificates)
    certificates_.erase(std::prev(certificates_.end(), 2));
  certify_due();
}

void Execution::certify_due() {
  while (!certificates_.empty() && certificates_.begin()->first <= applied_) {
    struct Job {
      chain::CheckpointCertificate certificate;
      std::expected<void, ledger::LedgerError> result;
    };
    auto job = std::make_shared<Job>(Job{std::move(certificates_.begin()->second), {}});
    certificates_.erase(certificates_.begin());
    core_.run(
        core_.ports.executor, Priority::kVote,
        [job, &ledger = core_.ports.ledger] {
          job->result = ledger.set_certified(job->certificate);
        },
        [this, job] {
          if (!job->result) {
            core_.halt(job->result.error());
            return;
          }
          on_certified(job->certificate);
        });
  }
}

}  // namespace imi::node
