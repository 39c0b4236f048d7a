// Why a driver stopped for good.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace imi::node {

enum class HaltCode : std::uint8_t {
  kSafetyLogFailed,  // the log refused a write (EIO): restart, it is read again and checked
  kSafetyLogFull,    // no space for the log: reads may go on, votes may not
  kLedgerFailed,     // the ledger's store refused a write
  kLedgerFull,       // no space for the ledger
  kLedgerDamaged,    // the ledger contradicts itself
  kHeadMismatch,     // D3
  kConsensus,        // see consensus::HaltReason
};
[[nodiscard]] std::string_view name(HaltCode c);
// True where reads may still be answered; otherwise the process must end.
[[nodiscard]] bool reads_may_go_on(HaltCode c);

struct HaltReport {
  HaltCode code{};
  std::string sentence;  // what happened, what to do
};

}  // namespace imi::node
