#include "rpc/json.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/serializer.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/check.h"

namespace imi::rpc {

namespace {

using boost::json::error_code;

RpcError parse_error(std::string why) {
  return make_error(Error::kParse, {{"why", std::move(why)}});
}

// Builds the value as boost's own parser does, and refuses on the way. `reason` is why, if it was
// one of our bounds. With `ids`, the text of every number that is the "id" of a JSON-RPC call is
// appended there, and the value holds its place there instead.
class BoundedHandler {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  BoundedHandler(const JsonLimits& limits, std::vector<std::string>* ids)
      : limits_(limits), ids_(ids) {}

  bool on_document_begin(error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    frames_.push_back(keys_.size());
    ++depth_;
    return true;
  }
  bool on_object_end(std::size_t n, error_code& ec) {
    --depth_;
    if (!keys_differ(ec)) return false;
    stack_.push_object(n);
    return count(ec);
  }
  bool on_array_begin(error_code&) {
    if (depth_++ == 0) call_depth_ = 2;  // a batch
    return true;
  }
  bool on_array_end(std::size_t n, error_code& ec) {
    --depth_;
    stack_.push_array(n);
    return count(ec);
  }
  bool on_key_part(boost::json::string_view s, std::size_t n, error_code& ec) {
    if (n > limits_.max_key_bytes) {
      return refuse(make_error(Error::kTooLarge,
                               {{"limit", limits_.max_key_bytes}, {"unit", "bytes of a key"}}),
                    ec);
    }
    key_text_.append(s.data(), s.size());
    stack_.push_chars(s);
    return true;
  }
  bool on_key(boost::json::string_view s, std::size_t n, error_code& ec) {
    if (!on_key_part({}, n, ec)) return false;
    key_text_.append(s.data(), s.size());
    keys_.push_back({key_text_.size() - n, n});
    after_id_ = depth_ == call_depth_ && text(keys_.back()) == "id";
    stack_.push_key(s);
    return true;
  }
  bool on_string_part(boost::json::string_view s, std::size_t, error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_string(boost::json::string_view s, std::size_t, error_code& ec) {
    stack_.push_string(s);
    return count(ec);
  }
  bool on_number_part(boost::json::string_view s, error_code& ec) {
    number_.append(s.data(), s.size());
    // An integer of 64 bits has 20 digits and no double needs more than 24 characters to be exact.
    if (number_.size() > (is_id() ? kMaxIdBytes : kMaxNumberText)) return refuse_number(ec);
    return true;
  }
  bool on_int64(std::int64_t i, boost::json::string_view s, error_code& ec) {
    if (!on_number_part(s, ec)) return false;
    if (is_id()) return take_id(ec);
    number_.clear();
    stack_.push_int64(i);
    return count(ec);
  }
  bool on_uint64(std::uint64_t u, boost::json::string_view s, error_code& ec) {
    if (!on_number_part(s, ec)) return false;
    if (is_id()) return take_id(ec);
    number_.clear();
    stack_.push_uint64(u);
    return count(ec);
  }
  bool on_double(double d, boost::json::string_view s, error_code& ec) {
    if (!on_number_part(s, ec)) return false;
    if (is_id()) return take_id(ec);
    // boost turns integers beyond 64 bits into doubles: two ends would read different numbers.
    const bool integer = number_.find_first_of(".eE") == std::string::npos;
    if (integer || !std::isfinite(d)) return refuse_number(ec);
    number_.clear();
    stack_.push_double(d);
    return count(ec);
  }
  bool on_bool(bool b, error_code& ec) {
    stack_.push_bool(b);
    return count(ec);
  }
  bool on_null(error_code& ec) {
    stack_.push_null();
    return count(ec);
  }
  bool on_comment_part(boost::json::string_view, error_code&) { return true; }
  bool on_comment(boost::json::string_view, error_code&) { return true; }

  boost::json::value release() { return stack_.release(); }
  std::optional<RpcError> take_reason() { return std::move(reason_); }

 private:
  static constexpr std::size_t kMaxNumberText = 64;
  struct Key {
    std::size_t at;
    std::size_t size;
  };

  bool refuse(RpcError e, error_code& ec) {
    reason_ = std::move(e);
    ec = boost::json::error::exception;
    return false;
  }
  bool refuse_number(error_code& ec) {
    return refuse(make_error(Error::kBadNumber, {{"text", number_.substr(0, 40)}}), ec);
  }
  [[nodiscard]] bool is_id() const { return ids_ != nullptr && after_id_ && depth_ == call_depth_; }
  bool take_id(error_code& ec) {
    stack_.push_uint64(ids_->size());
    ids_->push_back(std::exchange(number_, {}));
    return count(ec);
  }
  bool count(error_code& ec) {
    if (++values_ <= limits_.max_values) return true;
    return refuse(
        make_error(Error::kTooLarge, {{"limit", limits_.max_values}, {"unit", "JSON values"}}), ec);
  }
  std::string_view text(const Key& k) const {
    return std::string_view(key_text_).substr(k.at, k.size);
  }
  // Ends the innermost object: no two of its keys may be equal. Sorting keeps this n log n however
  // many keys there are.
  bool keys_differ(error_code& ec) {
    IMI_CHECK(!frames_.empty());
    const std::size_t first = frames_.back();
    frames_.pop_back();
    if (first == keys_.size()) return true;
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first);
    const std::size_t text_from = begin->at;
    std::sort(begin, keys_.end(), [&](const Key& a, const Key& b) { return text(a) < text(b); });
    const auto twice = std::adjacent_find(
        begin, keys_.end(), [&](const Key& a, const Key& b) { return text(a) == text(b); });
    if (twice != keys_.end()) {
      return refuse(make_error(Error::kDuplicateKey, {{"key", text(*twice)}}), ec);
    }
    keys_.resize(first);
    key_text_.resize(text_from);
    return true;
  }

