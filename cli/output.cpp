#include "cli/output.h"

#include <fmt/format.h>

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

Output::Output(bool json, bool quiet)
    : json_(json), quiet_(quiet), out_(Terminal::of(1)), err_(Terminal::of(2)) {}

void Output::raw(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size() && errno == EPIPE) {
    reader_is_gone_ = true;
  }
}

void Output::line(std::string_view text) {
  if (json_) return;
  raw(text);
  raw("\n");
}

void Output::heading(std::string_view text) { line(styled(text, Style::kBold, out_.color)); }

void Output::show(const Table& table) {
  // What a program or a file gets is whole, and one row a line unless COLUMNS asks for less.
  if (!json_) raw(table.render(out_.wraps ? out_.width : kAnyWidth, out_.color, out_.tty));
}

void Output::show(const Fields& fields) {
  if (!json_) raw(fields.render(out_.wraps ? out_.width : kAnyWidth, out_.color));
}

void Output::styled_line(std::string_view text, Style style) {
  for (const std::string& l : wrap(text, out_.width)) line(styled(l, style, out_.color));
}

void Output::note(std::string_view text) {
  if (json_ || quiet_) return;
  std::fflush(stdout);  // in the order written, where both go to one file
  std::fputs((styled(text, Style::kDim, err_.color) + "\n").c_str(), stderr);
}

void Output::warn(std::string_view text) {
  if (json_) {
    std::fputs((json::serialize(json::object{{"warning", text}}) + "\n").c_str(), stderr);
    return;
  }
  std::fputs((styled("warning: ", Style::kWarn, err_.color) + std::string(text) + "\n").c_str(),
             stderr);
}

void Output::emit(const json::value& value) {
  if (!json_) return;
  if (gathering_) {
    gathered_.push_back(value);
    return;
  }
  raw(rpc::pretty(value));
  raw("\n");
}

json::array Output::gathered() {
  gathering_ = false;
  return std::exchange(gathered_, {});
}

void Output::emit_line(const json::value& value) {
  if (!json_) return;
  raw(json::serialize(value));
  raw("\n");
}

void Output::error(const Failure& f) {
  std::fflush(stdout);
  if (json_) {
    json::object e{{"name", f.name}, {"message", f.what}, {"exit_code", rpc::to_int(f.exit)}};
    if (!f.hint.empty()) e["hint"] = f.hint;
    if (!f.data.empty()) e["data"] = f.data;
    std::fputs((json::serialize(json::object{{"error", e}}) + "\n").c_str(), stderr);
    return;
  }
  const bool color = err_.color;
  std::fputs((styled("error: ", Style::kBad, color) + f.what + "\n").c_str(), stderr);
  if (!f.hint.empty())
    std::fputs((styled("  try: ", Style::kDim, color) + f.hint + "\n").c_str(), stderr);
}

bool Output::flush() {
  if (std::fflush(stdout) != 0 && errno == EPIPE) reader_is_gone_ = true;
  return !reader_is_gone_ && std::ferror(stdout) == 0;
}

}  // namespace imi::cli
