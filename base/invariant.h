// IMI_CHECK for the numbered invariants of docs/PROTOCOL.md: a broken one stops the process and
// prints its number, the condition and the values given.
//
//   IMI_INVARIANT("I14", h <= window_end(), h, window_end());
//
// The rules of base/check.h hold: never on content from a peer, a client, a file or the disk. The
// values are looked at only when the condition is false. In the library with planted defects
// (consensus/defects.h) the checks are off, because there the oracle must notice what they would.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/hex.h"

namespace imi::check_detail {

template <class T>
std::string text(const T& v) {
  if constexpr (std::same_as<T, bool>) {
    return v ? "true" : "false";
  } else if constexpr (std::integral<T>) {
    return std::to_string(v);
  } else if constexpr (requires { std::to_string(v.value); }) {
    return std::to_string(v.value);
  } else {
    return to_hex(v);
  }
}

template <class... Ts>
std::string describe(std::string_view number, std::string_view names, const Ts&... values) {
  std::string out(number);
  if constexpr (sizeof...(Ts) > 0) {
    out.append("; ").append(names).append(" =");
    ((out += " " + text(values)), ...);
  }
  return out;
}

}  // namespace imi::check_detail

#ifdef IMI_PLANT_DEFECTS
#define IMI_INVARIANT(number, cond, ...) ((void)(cond))
#else
#define IMI_INVARIANT(number, cond, ...)   \
  ((cond) ? void(0)                        \
          : ::imi::check_failed(           \
                __FILE__, __LINE__, #cond, \
                ::imi::check_detail::describe(number, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__)))
#endif
