#include "cli/network/identity.h"

#include <fmt/format.h>

#include "base/hex.h"
#include "cli/network/manifest.h"
#include "cli/network/process.h"
#include "cli/output.h"

namespace imi::cli {
namespace {

namespace fs = std::filesystem;

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \n\r\t") + 1);
  return text;
}

std::string run_imid(const std::vector<std::string>& argv) {
  auto result = run_program(argv);
  if (!result)
    fail(ExitCode::kLocal, "cannot-start", fmt::format("{}: {}", argv[0], result.error()));
  if (result->code != 0) {
    fail(ExitCode::kLocal, "imid-failed",
         fmt::format("`{} {}` failed ({}): {}", argv[0], argv[1], result->code,
                     trimmed(result->err)));
  }
  return trimmed(std::move(result->out));
}

}  // namespace

Hash256 ensure_tls_identity(const std::string& imid, const fs::path& keys,
                            const std::string& name) {
  const fs::path pin_file = keys / "tls.pin";
  std::error_code ec;
  if (fs::exists(pin_file, ec) && fs::exists(keys / "tls.crt", ec) &&
      fs::exists(keys / "tls.key", ec)) {
    const auto text = read_whole(pin_file, 256);
    const auto pin =
        text ? fixed_from_hex<Hash256>(trimmed(*text)) : std::unexpected(TextError::kWrongSize);
    if (pin) return *pin;
  }
  // Half-made by an interrupted run. No genesis names it yet, so it may be made anew.
  fs::remove(keys / "tls.key", ec);
  fs::remove(keys / "tls.crt", ec);
  const std::string text = run_imid({imid, "tls", "--folder", keys.string(), "--name", name});
  const auto pin = fixed_from_hex<Hash256>(text);
  if (!pin)
    fail(ExitCode::kLocal, "imid-failed", fmt::format("`{} tls` printed no pin: {}", imid, text));
  if (auto ok = write_whole(pin_file, text + "\n"); !ok)
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  return *pin;
}

void ensure_initialised(const std::string& imid, const fs::path& config) {
  // The mark is outside the data folder: when that is wiped, the key must NOT begin anew (B6); the
  // node then observes, and says so.
  const fs::path mark = config.parent_path() / "initialised";
  std::error_code ec;
  if (fs::exists(mark, ec)) return;
  const fs::path safety = config.parent_path() / "data" / "safety";
  if (!fs::exists(safety, ec) || fs::is_empty(safety, ec)) {
    (void)run_imid({imid, "init", "--config", config.string()});
  }
  if (auto ok = write_whole(mark, "the safety log of this validator's key was begun\n"); !ok) {
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  }
}

}  // namespace imi::cli
