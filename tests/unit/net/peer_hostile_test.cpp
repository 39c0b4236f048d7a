// What a stranger, a liar or a broken machine may do to a peer port: a raw TLS client against a
// real transport.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "node/net/peer_wire.h"
#include "tests/unit/net/peer_net.h"

using namespace imi;
using namespace imi::node;

namespace {

int tcp_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
  return fd;
}

// A TLS client that says whatever the test wants. `identity` may be null: no certificate.
class RawPeer {
 public:
  RawPeer(std::uint16_t port, const TlsIdentity* identity, int max_version = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method())), fd_(tcp_connect(port)) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that the other side has closed
    SSL_CTX_set_max_proto_version(context_, max_version);
    if (identity != nullptr) use(*identity);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    handshake_ok_ = SSL_connect(ssl_) == 1;
  }
  ~RawPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(fd_);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  [[nodiscard]] bool handshake_ok() const { return handshake_ok_; }
  void send(ByteView bytes) { (void)SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())); }
  void say_hello(const Hash256& genesis, std::uint16_t version = kPeerProtocolVersion) {
    Bytes frame;
    append_fragment(frame, kHelloChannel, false, encode_hello({version, genesis, 42, 0}));
    send(frame);
  }
  // True once the other side has closed.
  [[nodiscard]] bool is_closed_by_other() {
    std::uint8_t buffer[4096];
    while (SSL_read(ssl_, buffer, sizeof(buffer)) > 0) {
    }
    return errno != EAGAIN;  // EAGAIN: the receive timeout
  }

 private:
  void use(const TlsIdentity& identity) {
    BIO* cert_bio = BIO_new_mem_buf(identity.certificate_pem.data(), -1);
    BIO* key_bio = BIO_new_mem_buf(identity.key_pem.data(), -1);
    X509* cert = PEM_read_bio_X509(cert_bio, nullptr, nullptr, nullptr);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, cert);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
  }
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  int fd_;
  bool handshake_ok_ = false;
};

// Node 0 serves; node 1 is played by the test.
struct Target {
  PeerNet net;
  explicit Target(PeerLimits limits = {}) : net(2, limits) { net.start(0); }
  std::uint16_t port() { return net.node(0).port(); }
  Witness& witness() { return net.witness(0); }
};

}  // namespace

TEST_CASE("a client without TLS is refused") {
  Target t;
  const int fd = tcp_connect(t.port());
  REQUIRE(::send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
  CHECK(t.witness().wait_refused(PeerRefusal::kTlsFailed));
  ::close(fd);
}

TEST_CASE("a client of TLS 1.2 is refused, even with a known key") {
  Target t;
  RawPeer peer(t.port(), &test_identity(1), TLS1_2_VERSION);
  CHECK_FALSE(peer.handshake_ok());
  CHECK(t.witness().wait_refused(PeerRefusal::kTlsFailed));
}

TEST_CASE("a client without a certificate is refused") {
  Target t;
  RawPeer peer(t.port(), nullptr);
  CHECK(peer.is_closed_by_other());
  CHECK(t.witness().wait_refused(PeerRefusal::kTlsFailed));
}

TEST_CASE("a client with an unknown key is refused by name") {
  Target t;
  RawPeer peer(t.port(), &test_identity(5));
  CHECK(peer.is_closed_by_other());
  CHECK(t.witness().wait_refused(PeerRefusal::kUnknownKey));
  CHECK(t.net.node(0).stats().refused == 1);
}

TEST_CASE("a client with this node's own key is refused by name") {
  Target t;
  RawPeer peer(t.port(), &test_identity(0));
  CHECK(peer.is_closed_by_other());
  CHECK(t.witness().wait_refused(PeerRefusal::kSelf));
}

TEST_CASE("the node does not talk to another key than the one it dials") {
  PeerNet net(3);
  net.start(0);
  net.start(2);
  // Where node 1 should be, node 2 answers.
  net.node(0).set_address(PeerId(1), net.address(2));
  CHECK(net.witness(0).wait_refused(PeerRefusal::kWrongKey));
  CHECK_FALSE(net.node(0).is_connected(PeerId(1)));
}

TEST_CASE("a peer of another chain is refused by name on both sides, and it is logged") {
  PeerNet net(2);
  net.start(0);
  PeerTransportOptions foreign = net.options(1);
  foreign.genesis_id = chain(2);
  net.start(1, foreign);
  net.link(1, 0);
  CHECK(net.witness(0).wait_refused(PeerRefusal::kWrongChain));
  CHECK(net.witness(1).wait_refused(PeerRefusal::kWrongChain));
  CHECK(net.witness(0).read([&] {
    return std::any_of(net.witness(0).log.begin(), net.witness(0).log.end(), [](const auto& line) {
      return line.find("another chain") != std::string::npos;
    });
  }));
}

TEST_CASE("a peer of another protocol version, or with no hello at all, is refused by name") {
  Target t;
  RawPeer newer(t.port(), &test_identity(1));
  newer.say_hello(chain(1), kPeerProtocolVersion + 1);
  CHECK(t.witness().wait_refused(PeerRefusal::kWrongVersion));
  RawPeer other(t.port(), &test_identity(1));
  other.send(as_bytes("hello, this is not the protocol"));
  CHECK(t.witness().wait_refused(PeerRefusal::kNotImi));
}

TEST_CASE("a length of 4 GiB ends the connection at once") {
  Target t;
  RawPeer peer(t.port(), &test_identity(1));
  peer.say_hello(chain(1));
  REQUIRE(t.witness().wait([&] { return t.witness().connected.contains(1); }));
  peer.send(Bytes{0xff, 0xff, 0xff, 0xff, 2, 1, 2, 3});
  CHECK(peer.is_closed_by_other());
  CHECK(t.witness().wait_end(PeerRefusal::kBadFrame));
}

TEST_CASE("a frame that is cut off delivers nothing") {
  Target t;
  {
    RawPeer peer(t.port(), &test_identity(1));
    peer.say_hello(chain(1));
    REQUIRE(t.witness().wait([&] { return t.witness().connected.contains(1); }));
    Bytes frame;
    append_fragment(frame, 0, false, Bytes(1000, 1));
    frame.resize(500);
    peer.send(frame);
  }
  CHECK(t.witness().wait_end(PeerRefusal::kClosed));
  CHECK(t.witness().messages.empty());
}

TEST_CASE("a message beyond the limit, in fragments, ends the connection") {
  Target t;
  RawPeer peer(t.port(), &test_identity(1));
  peer.say_hello(chain(1));
  Bytes piece;
  append_fragment(piece, 2, true, Bytes(kMaxFragmentBytes, 9));
  for (std::size_t n = 0; n <= kMaxMessageBytes; n += kMaxFragmentBytes) peer.send(piece);
  CHECK(t.witness().wait_end(PeerRefusal::kTooLarge));
  CHECK(t.witness().messages.empty());
}

TEST_CASE("a flood of pings does not grow anything and the connection still carries messages") {
  Target t;
  RawPeer peer(t.port(), &test_identity(1));
  peer.say_hello(chain(1));
  Bytes pings;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    append_fragment(pings, kControlChannel, false, encode_ping({false, i}));
  }
  append_fragment(pings, 0, false, as_bytes("still here"));
  peer.send(pings);
  REQUIRE(t.witness().wait([&] { return t.witness().messages.size() == 1; }));
  CHECK(as_text(t.witness().messages[0].payload) == "still here");
}

