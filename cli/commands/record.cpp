// enterprise show|register, event show|record|correct|withdraw, agency show|list.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/commands/write_options.h"
#include "cli/help.h"
#include "cli/read/agencies.h"
#include "cli/read/render.h"
#include "cli/read/verified.h"
#include "cli/typed.h"
#include "cli/values.h"
#include "cli/write/author.h"
#include "cli/write/rows.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

void add_read_options(CLI::App* c, const std::shared_ptr<ReadOptions>& r) {
  c->add_flag("--prove", r->prove, "show what the proof rests on");
  c->add_option("--out", r->out, "save the proof, to be checked offline")->type_name("FILE");
}

[[noreturn]] void bad_input(const std::string& what) {
  fail(ExitCode::kBadInput, "bad-input", what);
}

template <class T>
T must(std::expected<T, std::string> v, const char* option) {
  if (!v) bad_input(fmt::format("{}: {}", option, v.error()));
  return std::move(*v);
}

template <class Id>
Id id_of(const std::string& text, const char* what) {
  const auto id = fixed_from_hex<Id>(text);
  if (!id)
    bad_input(
        fmt::format("{}: '{}' is not 64 hexadecimal characters", what, cut(printable(text), 70)));
  return *id;
}

// When an event was replaced is when the one that replaces it was recorded: asked for with its own
// proof.
void show_successor(Session& s, const ledger::VerifiedAnswer& a, json::object& j) {
  const auto* e = std::get_if<ledger::EventAnswer>(&a.answer);
  if (e == nullptr || !e->event || !e->event->superseded_by) return;
  const ledger::EventId id = *e->event->superseded_by;
  const Verified next = read_verified(s, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id});
  const auto& by = std::get<ledger::EventAnswer>(next.answer.answer).event;
  if (!by) return;
  j["superseded_on"] = day_text(by->recorded.value);
  j["superseded_in_block"] = by->height.value;
  Fields f;
  f.add("corrected on",
        fmt::format("{} in block {}", day_text(by->recorded.value), grouped(by->height.value)));
  s.out().show(f);
}

// A verified read, shown; exits with kNotFound where the proof says that there is none. `what`: the
// thing asked for as it was typed, where the ledger knows it by another name.
void show_read(Session& s, std::string_view method, const json::object& params,
               const ledger::Question& question, const ReadOptions& o,
               const std::string& what = {}) {
  if (!must_verify(s, o)) return show_unverified(s, method, params);
  const Verified v = read_verified(s, method, params, question);
  json::object j = answer_json(v.answer, s.genesis());
  j["verified"] = verified_json(s, v.answer);
  show_answer(s.out(), v.answer, s.genesis());
  show_successor(s, v.answer, j);
  s.out().emit(j);
  finish_read(s, v, o);
  if (!is_present(v.answer)) {
    const std::string none = what.empty() ? absence_text(v.answer) : "there is no " + what;
    fail(ExitCode::kNotFound, "not-found", none + ": the ledger proves it");
  }
}

// ---- enterprise -------------------------------------------------------------------------------

