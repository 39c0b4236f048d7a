#include "node/net/peer_transport.h"

#include <openssl/ssl.h>

#include <algorithm>

#include "base/check.h"
#include "node/net/peer_impl.h"
#include "node/net/tls_pin.h"
#include "node/this_thread.h"

namespace imi::node {

namespace {

// OpenSSL's copy of a configured pin table is this callback: it is asked once per handshake, after
// the other side sent its certificate; that it also holds the key is shown by the handshake itself.
int verify_certificate(X509_STORE_CTX* store, void* argument) {
  const auto* owner = static_cast<const PeerTransport::Impl*>(argument);
  const X509* certificate = X509_STORE_CTX_get0_cert(store);
  const auto pin = certificate != nullptr ? pin_of(certificate) : std::nullopt;
  if (pin && owner->find_pin(*pin) != kNobody) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (ssl != nullptr) {
    if (auto* c = static_cast<PeerConnection*>(SSL_get_ex_data(ssl, connection_slot()))) {
      c->set_unknown_key();
    }
  }
  return 0;
}

std::chrono::milliseconds sweep_interval(const PeerLimits& l) {
  const auto shortest =
      std::min({l.handshake_deadline, l.ping_interval, l.silence_deadline, l.write_deadline});
  return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

}  // namespace

int connection_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

// ---- setting up
// ----------------------------------------------------------------------------------

PeerTransport::Impl::Impl(PeerTransportOptions options, PeerCallbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      strangers_(options_.limits.max_strangers_per_second,
                 2 * options_.limits.max_strangers_per_second, 1),
      log_(options_.log) {
  std::random_device device;
  run_ = (static_cast<std::uint64_t>(device()) << 32) | device();
  jitter_source_.seed(device());
}

std::expected<void, NetError> PeerTransport::Impl::open() {
  if (auto ok = set_up_peers(); !ok) return ok;
  if (auto ok = set_up_tls(); !ok) return ok;
  if (options_.listen) {
    auto acceptor = listen_on(io_, options_.listen_address, options_.listen_port);
    if (!acceptor) return std::unexpected(acceptor.error());
    acceptor_ = std::move(*acceptor);
    port_ = acceptor_->local_endpoint().port();
  }
  return {};
}

std::expected<void, NetError> PeerTransport::Impl::set_up_peers() {
  for (const PeerInfo& info : options_.peers) {
    const auto id = static_cast<std::uint32_t>(peers_.size());
    if (!by_pin_.emplace(info.tls_key_pin, id).second) {
      return std::unexpected(NetError{NetError::Reason::kBadConfiguration, "peer " + info.name,
                                      "its TLS key is another peer's too"});
    }
    auto p = std::make_unique<Peer>(options_.limits);
    p->id = PeerId(id);
    p->info = info;
    p->dial_address = info.address;
    p->backoff = options_.limits.backoff_min;
    p->account = std::make_shared<Credit::Account>(options_.limits.max_unreleased_bytes,
                                                   weak_from_this(), id);
    p->dial_timer = std::make_unique<asio::steady_timer>(io_);
    p->stats.id = p->id;
    p->stats.name = info.name;
    p->stats.validator = info.validator;
    p->stats.dials = !info.address.empty();
    if (info.tls_key_pin == options_.identity.pin) {
      self_ = p->id;
    } else if (!info.address.empty()) {
      if (auto ok = split_address(info.address); !ok) return std::unexpected(ok.error());
    }
    note_validator_address(*p);
    peers_.push_back(std::move(p));
  }
  return {};
}

// Handshakes from here have reserved places. Names are learnt when the validator is connected.
void PeerTransport::Impl::note_validator_address(const Peer& p) {
  const auto to = split_address(p.dial_address);
  if (!p.info.validator || !to || validator_ips_.size() >= 4 * options_.peers.size()) return;
  NetCode ec;
  const auto ip = asio::ip::make_address(to->host, ec);
  if (!ec) validator_ips_.insert(ip);
}

std::expected<void, NetError> PeerTransport::Impl::set_up_tls() {
  const auto failed = [](const NetCode& ec) {
    return std::unexpected(
        NetError{NetError::Reason::kTlsFailed, "the node's TLS key", ec.message()});
  };
  NetCode ec;
  const TlsIdentity& id = options_.identity;
  tls_.use_certificate_chain(asio::buffer(id.certificate_pem), ec);
  if (ec) return failed(ec);
  tls_.use_private_key(asio::buffer(id.key_pem), ssl::context::pem, ec);
  if (ec) return failed(ec);
  SSL_CTX* ctx = tls_.native_handle();
  SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx, verify_certificate, this);
  // No resumption: every connection shows its key anew.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(ctx, 0);
  SSL_CTX_set_max_cert_list(ctx, 16 << 10);  // read before the key is known
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  return {};
}

void PeerTransport::Impl::run() {
  for (const auto& p : peers_) {
    if (p->id != self_) dial_later(*p, std::chrono::milliseconds(0));
  }
  if (acceptor_) accept();
  sweep();
  thread_ = std::thread([this] {
    name_this_thread("peers");
    const auto work = asio::make_work_guard(io_);
    io_.run();
  });
}

void PeerTransport::Impl::stop() {
  if (stopped_.exchange(true)) return;
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    NetCode ignored;
    if (acceptor_) acceptor_->close(ignored);
    const auto half_open = half_open_;
    for (const Connection& c : half_open) c->close(PeerRefusal::kStopping);
    const auto retiring = retiring_;
    for (const Connection& c : retiring) c->close(PeerRefusal::kStopping);
    for (const auto& p : peers_) {
      if (p->dialling) p->dialling->close(PeerRefusal::kStopping);
      if (p->live) p->live->close(PeerRefusal::kStopping);
    }
    io_.stop();
  });
  thread_.join();
}

