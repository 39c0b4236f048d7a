// HTTP as clients, proxies and attackers send it, byte for byte.
#include <doctest/doctest.h>

#include "tests/unit/net/rpc_net.h"

using namespace imi::node;

namespace {

const std::string kCall = call_text("status");
const std::string kLength = "Content-Length: " + std::to_string(kCall.size()) + "\r\n";

std::string chunked(std::string_view body) {
  char size[16];
  std::snprintf(size, sizeof(size), "%zx", body.size());
  return std::string(size) + "\r\n" + std::string(body) + "\r\n0\r\n\r\n";
}

std::string post(std::string_view headers, std::string_view body,
                 std::string_view version = "HTTP/1.1") {
  return "POST / " + std::string(version) +
         "\r\nHost: localhost\r\nContent-Type: application/json\r\n" + std::string(headers) +
         "\r\n" + std::string(body);
}

// The request that a smuggler wants to be read out of the body of another.
const std::string kSmuggled = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct RawCase {
  const char* what;
  std::string bytes;
  int status;
};

// The head of the answer to raw bytes, on a connection of its own.
std::string head_of(const RpcNet& net, std::string_view bytes) {
  RawHttp http(net);
  http.send(bytes);
  return http.raw_until("\r\n\r\n");
}

bool has(std::string_view head, std::string_view line) {
  return head.find("\r\n" + std::string(line) + "\r\n") != std::string_view::npos;
}

std::string request(std::string_view line, std::string_view headers = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}

}  // namespace