  JsonLimits limits_;
  std::vector<std::string>* ids_;
  std::size_t depth_ = 0;       // of open objects and arrays
  std::size_t call_depth_ = 1;  // of the members of a JSON-RPC call
  bool after_id_ = false;       // the last key was a call's "id"
  boost::json::value_stack stack_;
  std::string key_text_;  // the keys of all open objects, one after the other
  std::vector<Key> keys_;
  std::vector<std::size_t> frames_;  // where each open object's keys begin
  std::string number_;
  std::size_t values_ = 0;
  std::optional<RpcError> reason_;
};

RpcError syntax_error(const error_code& ec, std::size_t at, const JsonLimits& limits) {
  if (ec == boost::json::error::too_deep) {
    return make_error(Error::kTooDeep, {{"limit", limits.max_depth}});
  }
  return parse_error(ec.message() + " near byte " + std::to_string(at));
}

// ---- JSON-RPC
// ------------------------------------------------------------------------------------

RpcError invalid(std::string why) {
  return make_error(Error::kInvalidRequest, {{"why", std::move(why)}});
}

Id number_id(std::string text) {
  std::int64_t i = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), i);
  if (ec == std::errc{} && std::to_string(i) == text) return Id(i);
  return Id(IdNumber{std::move(text)});
}

// nullopt: not an id. `numbers` as BoundedHandler collected them.
std::optional<Id> read_id(const json::value& v, std::vector<std::string>& numbers) {
  if (const auto* place = v.if_uint64(); place != nullptr && *place < numbers.size()) {
    return number_id(std::move(numbers[*place]));
  }
  if (v.is_null()) return Id(nullptr);
  if (const auto* s = v.if_string(); s != nullptr && s->size() <= kMaxIdBytes) {
    return Id(std::string(s->data(), s->size()));
  }
  return std::nullopt;
}

std::variant<Call, BadCall> read_call(json::value&& v, std::vector<std::string>& id_numbers) {
  auto* o = v.if_object();
  if (o == nullptr) return BadCall{Id(nullptr), invalid("a call is a JSON object")};
  Id id = NoId{};
  if (const auto* i = o->if_contains("id")) {
    auto read = read_id(*i, id_numbers);
    if (!read) return BadCall{Id(nullptr), invalid("\"id\" must be a string, a number or null")};
    id = std::move(*read);
  }
  // A malformed call is answered even when it has no id (JSON-RPC 2.0, section 5).
  const Id answer_to = std::holds_alternative<NoId>(id) ? Id(nullptr) : id;
  const auto* version = o->if_contains("jsonrpc");
  if (version == nullptr || !version->is_string() || version->get_string() != "2.0") {
    return BadCall{answer_to, invalid("\"jsonrpc\" must be \"2.0\"")};
  }
  const auto* method = o->if_contains("method");
  if (method == nullptr || !method->is_string()) {
    return BadCall{answer_to, invalid("\"method\" must be a string")};
  }
  const auto& name = method->get_string();
  if (name.size() > kMaxMethodBytes) return BadCall{answer_to, invalid("\"method\" is too long")};
  Call call{std::move(id), std::string(name.data(), name.size()), nullptr};
  if (auto* params = o->if_contains("params"); params != nullptr && !params->is_null()) {
    if (!params->is_object() && !params->is_array()) {
      return BadCall{answer_to, invalid("\"params\" must be an object or an array")};
    }
    call.params = std::move(*params);
  }
  return call;
}

// ---- writing
// -------------------------------------------------------------------------------------

void append_json(std::string& out, const json::value& v) {
  json::serializer sr;
  sr.reset(&v);
  char piece[4096];
  while (!sr.done()) {
    const auto s = sr.read(piece, sizeof(piece));
    out.append(s.data(), s.size());
  }
}

