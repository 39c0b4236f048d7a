#include "base/unicode.h"

#include <doctest/doctest.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

using namespace imi;  // NOLINT

namespace {

using Kind = TextFlaw::Kind;

std::string key(std::string_view s) { return clean(s, TextForm::kKey).value_or("refused"); }
std::string text(std::string_view s) { return clean(s, TextForm::kText).value_or("refused"); }
std::optional<Kind> flaw(std::string_view s, TextForm form = TextForm::kText) {
  const auto f = text_flaw(s, form);
  return f ? std::optional(f->kind) : std::nullopt;
}
std::string utf8(std::uint32_t c) {
  char buffer[4];
  std::size_t n = 0;
  U8_APPEND_UNSAFE(buffer, n, c);
  return {buffer, n};
}

}  // namespace

TEST_CASE("blanks of every kind are trimmed at the ends and collapsed within") {
  CHECK(key("K-17") == "K-17");
  CHECK(key("  K-17\t") == "K-17");
  CHECK(key("\u3000K-17\u00a0") == "K-17");
  CHECK(key("K \t\u2003 17\r\n") == "K 17");
  CHECK(key(" \t\u3000") == "");
  CHECK(text("\u00af") == "\u00af");
  CHECK(key("a \u00af") == "a \u0304");  // whose compatibility form has a blank of its own
}

TEST_CASE("keys are NFKC, names keep what can be seen") {
  CHECK(key("Ｋ－１７") == "K-17");
  CHECK(key("①") == "1");
  CHECK(text("海港（佛山）") == "海港（佛山）");
  CHECK(text("e\u0301") == "\u00e9");
  CHECK(key("e\u0301") == "\u00e9");
}

TEST_CASE("two spellings of one key have one identity") {
  const std::string k17 = key_identity("K-17");
  for (const char* other : {"k-17", "K\u201317", "K\u201117", "K\u221217", "Ｋ－17"}) {
    CHECK(key_identity(key(other)) == k17);
  }
  CHECK(key_identity("粤市监罚〔2026〕17号") == key_identity("粤市监罚[2026]17号"));
  CHECK(key_identity("粤市监罚（2026）17号") == key_identity("粤市监罚【2026】17号"));
  for (const char* other : {"粤罚 〔2026〕 17 号", "粤罚(2026)17号", "粤罚（2026） 17号"}) {
    CHECK(key_identity(key(other)) == key_identity("粤罚〔2026〕17号"));
  }
  CHECK(key_identity("K - 17") == k17);
  CHECK(key_identity("2026\u221517") == key_identity("2026/17"));
  CHECK(key_identity("1 23") != key_identity("12 3"));
  CHECK(key_identity("A 1") != key_identity("A1"));
  CHECK(key_identity("K-17") != key_identity("K-171"));
  CHECK(key_identity("K-17") != key_identity("K17"));
}

TEST_CASE("what cannot be seen is refused by name and place") {
  const auto bad = clean("ab\u200bc", TextForm::kKey);
  REQUIRE(!bad);
  CHECK(bad.error() == TextFlaw{Kind::kInvisible, 0x200b, 3});
  CHECK(describe(bad.error()).find("U+200B ZERO WIDTH SPACE") != std::string::npos);
  CHECK(describe(bad.error()).find("character 3") != std::string::npos);
  for (const char* s : {"a\u202eb", "\ufeffa", "a\u00adb", "a\u2066b", "\u3164", "\u2800",
                        "a\ufe0f", "a\u2028b", "a\u200fb"}) {
    CHECK(clean(s, TextForm::kText).error().kind == Kind::kInvisible);
    CHECK(flaw(s) == Kind::kInvisible);
  }
  CHECK(clean("a\x01z", TextForm::kText).error().kind == Kind::kControl);
  CHECK(clean("two\nlines", TextForm::kText).error().kind == Kind::kControl);
  CHECK(clean("a\ufffdb", TextForm::kText).error().kind == Kind::kDamaged);
  CHECK(clean("\xc0\xaf", TextForm::kText).error().kind == Kind::kNotUtf8);
  CHECK(clean("\ue000", TextForm::kText).error().kind == Kind::kUnknown);
  CHECK(clean("\u0301", TextForm::kText).error().kind == Kind::kNoText);
}

TEST_CASE("a ledger takes clean text only") {
  CHECK(!flaw(""));
  CHECK(!flaw("海港厨房 No. 5"));
  CHECK(flaw(" a") == Kind::kBlank);
  CHECK(flaw("a ") == Kind::kBlank);
  CHECK(flaw("a  b") == Kind::kBlank);
  CHECK(flaw("a\u3000b") == Kind::kBlank);
  CHECK(flaw("a\u00a0b") == Kind::kBlank);
  CHECK(flaw(" ") == Kind::kBlank);
  CHECK(flaw("e\u0301") == Kind::kForm);
  CHECK(!flaw("Ｋ"));
  CHECK(flaw("Ｋ", TextForm::kKey) == Kind::kForm);
}

TEST_CASE("clean text is what clean() makes, and clean() changes it no more") {
  for (std::uint32_t c = 0x20; c < 0x30000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    for (const TextForm form : {TextForm::kText, TextForm::kKey}) {
      const auto once = clean("a" + utf8(c) + "b", form);
      if (!once) continue;
      REQUIRE_MESSAGE(!text_flaw(*once, form), code_point_name(c));
      REQUIRE(clean(*once, form) == *once);
    }
  }
}

TEST_CASE(
    "the table of invisible characters has all that Unicode calls ignorable or bidirectional") {
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const auto point = static_cast<UChar32>(c);
    const bool hidden = u_hasBinaryProperty(point, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0 ||
                        u_hasBinaryProperty(point, UCHAR_BIDI_CONTROL) != 0;
    const bool blank = u_hasBinaryProperty(point, UCHAR_WHITE_SPACE) != 0 && c != ' ';
    const bool unassigned =
        u_charType(point) == U_UNASSIGNED || u_charType(point) == U_PRIVATE_USE_CHAR;
    if (hidden || blank || unassigned) {
      REQUIRE_MESSAGE(flaw("a" + utf8(c) + "b").has_value(), code_point_name(c));
    }
  }
}
