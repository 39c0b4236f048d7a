#include "cli/commands/entry_options.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <boost/json/array.hpp>

namespace imi::cli {
namespace {

std::string option_name(std::string_view field, std::string_view positional) {
  std::string out(field);
  if (field == positional) {
    std::ranges::transform(out, out.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return out;
  }
  std::ranges::replace(out, '_', '-');
  return "--" + out;
}

}  // namespace

std::string OptionAdder::option(std::string_view field) const {
  return option_name(field, rules_.positional);
}

void OptionAdder::text(std::string_view field, const std::string& help, std::string_view type,
                       bool required, const std::string& initial) {
  auto* o = command_->add_option_function<std::string>(
      option(field),
      [&given = options_.given_, field](const std::string& text) { given[field] = text; }, help);
  o->required(required);
  if (field != rules_.positional) o->type_name(std::string(type));
  if (!initial.empty()) o->default_str(initial);
}

void OptionAdder::list(std::string_view field, const std::string& help, bool required) {
  command_
      ->add_option_function<std::vector<std::string>>(
          option(field),
          [&given = options_.given_, field](const std::vector<std::string>& list) {
            given[field] = boost::json::array(list.begin(), list.end());
          },
          help)
      ->required(required)
      ->delimiter(',')
      ->type_name("LIST");
}

void OptionAdder::flag(std::string_view field, const std::string& help) {
  command_->add_flag_callback(
      option(field), [&given = options_.given_, field] { given[field] = true; }, help);
}

void on_chosen(CLI::App* command, Session& s, std::function<void()> action) {
  command->callback([&s, action = std::move(action)] { s.action = action; });
}

void refuse_options(const std::vector<NamedProblem>& problems, std::string_view positional) {
  Failure f{ExitCode::kBadInput, {}, {}, "bad-input", {}};
  for (const NamedProblem& p : problems) {
    std::string text = fmt::format("{}: {}", option_name(p.field, positional), p.reason);
    if (f.what.empty()) {
      f.what = std::move(text);
    } else {
      f.details.push_back(std::move(text));
    }
  }
  throw f;
}

}  // namespace imi::cli
