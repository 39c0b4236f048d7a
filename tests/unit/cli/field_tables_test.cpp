// The tables of fields and columns in docs/CLI.md are those of the entries' descriptions.
#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "cli/write/entry_reader.h"
#include "cli/write/rows.h"

using namespace imi;
using namespace imi::cli;

namespace {

std::string document() {
  const char* root = std::getenv("IMI_SOURCE_DIR");
  REQUIRE(root != nullptr);
  std::ifstream in(std::string(root) + "/docs/CLI.md");
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

// "uscc, name, *status, sole_trader*"
std::string listed(const std::vector<FieldSpec>& fields) {
  std::vector<std::string> required;
  std::vector<std::string> optional;
  for (const FieldSpec& f : fields) (f.required ? required : optional).push_back(f.name);
  std::string out = fmt::format("{}", fmt::join(required, ", "));
  if (!optional.empty()) out += fmt::format(", *{}*", fmt::join(optional, ", "));
  return out;
}

void require_row(const std::string& document, const std::string& kind,
                 const std::vector<FieldSpec>& fields) {
  const std::string row = "| `" + kind + "` | " + listed(fields) + " |";
  CHECK_MESSAGE(document.find("\n" + row + "\n") != std::string::npos, "docs/CLI.md has no row\n",
                row);
}

template <class... Es>
void require_kinds(const std::string& document, std::type_identity<std::variant<Es...>>) {
  (require_row(document, std::string(Es::kKind.name.value), columns_of<Es>()), ...);
}

}  // namespace

TEST_CASE("The document of the command line has every kind of entry with its fields") {
  require_kinds(document(), std::type_identity<ledger::Entry>{});
}

TEST_CASE("The document of the command line has every kind of file with its columns") {
  const std::string text = document();
  for (const std::string& kind : row_kinds()) {
    if (kind == "event-outcomes") continue;  // the columns of `events`
    require_row(text, kind, make_mapper(kind, {})->fields());
  }
}
