// import KIND FILE.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/write/import.h"
#include "cli/write/proved_records.h"

namespace imi::cli {
namespace {

struct Options {
  ImportOptions import;
  std::string as;
  std::string author;
  bool check = false;
  bool resume = false;
  bool wait = false;
};

json::array problems_json(const CheckReport& r) {
  json::array out;
  for (const RowError& e : r.problems) {
    out.push_back(json::object{
        {"row", e.row}, {"column", e.column}, {"field", e.column_name}, {"reason", e.reason}});
  }
  return out;
}

void say_repeats(Session& s, const CheckReport& r) {
  if (r.repeats == 0) return;
  s.out().note(
      fmt::format("{} rows repeat an earlier row of the file: sent once", grouped(r.repeats)));
}

void say_outcomes(Session& s, const ImportOptions& o, const CheckReport& r) {
  if (r.outcomes == 0) return;
  s.out().warn(fmt::format(
      "{} rows have an outcome (correct, withdraw), which `imi import events` does not apply: run "
      "`imi import event-outcomes {}` as well",
      grouped(r.outcomes), shown_file(o)));
}

void say_keys(Session& s, const ImportOptions& o, const CheckReport& r) {
  if (r.shortened_keys) s.out().warn(*r.shortened_keys);
  if (r.rounded_keys && o.keys_as_given) s.out().warn("source_key: " + *r.rounded_keys);
}

void refuse_rounded(const ImportOptions& o, const CheckReport& r) {
  if (!r.rounded_keys || o.keys_as_given) return;
  fail(ExitCode::kBadInput, "rounded-keys",
       fmt::format("{}: source_key: {}", shown_file(o), *r.rounded_keys));
}

// A dry run against the ledger as it is now; null where no node can be asked, which is told.
std::unique_ptr<DryRun> dry_run(Session& s, LedgerRecords& records, const ledger::Policy& policy,
                                const std::optional<Author>& author) {
  const auto without = [&s](std::string_view why) {
    s.out().warn(fmt::format("checked only by the rules of each field: {}", why));
    return nullptr;
  };
  if (!author) return without("--as AGENCY checks against the ledger too");
  if (s.options.no_verify) return without("--no-verify asks for no proofs");
  try {
    return std::make_unique<DryRun>(records, policy, author->id, author->key);
  } catch (const Failure& f) {
    if (f.exit != ExitCode::kUnreachable && f.exit != ExitCode::kUsage) throw;
    return without("no node could be asked (" + f.what + ")");
  }
}

void import(Session& s, const Options& given) {
  Options o = given;
  const auto path = reread(o.import.file);
  if (!path) fail(ExitCode::kLocal, "cannot-read", path.error());
  if (*path != o.import.file) o.import.name = shown_name(o.import.file);
  o.import.file = *path;
  ledger::AgencyId agency;
  std::optional<Author> author;
  if (!o.as.empty()) {
    author = resolve_author(s, o.as, o.author);
    agency = chain::retag<ledger::AgencyId>(author->id);
  } else if (!o.check) {
    fail(ExitCode::kUsage, "usage", "--as is needed: which agency imports?", "imi agency list");
  }
  const auto mapper = make_mapper(
      o.import.kind, {&s.genesis().catalog, agency, o.import.backfill, o.import.as_issued});
  const ledger::Policy policy = ledger::make_policy(s.genesis());
  ProvedRecords records(s);
  // An outcome under a wrong key would change another enterprise's record: never sent unchecked.
  const bool subjects = !o.check && o.import.kind == "event-outcomes";
  const auto run = o.check || subjects ? dry_run(s, records, policy, author) : nullptr;
  const CheckReport report =
      check_file(s, o.import, *mapper, {policy, run.get(), agency, subjects});
  show_problems(s, o.import, report);
  say_keys(s, o.import, report);
  const bool bad = report.all_problems > 0;
  if (o.check) {
    s.out().emit(json::object{{"file", given.import.file},
                              {"rows", report.rows},
                              {"good", report.good},
                              {"against_ledger", run != nullptr},
                              {"already_on_ledger", report.present},
                              {"nothing_to_do", report.empty},
                              {"repeats", report.repeats},
                              {"bad", report.bad},
                              {"problems", report.all_problems},
                              {"shown", problems_json(report)}});
    s.out().line(fmt::format("{} of {} rows are good; nothing was sent",
                             grouped(report.good + report.empty + report.repeats),
                             grouped(report.rows)));
    say_repeats(s, report);
    if (report.present > 0) {
      s.out().note(fmt::format("{} rows are already on the ledger", grouped(report.present)));
    }
    warn_of_withdrawn(s, report.withdrawn);
    say_outcomes(s, o.import, report);
    if (bad)
      fail(ExitCode::kBadInput, "bad-rows", fmt::format("{} rows are bad", grouped(report.bad)));
    refuse_rounded(o.import, report);
    return;
  }
  if (bad && !o.import.skip_bad_rows) {
    throw Failure{
        ExitCode::kBadInput,
        fmt::format("{}: {} of {} rows are bad; nothing was sent", given.import.file,
                    grouped(report.bad), grouped(report.rows)),
        "correct them, or --skip-bad-rows to import the others",
        "bad-rows",
        {{"bad", report.bad}, {"rows", report.rows}, {"problems", problems_json(report)}}};
  }
  refuse_rounded(o.import, report);
  say_repeats(s, report);
  ImportReport done;
  try {
    done = import_file(s, *author, o.import, *mapper, report);
  } catch (Failure& f) {
    if (f.exit == ExitCode::kInterrupted) {
      f.what = "interrupted; what was sent is journaled";
      f.hint = "the same command resumes from here, and applies nothing twice";
    }
    throw;
  }
  show_import(s, o.import, done);
  say_outcomes(s, o.import, report);
  require_all(o.import, done);
}

// "uscc, name, division; optional: status".
std::string listed(const std::vector<FieldSpec>& fields) {
  std::vector<std::string> required;
  std::vector<std::string> optional;
  for (const FieldSpec& f : fields) (f.required ? required : optional).push_back(f.name);
  return fmt::format("{}; optional: {}", fmt::join(required, ", "), fmt::join(optional, ", "));
}

std::string columns_help(const std::string& kind) {
  if (kind == "event-outcomes") {
    return "The same file as for events, with its column `outcome`: rows with `correct` correct "
           "the "
           "event recorded under their source_key (to the row's facts and amount), rows with "
           "`withdraw` withdraw it, others are ignored.";
  }
  std::string out = "Columns: " + listed(make_mapper(kind, {})->fields()) + ".";
  if (kind == "events") {
    out += " A source_key is recorded once, however often it is imported and however it is spelt.";
  }
  return out;
}

const char* about(const std::string& kind) {
  if (kind == "enterprises") return "Register enterprises";
  if (kind == "events") return "Record credit events of enterprises";
  if (kind == "event-outcomes")
    return "Corrections and withdrawals, from the outcome column of an events file";
  return "Revoke, suspend or reinstate attestations";
}

}  // namespace

void add_import_commands(CLI::App& root, Session& s) {
  auto* c = root.add_subcommand(
      "import",
      "Import a CSV or JSON-lines file\n"
      "The whole file is checked before anything is sent: fields, codes, check digits, dates, "
      "exact amounts; every bad row is reported as FILE:row:column. What is sent is journaled "
      "first, so that after Ctrl-C or a crash the same command resumes, and a repeated import "
      "adds nothing.");
  c->group(kChapterWrite);
  c->require_subcommand(1);
  c->footer(
      "imi import enterprises shops.csv --as market-440604\n"
      "imi import events penalties.csv --as food-440604 --check");
  for (const std::string& kind : row_kinds()) {
    auto o = std::make_shared<Options>();
    o->import.kind = kind;
    auto* k = c->add_subcommand(kind, std::string(about(kind)) + "\n" + columns_help(kind));
    if (kind == "events") k->alias("penalties");
    k->add_option("FILE", o->import.file,
                  "CSV with a header row, or JSON lines; gzip too; - for standard input")
        ->required();
    k->add_option("--as", o->as, "agency that signs: its short name, or a key file")
        ->type_name("AGENCY");
    k->add_option("--author", o->author, "the agency's id, if it is not in the genesis")
        ->type_name("HEX");
    k->add_flag("--check", o->check,
                "check every row by the ledger's own rules (with --as), send nothing");
    if (kind != "attestation-status") {
      k->add_flag("--as-issued", o->import.as_issued,
                  "accept codes that were really issued with a wrong check character");
    }
    k->add_flag("--wait", o->wait,
                "wait until every row is certified (always done; accepted for clarity)");
    k->add_flag("--resume", o->resume,
                "resume where an earlier run stopped (always done; accepted for clarity)");
    k->add_flag("--skip-bad-rows", o->import.skip_bad_rows,
                "import the good rows of a file with bad ones");
    if (kind != "enterprises" && kind != "attestation-status") {
      k->add_flag("--backfill", o->import.backfill, "the events are older than this ledger");
      k->add_flag("--keys-as-given", o->import.keys_as_given,
                  "accept source keys that look rounded by a spreadsheet");
    }
    k->add_option("--batch", o->import.batch, "entries per submission")
        ->capture_default_str()
        ->check(CLI::Range(1U, 4096U));
    k->add_option("--window", o->import.window, "submissions in flight at a time")
        ->capture_default_str()
        ->check(CLI::Range(1U, 64U));
    k->footer(fmt::format(
        "imi import {} FILE.csv --as AGENCY --check\nimi import {} FILE.csv --as AGENCY", kind,
        kind));
    k->callback([&s, o] { s.action = [&s, o] { import(s, *o); }; });
  }
}

}  // namespace imi::cli
