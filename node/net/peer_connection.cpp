#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <boost/asio/ssl/error.hpp>

#include "base/check.h"
#include "node/net/peer_impl.h"
#include "node/net/tls_pin.h"

namespace imi::node {

namespace {

std::uint64_t now_us() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now().time_since_epoch())
          .count());
}

std::optional<Hash256> remote_pin(SSL* ssl) {
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr) return std::nullopt;
  auto pin = pin_of(certificate);
  X509_free(certificate);
  return pin;
}

}  // namespace

PeerConnection::PeerConnection(PeerTransport::Impl& owner, Tcp::socket socket)
    : owner_(owner),
      stream_(std::move(socket), owner.tls_),
      resolver_(owner.io_),
      dialled_(false),
      peer_(kNobody),
      started_(SteadyClock::now()) {
  set_remote();
}

PeerConnection::PeerConnection(PeerTransport::Impl& owner, std::size_t peer_to_dial)
    : owner_(owner),
      stream_(owner.io_, owner.tls_),
      resolver_(owner.io_),
      dialled_(true),
      peer_(peer_to_dial),
      started_(SteadyClock::now()) {}

void PeerConnection::set_remote() {
  NetCode ec;
  const auto end = stream_.next_layer().remote_endpoint(ec);
  if (ec) return;
  remote_text_ = address_text(end);
  remote_ip_ = end.address();
}

void PeerConnection::start_accepted() { handshake(); }

void PeerConnection::start_dial(const HostPort& to) {
  remote_text_ = to.host + ":" + to.port;
  NetCode not_literal;
  const auto ip = asio::ip::make_address(to.host, not_literal);
  if (!not_literal)
    return connect(Tcp::endpoint(ip, static_cast<std::uint16_t>(std::stoul(to.port))));
  const Shared self = shared_from_this();
  resolving_ = true;
  resolver_.async_resolve(to.host, to.port,
                          [self](const NetCode& ec, const Tcp::resolver::results_type& results) {
                            if (self->stage_ == Stage::kClosed) return;
                            self->resolving_ = false;
                            if (ec || results.empty())
                              return self->close(PeerRefusal::kUnresolved, ec.message());
                            // The first address only: the others are for the next attempt's
                            // resolver to order.
                            self->connect(results.begin()->endpoint());
                          });
}

void PeerConnection::connect(const Tcp::endpoint& end) {
  const Shared self = shared_from_this();
  stream_.next_layer().async_connect(end, [self](const NetCode& ec) {
    if (self->stage_ == Stage::kClosed) return;
    if (ec) {
      return self->close(ec == asio::error::connection_refused ? PeerRefusal::kConnectionRefused
                                                               : PeerRefusal::kUnreachable,
                         ec.message());
    }
    self->set_remote();
    self->handshake();
  });
}

void PeerConnection::tune_socket() {
  NetCode ignored;
  Tcp::socket& socket = stream_.next_layer();
  socket.set_option(Tcp::no_delay(true), ignored);
  // Keeps what the kernel holds unsent small, so that a vote overtakes queued bodies.
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentLowWater,
               sizeof(kNotSentLowWater));
}

void PeerConnection::handshake() {
  stage_ = Stage::kTls;
  tune_socket();
  SSL_set_ex_data(stream_.native_handle(), connection_slot(), this);
  const Shared self = shared_from_this();
  stream_.async_handshake(dialled_ ? ssl::stream_base::client : ssl::stream_base::server,
                          [self](const NetCode& ec) { self->on_handshake(ec); });
}

