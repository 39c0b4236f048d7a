// Samples of every described struct (base/fields.h), from a seed: each field has a value of its
// type that decodes, each optional one is there or not, each variant holds any alternative.
// What has no description of its own is listed here; an unknown type does not compile.
#pragma once

#include <algorithm>

#include "crypto/random.h"
#include "crypto/range.h"
#include "ledger/credit/records.h"
#include "ledger/governance/records.h"
#include "ledger/submission/entry.h"

namespace imi::ledger::test {

class FieldSamples {
 public:
  explicit FieldSamples(std::uint64_t seed) : random_(seed) {}

  template <class T>
  [[nodiscard]] T make() {
    T value;
    fill(value, Size{0, 4});
    return value;
  }
  template <class T, class... Notes>
  void operator()(std::string_view, T& value, const Notes&... notes) {
    fill(value, note_of<Size>(notes...).value_or(Size{0, 4}));
  }

 private:
  // 0 .. n-1
  std::uint64_t draw(std::uint64_t n) {
    std::uint64_t out = 0;
    for (const std::uint8_t b : random_.fixed<SourceKey>().view().first(8)) out = out << 8 | b;
    return n == 0 ? out : out % n;
  }
  std::size_t size_within(Size size) {
    return size.least + draw(std::min(size.most, size.least + 3) - size.least + 1);
  }

  template <HasWords E>
  void fill(E& v, Size) {
    v = kWords<E>[draw(kWords<E>.size())].value;
  }
  void fill(bool& v, Size) { v = draw(2) == 1; }
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  void fill(I& v, Size) {
    v = static_cast<I>(draw(0) >> draw(64));  // small ones too: of each length
  }
  template <class Tag, class Rep>
  void fill(StrongId<Tag, Rep>& v, Size) {
    fill(v.value, {});
  }
  template <class Tag, std::size_t N>
  void fill(FixedBytes<Tag, N>& v, Size) {
    v = random_.fixed<FixedBytes<Tag, N>>();
  }
  void fill(std::string& v, Size size) {
    v.resize(size_within(size));
    for (char& c : v) c = static_cast<char>('a' + draw(26));
  }
  void fill(Division& v, Size) { v.code = draw(1'000'000'000'000); }
  void fill(Grid& v, Size) {
    fill(v.set, {});
    v.district = static_cast<std::uint32_t>(draw(1'000'000));
    fill(v.cell, {});
  }
  void fill(Roles& v, Size) { v.bits = static_cast<std::uint32_t>(draw(Roles::kAll + 1)); }
  void fill(crypto::RangePeaks& v, Size) {
    for (std::uint64_t n = draw(9); n > 0; --n) v.append(random_.fixed<Hash256>());
  }
  void fill(Dispute& v, Size) {
    fill(v.state, {});
    if (v.state == DisputeState::kNone) return;
    fill(v.opened, {});
    fill(v.deadline, {});
  }
  void fill(Repair& v, Size) {
    fill(v.state, {});
    if (v.state == RepairState::kNone) return;
    fill(v.requested, {});
    fill(v.decided, {});
  }
  template <Space S, std::uint8_t N>
  void fill(RecordTag<S, N>&, Size) {}
  template <std::uint8_t N>
  void fill(SchemaVersion<N>&, Size) {}
  // Configuration, which genesis_file's tests and fuzzer have.
  void fill(Catalog&, Size) {}
  void fill(Parameters&, Size) {}
  void fill(Rule&, Size) {}

  template <class T>
  void fill(std::optional<T>& v, Size size) {
    if (draw(2) == 1) {
      fill(v.emplace(), size);
    } else {
      v.reset();
    }
  }
  template <class T>
  void fill(std::vector<T>& v, Size size) {
    v.resize(size_within(size));
    for (T& element : v) fill(element, Size{0, 4});
    if constexpr (std::totally_ordered<T>) std::ranges::sort(v);
  }
  template <class... Ts>
  void fill(std::variant<Ts...>& v, Size size) {
    const std::size_t wanted = draw(sizeof...(Ts));
    std::size_t at = 0;
    ((at++ == wanted ? fill(v.template emplace<Ts>(), size) : void()), ...);
  }
  template <HasFields T>
  void fill(T& v, Size) {
    v.each_field(*this);
  }

  crypto::SeededRandom random_;
};

// `call` with a default entry of each kind, in the order of the table.
template <class F>
void for_each_kind(F&& call) {
  [&]<class... Es>(std::type_identity<std::variant<Es...>>) {
    (call(Es{}), ...);
  }(std::type_identity<Entry>{});
}

// `n` entries of every kind.
[[nodiscard]] inline std::vector<Entry> sample_entries(std::uint64_t seed, std::size_t n) {
  FieldSamples samples(seed);
  std::vector<Entry> out;
  for_each_kind([&]<class E>(const E&) {
    for (std::size_t i = 0; i < n; ++i) out.emplace_back(samples.make<E>());
  });
  return out;
}

}  // namespace imi::ledger::test
