// enterprise show|register.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/entry_options.h"
#include "cli/commands/show_read.h"
#include "cli/help.h"
#include "cli/write/codes.h"

namespace imi::cli {
namespace {

namespace json = boost::json;

ledger::Uscc must_code(const std::string& text, bool as_issued) {
  const auto code = parse_enterprise_code(text, as_issued);
  if (!code) bad_input("USCC: " + code.error());
  return code->uscc;
}

void show_enterprise(Session& s, const std::string& text, bool as_issued, const std::string& kind,
                     std::uint64_t from, const ReadOptions& o) {
  const ledger::Uscc uscc = must_code(text, as_issued);
  ledger::AskEnterprise ask{uscc, std::nullopt, ledger::Page{from, ledger::kMaxPageEvents}};
  json::object params{{"uscc", ledger::text(uscc)}};
  if (as_issued) params["as_issued"] = true;
  if (from > 0) params["from"] = from;
  if (!kind.empty()) {
    params["kind"] = kind;
    if (s.has_genesis()) {
      const ledger::EventCode* code = s.genesis().catalog.code(kind);
      if (code == nullptr) {
        std::vector<std::string> all;
        for (const auto& c : s.genesis().catalog.codes) all.push_back(c.text);
        const auto near = nearest(kind, all);
        fail(ExitCode::kBadInput, "no-such-code",
             fmt::format("'{}' is not in the catalog", printable(kind)),
             near ? "--kind " + *near : "imi catalog");
      }
      ask.code = code->id;
    }
  }
  show_read(s, "enterprise", params, ask, o);
}

void add_show(CLI::App* enterprise, Session& s) {
  auto uscc = std::make_shared<std::string>();
  auto kind = std::make_shared<std::string>();
  auto from = std::make_shared<std::uint64_t>(0);
  auto read = std::make_shared<ReadOptions>();
  auto* show = enterprise->add_subcommand(
      "show",
      "Its record and credit events, verified and complete\n"
      "The proof shows that no event was left out. Saved with --out, it can be checked by "
      "anyone, offline, with nothing but the genesis file.");
  show->add_option("USCC", *uscc, "unified social credit code, 18 characters")->required();
  show->add_option("--kind", *kind, "only events of one catalog code, e.g. food.pests")
      ->type_name("CODE");
  show->add_option("--from", *from, "first transition to show, for long records")->type_name("N");
  auto as_issued = std::make_shared<bool>(false);
  show->add_flag("--as-issued", *as_issued, std::string(ledger::kAsIssuedHelp.text));
  add_read_options(show, read);
  show->footer(
      "imi enterprise show 91990604104777308N\n"
      "imi enterprise show 91990604104777308N --kind food.pests --out pests.imi");
  show->callback([&s, uscc, as_issued, kind, from, read] {
    s.action = [&s, uscc, as_issued, kind, from, read] {
      show_enterprise(s, *uscc, *as_issued, *kind, *from, *read);
    };
  });
}

ledger::Version version_in_force(Session& s, const ledger::Uscc& uscc) {
  const Verified v = read_present(s, "enterprise", {{"uscc", ledger::text(uscc)}, {"limit", 1}},
                                  ledger::AskEnterprise{uscc, std::nullopt, {0, 1}},
                                  "the version in force is", "--version, or without --no-verify");
  return std::get<ledger::DossierAnswer>(v.answer.answer).subject->record_version;
}

// A version that is not given is the one in force, read with its proof.
ledger::EnterpriseUpdate update_of(Session& s, const json::object& given) {
  json::object whole = given;
  if (!given.contains("version")) whole["version"] = 1;
  auto e = entry_of<ledger::EnterpriseUpdate>(s, whole, "uscc");
  if (!given.contains("version")) e.version = version_in_force(s, e.uscc);
  return e;
}

}  // namespace

void add_enterprise_commands(CLI::App& root, Session& s) {
  auto* enterprise =
      root.add_subcommand("enterprise", "An enterprise's record; register or change one");
  enterprise->group(kChapterRead);
  enterprise->require_subcommand(1);
  enterprise->footer("imi enterprise show 91990604104777308N --prove --out answer.imi");
  add_show(enterprise, s);
  auto* fresh =
      enterprise->add_subcommand("register", "Register an enterprise (market regulators)");
  add_write<ledger::SubjectEnterprise>(fresh, s, {.positional = "uscc"});
  fresh->footer(
      "imi enterprise register 91350100M000100Y43 --name 海港厨房 --division 440604010001 "
      "--as market-440604");
  auto* update =
      enterprise->add_subcommand("update",
                                 "Change an enterprise's registration (market regulators)\n"
                                 "What is not given stays as it is.");
  add_write<ledger::EnterpriseUpdate>(update, s, {.positional = "uscc", .found_out = "version"},
                                      update_of);
  update->footer("imi enterprise update 91350100M000100Y43 --status suspended --as market-440604");
}

}  // namespace imi::cli
