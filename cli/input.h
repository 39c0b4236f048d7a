// A file that people give, as a stream of UTF-8 text. What it is, its content decides, not its
// name: gzip is unpacked, a byte order mark skipped, UTF-16 converted; a workbook, an archive or a
// web page is named, with what to do instead. `-` is standard input.
//
// Reading is streaming: memory does not grow with the file. Standard input and pipes, which can be
// read once only, are copied to an unnamed temporary file first (reread()).
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <expected>
#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "rpc/json.h"

namespace imi::cli {

class TextInput {
 public:
  // The error is a sentence that names the file.
  [[nodiscard]] static std::expected<TextInput, std::string> open(const std::string& path);
  TextInput(TextInput&&) noexcept;
  TextInput& operator=(TextInput&&) noexcept;
  ~TextInput();

  [[nodiscard]] std::istream& stream();
  // Where the text ended before the file did: a damaged gzip, a disk error.
  [[nodiscard]] std::optional<std::string> error() const;
  // Bytes of the file consumed so far (packed bytes of a gzip).
  [[nodiscard]] std::uint64_t offset() const;

 private:
  class Buffer;
  explicit TextInput(std::unique_ptr<Buffer> buffer);
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<std::istream> stream_;
};

// A path that can be opened again and again: `path` itself, or that of a temporary copy of what can
// be read once only. The copy is gone when the program ends.
[[nodiscard]] std::expected<std::string, std::string> reread(const std::string& path);
// "standard input" for "-".
[[nodiscard]] std::string shown_name(const std::string& path);

// The whole text, at most `max` bytes.
[[nodiscard]] std::expected<std::string, std::string> read_text(const std::string& path,
                                                                std::size_t max);
// The one JSON reader (rpc/json.h) for texts of files: the error is a sentence.
[[nodiscard]] std::expected<boost::json::value, std::string> parse_json_text(
    std::string_view text, const rpc::JsonLimits& limits = {});

}  // namespace imi::cli
