// The part of JSON Schema (2020-12) that the OpenRPC document uses, and a check of values against
// it: type, enum, const, pattern (only the few named in schema.cpp), minimum, maximum, minLength,
// maxLength, minItems, maxItems, items, properties, required, oneOf, and $ref to
// #/components/schemas. Tests hold what handlers answer against what the document promises.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rpc/json.h"

namespace imi::rpc {

// The document's shared schemas ("Hash", "Head", "Fate", ...), parsed.
[[nodiscard]] const json::object& schema_components();

// nullopt if `value` matches; otherwise where and why, as "$.head.height: expected integer".
// A keyword that the check does not know is a mismatch: it cannot be skipped silently.
[[nodiscard]] std::optional<std::string> schema_mismatch(const json::value& schema,
                                                         const json::value& value);
// A method's result against its declared schema.
[[nodiscard]] std::optional<std::string> result_mismatch(std::string_view method,
                                                         const json::value& result);

}  // namespace imi::rpc
