// key new, key show: keystore files.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "base/hex.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "crypto/keystore.h"

namespace imi::cli {
namespace {

void show(Session& s, const std::string& file, const crypto::KeyInfo& info) {
  s.out().emit(json::object{{"file", file},
                            {"purpose", info.purpose},
                            {"public_key", to_hex(info.public_key)},
                            {"sealed", info.sealed}});
  Fields f;
  f.add("file", file);
  f.add("purpose", info.purpose);
  f.add("public key", to_hex(info.public_key));
  f.add("at rest", info.sealed ? "sealed with a passphrase" : Cell("not sealed", Style::kWarn));
  s.out().show(f);
}

void new_key(Session& s, const std::string& file, const std::string& purpose, bool plain) {
  std::string phrase = plain ? std::string() : s.passphrase(file, true);
  const crypto::SecretKey key = crypto::SecretKey::generate(crypto::system_random());
  const auto saved = crypto::save_key(file, key, purpose, phrase, crypto::system_random());
  crypto::wipe(phrase);
  if (!saved) fail(ExitCode::kLocal, "key", crypto::describe(saved.error()));
  show(s, file, {purpose, key.public_key(), !plain});
}

void show_key(Session& s, const std::string& file) {
  const auto info = crypto::read_key_info(file);
  if (!info) fail(ExitCode::kLocal, "key", crypto::describe(info.error()));
  show(s, file, *info);
}

}  // namespace

void add_key_commands(CLI::App& root, Session& s) {
  auto* key = root.add_subcommand("key", "Make a key file, or show its public part");
  key->group(kChapterTools);
  key->require_subcommand(1);

  auto file = std::make_shared<std::string>();
  auto purpose = std::make_shared<std::string>("agency");
  auto plain = std::make_shared<bool>(false);
  auto* fresh = key->add_subcommand("new", "Make a new key, sealed with a passphrase");
  fresh->add_option("FILE", *file, "where to write it; never overwritten")->required();
  fresh->add_option("--purpose", *purpose, "a label: agency, person, validator")
      ->capture_default_str();
  fresh->add_flag("--no-passphrase", *plain, "do not seal it; for tests and encrypted disks");
  fresh->footer("imi key new food.key --purpose agency");
  fresh->callback([&s, file, purpose, plain] {
    s.action = [&s, file, purpose, plain] { new_key(s, *file, *purpose, *plain); };
  });

  auto* shown = key->add_subcommand("show", "The public key and how the secret is kept");
  shown->add_option("FILE", *file, "a key file")->required();
  shown->footer("imi key show food.key --json");
  shown->callback([&s, file] { s.action = [&s, file] { show_key(s, *file); }; });
}

}  // namespace imi::cli
