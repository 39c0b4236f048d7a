// What a person's side keeps of itself: <dir>/persons/NAME.key (the key) and NAME.person (the
// random subject id and the salt of the registration's commitment), both readable by the owner
// alone.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "crypto/commitment.h"
#include "ledger/core/types.h"

namespace imi::cli {

struct PersonFile {
  ledger::SubjectId sid;
  crypto::Salt salt;
};

[[nodiscard]] std::filesystem::path person_path(Session& session, const std::string& name);
[[nodiscard]] std::filesystem::path person_key_path(Session& session, const std::string& name);
// Throws Failure where it cannot be read, or is damaged.
[[nodiscard]] PersonFile read_person_file(const std::filesystem::path& file);
// Of the person of that name here; readable by others, it is refused too.
[[nodiscard]] PersonFile load_person(Session& session, const std::string& name);
void save_person(Session& session, const std::string& name, const PersonFile& person);
// The names of the persons here, sorted.
[[nodiscard]] std::vector<std::string> person_names(Session& session);
[[nodiscard]] bool has_person(Session& session, const std::string& name);

}  // namespace imi::cli
