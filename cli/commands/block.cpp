#include "cli/commands/block.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/hex.h"
#include "cli/read/block.h"
#include "cli/read/nodes.h"
#include "cli/read/verified.h"
#include "cli/values.h"
#include "rpc/ledger_json.h"

namespace imi::cli {
namespace {

// A node may lack the certificate of one height and have that of a later one, which the parents
// lead back from.
constexpr std::uint64_t kMostSteps = 32;

struct Fetched {
  json::value answer;
  CheckedBlock block;
  std::optional<chain::CheckpointCertificate> certificate;  // that the block is under
  std::string node;
};

Rejection invalid(Session& s, const NodeCalls& node, std::uint64_t height, const std::string& why) {
  return {Rejection::Kind::kInvalid,
          fmt::format("block {} did not verify: {}", height, why),
          {ExitCode::kVerificationFailed,
           fmt::format("block {} of {} does not verify: {}", height, node.address(), why),
           "another node with --node; is " + s.genesis_path().string() +
               " the genesis of the network asked?",
           "bad-block",
           {}}};
}

// Finds the certificate that the block is under: its own, or that of a block which descends
// from it. A rejection is about the node; without one there may still be no certificate.
std::optional<Rejection> find_certificate(Session& s, NodeCalls& node, Fetched& f) {
  const std::uint64_t height = f.block.header.height.value;
  CheckedBlock at = f.block;
  for (std::uint64_t step = 1;; ++step) {
    if (at.certificate) {
      const auto held = chain::verify(*at.certificate, s.genesis_id(), s.genesis().validators);
      if (!held) return invalid(s, node, height, std::string(chain::describe(held.error())));
      f.certificate = at.certificate;
      return std::nullopt;
    }
    if (step > kMostSteps) return std::nullopt;
    auto answer = node.call("block", {{"height", height + step}, {"prove", true}});
    if (!answer) return std::nullopt;  // the end of the chain
    auto next = check_block(*answer, s.genesis_id(), height + step);
    if (!next) return invalid(s, node, height + step, next.error());
    if (next->header.parent != at.id) {
      return invalid(s, node, height, "the next block has another parent");
    }
    at = std::move(*next);
  }
}

// From the first node that shows the block under a certificate; without one only where no node has
// a certificate for it.
Fetched fetch(Session& s, std::uint64_t height) {
  std::optional<Fetched> out;
  const auto attempt = [&](NodeCalls& node) -> std::optional<Rejection> {
    auto answer = node.call("block", {{"height", height}, {"prove", true}});
    if (!answer) return rejection_of(node.address(), answer.error());
    auto block = check_block(*answer, s.genesis_id(), height);
    if (!block) return invalid(s, node, height, block.error());
    Fetched f{std::move(*answer), std::move(*block), std::nullopt, node.address()};
    if (auto bad = find_certificate(s, node, f)) return bad;
    const bool certified = f.certificate.has_value();
    if (certified || !out) out = std::move(f);
    if (certified) return std::nullopt;
    Rejection none = invalid(s, node, height, "it has no certificate for it");
    none.kind = Rejection::Kind::kBehind;  // it may come yet
    return none;
  };
  try {
    ask_nodes(s, attempt);
  } catch (const Failure& f) {
    if (!out || f.exit == ExitCode::kInterrupted) throw;
  }
  return std::move(*out);
}

json::array signer_names(const ledger::Genesis& g, const chain::Signatures& signatures) {
  json::array out;
  for (const auto& x : signatures) out.emplace_back(g.validators.member(x.member).name);
  return out;
}

// Of the list in the node's answer: what no block says.
std::optional<std::uint64_t> refused_in(const json::value& answer, std::size_t i) {
  return number_if(member(answer, "submissions").get_array()[i], "refused");
}
bool is_repeat(const json::value& answer, std::size_t i) {
  const json::object& o = member(answer, "submissions").get_array()[i].get_object();
  const json::value* v = o.if_contains("duplicate");
  return v != nullptr && *v == json::value(true);
}

json::object block_json(const Fetched& f, const ledger::Genesis& g) {
  const chain::BlockHeader& h = f.block.header;
  json::array list;
  for (std::size_t i = 0; i < f.block.submissions.size(); ++i) {
    const ledger::SubmissionHeader& sub = f.block.submissions[i];
    json::object o{{"id", to_hex(ledger::submission_id(sub))},
                   {"author", rpc::agency_name(g, chain::retag<ledger::AgencyId>(sub.author))},
                   {"entries", sub.count}};
    if (const auto refused = refused_in(f.answer, i)) {
      o["refused"] = *refused;
      o["duplicate"] = is_repeat(f.answer, i);
    }
    list.push_back(std::move(o));
  }
  return {{"height", h.height.value},      {"id", to_hex(f.block.id)},
          {"parent", to_hex(h.parent)},    {"epoch", h.epoch.value},
          {"time_ms", h.time.value},       {"body_root", to_hex(h.body_root)},
          {"submissions", std::move(list)}};
}

void show_table(Session& s, const Fetched& f) {
  if (f.block.submissions.empty()) return;
  Table t({{"#", Align::kRight},
           {"author", Align::kLeft, 12},
           {"entries", Align::kRight},
           {"refused", Align::kRight},
           id_column("submission")});
  for (std::size_t i = 0; i < f.block.submissions.size(); ++i) {
    const ledger::SubmissionHeader& sub = f.block.submissions[i];
    const auto refused =
        refused_in(f.answer, i);  // not reported for a block that is not certified yet
    t.add({std::to_string(i),
           rpc::agency_name(s.genesis(), chain::retag<ledger::AgencyId>(sub.author)),
           grouped(sub.count),
           is_repeat(f.answer, i) ? Cell("repeat", Style::kDim)
           : !refused             ? Cell("?")
                      : Cell(grouped(*refused), *refused > 0 ? Style::kWarn : Style::kPlain),
           to_hex(ledger::submission_id(sub))});
  }
  s.out().line();
  s.out().show(t);
}

}  // namespace

void show_block(Session& s, std::uint64_t height) {
  if (height == 0) {
    fail(ExitCode::kBadInput, "no-such-block",
         "there is no block 0: blocks begin at 1, and the state before them is the genesis",
         "imi genesis show");
  }
  if (!must_verify(s)) return show_unverified(s, "block", {{"height", height}});
  const Fetched f = fetch(s, height);
  const auto& certificate = f.certificate;
  json::object j = block_json(f, s.genesis());
  j["certified"] = certificate.has_value();
  j["not_verified"] = json::array{"submissions.refused", "submissions.duplicate"};
  j["verified"] = false;
  if (certificate) {
    j["verified"] = json::object{{"height", certificate->head.height.value},
                                 {"signers", signer_names(s.genesis(), certificate->signatures)},
                                 {"validators", s.genesis().validators.members.size()}};
  }
  s.out().emit(j);
  const chain::BlockHeader& h = f.block.header;
  Fields fields;
  fields.add("block", grouped(h.height.value));
  fields.add("id", to_hex(f.block.id));
  fields.add("parent", to_hex(h.parent));
  fields.add("time", time_text(h.time.value) + " (UTC+8)");
  fields.add("submissions", grouped(f.block.submissions.size()));
  s.out().show(fields);
  show_table(s, f);
  s.out().line();
  if (!certificate) {
    s.out().styled_line("there is no certificate for it yet; " + reported_by(f.node), Style::kWarn);
    return;
  }
  s.out().styled_line(
      fmt::format("verified: signed by {} of {} validators{}", certificate->signatures.size(),
                  s.genesis().validators.members.size(),
                  certificate->head.height == h.height
                      ? std::string()
                      : fmt::format(" as an ancestor of block {}",
                                    grouped(certificate->head.height.value))),
      Style::kGood);
  if (f.block.submissions.empty()) return;
  s.out().styled_line("refused: " + reported_by(f.node) + "; imi submission ID asks for a proof",
                      Style::kDim);
}

void show_validators(Session& s) {
  if (!must_verify(s)) return show_unverified(s, "validators", {});
  // The set is that of the genesis file; that it is the one which signs now, the head says.
  const Verified v = read_verified(s, "head", {}, ledger::AskHead{});
  const chain::ValidatorSet& set = s.genesis().validators;
  if (v.answer.head.validators_digest != set.digest()) {
    fail(ExitCode::kVerificationFailed, "other-validators",
         fmt::format("validators of epoch {} sign, which this version of imi cannot name from the "
                     "genesis file",
                     v.answer.head.epoch.value),
         "a newer imi");
  }
  const chain::Quorum q = set.quorum();
  Table t({{"#", Align::kRight}, {"name"}, id_column("key"), id_column("tls key pin")});
  for (std::size_t i = 0; i < set.members.size(); ++i) {
    const chain::Validator& m = set.members[i];
    t.add({std::to_string(i), m.name, to_hex(m.key), to_hex(m.tls_key_pin)});
  }
  s.out().emit(json::object{{"epoch", set.epoch.value},
                            {"quorum", q.q},
                            {"faults_tolerated", q.f},
                            {"digest", to_hex(set.digest())},
                            {"validators", rpc::validators_json(set)},
                            {"verified", verified_json(s, v.answer)}});
  s.out().show(t);
  s.out().line();
  s.out().line(fmt::format("epoch {}: {} of {} sign what is certified; {} may be faulty",
                           set.epoch.value, q.q, q.n, q.f));
  finish_read(s, v, {});
}

}  // namespace imi::cli