void show_enterprise(Session& s, const std::string& text, bool as_issued, const std::string& kind,
                     std::uint64_t from, const ReadOptions& o) {
  const ledger::Uscc uscc = must(parse_enterprise_code(text, as_issued), "USCC").uscc;
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

void add_as_issued(CLI::App* c, bool& flag) {
  c->add_flag(
      "--as-issued", flag,
      "accept a code that was really issued with a check character that does not fit GB 32100");
}

void add_enterprise(CLI::App& root, Session& s) {
  auto* enterprise = root.add_subcommand("enterprise", "An enterprise's record; register one");
  enterprise->group(kChapterRead);
  enterprise->require_subcommand(1);
  enterprise->footer("imi enterprise show 91990604104777308N --prove --out answer.imi");

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
  add_as_issued(show, *as_issued);
  add_read_options(show, read);
  show->footer(
      "imi enterprise show 91990604104777308N\n"
      "imi enterprise show 91990604104777308N --kind food.pests --out pests.imi");
  show->callback([&s, uscc, as_issued, kind, from, read] {
    s.action = [&s, uscc, as_issued, kind, from, read] {
      show_enterprise(s, *uscc, *as_issued, *kind, *from, *read);
    };
  });

  auto write = std::make_shared<WriteOptions>();
  auto row = std::make_shared<std::array<std::string, 4>>();
  auto trader = std::make_shared<bool>(false);
  auto* fresh =
      enterprise->add_subcommand("register", "Register an enterprise (market regulators)");
  fresh->add_option("USCC", (*row)[0], "unified social credit code, 18 characters")->required();
  fresh->add_option("--name", (*row)[1], "at most 200 bytes")->required();
  fresh->add_option("--division", (*row)[2], "12-digit division code")->required();
  fresh->add_option("--status", (*row)[3], "active, suspended, revoked or deregistered")
      ->default_str("active");
  fresh->add_flag("--sole-trader", *trader, "an individual who trades (个体工商户)");
  auto issued = std::make_shared<bool>(false);
  add_as_issued(fresh, *issued);
  add_write_options(fresh, *write);
  fresh->footer(
      "imi enterprise register 91350100M000100Y43 --name 海港厨房 --division 440604010001 "
      "--as market-440604");
  fresh->callback([&s, write, row, trader, issued] {
    s.action = [&s, write, row, trader, issued] {
      const auto mapper = make_mapper("enterprises", {});
      Record r;
      r.values = {(*row)[0],
                  (*row)[1],
                  (*row)[2],
                  (*row)[3],
                  *trader ? "true" : "false",
                  "",
                  *issued ? "true" : ""};
      auto entry = mapper->map(r);
      if (!entry)
        bad_input(mapper->fields()[entry.error()[0].field].name + ": " + entry.error()[0].reason);
      report_result(s, submit_one(s, *write, std::move(**entry)));
    };
  });
}

// ---- event ------------------------------------------------------------------------------------

// `fresh`: a new event, which has no facts but those that are given.
void add_facts_options(CLI::App* c, const std::shared_ptr<EventTexts>& t, bool fresh) {
  c->add_option("--code", t->code, "catalog code: imi catalog")->required(fresh);
  c->add_option("--class", t->gravity,
                "minor, general or serious (轻微, 一般, 严重); none by default");
  c->add_option("--occurred", t->occurred, "day of the act, YYYY-MM-DD")
      ->type_name("DAY")
      ->required(fresh);
  c->add_option("--decided", t->decided, "day of the decision")->type_name("DAY")->required(fresh);
  c->add_option("--ended", t->ended, "day the act ended")->type_name("DAY");
  c->add_option("--notified", t->notified, "day of the prior notice")->type_name("DAY");
  c->add_option("--amount-yuan", t->amount_yuan, "exact, e.g. 3000.00")->type_name("YUAN");
  c->add_option("--doc", t->doc, "number of the decision document");
  c->add_option("--basis", t->basis, "law and clause")->required(fresh);
  auto* level =
      c->add_option("--basis-level", t->basis_level, "law, regulation, rule, normative or pact");
  if (fresh) level->default_str("rule");
  c->add_option("--grid", t->grid, "grid cell, e.g. 440604G0460");
}

// "amount_yuan" -> "amount-yuan"
std::string option_of(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return field == "gravity" ? "class" : field;
}

ledger::EventFacts must_facts(Session& s, const EventTexts& t) {
  auto facts = event_facts(t, s.genesis().catalog, false);
  if (!facts) {
    Failure f{ExitCode::kBadInput, {}, {}, "bad-input", {}};
    for (const NamedProblem& p : facts.error()) {
      std::string text = fmt::format("--{}: {}", option_of(p.field), p.reason);
      if (f.what.empty()) {
        f.what = std::move(text);
      } else {
        f.details.push_back(std::move(text));
      }
    }
    throw f;
  }
  return std::move(*facts);
}

// The facts as recorded (read with their proof), except those given on the command line; one given
// as '' is dropped.
ledger::EventFacts corrected_facts(Session& s, const ledger::EventId& id, const EventTexts& given,
                                   const CLI::App& command) {
  if (!must_verify(s)) {
    fail(ExitCode::kUsage, "usage", "facts that are not given are read from the ledger",
         "without --no-verify");
  }
  const Verified v = read_verified(s, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id});
  const auto& event = std::get<ledger::EventAnswer>(v.answer.answer).event;
  if (!event) {
    fail(ExitCode::kNotFound, "not-found", absence_text(v.answer) + ": the ledger proves it");
  }
  const auto recorded = texts_of(event->facts, s.genesis().catalog);
  if (!recorded) bad_input("this event's facts are not public: it cannot be corrected from here");
  EventTexts t = *recorded;
  const auto take = [&](const char* option, std::string EventTexts::* field) {
    if (command.count(option) > 0) t.*field = given.*field;
  };
  take("--code", &EventTexts::code);
  take("--class", &EventTexts::gravity);
  take("--occurred", &EventTexts::occurred);
  take("--decided", &EventTexts::decided);
  take("--ended", &EventTexts::ended);
  take("--notified", &EventTexts::notified);
  take("--amount-yuan", &EventTexts::amount_yuan);
  take("--doc", &EventTexts::doc);
  take("--basis", &EventTexts::basis);
  take("--basis-level", &EventTexts::basis_level);
  take("--grid", &EventTexts::grid);
  ledger::EventFacts facts = must_facts(s, t);
  facts.body = event->facts.body;
  // A class may stand for several rules; the recorded one stays unless another is asked for.
  if (command.count("--code") + command.count("--class") == 0) facts.rule = event->facts.rule;
  return facts;
}

