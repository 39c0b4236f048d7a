#include "cli/read/audience.h"

#include "base/hex.h"
#include "cli/network/manifest.h"

namespace imi::cli {

std::optional<Hash256> known_audience(Session& s, const std::string& address) {
  std::error_code ec;
  if (!std::filesystem::exists(manifest_path(s.dir()), ec)) return std::nullopt;
  const auto manifest = load_manifest(s.dir());
  if (!manifest) return std::nullopt;
  for (const NodeEntry& node : manifest->nodes) {
    if (NodeAddress{"127.0.0.1", node.rpc_port}.text() != address) continue;
    for (const auto& member : s.genesis().validators.members) {
      if (member.name == node.name) return member.tls_key_pin;
    }
  }
  return std::nullopt;
}

std::expected<Hash256, std::string> told_audience(const json::value& status) {
  const json::object* o = status.if_object();
  const json::value* id = o != nullptr ? o->if_contains("id") : nullptr;
  const json::string* text = id != nullptr ? id->if_string() : nullptr;
  const auto pin = text != nullptr ? fixed_from_hex<Hash256>({text->data(), text->size()})
                                   : std::optional<Hash256>();
  if (!pin) return std::unexpected("its status does not say which node it is");
  return *pin;
}

}  // namespace imi::cli
