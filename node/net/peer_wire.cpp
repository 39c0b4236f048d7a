#include "node/net/peer_wire.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace imi::node {

namespace {

constexpr std::string_view kMagic = "IMI-peer";
constexpr std::size_t kHelloBytes = 8 + 2 + 32 + 8 + 8;
constexpr std::size_t kPingBytes = 1 + 8 + 8;
// A small message may keep a little unused capacity; a large one gives it back.
constexpr std::size_t kKeepCapacity = 4096;

template <class T>
void put_le(Bytes& out, T v) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::uint8_t>(v >> 8 * i));
}
template <class T>
T get_le(ByteView in) {
  T v = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    v = static_cast<T>(v | static_cast<T>(in[i]) << 8 * i);
  return v;
}

}  // namespace

Bytes encode_hello(const Hello& h) {
  Bytes out = to_bytes(as_bytes(kMagic));
  put_le(out, h.version);
  append(out, h.genesis_id.view());
  put_le(out, h.run);
  put_le(out, h.features);
  return out;
}

std::expected<Hello, PeerRefusal> decode_hello(ByteView p) {
  if (p.size() < kMagic.size() + 2 || as_text(p.first(kMagic.size())) != kMagic) {
    return std::unexpected(PeerRefusal::kNotImi);
  }
  Hello h;
  h.version = get_le<std::uint16_t>(p.subspan(8));
  if (h.version != kPeerProtocolVersion) return std::unexpected(PeerRefusal::kWrongVersion);
  if (p.size() != kHelloBytes) return std::unexpected(PeerRefusal::kNotImi);
  h.genesis_id = Hash256::from(p.subspan(10, 32));
  h.run = get_le<std::uint64_t>(p.subspan(42));
  h.features = get_le<std::uint64_t>(p.subspan(50));
  return h;
}

Bytes encode_ping(const Ping& p) {
  Bytes out{static_cast<std::uint8_t>(p.is_answer ? 1 : 0)};
  put_le(out, p.stamp_us);
  put_le(out, static_cast<std::uint64_t>(p.wall_us));
  return out;
}

std::expected<Ping, PeerRefusal> decode_ping(ByteView p) {
  if (p.size() != kPingBytes || p[0] > 1) return std::unexpected(PeerRefusal::kBadFrame);
  return Ping{p[0] == 1, get_le<std::uint64_t>(p.subspan(1)),
              static_cast<std::int64_t>(get_le<std::uint64_t>(p.subspan(9)))};
}

void append_fragment(Bytes& out, std::uint8_t channel, bool more, ByteView part) {
  put_le(out, static_cast<std::uint32_t>(part.size() + 1));
  out.push_back(static_cast<std::uint8_t>(channel | (more ? kMoreFlag : 0)));
  append(out, part);
}

// ---- FrameReader
// ---------------------------------------------------------------------------------

std::expected<void, PeerRefusal> FrameReader::begin_fragment() {
  const auto length = get_le<std::uint32_t>(header_);
  channel_ = header_[4] & static_cast<std::uint8_t>(~kMoreFlag);
  more_ = (header_[4] & kMoreFlag) != 0;
  const bool small = channel_ == kControlChannel || channel_ == kHelloChannel;
  if (!hello_done_ && channel_ != kHelloChannel) return std::unexpected(PeerRefusal::kNotImi);
  if (hello_done_ && channel_ == kHelloChannel) return std::unexpected(PeerRefusal::kBadFrame);
  if (!small && channel_ >= kTrafficClassCount) return std::unexpected(PeerRefusal::kBadFrame);
  if (length < 2 || length > kMaxFragmentBytes + 1) return std::unexpected(PeerRefusal::kBadFrame);
  if (small && (more_ || length > kMaxSmallFrame + 1)) {
    return std::unexpected(PeerRefusal::kBadFrame);
  }
  remaining_ = length - 1;
  Bytes& t = target();
  if (t.size() + remaining_ > kMaxMessageBytes) return std::unexpected(PeerRefusal::kTooLarge);
  if (t.empty()) t.reserve(remaining_);
  return {};
}

std::expected<void, PeerRefusal> FrameReader::feed(ByteView in, const Sink& sink) {
  while (!in.empty()) {
    if (remaining_ == 0) {
      const std::size_t n = std::min(in.size(), kFragmentHeaderBytes - header_have_);
      std::memcpy(header_.data() + header_have_, in.data(), n);
      header_have_ += n;
      in = in.subspan(n);
      if (header_have_ < kFragmentHeaderBytes) return {};
      header_have_ = 0;
      if (auto ok = begin_fragment(); !ok) return ok;
      continue;
    }
    const std::size_t n = std::min(in.size(), remaining_);
    append(target(), in.first(n));
    in = in.subspan(n);
    remaining_ -= n;
    if (remaining_ != 0 || more_) continue;
    Bytes whole = std::move(target());
    target() = Bytes();
    if (whole.capacity() > whole.size() + whole.size() / 4 + kKeepCapacity) whole.shrink_to_fit();
    if (!sink(channel_, std::move(whole))) return {};
  }
  return {};
}

// ---- SendQueue
// -----------------------------------------------------------------------------------

bool SendQueue::push(TrafficClass c, SharedBytes message) {
  const auto i = static_cast<std::size_t>(c);
  Lane& lane = lanes_[i];
  const std::size_t n = message->size();
  // One message always fits an empty lane, so that a small limit cannot block a class permanently.
  if (lane.bytes != 0 && lane.bytes + n > limits_[i]) return false;
  lane.bytes += n;
  total_ += n;
  lane.messages.push_back(std::move(message));
  return true;
}

std::size_t SendQueue::take(Bytes& out, std::size_t enough) {
  std::size_t finished = 0;
  for (std::size_t i = 0; i < lanes_.size() && out.size() < enough;) {
    Lane& lane = lanes_[i];
    if (lane.messages.empty()) {
      ++i;
      continue;
    }
    const Bytes& message = *lane.messages.front();
    const std::size_t left = message.size() - lane.offset;
    const std::size_t n = std::min(left, kMaxFragmentBytes);
    append_fragment(out, static_cast<std::uint8_t>(i), n < left,
                    ByteView(message).subspan(lane.offset, n));
    lane.offset += n;
    if (n < left) continue;
    lane.bytes -= message.size();
    total_ -= message.size();
    lane.offset = 0;
    lane.messages.pop_front();
    ++finished;
  }
  return finished;
}

void SendQueue::rewind() {
  for (Lane& lane : lanes_) lane.offset = 0;
}

void SendQueue::clear() {
  for (Lane& lane : lanes_) lane = Lane{};
  total_ = 0;
}

}  // namespace imi::node