void add_event_writes(CLI::App* event, Session& s) {
  auto write = std::make_shared<WriteOptions>();
  auto texts = std::make_shared<EventTexts>();
  auto uscc = std::make_shared<std::string>();
  auto source = std::make_shared<std::string>();
  auto issued = std::make_shared<bool>(false);
  auto* record = event->add_subcommand("record", "Record a credit event of an enterprise");
  record->add_option("USCC", *uscc, "the enterprise that it is about")->required();
  record->add_option("--source-key", *source,
                     "the agency's own number of the case: recorded once only");
  add_facts_options(record, texts, true);
  add_as_issued(record, *issued);
  add_write_options(record, *write);
  record->footer(
      "imi event record 91350100M000100Y43 --code food.pests --class minor --occurred 2026-03-01 "
      "\\\n"
      "    --decided 2026-03-05 --basis '食品安全法 s.126' --source-key case-17 --as food-440604");
  record->callback([&s, write, texts, uscc, source, issued] {
    s.action = [&s, write, texts, uscc, source, issued] {
      ledger::EventRecord e;
      e.subject = ledger::enterprise_id(must(parse_enterprise_code(*uscc, *issued), "USCC").uscc);
      e.facts = must_facts(s, *texts);
      if (!source->empty()) {
        const auto key = typed_source(*source);
        if (!key) bad_input("--source-key: " + key.error().reason);
        if (key->empty()) bad_input("--source-key: is empty: it needs visible text");
        e.source = *key;
      }
      report_result(s, submit_one(s, *write, std::move(e)));
    };
  });

  auto write2 = std::make_shared<WriteOptions>();
  auto texts2 = std::make_shared<EventTexts>();
  auto eid = std::make_shared<std::string>();
  auto version = std::make_shared<std::uint32_t>(1);
  auto reason = std::make_shared<std::string>();
  auto* correct =
      event->add_subcommand("correct",
                            "Replace an event with a corrected one; both stay on record\n"
                            "Facts that are not given stay as recorded.");
  correct->add_option("EID", *eid, "event id, 64 hexadecimal characters")->required();
  correct->add_option("--version", *version, "the version of the event that you have seen")
      ->capture_default_str();
  correct
      ->add_option("--reason", *reason, "typo, wrong-subject, final-decision, duplicate or other")
      ->required();
  add_facts_options(correct, texts2, false);
  add_write_options(correct, *write2);
  correct->footer("imi event correct EID --amount-yuan 3000.00 --reason typo --as food-440604");
  correct->callback([&s, write2, texts2, eid, version, reason, correct] {
    s.action = [&s, write2, texts2, eid, version, reason, correct] {
      const auto id = id_of<ledger::EventId>(*eid, "EID");
      const auto why = must(parse_change_reason(*reason), "--reason");
      const ledger::EventCorrect e{id, ledger::Version(*version),
                                   corrected_facts(s, id, *texts2, *correct), why};
      report_result(s, submit_one(s, *write2, e));
    };
  });

  auto write3 = std::make_shared<WriteOptions>();
  auto eid3 = std::make_shared<std::string>();
  auto version3 = std::make_shared<std::uint32_t>(1);
  auto reason3 = std::make_shared<std::string>("revoked");
  auto* withdraw =
      event->add_subcommand("withdraw", "Withdraw an event; it stays on record as withdrawn");
  withdraw->add_option("EID", *eid3, "event id, 64 hexadecimal characters")->required();
  withdraw->add_option("--version", *version3, "the version of the event that you have seen")
      ->capture_default_str();
  withdraw->add_option("--reason", *reason3, "revoked, typo, wrong-subject, duplicate or other")
      ->capture_default_str();
  add_write_options(withdraw, *write3);
  withdraw->footer("imi event withdraw EID --reason revoked --as food-440604");
  withdraw->callback([&s, write3, eid3, version3, reason3] {
    s.action = [&s, write3, eid3, version3, reason3] {
      const ledger::EventWithdraw e{id_of<ledger::EventId>(*eid3, "EID"),
                                    ledger::Version(*version3),
                                    must(parse_change_reason(*reason3), "--reason")};
      report_result(s, submit_one(s, *write3, e));
    };
  });
}

