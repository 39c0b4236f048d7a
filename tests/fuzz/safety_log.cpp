// A safety log that the disk hands back changed: it opens, cuts a torn end, or is refused by name.
// The input is the file; the first byte says whether the header's fields are set to match it.
#include "node/wal.h"
#include "tests/fuzz/law.h"

namespace {

class OneFile final : public imi::node::FileSystem {
 public:
  explicit OneFile(imi::Bytes bytes) : bytes_(std::move(bytes)) {}
  std::expected<void, imi::node::IoError> make_directory(const std::string&) override { return {}; }
  std::expected<std::vector<std::string>, imi::node::IoError> list(const std::string&) override {
    return std::vector<std::string>{"0000000001.wal"};
  }
  std::expected<std::unique_ptr<imi::node::AppendFile>, imi::node::IoError> create(
      const std::string&, const std::string&, std::uint64_t) override {
    return std::unexpected(imi::node::IoError{imi::node::IoError::Reason::kIo, "", ""});
  }
  std::expected<imi::Bytes, imi::node::IoError> read(const std::string&, const std::string&,
                                                     std::uint64_t) override {
    return bytes_;
  }
  std::expected<void, imi::node::IoError> remove(const std::string&, const std::string&) override {
    return {};
  }
  std::expected<void, imi::node::IoError> sync_directory(const std::string&) override { return {}; }

 private:
  imi::Bytes bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  OneFile files(to_bytes({data, size}));
  crypto::SeededRandom random(1);
  const auto opened = node::Wal::open(files, "d", node::WalHeader{}, random);
  if (!opened && node::describe(opened.error()).empty()) std::abort();
  return 0;
}
