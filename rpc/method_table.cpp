#include <array>

#include "rpc/methods.h"

namespace imi::rpc {

namespace {

constexpr std::array<std::string_view, 3> kWaits = {kWaitAccepted, kWaitCommitted, kWaitCertified};
constexpr std::array<std::string_view, 2> kTopics = {"heads", "submissions"};

// 4 MiB in base64url.
constexpr std::int64_t kMaxSubmissionText = (4 << 20) / 3 * 4 + 8;
constexpr std::int64_t kMaxQueryText = 4096;

ParamSpec hash_param(std::string_view name, std::string_view summary) {
  return {name, ParamType::kHex32, true, 0, 0, {}, summary};
}
ParamSpec height_param(std::string_view name, bool required, std::string_view summary) {
  return {name, ParamType::kInteger, required, 0, INT64_MAX, {}, summary};
}
ParamSpec prove_param() {
  return {"prove",
          ParamType::kBoolean,
          false,
          0,
          0,
          {},
          "answer with a proof that the asker can check without trusting this node"};
}
ParamSpec wait_param() {
  return {
      "wait",
      ParamType::kEnum,
      false,
      0,
      0,
      kWaits,
      "answer once the node has accepted it (default), it is committed, or its head is certified"};
}
ParamSpec timeout_param() {
  return {
      "timeout_ms",
      ParamType::kInteger,
      false,
      0,
      kMaxWaitMs,
      {},
      "how long to wait, default 10,000; after that the error is `timeout` and the fate is open"};
}

std::vector<Error> submission_errors() {
  return {Error::kSubmissionMalformed,
          Error::kSubmissionOversize,
          Error::kSubmissionEmpty,
          Error::kTooManyEntries,
          Error::kEntriesRootMismatch,
          Error::kEntryInvalid,
          Error::kUnsupportedEntry,
          Error::kWrongChain,
          Error::kSubmissionExpired,
          Error::kExpiryTooFar,
          Error::kBadSignature,
          Error::kUnknownAuthor,
          Error::kKeyNotAuthorised,
          Error::kAuthorSuspended,
          Error::kSubmissionConflict,
          Error::kPoolFull,
          Error::kAuthorShareFull,
          Error::kObserving,
          Error::kHalted,
          Error::kNotReady,
          Error::kStorageFailed};
}
std::vector<Error> read_errors() { return {Error::kNotFound, Error::kNoCertifiedHead}; }

constexpr std::string_view kFateSchema = R"({"$ref": "#/components/schemas/Fate"})";

void add_submit(std::vector<MethodSpec>& out) {
  out.push_back(
      {"submit",
       "Submit a signed submission",
       "Admits one signed submission of 1 to 4,096 entries. Safe to repeat: a submission whose id "
       "is known is answered with its fate and never applied twice.",
       {{"submission",
         ParamType::kBase64Url,
         true,
         1,
         kMaxSubmissionText,
         {},
         "the submission's canonical bytes"},
        wait_param(),
        timeout_param()},
       kFateSchema,
       submission_errors(),
       "",
       R"({"submission": "AQID", "wait": "committed", "timeout_ms": 5000})",
       R"({"id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
           "fate": "committed", "height": 7, "index": 0, "certified": false,
           "outcomes": [{"ok": true}]})"});
  out.back().submits = true;
  out.push_back(
      {"submit_batch",
       "Submit several signed submissions",
       "As `submit`, for up to 1,024 submissions in one call. The result has one element per "
       "submission, in order: its fate, or the error it was refused with. One refused submission "
       "does not affect the others.",
       {{"submissions",
         ParamType::kStringArray,
         true,
         1,
         kMaxSubmitBatch,
         {},
         "the submissions' canonical bytes, each in base64url"},
        wait_param(),
        timeout_param()},
       R"({"type": "array", "items": {"oneOf": [{"$ref": "#/components/schemas/Fate"},
           {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
            "required": ["code", "message", "data"]}}}]}})",
       submission_errors(),
       "",
       R"({"submissions": ["AQID", "BAUG"]})",
       R"([{"id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "fate": "pending"},
           {"error": {"code": 1009, "message": "the signature does not match",
            "data": {"name": "bad-signature"}}}])"});
  out.back().submits = true;
  out.push_back(
      {"submission",
       "What became of a submission",
       "Its fate: unknown, pending, committed (height, place and outcomes), expired or "
       "too-long-ago. `expired` is final: it can never commit. It is reported if the call gives "
       "the expiry that was signed, from that block time until its record would have been pruned; "
       "from then on it is `too-long-ago`, since absence proves nothing any more. With prove, "
       "committed and expired are proved.",
       {hash_param("id", "submission id"),
        prove_param(),
        {"expiry_ms",
         ParamType::kInteger,
         false,
         0,
         INT64_MAX,
         {},
         "the expiry in its header, in block time; without it absence is only `unknown`"}},
       kFateSchema,
       {Error::kNoCertifiedHead},
       "/v1/submissions/{id}",
       R"({"id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})",
       R"({"id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
           "fate": "unknown"})"});
}

