#include "node/net/peer_wire.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace imi;
using namespace imi::node;

namespace {

SharedBytes message(std::size_t n, std::uint8_t fill) {
  return std::make_shared<const Bytes>(n, fill);
}

Bytes hello_frame() {
  Bytes out;
  append_fragment(out, kHelloChannel, false, encode_hello({}));
  return out;
}

struct Fed {
  std::vector<std::pair<std::uint8_t, Bytes>> frames;
  std::expected<void, PeerRefusal> result;
};

// Feeds the bytes to a reader that is past its hello, in pieces of `step`.
Fed feed(ByteView in, std::size_t step = SIZE_MAX) {
  Fed out;
  FrameReader reader;
  reader.accept_messages();
  while (!in.empty() && out.result) {
    const ByteView piece = in.first(std::min(step, in.size()));
    in = in.subspan(piece.size());
    out.result = reader.feed(piece, [&](std::uint8_t channel, Bytes payload) {
      out.frames.emplace_back(channel, std::move(payload));
      return true;
    });
  }
  return out;
}

PeerRefusal refusal(ByteView in) {
  const Fed f = feed(in);
  REQUIRE_FALSE(f.result);
  return f.result.error();
}

}  // namespace

TEST_CASE("messages of all classes come out whole, whatever pieces they arrive in") {
  SendQueue queue(PeerLimits{});
  CHECK(queue.push(TrafficClass::kBulk, message(300'000, 3)));
  CHECK(queue.push(TrafficClass::kVote, message(100, 1)));
  CHECK(queue.push(TrafficClass::kControl, message(1, 2)));
  Bytes wire;
  CHECK(queue.take(wire, SIZE_MAX) == 3);
  CHECK(queue.empty());
  for (const std::size_t step : {1u, 2u, 7u, 1000u, 70'000u, 1'000'000u}) {
    const Fed f = feed(wire, step);
    REQUIRE(f.result);
    REQUIRE(f.frames.size() == 3);
    CHECK(f.frames[0] == std::pair<std::uint8_t, Bytes>{0, Bytes(100, 1)});
    CHECK(f.frames[1] == std::pair<std::uint8_t, Bytes>{1, Bytes(1, 2)});
    CHECK(f.frames[2] == std::pair<std::uint8_t, Bytes>{2, Bytes(300'000, 3)});
  }
}

TEST_CASE("a vote overtakes a body that is half sent") {
  SendQueue queue(PeerLimits{});
  CHECK(queue.push(TrafficClass::kBulk, message(1'000'000, 3)));
  Bytes first;
  CHECK(queue.take(first, 1) == 0);
  CHECK(first.size() <= kMaxFragmentBytes + kFragmentHeaderBytes);
  CHECK(queue.push(TrafficClass::kVote, message(100, 1)));
  Bytes wire = first;
  CHECK(queue.take(wire, SIZE_MAX) == 2);
  const Fed f = feed(wire);
  REQUIRE(f.frames.size() == 2);
  CHECK(f.frames[0].first == 0);
  CHECK(f.frames[1].second == Bytes(1'000'000, 3));
}

TEST_CASE("each class has its own bound, and a message too large for it passes alone") {
  PeerLimits limits;
  limits.vote_queue_bytes = 1000;
  limits.bulk_queue_bytes = 1000;
  SendQueue queue(limits);
  CHECK(queue.push(TrafficClass::kBulk, message(5000, 3)));
  CHECK_FALSE(queue.push(TrafficClass::kBulk, message(1, 3)));
  CHECK(queue.push(TrafficClass::kVote, message(600, 1)));
  CHECK(queue.push(TrafficClass::kVote, message(400, 1)));
  CHECK_FALSE(queue.push(TrafficClass::kVote, message(1, 1)));
  CHECK(queue.bytes() == 6000);
  queue.clear();
  CHECK(queue.empty());
  CHECK(queue.push(TrafficClass::kBulk, message(1, 3)));
}

TEST_CASE("a message cut off half-way is sent again from its start on a new connection") {
  SendQueue queue(PeerLimits{});
  CHECK(queue.push(TrafficClass::kBulk, message(200'000, 7)));
  Bytes lost;
  CHECK(queue.take(lost, 1) == 0);
  queue.rewind();
  Bytes wire;
  CHECK(queue.take(wire, SIZE_MAX) == 1);
  const Fed f = feed(wire);
  REQUIRE(f.frames.size() == 1);
  CHECK(f.frames[0].second == Bytes(200'000, 7));
}

TEST_CASE("invalid lengths and channels are refused before anything is allocated") {
  CHECK(refusal(Bytes{0xff, 0xff, 0xff, 0xff, 0}) == PeerRefusal::kBadFrame);  // 4 GiB
  CHECK(refusal(Bytes{0, 0, 0, 0, 0}) == PeerRefusal::kBadFrame);
  CHECK(refusal(Bytes{1, 0, 0, 0, 0}) == PeerRefusal::kBadFrame);     // an empty message
  CHECK(refusal(Bytes{2, 0, 1, 0, 0}) == PeerRefusal::kBadFrame);     // one more than a fragment
  CHECK(refusal(Bytes{2, 0, 0, 0, 3}) == PeerRefusal::kBadFrame);     // no such channel
  CHECK(refusal(Bytes{2, 0, 0, 0, 0x43}) == PeerRefusal::kBadFrame);  // an undefined flag
  CHECK(refusal(Bytes{2, 0, 0, 0, kHelloChannel}) == PeerRefusal::kBadFrame);  // a second hello
  CHECK(refusal(Bytes{66, 0, 0, 0, kControlChannel}) == PeerRefusal::kBadFrame);
  CHECK(refusal(Bytes{9, 0, 0, 0, kControlChannel | kMoreFlag}) == PeerRefusal::kBadFrame);
}

TEST_CASE("a message that never ends is refused at the limit") {
  Bytes piece;
  append_fragment(piece, 2, true, Bytes(kMaxFragmentBytes, 9));
  FrameReader reader;
  reader.accept_messages();
  std::size_t fed = 0;
  std::expected<void, PeerRefusal> r;
  while (r) {
    r = reader.feed(piece, [](std::uint8_t, const Bytes&) { return true; });
    fed += kMaxFragmentBytes;
    REQUIRE(fed <= kMaxMessageBytes + kMaxFragmentBytes);
  }
  CHECK(r.error() == PeerRefusal::kTooLarge);
}

TEST_CASE("before the hello nothing else is accepted") {
  const auto ignore = [](std::uint8_t, const Bytes&) { return true; };
  FrameReader fresh;
  CHECK(fresh.feed(hello_frame(), ignore));
  FrameReader other;
  const auto r = other.feed(Bytes{2, 0, 0, 0, 0, 1}, ignore);
  REQUIRE_FALSE(r);
  CHECK(r.error() == PeerRefusal::kNotImi);
}

TEST_CASE("a hello states version, chain, run and features, and other bytes are refused by name") {
  Hello h;
  h.genesis_id.bytes[3] = 9;
  h.run = 0x0123456789abcdef;
  h.features = 0xfedcba9876543210;  // including bits that have no meaning yet
  const Bytes bytes = encode_hello(h);
  const auto back = decode_hello(bytes);
  REQUIRE(back);
  CHECK(back->genesis_id == h.genesis_id);
  CHECK(back->run == h.run);
  CHECK(back->features == h.features);
  Bytes other = bytes;
  ++other[8];
  CHECK(decode_hello(other).error() == PeerRefusal::kWrongVersion);
  other = bytes;
  other[0] = 'X';
  CHECK(decode_hello(other).error() == PeerRefusal::kNotImi);
  other = bytes;
  other.push_back(0);
  CHECK(decode_hello(other).error() == PeerRefusal::kNotImi);
  CHECK(decode_hello(ByteView(bytes).first(5)).error() == PeerRefusal::kNotImi);
  CHECK(decode_hello({}).error() == PeerRefusal::kNotImi);
}

TEST_CASE("pings go over the wire and other control bytes are refused") {
  for (const Ping& p : {Ping{true, 77, 1'800'000'000'000'000}, Ping{false, UINT64_MAX, -1}}) {
    const auto back = decode_ping(encode_ping(p));
    REQUIRE(back);
    CHECK(*back == p);
  }
  Bytes neither = encode_ping({true, 77, 1});
  neither[0] = 2;
  CHECK_FALSE(decode_ping(neither));
  CHECK_FALSE(decode_ping(ByteView(encode_ping({true, 77, 1})).first(9)));
  CHECK_FALSE(decode_ping(Bytes{1}));
}
