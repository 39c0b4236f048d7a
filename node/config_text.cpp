#include "node/config_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <regex>

#include "base/text.h"

namespace imi::node {
namespace {

// The code point of a letter of well-formed UTF-8 at `at`, which is moved past it.
char32_t next_letter(std::string_view s, std::size_t& at) {
  const auto first = static_cast<unsigned char>(s[at++]);
  const std::size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  char32_t letter = more == 0 ? first : first & (0x3fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    letter = letter << 6 | (static_cast<unsigned char>(s[at++]) & 0x3fu);
  }
  return letter;
}

// The line in ASCII: other letters are escaped in "strings", left out of comments, refused
// elsewhere.
std::expected<std::string, std::string> ascii_line(std::string_view line) {
  std::string out;
  char quote = 0;  // of the string we are in
  bool comment = false;
  for (std::size_t at = 0; at < line.size();) {
    const char32_t letter = next_letter(line, at);
    if (letter >= 0x80) {
      if (comment) continue;
      if (quote != '"')
        return std::unexpected("non-ASCII characters are allowed only in \"double quotes\"");
      out += fmt::format("\\U{:08X}", static_cast<std::uint32_t>(letter));
      continue;
    }
    const char c = static_cast<char>(letter);
    out += c;
    if (comment) continue;
    if (quote == '"' && c == '\\' && at < line.size() && line[at] > 0) {
      out += line[at++];
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      comment = true;
    }
  }
  return out;
}

constexpr std::size_t kMaxLine = 1000;

// What a line may be: nothing, [table], key = value; a comment behind it.
const std::regex& form() {
  static const std::string key = R"re((?:[A-Za-z0-9_-]+|"[A-Za-z0-9_. -]+"))re";
  static const std::string keys = key + R"re((?: *\. *)re" + key + ")*";
  static const std::string value =
      R"re((?:"(?:[^"\\]|\\["\\tnr]|\\U[0-9A-F]{8})*"|'[^']*'|-?[0-9]{1,18}|true|false))re";
  static const std::regex r("(?: *| *\\[ *" + keys + " *\\] *| *\\[\\[ *" + keys + " *\\]\\] *| *" +
                            keys + " *= *(?:" + value + "|\\[ *(?:" + value + "(?: *, *" + value +
                            ")* *,? *)?\\]) *)(?:#.*)?");
  return r;
}

}  // namespace

std::expected<std::string, std::string> plain_toml(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return std::unexpected("is UTF-16 text: save it as UTF-8");
  }
  std::string out;
  int number = 0;
  for (const auto part : std::views::split(without_byte_order_mark(text), '\n')) {
    std::string line(part.begin(), part.end());
    const auto refuse = [&](std::string_view why) {
      return std::unexpected(fmt::format("line {}: {}", number, why));
    };
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    std::ranges::replace(line, '\t', ' ');
    if (!is_plain_text(line)) return refuse("not UTF-8 text, or a control character");
    auto ascii = ascii_line(line);
    if (!ascii) return refuse(ascii.error());
    if (ascii->size() > kMaxLine) return refuse("longer than 1,000 characters");
    if (!std::regex_match(*ascii, form())) {
      return refuse("neither a [table], nor key = value on one line, nor a comment");
    }
    out.append(*ascii).push_back('\n');
  }
  return out;
}

}  // namespace imi::node