// ---- looking up
// ----------------------------------------------------------------------------------

std::size_t PeerTransport::Impl::find_pin(const Hash256& pin) const {
  const auto it = by_pin_.find(pin);
  return it == by_pin_.end() ? kNobody : it->second;
}

void PeerTransport::Impl::log(PeerRefusal why, NetLogLevel level, std::string_view line) {
  log_.log(static_cast<std::size_t>(why), level, line, SteadyClock::now());
}

std::size_t PeerTransport::Impl::observers_connected() const {
  return static_cast<std::size_t>(std::count_if(
      peers_.begin(), peers_.end(), [](const auto& p) { return !p->info.validator && p->live; }));
}

// ---- accepting
// -----------------------------------------------------------------------------------

void PeerTransport::Impl::accept() {
  acceptor_->async_accept([this](const NetCode& ec, Tcp::socket socket) {
    if (stopping_) return;
    on_accept(ec, std::move(socket));
  });
}

void PeerTransport::Impl::on_accept(const NetCode& ec, Tcp::socket socket) {
  if (ec) {
    // Most likely out of descriptors: retrying at once would spin.
    accept_timer_.expires_after(std::chrono::milliseconds(100));
    accept_timer_.async_wait([this](const NetCode&) {
      if (!stopping_) accept();
    });
    return;
  }
  NetCode gone;
  const auto from = socket.remote_endpoint(gone);
  if (!gone && !has_room_for(from.address())) {
    refused_count_.fetch_add(1);
    log(PeerRefusal::kHalfOpenFull, NetLogLevel::kWarning,
        "refused " + address_text(from) + ": " + std::string(describe(PeerRefusal::kHalfOpenFull)));
    if (callbacks_.on_refused) {
      callbacks_.on_refused(address_text(from), PeerRefusal::kHalfOpenFull);
    }
  } else if (!gone) {
    auto c = std::make_shared<PeerConnection>(*this, std::move(socket));
    half_open_.insert(c);
    half_open_count_.store(half_open_.size());
    c->start_accepted();
  }
  accept();
}

