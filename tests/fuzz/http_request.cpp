// What anyone may send to the RPC port: the requests taken are the same in whatever pieces they
// come, and each has one unambiguous length. (A broken one that does not end may be
// refused at once or not yet.)
#include "node/net/http_request.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace {

using imi::node::RequestParser;
namespace http = imi::node::http;

void look_at(const imi::node::HttpRequest& request) {
  const bool chunked = request.count(http::field::transfer_encoding) != 0;
  const auto lengths = request.count(http::field::content_length);
  IMI_CHECK(!(chunked && lengths != 0) && lengths <= 1);
  IMI_CHECK(chunked || lengths != 0 || request.body().empty());
  if (const auto target = imi::node::read_target(request)) {
    (void)imi::node::resource_at(target->path);
  }
  (void)imi::node::check_media(request);
  (void)imi::node::choose_subprotocol(request);
}

// The requests that were taken, target and body, up to the first that was refused.
std::vector<std::string> feed(std::string_view in, std::size_t step) {
  std::vector<std::string> taken;
  std::optional<RequestParser> parser;
  std::string kept;
  while (!in.empty()) {
    kept += in.substr(0, step);
    in.remove_prefix(std::min(step, in.size()));
    bool more = false;
    while (!kept.empty() && !more) {
      if (!parser) {
        parser.emplace();
        parser->header_limit(1 << 20);
        parser->body_limit(1 << 16);
        parser->eager(true);
      }
      boost::system::error_code ec;
      const std::size_t used = parser->put(boost::asio::buffer(kept), ec);
      kept.erase(0, used);
      if (ec && ec != http::error::need_more) return taken;
      more = ec == http::error::need_more || used == 0;
      if (!parser->is_done()) continue;
      const auto request = parser->release();
      look_at(request);
      taken.push_back(std::string(imi::node::text_of(request.target())) + " " + request.body());
      parser.reset();
      more = false;
    }
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const auto whole = feed(in, std::string_view::npos);
  IMI_CHECK(feed(in, 1) == whole);
  IMI_CHECK(feed(in, 7) == whole);
  return 0;
}
