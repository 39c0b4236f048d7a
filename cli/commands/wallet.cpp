// wallet init|receive.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/commands/entry_options.h"
#include "cli/commands/person.h"
#include "cli/help.h"

namespace imi::cli {
namespace {

struct Options {
  std::string name;
  std::string file;
  bool plain = false;
};

void init(Session& s, const Options& o) {
  make_person_key(s, o.name, o.plain);
  const std::string key = to_hex(person_public_key(s, o.name));
  s.out().emit(json::object{{"public_key", key},
                            {"key_file", person_key_path(s, o.name).string()},
                            {"sealed", !o.plain}});
  Fields f;
  f.add("public key", key);
  f.add("key file", person_key_path(s, o.name).string());
  s.out().show(f);
  s.out().line("for the registrar: imi person register NAME --public-key " + key);
}

// Kept only if the ledger proves that this record is the person's own: its key answers for it.
void receive(Session& s, const Options& o) {
  (void)person_public_key(s, o.name);
  const PersonFile given = read_person_file(o.file);
  if (has_person(s, o.name)) {
    const PersonFile known = load_person(s, o.name);
    if (known.sid != given.sid || known.salt != given.salt) {
      fail(ExitCode::kLocal, "exists",
           fmt::format("{} is of another record: nothing is overwritten",
                       person_path(s, o.name).string()),
           "another NAME");
    }
  }
  const Verified v = read_person(s, o.name, given, 0);
  save_person(s, o.name, given);
  const auto& d = std::get<ledger::DossierAnswer>(v.answer.answer);
  s.out().emit(json::object{{"sid", to_hex(d.sid)}, {"registered", d.subject->registered.value}});
  s.out().line(fmt::format("person {}: registered in block {}, under this wallet's key: proved",
                           o.name, grouped(d.subject->registered.value)));
}

}  // namespace

void add_wallet_commands(CLI::App& root, Session& s) {
  auto* wallet = root.add_subcommand("wallet", "A person's own key and what belongs to it");
  wallet->group(kChapterTools);
  wallet->require_subcommand(1);

  auto fresh = std::make_shared<Options>();
  auto* c = wallet->add_subcommand(
      "init",
      "Make a person's key, on the person's own machine\n"
      "Only the public key is given to the registrar: the key itself never leaves this folder.");
  c->add_option("NAME", fresh->name, "name of the files here (a-z, 0-9, -); never sent")
      ->required();
  c->add_flag("--no-passphrase", fresh->plain, "do not seal the key; for tests");
  c->footer("imi wallet init wei");
  on_chosen(c, s, [&s, fresh] { init(s, *fresh); });

  auto got = std::make_shared<Options>();
  auto* r = wallet->add_subcommand(
      "receive", "Take in what the registrar gave, if the ledger proves that it is one's own");
  r->add_option("NAME", got->name, "as in imi wallet init")->required();
  r->add_option("FILE", got->file, "the registrar's persons/NAME.person")->required();
  r->footer("imi wallet receive wei wei.person");
  on_chosen(r, s, [&s, got] { receive(s, *got); });
}

}  // namespace imi::cli
