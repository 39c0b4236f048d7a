// Internal to config.cpp: the text of a configuration file before TOML sees it.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace imi::node {

// The text that toml++ is given. It meets much that is no TOML with assertions (undefined behaviour
// where those are off), so every line is ASCII and of the plain form that this file needs. A UTF-8
// byte order mark, as some editors write it, is dropped. The error names the line.
[[nodiscard]] std::expected<std::string, std::string> plain_toml(std::string_view text);

}  // namespace imi::node
