// block, validators (verified: block.cpp), and status, node status, node peers, rpc: what a node
// says of itself. Nothing proves that, and the output says so: "verified": false.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <memory>

#include "cli/commands/block.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/read/verified.h"
#include "cli/values.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

// A value for a label: a nested object becomes "name value, name value".
std::string flat_text(const json::value& v, std::string_view key) {
  const json::value& inner = member(v, key);
  if (!inner.is_object()) return text_or_empty(v, key);
  std::string out;
  for (const auto& kv : inner.get_object()) {
    std::string name(kv.key());
    std::replace(name.begin(), name.end(), '_', ' ');
    out += (out.empty() ? "" : ", ") + name + " " + text_or_empty(inner, kv.key());
  }
  return out;
}

void show_status(Session& s) {
  const json::value v = s.call("status", {});
  if (s.out().json()) return s.out().emit(marked_unverified(v));
  Fields f;
  for (const auto& [key, value] : v.get_object()) {
    std::string label(key);
    std::replace(label.begin(), label.end(), '_', ' ');
    Style style = Style::kPlain;
    if (key == "ready") style = value == json::value(true) ? Style::kGood : Style::kBad;
    f.add(label, Cell(flat_text(v, key), style));
  }
  s.out().show(f);
  s.out().line();
  s.out().styled_line(unverified_text(s) + ". For what a quorum signed: imi head --prove",
                      Style::kDim);
}

// A peer's clock against the node's.
std::string clock_text(const json::value& peer) {
  const json::object* o = peer.if_object();
  const json::value* ahead = o != nullptr ? o->if_contains("clock_ahead_ms") : nullptr;
  if (ahead == nullptr || !ahead->is_int64()) return {};
  const std::int64_t ms = ahead->get_int64();
  return (ms < 0 ? "" : "+") + duration_text(ms);
}

void show_peers(Session& s) {
  const json::value v = s.call("peers", {});
  if (s.out().json()) return s.out().emit(json::object{{"peers", v}, {"verified", false}});
  Table t({{"peer", Align::kLeft, 8},
           {"connected"},
           {"address", Align::kLeft, 9},
           {"round trip", Align::kRight},
           {"clock", Align::kRight}});
  std::vector<std::string> reasons;
  for (const json::value& p : v.is_array() ? v.get_array() : json::array()) {
    const bool up = member(p, "connected") == json::value(true);
    const auto us = number_if(p, "round_trip_us");
    t.add({text_member(p, "name"), Cell(up ? "yes" : "no", up ? Style::kGood : Style::kBad),
           text_or_empty(p, "address"),
           up && us ? fmt::format("{}.{:03} ms", *us / 1000, *us % 1000) : std::string(),
           clock_text(p)});
    if (const std::string why = text_or_empty(p, "why_not"); !up && !why.empty()) {
      reasons.push_back(fmt::format("{}: {}", text_member(p, "name"), why));
    }
  }
  s.out().show(t);
  for (const std::string& r : reasons) s.out().line(printable(r));
  s.out().line();
  s.out().styled_line(unverified_text(s), Style::kDim);
}

void show_evidence(Session& s) {
  json::array all;
  std::uint64_t total = 0;
  const auto deadline = std::chrono::steady_clock::now() + s.timeout();
  do {
    if (std::chrono::steady_clock::now() > deadline) {
      fail(rpc::make_error(rpc::Error::kBadResponse,
                           {{"address", s.client().current().text()},
                            {"why", fmt::format("its list of evidence does not end within {}",
                                                duration_text(s.timeout().count()))}}));
    }
    const json::value page = s.call("evidence", {{"from", all.size()}});
    total = number_member(page, "total");
    const json::value& pairs = member(page, "pairs");
    if (!pairs.is_array() || pairs.get_array().empty()) break;
    for (const json::value& p : pairs.get_array()) all.push_back(p);
  } while (all.size() < total);
  if (s.out().json()) {
    return s.out().emit(json::object{{"total", total}, {"pairs", all}, {"verified", false}});
  }
  if (all.empty()) {
    s.out().line("none: the node reports no member that signed two different messages");
    s.out().line();
    return s.out().styled_line(unverified_text(s), Style::kDim);
  }
  Table t({{"member", Align::kLeft, 8}, {"epoch", Align::kRight}, {"signed two of kind"}});
  for (const json::value& p : all) {
    t.add({text_member(p, "name"), grouped(number_member(p, "epoch")),
           Cell(text_member(p, "kind"), Style::kBad)});
  }
  s.out().show(t);
  s.out().line();
  s.out().styled_line(
      unverified_text(s) + "; --json has the signed messages, which anyone can check", Style::kDim);
}

