#include "node/file_system.h"

namespace imi::node {

std::string_view name(IoError::Reason r) {
  switch (r) {
    case IoError::Reason::kIo: return "io-error";
    case IoError::Reason::kNoSpace: return "disk-full";
    case IoError::Reason::kPermission: return "permission";
    case IoError::Reason::kMissing: return "missing";
    case IoError::Reason::kExists: return "exists";
    case IoError::Reason::kTooLarge: return "too-large";
  }
  return "unknown";
}

std::string describe(const IoError& e) {
  std::string out = e.path + ": ";
  switch (e.reason) {
    case IoError::Reason::kIo: out += "the disk or the system refused the operation"; break;
    case IoError::Reason::kNoSpace:
      out += "the disk is full; free some space and start again";
      break;
    case IoError::Reason::kPermission: out += "permission denied; check the owner and mode"; break;
    case IoError::Reason::kMissing: out += "there is no such file or directory"; break;
    case IoError::Reason::kExists: out += "a file of that name already exists"; break;
    case IoError::Reason::kTooLarge: out += "the file is larger than it can validly be"; break;
  }
  if (!e.detail.empty()) out += " (" + e.detail + ")";
  return out;
}

}  // namespace imi::node
