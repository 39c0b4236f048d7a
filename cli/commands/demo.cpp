// demo load, demo tour: a sample city on the local network.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/commands/person.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/network/manifest.h"
#include "cli/read/render.h"
#include "cli/run.h"
#include "cli/write/agencies.h"
#include "cli/write/import.h"
#include "cli/write/moved_days.h"
#include "crypto/keystore.h"
#include "ledger/core/calendar.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

constexpr const char* kPerson = "wei";                    // a made-up person of the sample
constexpr const char* kShownUscc = "91990604104777308N";  // a long record: fines, corrections
constexpr const char* kAbsentUscc =
    "91350100M000100Y43";  // a valid code that the sample does not have
constexpr const char* kField = "food";
// Whatever shows the sample says so (genesis/data/README.md).
constexpr const char* kMapped =
    "The sample is MAPPED from Toronto's food inspections of 2021, with its days moved to the "
    "months "
    "before this network began: these are not real Chinese penalties, enterprises or persons.";

// By how many days the sample's are moved: its last one is then six weeks older than the network,
// so that some publications are over, most are under way, and none lies ahead. The same at every
// load.
std::int32_t moved_days(const ledger::Policy& policy) {
  constexpr ledger::CivilDate kLast{2021, 12, 31};
  constexpr std::int32_t kOlder = 42;
  return policy.genesis_day.value - kOlder - ledger::day_from(kLast).value;
}

std::filesystem::path data_folder(const std::string& given) {
  if (!given.empty()) return given;
  std::vector<std::filesystem::path> places;
  if (const char* v = std::getenv("IMI_DATA"); v != nullptr) places.emplace_back(v);
  std::error_code ec;
  const auto bin = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  places.push_back(bin / "../share/imi/sample");
  // Built from source: beside the build's folder, however deep that is; else where it was built.
  for (auto folder = bin; folder.has_relative_path(); folder = folder.parent_path()) {
    places.push_back(folder / "genesis/data/sample");
  }
  places.emplace_back(IMI_SAMPLE_DATA);
  for (const auto& p : places) {
    if (std::filesystem::exists(p / "enterprises.csv", ec))
      return std::filesystem::weakly_canonical(p, ec);
  }
  fail(ExitCode::kLocal, "no-sample",
       fmt::format("the sample data was found neither beside {} nor in {}", bin.string(),
                   IMI_SAMPLE_DATA),
       "--data FOLDER, or IMI_DATA (genesis/data/sample of the source)");
}

void import_sample(Session& s, const ledger::AgencyRegister& agency, const std::string& kind,
                   const std::filesystem::path& file) {
  const Author author = resolve_author(s, agency.profile.short_name);
  ImportOptions o;
  o.kind = kind;
  o.file = file.string();
  o.backfill = true;
  const ledger::Policy policy = ledger::make_policy(s.genesis());
  const auto mapper = with_moved_days(make_mapper(kind, {&s.genesis().catalog, agency.id, true}),
                                      moved_days(policy));
  const CheckReport check = check_file(s, o, *mapper, {policy, nullptr, agency.id});
  if (check.all_problems > 0) {
    show_problems(s, o, check);
    fail(ExitCode::kBadInput, "bad-rows",
         fmt::format("{}: {} rows are bad", o.file, grouped(check.bad)));
  }
  const ImportReport done = import_file(s, author, o, *mapper, check);
  show_import(s, o, done);
  if (done.refused > 0)
    fail(ExitCode::kRefused, "rows-refused",
         fmt::format("the ledger refused {} rows", grouped(done.refused)));
}

// Sends one entry as an agency and requires that the ledger accepts it.
void send_one(Session& s, const ledger::AgencyRegister& agency, ledger::Entry entry) {
  const Author author = resolve_author(s, agency.profile.short_name);
  std::vector<ledger::Entry> entries;
  entries.push_back(std::move(entry));
  const KnownSubmission f =
      submit_and_wait(s, author, std::move(entries), std::string(rpc::kWaitCertified));
  for (const EntryOutcome& e : f.outcomes) {
    if (!e.ok && !means_present(e.refusal)) {
      fail(ExitCode::kRefused, e.refusal,
           fmt::format("the ledger refused it: {}", e.message.empty() ? e.refusal : e.message));
    }
  }
}

// Transitions of the person's record; nothing where the person is not registered.
std::optional<std::uint64_t> person_transitions(Session& s) {
  try {
    const Verified v = read_person(s, kPerson, 0);
    const auto& d = std::get<ledger::DossierAnswer>(v.answer.answer);
    return d.subject ? std::optional(d.total) : std::nullopt;
  } catch (const Failure& f) {
    // A node does not distinguish an unknown person from a wrong key.
    if (f.name == "not-the-subject" || f.name == "not-found") return std::nullopt;
    throw;
  }
}

