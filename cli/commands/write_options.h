// What every command that writes takes: who signs, and how long to wait.
#pragma once

#include <string>

#include "cli/session.h"
#include "cli/write/known_submission.h"
#include "ledger/submission/entry.h"
#include "rpc/methods.h"

namespace CLI {
class App;
}

namespace imi::cli {

struct WriteOptions {
  std::string as;
  std::string author;
  std::string wait = std::string(rpc::kWaitCertified);
};

// `must_sign`: --as is required. The options outlive the parser.
void add_write_options(CLI::App* command, WriteOptions& options, bool must_sign = true);

// Signs one entry, sends it and waits.
[[nodiscard]] KnownSubmission submit_one(Session& session, const WriteOptions& options,
                                         ledger::Entry entry);

}  // namespace imi::cli
