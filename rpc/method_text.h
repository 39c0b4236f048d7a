// Internal to rpc/: the longer texts behind the method table.
#pragma once

#include <string_view>

namespace imi::rpc {

inline constexpr std::string_view kHashPattern = "^[0-9a-fA-F]{64}$";
inline constexpr std::string_view kBase64UrlPattern = "^[A-Za-z0-9_-]*$";

// JSON object of the schemas that methods share.
extern const std::string_view kComponentsText;

}  // namespace imi::rpc
