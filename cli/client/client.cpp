#include "cli/client/client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/check.h"
#include "cli/client/http_codec.h"
#include "cli/client/socket.h"

namespace imi::cli {

using rpc::Error;
using rpc::make_error;
using rpc::RpcError;

std::string NodeAddress::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::expected<NodeAddress, std::string> parse_node_address(std::string_view text) {
  const std::string whole(text);
  const auto bad = [&](std::string_view why) {
    return std::unexpected("'" + whole + "' is not a node's address: " + std::string(why) +
                           "; write host, host:port or http://host:port");
  };
  if (text.starts_with("https://")) return bad("nodes speak plain HTTP, use their proxy's address");
  if (text.starts_with("http://")) text.remove_prefix(7);
  if (text.ends_with('/')) text.remove_suffix(1);
  NodeAddress out;
  out.port = kDefaultRpcPort;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("a bracket is not closed");
    out.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && !text.starts_with(':')) return bad("text after the bracket");
    if (!text.empty()) port = text.substr(1);
    if (text == ":") return bad("the port is missing");
  } else {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
      return bad("put an IPv6 address in brackets");
    }
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (colon != std::string_view::npos && port.empty()) return bad("the port is missing");
  }
  if (out.host.empty() || out.host.size() > 253) return bad("the host is missing");
  if (out.host.find_first_of("/?#@ \t\r\n%") != std::string::npos)
    return bad("the host has a character that no host name has");
  if (!port.empty()) {
    unsigned n = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), n);
    if (ec != std::errc{} || end != port.data() + port.size() || n == 0 || n > 65535) {
      return bad("the port must be 1 to 65535");
    }
    out.port = static_cast<std::uint16_t>(n);
  }
  return out;
}

std::string not_an_answer(const RpcError& error) {
  constexpr std::string_view kRequest = "the request ";  // the reader's sentences are of requests
  const auto* why = error.data.if_contains("why");
  std::string text = why != nullptr && why->is_string() && error.error == Error::kBadResponse
                         ? std::string(why->get_string())
                         : error.message;
  if (text.starts_with(kRequest)) text.replace(0, kRequest.size(), "the answer ");
  return text;
}