bool PeerTransport::Impl::has_room_for(const asio::ip::address& from) {
  const PeerLimits& l = options_.limits;
  const std::size_t under_way = half_open_.size();
  if (validator_ips_.contains(from)) return under_way < l.max_half_open;
  const std::size_t open_to_all = l.max_half_open - std::min(l.reserved_half_open, l.max_half_open);
  if (under_way >= open_to_all) return false;
  const auto same = std::count_if(half_open_.begin(), half_open_.end(),
                                  [&](const Connection& c) { return c->remote_ip() == from; });
  if (static_cast<std::size_t>(same) >= l.max_half_open_per_address) return false;
  return strangers_.take({}, 1, SteadyClock::now()).count() == 0;  // all strangers together
}

// ---- connections come and go
// ---------------------------------------------------------------------

bool PeerTransport::Impl::is_better(const PeerConnection& fresh, const PeerConnection& old) const {
  // Another run: the peer was restarted and knows nothing of the old one.
  if (fresh.remote_run() != old.remote_run()) return true;
  // Both ends decide alike: what the node with the lower pin dialled stays.
  const bool we_are_lower = options_.identity.pin < peers_[fresh.peer()]->info.tls_key_pin;
  const bool fresh_by_lower = fresh.dialled() == we_are_lower;
  const bool old_by_lower = old.dialled() == we_are_lower;
  if (fresh_by_lower != old_by_lower) return fresh_by_lower;
  return true;  // the same side dialled again, so it has given the old one up
}

void PeerTransport::Impl::on_hello(const Connection& c) {
  Peer& p = *peers_[c->peer()];
  if (SteadyClock::now() < p.barred_until) return c->close(PeerRefusal::kCutOff);
  if (p.live) {
    if (!is_better(*c, *p.live)) return retire(c, p);
    const Connection old = p.live;
    if (c->remote_run() == old->remote_run()) {
      retire(old, p);
    } else {
      if (p.replaced_run == c->remote_run()) {
        log(PeerRefusal::kReplaced, NetLogLevel::kWarning,
            "the identity (TLS key) of " + p.info.name + " is in use by two processes, at " +
                old->remote_text() + " and at " + c->remote_text() + ": one of them must stop");
      }
      p.replaced_run = old->remote_run();
      old->close(PeerRefusal::kClosed);
    }
  } else if (!p.info.validator && observers_connected() >= options_.limits.max_observers) {
    return c->close(PeerRefusal::kObserversFull);
  }
  attach(c, p);
}

void PeerTransport::Impl::attach(const Connection& c, Peer& p) {
  half_open_.erase(c);
  half_open_count_.store(half_open_.size());
  if (p.dialling == c) p.dialling.reset();
  p.dial_timer->cancel();
  p.live_since = SteadyClock::now();
  p.told.reset();
  if (p.info.validator && validator_ips_.size() < 4 * peers_.size()) {
    validator_ips_.insert(c->remote_ip());
  }
  p.live = c;
  c->go_live();
  bool is_new = false;
  {
    const std::lock_guard lock(p.mutex);
    is_new = !p.connected;
    p.connected = true;
    p.queue.rewind();
    p.stats.connections += 1;
    p.stats.we_dialled = c->dialled();
    p.stats.features = c->remote_features();
    p.stats.address = c->remote_text();
  }
  if (is_new) {
    log_.log(30, NetLogLevel::kInfo, "connected to " + p.info.name + " at " + c->remote_text(),
             SteadyClock::now());
    if (callbacks_.on_connected) callbacks_.on_connected(p.id);
  }
  c->pump();
}

// Both ends see both connections, maybe not at the same moment: reading on keeps what the other
// side sent before it switched.
void PeerTransport::Impl::retire(const Connection& c, Peer& p) {
  half_open_.erase(c);
  half_open_count_.store(half_open_.size());
  if (p.dialling == c) p.dialling.reset();
  if (p.live == c) {
    p.live.reset();
    const std::lock_guard lock(p.mutex);
    p.pump_posted = false;
  }
  if (retiring_.size() >= 2 * peers_.size()) return c->close(PeerRefusal::kReplaced);
  retiring_.insert(c);
  c->retire();
}

