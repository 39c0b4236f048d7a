// What a client or peer submits: bounded, refused by name, and never another form of the same
// value.
#include "ledger/submission/admission.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const ByteView in(data, size);
  fuzz::hold_codec_law<ledger::Submission>(in);
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
