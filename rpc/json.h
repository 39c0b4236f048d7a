// JSON from outside, bounded; and the JSON-RPC 2.0 envelope over it.
//
// Parsing refuses what the two ends could read differently or that costs more than it is worth:
// duplicate keys, integers beyond 64 bits, non-finite and absurd numbers, NaN and Infinity, invalid
// UTF-8, comments, trailing commas, trailing text, depth, number of values and size beyond the
// limits. A byte order mark in front is ignored (RFC 8259, section 8.1). Nothing is allocated in
// proportion to a claim, only to bytes received.
//
// Pure and re-entrant; the only allocations are the values made. Nothing is thrown to the caller.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rpc/errors.h"

namespace imi::rpc {

namespace json = boost::json;

struct JsonLimits {
  std::size_t max_bytes = 6u << 20;   // of one text; a 4 MiB submission in base64url fits
  std::size_t max_depth = 32;         // of arrays and objects
  std::size_t max_values = 1u << 16;  // scalars, arrays and objects together: bounds the memory
  std::size_t max_key_bytes = 256;
};
inline constexpr std::size_t kMaxBatch = 64;           // calls in one JSON-RPC batch
inline constexpr std::size_t kMaxIdBytes = 16u << 10;  // of an id's text
inline constexpr std::size_t kMaxMethodBytes = 64;

// What a client reads from a node it asked: larger than what a node reads from anyone.
inline constexpr JsonLimits kResponseLimits{64u << 20, 32, 1u << 22, 256};

[[nodiscard]] std::expected<json::value, RpcError> parse_json(std::string_view text,
                                                              const JsonLimits& limits = {});

// JSON-RPC id: absent (a notification: no response), null, a number or a string. A number that is
// not the usual text of an int64_t (a fraction, an exponent, beyond 64 bits) is kept as the text it
// had, so that the response carries exactly the request's id.
struct NoId {
  bool operator==(const NoId&) const = default;
};
struct IdNumber {
  std::string text;
  bool operator==(const IdNumber&) const = default;
};
using Id = std::variant<NoId, std::nullptr_t, std::int64_t, std::string, IdNumber>;

struct Call {
  Id id;
  std::string method;
  json::value params;  // object, array, or null when absent
  [[nodiscard]] bool is_notification() const { return std::holds_alternative<NoId>(id); }
};

// A call that could not be understood; `id` as far as it could be read, else null.
struct BadCall {
  Id id;
  RpcError error;
};

struct RequestBody {
  bool is_batch = false;
  std::vector<std::variant<Call, BadCall>> calls;  // exactly 1 unless is_batch
};

// Reads a JSON-RPC request: one call or a batch of 1..kMaxBatch. `params` may be null, and members
// besides those of JSON-RPC (trace contexts, for example) are ignored. The error is one that
// answers the body as a whole (not JSON, too large, too deep, an empty or too long batch).
[[nodiscard]] std::expected<RequestBody, RpcError> parse_request(std::string_view body,
                                                                 const JsonLimits& limits = {});

// The result a method answers with: a value, or JSON text that was already made.
struct RawJson {
  std::string text;
};
using Result = std::variant<json::value, RawJson>;
using Outcome = std::expected<Result, RpcError>;

// The response text of one call.
[[nodiscard]] std::string response_text(const Id& id, const Outcome& outcome);
// {"jsonrpc":"2.0","method":...,"params":...}: a notification pushed over WebSocket.
[[nodiscard]] std::string notification_text(std::string_view method, const Result& params);
// Just the result, or {"error":{...}}: what REST answers with.
[[nodiscard]] std::string rest_text(const Outcome& outcome);
[[nodiscard]] std::string request_text(const Id& id, std::string_view method,
                                       const json::value& params);

// Client side: reads one response. An error with a code this build does not know becomes kInternal
// with the sender's message; what is not a JSON-RPC response is kBadResponse.
struct Response {
  Id id;
  std::expected<json::value, RpcError> outcome;
};
[[nodiscard]] std::expected<Response, RpcError> parse_response(
    std::string_view body, const JsonLimits& limits = kResponseLimits);
// A batch's responses, in the order received (which need not be the order of the calls).
[[nodiscard]] std::expected<std::vector<Response>, RpcError> parse_batch_response(
    std::string_view body, const JsonLimits& limits = kResponseLimits);

[[nodiscard]] std::string to_text(const json::value& v);
// Two-space indented, for people.
[[nodiscard]] std::string pretty(const json::value& v);

}  // namespace imi::rpc
