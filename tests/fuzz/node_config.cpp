// imid's configuration file.
#include "node/config.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = imi::node::parse_config(text, "imid.toml");
  if (!config && config.error().empty()) std::abort();
  return 0;
}
