// submit, submit_batch, submission: writing, and asking what became of it.
#include <fmt/format.h>

#include "base/hex.h"
#include "node/handlers/errors.h"
#include "node/handlers/impl.h"
#include "rpc/ledger_json.h"

namespace imi::node {
namespace {

constexpr std::uint32_t kDefaultWaitMs = 10'000;

WaitFor wait_of(std::string_view text) {
  if (text == rpc::kWaitCommitted) return WaitFor::kCommitted;
  if (text == rpc::kWaitCertified) return WaitFor::kCertified;
  return WaitFor::kAccepted;
}

std::uint32_t timeout_of(const RpcRequest& q) {
  return static_cast<std::uint32_t>(number_param(q, "timeout_ms").value_or(kDefaultWaitMs));
}

std::expected<SharedBytes, rpc::RpcError> bytes_of(std::string_view text) {
  auto bytes = from_base64url(text);
  if (!bytes) {
    return std::unexpected(rpc::make_error_text(
        rpc::Error::kSubmissionMalformed,
        "the submission is not base64url text: " + std::string(describe(bytes.error()))));
  }
  return std::make_shared<const Bytes>(std::move(*bytes));
}

void append_json_string(std::string& out, std::string_view text) {
  out += rpc::to_text(boost::json::value(text));
}

// `reader`: for an asker who may not be the sender, to whom ids of persons and their events are not
// told; null for the sender, who can compute them.
void append_outcomes(std::string& out, const ledger::SubmissionOutcomes& outcomes,
                     const ledger::Submission* submission, const ledger::LedgerReader* reader) {
  out += ",\"outcomes\":[";
  const auto digests = submission != nullptr ? ledger::digests(*submission) : nullptr;
  for (std::uint32_t i = 0; i < outcomes.count; ++i) {
    if (i > 0) out += ',';
    if (const ledger::Refusal* refusal = outcomes.refusal(i)) {
      out += "{\"ok\":false,\"refusal\":\"";
      out += ledger::name(refusal->code);
      out += "\",\"message\":";
      append_json_string(out, ledger::describe(*refusal));
      out += '}';
      continue;
    }
    out += "{\"ok\":true";
    if (submission != nullptr && i < submission->entries.size() &&
        (reader == nullptr || !ledger::is_about_person(*reader, submission->entries[i]))) {
      out += ",\"id\":\"";
      out += to_hex(
          ledger::result_id(submission->entries[i], submission->header.author, digests->id, i));
      out += '"';
    }
    out += '}';
  }
  out += ']';
}

// Collects the answers of a batch; the last one to arrive answers the call.
struct Batch {
  explicit Batch(std::size_t n) : texts(n), left(n) {}
  std::mutex mutex;
  std::vector<std::string> texts;  // guarded by mutex
  std::size_t left;                // guarded by mutex

