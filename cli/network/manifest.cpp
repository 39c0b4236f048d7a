#include "cli/network/manifest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstring>

#include "cli/input.h"
#include "rpc/json.h"

namespace imi::cli {
namespace {
namespace json = boost::json;
constexpr std::size_t kMaxManifest = 1U << 20;
constexpr std::int64_t kManifestVersion = 1;

std::unexpected<std::string> system_error(std::string_view what,
                                          const std::filesystem::path& file) {
  return std::unexpected(
      fmt::format("cannot {} {}: {}", what, file.string(), std::strerror(errno)));
}

std::expected<void, std::string> write_all(int fd, std::string_view text,
                                           const std::filesystem::path& file) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_error("write", file);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return system_error("sync", file);
  return {};
}

std::uint16_t port_of(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  const std::int64_t n = v != nullptr && v->is_int64() ? v->get_int64() : 0;
  return n > 0 && n < 65'536 ? static_cast<std::uint16_t>(n) : std::uint16_t{0};
}

}  // namespace

std::expected<void, std::string> write_whole(const std::filesystem::path& file,
                                             std::string_view text, unsigned mode) {
  const std::filesystem::path temporary = file.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return system_error("write", temporary);
  // A file that an interrupted run left there keeps the mode it had.
  if ((mode & 077) == 0 && ::fchmod(fd, mode) != 0) {
    ::close(fd);
    return system_error("write", temporary);
  }
  auto ok = write_all(fd, text, temporary);
  ::close(fd);
  if (!ok) {
    ::unlink(temporary.c_str());
    return ok;
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) return system_error("write", file);
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  return {};
}

std::expected<std::string, std::string> read_whole(const std::filesystem::path& file,
                                                   std::size_t limit) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("read", file);
  std::string out;
  char buffer[65'536];
  ssize_t n = 0;
  while ((n = ::read(fd, buffer, sizeof(buffer))) > 0 && out.size() <= limit) {
    out.append(buffer, static_cast<std::size_t>(n));
  }
  const int error = errno;
  ::close(fd);
  if (n < 0) {
    errno = error;
    return system_error("read", file);
  }
  if (out.size() > limit) {
    return std::unexpected(fmt::format("{} is larger than {} bytes", file.string(), limit));
  }
  return out;
}

std::vector<NodeAddress> Manifest::addresses() const {
  std::vector<NodeAddress> out;
  for (const NodeEntry& n : nodes) {
    if (n.rpc_port != 0) out.push_back({"127.0.0.1", n.rpc_port});
  }
  return out;
}

std::filesystem::path manifest_path(const std::filesystem::path& dir) {
  return dir / "network.json";
}

std::expected<Manifest, std::string> load_manifest(const std::filesystem::path& dir) {
  const std::filesystem::path file = manifest_path(dir);
  auto text = read_whole(file, kMaxManifest);
  if (!text) return std::unexpected(text.error());
  const auto value = parse_json_text(*text);
  const json::array* nodes = nullptr;
  if (value && value->is_object()) {
    if (const json::value* n = value->get_object().if_contains("nodes")) nodes = n->if_array();
  }
  if (nodes == nullptr) {
    return std::unexpected(file.string() + " is damaged: it is not a network description");
  }
  if (const json::value* v = value->get_object().if_contains("version");
      v != nullptr && v->is_int64() && v->get_int64() > kManifestVersion) {
    return std::unexpected(fmt::format("{} is from a newer version of imi ({}, this one knows {})",
                                       file.string(), v->get_int64(), kManifestVersion));
  }
  Manifest m;
  if (const json::value* v = value->get_object().if_contains("imid"); v && v->is_string()) {
    m.imid = std::string(v->get_string());
  }
  for (const json::value& v : *nodes) {
    const json::object* o = v.if_object();
    const json::value* name = o != nullptr ? o->if_contains("name") : nullptr;
    if (name == nullptr || !name->is_string()) {
      return std::unexpected(file.string() + " is damaged: a node without a name");
    }
    m.nodes.push_back(
        {std::string(name->get_string()), port_of(*o, "rpc_port"), port_of(*o, "peer_port")});
  }
  return m;
}

std::string manifest_text(const Manifest& m) {
  json::array nodes;
  for (const NodeEntry& n : m.nodes) {
    nodes.push_back(
        json::object{{"name", n.name}, {"rpc_port", n.rpc_port}, {"peer_port", n.peer_port}});
  }
  const json::object o{{"version", kManifestVersion}, {"imid", m.imid}, {"nodes", nodes}};
  return rpc::pretty(o) + "\n";
}

}  // namespace imi::cli
