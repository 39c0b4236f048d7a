// Whom a signed query is for: the node that is asked, by the pin of its TLS key. A node refuses a
// query that names another.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "cli/session.h"

namespace imi::cli {

// The pin of the node at `address` ("127.0.0.1:8645"), if it is a validator of the network in the
// session's folder: the genesis has it, so that no node has to be believed.
[[nodiscard]] std::optional<Hash256> known_audience(Session& session, const std::string& address);

// The pin that a node gives in its `status`, unproved. The error is a sentence.
[[nodiscard]] std::expected<Hash256, std::string> told_audience(const json::value& status);

}  // namespace imi::cli
