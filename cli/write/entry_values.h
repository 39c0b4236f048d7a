// How a value of each type in an entry is written by people: as a text, or as a list of texts. The
// error says what is wrong with it, without its field's name.
#pragma once

#include <boost/json/value.hpp>
#include <concepts>
#include <expected>
#include <string>
#include <vector>

#include "base/hex.h"
#include "cli/typed.h"
#include "cli/write/codes.h"
#include "cli/write/words.h"
#include "ledger/agency/entries.h"
#include "ledger/core/catalog.h"

namespace imi::cli {

using Written = std::expected<void, std::string>;

// ---- texts ------------------------------------------------------------------------------------

[[nodiscard]] Written text_value(std::string_view text, ledger::Division& v,
                                 const ledger::Catalog*);
[[nodiscard]] Written text_value(std::string_view text, ledger::SchemaId& v,
                                 const ledger::Catalog* catalog);
[[nodiscard]] Written text_value(std::string_view text, ledger::Source& v, const ledger::Catalog*);
[[nodiscard]] Written text_value(std::string_view text, crypto::PublicKey& v,
                                 const ledger::Catalog*);
[[nodiscard]] Written text_value(std::string_view text, chain::TimeMs& v, const ledger::Catalog*);
[[nodiscard]] Written text_value(std::string_view text, ledger::Version& v, const ledger::Catalog*);
// A decimal integer from `least` to `most`.
[[nodiscard]] std::expected<std::int64_t, std::string> parse_integer(std::string_view text,
                                                                     std::int64_t least,
                                                                     std::int64_t most);

template <ledger::HasWords E>
[[nodiscard]] Written text_value(std::string_view text, E& v, const ledger::Catalog*) {
  const auto word = typed_word(text);
  if (!word) return std::unexpected(word.error().reason);
  const auto value = parse_word<E>(*word);
  if (!value) return std::unexpected(value.error());
  v = *value;
  return {};
}

template <class U>
  requires std::same_as<U, std::uint8_t> || std::same_as<U, std::uint32_t>
[[nodiscard]] Written text_value(std::string_view text, U& v, const ledger::Catalog*) {
  const auto n = parse_integer(text, 0, std::numeric_limits<U>::max());
  if (!n) return std::unexpected(n.error());
  v = static_cast<U>(*n);
  return {};
}

// Ids and hashes of 32 bytes. Subjects are read by EntryReader, which knows whose they are.
template <class Tag>
[[nodiscard]] Written text_value(std::string_view text, FixedBytes<Tag, 32>& v,
                                 const ledger::Catalog*) {
  const auto id = fixed_from_hex<FixedBytes<Tag, 32>>(typed_word(text).value_or(""));
  if (!id) return std::unexpected("is not 64 hexadecimal characters");
  v = *id;
  return {};
}

[[nodiscard]] Written text_value(std::string_view text, crypto::Signature& v,
                                 const ledger::Catalog*);

// ---- lists ------------------------------------------------------------------------------------

[[nodiscard]] Written list_value(const boost::json::value& list, ledger::Roles& v,
                                 const ledger::Catalog*);
[[nodiscard]] Written list_value(const boost::json::value& list, std::vector<ledger::FieldId>& v,
                                 const ledger::Catalog* catalog);
[[nodiscard]] Written list_value(const boost::json::value& list, std::vector<ledger::Division>& v,
                                 const ledger::Catalog*);
[[nodiscard]] Written list_value(const boost::json::value& list, std::vector<crypto::PublicKey>& v,
                                 const ledger::Catalog*);

}  // namespace imi::cli
