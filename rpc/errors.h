// The one table of errors: what an RPC client can be told, and how the command line treats it.
// Each error has a stable JSON-RPC code, a stable name (programs switch on either), an HTTP
// status, a CLI exit code and a sentence that says what to do.
//
// Codes are never re-used. -32768..-32600 are JSON-RPC 2.0's own; -32099..-32000 are about the
// connection and the node; 1000..1999 are refusals of a submission before it is ordered;
// 2000..2999 are refusals of a query. What the ledger refuses AFTER ordering is not an error: it is
// an outcome inside a result.
//
// Used by node and cli alike. Pure and re-entrant.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace imi::rpc {

// Exit codes of `imi`. Stable: scripts depend on them.
enum class ExitCode : std::uint8_t {
  kOk = 0,
  kRefused = 1,             // the ledger or the node refused what was asked
  kUsage = 2,               // the command line itself is wrong
  kBadInput = 3,            // the data given is wrong (file, code, JSON)
  kUnreachable = 4,         // no node could be reached, or none answered in time
  kVerificationFailed = 5,  // an answer came, but its proof does not verify
  kNotFound = 6,            // the ledger answered: there is none
  kLocal = 7,               // this machine: files, keys, permissions, a port in use
  kInterrupted = 130,       // Ctrl-C
};
[[nodiscard]] constexpr int to_int(ExitCode c) { return static_cast<int>(c); }

// The enumerator's value IS the JSON-RPC code.
enum class Error : std::int32_t {
  // JSON-RPC 2.0, section 5.1.
  kParse = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternal = -32603,

  // The connection and the node.
  kTooLarge = -32000,              // {size?, limit}
  kTooDeep = -32001,               // {limit}
  kDuplicateKey = -32002,          // {key}
  kBadNumber = -32003,             // {text?}
  kBatchTooLong = -32004,          // {size, limit}
  kRateLimited = -32005,           // {retry_after_ms}
  kTimeout = -32006,               // {timeout_ms}
  kServerBusy = -32007,            // {what}
  kHostNotAllowed = -32008,        // {host}
  kOriginNotAllowed = -32009,      // {origin}
  kUnauthorised = -32010,          //
  kUnsupportedMedia = -32011,      // {content_type}
  kHttpMethodNotAllowed = -32012,  // {method}
  kTooManySubscriptions = -32013,  // {limit}
  kUnsupportedTransfer = -32014,   // {coding}
  kUnsupportedEncoding = -32015,   // {coding}
  kNotReady = -32020,              // {why}
  kHalted = -32021,                // {why}
  kObserving = -32022,             // {why}
  kShuttingDown = -32023,          //
  kStorageFailed = -32024,         // {why}

  // Made by the client itself; never sent by a node.
  kUnreachable = -32090,         // {tried}
  kBadResponse = -32091,         // {address, why}
  kVerificationFailed = -32092,  // {why}

  // A submission refused before it is ordered: nothing of it is on the ledger.
  kSubmissionMalformed = 1001,  // {why}
  kSubmissionOversize = 1002,   // {size, limit}
  kSubmissionEmpty = 1003,      //
  kTooManyEntries = 1004,       // {count, limit}
  kEntriesRootMismatch = 1005,  //
  kEntryInvalid = 1006,         // {index, why}
  kSubmissionExpired = 1007,    // {expiry_ms, now_ms}
  kExpiryTooFar = 1008,         // {expiry_ms, latest_ms}
  kBadSignature = 1009,         //
  kUnknownAuthor = 1010,        // {author}
  kKeyNotAuthorised = 1011,     // {author}
  kAuthorSuspended = 1012,      // {author}
  kSubmissionConflict = 1013,   // {id}
  kPoolFull = 1014,             // {retry_after_ms}
  kAuthorShareFull = 1015,      // {author, limit}
  kUnsupportedEntry = 1016,     // {index, kind}

  // A query refused.
  kNotFound = 2001,            // {what, id}
  kWrongChain = 2002,          // {expected, got}
  kPurposeRequired = 2003,     //
  kQueryMalformed = 2004,      // {why}
  kQueryBadSignature = 2005,   //
  kQueryExpired = 2006,        // {expiry_ms, now_ms}
  kNotTheSubject = 2007,       //
  kHeightNotAvailable = 2008,  // {height, oldest, newest}
  kNoCertifiedHead = 2009,     //
  kWrongAudience = 2010,       // {audience}
};

struct ErrorSpec {
  Error error{};
  std::string_view name;  // stable, kebab-case
  int http_status = 0;
  ExitCode exit_code{};
  std::string_view sentence;  // {name} stands for the member of `data` of that name
  [[nodiscard]] constexpr std::int32_t code() const { return static_cast<std::int32_t>(error); }
};

// Every error, in ascending order of code.
[[nodiscard]] std::span<const ErrorSpec> error_table();
[[nodiscard]] const ErrorSpec& spec(Error e);
// nullopt if a peer of another version sent a code this build does not know.
[[nodiscard]] std::optional<Error> error_from_code(std::int64_t code);
[[nodiscard]] std::optional<Error> error_from_name(std::string_view name);

// An error on its way: JSON-RPC's {code, message, data}. `data` always has `name`, the stable name.
struct RpcError {
  Error error = Error::kInternal;
  std::string message;
  boost::json::object data;

  [[nodiscard]] const ErrorSpec& spec() const { return rpc::spec(error); }
  [[nodiscard]] ExitCode exit_code() const { return spec().exit_code; }
};

// Makes an error: the sentence of the table with its {names} filled in from `data`.
[[nodiscard]] RpcError make_error(Error e, boost::json::object data = {});
// As above with a sentence of the caller's own, for example describe(e) of the module that refused.
[[nodiscard]] RpcError make_error_text(Error e, std::string message, boost::json::object data = {});

}  // namespace imi::rpc
