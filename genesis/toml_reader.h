// Reading TOML into our own types: typed fields, ranges, unknown keys refused, errors with the
// line.
//
// A document and its tables share one error: the first that was met. Getters return a harmless
// value after an error, so that callers read everything and look at error() once. toml++ stays
// behind this header; nothing is thrown.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace imi::genesis {

struct BuildError {
  std::string where;   // "catalog.toml:12" or what is being built
  std::string reason;  // a sentence
};
[[nodiscard]] std::string describe(const BuildError& e);

struct TomlDate {
  std::int32_t year = 0;
  std::uint32_t month = 0;
  std::uint32_t day = 0;
};

class TomlReader {
 public:
  // `source` names the text in errors. A byte order mark before the text is skipped.
  [[nodiscard]] static std::expected<TomlReader, BuildError> parse(std::string_view text,
                                                                   std::string_view source);
  TomlReader(TomlReader&&) noexcept;
  TomlReader& operator=(TomlReader&&) noexcept;
  ~TomlReader();

  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback);
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max);
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback,
                                        std::int64_t min, std::int64_t max);
  [[nodiscard]] bool boolean_or(std::string_view key, bool fallback);
  // A local date (2026-04-01); nullopt where it is absent.
  [[nodiscard]] std::optional<TomlDate> date_or_none(std::string_view key);
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);  // absent = none
  // Array of tables. Absent = none.
  [[nodiscard]] std::vector<TomlReader> tables(std::string_view key);
  [[nodiscard]] std::optional<TomlReader> table(std::string_view key);

  // Records an error about this table's `key`.
  void fail(std::string_view key, std::string reason);
  // Call when all known keys were read: any other key is an error.
  void finish();
  [[nodiscard]] const std::optional<BuildError>& error() const;

 private:
  struct Document;
  struct Node;
  explicit TomlReader(std::unique_ptr<Node> node);
  [[nodiscard]] bool has(std::string_view key);

  std::unique_ptr<Node> node_;
};

}  // namespace imi::genesis
