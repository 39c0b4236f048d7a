// proof verify, head, genesis show|id, catalog: what is checked or shown from files alone.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/network/manifest.h"
#include "cli/read/render.h"
#include "cli/read/verified.h"
#include "cli/values.h"
#include "ledger/proof/bundle.h"

namespace imi::cli {
namespace {

struct VerifyFile {
  std::string file;
  std::string head;
  bool fresh = false;  // --max-age was given: freshness is asked for
};

std::string read_proof_file(const std::string& file) {
  auto bytes = read_whole(file, ledger::kMaxProofBytes + 16);
  if (!bytes) fail(ExitCode::kLocal, "cannot-read", bytes.error());
  return std::move(*bytes);
}

[[noreturn]] void does_not_verify(const std::string& file, const ledger::ProofError& e) {
  throw Failure{ExitCode::kVerificationFailed,
                fmt::format("{} does NOT verify: {}", file, describe(e)),
                "",
                std::string(ledger::name(e.reason)),
                {}};
}

std::string block_text(const chain::LedgerHead& h) {
  return fmt::format("{}, {} (UTC+8)", grouped(h.height.value), time_text(h.time.value));
}

// Offline: no node is asked, no network folder is needed.
void verify_file(Session& s, const VerifyFile& o) {
  const std::string bytes = read_proof_file(o.file);
  ledger::VerifyOptions options;
  options.earlier = true;
  if (o.fresh) {
    options.now = chain::TimeMs(s.now_ms());
    options.max_age_ms = s.max_age_ms();
  }
  if (!o.head.empty()) {
    std::string problem;
    options.trusted = load_head(o.head, &problem);
    if (!options.trusted) fail(ExitCode::kBadInput, "bad-head", problem);
  }
  const ledger::Genesis& genesis = s.genesis();
  const auto answer = ledger::verify_bytes(as_bytes(bytes), genesis, options);
  if (!answer) does_not_verify(o.file, answer.error());
  json::object j{{"file", o.file}, {"valid", true}, {"meaning", meaning(*answer, genesis)}};
  j["question"] = describe(answer->question);
  j["answer"] = answer_json(*answer, genesis);
  j["verified"] = verified_json(s, *answer);
  s.out().emit(j);
  show_answer(s.out(), *answer, genesis);
  s.out().line();
  s.out().styled_line("This proof is valid. " + meaning(*answer, genesis), Style::kGood);
  std::string signers;
  const auto& members = genesis.validators.members;
  for (const chain::MemberId m : answer->signers) {
    const bool known = answer->head.epoch == chain::Epoch(0) && m.value < members.size();
    signers +=
        (signers.empty() ? "" : ", ") + (known ? members[m.value].name : std::to_string(m.value));
  }
  Fields f;
  f.add("signed by",
        fmt::format("{} of {} validators: {}", answer->signers.size(), members.size(), signers));
  f.add("network", fmt::format("{}, genesis {}", genesis.chain_name, to_hex(answer->head.genesis)));
  const std::int64_t age = std::max<std::int64_t>(0, s.now_ms() - answer->head.time.value);
  f.add("block", fmt::format("{}, {} ago", block_text(answer->head), duration_text(age)));
  if (answer->certified != answer->head) {
    f.add("in history of", fmt::format("block {}", block_text(answer->certified)));
  }
  f.add("state root", to_hex(answer->head.state_root));
  s.out().show(f);
  if (!o.fresh) {
    s.out().warn(fmt::format(
        "this proof shows block {} of {} (UTC+8). Later events are not in it. Add --max-age 60s to "
        "refuse old proofs.",
        grouped(answer->head.height.value), time_text(answer->head.time.value)));
  }
}

struct RenewFile {
  std::string file;
  std::string out;
};

// A saved answer under today's head: what it says stays as of its own block.
void renew_file(Session& s, const RenewFile& o) {
  const std::string bytes = read_proof_file(o.file);
  const auto old = ledger::decode_proof(as_bytes(bytes));
  if (!old) fail(ExitCode::kBadInput, "not-a-proof", o.file + " is not a complete proof file");
  const chain::Height height = ledger::answered_head(*old).height;
  const Verified head =
      read_verified(s, "head", {{"height", height.value}}, ledger::AskHead{height});
  const auto newest = ledger::decode_proof(head.bundle);
  const auto renewed = newest ? ledger::renew(*old, *newest) : std::nullopt;
  if (!renewed) {
    fail(ExitCode::kVerificationFailed, "forked",
         fmt::format("{} is of a block {} that is not in this network's history", o.file,
                     grouped(height.value)),
         "--genesis FILE: the genesis file of the network that it comes from");
  }
  ledger::VerifyOptions options;
  options.earlier = true;
  const auto answer = ledger::verify(*renewed, s.genesis(), options);
  if (!answer) does_not_verify(o.file, answer.error());
  const std::string& out = o.out.empty() ? o.file : o.out;
  const bool person = std::holds_alternative<ledger::AskPerson>(answer->question);
  const Bytes again = ledger::encode_proof(*renewed);
  if (auto ok = write_whole(out, as_text(again), person ? 0600 : 0644); !ok) {
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  }
  s.out().emit(json::object{{"file", out},
                            {"question", describe(answer->question)},
                            {"height", answer->head.height.value},
                            {"certified", answer->certified.height.value}});
  s.out().line(fmt::format("saved {}: the answer of block {}, checked under block {}", out,
                           block_text(answer->head), block_text(answer->certified)));
}

void show_head(Session& s, const ReadOptions& o) {
  if (!must_verify(s, o)) return show_unverified(s, "head", {});
  const Verified v = read_verified(s, "head", {}, ledger::AskHead{});
  s.out().emit(json::object{{"head", verified_json(s, v.answer)}});
  const chain::LedgerHead& h = v.answer.head;
  Fields f;
  f.add("height", grouped(h.height.value));
  f.add("time", time_text(h.time.value) + " (UTC+8)");
  f.add("block", to_hex(h.block));
  f.add("state root", to_hex(h.state_root));
  f.add("log", fmt::format("{} entries, root {}", grouped(h.log_size), to_hex(h.log_root)));
  f.add("validators", to_hex(h.validators_digest));
  s.out().show(f);
  finish_read(s, v, o);
}

void save_trusted(Session& s, const std::string& file) {
  const Verified v = read_verified(s, "head", {}, ledger::AskHead{});
  if (auto ok = save_head(file, v.answer.head); !ok)
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  s.out().emit(json::object{{"file", file}, {"head", verified_json(s, v.answer)}});
  s.out().line(
      fmt::format("saved the head of block {} as {}: a later proof verified with --head {} must "
                  "not be older",
                  grouped(v.answer.head.height.value), file, file));
}

json::object genesis_json(const ledger::Genesis& g) {
  json::array validators;
  for (const auto& v : g.validators.members) {
    validators.push_back(json::object{
        {"name", v.name}, {"key", to_hex(v.key)}, {"tls_key_pin", to_hex(v.tls_key_pin)}});
  }
  json::array agencies;
  for (const auto& a : g.agencies) {
    agencies.push_back(json::object{
        {"id", to_hex(a.id)}, {"short_name", a.profile.short_name}, {"title", a.profile.title}});
  }
  return {{"id", to_hex(ledger::genesis_id(g))},
          {"chain_name", g.chain_name},
          {"suite", g.suite},
          {"time_ms", g.time.value},
          {"quorum", g.validators.quorum().q},
          {"faulty", g.validators.quorum().f},
          {"validators", validators},
          {"agencies", agencies},
          {"codes", g.catalog.codes.size()},
          {"rules", g.catalog.rules.size()}};
}

void show_genesis(Session& s) {
  const ledger::Genesis& g = s.genesis();
  s.out().emit(genesis_json(g));
  Fields f;
  f.add("file", s.genesis_path().string());
  f.add("id", Cell(to_hex(s.genesis_id()), Style::kBold));
  f.add("chain", g.chain_name);
  f.add("time", time_text(g.time.value) + " (UTC+8)");
  f.add("suite", g.suite);
  const auto q = g.validators.quorum();
  f.add("validators",
        fmt::format("{}: {} sign what is certified, {} may be faulty", q.n, q.q, q.f));
  f.add("agencies", std::to_string(g.agencies.size()));
  f.add("catalog", fmt::format("{} codes, {} rules, {} schemas", g.catalog.codes.size(),
                               g.catalog.rules.size(), g.catalog.schemas.size()));
  s.out().show(f);
  s.out().line();
  Table t({{"validator"}, id_column("key"), id_column("tls key pin")});
  for (const auto& v : g.validators.members) t.add({v.name, to_hex(v.key), to_hex(v.tls_key_pin)});
  s.out().show(t);
}

void show_catalog(Session& s, const std::string& field) {
  const ledger::Catalog& c = s.genesis().catalog;
  Table t({{"code"},
           {"name", Align::kLeft, 12},
           {"polarity", Align::kLeft, 8},
           {"classes", Align::kLeft, 7},
           {"needs", Align::kLeft, 5},
           {"weakest basis", Align::kLeft, 5}});
  json::array list;
  for (const ledger::EventCode& code : c.codes) {
    if (!field.empty() && !code.text.starts_with(field)) continue;
    std::vector<std::string> classes;
    json::array rules;
    for (const ledger::RuleId id : code.rules) {
      const ledger::Rule* rule = c.find(id);
      if (rule == nullptr) continue;
      classes.emplace_back(ledger::name(rule->gravity));
      rules.emplace_back(rule->text);
    }
    std::vector<std::string> needs;
    for (const auto& [bit, text] : {std::pair{ledger::kNeedsAmount, "amount"},
                                    {ledger::kNeedsDoc, "doc"},
                                    {ledger::kNeedsGrid, "grid"},
                                    {ledger::kNeedsNotice, "notice"}}) {
      if ((code.needs & bit) != 0) needs.emplace_back(text);
    }
    t.add({code.text, code.names.zh + " / " + code.names.en,
           std::string(ledger::name(code.polarity)), joined(classes), joined(needs),
           std::string(ledger::name(code.weakest_basis))});
    list.push_back(json::object{{"code", code.text},
                                {"id", code.id.value},
                                {"zh", code.names.zh},
                                {"en", code.names.en},
                                {"polarity", std::string(ledger::name(code.polarity))},
                                {"rules", rules}});
  }
  s.out().emit(json::object{{"codes", list}});
  s.out().show(t);
}

}  // namespace

void add_proof_commands(CLI::App& root, Session& s) {
  auto* proof = root.add_subcommand("proof", "Check saved proofs, and renew them");
  proof->group(kChapterRead);
  proof->require_subcommand(1);
  auto o = std::make_shared<VerifyFile>();
  auto* verify = proof->add_subcommand(
      "verify",
      "Check a proof file with nothing but the genesis file\n"
      "Says in plain words what the file proves: as of which block and time, signed by whom. "
      "No node is asked.");
  verify->add_option("FILE", o->file, "a proof saved with --out")->required();
  verify
      ->add_option("--head", o->head,
                   "a head saved before (imi head --save); the proof must not be older")
      ->type_name("FILE");
  verify->footer(
      "imi proof verify answer.imi\n"
      "imi proof verify answer.imi --genesis ~/.imi/demo/genesis.imi --max-age 60s");
  verify->callback([&s, &root, o] {
    o->fresh = root.get_option("--max-age")->count() > 0;
    s.action = [&s, o] { verify_file(s, *o); };
  });

  auto again = std::make_shared<RenewFile>();
  auto* renew = proof->add_subcommand(
      "renew",
      "Put a saved proof under today's head\n"
      "The answer stays as of its own block. The file then rests on the signatures of the newest "
      "head, whose history has that block: it can be checked against a trusted head that is newer "
      "than the answer, and after its own signers have retired.");
  renew->add_option("FILE", again->file, "a proof saved with --out")->required();
  renew->add_option("--out", again->out, "where to save it (default: FILE itself)")
      ->type_name("FILE");
  renew->footer("imi proof renew answer.imi --out renewed.imi");
  renew->callback([&s, again] { s.action = [&s, again] { renew_file(s, *again); }; });

  auto read = std::make_shared<ReadOptions>();
  auto save = std::make_shared<std::string>();
  auto* head = root.add_subcommand("head", "The last certified head: what a quorum signed");
  head->group(kChapterChain);
  head->add_flag("--prove", read->prove, "show what the proof rests on");
  head->add_option("--out", read->out, "save the proof, to be checked offline")->type_name("FILE");
  head->add_option("--save", *save, "save the head, for `proof verify --head`")->type_name("FILE");
  head->footer("imi head --prove\nimi head --save head.imi");
  head->callback([&s, read, save] {
    s.action = [&s, read, save] { save->empty() ? show_head(s, *read) : save_trusted(s, *save); };
  });

  auto* genesis =
      root.add_subcommand("genesis", "The genesis document that all proofs are checked against");
  genesis->group(kChapterChain);
  genesis->require_subcommand(1);
  auto* show = genesis->add_subcommand(
      "show", "The validators, agencies, catalog and parameters that it sets");
  show->footer("imi genesis show\nimi genesis show --genesis ~/.imi/demo/genesis.imi");
  show->callback([&s] { s.action = [&s] { show_genesis(s); }; });
  auto* id = genesis->add_subcommand("id", "Its hash: the network's identity");
  id->footer("imi genesis id");
  id->callback([&s] {
    s.action = [&s] {
      s.out().emit(json::object{{"id", to_hex(s.genesis_id())}});
      s.out().line(to_hex(s.genesis_id()));
    };
  });

  auto field = std::make_shared<std::string>();
  auto* catalog =
      root.add_subcommand("catalog", "The event codes: names, classes, what they require");
  catalog->group(kChapterRead);
  catalog->add_option("PREFIX", *field, "only codes with this prefix, e.g. food");
  catalog->footer("imi catalog food");
  catalog->callback([&s, field] { s.action = [&s, field] { show_catalog(s, *field); }; });
}

}  // namespace imi::cli
