// submit FILE, submission ID.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/commands/show_read.h"
#include "cli/commands/write_options.h"
#include "cli/help.h"
#include "cli/input.h"
#include "cli/network/manifest.h"
#include "cli/read/render.h"
#include "cli/read/verified.h"
#include "cli/write/author.h"
#include "cli/write/entry_json.h"
#include "ledger/submission/entry.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

constexpr std::size_t kMaxEntriesFile = 16U << 20;

struct Options {
  std::string file;
  WriteOptions write;
  bool check = false;
};

std::vector<ledger::Entry> read_entries(Session& s, const std::string& file) {
  auto text = read_text(file, kMaxEntriesFile);
  if (!text) {
    const bool there = file == "-" || std::filesystem::exists(file);
    fail(there ? ExitCode::kBadInput : ExitCode::kLocal, "cannot-read", text.error());
  }
  rpc::JsonLimits limits;
  limits.max_bytes = kMaxEntriesFile;
  limits.max_values = 1U << 20;
  auto value = parse_json_text(*text, limits);
  if (!value) fail(ExitCode::kBadInput, "bad-json", fmt::format("{}: {}", file, value.error()));
  auto entries = entries_from_json(*value, s.genesis().catalog);
  if (!entries) {
    throw Failure{ExitCode::kBadInput,
                  fmt::format("{}: {}", file, entries.error()),
                  "imi submit --help shows the fields",
                  "bad-entries",
                  {}};
  }
  return std::move(*entries);
}

void submit(Session& s, const Options& o) {
  const std::string wait = wait_level(o.write.wait);
  std::vector<ledger::Entry> entries = read_entries(s, o.file);
  if (o.check) {
    s.out().emit(json::object{{"entries", entries.size()}});
    return s.out().line(
        fmt::format("{}: {} entries, none wrong; nothing was sent", o.file, entries.size()));
  }
  const Author author = resolve_author(s, o.write.as, o.write.author);
  report_result(s, submit_and_wait(s, author, std::move(entries), wait));
}

// What a node reports.
void show_report(Session& s, const KnownSubmission& f) {
  const std::string status(ledger::name(f.status));
  json::object j{{"id", f.id}, {"fate", status}, {"verified", false}};
  Fields fields;
  fields.add("submission", f.id);
  fields.add("fate", status);
  if (f.status == SubmissionStatus::kCommitted) {
    j["height"] = f.height;
    j["index"] = f.index;
    fields.add("block", fmt::format("{}, place {}", grouped(f.height), f.index));
  }
  s.out().emit(j);
  s.out().show(fields);
  s.out().warn(unverified_text(s));
  if (f.status == SubmissionStatus::kUnknown) {
    fail(ExitCode::kNotFound, "unknown", "the node reports no submission with this id");
  }
}

void show_submission(Session& s, const std::string& text, std::int64_t expiry_ms,
                     const ReadOptions& o) {
  const auto id = id_of<chain::SubmissionId>(text, "ID");
  json::object params{{"id", to_hex(id)}};
  ledger::AskSubmission ask{id, std::nullopt};
  if (expiry_ms > 0) {
    params["expiry_ms"] = expiry_ms;
    ask.expiry = chain::TimeMs(expiry_ms);
  }
  if (!must_verify(s, o)) {
    auto f = known_by_report(s.call("submission", params));
    if (!f) fail(ExitCode::kUnreachable, "bad-response", "a malformed answer: " + f.error());
    f->id = to_hex(id);
    return show_report(s, *f);
  }
  const Verified v = read_verified(s, "submission", params, ask);
  const bool is_open =
      std::get<ledger::SubmissionAnswer>(v.answer.answer).status == SubmissionStatus::kUnknown;
  if (is_open) {
    // What is pending is known to nodes alone and cannot be proved.
    const auto report = s.try_call("submission", params);
    auto f = report ? known_by_report(*report) : std::unexpected(std::string());
    if (f && f->status == SubmissionStatus::kPending) {
      f->id = to_hex(id);
      return show_report(s, *f);
    }
  }
  json::object j = answer_json(v.answer, s.genesis());
  j["verified"] = verified_json(s, v.answer);
  s.out().emit(j);
  show_answer(s.out(), v.answer, s.genesis());
  finish_read(s, v, o);
  if (is_open) {
    fail(ExitCode::kNotFound, "unknown",
         "no submission with this id is committed, as the ledger proves; and the node asked "
         "reports none pending");
  }
}

}  // namespace

void add_submit_commands(CLI::App& root, Session& s) {
  auto o = std::make_shared<Options>();
  std::vector<std::string> kinds;
  for (const ledger::KindTraits& k : ledger::kKinds) kinds.emplace_back(k.name.value);
  auto* c = root.add_subcommand(
      "submit",
      fmt::format(
          "Sign entries from a JSON file as one submission and send it\n"
          "The file holds an array of entries, e.g. [{{\"kind\": \"event.withdraw\", \"eid\": "
          "\"...\", \"version\": 1, \"reason\": \"revoked\"}}]. Kinds: {}; fields as in "
          "docs/CLI.md. What is signed is kept until its fate is proved: the same command run "
          "again "
          "sends the same bytes, so that nothing is applied twice.",
          fmt::join(kinds, ", ")));
  c->group(kChapterWrite);
  c->add_option("FILE", o->file, "JSON array of 1 to 4,096 entries")->required();
  add_write_options(c, o->write, false);
  c->add_flag("--check", o->check, "read and check the entries, send nothing");
  c->footer("imi submit entries.json --as food-440604 --wait certified");
  c->callback([&s, o] { s.action = [&s, o] { submit(s, *o); }; });

  auto id = std::make_shared<std::string>();
  auto expiry = std::make_shared<std::int64_t>(0);
  auto read = std::make_shared<ReadOptions>();
  auto* f = root.add_subcommand("submission", "What became of a submission");
  f->group(kChapterWrite);
  f->add_option("ID", *id, "submission id, 64 hexadecimal characters")->required();
  f->add_option("--expiry", *expiry,
                "the expiry that was signed, in ms: needed to prove that it can never commit")
      ->type_name("MS")
      ->check(CLI::NonNegativeNumber);
  f->add_flag("--prove", read->prove, "show what the proof rests on");
  f->add_option("--out", read->out, "save the proof, to be checked offline")->type_name("FILE");
  f->footer("imi submission ID --prove");
  f->callback([&s, id, expiry, read] {
    s.action = [&s, id, expiry, read] { show_submission(s, *id, *expiry, *read); };
  });
}

}  // namespace imi::cli