TEST_CASE("a request whose end could be read in two ways is refused and the connection closed") {
  const std::string te = "Transfer-Encoding: ";
  const std::string cases_body = chunked(kCall) + kSmuggled;
  std::vector<RawCase> cases;
  const auto refused = [&](const char* what, std::string headers, int status = 400) {
    cases.push_back({what, post(headers, cases_body), status});
  };
  refused("chunked is not last", te + "chunked, identity\r\n");
  refused("chunked is not last, without a blank", te + "chunked,identity\r\n");
  refused("an unknown coding alone", te + "xchunked\r\n");
  refused("identity alone", te + "identity\r\n");
  refused("gzip alone", te + "gzip\r\n");
  refused("no coding", te + "\r\n");
  refused("an empty element at the end", te + "chunked,\r\n");
  refused("a quoted coding", te + "\"chunked\"\r\n");
  refused("a coding with a parameter", te + "chunked;q=1\r\n");
  refused("another coding on another line", te + "chunked\r\n" + te + "identity\r\n");
  refused("a decoy on another line", te + "xchunked\r\n" + te + "chunked\r\n", 501);
  refused("chunked on two lines", te + "chunked\r\n" + te + "chunked\r\n");
  refused("chunked twice", te + "chunked, chunked\r\n");
  refused("a coding that is not spoken", te + "gzip, chunked\r\n", 501);
  refused("a vertical tab before the value", te + "\vchunked\r\n");
  refused("a NUL in the value", te + std::string("chunked\0", 8) + "\r\n");
  refused("a coding in another alphabet", te + "chunke\xc4\x91\r\n");
  refused("a blank before the colon", "Transfer-Encoding : chunked\r\n");
  refused("a tab before the colon", "Transfer-Encoding\t: chunked\r\n");
  refused("an underscore in the name", "Transfer_Encoding: chunked\r\n");
  refused("a folded line", "Transfer-Encoding:\r\n chunked\r\n");
  refused("a folded line with a tab", "Transfer-Encoding:\r\n\tchunked\r\n");
  refused("a value that goes on in a folded line", te + "chunked\r\n , identity\r\n");
  refused("a folded line of another header", "X: a\r\n b\r\n" + te + "chunked\r\n");
  refused("an empty folded line", "X: a\r\n \r\n" + te + "chunked\r\n");
  refused("a header that begins with a blank", " " + te + "chunked\r\n");
  refused("a bare LF between headers", "X: a\n" + te + "chunked\r\n");
  refused("a bare CR between headers", "X: a\r" + te + "chunked\r\n");
  refused("a header without a colon", te + "chunked\r\nX\r\n");
  refused("a header without a name", te + "chunked\r\n: x\r\n");
  refused("both, the length first", kLength + te + "chunked\r\n");
  refused("both, the length last", te + "chunked\r\n" + kLength);
  refused("both, the length zero", "Content-Length: 0\r\n" + te + "chunked\r\n");
  refused("both, the coding unknown", kLength + te + "xchunked\r\n");
  refused("both, the coding unknown, the length last", te + "identity\r\n" + kLength);
  refused("two lengths", "Content-Length: 0\r\n" + kLength);
  refused("two equal lengths", kLength + kLength);
  refused("lengths in a list", "Content-Length: 5, 5\r\n");
  refused("an empty length", "Content-Length: \r\n");
  for (const char* length : {"+5", "-5", "0x5", "5 5", "5;", "5,", "\"5\"", "5_0", "1e1", "5.0",
                             "99999999999999999999"}) {
    refused(length, "Content-Length: " + std::string(length) + "\r\n");
  }
  refused("an underscore in Content-Length", "Content_Length: 5\r\n");
  cases.push_back({"chunked in HTTP/1.0", post(te + "chunked\r\n", cases_body, "HTTP/1.0"), 400});
  cases.push_back({"HTTP/2 over HTTP/1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400});
  cases.push_back(
      {"two blanks in the request line", "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400});
  cases.push_back({"no version", "GET /healthz\r\nHost: localhost\r\n\r\n", 400});
  cases.push_back(
      {"a bare LF after the request line", "GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n", 400});
  RpcNet net;
  for (const RawCase& c : cases) {
    CAPTURE(c.what);
    RawHttp http(net);
    const auto a = http.ask(c.bytes);
    CHECK(a.status == c.status);
    CHECK_FALSE(a.keep_alive);
    CHECK(http.is_closed());
  }
  CHECK(net.server->stats().calls_total == 0);  // nothing was read out of a body
}

TEST_CASE("a chunked body that is not well-formed ends the connection and is not a request") {
  RpcNet net;
  for (const std::string& body :
       {std::string("x\r\n"), std::string("-5\r\nhello\r\n"), std::string("5\nhello\r\n"),
        std::string("5\r\nhelloX0\r\n\r\n"), std::string("0x5\r\nhello\r\n0\r\n\r\n"),
        std::string(" 5\r\nhello\r\n0\r\n\r\n"), std::string("5 \r\nhello\r\n0\r\n\r\n"),
        std::string("5;\r\nhello\r\n0\r\n\r\n"), std::string("5;a\nb\r\nhello\r\n0\r\n\r\n"),
        std::string("ffffffffffffffff1\r\nhello\r\n"), std::string("\r\n0\r\n\r\n"),
        std::string("0\r\nContent-Length: 5\r\n\r\n"),
        std::string("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("0\r\nX: a\r\n b\r\n\r\n")}) {
    CAPTURE(body);
    RawHttp http(net);
    CHECK(http.ask(post("Transfer-Encoding: chunked\r\n", body)).status == 400);
    CHECK(http.is_closed());
  }
  CHECK(net.server->stats().calls_total == 0);
}

TEST_CASE("the line of a chunk and the trailers are bounded") {
  RpcNet net;
  const std::string te = "Transfer-Encoding: chunked\r\n";
  RawHttp extension(net);
  CHECK(extension.ask(post(te, "5;a=" + std::string(100'000, 'x'))).error_name() == "too-large");
  RawHttp trailers(net);
  CHECK(trailers.ask(post(te, "0\r\nX: " + std::string(100'000, 'x'))).error_name() == "too-large");
}

TEST_CASE("chunked in any case, chunk extensions, trailers and an empty first line are taken") {
  RpcNet net;
  RawHttp http(net);
  char size[16];
  std::snprintf(size, sizeof(size), "%zX", kCall.size());
  CHECK(http.ask(post("transfer-ENCODING:chunked \r\n", chunked(kCall))).status == 200);
  CHECK(http.ask(post("Transfer-Encoding: Chunked\r\n",
                      std::string(size) + ";a=b;c=\"d\"\r\n" + kCall + "\r\n0\r\nX: y\r\n\r\n"))
            .status == 200);
  CHECK(http.ask("\r\n" + post(kLength, kCall) + "\r\n").status == 200);
  CHECK(http.ask(post(kLength, kCall)).status == 200);
  CHECK(head_of(net, post("Expect: 100-Continue\r\n" + kLength, "")).starts_with("HTTP/1.1 100"));
}

TEST_CASE("a trailer cannot pass for a header") {
  RpcServerOptions o;
  o.bearer_token = "secret";
  RpcNet net(o);
  RawHttp http(net);
  const std::string body = chunked(kCall);
  CHECK(http.ask(post("Transfer-Encoding: chunked\r\n",
                      body.substr(0, body.size() - 2) + "Authorization: Bearer secret\r\n\r\n"))
            .status == 401);
}

TEST_CASE("HEAD is answered as GET is, without the body, and the connection goes on") {
  RpcNet net;
  for (const char* path : {"/healthz", "/readyz", "/metrics", "/openrpc.json", "/v1/status",
                           "/v1/nothing", "/elsewhere"}) {
    CAPTURE(path);
    const auto first_line = [](std::string_view head) { return head.substr(0, head.find('\r')); };
    const std::string get = head_of(net, request("GET " + std::string(path)));
    const std::string head = head_of(net, request("HEAD " + std::string(path)));
    CHECK(first_line(head) == first_line(get));
    CHECK(head.find("\r\nContent-Length: ") != std::string::npos);
    RawHttp http(net);
    http.send(request("HEAD " + std::string(path)) + request("GET /healthz"));
    (void)http.raw_until("\r\n\r\n");
    const std::string next = http.raw_until("\r\n\r\n");
    CHECK(next.starts_with("HTTP/1.1 200"));
    CHECK(http.raw(3) == "ok\n");
  }
}

TEST_CASE("a query on a path that takes none is ignored") {
  RpcNet net;
  RawHttp http(net);
  CHECK(http.get("/healthz?x=1").body == "ok\n");
  CHECK(http.get("/readyz?verbose").json().at("ready") == true);
  CHECK(http.get("/metrics?").status == 200);
  CHECK(http.get("/openrpc.json?v=1").status == 200);
  const std::string call = post(kLength, kCall);
  CHECK(http.ask("POST /?trace=1" + call.substr(6)).status == 200);
  CHECK(http.get("/healthz/").status == 404);
  CHECK(http.get("/v1/status?x=1").error_name() == "invalid-params");
}

TEST_CASE("405 says what is allowed, and an unknown path is 404 for every method") {
  RpcNet net;
  const auto allow = [&](std::string_view line, std::string_view methods) {
    CAPTURE(line);
    const std::string head = head_of(net, request(line, "Content-Length: 0\r\n"));
    CHECK(head.starts_with("HTTP/1.1 405"));
    CHECK(has(head, "Allow: " + std::string(methods)));
  };
  for (const char* path : {"/healthz", "/readyz?x=1", "/metrics", "/v1/head"}) {
    for (const char* method : {"POST ", "PUT ", "DELETE ", "PATCH ", "TRACE ", "BREW "}) {
      allow(method + std::string(path), "GET, HEAD, OPTIONS");
    }
  }
  for (const char* method : {"GET", "HEAD", "PUT"}) {
    allow(method + std::string(" /"), "POST, OPTIONS");
  }
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "OPTIONS"}) {
    CAPTURE(method);
    CHECK(head_of(net, request(method + std::string(" /elsewhere"))).starts_with("HTTP/1.1 404"));
  }
  CHECK(has(head_of(net, request("OPTIONS *")), "Allow: GET, HEAD, POST, OPTIONS"));
  CHECK(has(head_of(net, request("OPTIONS /healthz")), "Allow: GET, HEAD, OPTIONS"));
}

TEST_CASE("a target is a path or the URL of this host, and nothing else") {
  RpcNet net;
  const auto status = [&](std::string_view line) {
    return head_of(net, request(line)).substr(9, 3);
  };
  CHECK(status("GET http://localhost/healthz") == "200");
  CHECK(status("GET HTTP://LOCALHOST/healthz?x") == "200");
  CHECK(status("GET http://localhost") == "405");  // the path is "/"
  CHECK(status("GET http://evil.example/healthz") == "400");
  CHECK(status("GET http://localhost@evil.example/healthz") == "400");
  CHECK(status("GET healthz") == "400");
  CHECK(status("GET *") == "400");
  CHECK(status("GET /healthz#x") == "400");
  CHECK(status("CONNECT localhost:80") == "400");
}

TEST_CASE("bodies that are not plain JSON are refused with 415") {
  RpcNet net;
  const auto with = [&](std::string_view headers) {
    RawHttp http(net);
    return http.ask("POST / HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + kLength +
                    "\r\n" + kCall);
  };
  for (const char* ok : {"application/json", "Application/JSON", "application/json;charset=UTF-8",
                         "application/json; charset=\"utf-8\"", "application/json ; x=y",
                         "application/json-rpc", "application/jsonrequest"}) {
    CAPTURE(ok);
    CHECK(with("Content-Type: " + std::string(ok) + "\r\n").status == 200);
  }
  for (const char* bad :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json",
        "application/jsonp", "application/json, text/plain", "application/json; charset=utf-16",
        "application/json;charset=gb18030", ""}) {
    CAPTURE(bad);
    const auto a = with("Content-Type: " + std::string(bad) + "\r\n");
    CHECK(a.status == 415);
    CHECK(a.error_name() == "unsupported-media");
  }
  for (const char* coding : {"gzip", "br", "deflate", "zstd", "identity, gzip", "x"}) {
    CAPTURE(coding);
    const auto a =
        with("Content-Type: application/json\r\nContent-Encoding: " + std::string(coding) + "\r\n");
    CHECK(a.status == 415);
    CHECK(a.error_name() == "unsupported-encoding");
  }
  CHECK(with("Content-Type: application/json\r\nContent-Encoding: identity\r\n").status == 200);
}

TEST_CASE("401 and 429 say what HTTP wants them to say") {
  RpcServerOptions o;
  o.bearer_token = "secret";
  o.limits.calls_per_second = 0.1;
  o.limits.calls_burst = 2;
  RpcNet net(o);
  CHECK(has(head_of(net, request("GET /v1/status")), "WWW-Authenticate: Bearer"));
  const std::string asks = request("GET /v1/status", "Authorization: Bearer secret\r\n");
  CHECK(head_of(net, asks).starts_with("HTTP/1.1 200"));
  const std::string refused = head_of(net, asks);
  CHECK(refused.starts_with("HTTP/1.1 429"));
  CHECK(refused.find("\r\nRetry-After: 1") != std::string::npos);
}

TEST_CASE("HTTP/1.0 clients that ask for it keep their connection") {
  RpcNet net;
  RawHttp http(net);
  http.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(has(http.raw_until("\r\n\r\n"), "Connection: keep-alive"));
  CHECK(http.raw(3) == "ok\n");
  CHECK(http.get("/healthz").status == 200);
}

TEST_CASE("subscribe over HTTP says that it works over WebSocket only") {
  RpcNet net;
  RawHttp http(net);
  const auto a = http.post(call_text("subscribe", {{"topic", "heads"}}));
  CHECK(a.error_name() == "method-not-found");
  const std::string text(a.json().at("error").at("message").as_string());
  CHECK(text.find("subscribe works over WebSocket only") != std::string::npos);
}
