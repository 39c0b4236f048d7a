// A proof bundle from anywhere: decodes to one value and verifies or is refused by name, under a
// genesis that signs nothing in it.
#include "ledger/proof/verify.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const ByteView in(data, size);
  const auto bundle = ledger::decode_proof(in);
  if (!bundle) return 0;
  const Bytes again = ledger::encode_proof(*bundle);
  if (!std::equal(again.begin(), again.end(), in.begin(), in.end())) std::abort();
  static const ledger::Genesis genesis;
  if (ledger::verify(*bundle, genesis, {})) std::abort();  // no validators, so nothing is proved
  return 0;
}
