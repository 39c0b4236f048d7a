// Frames between nodes.
#include "node/wire.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const ByteView in(data, size);
  fuzz::hold_codec_law<node::PushFrame>(in);
  fuzz::hold_codec_law<node::AckFrame>(in);
  fuzz::hold_codec_law<node::FetchBodiesFrame>(in);
  fuzz::hold_codec_law<node::BodiesFrame>(in);
  fuzz::hold_codec_law<node::FetchRunsFrame>(in);
  fuzz::hold_codec_law<node::RunsFrame>(in);
  fuzz::hold_codec_law<node::StoredProof>(in);
  return 0;
}
