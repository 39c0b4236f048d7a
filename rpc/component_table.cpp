#include "rpc/method_text.h"

namespace imi::rpc {

const std::string_view kComponentsText = R"json({
"Hash": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$",
  "description": "32 bytes in hexadecimal"},
"Proof": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$",
  "description": "binary proof bundle in base64url; checked by 'imi proof verify'"},
"Height": {"type": "integer", "minimum": 0},
"TimeMs": {"type": "integer", "description": "milliseconds since 1970-01-01T00:00:00Z"},
"Head": {"type": "object",
  "description": "LedgerHead: what validators sign after a block",
  "required": ["genesis", "epoch", "height", "time_ms", "block", "state_root", "log_root",
               "log_size"],
  "properties": {
    "genesis": {"$ref": "#/components/schemas/Hash"},
    "epoch": {"type": "integer", "minimum": 0},
    "height": {"$ref": "#/components/schemas/Height"},
    "time_ms": {"$ref": "#/components/schemas/TimeMs"},
    "block": {"$ref": "#/components/schemas/Hash"},
    "state_root": {"$ref": "#/components/schemas/Hash"},
    "log_root": {"$ref": "#/components/schemas/Hash"},
    "log_size": {"type": "integer", "minimum": 0},
    "validators_digest": {"$ref": "#/components/schemas/Hash"},
    "next_validators_digest": {"$ref": "#/components/schemas/Hash"},
    "params_digest": {"$ref": "#/components/schemas/Hash"}}},
"Outcome": {"type": "object",
  "description": "the outcome of one entry; a refused entry changed nothing",
  "required": ["ok"],
  "properties": {
    "ok": {"type": "boolean"},
    "refusal": {"type": "string", "description": "stable name of the reason, if not ok"},
    "message": {"type": "string"},
    "id": {"$ref": "#/components/schemas/Hash", "description": "of what the entry made; of a person or a person's event only in the answer to `submit`"}}},
"Fate": {"type": "object",
  "description": "of a submission; committed and expired are final",
  "required": ["id", "fate"],
  "properties": {
    "id": {"$ref": "#/components/schemas/Hash"},
    "fate": {"type": "string", "enum": ["unknown", "pending", "committed", "expired"]},
    "height": {"$ref": "#/components/schemas/Height"},
    "index": {"type": "integer", "minimum": 0, "description": "place in its block"},
    "certified": {"type": "boolean", "description": "a quorum signed a head at or above it"},
    "outcomes": {"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}},
    "outcomes_digest": {"$ref": "#/components/schemas/Hash"},
    "expiry_ms": {"$ref": "#/components/schemas/TimeMs"},
    "head": {"$ref": "#/components/schemas/Head"},
    "proof": {"$ref": "#/components/schemas/Proof"}}},
"Event": {"type": "object", "required": ["eid"],
  "properties": {
    "eid": {"$ref": "#/components/schemas/Hash"},
    "subject": {"$ref": "#/components/schemas/Hash"},
    "version": {"type": "integer", "minimum": 0}}},
"Validator": {"type": "object", "required": ["index", "name", "key", "tls_key_pin"],
  "properties": {
    "index": {"type": "integer", "minimum": 0},
    "name": {"type": "string"},
    "key": {"type": "string", "description": "compressed secp256k1 point, hexadecimal"},
    "tls_key_pin": {"$ref": "#/components/schemas/Hash"}}},
"Block": {"type": "object", "required": ["height", "id", "time_ms", "submissions"],
  "properties": {
    "height": {"$ref": "#/components/schemas/Height"},
    "id": {"$ref": "#/components/schemas/Hash"},
    "parent": {"$ref": "#/components/schemas/Hash"},
    "time_ms": {"$ref": "#/components/schemas/TimeMs"},
    "certified": {"type": "boolean"},
    "body_root": {"$ref": "#/components/schemas/Hash"},
    "certificate": {"type": "string"},
    "submissions": {"type": "array", "items": {"type": "object"}}}},
"Peer": {"type": "object", "required": ["name", "connected"],
  "properties": {
    "name": {"type": "string"},
    "validator": {"type": "boolean"},
    "connected": {"type": "boolean"},
    "address": {"type": "string"},
    "round_trip_us": {"type": "integer", "minimum": 0},
    "last_end": {"type": "string", "description": "how the last attempt or connection ended"},
    "why_not": {"type": "string", "description": "why it is not connected, and what to do"},
    "clock_ahead_ms": {"type": "integer", "description": "its clock minus this node's"}}}
})json";

}  // namespace imi::rpc
