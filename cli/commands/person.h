// Steps of persons and attestations that the demonstration takes too.
#pragma once

#include <string>
#include <vector>

#include "cli/network/manifest.h"
#include "cli/read/verified.h"
#include "cli/session.h"
#include "cli/write/person_file.h"
#include "crypto/commitment.h"
#include "ledger/proof/queries.h"
#include "ledger/submission/entry.h"

namespace imi::cli {

// The person's own key, made where the person is; its public part is all that a registrar gets.
// `plain`: it is not sealed. Never overwritten: throws Failure.
void make_person_key(Session& session, const std::string& name, bool plain);
[[nodiscard]] crypto::PublicKey person_public_key(Session& session, const std::string& name);
// The person's file here (random id and salt), made where it is missing; nothing is sent.
[[nodiscard]] PersonFile make_person(Session& session, const std::string& name);
// The entry that registers the person; `checked` is what the registrar checked (committed to,
// salted).
[[nodiscard]] ledger::SubjectPerson person_entry(const PersonFile& person,
                                                 const crypto::PublicKey& key,
                                                 std::string_view checked);
// The person's own record, asked for with the person's key and verified.
[[nodiscard]] Verified read_person(Session& session, const std::string& name, std::uint64_t from);
// The same of what `person` says, which need not be kept here.
[[nodiscard]] Verified read_person(Session& session, const std::string& name,
                                   const PersonFile& person, std::uint64_t from);

struct AttestationDraft {
  ledger::AttIssue entry;
  std::vector<crypto::Claim> claims;
};
// Claims: a JSON object of names and texts. Throws Failure.
[[nodiscard]] AttestationDraft draft_attestation(Session& session, const json::value& claims,
                                                 const std::string& schema, std::uint8_t level,
                                                 const Hash256& holder_key_hash,
                                                 std::uint32_t days);
// The holder's file: ids, claims, salts. Mode 0600, never overwritten.
void save_attestation(const std::filesystem::path& file, const AttestationDraft& draft);

void check_attestation(Session& session, const std::string& aid, const ReadOptions& options);

}  // namespace imi::cli