void PeerTransport::Impl::detach(const Connection& c, Peer& p, PeerRefusal why) {
  p.live.reset();
  {
    const std::lock_guard lock(p.mutex);
    p.pump_posted = false;
    p.stats.last_end = why;
    p.stats.last_detail = c->detail();
    p.stats.clock_ahead_us.reset();
    p.connected = false;
    p.stats.features = 0;
    p.queue.clear();
  }
  log(why, NetLogLevel::kWarning,
      "lost " + p.info.name + " at " + c->remote_text() + ": " + std::string(describe(why)));
  if (callbacks_.on_disconnected) callbacks_.on_disconnected(p.id, why);
}

void PeerTransport::Impl::on_closed(const Connection& c, PeerConnection::Stage stage,
                                    PeerRefusal why) {
  half_open_.erase(c);
  half_open_count_.store(half_open_.size());
  if (stage == PeerConnection::Stage::kRetiring) {
    retiring_.erase(c);
    return;
  }
  Peer* p = c->peer() == kNobody ? nullptr : peers_[c->peer()].get();
  if (stage == PeerConnection::Stage::kLive) {
    if (p->live == c) {
      if (SteadyClock::now() - p->live_since < kWorkingAfter) {
        grow_backoff(*p);
      } else {
        p->backoff = options_.limits.backoff_min;
      }
      detach(c, *p, why);
    }
  } else if (why != PeerRefusal::kReplaced && why != PeerRefusal::kStopping) {
    note_failure(p, *c, why);
  }
  if (p == nullptr) return;
  if (p->dialling == c) {
    p->dialling.reset();
    grow_backoff(*p);
  }
  const auto bar =
      std::chrono::duration_cast<std::chrono::milliseconds>(p->barred_until - SteadyClock::now());
  dial_later(*p, std::max(jitter(p->backoff), bar));
}

