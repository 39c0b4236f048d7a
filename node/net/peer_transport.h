// Authenticated, prioritised, bounded message passing between the nodes of one network.
//
// Every connection is TLS 1.3 with certificates both ways. A peer IS the holder of the key whose
// pin is configured; nothing else gets past the handshake (no CA, no names, no resumption). Before
// the first message both sides exchange a hello {magic, protocol version, genesis id, run,
// features}: another chain or version is refused by name. Features are bits by which a peer says
// what it understands beyond the version; a node that does not know a bit ignores it.
//
// What is promised: messages of one class to one peer arrive in order, whole and unaltered while
// one connection lasts. Nothing is promised across connections: what was queued or under way when a
// connection broke may be lost, and consensus retransmits (A8). Votes do not wait behind bodies: a
// class is served before every later class, and long messages are cut into fragments
// (kMaxFragmentBytes) between which others are sent.
//
// Wire format, after TLS: fragments {u32 little-endian length of what follows, u8 channel, bytes}.
// channel: bits 0..3 the class (0..2) or 14 control, 15 hello; bit 7: more fragments of this
// message follow. Length 2..kMaxFragmentBytes + 1; a message's fragments sum to <=
// kMaxMessageBytes.
//
// One connection per pair. Both sides dial, with jittered exponential back-off; when both succeed,
// the one that the node with the lower pin dialled stays. A peer that was restarted (another `run`)
// replaces its old connection at once.
//
// Threads: one I/O thread of its own, on which every callback is called; callbacks must not block.
// send(), broadcast() and stats() are thread-safe and never block. After stop() returned no
// callback is called.
//
// Bounds: all in PeerLimits. Back-pressure: a received message holds a Credit; while a peer's
// unreleased credits exceed max_unreleased_bytes nothing more is read from it. Each message costs
// its bytes and kMessageCost, so that small ones are bounded in number.
//
// A peer that misbehaved (disconnect()) is barred for bar_min, twice as long each further time, up
// to bar_max; bar_forgiven after the last time it begins at bar_min again.
#pragma once

#include <atomic>
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/strong_id.h"
#include "node/net/net_error.h"
#include "node/net/tls_identity.h"

namespace imi::node {

// Index into PeerTransportOptions::peers. Configure the validators first and in the order of their
// MemberId: then PeerId.value == MemberId.value for validators.
using PeerId = StrongId<struct PeerIdTag, std::uint32_t>;

// Classes of traffic, most urgent first.
enum class TrafficClass : std::uint8_t {
  kVote = 0,  // consensus messages. Never dropped silently: a peer whose queue is full is cut off
  kControl = 1,  // STATUS, FETCH, small requests: dropped when their queue is full
  kBulk = 2,     // bodies, blocks, answers to FETCH: dropped when their queue is full
};
inline constexpr std::size_t kTrafficClassCount = 3;

inline constexpr std::size_t kMaxMessageBytes = 16u << 20;
inline constexpr std::size_t kMaxFragmentBytes = 64u << 10;
inline constexpr std::size_t kMessageCost = 512;
inline constexpr std::uint16_t kPeerProtocolVersion = 2;

struct PeerInfo {
  std::string name;  // for logs
  Hash256 tls_key_pin;
  std::string address;  // "host:port" to dial; empty: it dials us (observers)
  bool validator = true;
};

struct PeerLimits {
  std::size_t vote_queue_bytes = 8u << 20;  // per peer
  std::size_t control_queue_bytes = 4u << 20;
  std::size_t bulk_queue_bytes = 32u << 20;
  std::size_t max_unreleased_bytes = 32u << 20;  // received and not released, per peer
  std::size_t max_half_open = 64;                // handshakes under way, incoming
  std::size_t reserved_half_open = 32;           // of those, only for the addresses of validators
  std::size_t max_half_open_per_address = 8;     // for addresses that are not validators'
  std::size_t max_observers = 32;                // connected at a time
  // Handshakes begun per second by addresses that are not validators': each costs the I/O thread
  // about half a millisecond before the key is known.
  double max_strangers_per_second = 50;

