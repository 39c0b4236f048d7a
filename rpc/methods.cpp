#include "rpc/methods.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "base/check.h"

namespace imi::rpc {

namespace {

RpcError invalid(std::string_view param, std::string why) {
  return make_error(Error::kInvalidParams, {{"param", param}, {"why", std::move(why)}});
}

bool is_base64url(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}
bool is_hex(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

using Why = std::optional<std::string>;

Why check_length(const ParamSpec& p, std::size_t size, std::string_view unit) {
  if (size < static_cast<std::size_t>(p.min)) {
    return "has " + std::to_string(size) + " " + std::string(unit) + ", expected at least " +
           std::to_string(p.min);
  }
  if (size > static_cast<std::size_t>(p.max)) {
    return "has " + std::to_string(size) + " " + std::string(unit) + ", expected at most " +
           std::to_string(p.max);
  }
  return std::nullopt;
}

Why check_text(const ParamSpec& p, const json::value& v) {
  const auto* s = v.if_string();
  if (s == nullptr) return "expected a string";
  const std::string_view text(s->data(), s->size());
  if (p.type == ParamType::kHex32) {
    return text.size() == 64 && is_hex(text) ? Why{} : Why{"expected 64 hexadecimal characters"};
  }
  if (p.type == ParamType::kEnum) {
    if (std::find(p.choices.begin(), p.choices.end(), text) != p.choices.end()) return {};
    std::string why = "expected one of";
    for (const auto c : p.choices) why += " " + std::string(c);
    return why;
  }
  if (auto why = check_length(p, text.size(), "characters")) return why;
  if (p.type == ParamType::kBase64Url && !is_base64url(text)) {
    return "expected base64url without padding";
  }
  return {};
}

// Clients whose only number is a double may write 7 as 7.0.
void restore_integer(json::value& v) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const auto* d = v.if_double();
  if (d == nullptr || std::trunc(*d) != *d || std::abs(*d) > kExact) return;
  v = static_cast<std::int64_t>(*d);
}

Why check_integer(const ParamSpec& p, const json::value& v) {
  const auto* i = v.if_int64();
  if (i == nullptr && !v.is_uint64()) return "expected an integer";
  if (i != nullptr && *i >= p.min && *i <= p.max) return {};
  return "expected " + std::to_string(p.min) + " to " + std::to_string(p.max);
}

Why check_array(const ParamSpec& p, const json::value& v) {
  const auto* a = v.if_array();
  if (a == nullptr) return "expected an array of strings";
  if (auto why = check_length(p, a->size(), "elements")) return why;
  for (std::size_t i = 0; i < a->size(); ++i) {
    const auto* s = (*a)[i].if_string();
    if (s == nullptr || s->empty() || !is_base64url({s->data(), s->size()})) {
      return "element " + std::to_string(i) + " is not base64url text";
    }
  }
  return {};
}

Why check_param(const ParamSpec& p, const json::value& v) {
  switch (p.type) {
    case ParamType::kString:
    case ParamType::kBase64Url:
    case ParamType::kHex32:
    case ParamType::kEnum: return check_text(p, v);
    case ParamType::kInteger: return check_integer(p, v);
    case ParamType::kBoolean: return v.is_bool() ? Why{} : Why{"expected true or false"};
    case ParamType::kStringArray: return check_array(p, v);
  }
  IMI_CHECK(false, "a parameter type out of range");
}

const ParamSpec* find_param(const MethodSpec& m, std::string_view name) {
  for (const ParamSpec& p : m.params) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

// By position -> by name.
std::expected<json::object, RpcError> name_params(const MethodSpec& m, json::array&& values) {
  if (values.size() > m.params.size()) {
    return std::unexpected(
        invalid(std::to_string(m.params.size()),
                "the method has only " + std::to_string(m.params.size()) + " parameters"));
  }
  json::object out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.emplace(m.params[i].name, std::move(values[i]));
  }
  return out;
}

// ---- REST
// ----------------------------------------------------------------------------------------

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decode(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%') {
      out += s[i];
      continue;
    }
    if (i + 2 >= s.size()) return std::nullopt;
    const int hi = hex_digit(s[i + 1]);
    const int lo = hex_digit(s[i + 2]);
    if (hi < 0 || lo < 0) return std::nullopt;
    out += static_cast<char>(hi * 16 + lo);
    i += 2;
  }
  return out;
}

// Takes what is before the first `separator` off the front of `text`.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return front;
}

// The parameters in the path if it fits the template: {name} fits one segment.
std::optional<std::vector<std::pair<std::string_view, std::string_view>>> match_path(
    std::string_view path, std::string_view pattern) {
  std::vector<std::pair<std::string_view, std::string_view>> params;
  if (std::count(path.begin(), path.end(), '/') !=
      std::count(pattern.begin(), pattern.end(), '/')) {
    return std::nullopt;
  }
  while (!pattern.empty() || !path.empty()) {
    const std::string_view want = take(pattern, '/');
    const std::string_view got = take(path, '/');
    if (want.starts_with('{')) {
      if (got.empty()) return std::nullopt;
      params.emplace_back(want.substr(1, want.size() - 2), got);
    } else if (want != got) {
      return std::nullopt;
    }
  }
  return params;
}