void PeerConnection::on_handshake(const NetCode& ec) {
  if (stage_ == Stage::kClosed) return;
  if (ec) {
    if (unknown_key_) return close(dialled_ ? PeerRefusal::kWrongKey : PeerRefusal::kUnknownKey);
    const bool gone = ec == asio::error::eof || ec == asio::error::connection_reset;
    return close(gone && dialled_ ? PeerRefusal::kClosed : PeerRefusal::kTlsFailed, ec.message());
  }
  // The verification callback let only configured keys pass; which one it was is read here from
  // the certificate whose key signed this handshake.
  const auto pin = remote_pin(stream_.native_handle());
  if (!pin) return close(PeerRefusal::kTlsFailed);
  if (*pin == owner_.options_.identity.pin) return close(PeerRefusal::kSelf);
  const std::size_t who = owner_.find_pin(*pin);
  if (dialled_ && who != peer_) {
    return close(PeerRefusal::kWrongKey, who == kNobody
                                             ? std::string()
                                             : "it is the key of " + owner_.peers_[who]->info.name);
  }
  if (who == kNobody) return close(PeerRefusal::kUnknownKey);
  peer_ = who;
  stage_ = Stage::kHello;
  append_fragment(small_out_, kHelloChannel, false,
                  encode_hello({kPeerProtocolVersion, owner_.options_.genesis_id, owner_.run_,
                                owner_.options_.features}));
  in_.resize(kReadBufferBytes);
  read();
  pump();
}

// ---- reading
// -------------------------------------------------------------------------------------

void PeerConnection::read() {
  if (reading_ || stage_ == Stage::kClosed) return;
  reading_ = true;
  const Shared self = shared_from_this();
  stream_.async_read_some(asio::buffer(in_), [self](const NetCode& ec, std::size_t n) {
    self->reading_ = false;
    if (self->stage_ != Stage::kClosed) self->on_read(ec, n);
  });
}

void PeerConnection::on_read(const NetCode& ec, std::size_t n) {
  if (ec) {
    // The other side's refusal of our key arrives as an alert after our own handshake is done.
    const bool alert = ec.category() == asio::error::get_ssl_category();
    return close(alert && stage_ == Stage::kHello ? PeerRefusal::kTlsFailed : PeerRefusal::kClosed,
                 ec == asio::error::eof ? std::string() : ec.message());
  }
  heard_ = SteadyClock::now();
  const auto ok = reader_.feed(ByteView(in_).first(n), [this](std::uint8_t channel, Bytes payload) {
    return on_frame(channel, std::move(payload));
  });
  if (stage_ == Stage::kClosed) return;
  if (!ok) return close(ok.error());
  if (takes_messages() && owner_.peers_[peer_]->account->must_pause()) {
    if (stage_ == Stage::kRetiring) return close(PeerRefusal::kReplaced);
    paused_ = true;
    return;
  }
  read();
}

void PeerConnection::resume_reading() {
  if (!paused_ || stage_ != Stage::kLive) return;
  paused_ = false;
  heard_ = SteadyClock::now();
  read();
}

bool PeerConnection::on_frame(std::uint8_t channel, Bytes payload) {
  if (channel == kHelloChannel) return on_hello(payload);
  if (channel == kControlChannel) return on_control(payload);
  owner_.deliver(*owner_.peers_[peer_], static_cast<TrafficClass>(channel), std::move(payload));
  return takes_messages();
}

bool PeerConnection::on_hello(ByteView payload) {
  const auto hello = decode_hello(payload);
  if (!hello) {
    close(hello.error());
    return false;
  }
  if (hello->genesis_id != owner_.options_.genesis_id) {
    owner_.log(PeerRefusal::kWrongChain, NetLogLevel::kError,
               owner_.peers_[peer_]->info.name + " at " + remote_text_ +
                   " is of another chain: its genesis differs from ours; compare the two genesis "
                   "files");
    close(PeerRefusal::kWrongChain);
    return false;
  }
  reader_.accept_messages();
  remote_run_ = hello->run;
  remote_features_ = hello->features;
  owner_.on_hello(shared_from_this());  // goes live, retires, or closes
  return takes_messages();
}

void PeerConnection::go_live() {
  stage_ = Stage::kLive;
  heard_ = write_progress_ = SteadyClock::now();
  pinged_ = heard_ - owner_.options_.limits.ping_interval;  // soon: it also measures the clock
}

void PeerConnection::retire() {
  stage_ = Stage::kRetiring;
  retired_ = SteadyClock::now();
  if (!paused_) return;
  paused_ = false;
  read();
}