// The schema of a read: a head, the record under its own name, and the proof if asked for.
// clang-format off
#define IMI_READ_SCHEMA(record, schema)                                  \
  R"({"type": "object", "required": ["head", ")" record R"("],)"         \
  R"("properties": {"head": {"$ref": "#/components/schemas/Head"},)"     \
  R"("proof": {"$ref": "#/components/schemas/Proof"},)"                  \
  R"(")" record R"(": )" schema R"(}})"
#define IMI_EXAMPLE_HASH \
  R"("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")"
#define IMI_EXAMPLE_HEAD                                                 \
  R"("head": {"genesis": )" IMI_EXAMPLE_HASH R"(, "epoch": 0,)"          \
  R"("height": 7, "time_ms": 1795000000000, "log_size": 12,)"            \
  R"("block": )" IMI_EXAMPLE_HASH R"(, "state_root": )" IMI_EXAMPLE_HASH \
  R"(, "log_root": )" IMI_EXAMPLE_HASH R"(})"
// clang-format on

void add_records(std::vector<MethodSpec>& out) {
  out.push_back(
      {"enterprise",
       "An enterprise's record",
       "The public record of an enterprise with its events. With prove, the proof shows that the "
       "list of events is complete. If there is no such enterprise the error is "
       "`not-found`, and with prove its data has `head` and `proof` of the absence.",
       {{"uscc", ParamType::kString, true, 18, 18, {}, "unified social credit code, GB 32100"},
        prove_param(),
        {"as_issued",
         ParamType::kBoolean,
         false,
         0,
         0,
         {},
         "the code was issued with a check character that does not fit"},
        {"kind", ParamType::kString, false, 1, 64, {}, "only events of this catalog code"},
        {"from", ParamType::kInteger, false, 0, INT64_MAX, {}, "first transition, default 0"},
        {"limit", ParamType::kInteger, false, 1, 200, {}, "transitions per page, default 200"}},
       IMI_READ_SCHEMA("enterprise", R"({"type": "object", "required": ["uscc"]})"),
       read_errors(),
       "/v1/enterprises/{uscc}",
       R"({"uscc": "91350100M000100Y43"})",
       R"({)" IMI_EXAMPLE_HEAD R"(, "enterprise": {"uscc": "91350100M000100Y43",
           "name": "Harbour Kitchen", "events": []}})"});
  out.push_back(
      {"person",
       "A person's own record",
       "Given to that person only: the query is signed with the subject's key and names this "
       "network, this node (`id` of `status`), a time and a nonce. Without one the error is "
       "`purpose-required`.",
       {{"query", ParamType::kBase64Url, false, 1, kMaxQueryText, {}, "the signed query's bytes"},
        prove_param()},
       IMI_READ_SCHEMA("person", R"({"type": "object"})"),
       {Error::kPurposeRequired, Error::kQueryMalformed, Error::kQueryBadSignature,
        Error::kQueryExpired, Error::kWrongAudience, Error::kNotTheSubject, Error::kWrongChain,
        Error::kNotFound, Error::kNoCertifiedHead},
       "",
       R"({"query": "AQID"})",
       R"({)" IMI_EXAMPLE_HEAD R"(, "person": {"status": "active"}})"});
  out.push_back({"attestation",
                 "An attestation's state",
                 "Issuer, schema, level, claims root, window and status. It does not "
                 "say whom it is about.",
                 {hash_param("aid", "attestation id"), prove_param()},
                 IMI_READ_SCHEMA("attestation", R"({"type": "object", "required": ["aid"]})"),
                 read_errors(),
                 "/v1/attestations/{aid}",
                 R"({"aid": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})",
                 R"({)" IMI_EXAMPLE_HEAD R"(, "attestation": {
                     "aid": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     "status": "active"}})"});
  out.push_back({"event",
                 "A credit event",
                 "The event's current version and status.",
                 {hash_param("eid", "event id"), prove_param()},
                 IMI_READ_SCHEMA("event", R"({"$ref": "#/components/schemas/Event"})"),
                 read_errors(),
                 "/v1/events/{eid}",
                 R"({"eid": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})",
                 R"({)" IMI_EXAMPLE_HEAD R"(, "event": {
                     "eid": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     "version": 1}})"});
  out.push_back({"agency",
                 "An agency",
                 "Names, roles, fields, divisions and keys of an agency.",
                 {hash_param("id", "agency id"), prove_param()},
                 IMI_READ_SCHEMA("agency", R"({"type": "object", "required": ["id"]})"),
                 read_errors(),
                 "/v1/agencies/{id}",
                 R"({"id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})",
                 R"({)" IMI_EXAMPLE_HEAD R"(, "agency": {
                     "id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}})"});
  out.push_back({"agencies",
                 "Agencies registered after genesis",
                 "Their ids in the order of registration; the genesis document has the others. A "
                 "page shorter than `limit` is the last. That no agency is missing is not proved; "
                 "each agency is, by `agency`.",
                 {{"after", ParamType::kHex32, false, 0, 0, {}, "the last id of the previous page"},
                  {"limit", ParamType::kInteger, false, 1, kMaxPage, {}, "default 1,000"}},
                 R"({"type": "object", "required": ["head", "ids"], "properties": {
                     "head": {"$ref": "#/components/schemas/Head"},
                     "ids": {"type": "array", "items": {"$ref": "#/components/schemas/Hash"}}}})",
                 {Error::kNoCertifiedHead},
                 "/v1/agencies",
                 R"({"limit": 10})",
                 R"({)" IMI_EXAMPLE_HEAD R"(, "ids": [
                     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]})"});
}

