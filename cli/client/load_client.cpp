#include "cli/client/load_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include "base/check.h"
#include "cli/client/http_codec.h"
#include "cli/client/socket.h"

namespace imi::cli {

namespace {

constexpr std::size_t kMaxLoadResponse = 16u << 20;
constexpr std::size_t kSendAhead = 256u
                                   << 10;  // bytes given to one connection before it takes them
constexpr std::chrono::milliseconds kReconnectPause{100};

}  // namespace

class LoadClient::Impl {
 public:
  Impl(LoadClientOptions options, OnDone on_done)
      : options_(std::move(options)), on_done_(std::move(on_done)), scratch_(256u << 10) {}

  std::expected<void, rpc::RpcError> connect() {
    IMI_CHECK(!options_.nodes.empty());
    const unsigned n = std::clamp(options_.connections, 1u, 1024u);
    std::string tried;
    pinned_.resize(options_.nodes.size());
    for (unsigned i = 0; i < n; ++i) {
      const std::size_t index = i % options_.nodes.size();
      const NodeAddress& node = options_.nodes[index];
      if (options_.may_be_down) {
        Link& link = links_.emplace_back();
        link.node = node;
        link.node_index = index;
        continue;
      }
      auto socket = Socket::connect(node, Clock::now() + options_.connect_timeout, {});
      Link& link = links_.emplace_back();
      link.node = node;
      link.node_index = index;
      if (!socket) {
        if (i < options_.nodes.size()) {
          tried += (tried.empty() ? "" : ", ") + node.text() + ": " + socket.error().why;
        }
        continue;
      }
      link.socket = std::move(*socket);
      link.connected = true;
    }
    if (tried.empty()) return {};
    return std::unexpected(rpc::make_error(rpc::Error::kUnreachable, {{"tried", tried}}));
  }

  bool start(std::uint64_t tag, std::string body) {
    if (waiting_.size() >= options_.max_waiting) return false;
    waiting_.push_back({tag, Clock::now(), std::move(body)});
    return true;
  }

  bool start_at(std::size_t node, std::uint64_t tag, std::string body) {
    IMI_CHECK(node < pinned_.size() && node < links_.size(), "a node that has a connection");
    if (pinned_[node].size() >= options_.max_waiting) return false;
    pinned_[node].push_back({tag, Clock::now(), std::move(body)});
    ++pinned_waiting_;
    return true;
  }

  void poll(std::chrono::microseconds wait);

  std::size_t under_way() const { return waiting_.size() + pinned_waiting_ + sent_; }

 private:
  struct Waiting {
    std::uint64_t tag = 0;
    Clock::time_point queued;
    std::string body;
  };
  struct Sent {
    std::uint64_t tag = 0;
    Clock::time_point queued;
    Clock::time_point sent;
  };
  struct Link {
    NodeAddress node;
    std::size_t node_index = 0;
    Socket socket;
    bool connected = false;
    Clock::time_point connecting_since{};
    Clock::time_point retry_at{};
    std::string out;
    std::size_t out_done = 0;
    std::deque<Sent> sent;
    ResponseReader reader{kMaxLoadResponse};
  };

  void reconnect(Link& link, Clock::time_point now);
  void hand_out();
  void write(Link& link);
  void read(Link& link);
  bool take_answers(Link& link, std::string_view bytes);
  [[nodiscard]] bool has_room(const Link& link) const {
    return link.connected && link.sent.size() < options_.max_pipelined &&
           link.out.size() - link.out_done < kSendAhead;
  }
  void give(Link& link, Waiting& w);
  void fail(Link& link, const std::string& why);
  void fail_pinned(const Link& link, const std::string& why);

  LoadClientOptions options_;
  OnDone on_done_;
  std::deque<Link> links_;
  std::deque<Waiting> waiting_;
  std::vector<std::deque<Waiting>> pinned_;  // by node: for that node alone
  std::size_t pinned_waiting_ = 0;
  std::size_t sent_ = 0;
  std::size_t next_link_ = 0;
  std::size_t done_now_ = 0;
  std::vector<char> scratch_;
  std::vector<pollfd> fds_;
};

void LoadClient::Impl::reconnect(Link& link, Clock::time_point now) {
  if (link.socket.is_open() || now < link.retry_at) return;
  link.retry_at = now + kReconnectPause;
  link.connecting_since = now;
  const int fd = Socket::start_connect(link.node);
  if (fd < 0) return fail(link, std::strerror(errno));
  link.socket = Socket(fd);
  link.connected = false;
}

void LoadClient::Impl::give(Link& link, Waiting& w) {
  link.out += post_text(link.node, options_.bearer_token, w.body);
  link.sent.push_back({w.tag, w.queued, Clock::now()});
  ++sent_;
}

// Deals what waits to connections in turn, each up to max_pipelined calls.
void LoadClient::Impl::hand_out() {
  for (Link& link : links_) {
    std::deque<Waiting>& own = pinned_[link.node_index];
    while (!own.empty() && has_room(link)) {
      give(link, own.front());
      own.pop_front();
      --pinned_waiting_;
    }
  }
  std::size_t full = 0;
  while (!waiting_.empty() && full < links_.size()) {
    Link& link = links_[next_link_];
    next_link_ = (next_link_ + 1) % links_.size();
    if (!has_room(link)) {
      ++full;
      continue;
    }
    full = 0;
    give(link, waiting_.front());
    waiting_.pop_front();
  }
}

void LoadClient::Impl::write(Link& link) {
  while (link.connected && link.out_done < link.out.size()) {
    const ssize_t n = ::send(link.socket.fd(), link.out.data() + link.out_done,
                             link.out.size() - link.out_done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) return fail(link, std::strerror(errno));
    link.out_done += static_cast<std::size_t>(n);
  }
  if (link.out_done == link.out.size()) {
    link.out.clear();
    link.out_done = 0;
  }
}

void LoadClient::Impl::read(Link& link) {
  const ssize_t n = ::recv(link.socket.fd(), scratch_.data(), scratch_.size(), 0);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (n < 0) return fail(link, std::strerror(errno));
  if (n == 0) return fail(link, "the node closed the connection");
  (void)take_answers(link, {scratch_.data(), static_cast<std::size_t>(n)});
}

bool LoadClient::Impl::take_answers(Link& link, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto used = link.reader.feed(bytes);
    if (!used) {
      fail(link, used.error());
      return false;
    }
    bytes.remove_prefix(*used);
    if (!link.reader.is_done()) continue;
    auto taken = link.reader.take();
    if (link.sent.empty()) {
      fail(link, "an answer that matches no call");
      return false;
    }
    const Sent s = link.sent.front();
    link.sent.pop_front();
    --sent_;
    ++done_now_;
    Done done{s.tag, s.queued, s.sent, Clock::now(), taken.status, std::move(taken.body)};
    on_done_(done);
    if (!taken.keep_alive) {
      fail(link, "the node closed the connection");
      return false;
    }
  }
  return true;
}

