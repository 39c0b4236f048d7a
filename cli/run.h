// The whole command line as a function: what main() calls, and what `imi demo tour` calls for each
// line that it shows.
#pragma once

#include <string>
#include <vector>

namespace imi::cli {

// Words without the program's name. Prints, and returns the exit code; never throws.
[[nodiscard]] int run_words(const std::vector<std::string>& words);

}  // namespace imi::cli
