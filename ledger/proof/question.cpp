#include "ledger/proof/question.h"

#include "base/hex.h"

namespace imi::ledger {
namespace {

std::string page_text(const Page& p) {
  return "events from position " + std::to_string(p.from) + ", at most " + std::to_string(p.limit);
}

struct Describe {
  std::string operator()(const AskHead& q) const {
    return q.height ? "the head of height " + std::to_string(q.height->value)
                    : "the certified head";
  }
  std::string operator()(const AskEnterprise& q) const {
    std::string out = "enterprise " + text(q.uscc);
    if (q.code) out += ", code " + std::to_string(q.code->value);
    return out + ", " + page_text(q.page);
  }
  std::string operator()(const AskPerson& q) const {
    return "person " + to_hex(q.sid) + ", " + page_text(q.page);
  }
  std::string operator()(const AskEvent& q) const { return "event " + to_hex(q.eid); }
  std::string operator()(const AskAttestation& q) const { return "attestation " + to_hex(q.aid); }
  std::string operator()(const AskAgency& q) const { return "agency " + to_hex(q.id); }
  std::string operator()(const AskSubmission& q) const { return "submission " + to_hex(q.id); }
  std::string operator()(const AskEntry& q) const {
    return "entry " + std::to_string(q.index) + " of submission " + to_hex(q.id) + " at height " +
           std::to_string(q.height.value);
  }
  std::string operator()(const AskConsistency& q) const {
    return "consistency with the log of " + std::to_string(q.old_size) + " entries";
  }
};

}  // namespace

std::string describe(const Question& q) { return std::visit(Describe{}, q); }

}  // namespace imi::ledger
