// What a peer sends as a consensus message: decodes and verifies, or is refused by name.
#include "consensus/safety_state.h"
#include "consensus/verify.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const ByteView in(data, size);
  fuzz::hold_codec_law<consensus::SignedMessage>(in);
  fuzz::hold_codec_law<consensus::SafetyRecord>(in);
  fuzz::hold_codec_law<consensus::SafetyState>(in);
  fuzz::hold_codec_law<consensus::SyncedBlocks>(in);
  (void)consensus::decode_message(in);
  return 0;
}
