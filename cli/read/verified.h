// Reads that this program checks itself: the node's answer is taken for its proof alone, and what
// is shown is what the proof establishes, not what the node says beside it.
//
// All nodes are asked in turn until one proves its answer (cli/read/nodes.h).
//
// The newest head that was verified is kept in <dir>/trusted-head: a node that answers from an
// older state than one seen before is asked again (or another is), and a fork is refused by name. A
// file there that cannot be used is kept under another name, with a warning: this protection is
// never lost silently.
#pragma once

#include <optional>
#include <string>

#include "cli/read/nodes.h"
#include "cli/session.h"
#include "ledger/proof/verify.h"

namespace imi::cli {

struct Verified {
  ledger::VerifiedAnswer answer;
  Bytes bundle;      // as received: what --out saves
  std::string node;  // the node that gave it
};

// Options of every proved read.
struct ReadOptions {
  bool prove = false;  // show what the proof rests on
  std::string out;     // save the bundle here
};

// True when answers are to be verified: a genesis is known and --no-verify was not given. Throws
// Failure when there is no genesis and --no-verify was not given either, and where a proof is
// wanted
// (--out, --prove) that --no-verify does not ask for.
[[nodiscard]] bool must_verify(Session& session, const ReadOptions& options = {});

// Calls `method` with prove = true and verifies that its proof answers `question`. An absence that
// is proved is an answer. Throws Failure where no node proves one: kVerificationFailed with the
// reason, or what the nodes reported instead.
[[nodiscard]] Verified read_verified(Session& session, std::string_view method,
                                     const json::object& params, const ledger::Question& question);
// The same with parameters of its own for each node, such as a query that is signed for that node.
using ParamsFor = std::function<std::expected<json::object, Rejection>(NodeCalls&)>;
[[nodiscard]] Verified read_verified_by(Session& session, std::string_view method,
                                        const ParamsFor& params, const ledger::Question& question);

// The newest head of this network verified before, if there is one.
[[nodiscard]] std::optional<chain::LedgerHead> newest_head(Session& session);

// After a write that was certified at `height`: goes on until a verified head is at least that
// high, so that every later read here, of whichever node, sees the write. Gives up silently after 2
// s.
void reach_height(Session& session, std::uint64_t height);

// Without verification: the node's own JSON with "verified": false, and a warning for people.
void show_unverified(Session& session, std::string_view method, json::object params);
// What a node reports, marked so: "verified": false.
[[nodiscard]] json::value marked_unverified(json::value answer);
// "not verified: reported by node 127.0.0.1:8645 without proof".
[[nodiscard]] std::string reported_by(const std::string& node);
// Of the node that answered last.
[[nodiscard]] std::string unverified_text(Session& session);

// "verified: signed by 3 of 4 validators, block 12, 1.2 s old"
[[nodiscard]] std::string verified_text(Session& session, const ledger::VerifiedAnswer& answer);
// The same for programs: {height, time_ms, age_ms, signers, validators, state_root, ...}.
[[nodiscard]] json::object verified_json(Session& session, const ledger::VerifiedAnswer& answer);

// Prints the line, saves the bundle if asked for, and with --prove says how to check it again.
void finish_read(Session& session, const Verified& verified, const ReadOptions& options);

// The file of a trusted head: "IMIHEAD1", then the head's canonical bytes.
[[nodiscard]] std::optional<chain::LedgerHead> load_head(const std::filesystem::path& file,
                                                         std::string* problem = nullptr);
[[nodiscard]] std::expected<void, std::string> save_head(const std::filesystem::path& file,
                                                         const chain::LedgerHead& head);

}  // namespace imi::cli