void add_chain(std::vector<MethodSpec>& out) {
  out.push_back(
      {"block",
       "A block",
       "Header, and submissions with their outcomes. With prove, each submission's signed "
       "header and the checkpoint certificate of that height, if the node has it: the "
       "asker recomputes the body root and the id that the certificate names.",
       {height_param("height", true, "from 1"), prove_param()},
       R"({"$ref": "#/components/schemas/Block"})",
       {Error::kHeightNotAvailable},
       "/v1/blocks/{height}",
       R"({"height": 7})",
       R"({"height": 7,
                     "id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     "time_ms": 1795000000000, "submissions": []})"});
  out.push_back(
      {"blocks",
       "Blocks in ascending order",
       "Up to `limit` blocks from height `from`; fewer at the end of the chain, and where "
       "the submissions of a page reach 4 MiB: ask again from the height after the last. "
       "Each block asked for counts as ten calls against the client's rate.",
       {height_param("from", true, "first height"),
        {"limit", ParamType::kInteger, false, 1, kMaxBlocksPage, {}, "default 20"}},
       R"({"type": "array", "items": {"$ref": "#/components/schemas/Block"}})",
       {Error::kHeightNotAvailable},
       "/v1/blocks",
       R"({"from": 1, "limit": 2})",
       R"([])"});
  out.push_back(
      {"head",
       "The last certified head, or an earlier one",
       "The newest head that a quorum signed. With height, the head of that height. With "
       "prove, includes the signatures, the lineage of validator sets from genesis and, for "
       "an earlier head, its place in the newest head's history: with it an answer saved "
       "then can be checked under today's head.",
       {prove_param(), height_param("height", false, "absent: the newest")},
       R"({"type": "object", "required": ["head"], "properties": {
                     "head": {"$ref": "#/components/schemas/Head"},
                     "proof": {"$ref": "#/components/schemas/Proof"}}})",
       {Error::kNoCertifiedHead},
       "/v1/head",
       R"({"prove": false})",
       R"({)" IMI_EXAMPLE_HEAD R"(})"});
  out.push_back(
      {"log_proof",
       "A proof over the event log",
       "With `id` and `index`: that an accepted entry of a submission is in the log; give the "
       "`height` that it was committed at, and it is found even after its fate was pruned. With "
       "`from` and `root`: that today's log begins with all of the older log of that size and "
       "root. RFC "
       "6962 shapes.",
       {{"id", ParamType::kHex32, false, 0, 0, {}, "submission id"},
        {"index", ParamType::kInteger, false, 0, 4095, {}, "entry in its submission, from 0"},
        height_param("from", false, "size of the older log"),
        {"root", ParamType::kHex32, false, 0, 0, {}, "root of the older log"},
        height_param("height", false, "block that contains the submission `id`")},
       R"({"type": "object", "required": ["head", "proof"], "properties": {
           "head": {"$ref": "#/components/schemas/Head"},
           "proof": {"$ref": "#/components/schemas/Proof"}}})",
       {Error::kNotFound, Error::kNoCertifiedHead},
       "/v1/log/proof",
       R"({"id": )" IMI_EXAMPLE_HASH R"(, "index": 0})",
       R"({)" IMI_EXAMPLE_HEAD R"(, "proof": "AQID"})"});
}

