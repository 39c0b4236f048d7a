// Every RPC method, declared once: name, parameters, result, errors, REST route, example. From this
// one list come the OpenRPC document, the checking of parameters before a handler sees them, and
// the REST routes; a test holds it against the handlers that a node registers.
//
// Pure; the tables are built once and are immutable after (thread-safe).
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/errors.h"
#include "rpc/json.h"

namespace imi::rpc {

enum class ParamType : std::uint8_t {
  kString,   // max = bytes
  kInteger,  // min..max
  kBoolean,
  kBase64Url,    // max = characters; no padding
  kHex32,        // 64 hexadecimal characters: ids and hashes
  kEnum,         // one of `choices`
  kStringArray,  // min..max elements of base64url text
};

struct ParamSpec {
  std::string_view name;
  ParamType type{};
  bool required = false;
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::span<const std::string_view> choices;
  std::string_view summary;
};

struct MethodSpec {
  std::string_view name;
  std::string_view summary;
  std::string_view description;
  std::vector<ParamSpec> params;   // in positional order
  std::string_view result_schema;  // JSON Schema text
  std::vector<Error> errors;       // besides those that any call may meet
  std::string_view rest_path;  // "/v1/blocks/{height}", or empty: GET with the rest as ?name=value
  std::string_view example_params;
  std::string_view example_result;
  bool websocket_only = false;
  bool submits = false;  // has its own lane, so that no read delays it
};

// In the order of documentation.
[[nodiscard]] std::span<const MethodSpec> methods();
// nullptr if there is none.
[[nodiscard]] const MethodSpec* find_method(std::string_view name);

// The wait levels of `submit`.
inline constexpr std::string_view kWaitAccepted = "accepted";
inline constexpr std::string_view kWaitCommitted = "committed";
inline constexpr std::string_view kWaitCertified = "certified";
inline constexpr std::int64_t kMaxSubmitBatch = 1024;  // submissions in one submit_batch
inline constexpr std::int64_t kMaxWaitMs = 60'000;     // timeout_ms of a waiting call
inline constexpr std::int64_t kMaxBlocksPage = 100;    // blocks in one `blocks`
inline constexpr std::int64_t kDefaultBlocksPage = 20;
inline constexpr std::size_t kMaxBlocksPageBytes = 4u << 20;  // of their submissions; see `blocks`
inline constexpr std::int64_t kMaxPage = 1000;                // rows of other lists

// Names positional parameters, refuses unknown, missing and ill-typed ones. A parameter that is
// null counts as absent, and a whole number may be written as 7.0. What it returns has only
// declared members, each of its declared type and in its range. `params` may be null.
[[nodiscard]] std::expected<json::object, RpcError> bind_params(const MethodSpec& method,
                                                                json::value params);

// REST: the method and parameters that a GET target ("/v1/blocks/7?prove=true") names.
struct RestCall {
  const MethodSpec* method = nullptr;
  json::object params;  // already bound
};
[[nodiscard]] std::expected<RestCall, RpcError> bind_rest(std::string_view target);
// Whether a path, without its query, is that of a method (its parameters may still be wrong).
[[nodiscard]] bool is_rest_path(std::string_view path);

// The OpenRPC 1.3 document (open-rpc.org). The text is deterministic.
[[nodiscard]] const std::string& openrpc_text();

}  // namespace imi::rpc
