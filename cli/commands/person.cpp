// person register|show, me record, attest issue|revoke|suspend|reinstate, attestation check.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/commands/entry_options.h"
#include "cli/commands/person.h"
#include "cli/commands/show_read.h"
#include "cli/commands/write_options.h"
#include "cli/help.h"
#include "cli/input.h"
#include "cli/read/audience.h"
#include "cli/read/render.h"
#include "cli/read/verified.h"
#include "cli/values.h"
#include "cli/write/author.h"
#include "cli/write/person_file.h"
#include "crypto/keystore.h"
#include "ledger/core/calendar.h"
#include "rpc/methods.h"

namespace imi::cli {

void make_person_key(Session& s, const std::string& name, bool plain) {
  std::error_code ec;
  const auto file = person_key_path(s, name);
  std::filesystem::create_directories(file.parent_path(), ec);
  std::string phrase = plain ? std::string() : s.passphrase(file, true);
  const auto key = crypto::SecretKey::generate(crypto::system_random());
  const auto saved = crypto::save_key(file, key, "person", phrase, crypto::system_random());
  crypto::wipe(phrase);
  if (!saved) fail(ExitCode::kLocal, "key", crypto::describe(saved.error()));
}

crypto::PublicKey person_public_key(Session& s, const std::string& name) {
  const auto info = crypto::read_key_info(person_key_path(s, name));
  if (!info) fail(ExitCode::kLocal, "key", crypto::describe(info.error()));
  return info->public_key;
}

PersonFile make_person(Session& s, const std::string& name) {
  if (!has_person(s, name)) {
    std::error_code ec;
    std::filesystem::create_directories(s.dir() / "persons", ec);
    // Kept before it is sent: the id is random and it could not be found out again.
    save_person(s, name,
                {crypto::system_random().fixed<ledger::SubjectId>(),
                 crypto::system_random().fixed<crypto::Salt>()});
  }
  return load_person(s, name);
}

ledger::SubjectPerson person_entry(const PersonFile& p, const crypto::PublicKey& key,
                                   std::string_view checked) {
  ledger::SubjectPerson e;
  e.id = p.sid;
  e.key = key;
  e.commitment = chain::retag<Hash256>(crypto::commit(p.salt, as_bytes(checked)));
  return e;
}

namespace {

// Of a node that the genesis does not name, what its status says has to do.
std::expected<Hash256, Rejection> audience_of(Session& s, NodeCalls& node) {
  if (const auto known = known_audience(s, node.address())) return *known;
  const auto status = node.call("status", {});
  if (!status) return std::unexpected(rejection_of(node.address(), status.error()));
  const auto told = told_audience(*status);
  if (told) return *told;
  return std::unexpected(Rejection{Rejection::Kind::kNoAnswer,
                                   told.error(),
                                   {ExitCode::kUnreachable,
                                    fmt::format("{}: {}", node.address(), told.error()),
                                    "another node with --node",
                                    "bad-response",
                                    {}}});
}

}  // namespace

Verified read_person(Session& s, const std::string& name, std::uint64_t from) {
  return read_person(s, name, load_person(s, name), from);
}

Verified read_person(Session& s, const std::string& name, const PersonFile& p, std::uint64_t from) {
  const crypto::SecretKey key = s.load_key(person_key_path(s, name));
  ledger::SignedQueryBody body;
  body.question = {p.sid, {from, ledger::kMaxPageEvents}};
  const auto signed_for = [&](NodeCalls& node) -> std::expected<json::object, Rejection> {
    const auto audience = audience_of(s, node);
    if (!audience) return std::unexpected(audience.error());
    body.nonce = crypto::system_random().fixed<ledger::Nonce>();
    body.time = chain::TimeMs(s.now_ms());
    body.audience = *audience;
    return json::object{
        {"query", to_base64url(encode(ledger::sign_query(s.genesis_id(), body, key)))}};
  };
  return read_verified_by(s, "person", signed_for, body.question);
}

namespace {

std::string only_person(Session& s) {
  // A registrar has the files of others too, without their keys.
  std::vector<std::string> names = person_names(s);
  std::error_code ec;
  std::erase_if(names, [&](const std::string& name) {
    return !std::filesystem::exists(person_key_path(s, name), ec);
  });
  if (names.size() == 1) return names.front();
  if (names.empty()) {
    fail(ExitCode::kLocal, "no-person",
         fmt::format("there is no person here: {} is empty", (s.dir() / "persons").string()),
         "imi wallet init NAME, then a registrar's imi person register");
  }
  fail(ExitCode::kUsage, "usage", "--person is needed: there are " + joined(names, "and"),
       "--person " + names.front());
}

void show_me(Session& s, const std::string& name, std::uint64_t from, const ReadOptions& o) {
  if (!must_verify(s)) {
    fail(ExitCode::kUsage, "usage",
         "the query for a person's record names the network: its genesis is needed",
         "--genesis FILE, without --no-verify");
  }
  const Verified v = read_person(s, name, from);
  json::object j = answer_json(v.answer, s.genesis());
  j["verified"] = verified_json(s, v.answer);
  s.out().emit(j);
  show_answer(s.out(), v.answer, s.genesis());
  finish_read(s, v, o);
  require_present(v);
}

void add_person(CLI::App& root, Session& s) {
  auto* person = root.add_subcommand("person", "Persons: register one, show a person's own record");
  person->group(kChapterWrite);
  person->require_subcommand(1);
  auto write = std::make_shared<WriteOptions>();
  auto name = std::make_shared<std::string>();
  auto number = std::make_shared<std::string>();
  auto key = std::make_shared<std::string>();
  auto* fresh = person->add_subcommand(
      "register",
      "Register a person under a random id (registrars)\n"
      "The person's key is the person's own: `imi wallet init` makes it, and only its public part "
      "comes here. Nothing personal goes to the ledger: what the registrar checked is kept there "
      "as "
      "a salted commitment. Id and salt are written to persons/NAME.person, for the person: `imi "
      "wallet receive`.");
  fresh->add_option("NAME", *name, "name of the files here (a-z, 0-9, -); never sent")->required();
  fresh->add_option("--public-key", *key, "the person's, 66 hexadecimal characters")
      ->type_name("KEY")
      ->required();
  fresh
      ->add_option("--resident-number-file", *number,
                   "file with the resident identity number: checked here "
                   "(GB 11643) and committed to, never sent")
      ->type_name("FILE");
  add_write_options(fresh, *write);
  fresh->footer("imi person register wei --public-key 02... --as registrar-a");
  on_chosen(fresh, s, [&s, write, name, number, key] {
    crypto::PublicKey given;
    if (const auto ok = text_value(*key, given, nullptr); !ok) {
      bad_input("--public-key: " + ok.error());
    }
    std::string checked;
    if (!number->empty()) {
      auto text = read_whole(*number, 256);
      if (!text) fail(ExitCode::kLocal, "cannot-read", text.error());
      checked = text->substr(0, text->find_first_of("\r\n"));
      if (auto ok = ledger::check_resident_number(checked); !ok) {
        crypto::wipe(checked);
        fail(ExitCode::kBadInput, "bad-input",
             fmt::format("{}: not a resident identity number: {}", *number,
                         ledger::describe(ok.error())));
      }
    }
    const PersonFile p = make_person(s, *name);
    const auto entry = person_entry(p, given, checked);
    crypto::wipe(checked);
    report_result(s, submit_one(s, *write, entry));
    s.out().line(
        fmt::format("for the person: {} (imi wallet receive)", person_path(s, *name).string()));
  });

  auto* me = root.add_subcommand("me", "A person's own record");
  me->group(kChapterRead);
  me->require_subcommand(1);
  const auto add_show = [&s](CLI::App* c, bool positional) {
    auto who = std::make_shared<std::string>();
    auto from = std::make_shared<std::uint64_t>(0);
    auto read = std::make_shared<ReadOptions>();
    if (positional) {
      c->add_option("NAME", *who, "as registered here")->required();
    } else {
      c->add_option("--person", *who,
                    "name of the files in persons/; may be omitted if there is only one")
          ->type_name("NAME");
    }
    c->add_option("--from", *from, "first transition to show, for long records")->type_name("N");
    c->add_flag("--prove", read->prove, "show what the proof rests on");
    c->add_option("--out", read->out, "save the proof, to be checked offline")->type_name("FILE");
    c->callback([&s, who, from, read] {
      s.action = [&s, who, from, read] {
        show_me(s, who->empty() ? only_person(s) : *who, *from, *read);
      };
    });
  };
  auto* record =
      me->add_subcommand("record", "The record, asked for with the person's own key, verified");
  record->footer("imi me record --person wei --prove --out me.imi");
  add_show(record, false);
  auto* show =
      person->add_subcommand("show",
                             "The same as `imi me record --person NAME`: a person's record is "
                             "given to that person only");
  show->footer("imi person show wei");
  add_show(show, true);
}

// ---- attestations -----------------------------------------------------------------------------

struct Issue {
  std::string schema = "person-identity";
  std::uint32_t level = 1;
  std::string holder_key;
  std::string claims;
  std::uint32_t days = 365;
  std::string out;
};

// The attestation of an earlier run of the same command, whose fate was left open: `fresh` is what
// this run asks for, with an id and salts of its own.
AttestationDraft resume_attestation(const std::string& file, const AttestationDraft& fresh) {
  const auto text = read_whole(file, 1U << 20);
  if (!text) fail(ExitCode::kLocal, "cannot-read", text.error());
  const auto v = parse_json_text(*text);
  const auto bytes = from_hex(v ? text_or_empty(*v, "entry") : std::string());
  auto entry = bytes ? decode<ledger::AttIssue>(*bytes)
                     : std::expected<ledger::AttIssue, CodecError>(std::unexpected(CodecError{}));
  const json::value* list =
      entry && v->is_object() ? v->get_object().if_contains("claims") : nullptr;
  if (list == nullptr || !list->is_array()) {
    fail(ExitCode::kLocal, "damaged", file + " is damaged; move it away to start over");
  }
  AttestationDraft d{std::move(*entry), {}};
  for (const json::value& c : list->get_array()) {
    const auto salt = fixed_from_hex<crypto::Salt>(text_or_empty(c, "salt"));
    if (!salt) fail(ExitCode::kLocal, "damaged", file + " is damaged; move it away to start over");
    d.claims.push_back({*salt, text_or_empty(c, "name"),
                        to_bytes(as_bytes(std::string_view(text_or_empty(c, "value"))))});
  }
  const bool same_claims =
      std::equal(d.claims.begin(), d.claims.end(), fresh.claims.begin(), fresh.claims.end(),
                 [](const crypto::Claim& a, const crypto::Claim& b) {
                   return a.name == b.name && a.value == b.value;
                 });
  const auto validity = [](const ledger::AttIssue& e) { return e.until.value - e.from.value; };
  const ledger::AttIssue& a = d.entry;
  const ledger::AttIssue& b = fresh.entry;
  if (!same_claims || a.schema != b.schema || a.level != b.level ||
      a.holder_key_hash != b.holder_key_hash || validity(a) != validity(b) ||
      crypto::claims_root(d.claims) != a.claims_root) {
    fail(ExitCode::kLocal, "exists",
         fmt::format("{} holds another attestation, whose fate is open", file),
         "imi attestation check " + to_hex(a.id) + "; then move the file away");
  }
  return d;
}

void issue(Session& s, const Issue& o, const WriteOptions& w) {
  const auto holder = crypto::read_key_info(o.holder_key);
  if (!holder) fail(ExitCode::kLocal, "key", crypto::describe(holder.error()));
  auto text = read_text(o.claims, 1U << 20);
  if (!text) fail(ExitCode::kLocal, "cannot-read", text.error());
  const auto value = parse_json_text(*text);
  if (!value) fail(ExitCode::kBadInput, "bad-json", fmt::format("{}: {}", o.claims, value.error()));
  AttestationDraft draft =
      draft_attestation(s, *value, o.schema, static_cast<std::uint8_t>(o.level),
                        ledger::key_hash(holder->public_key), o.days);
  if (std::filesystem::exists(o.out)) {
    fail(ExitCode::kLocal, "exists", o.out + " exists; an attestation's file is never overwritten");
  }
  // The salts exist nowhere else: kept before the entry is sent, and under the file's own name only
  // when the ledger is proved to have the attestation.
  const std::string open_file = o.out + ".pending";
  const bool resumed = std::filesystem::exists(open_file);
  if (resumed) {
    draft = resume_attestation(open_file, draft);
  } else {
    save_attestation(open_file, draft);
  }
  std::error_code ec;
  KnownSubmission result;
  try {
    result = submit_one(s, w, draft.entry);
  } catch (Failure& f) {
    const json::value* open = f.data.if_contains("fate_open");
    if (!resumed && (open == nullptr || !open->get_bool())) {
      std::filesystem::remove(open_file, ec);  // no node can have it
    } else {
      f.what += fmt::format("; the claims and their salts are in {}", open_file);
    }
    throw;
  }
  const bool settled =
      result.proved || (s.options.no_verify && result.status == SubmissionStatus::kCommitted);
  if (!settled) {
    s.out().line(fmt::format("attestation {}: not proved yet; the claims and their salts are in {}",
                             to_hex(draft.entry.id), open_file));
    s.out().line("run the same command again to continue");
  } else if (result.status == SubmissionStatus::kCommitted && !result.outcomes.empty() &&
             result.outcomes[0].ok) {
    std::filesystem::rename(open_file, o.out, ec);
    s.out().line("attestation " + to_hex(draft.entry.id));
    s.out().line(fmt::format("the claims and their salts are in {}: for the holder alone",
                             ec ? open_file : o.out));
  } else if (result.proved) {
    std::filesystem::remove(open_file, ec);  // refused or expired; a report alone may be a lie
  }
  report_result(s, result);
}

void add_attest(CLI::App& root, Session& s) {
  auto* attest =
      root.add_subcommand("attest", "Issue attestations; revoke, suspend, reinstate them");
  attest->group(kChapterWrite);
  attest->require_subcommand(1);
  auto o = std::make_shared<Issue>();
  auto write = std::make_shared<WriteOptions>();
  auto* c = attest->add_subcommand(
      "issue",
      "Attest salted claims to the holder of a key\n"
      "The ledger holds the root of the claims' tree and the hash of the holder's key, nothing "
      "personal. The claims with their salts go to a file for the holder.");
  c->add_option("--schema", o->schema, "a schema of the catalog")->capture_default_str();
  c->add_option("--level", o->level, "level of assurance")->capture_default_str();
  c->add_option("--holder-key", o->holder_key, "the holder's key file; its public part is used")
      ->type_name("FILE")
      ->required();
  c->add_option("--claims", o->claims, "JSON object of names and texts, 1 to 64")
      ->type_name("FILE")
      ->required();
  c->add_option("--days", o->days, "validity from now")->capture_default_str();
  c->add_option("--out", o->out, "where the holder's file is written")
      ->type_name("FILE")
      ->required();
  add_write_options(c, *write);
  c->footer(
      "imi attest issue --holder-key wei-att.key --claims claims.json --level 2 --out wei.att --as "
      "registrar-a");
  c->callback([&s, o, write] { s.action = [&s, o, write] { issue(s, *o, *write); }; });

  for (const ledger::AttAction action :
       {ledger::AttAction::kRevoke, ledger::AttAction::kSuspend, ledger::AttAction::kReinstate}) {
    const std::string verb(ledger::name(action));
    auto* k = attest->add_subcommand(
        verb, action == ledger::AttAction::kRevoke    ? "End an attestation for good (issuer)"
              : action == ledger::AttAction::kSuspend ? "Suspend an attestation (issuer)"
                                                      : "End a suspension (issuer)");
    add_write<ledger::AttStatus>(
        k, s, {.positional = "aid", .fixed_field = "action", .fixed_value = verb});
    k->footer(fmt::format("imi attest {} AID --as registrar-a", verb));
  }

  auto* attestation = root.add_subcommand("attestation", "Check an attestation");
  attestation->group(kChapterRead);
  attestation->require_subcommand(1);
  auto aid = std::make_shared<std::string>();
  auto read = std::make_shared<ReadOptions>();
  auto* check = attestation->add_subcommand(
      "check",
      "Is it valid now? Verified\n"
      "Exits with 1 if it exists but is not valid: revoked, suspended, or outside its dates.");
  check->add_option("AID", *aid, std::string(ledger::kAttestationIdHelp.text))->required();
  check->add_flag("--prove", read->prove, "show what the proof rests on");
  check->add_option("--out", read->out, "save the proof, to be checked offline")->type_name("FILE");
  check->footer("imi attestation check AID --prove --out att.imi");
  check->callback(
      [&s, aid, read] { s.action = [&s, aid, read] { check_attestation(s, *aid, *read); }; });
}

}  // namespace

namespace {

constexpr std::string_view kStands = "active";

// What the ledger has of an issuer now, read with its own proof: an attestation's record does not
// change when its issuer is stopped.
std::string issuer_status(Session& s, const ledger::AgencyId& id) {
  const Verified v = read_verified(s, "agency", {{"id", to_hex(id)}}, ledger::AskAgency{id});
  const auto& agency = std::get<ledger::AgencyAnswer>(v.answer.answer).agency;
  if (!agency) return "not registered";
  if (agency->status != ledger::AgencyStatus::kActive) {
    return std::string(ledger::name(agency->status));
  }
  const ledger::Roles& roles = agency->profile.roles;
  const bool may_issue = roles.has(ledger::Role::kIssuer) || roles.has(ledger::Role::kRegistrar);
  return may_issue ? std::string(kStands) : "without the role to issue attestations";
}

}  // namespace

void check_attestation(Session& s, const std::string& text, const ReadOptions& o) {
  const auto id = id_of<ledger::AttestationId>(text, "AID");
  const json::object params{{"aid", to_hex(id)}};
  if (!must_verify(s, o)) return show_unverified(s, "attestation", params);
  const Verified v = read_verified(s, "attestation", params, ledger::AskAttestation{id});
  json::object j = answer_json(v.answer, s.genesis());
  j["verified"] = verified_json(s, v.answer);
  const auto& a = std::get<ledger::AttestationAnswer>(v.answer.answer).attestation;
  const std::string issuer = a ? issuer_status(s, a->issuer) : std::string();
  if (a) j["issuer_status"] = issuer;
  s.out().emit(j);
  show_answer(s.out(), v.answer, s.genesis());
  if (a) {
    Fields f;
    f.add("issuer now", Cell(issuer, issuer == kStands ? Style::kGood : Style::kBad));
    s.out().show(f);
  }
  finish_read(s, v, o);
  require_present(v);
  const chain::TimeMs now = v.answer.head.time;
  if (a->life != ledger::AttLife::kActive || now < a->from || now >= a->until) {
    fail(ExitCode::kRefused, "not-valid", "the attestation is not valid");
  }
  if (issuer != kStands) {
    fail(ExitCode::kRefused, "issuer-not-active",
         "the attestation stands, but its issuer is " + issuer + ": do not rely on it");
  }
}

AttestationDraft draft_attestation(Session& s, const json::value& claims,
                                   const std::string& schema_text, std::uint8_t level,
                                   const Hash256& holder, std::uint32_t days) {
  const ledger::Schema* schema = s.genesis().catalog.schema(schema_text);
  if (schema == nullptr) {
    std::vector<std::string> all;
    for (const auto& x : s.genesis().catalog.schemas) all.push_back(x.text);
    fail(ExitCode::kBadInput, "no-such-schema",
         fmt::format("'{}' is not a schema of the catalog", printable(schema_text)),
         "one of " + joined(all, "or"));
  }
  const json::object* o = claims.if_object();
  if (o == nullptr || o->empty() || o->size() > crypto::kMaxClaims) {
    fail(ExitCode::kBadInput, "bad-claims",
         "the claims are a JSON object of 1 to 64 names and texts");
  }
  AttestationDraft d;
  for (const auto& kv : *o) {
    const json::string* value = kv.value().if_string();
    const bool ok = value != nullptr && !kv.key().empty() &&
                    kv.key().size() <= crypto::kMaxClaimName &&
                    value->size() <= crypto::kMaxClaimValue;
    if (!ok)
      fail(ExitCode::kBadInput, "bad-claims",
           fmt::format("claim '{}': names have 1 to 64 bytes, values are "
                       "texts of at most 4,096",
                       printable(std::string(kv.key()))));
    d.claims.push_back({crypto::system_random().fixed<crypto::Salt>(), std::string(kv.key()),
                        to_bytes(as_bytes(std::string_view(*value)))});
  }
  d.entry.id = crypto::system_random().fixed<ledger::AttestationId>();
  d.entry.schema = schema->id;
  d.entry.level = level;
  d.entry.claims_root = crypto::claims_root(d.claims);
  d.entry.claims = static_cast<std::uint32_t>(d.claims.size());
  d.entry.holder_key_hash = holder;
  d.entry.from = chain::TimeMs(s.now_ms() - 60'000);
  d.entry.until = chain::TimeMs(s.now_ms() + std::int64_t{days} * ledger::kDayMs);
  return d;
}

void save_attestation(const std::filesystem::path& file, const AttestationDraft& d) {
  json::array claims;
  for (const crypto::Claim& c : d.claims) {
    claims.push_back(json::object{
        {"name", c.name}, {"value", std::string(as_text(c.value))}, {"salt", to_hex(c.salt)}});
  }
  const json::object o{{"aid", to_hex(d.entry.id)},
                       {"claims_root", to_hex(d.entry.claims_root)},
                       {"entry", to_hex(encode(d.entry))},
                       {"claims", claims}};
  if (std::filesystem::exists(file)) {
    fail(ExitCode::kLocal, "exists",
         file.string() + " exists; an attestation's file is never overwritten");
  }
  if (auto ok = write_whole(file, rpc::pretty(o) + "\n", 0600); !ok)
    fail(ExitCode::kLocal, "cannot-write", ok.error());
}

void add_person_commands(CLI::App& root, Session& s) {
  add_person(root, s);
  add_attest(root, s);
}

}  // namespace imi::cli
