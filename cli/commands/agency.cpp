// agency list|show|rekey.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/commands/entry_options.h"
#include "cli/commands/show_read.h"
#include "cli/help.h"
#include "cli/read/agencies.h"
#include "cli/typed.h"

namespace imi::cli {
namespace {

namespace json = boost::json;

void list_agencies(Session& s) {
  const AgencyList all = all_agencies(s);
  Table t({{"short name"},
           {"title", Align::kLeft, 10},
           {"roles", Align::kLeft, 10},
           {"status"},
           {"key here", Align::kLeft, 0},
           id_column("id")});
  json::array list;
  for (const ListedAgency& a : all.agencies) {
    const std::vector<std::string> roles = a.profile.roles.names();
    std::error_code ec;
    const bool here =
        std::filesystem::exists(s.dir() / "agencies" / (a.profile.short_name + ".key"), ec);
    const std::string status = a.state ? std::string(ledger::name(a.state->status)) : "?";
    t.add({a.profile.short_name, a.profile.title, joined(roles), status, here ? "yes" : "no",
           to_hex(a.id)});
    list.push_back(json::object{{"short_name", a.profile.short_name},
                                {"title", a.profile.title},
                                {"id", to_hex(a.id)},
                                {"roles", json::array(roles.begin(), roles.end())},
                                {"status", status},
                                {"registered_in_block", a.state ? a.state->registered.value : 0},
                                {"verified", a.state.has_value()},
                                {"key_here", here}});
  }
  s.out().emit(json::object{{"agencies", list},
                            {"nodes_asked", all.nodes},
                            {"nodes_answered", all.nodes_answered},
                            {"not_verified", json::array{"that no agency is missing"}}});
  s.out().show(t);
  if (all.problem) {
    s.out().warn(
        "agencies with status \"?\" are listed as of genesis, and later ones are missing: " +
        all.problem->what);
    // Without a node the list of the genesis document is what there is; a node that gave an answer
    // without a proof is an error here as everywhere.
    if (all.problem->exit == ExitCode::kVerificationFailed) throw *all.problem;
    return;
  }
  s.out().line();
  s.out().styled_line("verified: each agency, with its own proof", Style::kGood);
  s.out().styled_line(
      fmt::format(
          "not verified: that no agency registered after genesis is missing; {} of {} nodes "
          "gave their lists",
          all.nodes_answered, all.nodes),
      Style::kDim);
}

void show_agency(Session& s, const std::string& typed, const ReadOptions& o) {
  const auto name = typed_word(typed);
  if (!name) bad_input("NAME: " + name.error().reason);
  const std::string& text = *name;
  ledger::AgencyId id = ledger::agency_id(text);
  if (const auto given = fixed_from_hex<ledger::AgencyId>(text)) id = *given;
  show_read(s, "agency", {{"id", to_hex(id)}}, ledger::AskAgency{id}, o,
            fmt::format("agency '{}'", cut(printable(text), 70)));
}

struct RekeyOptions {
  std::string add;             // a key file
  std::string new_passphrase;  // file
  std::string remove;
  WriteOptions write;
};

// The new key signs for itself here, where it is: only its public part and that signature are sent.
ledger::AgencyRekey rekey_of(Session& s, const RekeyOptions& o, const ledger::AgencyId& id) {
  const Verified v = read_present(s, "agency", {{"id", to_hex(id)}}, ledger::AskAgency{id},
                                  "the agency's version in force is");
  const auto& agency = std::get<ledger::AgencyAnswer>(v.answer.answer).agency;
  json::object given{{"id", to_hex(id)}, {"version", agency->record_version.value}};
  if (!o.remove.empty()) given["remove"] = o.remove;
  if (!o.add.empty()) {
    const Session::PassphraseSource own{o.new_passphrase, "--new-passphrase-file",
                                        "IMI_NEW_PASSPHRASE"};
    const crypto::SecretKey key = s.load_key(o.add, &own);
    const auto digest =
        ledger::agency_key_digest(s.genesis_id(), id, agency->record_version, key.public_key());
    given["add"] = to_hex(key.public_key());
    given["holding"] = to_hex(key.sign(digest));
  }
  return entry_of<ledger::AgencyRekey>(s, given, {});
}

void add_rekey(CLI::App* agency, Session& s) {
  auto o = std::make_shared<RekeyOptions>();
  auto* c = agency->add_subcommand(
      "rekey",
      "Change the agency's own keys, without the council\n"
      "To replace a key: add the new one, then sign with it and remove the old one. A key that was "
      "lost to others is removed with any key that is left.");
  c->add_option("--add", o->add, "key file of a new key: imi key new")->type_name("FILE");
  c->add_option("--new-passphrase-file", o->new_passphrase,
                "file with the passphrase of the new key; else IMI_NEW_PASSPHRASE, else a prompt")
      ->type_name("FILE");
  c->add_option("--remove", o->remove, "public key that signs no longer, 66 hexadecimal characters")
      ->type_name("KEY");
  add_write_options(c, o->write);
  c->footer("imi agency rekey --add food-2.key --as food-440604");
  on_chosen(c, s, [&s, o] {
    if (o->add.empty() && o->remove.empty()) {
      fail(ExitCode::kUsage, "usage", "--add or --remove is needed", "imi agency rekey --help");
    }
    const Author author = resolve_author(s, o->write.as, o->write.author);
    const auto id = chain::retag<ledger::AgencyId>(author.id);
    report_result(s, submit_one(s, o->write, rekey_of(s, *o, id)));
  });
}

}  // namespace

void add_agency_commands(CLI::App& root, Session& s) {
  auto* agency =
      root.add_subcommand("agency", "Agencies: who may record what, where, with which keys");
  agency->group(kChapterRead);
  agency->require_subcommand(1);
  auto* list =
      agency->add_subcommand("list", "All agencies, each as the ledger has it now, verified");
  list->footer("imi agency list");
  list->callback([&s] { s.action = [&s] { list_agencies(s); }; });
  auto name = std::make_shared<std::string>();
  auto read = std::make_shared<ReadOptions>();
  auto* show = agency->add_subcommand("show", "One agency as the ledger has it now, verified");
  show->add_option("NAME", *name, "short name, or id (64 hexadecimal characters)")->required();
  add_read_options(show, read);
  show->footer("imi agency show food-440604 --prove");
  show->callback(
      [&s, name, read] { s.action = [&s, name, read] { show_agency(s, *name, *read); }; });
  add_rekey(agency, s);
}

}  // namespace imi::cli
