#include "cli/run.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>

#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/session.h"

namespace imi::cli {
namespace {

constexpr const char* kAbout =
    "imi - the command line of IMI Ledger, a consortium's ledger of identity and credit.\n"
    "Agencies record signed events, validators agree on them, and every answer comes with a proof "
    "that this program checks itself: no node has to be trusted.";

constexpr const char* kExamples =
    "imi network up                                   start four validators on this machine\n"
    "imi demo load && imi demo tour                   load the sample city and query it\n"
    "imi import events FILE.csv --as food-440604 --check   validate a file; send nothing\n"
    "imi enterprise show 91990604104777308N --prove --out answer.imi\n"
    "imi proof verify answer.imi                      verify a proof offline";

void add_global_options(CLI::App& app, GlobalOptions& o) {
  app.add_flag("--json", o.json, "print JSON for programs (field names are stable)");
  app.add_flag("-q,--quiet", o.quiet, "print no notes and no progress");
  app.add_option("--dir", o.dir, "folder of the network; default IMI_HOME, else ~/.imi/demo")
      ->type_name("FOLDER");
  app.add_option("--node", o.nodes,
                 "nodes to ask, in this order, host:port[,host:port]; default "
                 "IMI_NODES, else those in the network's folder")
      ->type_name("ADDRESS");
  app.add_option("--genesis", o.genesis,
                 "genesis file that answers are verified against; default "
                 "genesis.imi in the network's folder")
      ->type_name("FILE");
  app.add_flag("--no-verify", o.no_verify,
               "request no proofs; what the node reports is not verified");
  app.add_option("--max-age", o.max_age, "refuse answers whose head is older than this")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--timeout", o.timeout, "time limit for all nodes together")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--passphrase-file", o.passphrase_file,
                 "file with the passphrase of the one key that the command opens (of a write: the "
                 "key that signs); else IMI_PASSPHRASE, else a prompt")
      ->type_name("FILE");
}

// Parses and runs; throws what a command throws.
int run(Session& session, const std::vector<std::string>& words) {
  const Terminal terminal = Terminal::of(1);
  CLI::App app(kAbout, "imi");
  app.formatter(manual_formatter(terminal.width, terminal.color));
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version", "imi " IMI_VERSION);
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.footer(kExamples);
  add_global_options(app, session.options);
  add_all_commands(app, session);
  app.add_subcommand("help", "show this help")->group("")->callback([&] {
    // Not app.help(): that would be the help of this very subcommand.
    session.action = [&] {
      session.out().raw(app.get_formatter()->make_help(&app, "imi", CLI::AppFormatMode::Normal));
    };
  });
  try {
    app.parse(
        std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them backwards
  } catch (const CLI::CallForHelp&) {
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
    session.out().raw(at->help());
    return rpc::to_int(session.out().flush() || session.out().reader_is_gone() ? ExitCode::kOk
                                                                               : ExitCode::kLocal);
  } catch (const CLI::CallForVersion& v) {
    session.out().raw(std::string(v.what()) + "\n");
    return rpc::to_int(ExitCode::kOk);
  } catch (const CLI::ParseError& e) {
    const UsageProblem p = explain(app, e);
    throw Failure{ExitCode::kUsage, p.what, p.hint, "usage", {}};
  }
  if (!session.action) {
    session.out().raw(app.help());
    return rpc::to_int(words.empty() ? ExitCode::kOk : ExitCode::kUsage);
  }
  session.action();
  if (!session.out().flush() && !session.out().reader_is_gone()) {
    fail(ExitCode::kLocal, "output", "standard output could not be written");
  }
  return rpc::to_int(ExitCode::kOk);
}

}  // namespace

int run_words(const std::vector<std::string>& words) {
  // Errors of the command line itself are in the form that --json asks for, too.
  const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
  Session session;
  try {
    return run(session, words);
  } catch (const Failure& f) {
    Output(json, false).error(f);
    return rpc::to_int(f.exit);
  } catch (const std::filesystem::filesystem_error& e) {
    // Another user's folder: which file it was, and the system's reason.
    Output(json, false)
        .error({ExitCode::kLocal,
                fmt::format("cannot use {}: {}", e.path1().string(), e.code().message()),
                "are the permissions of that folder right? --dir FOLDER selects another",
                "file-system",
                {}});
    return rpc::to_int(ExitCode::kLocal);
  } catch (const std::exception& e) {
    // Out of memory, or a library's exception that is unexpected: still a sentence, no trace.
    Output(json, false)
        .error({ExitCode::kLocal, fmt::format("unexpected: {}", e.what()), "", "internal", {}});
    return rpc::to_int(ExitCode::kLocal);
  }
}

void add_all_commands(CLI::App& root, Session& session) {
  add_network_commands(root, session);
  add_demo_commands(root, session);
  add_bench_command(root, session);
  add_import_commands(root, session);
  add_submit_commands(root, session);
  add_event_commands(root, session);
  add_enterprise_commands(root, session);
  add_agency_commands(root, session);
  add_person_commands(root, session);
  add_proof_commands(root, session);
  add_chain_commands(root, session);
  add_wallet_commands(root, session);
  add_key_commands(root, session);
  add_completion_command(root, session);
}

}  // namespace imi::cli
