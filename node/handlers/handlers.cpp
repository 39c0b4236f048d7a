#include "node/handlers/handlers.h"

#include "node/handlers/errors.h"
#include "node/handlers/impl.h"
#include "node/this_thread.h"

namespace imi::node {

AnswerThread::AnswerThread()
    : thread_([this] {
        name_this_thread("answers");
        for (;;) {
          Task task;
          {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
            if (tasks_.empty()) return;
            task = std::move(tasks_.front());
            tasks_.pop_front();
          }
          task();
        }
      }) {}

AnswerThread::~AnswerThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void AnswerThread::run(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

OutcomesCache::Outcomes OutcomesCache::get(const ledger::LedgerDb& db, chain::Height height) {
  {
    const std::lock_guard lock(mutex_);
    if (auto it = blocks_.find(height); it != blocks_.end()) return it->second;
  }
  auto found = db.outcomes(height);
  if (!found) return nullptr;
  auto shared = std::make_shared<const std::vector<ledger::SubmissionOutcomes>>(std::move(*found));
  const std::lock_guard lock(mutex_);
  blocks_[height] = shared;
  if (blocks_.size() > kBlocks) blocks_.erase(blocks_.begin());
  return shared;
}

const std::map<std::string_view, Handlers::Impl::Method>& Handlers::Impl::table() {
  static const std::map<std::string_view, Method> kTable = {
      {"submit", &Impl::submit},         {"submit_batch", &Impl::submit_batch},
      {"submission", &Impl::submission}, {"enterprise", &Impl::enterprise},
      {"person", &Impl::person},         {"attestation", &Impl::attestation},
      {"event", &Impl::event},           {"agency", &Impl::agency},
      {"agencies", &Impl::agencies},     {"block", &Impl::block},
      {"blocks", &Impl::blocks},         {"head", &Impl::head},
      {"log_proof", &Impl::log_proof},   {"status", &Impl::status},
      {"validators", &Impl::validators}, {"genesis", &Impl::genesis},
      {"catalog", &Impl::catalog},       {"peers", &Impl::peers},
      {"evidence", &Impl::evidence},
  };
  return kTable;
}

Handlers::Handlers(HandlerOptions options, NodeAccess& node, ledger::LedgerDb& db,
                   const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), node, db, clock)) {}
Handlers::~Handlers() = default;

std::vector<std::string_view> Handlers::methods() {
  std::vector<std::string_view> out;
  for (const auto& [name, method] : Impl::table()) out.push_back(name);
  return out;
}

void Handlers::handle(RpcRequest request, RpcResponder respond) {
  const auto& table = Impl::table();
  const auto it = table.find(request.method->name);
  if (it == table.end()) {
    return respond.error(rpc::make_error(rpc::Error::kMethodNotFound,
                                         {{"method", std::string(request.method->name)}}));
  }
  ((*impl_).*(it->second))(request, respond);
}

Readiness Handlers::readiness() const {
  const NodeHealth h = impl_->node.health();
  return {h.ready(), h.why()};
}

RpcCallbacks Handlers::callbacks() {
  return {[this](RpcRequest q, RpcResponder r) { handle(std::move(q), std::move(r)); },
          [this] { return readiness(); }, [this] { return metrics(); }};
}

bool flag_param(const RpcRequest& q, std::string_view name) {
  const auto* v = q.params.if_contains(name);
  return v != nullptr && v->is_bool() && v->get_bool();
}

std::string_view text_param(const RpcRequest& q, std::string_view name) {
  const auto* v = q.params.if_contains(name);
  if (v == nullptr || !v->is_string()) return {};
  return {v->get_string().data(), v->get_string().size()};
}

std::optional<std::uint64_t> number_param(const RpcRequest& q, std::string_view name) {
  const auto* v = q.params.if_contains(name);
  if (v == nullptr) return std::nullopt;
  if (v->is_uint64()) return v->get_uint64();
  if (v->is_int64() && v->get_int64() >= 0) return static_cast<std::uint64_t>(v->get_int64());
  return std::nullopt;
}

}  // namespace imi::node
