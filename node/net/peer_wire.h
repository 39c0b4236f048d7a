// Internal to node/net: the bytes between peers, without any socket. See peer_transport.h for the
// format. Pure; one thread per value.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>

#include "node/net/peer_transport.h"

namespace imi::node {

inline constexpr std::uint8_t kControlChannel = 14;
inline constexpr std::uint8_t kHelloChannel = 15;
inline constexpr std::uint8_t kMoreFlag = 0x80;
inline constexpr std::size_t kFragmentHeaderBytes = 5;
inline constexpr std::size_t kMaxSmallFrame = 64;  // of the control and hello channels

// The first frame each way.
struct Hello {
  std::uint16_t version = kPeerProtocolVersion;
  Hash256 genesis_id;
  std::uint64_t run = 0;       // random, one per start of the process
  std::uint64_t features = 0;  // the receiver ignores bits that it does not know
};
[[nodiscard]] Bytes encode_hello(const Hello& h);
// kNotImi, or kWrongVersion when a later version may have more to say.
[[nodiscard]] std::expected<Hello, PeerRefusal> decode_hello(ByteView payload);

// Keep-alive on the control channel.
struct Ping {
  bool is_answer = false;
  std::uint64_t stamp_us = 0;  // of the asker's own clock, echoed
  std::int64_t wall_us = 0;    // the sender's wall clock, microseconds since 1970
  friend bool operator==(const Ping&, const Ping&) = default;
};
[[nodiscard]] Bytes encode_ping(const Ping& p);
[[nodiscard]] std::expected<Ping, PeerRefusal> decode_ping(ByteView payload);

void append_fragment(Bytes& out, std::uint8_t channel, bool more, ByteView part);

// Puts fragments together. Allocates only for bytes that have come, except for the rest of one
// fragment (<= kMaxFragmentBytes).
class FrameReader {
 public:
  // Called with each whole message or small frame. False: stop feeding (the connection is closing).
  using Sink = std::function<bool(std::uint8_t channel, Bytes payload)>;

  // Until this is called only a hello is accepted; after it, everything but a hello.
  void accept_messages() { hello_done_ = true; }
  [[nodiscard]] std::expected<void, PeerRefusal> feed(ByteView in, const Sink& sink);

 private:
  [[nodiscard]] std::expected<void, PeerRefusal> begin_fragment();
  Bytes& target() { return channel_ < kTrafficClassCount ? partial_[channel_] : small_; }

  bool hello_done_ = false;
  std::array<std::uint8_t, kFragmentHeaderBytes> header_{};
  std::size_t header_have_ = 0;
  std::size_t remaining_ = 0;  // of the current fragment
  std::uint8_t channel_ = 0;
  bool more_ = false;
  std::array<Bytes, kTrafficClassCount> partial_;
  Bytes small_;
};

// What waits for one peer, by class, bounded in bytes. The caller locks.
class SendQueue {
 public:
  explicit SendQueue(const PeerLimits& limits)
      : limits_{limits.vote_queue_bytes, limits.control_queue_bytes, limits.bulk_queue_bytes} {}

  // False if the class is full.
  [[nodiscard]] bool push(TrafficClass c, SharedBytes message);
  // Appends fragments, most urgent first, until `out` has at least `enough` bytes or nothing waits.
  // Returns the number of messages that were finished.
  std::size_t take(Bytes& out, std::size_t enough);
  // A message that was cut off half-way starts again: for a new connection.
  void rewind();
  void clear();
  [[nodiscard]] bool empty() const { return total_ == 0; }
  [[nodiscard]] std::size_t bytes() const { return total_; }

 private:
  struct Lane {
    std::deque<SharedBytes> messages;
    std::size_t offset = 0;  // into the first
    std::size_t bytes = 0;   // of messages still here, whole
  };
  std::array<std::size_t, kTrafficClassCount> limits_;
  std::array<Lane, kTrafficClassCount> lanes_;
  std::size_t total_ = 0;
};

}  // namespace imi::node
