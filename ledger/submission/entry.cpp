#include "ledger/submission/entry.h"

#include <algorithm>

#include "crypto/entries_tree.h"

namespace imi::ledger {
namespace {

template <std::size_t I>
void load_if(DecodeArchive& ar, EntryKind kind, Entry& entry) {
  if constexpr (I < kKinds.size()) {
    if (kKinds[I].kind() == kind) {
      ar(entry.emplace<I>());
    } else {
      load_if<I + 1>(ar, kind, entry);
    }
  } else {
    ar.fail(CodecError::Reason::kUnknownTag);
  }
}

const KindTraits* found(const KindTraits* at) { return at == kKinds.end() ? nullptr : at; }

}  // namespace

const KindTraits* find_kind(EntryKind kind) {
  return found(std::ranges::find(kKinds, kind, &KindTraits::kind));
}

const KindTraits* find_kind(std::string_view name) {
  return found(std::ranges::find(kKinds, name, [](const KindTraits& k) { return k.name.value; }));
}

bool is_known(EntryKind k) { return find_kind(k) != nullptr; }

std::string_view name(EntryKind k) {
  const KindTraits* kind = find_kind(k);
  return kind == nullptr ? std::string_view() : kind->name.value;
}

const KindTraits& traits(const Entry& entry) { return kKinds[entry.index()]; }
EntryKind kind_of(const Entry& entry) { return traits(entry).kind(); }

std::optional<About> about(const Entry& entry) {
  return std::visit(
      []<class E>(const E& e) -> std::optional<About> {
        if constexpr (E::kKind.visibility.value == Visibility::kPublic) {
          return std::nullopt;
        } else {
          return e.about();
        }
      },
      entry);
}

void save_entry(EncodeArchive& ar, const Entry& entry) {
  ar.byte(static_cast<std::uint8_t>(kind_of(entry)));
  std::visit([&ar](const auto& e) { ar(e); }, entry);
}

void load_entry(DecodeArchive& ar, Entry& entry) {
  const auto kind = static_cast<EntryKind>(ar.byte());
  load_if<0>(ar, kind, entry);
}

Hash256 entry_hash(const Entry& entry) { return crypto::entry_leaf_hash(encode(entry)); }

Hash256 result_id(const Entry& entry, const AuthorId& author, const chain::SubmissionId& submission,
                  std::uint32_t index) {
  return std::visit(
      [&](const auto& e) { return e.result_id(EntryPlace{author, submission, index}); }, entry);
}

}  // namespace imi::ledger