TEST_CASE("connections that stop in the handshake are ended by the deadline") {
  PeerLimits limits;
  limits.handshake_deadline = std::chrono::milliseconds(60);
  Target t(limits);
  const int silent = tcp_connect(t.port());
  CHECK(t.witness().wait_refused(PeerRefusal::kHandshakeLate));
  ::close(silent);
  t.witness().read([&] { t.witness().refused.clear(); });
  RawPeer no_hello(t.port(), &test_identity(1));  // TLS is done, the hello never comes
  CHECK(no_hello.handshake_ok());
  CHECK(t.witness().wait_refused(PeerRefusal::kHandshakeLate));
}

TEST_CASE("a flood of half-open connections is capped and does not lock a validator out") {
  PeerLimits limits;
  limits.max_half_open = 12;
  limits.reserved_half_open = 4;
  limits.max_half_open_per_address = 6;
  Target t(limits);
  std::vector<int> flood;
  for (int i = 0; i < 40; ++i) flood.push_back(tcp_connect(t.port()));
  CHECK(t.witness().wait_refused(PeerRefusal::kHalfOpenFull));
  CHECK(t.net.node(0).stats().half_open <= 6);
  // The validator's own address has reserved places, whoever else connects.
  t.net.node(0).set_address(PeerId(1), "127.0.0.1:1");
  t.net.start(1);
  t.net.link(1, 0);
  CHECK(t.witness().wait([&] { return t.witness().connected.contains(1); }));
  for (const int fd : flood) ::close(fd);
}

TEST_CASE("strangers that come one after the other, too fast, are refused before any handshake") {
  PeerLimits limits;
  limits.max_strangers_per_second = 2;
  Target t(limits);
  for (int i = 0; i < 8; ++i) {
    RawPeer peer(t.port(), &test_identity(5));
    (void)peer.is_closed_by_other();
  }
  CHECK(t.witness().wait_refused(PeerRefusal::kHalfOpenFull));
  // A validator's address is not a stranger's.
  t.net.node(0).set_address(PeerId(1), "127.0.0.1:1");
  t.net.start(1);
  t.net.link(1, 0);
  CHECK(t.witness().wait([&] { return t.witness().connected.contains(1); }));
}

TEST_CASE("log lines of one kind are few however many strangers knock") {
  Target t;
  for (int i = 0; i < 60; ++i) {
    RawPeer peer(t.port(), &test_identity(5));
    (void)peer.is_closed_by_other();
  }
  REQUIRE(t.witness().wait([&] { return t.witness().refused.size() == 60; }));
  // Few per second; the loop above takes well under ten.
  CHECK(t.witness().read([&] { return t.witness().log.size(); }) <= 10 * kNetLogPerSecond);
}
