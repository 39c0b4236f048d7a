// The codec's own forms, all of them in one structure.
#include "tests/fuzz/law.h"

namespace {
struct All {
  imi::SchemaVersion<1> version;
  std::string text;
  imi::Bytes raw;
  std::vector<std::int32_t> numbers;
  std::map<std::uint16_t, std::string> table;
  std::optional<std::uint64_t> maybe;
  std::variant<bool, std::uint32_t, imi::Hash256> either;
  std::vector<std::vector<std::uint8_t>> nested;
  template <class A>
  void serialize(A& ar) {
    ar(version, text, raw, numbers, table, maybe, either, nested);
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  imi::fuzz::hold_codec_law<All>({data, size});
  return 0;
}
