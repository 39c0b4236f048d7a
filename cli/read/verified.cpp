#include "cli/read/verified.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/network/clocks.h"
#include "cli/network/manifest.h"
#include "cli/read/nodes.h"
#include "cli/values.h"

namespace imi::cli {
namespace {

constexpr std::string_view kHeadMagic = "IMIHEAD1";
constexpr std::size_t kMaxHeadFile = 4096;
constexpr int kBehindTries = 40;  // 50 ms each: a node that lags catches up within this

std::filesystem::path trusted_path(Session& s) { return s.dir() / "trusted-head"; }

// Where the head of another network waits that was verified in this folder with --genesis.
std::filesystem::path set_aside(Session& s, const chain::GenesisId& genesis) {
  return trusted_path(s).string() + "." + to_hex(genesis);
}

// A name that nothing has yet.
std::filesystem::path unused_name(const std::filesystem::path& file, std::string_view suffix) {
  std::error_code ec;
  std::filesystem::path out = fmt::format("{}.{}", file.string(), suffix);
  for (int i = 2; std::filesystem::exists(out, ec); ++i) {
    out = fmt::format("{}.{}-{}", file.string(), suffix, i);
  }
  return out;
}

void warn_of_lost_head(Session& s, const std::string& why, const std::filesystem::path& kept) {
  static bool told = false;
  if (std::exchange(told, true)) return;
  std::error_code ec;
  std::filesystem::rename(trusted_path(s), kept, ec);
  s.out().warn(fmt::format(
      "{}: the newest head seen before is not known, so an older state would not be noticed this "
      "once{}",
      why, ec ? std::string() : fmt::format("; the file is kept as {}", kept.string())));
}

// Once per command: the answer itself is verified nevertheless.
void warn_of_unkept_head(Session& s, const std::string& why) {
  static bool told = false;
  if (std::exchange(told, true)) return;
  s.out().warn(
      fmt::format("the newest verified head cannot be kept ({}): a node that answers from "
                  "an older state would not be noticed",
                  why));
}

std::optional<chain::LedgerHead> trusted_head(Session& s) {
  const auto file = trusted_path(s);
  std::error_code ec;
  if (std::filesystem::exists(file, ec) || ec) {
    std::string problem;
    const auto head = load_head(file, &problem);
    if (head && head->genesis == s.genesis_id()) return head;
    if (!head) {
      warn_of_lost_head(s, problem, unused_name(file, "damaged"));
      return std::nullopt;
    }
    // The folder was made anew with another genesis, or --genesis names another network.
    const auto kept = set_aside(s, head->genesis);
    std::filesystem::rename(file, kept, ec);
    s.out().warn(fmt::format("{} is of another network (genesis {}): kept as {}", file.string(),
                             to_hex(head->genesis), kept.string()));
  }
  const auto ours = set_aside(s, s.genesis_id());
  if (!std::filesystem::exists(ours, ec)) return std::nullopt;
  auto head = load_head(ours);
  if (!head || head->genesis != s.genesis_id()) return std::nullopt;
  std::filesystem::rename(ours, file, ec);
  return head;
}

// The proof in an answer, or in the data of a `not-found`.
std::optional<std::string> proof_in(const json::value& v) {
  const json::object* o = v.if_object();
  const json::value* p = o != nullptr ? o->if_contains("proof") : nullptr;
  if (p == nullptr || !p->is_string()) return std::nullopt;
  return std::string(p->get_string());
}

// What to do about a head that is too old, or newer than this machine's clock.
std::string time_hint(Session& s, bool old) {
  if (std::string clock = own_clock_problem(s); !clock.empty()) return clock;
  return old ? "imi network status: do the validators still commit? --max-age 10m accepts it"
             : "check this machine's clock, and imi node status for the clocks of the validators";
}

Rejection not_verified(Session& s, const NodeCalls& node, std::string name,
                       const std::string& why) {
  using R = ledger::ProofError::Reason;
  const bool old = name == ledger::name(R::kTooOld);
  Rejection r;
  r.kind = name == ledger::name(R::kBehindTrusted)          ? Rejection::Kind::kBehind
           : old || name == ledger::name(R::kFromTheFuture) ? Rejection::Kind::kOld
                                                            : Rejection::Kind::kInvalid;
  r.why = "proof did not verify: " + why;
  r.failure = {ExitCode::kVerificationFailed,
               fmt::format("the answer of {} does not verify: {}", node.address(), why),
               r.kind == Rejection::Kind::kOld
                   ? time_hint(s, old)
                   : "another node with --node; is " + s.genesis_path().string() +
                         " the genesis of the network asked?",
               std::move(name),
               {}};
  return r;
}

Rejection without_proof(Session& s, const NodeCalls& node, const std::string& what) {
  Rejection r = not_verified(s, node, "no-proof", "it came without a proof");
  r.why = what + " without a proof";
  return r;
}

// A page that begins behind the end of a record shows nothing: whoever asks wants to know where it
// ends.
void refuse_page_past_end(const ledger::VerifiedAnswer& a) {
  const auto* d = std::get_if<ledger::DossierAnswer>(&a.answer);
  const auto* e = std::get_if<ledger::AskEnterprise>(&a.question);
  const auto* p = std::get_if<ledger::AskPerson>(&a.question);
  const std::uint64_t from = e != nullptr ? e->page.from : p != nullptr ? p->page.from : 0;
  if (d == nullptr || !d->subject || from == 0 || from < d->total) return;
  fail(ExitCode::kBadInput, "past-the-end",
       fmt::format("--from {}: the record has {} transitions{}", from, grouped(d->total),
                   e != nullptr && e->code ? " of this kind" : ""),
       d->total == 0 ? "without --from" : fmt::format("--from 0 to {}", d->total - 1));
}

// The proof that a node gives, or why there is none to look at.
std::expected<Bytes, Rejection> ask(Session& s, NodeCalls& node, std::string_view method,
                                    json::object params) {
  auto result = node.call(method, std::move(params));
  std::optional<std::string> text;
  if (result) {
    text = proof_in(*result);
  } else if (result.error().error == rpc::Error::kNotFound) {
    text = proof_in(result.error().data);
    if (!text) return std::unexpected(without_proof(s, node, "says that there is nothing,"));
  } else {
    return std::unexpected(rejection_of(node.address(), result.error()));
  }
  if (!text) return std::unexpected(without_proof(s, node, "answered"));
  auto bytes = from_base64url(*text);
  if (!bytes) {
    return std::unexpected(not_verified(s, node, "bad-proof", "its proof is not base64url text"));
  }
  return std::move(*bytes);
}

}  // namespace

std::optional<chain::LedgerHead> load_head(const std::filesystem::path& file,
                                           std::string* problem) {
  const auto text = read_whole(file, kMaxHeadFile);
  if (!text) {
    if (problem != nullptr) *problem = text.error();
    return std::nullopt;
  }
  if (!text->starts_with(kHeadMagic)) {
    if (problem != nullptr) *problem = file.string() + " is not a trusted-head file";
    return std::nullopt;
  }
  const auto head = decode<chain::LedgerHead>(as_bytes(*text).subspan(kHeadMagic.size()));
  if (head) return *head;
  if (problem != nullptr) *problem = fmt::format("{}: {}", file.string(), describe(head.error()));
  return std::nullopt;
}

std::expected<void, std::string> save_head(const std::filesystem::path& file,
                                           const chain::LedgerHead& head) {
  return write_whole(file, std::string(kHeadMagic) + std::string(as_text(encode(head))));
}

bool must_verify(Session& s, const ReadOptions& o) {
  if (s.options.no_verify && (o.prove || !o.out.empty())) {
    fail(ExitCode::kUsage, "usage",
         fmt::format("{} needs a proof, and --no-verify asks for none",
                     o.out.empty() ? "--prove" : "--out"),
         "without --no-verify");
  }
  if (s.options.no_verify) return false;
  if (s.has_genesis()) return true;
  fail(ExitCode::kLocal, "no-genesis",
       "answers cannot be verified without the network's genesis file",
       "--genesis FILE, or --no-verify to see what a node reports");
}

Verified read_verified_by(Session& s, std::string_view method, const ParamsFor& params,
                          const ledger::Question& question) {
  ledger::VerifyOptions o;
  o.asked = question;
  o.max_age_ms = s.max_age_ms();
  o.trusted = trusted_head(s);
  std::optional<Verified> out;
  ask_nodes(s, [&](NodeCalls& node) -> std::optional<Rejection> {
    auto asked = params(node);
    if (!asked) return std::move(asked).error();
    (*asked)["prove"] = true;
    auto bundle = ask(s, node, method, std::move(*asked));
    if (!bundle) return std::move(bundle).error();
    o.now = chain::TimeMs(s.now_ms());
    auto answer = ledger::verify_bytes(*bundle, s.genesis(), o);
    if (!answer) {
      return not_verified(s, node, std::string(ledger::name(answer.error().reason)),
                          describe(answer.error()));
    }
    out = {std::move(*answer), std::move(*bundle), node.address()};
    return std::nullopt;
  });
  if (!o.trusted || out->answer.certified.height > o.trusted->height) {
    if (auto ok = save_head(trusted_path(s), out->answer.certified); !ok) {
      warn_of_unkept_head(s, ok.error());
    }
  }
  refuse_page_past_end(out->answer);
  return std::move(*out);
}

Verified read_verified(Session& s, std::string_view method, const json::object& params,
                       const ledger::Question& question) {
  return read_verified_by(s, method, [&](NodeCalls&) { return params; }, question);
}

std::optional<chain::LedgerHead> newest_head(Session& s) {
  auto head = load_head(trusted_path(s));
  return head && head->genesis == s.genesis_id() ? head : std::nullopt;
}

void reach_height(Session& s, std::uint64_t height) {
  for (int tries = 0; tries < kBehindTries && !interrupted(); ++tries) {
    const Verified v = read_verified(s, "head", {}, ledger::AskHead{});
    if (v.answer.head.height.value >= height) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

json::value marked_unverified(json::value v) {
  if (!v.is_object()) return json::object{{"verified", false}, {"answer", std::move(v)}};
  v.get_object()["verified"] = false;
  return v;
}

std::string reported_by(const std::string& node) {
  return fmt::format("not verified: reported by node {} without proof", node);
}

std::string unverified_text(Session& s) { return reported_by(s.client().current().text()); }

void show_unverified(Session& s, std::string_view method, json::object params) {
  json::value v = s.call(method, std::move(params));
  if (s.out().json()) return s.out().emit(marked_unverified(std::move(v)));
  s.out().show_json(v);
  s.out().warn(unverified_text(s));
}

std::string verified_text(Session& s, const ledger::VerifiedAnswer& a) {
  const std::size_t n = s.genesis().validators.members.size();
  return fmt::format("verified: signed by {} of {} validators, block {}, {} old", a.signers.size(),
                     n, grouped(a.head.height.value),
                     duration_text(std::max<std::int64_t>(0, s.now_ms() - a.head.time.value)));
}

json::object verified_json(Session& s, const ledger::VerifiedAnswer& a) {
  json::array signers;
  const auto& members = s.genesis().validators.members;
  for (const chain::MemberId m : a.signers) {
    if (a.head.epoch == chain::Epoch(0) && m.value < members.size()) {
      signers.emplace_back(members[m.value].name);
    } else {
      signers.emplace_back(m.value);
    }
  }
  return {{"height", a.head.height.value},
          {"time_ms", a.head.time.value},
          {"age_ms", s.now_ms() - a.head.time.value},
          {"signers", signers},
          {"validators", members.size()},
          {"genesis", to_hex(a.head.genesis)},
          {"block", to_hex(a.head.block)},
          {"state_root", to_hex(a.head.state_root)},
          {"log_root", to_hex(a.head.log_root)},
          {"log_size", a.head.log_size}};
}

void finish_read(Session& s, const Verified& v, const ReadOptions& o) {
  s.out().line();
  s.out().styled_line(verified_text(s, v.answer), Style::kGood);
  if (o.prove) {
    Fields f;
    const auto& members = s.genesis().validators.members;
    std::string signers;
    for (const chain::MemberId m : v.answer.signers) {
      const bool known = v.answer.head.epoch == chain::Epoch(0) && m.value < members.size();
      signers +=
          (signers.empty() ? "" : ", ") + (known ? members[m.value].name : std::to_string(m.value));
    }
    f.add("signed by", signers);
    f.add("state root", to_hex(v.answer.head.state_root));
    f.add("log", fmt::format("{} entries, root {}", grouped(v.answer.head.log_size),
                             to_hex(v.answer.head.log_root)));
    f.add("genesis", to_hex(v.answer.head.genesis));
    f.add("proof", size_text(v.bundle.size()));
    s.out().show(f);
  }
  if (o.out.empty()) return;
  const bool person = std::holds_alternative<ledger::AskPerson>(v.answer.question);
  if (auto ok = write_whole(o.out, as_text(v.bundle), person ? 0600 : 0644); !ok) {
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  }
  s.out().line(fmt::format(
      "saved {}; {}: imi proof verify {} --genesis {}", o.out,
      person ? "anyone who has it can see this record and check it" : "anyone can check it", o.out,
      s.genesis_path().string()));
}

}  // namespace imi::cli
