#include "node/net/net_error.h"

#include "base/check.h"

namespace imi::node {

std::string_view name(NetError::Reason r) {
  switch (r) {
    case NetError::Reason::kBadAddress: return "bad-address";
    case NetError::Reason::kPortInUse: return "port-in-use";
    case NetError::Reason::kPermission: return "permission";
    case NetError::Reason::kListenFailed: return "listen-failed";
    case NetError::Reason::kKeyMissing: return "key-missing";
    case NetError::Reason::kKeyReadable: return "key-readable";
    case NetError::Reason::kKeyDamaged: return "key-damaged";
    case NetError::Reason::kKeyExists: return "key-exists";
    case NetError::Reason::kWriteFailed: return "write-failed";
    case NetError::Reason::kTlsFailed: return "tls-failed";
    case NetError::Reason::kBadConfiguration: return "bad-configuration";
  }
  IMI_CHECK(false, "a reason out of range");
}

namespace {

std::string sentence(const NetError& e) {
  switch (e.reason) {
    case NetError::Reason::kBadAddress:
      return "'" + e.subject + "' is not a usable address; write host:port";
    case NetError::Reason::kPortInUse:
      return "another process listens on " + e.subject +
             "; stop it, or choose another port in the configuration";
    case NetError::Reason::kPermission:
      return "no permission for " + e.subject + "; choose a port above 1023, or fix the owner";
    case NetError::Reason::kListenFailed: return "cannot listen on " + e.subject;
    case NetError::Reason::kKeyMissing:
      return "there is no file " + e.subject + "; make the node's keys first, or fix the path";
    case NetError::Reason::kKeyReadable:
      return e.subject + " can be read by others; run chmod 600 on it, and make a new key if " +
             "anyone else may have read it";
    case NetError::Reason::kKeyDamaged:
      return e.subject + " is not a usable key or certificate; restore it from a copy";
    case NetError::Reason::kKeyExists:
      return e.subject + " exists and is not overwritten; move it away to make a new key";
    case NetError::Reason::kWriteFailed: return "cannot write " + e.subject;
    case NetError::Reason::kTlsFailed: return "TLS cannot be set up for " + e.subject;
    case NetError::Reason::kBadConfiguration: return "the configuration of " + e.subject;
  }
  IMI_CHECK(false, "a reason out of range");
}

}  // namespace

std::string describe(const NetError& e) {
  std::string out = sentence(e);
  if (!e.detail.empty()) out += " (" + e.detail + ")";
  return out;
}

}  // namespace imi::node
