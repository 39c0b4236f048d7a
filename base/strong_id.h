// Numbers that cannot be mixed up: a Height is not a View.
#pragma once

#include <compare>
#include <cstdint>

namespace imi {

template <class Tag, class Rep>
struct StrongId {
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
  constexpr bool operator==(const StrongId&) const = default;
  [[nodiscard]] constexpr StrongId next() const { return StrongId(static_cast<Rep>(value + 1)); }
  [[nodiscard]] constexpr StrongId prev() const { return StrongId(static_cast<Rep>(value - 1)); }
  [[nodiscard]] constexpr StrongId plus(Rep n) const {
    return StrongId(static_cast<Rep>(value + n));
  }

  template <class Archive>
  void serialize(Archive& ar) {
    ar(value);
  }
};

}  // namespace imi
