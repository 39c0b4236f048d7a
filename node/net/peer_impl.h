// Internal to node/net: the two classes behind PeerTransport. Everything here runs on the
// transport's I/O thread unless noted otherwise.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "node/net/asio.h"
#include "node/net/http_text.h"
#include "node/net/log_limiter.h"
#include "node/net/peer_wire.h"

namespace imi::node {

namespace ssl = asio::ssl;

// How much is handed to TLS at a time: a vote that comes meanwhile waits for no more than this and
// what the kernel holds unsent (TCP_NOTSENT_LOWAT).
inline constexpr std::size_t kWriteBatchBytes = 64u << 10;
inline constexpr int kNotSentLowWater = 128 << 10;
inline constexpr std::size_t kReadBufferBytes = 64u << 10;
// How long a connection that was replaced is still read: the other side may switch a little later.
inline constexpr std::chrono::milliseconds kRetireTime{1000};
// The node with the higher pin dials this much later, so that two that start together seldom make
// two connections.
inline constexpr std::chrono::milliseconds kYieldTime{250};

class Credit::Account : public std::enable_shared_from_this<Credit::Account> {
 public:
  Account(std::size_t limit, std::weak_ptr<PeerTransport::Impl> owner, std::size_t peer)
      : limit_(limit), owner_(std::move(owner)), peer_(peer) {}

  void take(std::size_t bytes) { held_.fetch_add(bytes); }
  void give_back(std::size_t bytes);
  // True if reading must stop; give_back() will then call for it to go on.
  [[nodiscard]] bool must_pause();

 private:
  const std::size_t limit_;
  const std::weak_ptr<PeerTransport::Impl> owner_;
  const std::size_t peer_;
  std::atomic<std::size_t> held_{0};
  std::atomic<bool> paused_{false};
};

// One TLS connection, from accept or dial to its end.
class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  // kRetiring: a better connection of the pair has taken over; what the other side still sends on
  // this one is taken for a moment, and nothing more is sent.
  enum class Stage : std::uint8_t { kConnecting, kTls, kHello, kLive, kRetiring, kClosed };

  PeerConnection(PeerTransport::Impl& owner, Tcp::socket socket);        // accepted
  PeerConnection(PeerTransport::Impl& owner, std::size_t peer_to_dial);  // dials

  void start_accepted();
  void start_dial(const HostPort& to);
  // Writes what the peer's queue and the control channel have, unless a write is under way.
  void pump();
  void resume_reading();
  void ping(SteadyClock::time_point now);
  void close(PeerRefusal why);
  void close(PeerRefusal why, std::string detail);  // `detail`: what the system said
  // Deadlines; called by the owner's sweep.
  void check_time(SteadyClock::time_point now);

  [[nodiscard]] Stage stage() const { return stage_; }
  [[nodiscard]] bool dialled() const { return dialled_; }
  [[nodiscard]] std::uint64_t remote_run() const { return remote_run_; }
  [[nodiscard]] std::uint64_t remote_features() const { return remote_features_; }
  [[nodiscard]] std::size_t peer() const { return peer_; }
  [[nodiscard]] const std::string& remote_text() const { return remote_text_; }
  [[nodiscard]] const asio::ip::address& remote_ip() const { return remote_ip_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  void set_unknown_key() { unknown_key_ = true; }
  void go_live();
  void retire();

 private:
  using Shared = std::shared_ptr<PeerConnection>;
  [[nodiscard]] bool takes_messages() const {
    return stage_ == Stage::kLive || stage_ == Stage::kRetiring;
  }
  void connect(const Tcp::endpoint& end);
  void set_remote();
  void handshake();
  void on_handshake(const NetCode& ec);
  void read();
  void on_read(const NetCode& ec, std::size_t n);
  bool on_frame(std::uint8_t channel, Bytes payload);
  bool on_hello(ByteView payload);
  bool on_control(ByteView payload);
  bool on_message(TrafficClass c, Bytes payload);
  void write();
  void tune_socket();

  PeerTransport::Impl& owner_;
  ssl::stream<Tcp::socket> stream_;
  Tcp::resolver resolver_;
  const bool dialled_;
  Stage stage_ = Stage::kConnecting;
  std::size_t peer_;  // kNobody until the handshake, unless dialled
  bool unknown_key_ = false;
  bool resolving_ = false;
  std::string detail_;  // of its end
  std::uint64_t remote_run_ = 0;
  std::uint64_t remote_features_ = 0;
  std::string remote_text_;
  asio::ip::address remote_ip_;

  FrameReader reader_;
  Bytes in_;
  bool reading_ = false;
  bool paused_ = false;

  Bytes out_;
  Bytes small_out_;  // hello and pings, ahead of everything
  bool answer_owed_ = false;
  std::uint64_t answer_stamp_us_ = 0;
  bool writing_ = false;

  SteadyClock::time_point started_;
  SteadyClock::time_point retired_;
  SteadyClock::time_point heard_;
  SteadyClock::time_point write_progress_;
  SteadyClock::time_point pinged_;
};

inline constexpr std::size_t kNobody = SIZE_MAX;

// A connection that ends sooner counts as failed: the next attempts are made later and later.
inline constexpr std::chrono::seconds kWorkingAfter{10};
// How often the same reason for not being connected is logged.
inline constexpr std::chrono::seconds kTellAgain{60};

class PeerTransport::Impl : public std::enable_shared_from_this<PeerTransport::Impl> {
 public:
  using Connection = std::shared_ptr<PeerConnection>;

