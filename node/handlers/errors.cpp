#include "node/handlers/errors.h"

namespace imi::node {

using rpc::Error;
using rpc::make_error_text;

namespace {
rpc::Error code_of(ledger::AdmissionError::Reason r) {
  using R = ledger::AdmissionError::Reason;
  switch (r) {
    case R::kTooLarge: return Error::kSubmissionOversize;
    case R::kMalformed: return Error::kSubmissionMalformed;
    case R::kWrongGenesis: return Error::kWrongChain;
    case R::kNoEntries: return Error::kSubmissionEmpty;
    case R::kTooManyEntries: return Error::kTooManyEntries;
    case R::kCountMismatch: return Error::kSubmissionMalformed;
    case R::kEntriesMismatch: return Error::kEntriesRootMismatch;
    case R::kExpired: return Error::kSubmissionExpired;
    case R::kExpiryTooFar: return Error::kExpiryTooFar;
    case R::kBadKey: return Error::kBadSignature;
    case R::kBadSignature: return Error::kBadSignature;
  }
  return Error::kInternal;
}

rpc::Error code_of(ledger::QueryError::Reason r) {
  using R = ledger::QueryError::Reason;
  switch (r) {
    case R::kStore: return Error::kStorageFailed;
    case R::kNotCertified: return Error::kNoCertifiedHead;
    case R::kPurposeRequired: return Error::kPurposeRequired;
    case R::kTooLarge: return Error::kTooLarge;
    case R::kNoSuchEntry: return Error::kNotFound;
    case R::kBadRange: return Error::kInvalidParams;
    case R::kBadSignature: return Error::kQueryBadSignature;
    case R::kWrongKey: return Error::kNotTheSubject;
    case R::kWrongChain: return Error::kWrongChain;
    case R::kWrongAudience: return Error::kWrongAudience;
    case R::kStaleQuery: return Error::kQueryExpired;
    case R::kReplayed: return Error::kQueryExpired;
    case R::kBusy: return Error::kServerBusy;
    case R::kDamaged: return Error::kStorageFailed;
  }
  return Error::kInternal;
}
}  // namespace

rpc::RpcError to_rpc(const ledger::AdmissionError& e) {
  return make_error_text(code_of(e.reason), describe(e),
                         {{"reason", std::string(ledger::name(e.reason))}, {"a", e.a}, {"b", e.b}});
}

rpc::RpcError to_rpc(const ledger::EarlyRefusal& e) {
  const auto code = [&] {
    if (e.entry) return Error::kEntryInvalid;
    using R = ledger::RefusalCode;
    if (e.refusal.code == R::kKeyNotAuthorised) return Error::kKeyNotAuthorised;
    if (e.refusal.code == R::kAuthorSuspended) return Error::kAuthorSuspended;
    return Error::kUnknownAuthor;
  }();
  boost::json::object data{{"reason", std::string(ledger::name(e.refusal.code))}};
  if (e.entry) data["index"] = *e.entry;
  return make_error_text(code, describe(e) + "; nothing was recorded", std::move(data));
}

rpc::RpcError to_rpc(PoolRefusal e) {
  const std::string why(describe(e));
  switch (e) {
    case PoolRefusal::kFull:
      return make_error_text(Error::kPoolFull, why, {{"retry_after_ms", 250}});
    case PoolRefusal::kAuthorFull:
      return make_error_text(Error::kAuthorShareFull, why, {{"retry_after_ms", 250}});
    case PoolRefusal::kConflict: return make_error_text(Error::kSubmissionConflict, why);
  }
  return make_error_text(Error::kInternal, why);
}

rpc::RpcError to_rpc(const NodeRefusal& e) {
  switch (e.reason) {
    case NodeRefusal::Reason::kHalted: return rpc::make_error(Error::kHalted, {{"why", e.detail}});
    case NodeRefusal::Reason::kBusy:
      return rpc::make_error(Error::kServerBusy, {{"what", e.detail}});
    case NodeRefusal::Reason::kTimeout:
      return make_error_text(
          Error::kTimeout,
          "the submission was accepted and has not yet reached the level waited for; its "
          "fate is open: ask for it with `submission`",
          {{"detail", e.detail}});
    case NodeRefusal::Reason::kTooManyWait:
      return rpc::make_error(Error::kServerBusy, {{"what", "clients that wait for a commit"}});
    case NodeRefusal::Reason::kStopping: return rpc::make_error(Error::kShuttingDown);
  }
  return rpc::make_error(Error::kInternal);
}

rpc::RpcError to_rpc(const SubmitError& e) {
  return std::visit([](const auto& reason) { return to_rpc(reason); }, e);
}

rpc::RpcError to_rpc(const ledger::QueryError& e) {
  return make_error_text(code_of(e.reason), describe(e),
                         {{"reason", std::string(ledger::name(e.reason))}});
}

rpc::RpcError to_rpc(const ledger::LedgerError& e) {
  const bool absent = e.reason == ledger::LedgerError::Reason::kNoSuchHeight;
  return make_error_text(absent ? Error::kHeightNotAvailable : Error::kStorageFailed, describe(e),
                         {{"reason", std::string(ledger::name(e.reason))}});
}

rpc::RpcError to_rpc(const ledger::StoreError& e) {
  return make_error_text(Error::kStorageFailed, describe(e),
                         {{"reason", std::string(ledger::name(e.reason))}});
}

}  // namespace imi::node