// URL text -> the JSON value that its parameter's type calls for.
std::expected<json::value, RpcError> rest_value(const ParamSpec& p, std::string_view raw) {
  const auto text = percent_decode(raw);
  if (!text) return std::unexpected(invalid(p.name, "bad percent-encoding"));
  switch (p.type) {
    case ParamType::kBoolean:
      if (*text == "true" || *text == "1") return json::value(true);
      if (*text == "false" || *text == "0") return json::value(false);
      return std::unexpected(invalid(p.name, "expected true or false"));
    case ParamType::kInteger: {
      std::int64_t n = 0;
      const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
      if (ec != std::errc{} || end != text->data() + text->size()) {
        return std::unexpected(invalid(p.name, "expected an integer"));
      }
      return json::value(n);
    }
    case ParamType::kStringArray: {
      json::array a;
      std::string_view rest = *text;
      while (!rest.empty()) a.emplace_back(take(rest, ','));
      return json::value(std::move(a));
    }
    case ParamType::kString:
    case ParamType::kBase64Url:
    case ParamType::kHex32:
    case ParamType::kEnum: return json::value(*text);
  }
  IMI_CHECK(false, "a parameter type out of range");
}

std::expected<void, RpcError> add_rest_param(const MethodSpec& m, std::string_view name,
                                             std::string_view raw, json::object& out) {
  const ParamSpec* p = find_param(m, name);
  if (p == nullptr) return std::unexpected(invalid(name, "the method has no such parameter"));
  auto v = rest_value(*p, raw);
  if (!v) return std::unexpected(std::move(v).error());
  if (!out.emplace(p->name, std::move(*v)).second) {
    return std::unexpected(make_error(Error::kDuplicateKey, {{"key", name}}));
  }
  return {};
}

}  // namespace

const MethodSpec* find_method(std::string_view name) {
  static const std::map<std::string_view, const MethodSpec*> by_name = [] {
    std::map<std::string_view, const MethodSpec*> out;
    for (const MethodSpec& m : methods()) out.emplace(m.name, &m);
    return out;
  }();
  const auto it = by_name.find(name);
  return it == by_name.end() ? nullptr : it->second;
}

std::expected<json::object, RpcError> bind_params(const MethodSpec& method, json::value params) {
  json::object named;
  if (auto* o = params.if_object()) {
    named = std::move(*o);
  } else if (auto* a = params.if_array()) {
    auto by_name = name_params(method, std::move(*a));
    if (!by_name) return std::unexpected(std::move(by_name).error());
    named = std::move(*by_name);
  } else if (!params.is_null()) {
    return std::unexpected(invalid("params", "expected an object or an array"));
  }
  json::object bound;
  for (auto& member : named) {
    const ParamSpec* p = find_param(method, member.key());
    if (p == nullptr) {
      return std::unexpected(invalid(member.key(), "the method has no such parameter"));
    }
    if (member.value().is_null()) continue;
    if (p->type == ParamType::kInteger) restore_integer(member.value());
    if (auto why = check_param(*p, member.value())) {
      return std::unexpected(invalid(p->name, std::move(*why)));
    }
    bound.emplace(p->name, std::move(member.value()));
  }
  for (const ParamSpec& p : method.params) {
    if (p.required && !bound.contains(p.name))
      return std::unexpected(invalid(p.name, "is missing"));
  }
  return bound;
}

bool is_rest_path(std::string_view path) {
  const auto all = methods();
  return std::any_of(all.begin(), all.end(), [&](const MethodSpec& m) {
    return !m.rest_path.empty() && match_path(path, m.rest_path).has_value();
  });
}

std::expected<RestCall, RpcError> bind_rest(std::string_view target) {
  std::string_view query = target;
  const std::string_view path = take(query, '?');
  for (const MethodSpec& m : methods()) {
    if (m.rest_path.empty()) continue;
    const auto in_path = match_path(path, m.rest_path);
    if (!in_path) continue;
    json::object params;
    for (const auto& [name, raw] : *in_path) {
      if (auto ok = add_rest_param(m, name, raw, params); !ok) return std::unexpected(ok.error());
    }
    while (!query.empty()) {
      std::string_view value = take(query, '&');
      const std::string_view name = take(value, '=');
      if (auto ok = add_rest_param(m, name, value, params); !ok) return std::unexpected(ok.error());
    }
    auto bound = bind_params(m, std::move(params));
    if (!bound) return std::unexpected(std::move(bound).error());
    return RestCall{&m, std::move(*bound)};
  }
  return std::unexpected(make_error(Error::kMethodNotFound, {{"method", path}}));
}

}  // namespace imi::rpc
