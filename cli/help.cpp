#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

#include "cli/table.h"
#include "cli/text.h"
#include "rpc/errors.h"

namespace imi::cli {
namespace {

constexpr std::array kChapters = {kChapterNetwork, kChapterWrite, kChapterRead, kChapterChain,
                                  kChapterTools};

constexpr const char* kEnvironment =
    "IMI_HOME\tfolder of the network to use (default ~/.imi/demo)\n"
    "IMI_NODES\tnode addresses, host:port[,host:port]\n"
    "IMI_PASSPHRASE\tpassphrase of encrypted keys\n"
    "NO_COLOR\tno colours, if set\n"
    "COLUMNS\twidth of tables and help";

std::string two_columns(const std::vector<std::pair<std::string, std::string>>& items,
                        std::size_t left, std::size_t width) {
  std::string out;
  for (const auto& [name, text] : items) {
    std::string line = "  " + pad(name, left);
    const bool apart = display_width(name) > left || width < left + 24;
    if (apart) {
      out += "  " + name + "\n";
      line = std::string(6, ' ');
    } else {
      line += "  ";
    }
    const std::size_t indent = display_width(line);
    bool first = true;
    for (const std::string& l : wrap(text, width > indent + 8 ? width - indent : 8)) {
      out += (first ? line : std::string(indent, ' ')) + l + "\n";
      first = false;
    }
  }
  return out;
}

std::string option_name(const CLI::Option* o) {
  std::string name = o->get_positional() ? o->get_name(true, false) : o->get_name(false, true);
  name = o->get_positional() ? name : [&] {
    std::string joined_names;
    for (const std::string& s : o->get_snames())
      joined_names += (joined_names.empty() ? "-" : ", -") + s;
    for (const std::string& l : o->get_lnames())
      joined_names += (joined_names.empty() ? "--" : ", --") + l;
    return joined_names;
  }();
  if (!o->get_positional() && o->get_items_expected_max() != 0) {
    // Without the ranges that validators append ("UINT:UINT in [1 - 9]").
    const std::string full = o->get_type_name();
    const std::string type = full.substr(0, full.find(':'));
    name += " " + (type.empty() ? std::string("VALUE") : type == "UINT" ? std::string("N") : type);
  }
  return name;
}

class Manual : public CLI::Formatter {
 public:
  Manual(std::size_t width, bool color) : width_(width), color_(color) {}

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const override {
    std::string full = app->get_name();
    for (const CLI::App* p = app->get_parent(); p != nullptr; p = p->get_parent()) {
      full = p->get_name() + " " + full;
    }
    if (full.empty()) full = std::move(name);
    std::string out;
    for (const std::string& l : wrap(app->get_description(), width_)) out += l + "\n";
    out += "\n" + title("Usage") + usage(app, full) + "\n";
    out += commands(app);
    out += options(app);
    if (const std::string lines = examples(app); !lines.empty()) {
      out += "\n" + title("Examples");
      for (const std::string& l : wrap(lines, 10'000)) out += "  " + l + "\n";
    }
    if (app->get_parent() == nullptr) {
      out += "\n" + title("Exit codes") + exit_codes_text(width_);
      std::vector<std::pair<std::string, std::string>> items;
      for (const std::string& l : wrap(kEnvironment, 10'000)) {
        items.emplace_back(l.substr(0, l.find('\t')), l.substr(l.find('\t') + 1));
      }
      out += "\n" + title("Environment") + two_columns(items, 14, width_);
      out += "\nHelp on a command: imi COMMAND --help\n";
    } else if (app->get_subcommands({}).empty()) {
      out += "\nGlobal options (--json, --dir, --node, ...): imi --help\n";
    }
    return out;
  }

 private:
  [[nodiscard]] std::string title(std::string_view text) const {
    return styled(text, Style::kBold, color_) + "\n";
  }

  // A command's own examples; of a command that has none (CLI11 lets it inherit its parent's
  // footer), those of its subcommands.
  [[nodiscard]] static std::string examples(const CLI::App* app) {
    const CLI::App* parent = app->get_parent();
    if (parent == nullptr || app->get_footer() != parent->get_footer()) return app->get_footer();
    std::string out;
    for (const CLI::App* s : app->get_subcommands({})) {
      if (s->get_group().empty() || s->get_footer() == app->get_footer()) continue;
      out += (out.empty() ? "" : "\n") + s->get_footer();
    }
    return out;
  }

  [[nodiscard]] static std::string usage(const CLI::App* app, const std::string& full) {
    std::string line = "  " + full;
    if (!app->get_subcommands({}).empty()) return line + " COMMAND [OPTIONS]";
    for (const CLI::Option* o : app->get_options()) {
      if (!o->get_positional()) continue;
      const std::string n = o->get_name(true, false);
      line += o->get_required() ? " " + n : " [" + n + "]";
    }
    return line + " [OPTIONS]";
  }

  [[nodiscard]] std::string commands(const CLI::App* app) const {
    const auto all =
        app->get_subcommands([](const CLI::App* s) { return !s->get_group().empty(); });
    if (all.empty()) return {};
    std::size_t left = 0;
    for (const CLI::App* s : all) left = std::max(left, s->get_name().size());
    std::vector<std::string> chapters(kChapters.begin(), kChapters.end());
    if (app->get_parent() != nullptr) chapters = {"Commands"};
    std::string out;
    for (const std::string& chapter : chapters) {
      std::vector<std::pair<std::string, std::string>> items;
      for (const CLI::App* s : all) {
        if (app->get_parent() != nullptr || s->get_group() == chapter) {
          const std::string text = s->get_description();
          items.emplace_back(s->get_name(), text.substr(0, text.find('\n')));
        }
      }
      if (!items.empty()) out += "\n" + title(chapter) + two_columns(items, left, width_);
    }
    return out;
  }

  [[nodiscard]] std::string options(const CLI::App* app) const {
    std::vector<std::pair<std::string, std::string>> arguments;
    std::vector<std::pair<std::string, std::string>> items;
    for (const CLI::Option* o : app->get_options()) {
      if (o->get_group().empty()) continue;
      std::string text = o->get_description();
      if (!o->get_default_str().empty()) text += fmt::format(" (default {})", o->get_default_str());
      if (o->get_required() && !o->get_positional()) text += " (required)";
      (o->get_positional() ? arguments : items).emplace_back(option_name(o), text);
    }
    std::string out;
    if (!arguments.empty()) out += "\n" + title("Arguments") + two_columns(arguments, 24, width_);
    if (!items.empty()) out += "\n" + title("Options") + two_columns(items, 24, width_);
    return out;
  }

  std::size_t width_;
  bool color_;
};

const CLI::App* deepest(const CLI::App* app) {
  while (true) {
    const auto parsed = app->get_subcommands();
    if (parsed.empty()) return app;
    app = parsed.back();
  }
}

std::string full_name(const CLI::App* app) {
  std::string out = app->get_name();
  for (const CLI::App* p = app->get_parent(); p != nullptr; p = p->get_parent()) {
    out = p->get_name() + " " + out;
  }
  return out;
}

std::vector<std::string> command_names(const CLI::App* app) {
  std::vector<std::string> out;
  for (const CLI::App* s : app->get_subcommands({})) out.push_back(s->get_name());
  return out;
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> out;
  for (const CLI::App* a = app; a != nullptr; a = a->get_parent()) {
    for (const CLI::Option* o : a->get_options()) {
      for (const std::string& l : o->get_lnames()) out.push_back("--" + l);
    }
  }
  return out;
}

// The parser's own words about a value that is not a number or is out of range, as people say it.
std::string number_problem(const std::string& what) {
  static const std::regex kConvert("Could not convert: (.*) = (.*)");
  static const std::regex kRange("(.*): Value (.*) not in range (.*) to (.*)");
  std::smatch m;
  const auto value = [&m] { return cut(printable(m[2].str()), 40); };
  if (std::regex_match(what, m, kConvert)) {
    return fmt::format("{}: '{}' is not a decimal number in its range", m[1].str(), value());
  }
  if (std::regex_match(what, m, kRange)) {
    return fmt::format("{}: '{}' is not a decimal number from {} to {}", m[1].str(), value(),
                       m[3].str(), m[4].str());
  }
  return what;
}

UsageProblem explain_extra(const CLI::App* at, const std::string& word) {
  const std::string name = full_name(at);
  const std::string shown = cut(printable(word), 40);
  if (word.starts_with('-')) {
    const auto near = nearest(word.substr(0, word.find('=')), option_names(at));
    return {fmt::format("'{}' has no option '{}'", name, shown), near ? *near : name + " --help"};
  }
  const std::vector<std::string> names = command_names(at);
  if (names.empty()) {
    return {fmt::format("'{}' takes no argument '{}' here", name, shown), name + " --help"};
  }
  const auto near = nearest(word, names);
  return {fmt::format("'{}' has no command '{}'", name, shown),
          near ? name + " " + *near : name + " --help"};
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> manual_formatter(std::size_t width, bool color) {
  return std::make_shared<Manual>(std::min<std::size_t>(width, 100), color);
}

UsageProblem explain(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* at = deepest(&root);
  const std::string name = full_name(at);
  // A word that nothing took is the cause, even where the parser noticed a consequence first.
  const bool usual = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                     dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (const auto left = root.remaining(true); usual && !left.empty()) {
    return explain_extra(at, left.front());
  }
  if (!at->get_subcommands({}).empty()) {
    return {fmt::format("'{}' needs a command: {}", name, joined(command_names(at), "or")),
            name + " --help"};
  }
  return {fmt::format("{}: {}", name, number_problem(error.what())), name + " --help"};
}

std::string exit_codes_text(std::size_t width) {
  using rpc::ExitCode;
  const std::vector<std::pair<ExitCode, std::string>> codes = {
      {ExitCode::kOk, "done"},
      {ExitCode::kRefused, "the ledger or the node refused what was asked"},
      {ExitCode::kUsage, "the command line is wrong"},
      {ExitCode::kBadInput, "the data given is wrong: a file, a code, a date"},
      {ExitCode::kUnreachable, "no node could be reached, or none answered in time"},
      {ExitCode::kVerificationFailed, "an answer came, but its proof does not verify"},
      {ExitCode::kNotFound, "what was asked for is not on the ledger"},
      {ExitCode::kLocal, "this machine: files, keys, permissions, a port in use"},
      {ExitCode::kInterrupted, "interrupted (Ctrl-C); running it again is safe"}};
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [code, text] : codes) {
    items.emplace_back(fmt::format("{:>3}", rpc::to_int(code)), text);
  }
  return two_columns(items, 3, width);
}

}  // namespace imi::cli
