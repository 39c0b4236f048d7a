// What a server that is asked may send: the client's response reader, in whatever pieces.
#include "base/check.h"
#include "cli/client/http_codec.h"
#include "tests/fuzz/law.h"

namespace {
struct Seen {
  std::vector<std::pair<int, std::string>> answers;
  bool refused = false;
  bool operator==(const Seen&) const = default;
};

Seen feed(std::string_view in, std::size_t step) {
  imi::cli::ResponseReader reader(1 << 16);
  Seen seen;
  while (!in.empty()) {
    std::string_view piece = in.substr(0, step);
    in.remove_prefix(piece.size());
    while (!piece.empty()) {
      const auto used = reader.feed(piece);
      if (!used) {
        seen.refused = true;
        return seen;
      }
      IMI_CHECK(*used <= piece.size() && (*used != 0 || reader.is_done()));
      piece.remove_prefix(*used);
      if (!reader.is_done()) continue;
      auto taken = reader.take();
      seen.answers.emplace_back(taken.status, std::move(taken.body));
    }
  }
  if (reader.end_of_bytes()) seen.answers.emplace_back(0, reader.take().body);
  return seen;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const Seen whole = feed(in, std::string_view::npos);
  IMI_CHECK(feed(in, 1) == whole);
  IMI_CHECK(feed(in, 5) == whole);
  return 0;
}