void add_node(std::vector<MethodSpec>& out) {
  out.push_back({"status",
                 "The node's own state",
                 "Name, role, version, heights, view, pool, peers and whether it is ready. This "
                 "is what the node reports: nothing in it is proved.",
                 {},
                 R"({"type": "object", "required": ["name", "id", "version", "genesis", "height",
                     "ready"], "properties": {"name": {"type": "string"},
                     "id": {"$ref": "#/components/schemas/Hash",
                            "description": "SHA-256 of its TLS key, the audience of queries"},
                     "version": {"type": "string"},
                     "genesis": {"$ref": "#/components/schemas/Hash"},
                     "height": {"$ref": "#/components/schemas/Height"},
                     "ready": {"type": "boolean"}}})",
                 {},
                 "/v1/status",
                 "{}",
                 R"({"name": "node-0", "version": "0.1.0", "ready": true, "height": 7,
                     "id": )" IMI_EXAMPLE_HASH R"(, "genesis": )" IMI_EXAMPLE_HASH R"(})"});
  out.push_back({"validators",
                 "The validator set",
                 "Members of the current epoch with their keys.",
                 {},
                 R"({"type": "object", "required": ["epoch", "quorum", "validators"],
                     "properties": {"epoch": {"type": "integer"}, "quorum": {"type": "integer"},
                     "validators": {"type": "array",
                                    "items": {"$ref": "#/components/schemas/Validator"}}}})",
                 {},
                 "/v1/validators",
                 "{}",
                 R"({"epoch": 0, "quorum": 3, "validators": []})"});
  out.push_back({"genesis",
                 "The genesis document",
                 "The canonical bytes and their hash. Compare the hash with one obtained by "
                 "other means before you trust it.",
                 {},
                 R"({"type": "object", "required": ["id", "genesis"], "properties": {
                     "id": {"$ref": "#/components/schemas/Hash"},
                     "genesis": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}}})",
                 {},
                 "/v1/genesis",
                 "{}",
                 R"({"id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                     "genesis": "AQID"})"});
  out.push_back({"catalog",
                 "The event catalog in force",
                 "Codes with names, class, polarity, scope, required fields and rules.",
                 {},
                 R"({"type": "object", "required": ["codes"], "properties": {
                     "codes": {"type": "array", "items": {"type": "object"}}}})",
                 {},
                 "/v1/catalog",
                 "{}",
                 R"({"codes": []})"});
  out.push_back({"peers",
                 "The node's peers",
                 "Which peers are connected, with traffic and round trip times.",
                 {},
                 R"({"type": "array", "items": {"$ref": "#/components/schemas/Peer"}})",
                 {},
                 "/v1/peers",
                 "{}",
                 R"([{"name": "node-1", "connected": true}])"});
  out.push_back(
      {"evidence",
       "Evidence of equivocation",
       "Pairs of messages of which an honest member signs at most one; one pair per member, "
       "kind and epoch: signed bytes that anyone can check against the validator set "
       "(docs/PROTOCOL.md, D5). `total` is how many this node has.",
       {{"from", ParamType::kInteger, false, 0, INT64_MAX, {}, "first pair, default 0"},
        {"limit", ParamType::kInteger, false, 1, 10, {}, "pairs per page, default 10"}},
       R"({"type": "object", "required": ["total", "pairs"], "properties": {
                     "total": {"type": "integer"},
                     "pairs": {"type": "array", "items": {"type": "object", "required": ["epoch",
                      "member", "name", "kind", "first", "second"], "properties": {
                      "epoch": {"type": "integer"}, "member": {"type": "integer"},
                      "name": {"type": "string"}, "kind": {"type": "string"},
                      "first": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
                      "second": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}}}}}})",
       {},
       "/v1/evidence",
       "{}",
       R"({"total": 1, "pairs": [{"epoch": 0, "member": 3, "name": "node-3",
                     "kind": "COMMIT", "first": "AQID", "second": "AQIE"}]})"});
}

