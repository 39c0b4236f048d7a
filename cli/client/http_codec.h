// Internal to cli/client: HTTP/1.1 as bytes, without sockets.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "cli/client/client.h"

namespace imi::cli {

[[nodiscard]] std::string post_text(const NodeAddress& node, std::string_view token,
                                    std::string_view body);
[[nodiscard]] std::string get_text(const NodeAddress& node, std::string_view token,
                                   std::string_view path);

// Reads one response after the other from the bytes of a connection. The bytes may be anyone's:
// sizes are bounded and the error is a sentence.
class ResponseReader {
 public:
  explicit ResponseReader(std::size_t max_body_bytes);
  ~ResponseReader();
  ResponseReader(ResponseReader&&) noexcept;
  ResponseReader& operator=(ResponseReader&&) noexcept;

  // Takes bytes up to the end of one response; returns how many.
  [[nodiscard]] std::expected<std::size_t, std::string> feed(std::string_view bytes);
  // The connection ended: true if that completed a response (one without a length).
  [[nodiscard]] bool end_of_bytes();
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool has_begun() const;  // some bytes of a response have come

  // Of a response that is done. take() begins the next one.
  struct Taken {
    int status = 0;
    bool keep_alive = false;
    std::string body;
  };
  [[nodiscard]] Taken take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imi::cli
