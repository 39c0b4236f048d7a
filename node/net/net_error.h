// What can go wrong when a listener or a TLS identity is set up. Later failures of single
// connections are not errors of the node: they are counted and logged (see the stats and log
// hooks).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace imi::node {

struct NetError {
  enum class Reason : std::uint8_t {
    kBadAddress,        // not an "address:port" that can be used
    kPortInUse,         // another process listens there
    kPermission,        // a privileged port, or a folder that may not be written
    kListenFailed,      // anything else the operating system says
    kKeyMissing,        // no such key or certificate file
    kKeyReadable,       // the key file can be read by group or others
    kKeyDamaged,        // not a PEM key or certificate, or the two do not belong together
    kKeyExists,         // would overwrite a key
    kWriteFailed,       // the file could not be written in full
    kTlsFailed,         // OpenSSL refused the configuration
    kBadConfiguration,  // the peers as configured cannot work (for example one pin twice)
  };
  Reason reason{};
  std::string subject;  // the address or file
  std::string detail;   // what the operating system or library said
};
// A stable name, such as "port-in-use".
[[nodiscard]] std::string_view name(NetError::Reason r);
// A sentence that says what to do.
[[nodiscard]] std::string describe(const NetError& e);

// Receives the network's log lines. Both servers limit their own rate before they call this
// (at most kNetLogPerSecond lines per second and kind; how many were left out is said in the next
// line), so that no client can fill the log. Called on an I/O thread; must not block.
enum class NetLogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
using NetLog = std::function<void(NetLogLevel, std::string_view line)>;
inline constexpr std::uint32_t kNetLogPerSecond = 5;

}  // namespace imi::node
