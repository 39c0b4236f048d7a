// One description of a struct's fields, from which everything that must agree on them follows: the
// codec, JSON, options and columns, the tables of docs/DATA_FORMAT.md, samples for tests and
// fuzzers.
//
// A struct describes itself by a member template:
//   template <class V>
//   void each_field(V& v) {
//     v("uscc", uscc);
//     v("name", name, Size{1, kMaxNameBytes});
//     v("status", status, kMayBeOmitted);
//   }
// The order is that of the bytes. The name is the one that JSON, columns and documents use. After
// the value come notes, in any order. A visitor is any object that can be called so; it ignores the
// notes that it has no use for.
#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/codec.h"

namespace imi {

// ---- notes ------------------------------------------------------------------------------------

// Bytes of a text, elements of a list; of an optional one where it is present. Decoding refuses
// more than `most`. Fewer than `least` decodes, so that a submission can be refused entry by entry,
// by name, at execution.
struct Size {
  std::size_t least = 0;
  std::size_t most = 0;
};
// Who writes the value as text (JSON, a column, an option) may leave it out; the struct's own
// initial value then stands. The bytes always have it.
struct MayBeOmitted {};
inline constexpr MayBeOmitted kMayBeOmitted;

// What the field is, for whoever fills it in: one line of help, without a full stop.
struct Help {
  std::string_view text;
};

// ---- what has fields --------------------------------------------------------------------------

namespace fields_detail {
struct Probe {
  template <class T, class... Notes>
  void operator()(std::string_view, T&, const Notes&...) {}
};
template <class T>
struct OptionalOf : std::false_type {};
template <class T>
struct OptionalOf<std::optional<T>> : std::true_type {};

// What a Size bounds: 0 of what is absent, and of an alternative that has no length of its own.
template <class T>
constexpr std::size_t size_of(const T& value) {
  if constexpr (OptionalOf<T>::value) {
    return value ? size_of(*value) : 0;
  } else if constexpr (requires { std::variant_size<T>::value; }) {
    return std::visit([](const auto& v) { return size_of(v); }, value);
  } else if constexpr (requires { value.capacity(); }) {
    return value.size();
  } else {
    return 0;
  }
}
}  // namespace fields_detail

template <class T>
concept HasFields = requires(T& t, fields_detail::Probe& probe) { t.each_field(probe); };

template <class T>
inline constexpr bool kIsOptional = fields_detail::OptionalOf<std::remove_cvref_t<T>>::value;

// The note of type N among those given; nullopt if there is none.
template <class N, class... Notes>
[[nodiscard]] constexpr std::optional<N> note_of(const Notes&... notes) {
  std::optional<N> out;
  [[maybe_unused]] const auto take = [&out](const auto& note) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(note)>, N>) out = note;
  };
  (take(notes), ...);
  return out;
}

// ---- the codec --------------------------------------------------------------------------------

// Writes or reads the fields one after another (base/codec.h).
template <class Archive>
class FieldCodec {
 public:
  explicit FieldCodec(Archive& ar) : ar_(ar) {}

  template <class T, class... Notes>
  void operator()(std::string_view, T& value, const Notes&... notes) {
    archive(value);
    (check(value, notes), ...);
  }

 private:
  template <class T>
  void archive(T& value) {
    if constexpr (std::is_enum_v<T>) {
      ar_(enum_field(value));
    } else if constexpr (kIsOptional<T>) {
      optional(value);
    } else {
      ar_(value);
    }
  }
  template <class T>
  void optional(std::optional<T>& value) {
    if constexpr (std::is_enum_v<T>) {
      bool present = value.has_value();
      ar_(present);
      if (!present) {
        value.reset();
      } else {
        if (!value) value.emplace();
        ar_(enum_field(*value));
      }
    } else {
      ar_(value);
    }
  }
  template <class T, class Note>
  void check(const T& value, const Note& note) {
    if constexpr (std::is_same_v<Note, Size>) {
      require(ar_, fields_detail::size_of(value) <= note.most);
    }
  }

  Archive& ar_;
};

template <class Archive, HasFields T>
  requires std::same_as<Archive, EncodeArchive> || std::same_as<Archive, DecodeArchive>
void serialize(Archive& ar, T& value) {
  FieldCodec<Archive> codec(ar);
  value.each_field(codec);
}

}  // namespace imi