void append_id(std::string& out, const Id& id) {
  if (const auto* i = std::get_if<std::int64_t>(&id)) {
    out += std::to_string(*i);
  } else if (const auto* s = std::get_if<std::string>(&id)) {
    append_json(out, json::value(*s));
  } else if (const auto* n = std::get_if<IdNumber>(&id)) {
    out += n->text;
  } else {
    out += "null";
  }
}

void append_result(std::string& out, const Result& r) {
  if (const auto* raw = std::get_if<RawJson>(&r)) {
    out += raw->text;
  } else {
    append_json(out, std::get<json::value>(r));
  }
}

void append_error(std::string& out, const RpcError& e) {
  out += "{\"code\":";
  out += std::to_string(e.spec().code());
  out += ",\"message\":";
  append_json(out, json::value(e.message));
  out += ",\"data\":";
  append_json(out, json::value(e.data));
  out += '}';
}

std::size_t expected_size(const Outcome& o) {
  const auto* raw = o ? std::get_if<RawJson>(&*o) : nullptr;
  return 64 + (raw != nullptr ? raw->text.size() : 256);
}

// ---- reading responses
// ---------------------------------------------------------------------------

RpcError read_error(const json::object& o) {
  std::string message = "the node gave no message";
  if (const auto* m = o.if_contains("message"); m != nullptr && m->is_string()) {
    message = std::string(m->get_string().data(), m->get_string().size());
  }
  json::object data;
  if (const auto* d = o.if_contains("data")) {
    if (d->is_object()) {
      data = d->get_object();
    } else {
      data["value"] = *d;
    }
  }
  const auto* code = o.if_contains("code");
  const auto known =
      code != nullptr && code->is_int64() ? error_from_code(code->get_int64()) : std::nullopt;
  if (!known && code != nullptr) data["code"] = *code;
  return make_error_text(known.value_or(Error::kInternal), std::move(message), std::move(data));
}

// Of a response to this build's own calls, whose ids are int64_t.
std::optional<Id> read_response_id(const json::value& v) {
  std::vector<std::string> none;
  if (const auto* i = v.if_int64()) return Id(*i);
  return read_id(v, none);
}

RpcError bad_response(std::string why) {
  return make_error(Error::kBadResponse, {{"address", "the node"}, {"why", std::move(why)}});
}

std::expected<Response, RpcError> read_response(json::value&& v) {
  auto* o = v.if_object();
  if (o == nullptr) return std::unexpected(bad_response("a response is a JSON object"));
  const auto* version = o->if_contains("jsonrpc");
  if (version == nullptr || !version->is_string() || version->get_string() != "2.0") {
    return std::unexpected(bad_response("it does not speak JSON-RPC 2.0"));
  }
  Response r{nullptr, json::value(nullptr)};
  if (const auto* id = o->if_contains("id")) {
    auto read = read_response_id(*id);
    if (!read) return std::unexpected(bad_response("its id is not an id of this client's calls"));
    r.id = std::move(*read);
  }
  auto* result = o->if_contains("result");
  const auto* error = o->if_contains("error");
  if ((result == nullptr) == (error == nullptr)) {
    return std::unexpected(bad_response("it has neither or both of result and error"));
  }
  if (result != nullptr) {
    r.outcome = std::move(*result);
  } else if (error->is_object()) {
    r.outcome = std::unexpected(read_error(error->get_object()));
  } else {
    return std::unexpected(bad_response("its error is not an object"));
  }
  return r;
}

std::expected<json::value, RpcError> parse_answer(std::string_view body, const JsonLimits& limits) {
  auto v = parse_json(body, limits);
  if (!v) return std::unexpected(bad_response(v.error().message));
  return v;
}

void indent(std::string& out, const json::value& v, std::size_t depth) {
  const std::string pad(2 * depth + 2, ' ');
  const std::string end(2 * depth, ' ');
  if (const auto* o = v.if_object(); o != nullptr && !o->empty()) {
    out += "{\n";
    for (auto it = o->begin(); it != o->end(); ++it) {
      out += pad + json::serialize(it->key()) + ": ";
      indent(out, it->value(), depth + 1);
      out += std::next(it) == o->end() ? "\n" : ",\n";
    }
    out += end + "}";
  } else if (const auto* a = v.if_array(); a != nullptr && !a->empty()) {
    out += "[\n";
    for (auto it = a->begin(); it != a->end(); ++it) {
      out += pad;
      indent(out, *it, depth + 1);
      out += std::next(it) == a->end() ? "\n" : ",\n";
    }
    out += end + "]";
  } else {
    append_json(out, v);
  }
}

