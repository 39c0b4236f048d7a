// What the commands that read one thing from the ledger share: their options, the verified answer
// on the screen and in JSON, and the exit code where there is none.
#pragma once

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <memory>
#include <string>

#include "base/hex.h"
#include "cli/read/verified.h"
#include "cli/session.h"
#include "cli/text.h"

namespace CLI {
class App;
}

namespace imi::cli {

void add_read_options(CLI::App* command, const std::shared_ptr<ReadOptions>& options);

// A verified read, shown; throws Failure (kNotFound) where the proof says that there is none.
// `what`: the thing asked for as it was typed, where the ledger knows it by another name.
void show_read(Session& session, std::string_view method, const boost::json::object& params,
               const ledger::Question& question, const ReadOptions& options,
               const std::string& what = {});

// What a write rests on, read with its proof. Throws Failure: kUsage where answers are not to be
// verified (`what`: "the facts are"; `instead`: what helps then), and
// kNotFound where the proof says that there is none.
[[nodiscard]] Verified read_present(Session& session, std::string_view method,
                                    const boost::json::object& params,
                                    const ledger::Question& question, const std::string& what,
                                    const std::string& instead = "without --no-verify");
// Throws Failure (kNotFound) where the proof says that there is none.
void require_present(const Verified& verified);

[[noreturn]] void bad_input(const std::string& what);

// An id of 32 bytes; `what` names the argument.
template <class Id>
[[nodiscard]] Id id_of(const std::string& text, std::string_view what) {
  const auto id = fixed_from_hex<Id>(text);
  if (!id) {
    bad_input(
        fmt::format("{}: '{}' is not 64 hexadecimal characters", what, cut(printable(text), 70)));
  }
  return *id;
}

}  // namespace imi::cli