void LoadClient::Impl::fail(Link& link, const std::string& why) {
  link.socket.close();
  link.connected = false;
  link.retry_at = Clock::now() + kReconnectPause;
  link.out.clear();
  link.out_done = 0;
  link.reader = ResponseReader(kMaxLoadResponse);
  const auto lost = std::exchange(link.sent, {});
  sent_ -= lost.size();
  done_now_ += lost.size();
  for (const Sent& s : lost) {
    Done done{s.tag, s.queued, s.sent, Clock::now(), 0, link.node.text() + ": " + why};
    on_done_(done);
  }
  fail_pinned(link, why);
}

// What waits for the node of a link that failed, where no other link of it stands.
void LoadClient::Impl::fail_pinned(const Link& link, const std::string& why) {
  const bool stands = std::ranges::any_of(links_, [&](const Link& other) {
    return other.node_index == link.node_index && other.connected;
  });
  if (stands) return;
  const auto lost = std::exchange(pinned_[link.node_index], {});
  pinned_waiting_ -= lost.size();
  done_now_ += lost.size();
  for (const Waiting& w : lost) {
    Done done{w.tag, w.queued, {}, Clock::now(), 0, link.node.text() + ": " + why};
    on_done_(done);
  }
}

void LoadClient::Impl::poll(std::chrono::microseconds wait) {
  const auto now = Clock::now();
  done_now_ = 0;
  for (Link& link : links_) {
    if (!link.sent.empty() && now - link.sent.front().sent > options_.call_timeout) {
      fail(link, "no answer in time");
    }
    if (link.socket.is_open() && !link.connected &&
        now - link.connecting_since > options_.connect_timeout) {
      fail(link, "no connection in time");
    }
    reconnect(link, now);
  }
  hand_out();
  fds_.clear();
  for (Link& link : links_) {
    if (link.connected) write(link);
    short events = POLLIN;
    if (!link.connected || !link.out.empty()) events |= POLLOUT;
    fds_.push_back({link.socket.is_open() ? link.socket.fd() : -1, events, 0});
  }
  const auto left = done_now_ != 0 ? std::chrono::microseconds(0) : wait;
  const timespec limit{static_cast<time_t>(left.count() / 1'000'000),
                       static_cast<long>(left.count() % 1'000'000 * 1000)};
  if (::ppoll(fds_.data(), fds_.size(), &limit, nullptr) <= 0) return;
  for (std::size_t i = 0; i < fds_.size(); ++i) {
    Link& link = links_[i];
    if (fds_[i].revents == 0 || link.socket.fd() != fds_[i].fd) continue;
    if (!link.connected) {
      const int error = Socket::connect_result(link.socket.fd());
      if (error != 0) {
        fail(link, std::strerror(error));
      } else {
        link.connected = true;
      }
      continue;
    }
    if ((fds_[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read(link);
    if (link.connected) write(link);
  }
}

LoadClient::LoadClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadClient::~LoadClient() = default;
LoadClient::LoadClient(LoadClient&&) noexcept = default;
LoadClient& LoadClient::operator=(LoadClient&&) noexcept = default;

std::expected<LoadClient, rpc::RpcError> LoadClient::connect(LoadClientOptions options,
                                                             OnDone on_done) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(on_done));
  if (auto ok = impl->connect(); !ok) return std::unexpected(ok.error());
  return LoadClient(std::move(impl));
}

bool LoadClient::start(std::uint64_t tag, std::string body) {
  return impl_->start(tag, std::move(body));
}
bool LoadClient::start_at(std::size_t node, std::uint64_t tag, std::string body) {
  return impl_->start_at(node, tag, std::move(body));
}
void LoadClient::poll(std::chrono::microseconds wait) { impl_->poll(wait); }
std::size_t LoadClient::under_way() const { return impl_->under_way(); }

}  // namespace imi::cli
