// What this node answers to a client that submits: how far a submission is, or why it was refused.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <variant>

#include "chain/ids.h"
#include "ledger/submission/admission.h"
#include "ledger/submission/precheck.h"
#include "ledger/submission/status.h"
#include "node/pool.h"

namespace imi::node {

enum class WaitFor : std::uint8_t { kAccepted, kCommitted, kCertified };

using ledger::SubmissionStatus;

// What this node says of a submission.
struct SubmissionReport {
  SubmissionStatus status = SubmissionStatus::kUnknown;  // never kTooLongAgo from the driver
  chain::SubmissionId id;
  chain::Height height;     // committed: in this block
  std::uint32_t index = 0;  // committed: at this place
  bool certified = false;   // committed: a quorum signed a head at or above it
  chain::TimeMs expiry;     // pending: as signed
};

struct NodeRefusal {
  enum class Reason : std::uint8_t {
    kHalted,       // this node stopped; ask another
    kBusy,         // too many submissions are being verified
    kTimeout,      // accepted, and not yet where the client waits for it; its fate is open
    kTooManyWait,  // too many clients are waiting
    kStopping,
  };
  Reason reason{};
  std::string detail;
};
using SubmitError =
    std::variant<ledger::AdmissionError, ledger::EarlyRefusal, PoolRefusal, NodeRefusal>;
using SubmitResult = std::expected<SubmissionReport, SubmitError>;

}  // namespace imi::node
