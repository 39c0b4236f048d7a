#include "rpc/schema.h"

#include <algorithm>

#include "base/check.h"
#include "rpc/method_text.h"
#include "rpc/methods.h"

namespace imi::rpc {

namespace {

using Mismatch = std::optional<std::string>;

Mismatch at(std::string_view path, std::string_view why) {
  return std::string(path) + ": " + std::string(why);
}

bool has_type(const json::value& v, std::string_view type) {
  if (type == "object") return v.is_object();
  if (type == "array") return v.is_array();
  if (type == "string") return v.is_string();
  if (type == "integer") return v.is_int64() || v.is_uint64();
  if (type == "number") return v.is_number();
  if (type == "boolean") return v.is_bool();
  if (type == "null") return v.is_null();
  return false;
}

bool all_in(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

// The patterns the document uses; anything else is a mistake in the document.
bool matches_pattern(std::string_view text, std::string_view pattern) {
  if (pattern == kHashPattern) return text.size() == 64 && all_in(text, "0123456789abcdefABCDEF");
  if (pattern == kBase64UrlPattern) {
    return all_in(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
  }
  IMI_CHECK(false, "a pattern the schema check does not know");
}

// Compares an integer of either sign with a bound.
int compare(const json::value& v, std::int64_t bound) {
  if (v.is_uint64()) {
    if (bound < 0) return 1;
    const auto u = v.get_uint64();
    const auto b = static_cast<std::uint64_t>(bound);
    return u < b ? -1 : (u > b ? 1 : 0);
  }
  const auto i = v.get_int64();
  return i < bound ? -1 : (i > bound ? 1 : 0);
}

std::size_t size_of(const json::value& bound) {
  return static_cast<std::size_t>(bound.to_number<std::int64_t>());
}

class Checker {
 public:
  Mismatch check(const json::value& schema, const json::value& v, const std::string& path) {
    const json::object& s = schema.as_object();
    if (const auto* ref = s.if_contains("$ref")) return check(resolve(*ref), v, path);
    for (const auto& keyword : s) {
      if (auto m = check_keyword(keyword.key(), keyword.value(), s, v, path)) return m;
    }
    return std::nullopt;
  }

 private:
  static const json::value& resolve(const json::value& ref) {
    constexpr std::string_view kPrefix = "#/components/schemas/";
    const std::string_view text = ref.as_string();
    IMI_CHECK(text.starts_with(kPrefix), text);
    const auto* found = schema_components().if_contains(text.substr(kPrefix.size()));
    IMI_CHECK(found != nullptr, text);
    return *found;
  }

  Mismatch check_keyword(std::string_view k, const json::value& arg, const json::object& schema,
                         const json::value& v, const std::string& path) {
    if (k == "description" || k == "title" || k == "examples" || k == "default") return {};
    if (k == "type") return check_type(arg, v, path);
    if (k == "enum") return check_enum(arg, v, path);
    if (k == "const") return v == arg ? Mismatch{} : at(path, "not the constant");
    if (k == "oneOf") return check_one_of(arg, v, path);
    if (v.is_string()) {
      const std::string_view text = v.get_string();
      if (k == "pattern" && !matches_pattern(text, arg.as_string())) return at(path, "ill-formed");
      if (k == "minLength" && text.size() < size_of(arg)) return at(path, "too short");
      if (k == "maxLength" && text.size() > size_of(arg)) return at(path, "too long");
    }
    if (v.is_int64() || v.is_uint64()) {
      if (k == "minimum" && compare(v, arg.as_int64()) < 0) return at(path, "too small");
      if (k == "maximum" && compare(v, arg.as_int64()) > 0) return at(path, "too large");
    }
    if (v.is_array()) return check_array(k, arg, v.get_array(), path);
    if (v.is_object()) return check_object(k, arg, schema, v.get_object(), path);
    return known(k, path);
  }

  static Mismatch known(std::string_view k, const std::string& path) {
    constexpr std::string_view kKnown[] = {"pattern",  "minLength", "maxLength", "minimum",
                                           "maximum",  "minItems",  "maxItems",  "items",
                                           "required", "properties"};
    if (std::find(std::begin(kKnown), std::end(kKnown), k) != std::end(kKnown)) return {};
    return at(path, "the schema has an unknown keyword " + std::string(k));
  }

  static Mismatch check_type(const json::value& arg, const json::value& v,
                             const std::string& path) {
    if (arg.is_string()) {
      if (has_type(v, arg.get_string())) return {};
    } else {
      for (const auto& t : arg.as_array()) {
        if (has_type(v, t.as_string())) return {};
      }
    }
    return at(path, "expected " + to_text(arg) + ", got " + to_text(v).substr(0, 60));
  }

  static Mismatch check_enum(const json::value& arg, const json::value& v,
                             const std::string& path) {
    for (const auto& choice : arg.as_array()) {
      if (choice == v) return {};
    }
    return at(path, "not one of " + to_text(arg));
  }

  Mismatch check_one_of(const json::value& arg, const json::value& v, const std::string& path) {
    std::size_t matching = 0;
    std::string why;
    for (const auto& option : arg.as_array()) {
      if (auto m = check(option, v, path)) {
        why += "; " + *m;
      } else {
        ++matching;
      }
    }
    if (matching == 1) return {};
    return at(path, "matches " + std::to_string(matching) + " alternatives of oneOf" + why);
  }

  Mismatch check_array(std::string_view k, const json::value& arg, const json::array& a,
                       const std::string& path) {
    if (k == "minItems") return a.size() < size_of(arg) ? at(path, "too few") : Mismatch{};
    if (k == "maxItems") return a.size() > size_of(arg) ? at(path, "too many") : Mismatch{};
    if (k != "items") return known(k, path);
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (auto m = check(arg, a[i], path + "[" + std::to_string(i) + "]")) return m;
    }
    return {};
  }

  Mismatch check_object(std::string_view k, const json::value& arg, const json::object&,
                        const json::object& o, const std::string& path) {
    if (k == "required") {
      for (const auto& name : arg.as_array()) {
        if (!o.contains(name.as_string())) {
          return at(path, "lacks " + std::string(std::string_view(name.as_string())));
        }
      }
      return {};
    }
    if (k != "properties") return known(k, path);
    for (const auto& property : arg.as_object()) {
      const auto* value = o.if_contains(property.key());
      if (value == nullptr) continue;
      if (auto m = check(property.value(), *value, path + "." + std::string(property.key()))) {
        return m;
      }
    }
    return {};
  }
};

}  // namespace

const json::object& schema_components() {
  static const json::object components = [] {
    auto v = parse_json(kComponentsText);
    IMI_CHECK(v.has_value(), v ? "" : v.error().message);
    return v->as_object();
  }();
  return components;
}

std::optional<std::string> schema_mismatch(const json::value& schema, const json::value& value) {
  return Checker().check(schema, value, "$");
}

std::optional<std::string> result_mismatch(std::string_view method, const json::value& result) {
  const MethodSpec* m = find_method(method);
  if (m == nullptr) return "there is no method " + std::string(method);
  auto schema = parse_json(m->result_schema);
  IMI_CHECK(schema.has_value(), m->name);
  return schema_mismatch(*schema, result);
}

}  // namespace imi::rpc
