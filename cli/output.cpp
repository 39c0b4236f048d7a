#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "rpc/json.h"

namespace imi::cli {

void fail(ExitCode exit, std::string name, std::string what, std::string hint) {
  throw Failure{exit, std::move(what), std::move(hint), std::move(name), {}};
}

void fail(const rpc::RpcError& e) {
  throw Failure{e.exit_code(), e.message, {}, std::string(e.spec().name), e.data};
}

namespace {
std::string json_line(const json::value& value) {
  return json_printable(json::serialize(value)) + "\n";
}

// One text of a terminal's width that follows `label`: what does not fit goes on under its first
// line, indented, so that no text can be made to begin a line by its length.
std::string hanging(std::string_view text, const Terminal& terminal, std::string_view label = {},
                    Style style = Style::kPlain) {
  const std::size_t indent = std::max<std::size_t>(label.size(), 2);
  const std::size_t width = terminal.wraps ? terminal.width - indent : kAnyWidth;
  std::string out;
  for (const std::string& line : wrap(printable(text), width)) {
    if (!out.empty()) out += "\n" + std::string(indent, ' ');
    out += styled(line, style, terminal.color);
  }
  return out;
}
}  // namespace

Output::Output(bool json, bool quiet)
    : json_(json), quiet_(quiet), out_(Terminal::of(1)), err_(Terminal::of(2)) {}

void Output::put(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size() && errno == EPIPE) {
    reader_is_gone_ = true;
  }
}

void Output::raw(std::string_view text) { put(text); }

void Output::line(std::string_view text) {
  if (!json_) put(hanging(text, out_) + "\n");
}

void Output::heading(std::string_view text) {
  if (!json_) put(styled(printable(text), Style::kBold, out_.color) + "\n");
}

void Output::show(const Table& table) {
  // What a program or a file gets is whole, one row per line, unless COLUMNS asks for less.
  if (!json_) put(table.render(out_.wraps ? out_.width : kAnyWidth, out_.color, out_.tty));
}

void Output::show(const Fields& fields) {
  if (!json_) put(fields.render(out_.wraps ? out_.width : kAnyWidth, out_.color));
}

void Output::styled_line(std::string_view text, Style style) {
  if (!json_) put(hanging(text, out_, {}, style) + "\n");
}

void Output::note(std::string_view text) {
  if (json_ || quiet_) return;
  std::fflush(stdout);  // in the order written, where both go to one file
  std::fputs((hanging(text, err_, {}, Style::kDim) + "\n").c_str(), stderr);
}

void Output::warn(std::string_view text) {
  std::fflush(stdout);
  const std::string shown = json_ ? json_line(json::object{{"warning", text}})
                                  : styled("warning: ", Style::kWarn, err_.color) +
                                        hanging(text, err_, "warning: ") + "\n";
  std::fputs(shown.c_str(), stderr);
}

void Output::emit(const json::value& value) {
  if (!json_) return;
  if (gathering_) {
    gathered_.push_back(value);
    return;
  }
  show_json(value);
}

json::array Output::gathered() {
  gathering_ = false;
  return std::exchange(gathered_, {});
}

void Output::emit_line(const json::value& value) {
  if (json_) put(json_line(value));
}

void Output::show_json(const json::value& value) { put(json_printable(rpc::pretty(value)) + "\n"); }

void Output::show_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    put(printable(text.substr(0, end)));
    if (end == std::string_view::npos) return;
    put("\n");
    text.remove_prefix(end + 1);
  }
}

void Output::error(const Failure& f) {
  std::fflush(stdout);
  if (json_) {
    json::object e{{"name", f.name}, {"message", f.what}, {"exit_code", rpc::to_int(f.exit)}};
    if (!f.details.empty()) e["details"] = json::array(f.details.begin(), f.details.end());
    if (!f.hint.empty()) e["hint"] = f.hint;
    if (!f.data.empty()) e["data"] = f.data;
    std::fputs(json_line(json::object{{"error", std::move(e)}}).c_str(), stderr);
    return;
  }
  constexpr std::string_view kError = "error: ";
  constexpr std::string_view kTry = "  try: ";
  std::string shown =
      styled(kError, Style::kBad, err_.color) + hanging(f.what, err_, kError) + "\n";
  for (const std::string& detail : f.details) {
    shown += std::string(kError.size(), ' ') + hanging(detail, err_, kError) + "\n";
  }
  if (!f.hint.empty()) {
    shown += styled(kTry, Style::kDim, err_.color) + hanging(f.hint, err_, kTry) + "\n";
  }
  std::fputs(shown.c_str(), stderr);
}

bool Output::flush() {
  if (std::fflush(stdout) != 0 && errno == EPIPE) reader_is_gone_ = true;
  return !reader_is_gone_ && std::ferror(stdout) == 0;
}

}  // namespace imi::cli
