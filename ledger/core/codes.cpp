#include "ledger/core/codes.h"

#include "base/unicode.h"
#include "crypto/hash.h"
#include "ledger/core/calendar.h"

namespace imi::ledger {
namespace {

constexpr std::string_view kUsccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr std::array<int, 17> kUsccWeights = {1,  3,  9,  27, 19, 26, 16, 17, 20,
                                              29, 25, 13, 8,  24, 10, 30, 28};
constexpr std::array<int, 17> kResidentWeights = {7, 9, 10, 5,  8, 4, 2, 1, 6,
                                                  3, 7, 9,  10, 5, 8, 4, 2};
constexpr std::string_view kResidentChecks = "10X98765432";

// Value of each character in the alphabet, -1 outside it.
constexpr std::array<std::int8_t, 256> kUsccValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kUsccAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kUsccAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::uint64_t number(std::string_view digits) {
  std::uint64_t v = 0;
  for (char c : digits) v = v * 10 + static_cast<std::uint64_t>(c - '0');
  return v;
}

// What one unit is worth at each level of a division code: province .. community.
constexpr std::array<std::uint64_t, 5> kLevelUnits = {10'000'000'000ULL, 100'000'000ULL,
                                                      1'000'000ULL, 1'000ULL, 1ULL};

std::string digits_text(std::uint64_t v, std::size_t width) {
  std::string out(width, '0');
  for (std::size_t i = width; i-- > 0; v /= 10) out[i] = static_cast<char>('0' + v % 10);
  return out;
}

Hash256 derive(std::string_view what, ByteView of) {
  // The zero byte ends the label, so that no label is the beginning of another's input.
  static constexpr std::uint8_t kEnd = 0;
  return crypto::Hasher(crypto::Domain::kDerive)
      .add(as_bytes(what))
      .add(ByteView(&kEnd, 1))
      .add(of)
      .finish();
}

}  // namespace

std::string_view describe(CodeError e) {
  switch (e) {
    case CodeError::kLength: return "the code has a wrong number of characters";
    case CodeError::kAlphabet: return "the code has a character that it may not have";
    case CodeError::kCheckCharacter: return "the last character does not fit the others";
    case CodeError::kDate: return "the date of birth in the number is no date";
    case CodeError::kFits:
      return "its last character fits the others: it was not issued against the standard";
  }
  return "?";
}

char uscc_check_character(std::string_view first17) {
  int sum = 0;
  for (std::size_t i = 0; i < kUsccWeights.size(); ++i) {
    sum += kUsccValues[static_cast<unsigned char>(first17[i])] * kUsccWeights[i];
  }
  return kUsccAlphabet[static_cast<std::size_t>((31 - sum % 31) % 31)];
}

std::expected<void, CodeError> check(const Uscc& uscc) {
  for (std::uint8_t c : uscc.bytes) {
    if (kUsccValues[c] < 0) return std::unexpected(CodeError::kAlphabet);
  }
  const std::string_view all = as_text(uscc.view());
  if (uscc_check_character(all.substr(0, 17)) != all[17]) {
    return std::unexpected(CodeError::kCheckCharacter);
  }
  return {};
}

std::expected<Uscc, CodeError> parse_uscc(std::string_view text) {
  if (text.size() != Uscc::kSize) return std::unexpected(CodeError::kLength);
  const Uscc uscc = Uscc::from(as_bytes(text));
  if (auto ok = check(uscc); !ok) return std::unexpected(ok.error());
  return uscc;
}

std::expected<void, CodeError> check(const Uscc& uscc, bool as_issued) {
  const auto ok = check(uscc);
  if (!as_issued) return ok;
  if (ok) return std::unexpected(CodeError::kFits);
  if (ok.error() != CodeError::kCheckCharacter) return ok;
  return {};
}

std::expected<Uscc, CodeError> parse_uscc_as_issued(std::string_view text) {
  if (text.size() != Uscc::kSize) return std::unexpected(CodeError::kLength);
  const Uscc uscc = Uscc::from(as_bytes(text));
  if (auto ok = check(uscc, true); !ok) return std::unexpected(ok.error());
  return uscc;
}

std::string text(const Uscc& uscc) { return std::string(as_text(uscc.view())); }

std::expected<void, CodeError> check_resident_number(std::string_view text) {
  if (text.size() != 18) return std::unexpected(CodeError::kLength);
  int sum = 0;
  for (std::size_t i = 0; i < kResidentWeights.size(); ++i) {
    if (!is_digit(text[i])) return std::unexpected(CodeError::kAlphabet);
    sum += (text[i] - '0') * kResidentWeights[i];
  }
  if (!is_digit(text[17]) && text[17] != 'X') return std::unexpected(CodeError::kAlphabet);
  const auto year = static_cast<std::int32_t>(number(text.substr(6, 4)));
  const auto month = static_cast<std::uint32_t>(number(text.substr(10, 2)));
  const auto day = static_cast<std::uint32_t>(number(text.substr(12, 2)));
  if (year < 1800 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return std::unexpected(CodeError::kDate);
  }
  if (kResidentChecks[static_cast<std::size_t>(sum % 11)] != text[17]) {
    return std::unexpected(CodeError::kCheckCharacter);
  }
  return {};
}

std::expected<Division, CodeError> parse_division(std::string_view text) {
  if (text.size() != 12) return std::unexpected(CodeError::kLength);
  for (char c : text) {
    if (!is_digit(c)) return std::unexpected(CodeError::kAlphabet);
  }
  return Division{number(text)};
}

std::string text(const Division& division) { return digits_text(division.code, 12); }

bool covers(const Division& area, const Division& place) {
  // The area names the levels above its trailing empty ones.
  if (area.code == 0) return true;
  for (std::size_t i = kLevelUnits.size(); i-- > 0;) {
    const std::uint64_t above = i == 0 ? 0 : area.code / kLevelUnits[i - 1] * kLevelUnits[i - 1];
    if (area.code != above) return area.code / kLevelUnits[i] == place.code / kLevelUnits[i];
  }
  return true;
}

std::expected<Grid, CodeError> parse_grid(std::string_view text) {
  if (text.size() < 11 || text.size() > 16) return std::unexpected(CodeError::kLength);
  const std::string_view district = text.substr(0, 6);
  const std::string_view cell = text.substr(7);
  for (char c : district) {
    if (!is_digit(c)) return std::unexpected(CodeError::kAlphabet);
  }
  for (char c : cell) {
    if (!is_digit(c)) return std::unexpected(CodeError::kAlphabet);
  }
  if (text[6] != 'G') return std::unexpected(CodeError::kAlphabet);
  // One text a grid: no more leading zeros than four digits need.
  if (cell.size() > 4 && cell[0] == '0') return std::unexpected(CodeError::kLength);
  Grid grid;
  grid.district = static_cast<std::uint32_t>(number(district));
  grid.cell = static_cast<std::uint32_t>(number(cell));
  return grid;
}

std::string text(const Grid& grid) {
  std::size_t width = 4;
  for (std::uint64_t limit = 10'000; grid.cell >= limit; limit *= 10) ++width;
  return digits_text(grid.district, 6) + "G" + digits_text(grid.cell, width);
}

Division division_of(const Grid& grid) {
  return Division{static_cast<std::uint64_t>(grid.district) * 1'000'000ULL};
}

SubjectId enterprise_id(const Uscc& uscc) {
  return chain::retag<SubjectId>(derive("enterprise", uscc.view()));
}

AgencyId agency_id(std::string_view short_name) {
  return chain::retag<AgencyId>(derive("agency", as_bytes(short_name)));
}

Hash256 key_hash(const crypto::PublicKey& key) { return derive("key", key.view()); }

Hash256 keys_root(const crypto::PublicKey& key) { return derive("keys", key_hash(key).view()); }

SourceKey source_key(std::string_view text) {
  return chain::retag<SourceKey>(derive("source", as_bytes(key_identity(text))));
}

SourceKey secret_source_key(ByteView secret, std::string_view text) {
  Bytes in;
  encode_to(in, to_bytes(secret));  // its length is written first: unambiguous
  append(in, as_bytes(text));
  return chain::retag<SourceKey>(derive("secret-source", in));
}

EventId event_id(const AgencyId& agency, const SourceKey& source) {
  return chain::retag<EventId>(
      crypto::Hasher(crypto::Domain::kEventId).add(agency).add(source).finish());
}

EventId event_id(const chain::SubmissionId& submission, std::uint32_t index) {
  std::array<std::uint8_t, 36> in{};
  std::copy(submission.bytes.begin(), submission.bytes.end(), in.begin());
  for (std::size_t i = 0; i < 4; ++i) {
    in[32 + i] = static_cast<std::uint8_t>(index >> (8 * i));  // little-endian
  }
  return chain::retag<EventId>(crypto::hash(crypto::Domain::kEventId, in));
}

}  // namespace imi::ledger