void load_person_sample(Session& s) {
  const ledger::AgencyRegister& registrar = agency_with(s, ledger::Role::kRegistrar);
  if (std::error_code ec; !std::filesystem::exists(person_key_path(s, kPerson), ec)) {
    make_person_key(s, kPerson, true);
  }
  const PersonFile p = make_person(s, kPerson);
  if (person_transitions(s)) {
    s.out().line(fmt::format("person {}: already registered", kPerson));
    return;
  }
  send_one(s, registrar, person_entry(p, person_public_key(s, kPerson), ""));
  s.out().line(fmt::format("person {}: registered by {}", kPerson, registrar.profile.short_name));
}

// One event of a person: a coarse bucket, a month, and a commitment to the rest.
void load_person_event(Session& s) {
  if (person_transitions(s).value_or(0) > 0) return;
  const ledger::AgencyRegister& recorder = agency_with(s, ledger::Role::kRecorder, kField);
  const ledger::Bucket* bucket = nullptr;
  for (const ledger::Bucket& b : s.genesis().catalog.buckets) {
    if (bucket == nullptr || b.polarity == ledger::Polarity::kPositive) bucket = &b;
    if (b.polarity == ledger::Polarity::kPositive) break;
  }
  if (bucket == nullptr) return;
  const PersonFile p = load_person(s, kPerson);
  ledger::EventRecord e;
  e.subject = p.sid;
  e.facts.rule = bucket->rule;
  e.facts.occurred = ledger::floor_to_month(ledger::day_of(chain::TimeMs(s.now_ms())));
  e.facts.decided = e.facts.occurred;
  e.facts.what = ledger::CommittedFacts{
      bucket->id, chain::retag<Hash256>(crypto::commit(p.salt, as_bytes("volunteering")))};
  e.source = ledger::secret_source_key(p.salt.view(), "sample-volunteering");
  send_one(s, recorder, e);
}

std::filesystem::path attestation_path(Session& s) { return s.dir() / "demo" / "attestation.json"; }

// The attestation's file holds its entry too, so that an interrupted load sends the same entry
// again.
ledger::AttIssue attestation_of_sample(Session& s) {
  const auto file = attestation_path(s);
  std::error_code ec;
  std::filesystem::create_directories(file.parent_path(), ec);
  const auto entry_file = s.dir() / "demo" / "attestation.entry";
  if (auto text = read_whole(entry_file, 4096)) {
    const auto bytes = from_hex(*text);
    const auto entry = bytes ? decode<ledger::AttIssue>(*bytes) : std::unexpected(CodecError{});
    if (entry) return *entry;
  }
  const auto key_file = s.dir() / "persons" / (std::string(kPerson) + "-attestation.key");
  if (!std::filesystem::exists(key_file, ec)) {
    const auto key = crypto::SecretKey::generate(crypto::system_random());
    const auto saved =
        crypto::save_key(key_file, key, "attestation", std::nullopt, crypto::system_random());
    if (!saved) fail(ExitCode::kLocal, "key", crypto::describe(saved.error()));
  }
  const auto holder = crypto::read_key_info(key_file);
  if (!holder) fail(ExitCode::kLocal, "key", crypto::describe(holder.error()));
  const ledger::Schema* schema = nullptr;
  for (const ledger::Schema& x : s.genesis().catalog.schemas) {
    if (schema == nullptr && x.registrar_level > 0) schema = &x;
  }
  if (schema == nullptr)
    fail(ExitCode::kLocal, "no-schema", "the catalog has no schema for registrars");
  const json::object claims{{"name", "sample person"}, {"over18", "true"}, {"resident", "440604"}};
  const AttestationDraft d = draft_attestation(
      s, claims, schema->text, schema->registrar_level, ledger::key_hash(holder->public_key),
      std::min<std::uint32_t>(365, schema->max_days == 0 ? 365 : schema->max_days - 1));
  std::filesystem::remove(file, ec);
  save_attestation(file, d);
  if (auto ok = write_whole(entry_file, to_hex(encode(d.entry))); !ok)
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  return d.entry;
}

void load_attestation_sample(Session& s) {
  const ledger::AgencyRegister& registrar = agency_with(s, ledger::Role::kRegistrar);
  const ledger::AttIssue entry = attestation_of_sample(s);
  const Verified v = read_verified(s, "attestation", {{"aid", to_hex(entry.id)}},
                                   ledger::AskAttestation{entry.id});
  if (is_present(v.answer)) {
    s.out().line("attestation: already issued");
    return;
  }
  send_one(s, registrar, entry);
  s.out().line(
      fmt::format("attestation {}: issued by {}", to_hex(entry.id), registrar.profile.short_name));
}

