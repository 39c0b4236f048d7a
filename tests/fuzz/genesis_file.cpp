// A genesis file from anywhere.
#include "ledger/governance/genesis_doc.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const auto genesis = ledger::decode_genesis_file({data, size});
  if (!genesis) return 0;
  const Bytes again = ledger::encode_genesis_file(*genesis);
  if (!std::equal(again.begin(), again.end(), data, data + size)) std::abort();
  return 0;
}
