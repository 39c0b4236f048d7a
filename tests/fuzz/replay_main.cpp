// Runs every file of the given folders through the fuzz target, and every prefix and single-bit
// change of the small ones, so that a corpus is useful without a fuzzer too.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  std::size_t files = 0;
  std::size_t runs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
      ++files;
      ++runs;
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      if (bytes.size() > 4096) continue;
      for (std::size_t n = 0; n < bytes.size(); ++n, ++runs)
        LLVMFuzzerTestOneInput(bytes.data(), n);
      for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit, ++runs) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
      }
    }
  }
  std::printf("%zu files, %zu inputs\n", files, runs);
  if (files == 0) {
    std::fprintf(stderr, "the corpus is empty: nothing was checked\n");
    return 1;
  }
  return 0;
}