std::int64_t PeerTransport::Impl::wall_us() const {
  if (options_.wall_us) return options_.wall_us();
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void PeerTransport::Impl::deliver(Peer& p, TrafficClass c, Bytes payload) {
  {
    const std::lock_guard lock(p.mutex);
    p.stats.messages_in += 1;
    p.stats.bytes_in += payload.size();
  }
  if (!callbacks_.on_message) return;
  const std::size_t n = payload.size() + kMessageCost;
  p.account->take(n);
  callbacks_.on_message(PeerMessage{p.id, c, std::move(payload), Credit(p.account, n)});
}

void PeerTransport::Impl::sweep() {
  const auto now = SteadyClock::now();
  const auto half_open = half_open_;  // check_time may close, and closing erases
  for (const Connection& c : half_open) c->check_time(now);
  for (const auto& p : peers_) {
    if (const Connection c = p->dialling) c->check_time(now);
    if (const Connection c = p->live) c->check_time(now);
  }
  const auto retiring = retiring_;
  for (const Connection& c : retiring) c->check_time(now);
  sweep_timer_.expires_after(sweep_interval(options_.limits));
  sweep_timer_.async_wait([this](const NetCode& ec) {
    if (!ec && !stopping_) sweep();
  });
}

// ---- from any thread
// -----------------------------------------------------------------------------

bool PeerTransport::Impl::send(PeerId to, TrafficClass c, SharedBytes message) {
  if (!valid(to) || !message || message->empty() || message->size() > kMaxMessageBytes) {
    return false;
  }
  Peer& p = *peers_[to.value];
  bool overflow = false;
  {
    const std::lock_guard lock(p.mutex);
    if (!p.connected) return false;
    const std::size_t n = message->size();
    if (p.queue.push(c, std::move(message))) {
      p.stats.bytes_out += n;
    } else {
      p.stats.dropped += 1;
      // A vote that cannot even be queued: the peer takes nothing. Losing votes silently would
      // look like a network that works.
      if (c != TrafficClass::kVote) return false;
      overflow = true;
    }
    if (p.pump_posted && !overflow) return true;
    p.pump_posted = true;
  }
  asio::post(io_, [&p, overflow] {
    if (!p.live) return;
    if (overflow) return p.live->close(PeerRefusal::kNotReading);
    p.live->pump();
  });
  return !overflow;
}

void PeerTransport::Impl::broadcast(TrafficClass c, const SharedBytes& message,
                                    bool validators_only) {
  for (const auto& p : peers_) {
    if (!validators_only || p->info.validator) (void)send(p->id, c, message);
  }
}

void PeerTransport::Impl::set_address(PeerId peer, std::string address) {
  if (!valid(peer)) return;
  asio::post(io_, [this, &p = *peers_[peer.value], address = std::move(address)]() mutable {
    p.dial_address = std::move(address);
    {
      const std::lock_guard lock(p.mutex);
      p.stats.dials = !p.dial_address.empty();
    }
    note_validator_address(p);
    p.backoff = options_.limits.backoff_min;
    dial_later(p, std::chrono::milliseconds(0));
  });
}

void PeerTransport::Impl::disconnect(PeerId peer) {
  if (!valid(peer)) return;
  asio::post(io_, [this, &p = *peers_[peer.value]] {
    grow_bar(p);
    const auto retiring = retiring_;
    for (const Connection& c : retiring) {
      if (c->peer() == p.id.value) c->close(PeerRefusal::kCutOff);
    }
    if (p.dialling) p.dialling->close(PeerRefusal::kCutOff);
    if (p.live) p.live->close(PeerRefusal::kCutOff);
  });
}

bool PeerTransport::Impl::is_connected(PeerId peer) {
  if (!valid(peer)) return false;
  Peer& p = *peers_[peer.value];
  const std::lock_guard lock(p.mutex);
  return p.connected;
}

std::uint64_t PeerTransport::Impl::features(PeerId peer) {
  if (!valid(peer)) return 0;
  Peer& p = *peers_[peer.value];
  const std::lock_guard lock(p.mutex);
  return p.stats.features;
}

void PeerTransport::Impl::post_resume(std::size_t peer) {
  asio::post(io_, [&p = *peers_[peer]] {
    if (p.live) p.live->resume_reading();
  });
}

PeerTransportStats PeerTransport::Impl::stats() {
  PeerTransportStats out;
  for (const auto& p : peers_) {
    if (p->id == self_) continue;
    const std::lock_guard lock(p->mutex);
    PeerStats s = p->stats;
    s.connected = p->connected;
    s.queued_bytes = p->queue.bytes();
    if (!s.connected) s.address.clear();
    out.peers.push_back(std::move(s));
  }
  out.half_open = half_open_count_.load();
  out.refused = refused_count_.load();
  return out;
}

// ---- the public face
// -----------------------------------------------------------------------------

PeerTransport::PeerTransport(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
PeerTransport::~PeerTransport() { impl_->stop(); }

std::expected<std::unique_ptr<PeerTransport>, NetError> PeerTransport::start(
    PeerTransportOptions options, PeerCallbacks callbacks) {
  auto impl = std::make_shared<Impl>(std::move(options), std::move(callbacks));
  if (auto ok = impl->open(); !ok) return std::unexpected(ok.error());
  impl->run();
  return std::unique_ptr<PeerTransport>(new PeerTransport(std::move(impl)));
}

std::uint16_t PeerTransport::port() const { return impl_->port_; }
std::optional<PeerId> PeerTransport::self() const { return impl_->self_; }
bool PeerTransport::send(PeerId to, TrafficClass c, SharedBytes message) {
  return impl_->send(to, c, std::move(message));
}
void PeerTransport::broadcast(TrafficClass c, const SharedBytes& message, bool validators_only) {
  impl_->broadcast(c, message, validators_only);
}
void PeerTransport::set_address(PeerId peer, std::string address) {
  impl_->set_address(peer, std::move(address));
}
void PeerTransport::disconnect(PeerId peer) { impl_->disconnect(peer); }
bool PeerTransport::is_connected(PeerId peer) const { return impl_->is_connected(peer); }
std::uint64_t PeerTransport::features(PeerId peer) const { return impl_->features(peer); }
PeerTransportStats PeerTransport::stats() const { return impl_->stats(); }
void PeerTransport::stop() { impl_->stop(); }

}  // namespace imi::node
