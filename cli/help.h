// Help that reads like a manual, and errors of the command line that say what was meant.
//
// A command's footer holds its examples, one per line. The groups of the root's commands are
// chapters, in the order of kChapters.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>

namespace imi::cli {

inline constexpr const char* kChapterNetwork = "Run a network";
inline constexpr const char* kChapterWrite = "Write to the ledger";
inline constexpr const char* kChapterRead = "Read, with proof";
inline constexpr const char* kChapterChain = "Inspect the chain and its nodes";
inline constexpr const char* kChapterTools = "Keys and tools";

[[nodiscard]] std::shared_ptr<CLI::FormatterBase> manual_formatter(std::size_t width, bool color);

// What is wrong with the command line, and what to do: {sentence, hint}.
struct UsageProblem {
  std::string what;
  std::string hint;
};
[[nodiscard]] UsageProblem explain(const CLI::App& root, const CLI::ParseError& error);

// The exit codes, as a list for people.
[[nodiscard]] std::string exit_codes_text(std::size_t width);

}  // namespace imi::cli
