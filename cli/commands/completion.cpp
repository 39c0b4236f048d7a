// completion bash: a completion script made from the commands themselves.
#include <fmt/format.h>

#include <CLI/App.hpp>

#include "cli/commands/commands.h"
#include "cli/help.h"

namespace imi::cli {
namespace {

// One case per command: what can follow it.
void add_cases(const CLI::App* app, const std::string& path, std::string& out) {
  std::string words;
  for (const CLI::App* s : app->get_subcommands({})) words += s->get_name() + " ";
  for (const CLI::Option* o : app->get_options()) {
    for (const std::string& l : o->get_lnames()) words += "--" + l + " ";
  }
  out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, words);
  for (const CLI::App* s : app->get_subcommands({})) {
    add_cases(s, path.empty() ? s->get_name() : path + " " + s->get_name(), out);
  }
}

std::string bash_script(const CLI::App& root) {
  std::string cases;
  add_cases(&root, "", cases);
  std::string globals;
  for (const CLI::Option* o : root.get_options()) {
    for (const std::string& l : o->get_lnames()) globals += "--" + l + " ";
  }
  return "_imi() {\n  local path=\"\" word words i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n    word=\"${COMP_WORDS[i]}\"\n"
         "    [[ \"$word\" == [a-z]* && \"$word\" != *[./=:]* ]] && path=\"${path:+$path }$word\"\n"
         "  done\n  case \"$path\" in\n" +
         cases + "    *) words=\"\" ;;\n  esac\n  words+=\" " + globals +
         "\"\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\ncomplete -o default -F _imi imi\n";
}

}  // namespace

void add_completion_command(CLI::App& root, Session& s) {
  auto* completion = root.add_subcommand("completion", "A completion script for the shell");
  completion->group(kChapterTools);
  completion->require_subcommand(1);
  auto* bash = completion->add_subcommand("bash", "For bash");
  bash->footer("source <(imi completion bash)");
  bash->callback([&s, &root] { s.action = [&s, &root] { s.out().raw(bash_script(root)); }; });
}

}  // namespace imi::cli
