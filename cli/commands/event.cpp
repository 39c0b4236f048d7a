// event show|record|correct|withdraw.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/entry_options.h"
#include "cli/commands/show_read.h"
#include "cli/help.h"

namespace imi::cli {
namespace {

namespace json = boost::json;

ledger::EventState must_event(Session& s, const ledger::EventId& id) {
  const Verified v = read_present(s, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id},
                                  "facts that are not given are");
  return *std::get<ledger::EventAnswer>(v.answer.answer).event;
}

// The facts as recorded (read with their proof), except those given on the command line; one given
// as '' is dropped.
ledger::EventCorrect correction(Session& s, const json::object& given) {
  const auto id = id_of<ledger::EventId>(std::string(given.at("eid").as_string()), "EID");
  const ledger::EventState event = must_event(s, id);
  const auto recorded = texts_of(event.facts, s.genesis().catalog);
  if (!recorded) bad_input("this event's facts are not public: it cannot be corrected from here");
  json::object whole;
  for (const FactField& f : kFactFields) whole[f.name] = (*recorded).*f.text;
  for (const auto& field : given) whole[field.key()] = field.value();
  auto e = entry_of<ledger::EventCorrect>(s, whole, "eid");
  e.facts.body = event.facts.body;
  // A class may stand for several rules; the recorded one stays unless another is asked for.
  if (!given.contains("code") && !given.contains("class")) e.facts.rule = event.facts.rule;
  return e;
}

void add_show(CLI::App* event, Session& s) {
  auto eid = std::make_shared<std::string>();
  auto read = std::make_shared<ReadOptions>();
  auto* show = event->add_subcommand("show", "An event's current version and status, verified");
  show->add_option("EID", *eid, std::string(ledger::kEventIdHelp.text))->required();
  add_read_options(show, read);
  show->footer("imi event show EID --prove --out event.imi");
  show->callback([&s, eid, read] {
    s.action = [&s, eid, read] {
      const auto id = id_of<ledger::EventId>(*eid, "EID");
      show_read(s, "event", {{"eid", to_hex(id)}}, ledger::AskEvent{id}, *read);
    };
  });
}

}  // namespace

void add_event_commands(CLI::App& root, Session& s) {
  auto* event = root.add_subcommand("event", "Credit events: show, record, correct, withdraw");
  event->group(kChapterWrite);
  event->require_subcommand(1);
  event->footer("imi event show EID --prove");
  add_show(event, s);

  auto* record = event->add_subcommand("record", "Record a credit event of an enterprise");
  add_write<ledger::EventRecord>(record, s, {.positional = "uscc"});
  record->footer(
      "imi event record 91350100M000100Y43 --code food.pests --class minor --occurred 2026-03-01 "
      "\\\n"
      "    --decided 2026-03-05 --basis '食品安全法 s.126' --source-key case-17 --as food-440604");

  auto* correct =
      event->add_subcommand("correct",
                            "Replace an event with a corrected one; both stay on record\n"
                            "Facts that are not given stay as recorded.");
  add_write<ledger::EventCorrect>(correct, s, {.positional = "eid", .all_facts = false},
                                  correction);
  correct->footer("imi event correct EID --amount-yuan 3000.00 --reason typo --as food-440604");

  auto* withdraw =
      event->add_subcommand("withdraw", "Withdraw an event; it stays on record as withdrawn");
  add_write<ledger::EventWithdraw>(withdraw, s, {.positional = "eid"});
  withdraw->footer("imi event withdraw EID --reason revoked --as food-440604");
}

}  // namespace imi::cli
