#include "cli/client/http_codec.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "base/check.h"

namespace imi::cli {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

namespace {

constexpr std::uint32_t kMaxHeaderBytes = 32u << 10;

void add_headers(std::string& out, const NodeAddress& node, std::string_view token) {
  out += " HTTP/1.1\r\nHost: ";
  out += node.text();
  out += "\r\n";
  if (!token.empty()) {
    out += "Authorization: Bearer ";
    out += token;
    out += "\r\n";
  }
}

}  // namespace

std::string post_text(const NodeAddress& node, std::string_view token, std::string_view body) {
  std::string out;
  out.reserve(160 + token.size() + body.size());
  out += "POST /";
  add_headers(out, node, token);
  out += "Content-Type: application/json\r\nContent-Length: ";
  out += std::to_string(body.size());
  out += "\r\n\r\n";
  out += body;
  return out;
}

std::string get_text(const NodeAddress& node, std::string_view token, std::string_view path) {
  std::string out = "GET ";
  out += path;
  add_headers(out, node, token);
  out += "\r\n";
  return out;
}

struct ResponseReader::State {
  explicit State(std::size_t max) : max_body(max) { begin(); }
  void begin() {
    parser.emplace();
    parser->eager(true);
    parser->header_limit(kMaxHeaderBytes);
    parser->body_limit(max_body);
    kept.clear();
    begun = false;
  }
  std::size_t max_body;
  std::optional<Parser> parser;
  std::string kept;  // the start of a header line that is not complete
  bool begun = false;
};

ResponseReader::ResponseReader(std::size_t max_body_bytes)
    : state_(std::make_unique<State>(max_body_bytes)) {}
ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;

std::expected<std::size_t, std::string> ResponseReader::feed(std::string_view bytes) {
  State& s = *state_;
  const std::size_t kept_before = s.kept.size();
  std::string joined;
  std::string_view in = bytes;
  if (kept_before != 0) {
    joined = s.kept;
    joined += bytes;
    in = joined;
  }
  s.begun = s.begun || !in.empty();
  std::size_t used = 0;
  while (used < in.size() && !s.parser->is_done()) {
    boost::system::error_code ec;
    const std::size_t n =
        s.parser->put(boost::asio::const_buffer(in.data() + used, in.size() - used), ec);
    used += n;
    if (ec == http::error::need_more) break;
    if (ec) return std::unexpected("not an HTTP answer: " + ec.message());
    if (n == 0) break;
  }
  if (s.parser->is_done()) {
    IMI_CHECK(used >= kept_before);
    s.kept.clear();
    return used - kept_before;
  }
  s.kept = std::string(in.substr(used));
  return bytes.size();
}

bool ResponseReader::end_of_bytes() {
  if (!state_->begun) return false;
  boost::system::error_code ec;
  state_->parser->put_eof(ec);
  return !ec && state_->parser->is_done();
}

bool ResponseReader::is_done() const { return state_->parser->is_done(); }
bool ResponseReader::has_begun() const { return state_->begun; }

ResponseReader::Taken ResponseReader::take() {
  IMI_CHECK(is_done());
  auto message = state_->parser->release();
  Taken out{static_cast<int>(message.result_int()), message.keep_alive(),
            std::move(message.body())};
  state_->begin();
  return out;
}

}  // namespace imi::cli
