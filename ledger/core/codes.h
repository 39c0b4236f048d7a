// National codes and the identifiers derived from public ones.
//
// Resident identity numbers are checked at the edge only: no function here hashes one, and nothing
// on the ledger is made from one (about 10^11 candidates: searchable). Pure.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>

#include "ledger/core/types.h"

namespace imi::ledger {

enum class CodeError : std::uint8_t {
  kLength,          // not the code's length
  kAlphabet,        // a character outside the code's alphabet (lower case is not normalised)
  kCheckCharacter,  // the last character does not fit the rest
  kDate,            // a resident number whose date of birth is no date
  kFits,            // said to be issued against the check character, and it fits
};
[[nodiscard]] std::string_view describe(CodeError e);

// Unified social credit code, GB 32100-2015: 18 characters of 0-9 and A-Z without I, O, S, V, Z;
// the last is check value (31 - sum(c_i * 3^(i-1)) mod 31) mod 31. The organisation code inside (GB
// 11714, characters 9..17) is not checked: valid codes exist whose inner digit is wrong.
using Uscc = FixedBytes<struct UsccTag, 18>;
[[nodiscard]] std::expected<Uscc, CodeError> parse_uscc(std::string_view text);
[[nodiscard]] std::expected<void, CodeError> check(const Uscc& uscc);
[[nodiscard]] std::string text(const Uscc& uscc);
// A code that a registration authority really issued although its last character does not fit the
// rest. Nothing but its alphabet guards it against a slip of the pen, so it is taken only where
// whoever writes it says so (`as_issued`); one that fits is refused, so that the mark means
// something.
[[nodiscard]] std::expected<Uscc, CodeError> parse_uscc_as_issued(std::string_view text);
[[nodiscard]] std::expected<void, CodeError> check(const Uscc& uscc, bool as_issued);
// The check character of the first 17 characters, all of which must be in the alphabet.
[[nodiscard]] char uscc_check_character(std::string_view first17);

// Resident identity number, GB 11643-1999: 17 digits and a check character 0-9 or X (upper case).
// Checks alphabet, date of birth and check character.
[[nodiscard]] std::expected<void, CodeError> check_resident_number(std::string_view text);

// 12 digits. A zero level may have levels below it: 441900003000 is a street directly under a city.
[[nodiscard]] std::expected<Division, CodeError> parse_division(std::string_view text);
[[nodiscard]] std::string text(const Division& division);
// True if `place` lies in `area`: equal up to the last level that `area` names (prefix by level).
// 000000000000 covers everything.
[[nodiscard]] bool covers(const Division& area, const Division& place);

// "440604G0460": six digits, G, at least four digits.
[[nodiscard]] std::expected<Grid, CodeError> parse_grid(std::string_view text);
[[nodiscard]] std::string text(const Grid& grid);
[[nodiscard]] Division division_of(const Grid& grid);

// ---- identifiers ------------------------------------------------------------------------------

// H(kDerive, "enterprise" || uscc): public, so that anyone finds the record by the code.
[[nodiscard]] SubjectId enterprise_id(const Uscc& uscc);
// H(kDerive, "agency" || short name): how genesis names agencies.
[[nodiscard]] AgencyId agency_id(std::string_view short_name);
// H(kDerive, "key" || key): what the key index and attestations name a key by.
[[nodiscard]] Hash256 key_hash(const crypto::PublicKey& key);
// H(kDerive, "keys" || key hashes): a subject's keys_root.
[[nodiscard]] Hash256 keys_root(const crypto::PublicKey& key);

// What an agency's own name of an event (case number, row id) is hashed to. Of an enterprise's
// event: derived from the text's identity (key_identity of base/unicode.h), so that every spelling
// of one number meets the same event. Of a person's event the agency's secret must go in, or the
// number could be guessed.
using SourceKey = FixedBytes<struct SourceKeyTag, 32>;
[[nodiscard]] SourceKey source_key(std::string_view text);
[[nodiscard]] SourceKey secret_source_key(ByteView secret, std::string_view text);

// The id of the event that an entry records. With a source key it is derived from the agency and
// that key, so that a second recording of the same thing meets the first one (ADR 0007).
[[nodiscard]] EventId event_id(const AgencyId& agency, const SourceKey& source);
[[nodiscard]] EventId event_id(const chain::SubmissionId& submission, std::uint32_t index);

}  // namespace imi::ledger