bool PeerConnection::on_control(ByteView payload) {
  const auto ping = decode_ping(payload);
  if (!ping) {
    close(ping.error());
    return false;
  }
  if (ping->is_answer) {
    const std::uint64_t now = now_us();
    if (ping->stamp_us <= now) {
      PeerTransport::Impl::Peer& p = *owner_.peers_[peer_];
      const std::uint64_t took = now - ping->stamp_us;
      // Its clock was read about half-way. Any value may come: the difference wraps at worst.
      const auto ours = static_cast<std::uint64_t>(owner_.wall_us()) - took / 2;
      const auto ahead =
          static_cast<std::int64_t>(static_cast<std::uint64_t>(ping->wall_us) - ours);
      const std::lock_guard lock(p.mutex);
      p.stats.round_trip_us = took;
      p.stats.clock_ahead_us = ahead;
    }
    return true;
  }
  // One answer is owed at most: a flood of pings costs the asker more than us.
  answer_owed_ = true;
  answer_stamp_us_ = ping->stamp_us;
  pump();
  return true;
}

// ---- writing
// -------------------------------------------------------------------------------------

void PeerConnection::pump() {
  if (writing_ || (stage_ != Stage::kHello && stage_ != Stage::kLive)) return;
  out_.clear();
  out_.swap(small_out_);
  if (answer_owed_) {
    answer_owed_ = false;
    append_fragment(out_, kControlChannel, false,
                    encode_ping({true, answer_stamp_us_, owner_.wall_us()}));
  }
  if (stage_ == Stage::kLive) {
    PeerTransport::Impl::Peer& p = *owner_.peers_[peer_];
    const std::lock_guard lock(p.mutex);
    p.pump_posted = false;
    p.stats.messages_out += p.queue.take(out_, kWriteBatchBytes);
  }
  if (!out_.empty()) write();
}

void PeerConnection::write() {
  writing_ = true;
  write_progress_ = SteadyClock::now();
  const Shared self = shared_from_this();
  asio::async_write(stream_, asio::buffer(out_), [self](const NetCode& ec, std::size_t) {
    self->writing_ = false;
    if (self->stage_ == Stage::kClosed) return;
    if (ec) return self->close(PeerRefusal::kClosed);
    self->pump();
  });
}

void PeerConnection::ping(SteadyClock::time_point now) {
  if (now - pinged_ < owner_.options_.limits.ping_interval) return;
  pinged_ = now;
  if (small_out_.empty()) {
    append_fragment(small_out_, kControlChannel, false,
                    encode_ping({false, now_us(), owner_.wall_us()}));
  }
  pump();
}

// ---- end
// -----------------------------------------------------------------------------------------

void PeerConnection::check_time(SteadyClock::time_point now) {
  const PeerLimits& limits = owner_.options_.limits;
  if (stage_ == Stage::kClosed) return;
  if (stage_ == Stage::kRetiring) {
    if (now - retired_ > kRetireTime) close(PeerRefusal::kReplaced);
    return;
  }
  if (stage_ != Stage::kLive) {
    if (now - started_ <= limits.handshake_deadline) return;
    if (resolving_) return close(PeerRefusal::kUnresolved, "no answer from DNS in time");
    if (stage_ == Stage::kConnecting) return close(PeerRefusal::kUnreachable, "no answer in time");
    close(PeerRefusal::kHandshakeLate);
    return;
  }
  if (writing_ && now - write_progress_ > limits.write_deadline) {
    return close(PeerRefusal::kNotReading);
  }
  if (!paused_ && now - heard_ > limits.silence_deadline) return close(PeerRefusal::kSilent);
  ping(now);
}

void PeerConnection::close(PeerRefusal why, std::string detail) {
  if (stage_ == Stage::kClosed) return;
  detail_ = std::move(detail);
  close(why);
}

void PeerConnection::close(PeerRefusal why) {
  if (stage_ == Stage::kClosed) return;
  const Shared self = shared_from_this();  // the owner may hold the last reference
  const Stage was = stage_;
  stage_ = Stage::kClosed;
  NetCode ignored;
  resolver_.cancel();
  stream_.next_layer().shutdown(Tcp::socket::shutdown_both, ignored);
  stream_.next_layer().close(ignored);
  owner_.on_closed(self, was, why);
}

}  // namespace imi::node
