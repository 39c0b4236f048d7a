// What a peer may send inside TLS: a hello, then fragments. Whatever pieces the bytes come in, the
// same messages come out.
#include "base/check.h"
#include "node/net/peer_wire.h"
#include "tests/fuzz/law.h"

namespace {
struct Seen {
  std::vector<std::pair<std::uint8_t, imi::Bytes>> frames;
  bool refused = false;
  bool operator==(const Seen&) const = default;
};

Seen feed(imi::ByteView in, std::size_t step) {
  imi::node::FrameReader reader;
  Seen seen;
  while (!in.empty() && !seen.refused) {
    const imi::ByteView piece = in.first(std::min(step, in.size()));
    in = in.subspan(piece.size());
    const auto ok = reader.feed(piece, [&](std::uint8_t channel, imi::Bytes payload) {
      if (channel == imi::node::kHelloChannel) {
        (void)imi::node::decode_hello(payload);
        reader.accept_messages();
      }
      if (channel == imi::node::kControlChannel) (void)imi::node::decode_ping(payload);
      seen.frames.emplace_back(channel, std::move(payload));
      return true;
    });
    seen.refused = !ok;
  }
  return seen;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const imi::ByteView in(data, size);
  const Seen whole = feed(in, SIZE_MAX);
  IMI_CHECK(feed(in, 1) == whole);
  IMI_CHECK(feed(in, 7) == whole);
  return 0;
}
