#include "cli/commands/show_read.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/read/render.h"
#include "cli/values.h"

namespace imi::cli {
namespace {

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

}  // namespace

void add_read_options(CLI::App* c, const std::shared_ptr<ReadOptions>& r) {
  c->add_flag("--prove", r->prove, "show what the proof rests on");
  c->add_option("--out", r->out, "save the proof, to be checked offline")->type_name("FILE");
}

Verified read_present(Session& s, std::string_view method, const json::object& params,
                      const ledger::Question& question, const std::string& what,
                      const std::string& instead) {
  if (!must_verify(s)) {
    fail(ExitCode::kUsage, "usage", what + " read from the ledger", instead);
  }
  Verified v = read_verified(s, method, params, question);
  require_present(v);
  return v;
}

void require_present(const Verified& v) {
  if (is_present(v.answer)) return;
  fail(ExitCode::kNotFound, "not-found", absence_text(v.answer) + ": the ledger proves it");
}

void bad_input(const std::string& what) { fail(ExitCode::kBadInput, "bad-input", what); }

void show_read(Session& s, std::string_view method, const json::object& params,
               const ledger::Question& question, const ReadOptions& o, const std::string& what) {
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

}  // namespace imi::cli
