// What others may observe of a driver.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "chain/certificate.h"
#include "consensus/effects.h"
#include "node/halt.h"
#include "node/ports.h"
#include "node/submission_report.h"

namespace imi::node {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Called on the loop. Every default does nothing.
class DriverEvents {
 public:
  virtual ~DriverEvents() = default;
  // After every step, before any of it is carried out.
  virtual void on_effects(const consensus::Effects& /*effects*/) {}
  // The group that made these durable returned.
  virtual void on_durable(const std::vector<consensus::SafetyRecord>& /*records*/) {}
  // A consensus message is handed to the network (`to` empty: to all validators).
  virtual void on_sent(const consensus::SignedMessage& /*message*/,
                       std::optional<chain::MemberId> /*to*/) {}
  // Executed and durable here.
  virtual void on_executed(const chain::LedgerHead& /*head*/, const chain::Block& /*block*/,
                           const LedgerPort::Bodies& /*bodies*/) {}
  // Readers now answer at this head.
  virtual void on_certified(const chain::CheckpointCertificate& /*certificate*/) {}
  virtual void on_submission(const SubmissionReport& /*report*/) {}
  virtual void on_halt(const HaltReport& /*report*/) {}
  virtual void log(LogLevel /*level*/, std::string_view /*line*/) {}
};

}  // namespace imi::node
