// A file to import.
#include <sstream>

#include "cli/csv.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  cli::CsvReader reader(in);
  cli::CsvRow row;
  for (std::size_t rows = 0; rows <= size + 1; ++rows) {
    const auto more = reader.next(row);
    if (more && !*more) return 0;
    if (!more && more.error().fatal) return 0;
    if (!more && describe(more.error()).empty()) std::abort();
  }
  std::abort();  // more rows than bytes: it does not move on
}