void load(Session& s, const std::string& data) {
  const auto folder = data_folder(data);
  s.out().styled_line(kMapped, Style::kBold);
  s.out().gather();
  import_sample(s, agency_with(s, ledger::Role::kMarket), "enterprises",
                folder / "enterprises.csv");
  const ledger::AgencyRegister& food = agency_with(s, ledger::Role::kRecorder, kField);
  import_sample(s, food, "events", folder / "events.csv");
  import_sample(s, food, "event-outcomes", folder / "events.csv");
  load_person_sample(s);
  load_person_event(s);
  load_attestation_sample(s);
  const json::array imports = s.out().gathered();
  s.out().emit(json::object{{"about", kMapped}, {"imports", imports}});
}

// ---- the tour ---------------------------------------------------------------------------------

void stop(Session& s, int number, const std::string& text) {
  s.out().line();
  s.out().heading(fmt::format("{}. {}", number, text));
}

// Runs one line and shows it as typed. `expected` is the exit code the tour counts on.
void step(Session& s, std::vector<std::string> words, ExitCode expected = ExitCode::kOk) {
  std::string line = "$ imi";
  for (const std::string& w : words) line += " " + w;
  s.out().styled_line(line, Style::kDim);
  (void)s.out().flush();
  words.insert(words.end(), {"--dir", s.dir().string()});
  if (!s.options.nodes.empty()) words.insert(words.end(), {"--node", s.options.nodes});
  const int code = run_words(words);
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  if (code != rpc::to_int(expected)) {
    fail(ExitCode::kRefused, "tour",
         fmt::format("this step exited with {}; {} was expected", code, rpc::to_int(expected)),
         "imi network status; imi demo load");
  }
}

void tour(Session& s) {
  if (s.out().json()) {
    fail(ExitCode::kUsage, "usage", "the tour is for people: it has no JSON output",
         "imi demo tour");
  }
  s.out().styled_line(kMapped, Style::kBold);
  const auto answer = (s.dir() / "demo" / "answer.imi").string();
  const auto me = (s.dir() / "demo" / "me.imi").string();
  const auto genesis = s.genesis_path().string();
  std::error_code ec;
  std::filesystem::create_directories(s.dir() / "demo", ec);
  stop(s, 1, "Who runs this ledger");
  step(s, {"network", "status"});
  stop(s, 2, "An enterprise's record, with a proof that nothing was left out");
  step(s, {"enterprise", "show", kShownUscc, "--prove", "--out", answer});
  stop(s, 3, "The same file, checked offline with nothing but the genesis file");
  step(s, {"proof", "verify", answer, "--genesis", genesis});
  stop(s, 4, "That there is no such enterprise is proved too (this exits with 6)");
  step(s, {"enterprise", "show", kAbsentUscc}, ExitCode::kNotFound);
  stop(s, 5, "A person's record: given to that person only, asked for with their key");
  step(s, {"me", "record", "--person", kPerson, "--out", me});
  stop(s, 6, "An attestation: is it valid now?");
  const ledger::AttIssue att = attestation_of_sample(s);
  step(s, {"attestation", "check", to_hex(att.id)});
  stop(s, 7, "What a quorum signed last");
  step(s, {"head", "--prove"});
  s.out().line();
  s.out().line(
      "Every answer above was verified by this program; no node was trusted. More: imi --help");
}

}  // namespace

void add_demo_commands(CLI::App& root, Session& s) {
  auto* demo = root.add_subcommand("demo", "Load a sample city and query it");
  demo->group(kChapterNetwork);
  demo->require_subcommand(1);
  auto data = std::make_shared<std::string>();
  auto* c = demo->add_subcommand(
      "load",
      "Load the sample: 5,431 enterprises, 9,070 events, their outcomes, a person, an attestation\n"
      "MAPPED from Toronto's food inspections (Open Government Licence - Toronto), not real "
      "Chinese "
      "penalties. Can be interrupted and repeated: what is already there is not loaded again.");
  c->add_option("--data", *data,
                "folder of the sample; else found beside the program or the source")
      ->type_name("FOLDER");
  c->footer("imi demo load");
  c->callback([&s, data] { s.action = [&s, data] { load(s, *data); }; });
  auto* t = demo->add_subcommand("tour", "Ask the ledger and check its answers, step by step");
  t->footer("imi demo tour");
  t->callback([&s] { s.action = [&s] { tour(s); }; });
}

}  // namespace imi::cli
