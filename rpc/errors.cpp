#include "rpc/errors.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "base/check.h"

namespace imi::rpc {

namespace {

using X = ExitCode;

// clang-format off
constexpr std::array kTable = {
    ErrorSpec{Error::kParse, "parse-error", 400, X::kBadInput,
      "the request is not valid JSON: {why}"},
    ErrorSpec{Error::kInternal, "internal", 500, X::kRefused,
      "internal error in the node; try again, and report it with the node's log if it persists"},
    ErrorSpec{Error::kInvalidParams, "invalid-params", 400, X::kBadInput,
      "parameter '{param}': {why}; GET /openrpc.json describes every parameter"},
    ErrorSpec{Error::kMethodNotFound, "method-not-found", 404, X::kUsage,
      "there is no method '{method}'; call rpc.discover for the list"},
    ErrorSpec{Error::kInvalidRequest, "invalid-request", 400, X::kBadInput,
      "the request is not a JSON-RPC 2.0 call: {why}"},
    ErrorSpec{Error::kVerificationFailed, "verification-failed", 500, X::kVerificationFailed,
      "the answer's proof does not verify: {why}; do not rely on it, and ask another node"},
    ErrorSpec{Error::kBadResponse, "bad-response", 502, X::kUnreachable,
      "{address} did not answer as an IMI node: {why}; check the address and port"},
    ErrorSpec{Error::kUnreachable, "unreachable", 503, X::kUnreachable,
      "no node answered ({tried}); check that one is running and that the address is right"},
    ErrorSpec{Error::kStorageFailed, "storage-failed", 503, X::kRefused,
      "the node cannot write its store: {why}; reads still work, submit to another node"},
    ErrorSpec{Error::kShuttingDown, "shutting-down", 503, X::kUnreachable,
      "the node is stopping; ask another node"},
    ErrorSpec{Error::kObserving, "observing", 503, X::kRefused,
      "the node only observes: {why}; submit to a validator"},
    ErrorSpec{Error::kHalted, "halted", 503, X::kRefused,
      "the node has halted: {why}; ask another node and tell its operator"},
    ErrorSpec{Error::kNotReady, "not-ready", 503, X::kUnreachable,
      "the node is not ready: {why}; ask again shortly or ask another node"},
    ErrorSpec{Error::kUnsupportedEncoding, "unsupported-encoding", 415, X::kUsage,
      "the content coding '{coding}' is not supported; send the body without Content-Encoding"},
    ErrorSpec{Error::kUnsupportedTransfer, "unsupported-transfer-coding", 501, X::kUsage,
      "the transfer coding '{coding}' is not supported; send Content-Length, or "
      "Transfer-Encoding: chunked alone"},
    ErrorSpec{Error::kTooManySubscriptions, "too-many-subscriptions", 429, X::kRefused,
      "this connection already has {limit} subscriptions, the most allowed; end one first"},
    ErrorSpec{Error::kHttpMethodNotAllowed, "http-method-not-allowed", 405, X::kUsage,
      "{method} is not allowed here; POST JSON-RPC to /, or GET a path of /openrpc.json"},
    ErrorSpec{Error::kUnsupportedMedia, "unsupported-media", 415, X::kUsage,
      "the content type is '{content_type}'; send Content-Type: application/json"},
    ErrorSpec{Error::kUnauthorised, "unauthorised", 401, X::kRefused,
      "this node requires a token; send Authorization: Bearer with the token from its operator"},
    ErrorSpec{Error::kOriginNotAllowed, "origin-not-allowed", 403, X::kRefused,
      "pages of {origin} may not use this node; its operator can add them to rpc.origins"},
    ErrorSpec{Error::kHostNotAllowed, "host-not-allowed", 403, X::kRefused,
      "the host name '{host}' is not allowed; use the address, or ask the operator to add it to "
      "rpc.hosts of the node's configuration"},
    ErrorSpec{Error::kServerBusy, "server-busy", 503, X::kUnreachable,
      "the node is at its limit of {what}; try again shortly or ask another node"},
    ErrorSpec{Error::kTimeout, "timeout", 504, X::kUnreachable,
      "no answer within {timeout_ms} ms; what was submitted may still commit: ask for its fate"},
    ErrorSpec{Error::kRateLimited, "rate-limited", 429, X::kUnreachable,
      "too many calls from this address; try again in {retry_after_ms} ms"},
    ErrorSpec{Error::kBatchTooLong, "batch-too-long", 413, X::kBadInput,
      "the batch has {size} calls; send at most {limit}"},
    ErrorSpec{Error::kBadNumber, "bad-number", 400, X::kBadInput,
      "the number {text} cannot be represented; integers have at most 64 bits"},
    ErrorSpec{Error::kDuplicateKey, "duplicate-key", 400, X::kBadInput,
      "the key '{key}' appears twice in one JSON object; remove one"},
    ErrorSpec{Error::kTooDeep, "too-deep", 400, X::kBadInput,
      "the JSON is nested more than {limit} deep"},
    ErrorSpec{Error::kTooLarge, "too-large", 413, X::kBadInput,
      "the request is larger than the {limit} {unit} allowed; send less at a time"},

    ErrorSpec{Error::kSubmissionMalformed, "submission-malformed", 400, X::kBadInput,
      "the submission cannot be read: {why}; nothing was recorded"},
    ErrorSpec{Error::kSubmissionOversize, "submission-oversize", 413, X::kBadInput,
      "the submission has {size} bytes; the limit is {limit}; split it; nothing was recorded"},
    ErrorSpec{Error::kSubmissionEmpty, "submission-empty", 400, X::kBadInput,
      "the submission has no entries; it needs at least one"},
    ErrorSpec{Error::kTooManyEntries, "too-many-entries", 400, X::kBadInput,
      "the submission has {count} entries; the limit is {limit}; split it; nothing was recorded"},
    ErrorSpec{Error::kEntriesRootMismatch, "entries-root-mismatch", 400, X::kBadInput,
      "the entries are not those that were signed; sign and send the submission again"},
    ErrorSpec{Error::kEntryInvalid, "entry-invalid", 400, X::kBadInput,
      "entry {index} is invalid: {why}; nothing in the submission was recorded"},
    ErrorSpec{Error::kSubmissionExpired, "submission-expired", 409, X::kRefused,
      "the submission expired at {expiry_ms} and the ledger's time is {now_ms}; sign it again with "
      "a later expiry, after asking for its fate"},
    ErrorSpec{Error::kExpiryTooFar, "expiry-too-far", 400, X::kRefused,
      "the submission's expiry {expiry_ms} is too far ahead; the latest allowed is {latest_ms}"},
    ErrorSpec{Error::kBadSignature, "bad-signature", 403, X::kRefused,
      "the signature does not match the submission and its key; sign it again"},
    ErrorSpec{Error::kUnknownAuthor, "unknown-author", 403, X::kRefused,
      "the ledger knows no agency or subject {author}; check the id, or register it first"},
    ErrorSpec{Error::kKeyNotAuthorised, "key-not-authorised", 403, X::kRefused,
      "the key that signed is not a current key of {author}; sign with one that is"},
    ErrorSpec{Error::kAuthorSuspended, "author-suspended", 403, X::kRefused,
      "{author} is suspended and cannot submit; ask the council"},
    ErrorSpec{Error::kSubmissionConflict, "submission-conflict", 409, X::kRefused,
      "the node already holds submission {id} under another signature; ask for its fate"},
    ErrorSpec{Error::kPoolFull, "pool-full", 503, X::kUnreachable,
      "the node's pool is full; try again in {retry_after_ms} ms or ask another node"},
    ErrorSpec{Error::kAuthorShareFull, "author-share-full", 429, X::kRefused,
      "{author} has {limit} submissions waiting, the most allowed; wait for some to commit"},
    ErrorSpec{Error::kUnsupportedEntry, "unsupported-entry", 400, X::kRefused,
      "entry {index} is of kind {kind}, which this network does not accept yet"},

    ErrorSpec{Error::kNotFound, "not-found", 404, X::kNotFound,
      "the ledger has no {what} {id}; ask with prove for a proof of absence"},
    ErrorSpec{Error::kWrongChain, "wrong-chain", 409, X::kRefused,
      "this is for network {got} and the node serves {expected}; check the genesis file"},
    ErrorSpec{Error::kPurposeRequired, "purpose-required", 403, X::kRefused,
      "a person's record is given to that person only; send a query signed with their key"},
    ErrorSpec{Error::kQueryMalformed, "query-malformed", 400, X::kBadInput,
      "the signed query cannot be read: {why}"},
    ErrorSpec{Error::kQueryBadSignature, "query-bad-signature", 403, X::kRefused,
      "the query's signature does not match; sign it again"},
    ErrorSpec{Error::kQueryExpired, "query-expired", 403, X::kRefused,
      "the query was valid until {expiry_ms} and it is {now_ms}; sign a new one, and check the "
      "clock"},
    ErrorSpec{Error::kNotTheSubject, "not-the-subject", 403, X::kRefused,
      "the key that signed the query is not the subject's"},
    ErrorSpec{Error::kHeightNotAvailable, "height-not-available", 404, X::kNotFound,
      "height {height} is not here; the node has {oldest} to {newest}"},
    ErrorSpec{Error::kNoCertifiedHead, "no-certified-head", 503, X::kUnreachable,
      "the node has no certified head yet; ask again shortly"},
    ErrorSpec{Error::kWrongAudience, "wrong-audience", 403, X::kRefused,
      "the query was signed for another node; sign it for this one, whose id its status gives"},
};
// clang-format on

constexpr bool is_sorted_by_code() {
  for (std::size_t i = 1; i < kTable.size(); ++i) {
    if (kTable[i - 1].code() >= kTable[i].code()) return false;
  }
  return true;
}
static_assert(is_sorted_by_code(), "the table is searched by code");

const ErrorSpec* find(std::int64_t code) {
  const auto it = std::lower_bound(kTable.begin(), kTable.end(), code,
                                   [](const ErrorSpec& s, std::int64_t c) { return s.code() < c; });
  return it != kTable.end() && it->code() == code ? &*it : nullptr;
}

// The text of a member of `data`, as it appears inside a sentence.
std::string member_text(const boost::json::object& data, std::string_view name) {
  const auto* v = data.if_contains(name);
  if (v == nullptr) return "(not given)";
  if (const auto* s = v->if_string()) return std::string(s->data(), s->size());
  return boost::json::serialize(*v);
}

std::string fill(std::string_view sentence, const boost::json::object& data) {
  std::string out;
  out.reserve(sentence.size() + 32);
  while (!sentence.empty()) {
    const std::size_t open = sentence.find('{');
    out += sentence.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = sentence.find('}', open);
    IMI_CHECK(close != std::string_view::npos, sentence);
    out += member_text(data, sentence.substr(open + 1, close - open - 1));
    sentence.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace

std::span<const ErrorSpec> error_table() { return kTable; }

const ErrorSpec& spec(Error e) {
  const ErrorSpec* s = find(static_cast<std::int64_t>(e));
  IMI_CHECK(s != nullptr, "an error that is not in the table");
  return *s;
}

std::optional<Error> error_from_code(std::int64_t code) {
  const ErrorSpec* s = find(code);
  if (s == nullptr) return std::nullopt;
  return s->error;
}

std::optional<Error> error_from_name(std::string_view name) {
  for (const ErrorSpec& s : kTable) {
    if (s.name == name) return s.error;
  }
  return std::nullopt;
}

RpcError make_error(Error e, boost::json::object data) {
  std::string message = fill(spec(e).sentence, data);
  return make_error_text(e, std::move(message), std::move(data));
}

RpcError make_error_text(Error e, std::string message, boost::json::object data) {
  data["name"] = spec(e).name;
  return RpcError{e, std::move(message), std::move(data)};
}

}  // namespace imi::rpc
