// The values of chain/: heads, certificates, lineage, blocks, validator sets.
#include "chain/block.h"
#include "chain/certificate.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const ByteView in(data, size);
  fuzz::hold_codec_law<chain::LedgerHead>(in);
  fuzz::hold_codec_law<chain::Block>(in);
  fuzz::hold_codec_law<chain::Lineage>(in);
  if (const auto set = decode<chain::ValidatorSet>(in)) (void)set->validate();
  if (const auto c = decode<chain::CheckpointCertificate>(in)) {
    chain::ValidatorSet set;
    (void)chain::verify(*c, c->head.genesis, set);
  }
  fuzz::hold_codec_law<chain::CheckpointCertificate>(in);
  return 0;
}
