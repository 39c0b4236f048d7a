#include "cli/write/person_file.h"
#include "cli/input.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/hex.h"
#include "cli/network/manifest.h"

namespace imi::cli {
namespace {

void check_name(const std::string& name) {
  const bool ok =
      !name.empty() && name.size() <= 40 &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!ok) {
    fail(ExitCode::kUsage, "usage",
         fmt::format("'{}' is not a valid name for a person's files: 1 to 40 of a-z, 0-9 and '-'",
                     cut(printable(name), 40)));
  }
}

}  // namespace

std::filesystem::path person_path(Session& s, const std::string& name) {
  check_name(name);
  return s.dir() / "persons" / (name + ".person");
}

std::filesystem::path person_key_path(Session& s, const std::string& name) {
  check_name(name);
  return s.dir() / "persons" / (name + ".key");
}

bool has_person(Session& s, const std::string& name) {
  check_name(name);
  std::error_code ec;
  return std::filesystem::exists(person_path(s, name), ec);
}

std::vector<std::string> person_names(Session& s) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& f : std::filesystem::directory_iterator(s.dir() / "persons", ec)) {
    if (f.path().extension() == ".person") names.push_back(f.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

PersonFile read_person_file(const std::filesystem::path& file) {
  const auto text = read_whole(file, 4096);
  if (!text) fail(ExitCode::kLocal, "cannot-read", text.error());
  const auto v = parse_json_text(*text);
  if (v && v->is_object()) {
    const auto sid = fixed_from_hex<ledger::SubjectId>(text_or_empty(*v, "sid"));
    const auto salt = fixed_from_hex<crypto::Salt>(text_or_empty(*v, "salt"));
    if (sid && salt) return {*sid, *salt};
  }
  fail(ExitCode::kLocal, "damaged", file.string() + " is damaged, or not a person's file");
}

PersonFile load_person(Session& s, const std::string& name) {
  const auto file = person_path(s, name);
  struct stat st{};
  if (::stat(file.c_str(), &st) != 0) {
    fail(ExitCode::kLocal, "no-person",
         fmt::format("there is no person '{}' here: {} is missing", name, file.string()),
         "imi wallet receive " + name + " FILE, with what the registrar gave");
  }
  if ((st.st_mode & 077) != 0) {
    fail(ExitCode::kLocal, "file-too-open", file.string() + " can be read by others",
         "chmod 600 " + file.string());
  }
  return read_person_file(file);
}

void save_person(Session& s, const std::string& name, const PersonFile& p) {
  const json::object o{{"sid", to_hex(p.sid)}, {"salt", to_hex(p.salt)}};
  if (auto ok = write_whole(person_path(s, name), rpc::pretty(o) + "\n", 0600); !ok) {
    fail(ExitCode::kLocal, "cannot-write", ok.error());
  }
}

}  // namespace imi::cli
