// What became of a submission, as `submit` and `submission` answer it.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace imi::cli {

struct EntryOutcome {
  bool ok = false;
  std::string refusal;  // stable name, if not ok
  std::string message;
  std::string id;  // hexadecimal: of what the entry made
};

struct Fate {
  enum class Kind : std::uint8_t { kUnknown, kPending, kCommitted, kExpired };
  Kind kind = Kind::kUnknown;
  std::string id;
  std::uint64_t height = 0;  // if committed
  std::uint64_t index = 0;
  bool certified = false;
  // Empty where the node kept only their digest.
  std::vector<EntryOutcome> outcomes;
};
[[nodiscard]] std::string_view name(Fate::Kind k);

// The error says what is missing or wrong in the node's answer.
[[nodiscard]] std::expected<Fate, std::string> parse_fate(const boost::json::value& value);

}  // namespace imi::cli
