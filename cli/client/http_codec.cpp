#include "cli/client/http_codec.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.h"

namespace imi::cli {

namespace {

constexpr std::size_t kMaxHeaderBytes = 32u << 10;
constexpr std::size_t kMaxChunkLine = 1024;

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

// A response as RFC 9112 frames it: a head, then a body by length, in chunks, or to the end.
struct ResponseReader::State {
  enum class At : std::uint8_t {
    kHead,
    kLength,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailer,
    kToEnd,
    kDone,
  };
  using Step = std::expected<void, std::string>;

  explicit State(std::size_t max) : max_body(max) {}
  void begin() { *this = State(max_body); }

  Step line_done();
  Step head_done();
  Step header(std::string_view name, std::string_view value);
  Step expect_body(std::uint64_t n);
  Step chunk_size();

  std::size_t max_body;
  At at = At::kHead;
  bool begun = false;
  std::string line;            // the head, or a line of the chunked form
  std::size_t head_bytes = 0;  // of all heads before the body, and of the trailers
  std::uint64_t left = 0;
  bool chunked = false;
  std::optional<std::uint64_t> length;
  Taken result;
};

namespace {

using Step = std::expected<void, std::string>;
Step bad(std::string_view why) {
  return std::unexpected("not an HTTP answer: " + std::string(why));
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string_view trim(std::string_view s) {
  const std::size_t from = s.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return s.substr(from, s.find_last_not_of(" \t") - from + 1);
}

std::optional<std::uint64_t> number(std::string_view s, int base) {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n, base);
  if (s.empty() || ec != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return n;
}

}  // namespace

Step ResponseReader::State::header(std::string_view name, std::string_view value) {
  const std::string key = lower(name);
  const std::string text = lower(value);
  if (key == "content-length") {
    const auto n = number(value, 10);
    if (!n || (length && *length != *n)) return bad("bad Content-Length");
    length = n;
  } else if (key == "transfer-encoding") {
    if (text != "chunked") return bad("unknown Transfer-Encoding");
    chunked = true;
  } else if (key == "connection") {
    if (text.find("close") != std::string::npos) result.keep_alive = false;
    if (text.find("keep-alive") != std::string::npos) result.keep_alive = true;
  }
  return {};
}

Step ResponseReader::State::expect_body(std::uint64_t n) {
  if (n > max_body || result.body.size() > max_body - n) {
    return std::unexpected("the answer is larger than " + std::to_string(max_body) + " bytes");
  }
  left = n;
  return {};
}

Step ResponseReader::State::head_done() {
  std::string_view rest = line;
  const auto take_line = [&rest] {
    const std::size_t end = rest.find("\r\n");
    const std::string_view out = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return out;
  };
  const std::string_view first = take_line();
  const std::uint64_t status = first.size() >= 12 ? number(first.substr(9, 3), 10).value_or(0) : 0;
  if (!first.starts_with("HTTP/1.") || status < 100 || first[8] != ' ') {
    return bad("no status line");
  }
  result.status = static_cast<int>(status);
  result.keep_alive = first[7] == '1';
  chunked = false;
  length.reset();
  while (rest.size() > 2) {
    const std::string_view field = take_line();
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos || colon == 0) return bad("bad header");
    if (auto ok = header(field.substr(0, colon), trim(field.substr(colon + 1))); !ok) return ok;
  }
  line.clear();
  if (status < 200) return {};  // 100 Continue: the answer is still to come
  if (status == 204 || status == 304) {
    at = At::kDone;
  } else if (chunked) {
    if (length) return bad("both a length and chunks");
    at = At::kChunkSize;
  } else if (length) {
    if (auto ok = expect_body(*length); !ok) return ok;
    at = left == 0 ? At::kDone : At::kLength;
  } else {
    result.keep_alive = false;
    at = At::kToEnd;
  }
  return {};
}

Step ResponseReader::State::chunk_size() {
  const std::string_view text = std::string_view(line).substr(0, line.size() - 2);
  const auto n = number(trim(text.substr(0, text.find(';'))), 16);
  if (!n) return bad("bad chunk");
  if (auto ok = expect_body(*n); !ok) return ok;
  at = *n == 0 ? At::kTrailer : At::kChunk;
  line.clear();
  return {};
}

// `line` ends with the terminator of the current state.
Step ResponseReader::State::line_done() {
  switch (at) {
    case At::kHead: return head_done();
    case At::kChunkSize: return chunk_size();
    case At::kChunkEnd:
      if (line != "\r\n") return bad("bad chunk");
      at = At::kChunkSize;
      break;
    case At::kTrailer:
      if (line == "\r\n") at = At::kDone;
      break;
    case At::kLength:
    case At::kChunk:
    case At::kToEnd:
    case At::kDone: IMI_CHECK(false, "no line here");
  }
  line.clear();
  return {};
}

ResponseReader::ResponseReader(std::size_t max_body_bytes)
    : state_(std::make_unique<State>(max_body_bytes)) {}
ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;

std::expected<std::size_t, std::string> ResponseReader::feed(std::string_view bytes) {
  using At = State::At;
  State& s = *state_;
  std::string_view in = bytes;
  while (!in.empty() && s.at != At::kDone) {
    s.begun = true;
    if (s.at == At::kLength || s.at == At::kChunk || s.at == At::kToEnd) {
      if (s.at == At::kToEnd) {
        if (auto ok = s.expect_body(in.size()); !ok) return std::unexpected(ok.error());
      }
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(s.left, in.size()));
      s.result.body.append(in.substr(0, n));
      in.remove_prefix(n);
      s.left -= n;
      if (s.left == 0 && s.at == At::kLength) s.at = At::kDone;
      if (s.left == 0 && s.at == At::kChunk) s.at = At::kChunkEnd;
      continue;
    }
    // To the end of this line; a head ends with an empty one.
    const std::size_t end = in.find('\n');
    const std::string_view piece = in.substr(0, end == std::string_view::npos ? end : end + 1);
    s.line += piece;
    in.remove_prefix(piece.size());
    if (s.at == At::kHead || s.at == At::kTrailer) s.head_bytes += piece.size();
    if (s.head_bytes > kMaxHeaderBytes || (s.at != At::kHead && s.line.size() > kMaxChunkLine)) {
      return std::unexpected("not an HTTP answer: its headers do not end");
    }
    if (s.at == At::kHead && s.line.size() >= 5 && !s.line.starts_with("HTTP/")) {
      return std::unexpected("not an HTTP answer");
    }
    if (s.line.ends_with(s.at == At::kHead ? "\r\n\r\n" : "\r\n")) {
      if (auto ok = s.line_done(); !ok) return std::unexpected(ok.error());
    }
  }
  return bytes.size() - in.size();
}

bool ResponseReader::end_of_bytes() {
  if (state_->at == State::At::kToEnd) state_->at = State::At::kDone;
  return is_done();
}

bool ResponseReader::is_done() const { return state_->at == State::At::kDone; }
bool ResponseReader::has_begun() const { return state_->begun; }

ResponseReader::Taken ResponseReader::take() {
  IMI_CHECK(is_done());
  Taken out = std::move(state_->result);
  state_->begin();
  return out;
}

}  // namespace imi::cli
