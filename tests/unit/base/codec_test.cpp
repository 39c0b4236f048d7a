#include "base/codec.h"

#include <doctest/doctest.h>

#include "base/strong_id.h"

using namespace imi;
using Reason = CodecError::Reason;

namespace codec_test {
enum class Colour : std::uint8_t { kRed = 0, kBlue = 2 };
constexpr bool is_known(Colour c) { return c == Colour::kRed || c == Colour::kBlue; }

struct Point {
  std::int32_t x = 0;
  std::uint64_t y = 0;
  bool operator==(const Point&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(x, y);
  }
};

struct Everything {
  SchemaVersion<3> version;
  Colour colour{};
  std::string name;
  Bytes raw;
  std::vector<Point> points;
  std::optional<Point> maybe;
  std::variant<Point, std::string> either;
  std::map<std::uint32_t, std::string> table;
  StrongId<struct HeightTag, std::uint64_t> height;
  bool flag = false;
  bool operator==(const Everything&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, enum_field(colour), name, raw, points, maybe, either, table, height, flag);
  }
};

Everything sample() {
  Everything e;
  e.colour = Colour::kBlue;
  e.name = "禅城";
  e.raw = {1, 2, 3};
  e.points = {{-1, 300}, {7, 0}};
  e.maybe = Point{1, 2};
  e.either = std::string("x");
  e.table = {{1, "a"}, {200, "b"}};
  e.height.value = UINT64_MAX;
  e.flag = true;
  return e;
}
}  // namespace codec_test
using namespace codec_test;

TEST_CASE("every kind of field survives the way there and back, and trailing bytes are refused") {
  Bytes b = encode(sample());
  auto back = decode<Everything>(b);
  REQUIRE(back);
  CHECK(*back == sample());
  b.push_back(0);
  CHECK(decode<Everything>(b).error().reason == Reason::kTrailing);
}

TEST_CASE("every proper prefix is refused, and every changed byte decodes to other bytes or not") {
  const Bytes b = encode(sample());
  for (std::size_t n = 0; n < b.size(); ++n) {
    CHECK_FALSE(decode<Everything>(ByteView(b).first(n)));
  }
  for (std::size_t i = 0; i < b.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes c = b;
      c[i] = static_cast<std::uint8_t>(c[i] ^ (1 << bit));
      if (auto v = decode<Everything>(c)) CHECK(encode(*v) == c);
    }
  }
}

TEST_CASE("numbers have one form: long forms, overflow and bad booleans are refused") {
  CHECK(encode(std::uint32_t{300}) == Bytes{0xac, 0x02});
  CHECK(decode<std::uint32_t>(Bytes{0x80, 0x00}).error().reason == Reason::kNotMinimal);
  CHECK(decode<std::uint16_t>(Bytes{0xff, 0xff, 0x04}).error().reason == Reason::kOverflow);
  CHECK(decode<std::uint64_t>(Bytes(10, 0xff)).error().reason == Reason::kOverflow);
  CHECK(decode<bool>(Bytes{2}).error().reason == Reason::kBadBool);
  CHECK(encode(std::int32_t{-1}) == Bytes{0x01});
  for (std::int64_t v : {INT64_MIN, INT64_MAX, std::int64_t{0}, std::int64_t{-2}}) {
    CHECK(decode<std::int64_t>(encode(v)).value() == v);
  }
  CHECK(decode<std::int32_t>(encode(INT32_MIN)).value() == INT32_MIN);
}

TEST_CASE("a hostile length costs nothing: it is compared with the bytes that remain") {
  const Bytes huge{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  CHECK(decode<Bytes>(huge).error().reason == Reason::kLengthTooLarge);
  CHECK(decode<std::vector<Point>>(huge).error().reason == Reason::kLengthTooLarge);
  CHECK(decode<std::string>(huge).error().reason == Reason::kLengthTooLarge);
}

TEST_CASE("unknown tags, versions and unsorted maps are refused") {
  using Map = std::map<std::uint32_t, std::uint32_t>;
  CHECK(decode<Map>(Bytes{2, 5, 0, 5, 0}).error().reason == Reason::kNotSorted);
  CHECK(decode<Map>(Bytes{2, 6, 0, 5, 0}).error().reason == Reason::kNotSorted);
  CHECK(decode<SchemaVersion<1>>(Bytes{2}).error().reason == Reason::kUnknownVersion);
  using Either = std::variant<std::uint8_t, bool>;
  CHECK(decode<Either>(Bytes{2, 0}).error().reason == Reason::kUnknownTag);
  Bytes b = encode(sample());
  b[1] = 1;
  CHECK(decode<Everything>(b).error().reason == Reason::kUnknownTag);
}
