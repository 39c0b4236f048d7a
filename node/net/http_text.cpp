#include "node/net/http_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>

namespace imi::node {

std::string_view http_reason(int status) {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
  }
  return "Status";
}

bool equal_no_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = s.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kBlank) - first + 1);
}

std::string_view without_quotes(std::string_view s) {
  if (s.size() < 2 || s.front() != '"' || s.back() != '"') return s;
  return s.substr(1, s.size() - 2);
}

std::string_view next_in_list(std::string_view& list, bool& more) {
  const std::size_t comma = list.find(',');
  const std::string_view front = trimmed(list.substr(0, comma));
  more = comma != std::string_view::npos;
  list = more ? list.substr(comma + 1) : std::string_view{};
  return front;
}

namespace {

// "name:port" -> "name", "[::1]:port" -> "::1"; empty if it is neither.
std::string host_name(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos) return {};
    return std::string(host.substr(1, close - 1));
  }
  return std::string(host.substr(0, host.find(':')));
}

bool is_literal(const std::string& name) {
  std::uint8_t out[16];
  return ::inet_pton(AF_INET, name.c_str(), out) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), out) == 1;
}

}  // namespace

bool is_host_allowed(std::string_view host, const std::vector<std::string>& allowed) {
  std::string name = host_name(host);
  if (name.ends_with('.')) name.pop_back();
  if (name.empty()) return false;
  if (equal_no_case(name, "localhost") || is_literal(name)) return true;
  constexpr std::string_view kUnderLocalhost = ".localhost";
  if (name.size() > kUnderLocalhost.size() &&
      equal_no_case(std::string_view(name).substr(name.size() - kUnderLocalhost.size()),
                    kUnderLocalhost)) {
    return true;
  }
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const std::string& a) { return equal_no_case(name, a); });
}

OriginVerdict judge_origin(std::string_view origin, std::string_view host,
                           const std::vector<std::string>& allowed) {
  if (origin.empty()) return OriginVerdict::kNone;
  for (const std::string& a : allowed) {
    if (equal_no_case(origin, a)) return OriginVerdict::kAllowed;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme) && equal_no_case(origin.substr(scheme.size()), host)) {
      return OriginVerdict::kSame;
    }
  }
  return OriginVerdict::kRefused;
}

bool equal_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned differs = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differs |=
        static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return differs == 0;
}

void RateLimiter::refill(Bucket& b, Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - b.at).count();
  b.tokens = std::min(burst_, b.tokens + seconds * per_second_);
  b.at = now;
}

RateLimiter::Bucket& RateLimiter::refilled(const ClientKey& client, Clock::time_point now) {
  auto it = buckets_.find(client);
  if (it == buckets_.end()) {
    const ClientKey key = buckets_.size() < max_clients_ ? client : ClientKey{};
    it = buckets_.try_emplace(key, Bucket{burst_, now}).first;
  }
  refill(it->second, now);
  return it->second;
}

void RateLimiter::owe(const ClientKey& client, double n, Clock::time_point now) {
  if (per_second_ <= 0 || n <= 0) return;
  Bucket& b = refilled(client, now);
  b.tokens = std::max(b.tokens - n, -burst_);
}

std::chrono::milliseconds RateLimiter::take(const ClientKey& client, double n,
                                            Clock::time_point now) {
  if (per_second_ <= 0) return std::chrono::milliseconds(0);
  Bucket& b = refilled(client, now);
  // More than the burst at once could never pass; it is let through on a full bucket and owed.
  if (b.tokens >= std::min(n, burst_)) {
    b.tokens -= n;
    return std::chrono::milliseconds(0);
  }
  const double missing = std::min(n, burst_) - b.tokens;
  return std::chrono::milliseconds(1 + static_cast<std::int64_t>(missing / per_second_ * 1000));
}

void RateLimiter::forget_idle(Clock::time_point now) {
  for (auto it = buckets_.begin(); it != buckets_.end();) {
    refill(it->second, now);
    it = it->second.tokens >= burst_ ? buckets_.erase(it) : std::next(it);
  }
}

}  // namespace imi::node
