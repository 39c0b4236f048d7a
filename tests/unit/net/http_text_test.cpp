#include "node/net/http_text.h"

#include <doctest/doctest.h>

using namespace imi::node;
using namespace std::chrono_literals;

TEST_CASE("a Host that a rebinding page could send is refused, addresses and own names pass") {
  const std::vector<std::string> own{"ledger.example"};
  for (const char* ok : {"localhost", "LOCALHOST:8645", "node.localhost:1", "127.0.0.1",
                         "127.0.0.1:8645", "10.1.2.3:80", "[::1]:8645", "[::1]", "[2001:db8::1]",
                         "ledger.example", "Ledger.Example:443", "ledger.example.:443"}) {
    CAPTURE(ok);
    CHECK(is_host_allowed(ok, own));
  }
  for (const char* bad : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "",
                          ":80", "[::1", "evillocalhost", "ledger.example.evil", "127.0.0.1x"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_host_allowed(bad, own));
  }
}

TEST_CASE("origins: none, the server's own, configured ones, and all others") {
  const std::vector<std::string> allowed{"https://portal.example"};
  CHECK(judge_origin("", "127.0.0.1:1", allowed) == OriginVerdict::kNone);
  CHECK(judge_origin("http://127.0.0.1:1", "127.0.0.1:1", allowed) == OriginVerdict::kSame);
  CHECK(judge_origin("https://portal.example", "x", allowed) == OriginVerdict::kAllowed);
  CHECK(judge_origin("https://portal.example.evil", "x", allowed) == OriginVerdict::kRefused);
  CHECK(judge_origin("http://127.0.0.1:2", "127.0.0.1:1", allowed) == OriginVerdict::kRefused);
  CHECK(judge_origin("null", "x", allowed) == OriginVerdict::kRefused);
}

TEST_CASE("secrets are compared whole") {
  CHECK(equal_secret("abc", "abc"));
  CHECK_FALSE(equal_secret("abc", "abd"));
  CHECK_FALSE(equal_secret("abc", "ab"));
  CHECK(equal_secret("", ""));
}

TEST_CASE("a client has its burst, then its rate, and others have their own") {
  RateLimiter r(10, 5, 100);
  const auto t0 = RateLimiter::Clock::time_point{} + 1h;
  ClientKey a{};
  a[0] = 1;
  ClientKey b{};
  b[0] = 2;
  for (int i = 0; i < 5; ++i) CHECK(r.take(a, 1, t0).count() == 0);
  const auto wait = r.take(a, 1, t0);
  CHECK(wait.count() > 50);
  CHECK(wait.count() <= 101);
  CHECK(r.take(b, 1, t0).count() == 0);
  CHECK(r.take(a, 1, t0 + 101ms).count() == 0);
  CHECK(r.take(a, 1, t0 + 101ms).count() > 0);
  CHECK(r.take(a, 100, t0 + 10s).count() == 0);  // more than the burst: passes once, and is owed
  CHECK(r.take(a, 1, t0 + 10s).count() > 0);
}

TEST_CASE("what a call cost is owed after it, at most the burst") {
  RateLimiter r(10, 50, 100);
  const auto t0 = RateLimiter::Clock::time_point{} + 1h;
  const ClientKey a{1};
  r.owe(a, 45, t0);
  CHECK(r.take(a, 5, t0).count() == 0);
  CHECK(r.take(a, 1, t0).count() > 0);
  r.owe(a, 1'000'000, t0);
  CHECK(r.take(a, 1, t0 + 5s).count() > 0);
  CHECK(r.take(a, 1, t0 + 6s).count() == 0);
  CHECK(r.take(ClientKey{2}, 50, t0).count() == 0);
}

TEST_CASE("the limiter remembers a bounded number of clients and forgets idle ones") {
  RateLimiter r(10, 5, 3);
  const auto t0 = RateLimiter::Clock::time_point{} + 1h;
  for (std::uint8_t i = 1; i <= 50; ++i) {
    ClientKey k{};
    k[0] = i;
    (void)r.take(k, 1, t0);
  }
  CHECK(r.clients() <= 4);
  r.forget_idle(t0 + 1h);
  CHECK(r.clients() == 0);
  RateLimiter unlimited(0, 0, 3);
  CHECK(unlimited.take({}, 1'000'000, t0).count() == 0);
}