  std::chrono::milliseconds handshake_deadline{5'000};  // TCP, TLS and hello together
  std::chrono::milliseconds ping_interval{2'000};
  std::chrono::milliseconds silence_deadline{8'000};  // nothing received for so long: gone
  std::chrono::milliseconds write_deadline{8'000};    // nothing taken for so long: gone
  std::chrono::milliseconds backoff_min{50};
  std::chrono::milliseconds backoff_max{2'000};
  std::chrono::milliseconds bar_min{2'000};  // after disconnect()
  std::chrono::milliseconds bar_max{128'000};
  std::chrono::milliseconds bar_forgiven{600'000};
};

// Bytes received that the owner has not finished with. Released when destroyed; movable; may be
// destroyed on any thread, also after the transport has gone.
class Credit {
 public:
  class Account;  // internal
  Credit() = default;
  Credit(std::shared_ptr<Account> account, std::size_t bytes)
      : account_(std::move(account)), bytes_(bytes) {}
  Credit(Credit&& o) noexcept : account_(std::move(o.account_)), bytes_(o.bytes_) { o.bytes_ = 0; }
  Credit& operator=(Credit&& o) noexcept;
  Credit(const Credit&) = delete;
  Credit& operator=(const Credit&) = delete;
  ~Credit() { release(); }
  void release();

 private:
  std::shared_ptr<Account> account_;
  std::size_t bytes_ = 0;
};

struct PeerMessage {
  PeerId from;
  TrafficClass traffic_class{};
  Bytes payload;
  Credit credit;
};

// Why a connection ended or was never made. For logs and status.
enum class PeerRefusal : std::uint8_t {
  kUnknownKey,     // a certificate with an unknown pin
  kWrongKey,       // another certificate than that of the peer that was dialled
  kTlsFailed,      // TLS older than 1.3, no certificate, not TLS at all
  kWrongChain,     // another genesis
  kWrongVersion,   // another protocol version
  kNotImi,         // the hello is malformed
  kHandshakeLate,  // not finished by the deadline
  kHalfOpenFull,   // too many handshakes under way
  kObserversFull,
  kSelf,               // our own key
  kReplaced,           // the pair has a better connection
  kBadFrame,           // an invalid length or channel
  kTooLarge,           // a message beyond kMaxMessageBytes
  kSilent,             // nothing heard for silence_deadline
  kNotReading,         // it took nothing for write_deadline, or its vote queue overflowed
  kClosed,             // the other side or the network closed
  kUnresolved,         // the name of its address has no address
  kConnectionRefused,  // nothing listens there
  kUnreachable,        // could not be dialled otherwise
  kCutOff,             // disconnect() was called for it
  kStopping,           // we stop
};
[[nodiscard]] std::string_view name(PeerRefusal r);      // "wrong-chain"
[[nodiscard]] std::string_view describe(PeerRefusal r);  // a sentence that says what to do

struct PeerCallbacks {
  std::function<void(PeerMessage)> on_message;
  std::function<void(PeerId)> on_connected;
  std::function<void(PeerId, PeerRefusal)> on_disconnected;
  // A connection that never became a peer's. `address` is the other end. Optional.
  std::function<void(std::string_view address, PeerRefusal)> on_refused;
};

struct PeerTransportOptions {
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 0;  // 0: any free port, see port()
  bool listen = true;             // false: dials only
  TlsIdentity identity;
  Hash256 genesis_id;
  std::uint64_t features = 0;   // what this node understands
  std::vector<PeerInfo> peers;  // this node itself included: recognised by its pin
  PeerLimits limits;
  // The wall clock sent to peers and compared with theirs, microseconds since 1970; absent: the
  // system's. Called on the I/O thread.
  std::function<std::int64_t()> wall_us;
  NetLog log;
};

struct PeerStats {
  PeerId id;
  std::string name;
  std::string address;  // of the other end, while connected
  bool validator = false;
  bool connected = false;
  bool we_dialled = false;
  bool dials = false;                   // it has an address here
  std::optional<PeerRefusal> last_end;  // how the last attempt or connection ended
  std::string last_detail;              // where, and what the system said of it
  std::uint64_t connections = 0;        // made so far
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_in = 0;  // of messages
  std::uint64_t bytes_out = 0;
  std::uint64_t dropped = 0;  // messages dropped because a queue was full
  std::uint64_t queued_bytes = 0;
  std::uint64_t round_trip_us = 0;  // of the last ping; 0: none yet
  // Its wall clock, as it claims, minus ours, while connected; exact to half a round trip.
  std::optional<std::int64_t> clock_ahead_us;
  std::uint64_t features = 0;  // as the connected peer announced them
  std::uint64_t cut_off = 0;   // times it was disconnected for misbehaviour
};
struct PeerTransportStats {
  std::vector<PeerStats> peers;  // without this node itself
  std::uint64_t half_open = 0;
  std::uint64_t refused = 0;  // connections that never became a peer's
};

// A message shared by all its receivers.
using SharedBytes = std::shared_ptr<const Bytes>;

class PeerTransport {
 public:
  // Listens and dials until destroyed.
  [[nodiscard]] static std::expected<std::unique_ptr<PeerTransport>, NetError> start(
      PeerTransportOptions options, PeerCallbacks callbacks);
  ~PeerTransport();
  PeerTransport(const PeerTransport&) = delete;
  PeerTransport& operator=(const PeerTransport&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // This node's own place among the peers, if it is one of them.
  [[nodiscard]] std::optional<PeerId> self() const;

  // Queues a message of 1..kMaxMessageBytes. False if it was not queued: the peer is not connected,
  // is unknown or this node itself, or its queue is full.
  bool send(PeerId to, TrafficClass traffic_class, SharedBytes message);
  // To every connected peer, or every connected validator.
  void broadcast(TrafficClass traffic_class, const SharedBytes& message,
                 bool validators_only = false);

  // Where a peer is dialled from now on ("host:port"). For networks whose ports are not known
  // before they listen (tests, `imi network`).
  void set_address(PeerId peer, std::string address);
  // Closes the connection to a peer that misbehaved; it may connect again after its bar.
  void disconnect(PeerId peer);

  [[nodiscard]] bool is_connected(PeerId peer) const;
  // What the connected peer announced; 0 if there is none.
  [[nodiscard]] std::uint64_t features(PeerId peer) const;
  [[nodiscard]] PeerTransportStats stats() const;

  void stop();  // idempotent; not from a callback

  class Impl;  // internal

 private:
  explicit PeerTransport(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace imi::node