void call_rpc(Session& s, const std::string& method, const std::string& params) {
  const rpc::MethodSpec* spec = rpc::find_method(method);
  if (spec == nullptr) {
    std::vector<std::string> names;
    for (const rpc::MethodSpec& m : rpc::methods()) names.emplace_back(m.name);
    const auto near = nearest(method, names);
    fail(ExitCode::kUsage, "method-not-found",
         fmt::format("there is no method '{}'", printable(method)),
         near ? "imi rpc " + *near : "one of " + joined(names, "or"));
  }
  json::value value = json::object();
  if (!params.empty()) {
    auto parsed = rpc::parse_json(params);
    if (!parsed) fail(ExitCode::kBadInput, "bad-json", parsed.error().message);
    value = std::move(*parsed);
  }
  auto bound = rpc::bind_params(*spec, std::move(value));
  if (!bound) {
    fail(ExitCode::kUsage, "invalid-params", bound.error().message,
         fmt::format("imi rpc {} '{}'", method, spec->example_params));
  }
  s.out().show_json(s.call(method, std::move(*bound)));
}

}  // namespace

void add_chain_commands(CLI::App& root, Session& s) {
  auto* block = root.add_subcommand("block", "A block: its submissions and what became of them");
  auto height = std::make_shared<std::uint64_t>(0);
  block->group(kChapterChain);
  block->add_option("HEIGHT", *height, "from 1")->required();
  block->footer("imi block 7");
  block->callback([&s, height] { s.action = [&s, height] { show_block(s, *height); }; });

  auto* status = root.add_subcommand("status", "One node's own state: heights, view, pool, peers");
  status->group(kChapterChain);
  status->footer("imi status --node 127.0.0.1:8645");
  status->callback([&s] { s.action = [&s] { show_status(s); }; });

  auto* node = root.add_subcommand("node", "One node: its state and its peers");
  node->group(kChapterChain);
  node->require_subcommand(1);
  auto* node_status = node->add_subcommand("status", "The same as `imi status`");
  node_status->footer("imi node status --node 127.0.0.1:8645");
  node_status->callback([&s] { s.action = [&s] { show_status(s); }; });
  auto* peers =
      node->add_subcommand("peers", "Which peers it is connected to, and why not to the others");
  peers->footer("imi node peers");
  peers->callback([&s] { s.action = [&s] { show_peers(s); }; });
  auto* evidence =
      node->add_subcommand("evidence", "Members that it has seen sign two conflicting votes");
  evidence->footer("imi --json node evidence");
  evidence->callback([&s] { s.action = [&s] { show_evidence(s); }; });

  auto* validators = root.add_subcommand("validators", "The validator set of the current epoch");
  validators->group(kChapterChain);
  validators->footer("imi validators --json");
  validators->callback([&s] { s.action = [&s] { show_validators(s); }; });

  auto* rpc = root.add_subcommand("rpc", "Call any RPC method; the answer is printed unchanged");
  auto method = std::make_shared<std::string>();
  auto params = std::make_shared<std::string>();
  rpc->group(kChapterTools);
  rpc->add_option("METHOD", *method, "as in the OpenRPC document: imi rpc rpc.discover")
      ->required();
  rpc->add_option("PARAMS", *params, "JSON object or array");
  rpc->footer("imi rpc block '{\"height\": 7}'");
  rpc->callback(
      [&s, method, params] { s.action = [&s, method, params] { call_rpc(s, *method, *params); }; });
}

}  // namespace imi::cli
