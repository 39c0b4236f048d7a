// Who signs: an agency by its short name (its key in the network's folder) or by a key file; and
// one submission made, sent and reported.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/write/known_submission.h"
#include "crypto/suite.h"
#include "ledger/submission/submission.h"

namespace imi::cli {

struct Author {
  std::string name;  // for people
  ledger::AuthorId id;
  crypto::SecretKey key;
};

// `as` is a short name ("food-440604": <dir>/agencies/NAME.key) or the path of a key file. The
// agency is looked up in the genesis document; for one registered later, `author` gives its id (64
// hex), or it is the id that `imi agency` derives from the name. Throws Failure.
[[nodiscard]] Author resolve_author(Session& session, const std::string& as,
                                    const std::string& author = {});

// Signed now; `valid_ms` 0 = half of what the chain allows.
[[nodiscard]] ledger::Submission sign_now(Session& session, const Author& author,
                                          std::vector<ledger::Entry> entries,
                                          std::int64_t valid_ms = 0);

// "--wait": accepted, committed or certified; throws Failure on anything else.
[[nodiscard]] std::string wait_level(const std::string& text);

// Signs and sends one submission and waits as far as `wait` says; what is reported as certified or
// expired was proved (not with --no-verify). The submission is kept in <dir>/pending before it is
// sent and until its fate is proved, whatever nodes report (a node may pass it on and report a
// refusal): a later call with the same author and entries sends those bytes, not the new ones, or
// reports what became of them; where they are proved to have expired the new ones are sent. So a
// command that is run again applies nothing twice. The result names what was sent. A Failure has
// "submission", "expiry_ms" and "fate_open" in its data once something was sent.
[[nodiscard]] KnownSubmission submit_and_wait(Session& session, const Author& author,
                                              std::vector<ledger::Entry> entries,
                                              const std::string& wait);

// Prints a result; throws Failure (kRefused) if an entry was refused or the submission expired.
void report_result(Session& session, const KnownSubmission& result);

[[nodiscard]] json::object to_json(const KnownSubmission& result);

}  // namespace imi::cli