  struct Peer {
    explicit Peer(const PeerLimits& limits) : queue(limits) {}
    PeerId id;
    PeerInfo info;
    std::shared_ptr<Credit::Account> account;

    std::mutex mutex;  // guards from here
    SendQueue queue;
    bool connected = false;
    bool pump_posted = false;
    PeerStats stats;  // its address is the connection's

    // I/O thread only from here.
    Connection live;
    Connection dialling;
    std::unique_ptr<asio::steady_timer> dial_timer;
    std::string dial_address;
    std::chrono::milliseconds backoff{};
    SteadyClock::time_point barred_until{};
    std::chrono::milliseconds bar{};  // the last one
    SteadyClock::time_point live_since{};
    // The last logged reason for not being connected, so that not each attempt is logged.
    std::optional<PeerRefusal> told;
    SteadyClock::time_point told_at{};
    // The run whose connection a newer run took over. If it comes back, both are alive: two
    // processes have this peer's identity.
    std::optional<std::uint64_t> replaced_run;
  };

  Impl(PeerTransportOptions options, PeerCallbacks callbacks);
  std::expected<void, NetError> open();
  void run();
  void stop();

  // Any thread.
  bool send(PeerId to, TrafficClass c, SharedBytes message);
  void broadcast(TrafficClass c, const SharedBytes& message, bool validators_only);
  void set_address(PeerId peer, std::string address);
  void disconnect(PeerId peer);
  bool is_connected(PeerId peer);
  std::uint64_t features(PeerId peer);
  PeerTransportStats stats();
  void post_resume(std::size_t peer);

  // For connections.
  [[nodiscard]] std::size_t find_pin(const Hash256& pin) const;
  void on_hello(const Connection& c);  // decides whether it stays
  void on_closed(const Connection& c, PeerConnection::Stage stage, PeerRefusal why);
  void log(PeerRefusal why, NetLogLevel level, std::string_view line);
  void deliver(Peer& p, TrafficClass c, Bytes payload);
  [[nodiscard]] std::int64_t wall_us() const;

  PeerTransportOptions options_;
  PeerCallbacks callbacks_;
  asio::io_context io_{1};
  ssl::context tls_{ssl::context::tlsv13};
  std::vector<std::unique_ptr<Peer>> peers_;
  std::optional<PeerId> self_;
  std::uint64_t run_ = 0;
  std::uint16_t port_ = 0;
  bool stopping_ = false;

 private:
  std::expected<void, NetError> set_up_tls();
  std::expected<void, NetError> set_up_peers();
  void accept();
  void on_accept(const NetCode& ec, Tcp::socket socket);
  [[nodiscard]] bool has_room_for(const asio::ip::address& from);
  void note_validator_address(const Peer& p);
  void dial_later(Peer& p, std::chrono::milliseconds delay);
  void dial(Peer& p);
  void grow_backoff(Peer& p);
  void grow_bar(Peer& p);
  std::chrono::milliseconds jitter(std::chrono::milliseconds d);
  [[nodiscard]] bool is_better(const PeerConnection& fresh, const PeerConnection& old) const;
  [[nodiscard]] std::size_t observers_connected() const;
  void attach(const Connection& c, Peer& p);
  void detach(const Connection& c, Peer& p, PeerRefusal why);
  void retire(const Connection& c, Peer& p);
  void note_failure(Peer* p, const PeerConnection& c, PeerRefusal why);
  void sweep();
  bool valid(PeerId id) const { return id.value < peers_.size() && id != self_; }

  std::optional<Tcp::acceptor> acceptor_;
  asio::steady_timer accept_timer_{io_};
  asio::steady_timer sweep_timer_{io_};
  std::map<Hash256, std::size_t> by_pin_;
  std::set<Connection> half_open_;  // incoming, before their hello
  std::set<Connection> retiring_;
  std::set<asio::ip::address> validator_ips_;
  std::minstd_rand jitter_source_;
  RateLimiter strangers_;
  LogLimiter<32> log_;
  std::atomic<std::uint64_t> half_open_count_{0};
  std::atomic<std::uint64_t> refused_count_{0};
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

// The TLS connection that a PeerConnection is behind.
[[nodiscard]] int connection_slot();

}  // namespace imi::node
