// What a client or peer submits: bounded, refused by name, and never another form of the same
// value. The mutator knows entries: it changes one field of one of them, so that the search does
// not stop at lengths and tags.
#include "ledger/submission/admission.h"
#include "tests/fuzz/law.h"
#include "tests/unit/ledger/field_samples.h"

namespace {

using namespace imi;

// Of the fields that are visited, the `wanted`-th gets another value.
class OneField {
 public:
  OneField(ledger::test::FieldSamples& samples, std::size_t wanted)
      : samples_(samples), wanted_(wanted) {}
  template <class T, class... Notes>
  void operator()(std::string_view name, T& value, const Notes&... notes) {
    if constexpr (HasFields<T>) {
      value.each_field(*this);
    } else {
      if (seen_++ == wanted_) samples_(name, value, notes...);
    }
  }
  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  ledger::test::FieldSamples& samples_;
  std::size_t wanted_;
  std::size_t seen_ = 0;
};

void change_field(ledger::Entry& entry, std::uint32_t seed) {
  std::visit(
      [&](auto& e) {
        ledger::test::FieldSamples samples(seed);
        OneField count(samples, SIZE_MAX);
        e.each_field(count);
        OneField change(samples, seed % count.seen());
        e.each_field(change);
      },
      entry);
}

}  // namespace

// Of libFuzzer alone.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max)
    __attribute__((weak));

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned int seed) {
  auto submission = decode<ledger::Submission>(ByteView(data, size));
  if (!submission || submission->entries.empty() || seed % 4 == 0) {
    return LLVMFuzzerMutate(data, size, max);
  }
  change_field(submission->entries[seed / 4 % submission->entries.size()], seed);
  const Bytes changed = encode(*submission);
  if (changed.size() > max) return LLVMFuzzerMutate(data, size, max);
  std::copy(changed.begin(), changed.end(), data);
  return changed.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView in(data, size);
  fuzz::hold_codec_law<ledger::Submission>(in);
  fuzz::hold_codec_law<ledger::Entry>(in);
  ledger::AdmissionLimits limits;
  if (size >= 33) limits.genesis = chain::GenesisId::from(in.subspan(1, 32));
  limits.max_bytes = 1U << 20;
  limits.max_entries = 64;
  limits.max_expiry_ms = 600'000;
  if (const auto s = ledger::decode_submission(in, limits)) {
    (void)ledger::check_stateless(*s, limits);
    (void)ledger::check_window(s->header.expiry, chain::TimeMs(0), limits);
  }
  return 0;
}
