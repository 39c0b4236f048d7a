#include "cli/write/fate.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace imi::cli {
namespace json = boost::json;
namespace {

std::string text(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

std::optional<std::uint64_t> number(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  if (v != nullptr && v->is_uint64()) return v->get_uint64();
  if (v != nullptr && v->is_int64() && v->get_int64() >= 0) {
    return static_cast<std::uint64_t>(v->get_int64());
  }
  return std::nullopt;
}

bool flag(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v != nullptr && v->is_bool() && v->get_bool();
}

}  // namespace

std::string_view name(Fate::Kind k) {
  switch (k) {
    case Fate::Kind::kUnknown: return "unknown";
    case Fate::Kind::kPending: return "pending";
    case Fate::Kind::kCommitted: return "committed";
    case Fate::Kind::kExpired: return "expired";
  }
  return "unknown";
}

std::expected<Fate, std::string> parse_fate(const json::value& value) {
  const json::object* o = value.if_object();
  if (o == nullptr) return std::unexpected(std::string("not an object"));
  Fate f;
  f.id = text(*o, "id");
  const std::string fate = text(*o, "fate");
  bool known = false;
  for (const Fate::Kind k :
       {Fate::Kind::kUnknown, Fate::Kind::kPending, Fate::Kind::kCommitted, Fate::Kind::kExpired}) {
    if (fate != name(k)) continue;
    f.kind = k;
    known = true;
  }
  if (!known) return std::unexpected("an unknown fate '" + fate + "'");
  if (f.kind != Fate::Kind::kCommitted) return f;
  const auto height = number(*o, "height");
  if (!height) return std::unexpected(std::string("committed without a height"));
  f.height = *height;
  f.index = number(*o, "index").value_or(0);
  f.certified = flag(*o, "certified");
  const json::value* outcomes = o->if_contains("outcomes");
  if (outcomes == nullptr || !outcomes->is_array()) return f;
  for (const json::value& v : outcomes->get_array()) {
    const json::object* e = v.if_object();
    if (e == nullptr) return std::unexpected(std::string("an outcome that is no object"));
    f.outcomes.push_back(
        {flag(*e, "ok"), text(*e, "refusal"), text(*e, "message"), text(*e, "id")});
  }
  return f;
}

}  // namespace imi::cli
