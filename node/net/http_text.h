// Internal to node/net: the small decisions of an HTTP server, without sockets.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace imi::node {

[[nodiscard]] std::string_view http_reason(int status);

[[nodiscard]] bool equal_no_case(std::string_view a, std::string_view b);  // of ASCII letters
[[nodiscard]] std::string_view trimmed(std::string_view s);                // of spaces and tabs
// "\"text\"" -> "text"; other texts as they are. Escapes are left alone.
[[nodiscard]] std::string_view without_quotes(std::string_view s);
// Takes the first element off a list with commas, trimmed. `more`: whether another follows, which
// may be empty. Quotes are not interpreted.
[[nodiscard]] std::string_view next_in_list(std::string_view& list, bool& more);

// Whether a request with this Host header may be served: localhost, its subdomains, literal
// addresses, and the names in `allowed` (any port). A page can make a browser send any NAME it
// owns, re-bound to this address; it cannot make it send a literal address it did not load.
[[nodiscard]] bool is_host_allowed(std::string_view host, const std::vector<std::string>& allowed);

// Whether a page of this Origin may use the server: those in `allowed`, and the server's own pages.
enum class OriginVerdict : std::uint8_t { kNone, kSame, kAllowed, kRefused };
[[nodiscard]] OriginVerdict judge_origin(std::string_view origin, std::string_view host,
                                         const std::vector<std::string>& allowed);

// Equal in time that depends on the lengths alone.
[[nodiscard]] bool equal_secret(std::string_view a, std::string_view b);

// What limits count as one client: an IPv4 address, or an IPv6 /64.
using ClientKey = std::array<std::uint8_t, 16>;

// Token buckets by client, bounded in number: when all are taken, new clients share one.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  RateLimiter(double per_second, double burst, std::size_t max_clients)
      : per_second_(per_second), burst_(burst), max_clients_(max_clients) {}

  // Takes `n` calls' worth; if there is not as much, takes nothing and says when to try again.
  // 0 ms: taken.
  [[nodiscard]] std::chrono::milliseconds take(const ClientKey& client, double n,
                                               Clock::time_point now);
  // Takes `n` calls' worth that were used already. What a client owes is at most its burst.
  void owe(const ClientKey& client, double n, Clock::time_point now);
  // Forgets clients whose bucket is full again.
  void forget_idle(Clock::time_point now);
  [[nodiscard]] std::size_t clients() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point at;
  };
  [[nodiscard]] Bucket& refilled(const ClientKey& client, Clock::time_point now);
  void refill(Bucket& b, Clock::time_point now) const;
  double per_second_;
  double burst_;
  std::size_t max_clients_;
  std::map<ClientKey, Bucket> buckets_;
};

}  // namespace imi::node