void add_event(CLI::App& root, Session& s) {
  auto* event = root.add_subcommand("event", "Credit events: show, record, correct, withdraw");
  event->group(kChapterWrite);
  event->require_subcommand(1);
  event->footer("imi event show EID --prove");
  auto eid = std::make_shared<std::string>();
  auto read = std::make_shared<ReadOptions>();
  auto* show = event->add_subcommand("show", "An event's current version and status, verified");
  show->add_option("EID", *eid, "event id, 64 hexadecimal characters")->required();
  add_read_options(show, read);
  show->footer("imi event show EID --prove --out event.imi");
  show->callback([&s, eid, read] {
    s.action = [&s, eid, read] {
      const auto id = id_of<ledger::EventId>(*eid, "EID");
      show_read(s, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id}, *read);
    };
  });
  add_event_writes(event, s);
}

// ---- agency -----------------------------------------------------------------------------------

void list_agencies(Session& s) {
  const AgencyList all = all_agencies(s);
  Table t({{"short name"},
           {"title", Align::kLeft, 10},
           {"roles", Align::kLeft, 10},
           {"status"},
           {"key here", Align::kLeft, 0},
           id_column("id")});
  json::array list;
  for (const ListedAgency& a : all.agencies) {
    std::vector<std::string> roles;
    for (const ledger::Role r : ledger::kAllRoles) {
      if (a.profile.roles.has(r)) roles.emplace_back(ledger::name(r));
    }
    std::error_code ec;
    const bool here =
        std::filesystem::exists(s.dir() / "agencies" / (a.profile.short_name + ".key"), ec);
    const std::string status = a.state ? std::string(ledger::name(a.state->status)) : "?";
    t.add({a.profile.short_name, a.profile.title, joined(roles), status, here ? "yes" : "no",
           to_hex(a.id)});
    list.push_back(json::object{{"short_name", a.profile.short_name},
                                {"title", a.profile.title},
                                {"id", to_hex(a.id)},
                                {"roles", json::array(roles.begin(), roles.end())},
                                {"status", status},
                                {"registered_in_block", a.state ? a.state->registered.value : 0},
                                {"verified", a.state.has_value()},
                                {"key_here", here}});
  }
  s.out().emit(json::object{{"agencies", list},
                            {"nodes_asked", all.nodes},
                            {"nodes_answered", all.nodes_answered},
                            {"not_verified", json::array{"that no agency is missing"}}});
  s.out().show(t);
  if (all.problem) {
    s.out().warn(
        "agencies with status \"?\" are listed as of genesis, and later ones are missing: " +
        all.problem->what);
    // Without a node the list of the genesis document is what there is; a node that gave an answer
    // without a proof is an error here as everywhere.
    if (all.problem->exit == ExitCode::kVerificationFailed) throw *all.problem;
    return;
  }
  s.out().line();
  s.out().styled_line("verified: each agency, with its own proof", Style::kGood);
  s.out().styled_line(
      fmt::format(
          "not verified: that no agency registered after genesis is missing; {} of {} nodes "
          "gave their lists",
          all.nodes_answered, all.nodes),
      Style::kDim);
}

void show_agency(Session& s, const std::string& typed, const ReadOptions& o) {
  const auto name = typed_word(typed);
  if (!name) bad_input("NAME: " + name.error().reason);
  const std::string& text = *name;
  ledger::AgencyId id = ledger::agency_id(text);
  if (const auto given = fixed_from_hex<ledger::AgencyId>(text)) id = *given;
  show_read(s, "agency", {{"id", to_hex(id)}}, ledger::AskAgency{id}, o,
            fmt::format("agency '{}'", cut(printable(text), 70)));
}

void add_agency(CLI::App& root, Session& s) {
  auto* agency =
      root.add_subcommand("agency", "Agencies: who may record what, where, with which keys");
  agency->group(kChapterRead);
  agency->require_subcommand(1);
  auto* list =
      agency->add_subcommand("list", "All agencies, each as the ledger has it now, verified");
  list->footer("imi agency list");
  list->callback([&s] { s.action = [&s] { list_agencies(s); }; });
  auto name = std::make_shared<std::string>();
  auto read = std::make_shared<ReadOptions>();
  auto* show = agency->add_subcommand("show", "One agency as the ledger has it now, verified");
  show->add_option("NAME", *name, "short name, or id (64 hexadecimal characters)")->required();
  add_read_options(show, read);
  show->footer("imi agency show food-440604 --prove");
  show->callback(
      [&s, name, read] { s.action = [&s, name, read] { show_agency(s, *name, *read); }; });
}

}  // namespace

void add_record_commands(CLI::App& root, Session& s) {
  add_event(root, s);
  add_enterprise(root, s);
  add_agency(root, s);
}

}  // namespace imi::cli
