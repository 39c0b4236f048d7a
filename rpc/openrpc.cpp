// The OpenRPC document (spec.open-rpc.org, 1.3.2), made from the tables.
#include "base/check.h"
#include "rpc/method_text.h"
#include "rpc/methods.h"
#include "rpc/schema.h"

namespace imi::rpc {

namespace {

json::value parse_own(std::string_view text) {
  auto v = parse_json(text);
  IMI_CHECK(v.has_value(), text);
  return std::move(*v);
}

json::object string_schema(const ParamSpec& p) {
  return {{"type", "string"}, {"minLength", p.min}, {"maxLength", p.max}};
}

json::object param_schema(const ParamSpec& p) {
  switch (p.type) {
    case ParamType::kString: return string_schema(p);
    case ParamType::kBase64Url: {
      json::object o = string_schema(p);
      o["pattern"] = kBase64UrlPattern;
      return o;
    }
    case ParamType::kInteger: return {{"type", "integer"}, {"minimum", p.min}, {"maximum", p.max}};
    case ParamType::kBoolean: return {{"type", "boolean"}};
    case ParamType::kHex32: return {{"$ref", "#/components/schemas/Hash"}};
    case ParamType::kEnum: {
      json::array choices;
      for (const auto c : p.choices) choices.emplace_back(c);
      return {{"type", "string"}, {"enum", std::move(choices)}};
    }
    case ParamType::kStringArray:
      return {{"type", "array"},
              {"minItems", p.min},
              {"maxItems", p.max},
              {"items", {{"type", "string"}, {"pattern", kBase64UrlPattern}}}};
  }
  IMI_CHECK(false, "a parameter type out of range");
}

json::object error_object(const ErrorSpec& e) {
  return {{"code", e.code()},
          {"message", e.sentence},
          {"data",
           {{"name", e.name}, {"http_status", e.http_status}, {"exit_code", to_int(e.exit_code)}}}};
}

json::array example_params(const MethodSpec& m) {
  json::array out;
  const json::value example = parse_own(m.example_params);
  for (const auto& member : example.as_object()) {
    out.emplace_back(json::object{{"name", member.key()}, {"value", member.value()}});
  }
  return out;
}

json::object method_object(const MethodSpec& m) {
  json::array params;
  for (const ParamSpec& p : m.params) {
    params.emplace_back(json::object{{"name", p.name},
                                     {"summary", p.summary},
                                     {"required", p.required},
                                     {"schema", param_schema(p)}});
  }
  json::array errors;
  for (const Error e : m.errors) {
    errors.emplace_back(json::object{{"$ref", "#/components/errors/" + std::string(spec(e).name)}});
  }
  json::object out{{"name", m.name},
                   {"summary", m.summary},
                   {"description", m.description},
                   {"paramStructure", "either"},
                   {"params", std::move(params)},
                   {"result", {{"name", "result"}, {"schema", parse_own(m.result_schema)}}},
                   {"errors", std::move(errors)}};
  json::object result_example{{"name", "result"}, {"value", parse_own(m.example_result)}};
  out["examples"] = json::array{{{"name", std::string(m.name) + "-example"},
                                 {"params", example_params(m)},
                                 {"result", std::move(result_example)}}};
  if (!m.rest_path.empty()) out["x-rest"] = "GET " + std::string(m.rest_path);
  if (m.websocket_only) out["x-websocket-only"] = true;
  return out;
}

json::value build() {
  json::object errors;
  for (const ErrorSpec& e : error_table()) errors[e.name] = error_object(e);
  json::array list;
  for (const MethodSpec& m : methods()) list.push_back(method_object(m));
  return {{"openrpc", "1.3.2"},
          {"info",
           {{"title", "IMI Ledger node"},
            {"version", "1.0.0"},
            {"description",
             "JSON-RPC 2.0 over HTTP POST and WebSocket; GET for methods with x-rest. Every error "
             "has a stable code and data.name. Reads with prove answer with a proof bundle that "
             "the asker checks against the genesis file alone."},
            {"license", {{"name", "Apache-2.0"}}}}},
          {"methods", std::move(list)},
          {"components", {{"schemas", schema_components()}, {"errors", std::move(errors)}}}};
}

}  // namespace

const std::string& openrpc_text() {
  static const std::string text = to_text(build());
  return text;
}

}  // namespace imi::rpc
