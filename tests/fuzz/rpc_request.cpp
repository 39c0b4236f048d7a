// What anyone may POST: JSON-RPC, bounded; and REST targets.
#include "rpc/json.h"
#include "rpc/methods.h"
#include "tests/fuzz/law.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto body = rpc::parse_request(text)) {
    for (const auto& call : body->calls) {
      const auto* c = std::get_if<rpc::Call>(&call);
      const auto* method = c == nullptr ? nullptr : rpc::find_method(c->method);
      if (method != nullptr) (void)rpc::bind_params(*method, c->params);
    }
  }
  (void)rpc::bind_rest(text);
  (void)rpc::parse_response(text);
  return 0;
}