void add_service(std::vector<MethodSpec>& out) {
  out.push_back({"rpc.discover",
                 "This document",
                 "The OpenRPC document of the node. Also at GET /openrpc.json.",
                 {},
                 R"({"type": "object", "required": ["openrpc", "info", "methods"]})",
                 {},
                 "",
                 "{}",
                 R"({"openrpc": "1.3.2", "info": {}, "methods": []})"});
  MethodSpec subscribe{
      "subscribe",
      "Subscribe over WebSocket",
      "Notifications {\"method\": \"subscription\", \"params\": {\"subscription\", \"topic\", "
      "\"value\"}} follow on the same connection: each certified head, or the fate of submissions "
      "(all, or those named in keys). A client that does not read them is disconnected.",
      {{"topic", ParamType::kEnum, true, 0, 0, kTopics, "what to follow"},
       {"keys", ParamType::kStringArray, false, 1, 4096, {}, "submission ids, hexadecimal"}},
      R"({"type": "object", "required": ["subscription"],
          "properties": {"subscription": {"type": "integer"}}})",
      {Error::kTooManySubscriptions},
      "",
      R"({"topic": "heads"})",
      R"({"subscription": 1})"};
  subscribe.websocket_only = true;
  out.push_back(std::move(subscribe));
  MethodSpec unsubscribe{
      "unsubscribe",
      "End a subscription",
      "True if there was one.",
      {{"subscription", ParamType::kInteger, true, 0, INT64_MAX, {}, "as subscribe returned"}},
      R"({"type": "boolean"})",
      {},
      "",
      R"({"subscription": 1})",
      "true"};
  unsubscribe.websocket_only = true;
  out.push_back(std::move(unsubscribe));
}

}  // namespace

std::span<const MethodSpec> methods() {
  static const std::vector<MethodSpec> table = [] {
    std::vector<MethodSpec> out;
    add_submit(out);
    add_records(out);
    add_chain(out);
    add_node(out);
    add_service(out);
    return out;
  }();
  return table;
}

}  // namespace imi::rpc