std::expected<json::value, RpcError> parse_value(std::string_view text, const JsonLimits& limits,
                                                 std::vector<std::string>* id_numbers) {
  if (text.size() > limits.max_bytes) {
    return std::unexpected(make_error(
        Error::kTooLarge,
        {{"size", text.size()}, {"limit", limits.max_bytes}, {"unit", "bytes of JSON"}}));
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const std::size_t mark = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  json::parse_options options;
  options.max_depth = limits.max_depth;
  json::basic_parser<BoundedHandler> parser(options, limits, id_numbers);
  error_code ec;
  const std::size_t used =
      mark + parser.write_some(false, text.data() + mark, text.size() - mark, ec);
  if (ec) {
    if (auto reason = parser.handler().take_reason()) return std::unexpected(std::move(*reason));
    return std::unexpected(syntax_error(ec, used, limits));
  }
  if (!parser.done()) return std::unexpected(parse_error("the text ends too early"));
  if (const auto rest = text.substr(used).find_first_not_of(" \t\r\n");
      rest != std::string_view::npos) {
    return std::unexpected(
        parse_error("text after the value at byte " + std::to_string(used + rest)));
  }
  return parser.handler().release();
}

}  // namespace

std::expected<json::value, RpcError> parse_json(std::string_view text, const JsonLimits& limits) {
  return parse_value(text, limits, nullptr);
}

std::expected<RequestBody, RpcError> parse_request(std::string_view body,
                                                   const JsonLimits& limits) {
  std::vector<std::string> id_numbers;
  auto v = parse_value(body, limits, &id_numbers);
  if (!v) return std::unexpected(std::move(v).error());
  RequestBody out;
  auto* batch = v->if_array();
  if (batch == nullptr) {
    out.calls.push_back(read_call(std::move(*v), id_numbers));
    return out;
  }
  if (batch->empty()) return std::unexpected(invalid("the batch is empty"));
  if (batch->size() > kMaxBatch) {
    return std::unexpected(
        make_error(Error::kBatchTooLong, {{"size", batch->size()}, {"limit", kMaxBatch}}));
  }
  out.is_batch = true;
  out.calls.reserve(batch->size());
  for (auto& call : *batch) out.calls.push_back(read_call(std::move(call), id_numbers));
  return out;
}

std::string response_text(const Id& id, const Outcome& outcome) {
  std::string out;
  out.reserve(expected_size(outcome));
  out += "{\"jsonrpc\":\"2.0\",\"id\":";
  append_id(out, id);
  if (outcome) {
    out += ",\"result\":";
    append_result(out, *outcome);
  } else {
    out += ",\"error\":";
    append_error(out, outcome.error());
  }
  out += '}';
  return out;
}

std::string notification_text(std::string_view method, const Result& params) {
  std::string out = "{\"jsonrpc\":\"2.0\",\"method\":";
  append_json(out, json::value(method));
  out += ",\"params\":";
  append_result(out, params);
  out += '}';
  return out;
}

std::string rest_text(const Outcome& outcome) {
  std::string out;
  out.reserve(expected_size(outcome));
  if (outcome) {
    append_result(out, *outcome);
  } else {
    out += "{\"error\":";
    append_error(out, outcome.error());
    out += '}';
  }
  return out;
}

std::string request_text(const Id& id, std::string_view method, const json::value& params) {
  std::string out = "{\"jsonrpc\":\"2.0\",";
  if (!std::holds_alternative<NoId>(id)) {
    out += "\"id\":";
    append_id(out, id);
    out += ',';
  }
  out += "\"method\":";
  append_json(out, json::value(method));
  if (!params.is_null()) {
    out += ",\"params\":";
    append_json(out, params);
  }
  out += '}';
  return out;
}

std::expected<Response, RpcError> parse_response(std::string_view body, const JsonLimits& limits) {
  auto v = parse_answer(body, limits);
  if (!v) return std::unexpected(std::move(v).error());
  return read_response(std::move(*v));
}

std::expected<std::vector<Response>, RpcError> parse_batch_response(std::string_view body,
                                                                    const JsonLimits& limits) {
  auto v = parse_answer(body, limits);
  if (!v) return std::unexpected(std::move(v).error());
  std::vector<Response> out;
  auto* a = v->if_array();
  if (a == nullptr) {
    // The node answered the batch as a whole: an error of its own.
    auto one = read_response(std::move(*v));
    if (!one) return std::unexpected(std::move(one).error());
    if (!one->outcome) return std::unexpected(std::move(one->outcome).error());
    return std::unexpected(bad_response("a batch was answered with one result"));
  }
  for (auto& e : *a) {
    auto one = read_response(std::move(e));
    if (!one) return std::unexpected(std::move(one).error());
    out.push_back(std::move(*one));
  }
  return out;
}

std::string to_text(const json::value& v) {
  std::string out;
  append_json(out, v);
  return out;
}

std::string pretty(const json::value& v) {
  std::string out;
  indent(out, v, 0);
  return out;
}

}  // namespace imi::rpc
