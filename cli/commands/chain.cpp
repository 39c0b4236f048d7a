// block, status, node status, validators, rpc: what a node says of itself and the chain. None of it
// is proved, and the output says so; proved reads are in the other files.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/help.h"
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

void show_block(Session& s, std::uint64_t height) {
  const json::value b = s.call("block", {{"height", height}});
  if (s.out().json()) return s.out().emit(b);
  Fields f;
  f.add("block", grouped(number_member(b, "height")));
  f.add("id", text_member(b, "id"));
  if (const std::string parent = text_or_empty(b, "parent"); !parent.empty())
    f.add("parent", parent);
  f.add("time", time_text(static_cast<std::int64_t>(number_member(b, "time_ms"))) + " (UTC+8)");
  const json::value& list = member(b, "submissions");
  f.add("submissions", grouped(list.is_array() ? list.get_array().size() : 0));
  s.out().show(f);
  if (!list.is_array() || list.get_array().empty()) return;
  Table t({{"#", Align::kRight},
           {"submission", Align::kLeft, 20},
           {"author", Align::kLeft, 12},
           {"entries", Align::kRight},
           {"refused", Align::kRight}});
  std::size_t index = 0;
  for (const json::value& sub : list.get_array()) {
    // Not told of a block that is not certified yet.
    const auto refused = number_if(sub, "refused");
    const bool repeat = sub.is_object() && sub.get_object().contains("duplicate") &&
                        member(sub, "duplicate") == json::value(true);
    t.add({std::to_string(index++), text_or_empty(sub, "id"), text_or_empty(sub, "author"),
           grouped(number_if(sub, "entries").value_or(0)),
           repeat     ? Cell("repeat", Style::kDim)
           : !refused ? Cell("?")
                      : Cell(grouped(*refused), *refused > 0 ? Style::kWarn : Style::kPlain)});
  }
  s.out().line();
  s.out().show(t);
}

void show_status(Session& s) {
  const json::value v = s.call("status", {});
  if (s.out().json()) return s.out().emit(v);
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
  s.out().styled_line("This is the word of the node at " + s.client().current().text() +
                          ". For what a quorum signed: imi head --prove",
                      Style::kDim);
}

void show_validators(Session& s) {
  const json::value v = s.call("validators", {});
  if (s.out().json()) return s.out().emit(v);
  Table t({{"#", Align::kRight},
           {"name", Align::kLeft, 8},
           {"key", Align::kLeft, 16},
           {"tls key pin", Align::kLeft, 11}});
  const json::value& list = member(v, "validators");
  for (const json::value& m : list.is_array() ? list.get_array() : json::array()) {
    t.add({text_or_empty(m, "index"), text_member(m, "name"), text_member(m, "key"),
           text_or_empty(m, "tls_key_pin")});
  }
  s.out().show(t);
  s.out().line();
  const std::uint64_t n = t.rows();
  s.out().line(fmt::format("epoch {}: {} of {} sign what is certified; {} may be faulty",
                           number_member(v, "epoch"), number_member(v, "quorum"), n,
                           n == 0 ? 0 : (n - 1) / 3));
}

void show_peers(Session& s) {
  const json::value v = s.call("peers", {});
  if (s.out().json()) return s.out().emit(v);
  Table t({{"peer", Align::kLeft, 8},
           {"connected"},
           {"address", Align::kLeft, 9},
           {"round trip", Align::kRight}});
  for (const json::value& p : v.is_array() ? v.get_array() : json::array()) {
    const bool up = member(p, "connected") == json::value(true);
    const auto us = number_if(p, "round_trip_us");
    t.add({text_member(p, "name"), Cell(up ? "yes" : "no", up ? Style::kGood : Style::kBad),
           text_or_empty(p, "address"),
           us ? fmt::format("{}.{:03} ms", *us / 1000, *us % 1000) : std::string()});
  }
  s.out().show(t);
}

void show_evidence(Session& s) {
  json::array all;
  std::uint64_t total = 0;
  do {
    const json::value page = s.call("evidence", {{"from", all.size()}});
    total = number_member(page, "total");
    const json::value& pairs = member(page, "pairs");
    if (!pairs.is_array() || pairs.get_array().empty()) break;
    for (const json::value& p : pairs.get_array()) all.push_back(p);
  } while (all.size() < total);
  if (s.out().json()) return s.out().emit(json::object{{"total", total}, {"pairs", all}});
  if (all.empty()) return s.out().line("none: this node saw no member sign two different messages");
  Table t({{"member", Align::kLeft, 8}, {"epoch", Align::kRight}, {"signed two of kind"}});
  for (const json::value& p : all) {
    t.add({text_member(p, "name"), grouped(number_member(p, "epoch")),
           Cell(text_member(p, "kind"), Style::kBad)});
  }
  s.out().show(t);
  s.out().line();
  s.out().styled_line("--json has the signed messages, which anyone can check", Style::kDim);
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
  s.out().raw(rpc::pretty(s.call(method, std::move(*bound))) + "\n");
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
  auto* peers = node->add_subcommand("peers", "Which peers it is connected to");
  peers->footer("imi node peers");
  peers->callback([&s] { s.action = [&s] { show_peers(s); }; });
  auto* evidence = node->add_subcommand("evidence", "Members that it saw sign two different votes");
  evidence->footer("imi --json node evidence");
  evidence->callback([&s] { s.action = [&s] { show_evidence(s); }; });

  auto* validators = root.add_subcommand("validators", "The validator set of the current epoch");
  validators->group(kChapterChain);
  validators->footer("imi validators --json");
  validators->callback([&s] { s.action = [&s] { show_validators(s); }; });

  auto* rpc = root.add_subcommand("rpc", "Call any RPC method; the answer is printed as it came");
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
