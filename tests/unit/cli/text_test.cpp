#include <doctest/doctest.h>

#include <algorithm>

#include "cli/progress.h"
#include "cli/table.h"
#include "cli/text.h"

using namespace imi::cli;  // NOLINT

TEST_CASE("Chinese characters take two columns, combining marks none") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("禅城区") == 6);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("，") == 2);
  CHECK(display_width("😀") == 2);
}

TEST_CASE("Text is cut at a column, never inside a character") {
  CHECK(cut("禅城区市场监督管理局", 9) == "禅城区市…");
  CHECK(cut("禅城", 4) == "禅城");
  CHECK(cut("禅城", 3) == "禅…");
  CHECK(cut("abc", 0).empty());
}

TEST_CASE("Malformed UTF-8 is recognised by its first bad byte") {
  CHECK(!first_invalid_utf8("佛山 ok"));
  CHECK(first_invalid_utf8("ab\xB7\xF0") == 2);
  CHECK(first_invalid_utf8("\xC0\x80") == 0);          // overlong
  CHECK(first_invalid_utf8("\xED\xA0\x80") == 0);      // surrogate
  CHECK(first_invalid_utf8("\xF4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(first_invalid_utf8("a\xE7\xA6") == 1);         // truncated
}

TEST_CASE("A name cannot carry escape sequences or reverse the line") {
  CHECK(printable("a\x1b[31mb") == "a\\u{1B}[31mb");
  CHECK(printable("a\u202Eb") == "a\\u{202E}b");
  CHECK(printable("a\nb\tc\r") == "a\\u{A}b\\u{9}c\\u{D}");
  CHECK(printable("\u0085\u009B\x7f") == "\\u{85}\\u{9B}\\u{7F}");
  CHECK(printable("a\u200Bb\uFEFF\u2028\u2066") == "a\\u{200B}b\\u{FEFF}\\u{2028}\\u{2066}");
  CHECK(printable("\U000E0041\u00AD\u3164") == "\\u{E0041}\\u{AD}\\u{3164}");
  CHECK(printable("a\x9b\xff") == "a\\x{9B}\\x{FF}");  // C1 as a bare byte
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\u{0}b");
  CHECK(printable("佛山市 é 😀 \\u{1B}") == "佛山市 é 😀 \\u{1B}");
}

TEST_CASE("JSON stays the same JSON, and nothing in it acts on a terminal") {
  CHECK(json_printable("{\n  \"a\": \"佛\"\n}") == "{\n  \"a\": \"佛\"\n}");
  CHECK(json_printable("\"\u009B31m\u202E\x7f\"") == R"("\u009b31m\u202e\u007f")");
  CHECK(json_printable("\"\U000E0041\"") == R"("\udb40\udc41")");
  CHECK(json_printable("\"\x9b\"") == R"("\\x{9B}")");
}

TEST_CASE("Labels and cells of tables are shown as text") {
  Fields fields;
  fields.add("na\nverified: me", std::string("x\nverified: signed by 4 of 4 validators\x1b[2A"));
  CHECK(fields.render(kAnyWidth, false) ==
        "na\\u{A}verified: me  x\\u{A}verified: signed by 4 of 4 validators\\u{1B}[2A\n");
  Table table({{"name"}});
  table.add({std::string("a\r\x9b")});
  CHECK(table.render(kAnyWidth, false) == "name\na\\u{D}\\x{9B}\n");
}

TEST_CASE("An id is never cut or broken, in whatever column or sentence it stands") {
  const std::string id(64, 'a');
  Table table({{"author", Align::kLeft, 12}, {"n", Align::kRight}});
  table.add({id, "1"});
  for (const std::size_t width : {20, 40, 60, 80}) {
    CHECK(table.render(width, false).find(id) != std::string::npos);
    bool whole = false;
    for (const std::string& line : wrap("block 5, by " + id + "; and more words", width)) {
      whole = whole || line.find(id) != std::string::npos;
    }
    CHECK(whole);
  }
  CHECK(wrap(id, 20) == std::vector<std::string>{id});
}

TEST_CASE("Lines wrap at spaces, and anywhere between Chinese characters") {
  CHECK(wrap("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrap("市场监督管理局", 6) == std::vector<std::string>{"市场监", "督管理", "局"});
  CHECK(wrap("abcdefgh", 3) == std::vector<std::string>{"abc", "def", "gh"});
  CHECK(wrap("a\nb", 9) == std::vector<std::string>{"a", "b"});
  for (const std::string& line : wrap("处罚 decision 文书 of the 区 bureau", 9)) {
    CHECK(display_width(line) <= 9);
  }
}

TEST_CASE("A mistyped word finds the nearest one; a distant one finds none") {
  const std::vector<std::string> words = {"network", "import", "submit", "enterprise", "status"};
  CHECK(nearest("netwrok", words) == "network");
  CHECK(nearest("imprt", words) == "import");
  CHECK(nearest("enter", words) == "enterprise");
  CHECK(!nearest("zzz", words));
}

TEST_CASE("Numbers, sizes and durations read well") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(1'234'567) == "1,234,567");
  CHECK(duration_text(740) == "740 ms");
  CHECK(duration_text(1'250) == "1.2 s");
  CHECK(duration_text(200'000) == "3 min 20 s");
  CHECK(size_text(512) == "512 B");
  CHECK(size_text(1'468'006) == "1.3 MiB");
}

namespace {
Table sample() {
  Table t({{"uscc"}, {"name", Align::kLeft, 8}, {"events", Align::kRight}});
  t.add({"91990604000000014J", "佛山市禅城区某某陶瓷有限公司", "12"});
  t.add({"91990604000000022D", "Harbour Fish", "3"});
  return t;
}
std::size_t widest(const std::string& text) {
  std::size_t w = 0;
  for (const std::string& line : wrap(text, 10'000)) w = std::max(w, display_width(line));
  return w;
}
}  // namespace

TEST_CASE("A table's columns line up with Chinese text in them") {
  const std::string text = sample().render(100, false);
  CHECK(text ==
        "uscc                name                          events\n"
        "91990604000000014J  佛山市禅城区某某陶瓷有限公司      12\n"
        "91990604000000022D  Harbour Fish                       3\n");
}

TEST_CASE("A table narrows what may be cut, and becomes records where that is not enough") {
  const std::string narrow = sample().render(44, false);
  CHECK(widest(narrow) <= 44);
  CHECK(narrow.find("…") != std::string::npos);
  CHECK(narrow.find("91990604000000014J") != std::string::npos);  // ids are never cut

  const std::string records = sample().render(30, false);
  CHECK(widest(records) <= 30);
  CHECK(records.find("uscc    91990604000000014J") != std::string::npos);
  CHECK(widest(sample().render(20, false)) <= 20);
}

TEST_CASE("An id is whole at any width: beside its row, or on a line of its own") {
  const std::string id(64, 'a');
  Table t({{"decided"}, {"document", Align::kLeft, 10}, id_column("event")});
  t.add({"2026-01-06", "粤禅市监处罚〔2026〕第0001号 of the district bureau", id});
  for (const std::size_t width : {20, 40, 60, 80, 100, 140, 200}) {
    CHECK(t.render(width, false).find(id) != std::string::npos);
  }
  CHECK(t.render(80, false).find("\n  event  " + id + "\n") != std::string::npos);
  const std::string all = t.render(kAnyWidth, false);
  CHECK(std::ranges::count(all, '\n') == 2);
  CHECK(all.find("district bureau  " + id) != std::string::npos);
  // What is not for a terminal is never cut, however narrow.
  const std::string piped = t.render(40, false, false);
  CHECK(piped.find("…") == std::string::npos);
  CHECK(piped.find(id) != std::string::npos);

  Fields f;
  f.add("subject", id);
  CHECK(f.render(40, false) == "subject\n  " + id + "\n");
  CHECK(f.render(100, false) == "subject  " + id + "\n");
}

TEST_CASE("Colour is written only when asked for, and does not shift columns") {
  Table t({{"state"}, {"n"}});
  t.add({Cell("up", Style::kGood), "1"});
  CHECK(t.render(80, false).find('\x1b') == std::string::npos);
  CHECK(t.render(80, true).find("\x1b[32mup\x1b[0m     1") != std::string::npos);
}

TEST_CASE("The progress line shows share, count, rate and time to go, and fits") {
  const std::string line = progress_line("events", 4'000, 8'000, 2'000, 100, false);
  CHECK(line.find("50%") != std::string::npos);
  CHECK(line.find("4,000 of 8,000") != std::string::npos);
  CHECK(line.find("2,000/s") != std::string::npos);
  CHECK(line.find("2.0 s to go") != std::string::npos);
  CHECK(line.find("[###############...............]") != std::string::npos);
  for (std::size_t width = 20; width < 100; ++width) {
    CHECK(display_width(progress_line("events", 4'000, 8'000, 2'000, width, true)) <= width);
  }
  CHECK(progress_line("events", 0, 0, 0, 60, true).find('%') == std::string::npos);
}