  // Returns the whole text when it is complete.
  std::optional<std::string> put(std::size_t i, std::string text) {
    const std::lock_guard lock(mutex);
    texts[i] = std::move(text);
    if (--left > 0) return std::nullopt;
    std::string all = "[";
    for (std::size_t k = 0; k < texts.size(); ++k) {
      if (k > 0) all += ',';
      all += texts[k];
    }
    return all + ']';
  }
};

std::string error_text(const rpc::RpcError& e) {
  return rpc::rest_text(rpc::Outcome(std::unexpected(e)));
}

}  // namespace

std::string Handlers::Impl::report_text(const SubmissionReport& report, const SharedBytes& bytes) {
  std::string out = "{\"id\":\"" + to_hex(report.id) + "\",\"fate\":\"";
  out += ledger::name(report.status);
  out += '"';
  if (report.status == SubmissionStatus::kPending)
    out += fmt::format(",\"expiry_ms\":{}", report.expiry.value);
  if (report.status != SubmissionStatus::kCommitted) return out + '}';
  out += fmt::format(",\"height\":{},\"index\":{},\"certified\":{}", report.height.value,
                     report.index, report.certified);
  const auto block = outcomes.get(db, report.height);
  if (block != nullptr && report.index < block->size()) {
    std::optional<ledger::Submission> submission;
    std::shared_ptr<const ledger::LedgerReader> reader;
    if (bytes != nullptr) {
      if (auto s = decode<ledger::Submission>(*bytes)) submission = std::move(*s);
    } else if (reader = db.reader(); reader != nullptr) {
      auto s = reader->submission(report.height, report.index);
      if (s && *s) submission = std::move(**s);
    }
    append_outcomes(out, (*block)[report.index], submission ? &*submission : nullptr, reader.get());
  }
  return out + '}';
}

void Handlers::Impl::submit(RpcRequest& q, RpcResponder& r) {
  auto bytes = bytes_of(text_param(q, "submission"));
  if (!bytes) return r.error(std::move(bytes.error()));
  node.submit(*bytes, wait_of(text_param(q, "wait")), timeout_of(q),
              [this, r, bytes = *bytes](const SubmitResult& result) {
                if (!result) return r.error(to_rpc(result.error()));
                const SubmissionReport report = *result;
                if (report.status != SubmissionStatus::kCommitted)
                  return r.raw(report_text(report, nullptr));
                answers.run([this, r, bytes, report] {
                  if (r.begin()) r.raw(report_text(report, bytes));
                });
              });
}

void Handlers::Impl::submit_batch(RpcRequest& q, RpcResponder& r) {
  const auto& list = q.params.at("submissions").get_array();
  std::vector<SharedBytes> all;
  all.reserve(list.size());
  for (const auto& text : list) {
    auto bytes = bytes_of({text.get_string().data(), text.get_string().size()});
    if (!bytes) return r.error(std::move(bytes.error()));
    all.push_back(std::move(*bytes));
  }
  auto batch = std::make_shared<Batch>(all.size());
  const WaitFor wait = wait_of(text_param(q, "wait"));
  if (wait == WaitFor::kAccepted) {
    return node.submit_batch(std::move(all), [this, r, batch](std::vector<SubmitResult> results) {
      for (std::size_t i = 0; i < results.size(); ++i) {
        auto whole = batch->put(i, results[i] ? report_text(*results[i], nullptr)
                                              : error_text(to_rpc(results[i].error())));
        if (whole) r.raw(std::move(*whole));
      }
    });
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    node.submit(all[i], wait, timeout_of(q), [this, r, batch, i, bytes = all[i]](SubmitResult one) {
      answers.run([this, r, batch, i, bytes, one = std::move(one)] {
        if (!r.begin()) return;
        auto whole =
            batch->put(i, one ? report_text(*one, bytes) : error_text(to_rpc(one.error())));
        if (whole) r.raw(std::move(*whole));
      });
    });
  }
}

rpc::Outcome Handlers::Impl::ledger_report(const ledger::AskSubmission& ask, bool prove) {
  const auto reader = db.reader();
  if (!reader) return std::unexpected(rpc::make_error(rpc::Error::kNoCertifiedHead));
  auto reply = ledger::answer(*reader, ask, prove);
  if (!reply) return std::unexpected(to_rpc(reply.error()));
  const auto& a = std::get<ledger::SubmissionAnswer>(reply->answer);
  SubmissionReport report{a.status, ask.id, {}, 0, false, {}};
  if (a.state) {
    report.height = a.state->height;
    report.index = a.state->index;
    report.certified = true;
  }
  std::string text = report_text(report, nullptr);
  text.pop_back();
  text += ",\"head\":" + rpc::to_text(rpc::head_json(reply->head));
  if (a.state) text += ",\"outcomes_digest\":\"" + to_hex(a.state->outcomes) + '"';
  if (reply->proof) {
    text += ",\"proof\":\"" + to_base64url(ledger::encode_proof(*reply->proof)) + '"';
  }
  return rpc::Result(rpc::RawJson{text + '}'});
}

void Handlers::Impl::submission(RpcRequest& q, RpcResponder& r) {
  ledger::AskSubmission ask{id_param<chain::SubmissionId>(q, "id"), std::nullopt};
  if (const auto expiry = number_param(q, "expiry_ms")) {
    ask.expiry = chain::TimeMs(static_cast<std::int64_t>(*expiry));
  }
  const bool prove = flag_param(q, "prove");
  node.submission(ask.id, [this, r, ask, prove](const SubmissionReport& known) {
    // The ledger cannot know what is pending or expired here; everything else it can prove.
    const bool final_in_ledger = known.status == SubmissionStatus::kUnknown ||
                                 (known.status == SubmissionStatus::kCommitted && known.certified);
    r.later([this, r, ask, prove, known, final_in_ledger] {
      if (!r.begin()) return;
      if (!final_in_ledger && !prove) return r.raw(report_text(known, nullptr));
      r(ledger_report(ask, prove));
    });
  });
}

}  // namespace imi::node
