// What a command says, to people or to programs. Results go to standard output, everything else
// (notes, progress, errors) to standard error. With --json exactly one JSON document (or, where a
// command says so, one per line) is written to standard output, and errors are a JSON object too.
//
// No text can act on the terminal or begin a line of its own: every function but raw() makes what
// it is given printable() (cli/text.h), so that callers need not know which of it is foreign. One
// call of line(), note() or warn() is one line; on a terminal that is too narrow for it, the rest
// stands indented below.
//
// A command that cannot go on throws Failure; main turns it into a message and an exit code. That
// is the one use of exceptions in this module: reusable parts return expected<>.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/table.h"
#include "cli/terminal.h"
#include "rpc/errors.h"

namespace imi::cli {

namespace json = boost::json;
using rpc::ExitCode;

struct Failure {
  ExitCode exit = ExitCode::kLocal;
  std::string what;                    // what was wrong, and where: a sentence
  std::string hint;                    // what to do; may be empty
  std::string name;                    // stable, kebab-case, for programs
  json::object data;                   // particulars for programs
  std::vector<std::string> details{};  // further lines for people, e.g. the end of a log
};

[[noreturn]] void fail(ExitCode exit, std::string name, std::string what, std::string hint = {});
// An error that a node answered or the client made.
[[noreturn]] void fail(const rpc::RpcError& e);

class Output {
 public:
  Output(bool json, bool quiet);

  [[nodiscard]] bool json() const { return json_; }
  [[nodiscard]] bool quiet() const { return quiet_; }
  [[nodiscard]] const Terminal& out() const { return out_; }
  [[nodiscard]] const Terminal& err() const { return err_; }

  // For people; silent with --json.
  void line(std::string_view text = {});
  void heading(std::string_view text);
  void show(const Table& table);
  void show(const Fields& fields);
  // "verified: ..." in green, and the like.
  void styled_line(std::string_view text, Style style);
  // An aside on standard error; silent with --json and --quiet.
  void note(std::string_view text);
  // On standard error; with --json as {"warning": text}.
  void warn(std::string_view text);

  // For programs; silent without --json. Two-space indented.
  void emit(const json::value& value);
  // From now on emit() gathers instead of writing, until gathered(): a command made of others still
  // writes one document.
  void gather() { gathering_ = true; }
  [[nodiscard]] json::array gathered();
  // One line of JSON.
  void emit_line(const json::value& value);
  // JSON in both modes, two-space indented: `imi rpc`.
  void show_json(const json::value& value);

  // A text of several lines in both modes, such as a node's log: its new lines are kept.
  void show_text(std::string_view text);
  // Writes to standard output as it is, in both modes. For this program's own text alone: help,
  // completion scripts.
  void raw(std::string_view text);

  void error(const Failure& f);

  // False when standard output could not be written (full disk, closed pipe).
  [[nodiscard]] bool flush();
  // The reader went away (`| head`): this is not an error, and nothing more is printed.
  [[nodiscard]] bool reader_is_gone() const { return reader_is_gone_; }

 private:
  void put(std::string_view text);

  bool json_;
  bool quiet_;
  bool gathering_ = false;
  bool reader_is_gone_ = false;
  json::array gathered_;
  Terminal out_;
  Terminal err_;
};

}  // namespace imi::cli
