#include "cli/commands/write_options.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/write/author.h"

namespace imi::cli {

void add_write_options(CLI::App* c, WriteOptions& w, bool must_sign) {
  c->add_option("--as", w.as, "agency that signs: its short name, or a key file")
      ->type_name("AGENCY")
      ->required(must_sign);
  c->add_option("--author", w.author, "the agency's id, if it is not in the genesis")
      ->type_name("HEX");
  c->add_option_function<std::string>(
       "--wait",
       [&w](const std::string& level) {
         if (!level.empty()) w.wait = level;
       },
       "accepted, committed (both as a node reports) or certified (proved)")
      ->type_name("LEVEL")
      ->expected(0, 1)
      ->default_str(w.wait);
}

KnownSubmission submit_one(Session& s, const WriteOptions& w, ledger::Entry entry) {
  const std::string wait = wait_level(w.wait);
  const Author author = resolve_author(s, w.as, w.author);
  std::vector<ledger::Entry> entries;
  entries.push_back(std::move(entry));
  return submit_and_wait(s, author, std::move(entries), wait);
}

}  // namespace imi::cli