namespace {

// The node is there and cannot serve this now; another may.
// A node that hangs (suspended, a dead disk) is given up for a read after its share of the time;
// the last one has all that is left.
constexpr std::chrono::milliseconds kMostPatience{3'000};
constexpr std::chrono::milliseconds kLeastPatience{1'000};

// Calls that may take long because the node is asked to wait, and are safer sent to one node at a
// time.
bool only_reads(std::string_view method) { return method != "submit" && method != "submit_batch"; }

bool is_for_another_node(Error e) {
  return e == Error::kNotReady || e == Error::kHalted || e == Error::kObserving ||
         e == Error::kShuttingDown || e == Error::kServerBusy || e == Error::kStorageFailed ||
         e == Error::kPoolFull || e == Error::kNoCertifiedHead;
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientOptions options) : options_(std::move(options)) {
    IMI_CHECK(!options_.nodes.empty() && options_.nodes.size() <= kMaxNodeAddresses);
    links_.resize(options_.nodes.size());
  }

  using Deadline = Socket::Deadline;

  template <class T>
  using Read = std::function<std::expected<T, RpcError>(const Page&)>;

  // Tries node after node. `read` turns a page into the answer; its error may call for the next.
  template <class T>
  std::expected<T, RpcError> try_nodes(const std::function<std::string(const NodeAddress&)>& text,
                                       std::chrono::milliseconds timeout, bool is_read,
                                       const Read<T>& read) {
    if (timeout.count() <= 0) timeout = options_.call_timeout;
    const Deadline last = Socket::Clock::now() + timeout;
    const auto share = timeout / static_cast<std::int64_t>(links_.size());
    const auto patience =
        std::min(kMostPatience, std::max(share, std::min(kLeastPatience, timeout / 2)));
    std::string tried;
    std::optional<RpcError> refusal;
    for (std::size_t k = 0; k < links_.size(); ++k) {
      const std::size_t node = (current_ + k) % links_.size();
      const NodeAddress& address = options_.nodes[node];
      Deadline deadline = Socket::Clock::now() + timeout;
      if (is_read) {
        const bool more = k + 1 < links_.size();
        deadline = more ? std::min(last, Socket::Clock::now() + patience) : last;
      }
      const auto page = exchange(node, text(address), deadline);
      std::string why;
      if (page) {
        auto answer = read(*page);
        if (answer || !may_try_another(answer.error())) {
          current_ = node;
          return answer;
        }
        why = answer.error().data.at("name").as_string().c_str();
        refusal = std::move(answer).error();
        name_node(*refusal, address);
      } else {
        if (page.error().interrupted) return std::unexpected(interrupted_error());
        why = page.error().why;
      }
      tried += (tried.empty() ? "" : ", ") + address.text() + ": " + why;
    }
    if (refusal) {
      refusal->data["tried"] = tried;
      return std::unexpected(std::move(*refusal));
    }
    return std::unexpected(make_error(Error::kUnreachable, {{"tried", tried}}));
  }

  // One node alone.
  Outcome ask_node(std::size_t node, const std::string& request, std::chrono::milliseconds timeout,
                   const Read<boost::json::value>& read) {
    const NodeAddress& address = options_.nodes.at(node);
    bool connected = false;
    const auto page = exchange(node, request, Socket::Clock::now() + timeout, &connected);
    if (page) {
      auto answer = read(*page);
      if (!answer) name_node(answer.error(), address);
      return answer;
    }
    const Socket::Failure& f = page.error();
    if (f.interrupted) return std::unexpected(interrupted_error());
    if (!connected) {
      return std::unexpected(
          make_error(Error::kUnreachable, {{"tried", address.text() + ": " + f.why}}));
    }
    if (f.late)
      return std::unexpected(make_error(Error::kTimeout, {{"timeout_ms", timeout.count()}}));
    return std::unexpected(
        make_error(Error::kBadResponse, {{"address", address.text()}, {"why", f.why}}));
  }

  std::expected<void, RpcError> connect() {
    std::string tried;
    for (std::size_t k = 0; k < links_.size(); ++k) {
      const std::size_t node = (current_ + k) % links_.size();
      const auto ready = open_link(node, Socket::Clock::now() + options_.connect_timeout);
      if (ready) return {};
      if (ready.error().interrupted) return std::unexpected(interrupted_error());
      tried += (tried.empty() ? "" : ", ") + options_.nodes[node].text() + ": " + ready.error().why;
    }
    return std::unexpected(make_error(Error::kUnreachable, {{"tried", tried}}));
  }

  const ClientOptions& options() const { return options_; }
  std::size_t current_index() const { return current_; }
  void prefer(std::size_t node) { current_ = node % links_.size(); }
  const NodeAddress& current() const { return options_.nodes[current_]; }
  std::int64_t next_id() { return ++last_id_; }

 private:
  struct Link {
    Socket socket;
  };

  static RpcError interrupted_error() {
    return rpc::make_error_text(
        Error::kTimeout, "interrupted; what was submitted may still commit: ask for its fate",
        {{"interrupted", true}});
  }

  // A page that is not JSON-RPC (a proxy's, another program's) says nothing about the ledger.
  static bool may_try_another(const RpcError& e) {
    return e.error == Error::kBadResponse || is_for_another_node(e.error);
  }
  static void name_node(RpcError& e, const NodeAddress& address) {
    if (e.error != Error::kBadResponse) return;
    const auto* why = e.data.if_contains("why");
    e = make_error(Error::kBadResponse,
                   {{"address", address.text()},
                    {"why", why != nullptr ? *why : boost::json::value("unreadable")}});
  }

  // `connected`, if asked for: false if the failure is that no connection was made.
  std::expected<Page, Socket::Failure> exchange(std::size_t node, const std::string& request,
                                                Deadline deadline, bool* connected = nullptr) {
    const bool kept = links_[node].socket.is_open();
    for (bool again = kept;; again = false) {
      if (auto ready = open_link(node, deadline); !ready) return std::unexpected(ready.error());
      if (connected != nullptr) *connected = true;
      bool is_stale = false;
      auto page = exchange_once(node, request, deadline, is_stale);
      // A kept connection that the node had closed meanwhile: nothing of an answer came.
      if (page || !again || !is_stale) return page;
      if (connected != nullptr) *connected = false;
    }
  }

  std::expected<void, Socket::Failure> open_link(std::size_t node, Deadline deadline) {
    Socket& socket = links_[node].socket;
    if (socket.is_open()) return {};
    const Deadline connect_by = std::min(deadline, Socket::Clock::now() + options_.connect_timeout);
    auto fresh = Socket::connect(options_.nodes[node], connect_by, options_.interrupted);
    if (!fresh) return std::unexpected(fresh.error());
    socket = std::move(*fresh);
    return {};
  }

  std::expected<Page, Socket::Failure> exchange_once(std::size_t node, const std::string& request,
                                                     Deadline deadline, bool& is_stale) {
    Socket& socket = links_[node].socket;
    is_stale = false;
    if (auto sent = socket.send_all(request, deadline, options_.interrupted); !sent) {
      // The node may have answered and closed before it read everything (too large, busy).
      if (sent.error().interrupted || sent.error().late) {
        socket.close();
        return std::unexpected(sent.error());
      }
    }
    auto page = read_page(socket, deadline, is_stale);
    if (!page) socket.close();
    return page;
  }

  std::expected<Page, Socket::Failure> read_page(Socket& socket, Deadline deadline,
                                                 bool& is_stale) {
    ResponseReader reader(options_.response_limits.max_bytes);
    std::vector<char> buffer(64u << 10);
    while (!reader.is_done()) {
      auto n = socket.receive(buffer.data(), buffer.size(), deadline, options_.interrupted);
      if (!n) {
        is_stale = !reader.has_begun() && !n.error().interrupted && !n.error().late;
        return std::unexpected(n.error());
      }
      if (*n == 0) {
        if (reader.end_of_bytes()) break;
        is_stale = !reader.has_begun();
        return std::unexpected(Socket::Failure{"it closed the connection without an answer"});
      }
      const auto used = reader.feed({buffer.data(), *n});
      if (!used) return std::unexpected(Socket::Failure{used.error()});
    }
    auto taken = reader.take();
    if (!taken.keep_alive) socket.close();
    return Page{taken.status, std::move(taken.body)};
  }

  ClientOptions options_;
  std::vector<Link> links_;
  std::size_t current_ = 0;
  std::int64_t last_id_ = 0;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

const NodeAddress& Client::current() const { return impl_->current(); }

const std::vector<NodeAddress>& Client::nodes() const { return impl_->options().nodes; }
std::size_t Client::current_index() const { return impl_->current_index(); }
void Client::prefer(std::size_t node) { impl_->prefer(node); }
std::expected<void, RpcError> Client::connect() { return impl_->connect(); }

namespace {
Client::Outcome read_answer(const Client::Page& page, const rpc::Id& id,
                            const rpc::JsonLimits& limits) {
  auto r = rpc::parse_response(page.body, limits);
  if (!r) {
    return std::unexpected(make_error(Error::kBadResponse, {{"why", not_an_answer(r.error())}}));
  }
  // Errors about the request as a whole have the id null.
  if (r->id != id && r->outcome) {
    return std::unexpected(make_error(Error::kBadResponse, {{"why", "it answered another call"}}));
  }
  return std::move(r->outcome);
}
}  // namespace

Client::Outcome Client::call(std::string_view method, boost::json::object params,
                             std::chrono::milliseconds timeout) {
  const rpc::Id id(impl_->next_id());
  const std::string body = rpc::request_text(id, method, boost::json::value(std::move(params)));
  const auto text = [&](const NodeAddress& node) {
    return post_text(node, impl_->options().bearer_token, body);
  };
  const auto read = [&](const Page& page) {
    return read_answer(page, id, impl_->options().response_limits);
  };
  return impl_->try_nodes<boost::json::value>(text, timeout, only_reads(method), read);
}

Client::Outcome Client::call_node(std::size_t node, std::string_view method,
                                  boost::json::object params, std::chrono::milliseconds timeout) {
  const rpc::Id id(impl_->next_id());
  const std::string body = rpc::request_text(id, method, boost::json::value(std::move(params)));
  const ClientOptions& o = impl_->options();
  const auto read = [&](const Page& page) { return read_answer(page, id, o.response_limits); };
  return impl_->ask_node(node, post_text(o.nodes.at(node), o.bearer_token, body), timeout, read);
}

std::expected<std::vector<Client::Outcome>, RpcError> Client::call_batch(
    const std::vector<BatchCall>& calls, std::chrono::milliseconds timeout) {
  IMI_CHECK(!calls.empty() && calls.size() <= rpc::kMaxBatch);
  std::string body = "[";
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i != 0) body += ',';
    body += rpc::request_text(rpc::Id(static_cast<std::int64_t>(i)), calls[i].method,
                              boost::json::value(calls[i].params));
  }
  body += ']';
  const auto text = [&](const NodeAddress& node) {
    return post_text(node, impl_->options().bearer_token, body);
  };
  using Outcomes = std::vector<Outcome>;
  const auto read = [&](const Page& page) -> std::expected<Outcomes, RpcError> {
    auto responses = rpc::parse_batch_response(page.body, impl_->options().response_limits);
    if (!responses) return std::unexpected(std::move(responses).error());
    Outcomes out(calls.size(),
                 std::unexpected(make_error(Error::kBadResponse, {{"why", "it left out a call"}})));
    for (auto& r : *responses) {
      const auto* i = std::get_if<std::int64_t>(&r.id);
      if (i == nullptr || *i < 0 || static_cast<std::size_t>(*i) >= out.size()) {
        return std::unexpected(
            make_error(Error::kBadResponse, {{"why", "it answered another call"}}));
      }
      out[static_cast<std::size_t>(*i)] = std::move(r.outcome);
    }
    // A node that serves none of it: ask another. One that serves some has answered.
    const bool none = std::all_of(out.begin(), out.end(), [](const Outcome& o) {
      return !o && is_for_another_node(o.error().error);
    });
    if (none) return std::unexpected(out.front().error());
    return out;
  };
  const bool reads = std::ranges::all_of(calls, only_reads, &BatchCall::method);
  return impl_->try_nodes<Outcomes>(text, timeout, reads, read);
}

std::expected<Client::Page, RpcError> Client::get(std::string_view path,
                                                  std::chrono::milliseconds timeout) {
  const auto text = [&](const NodeAddress& node) {
    return get_text(node, impl_->options().bearer_token, path);
  };
  const auto read = [](const Page& page) -> std::expected<Page, RpcError> { return page; };
  return impl_->try_nodes<Page>(text, timeout, true, read);
}

}  // namespace imi::cli
