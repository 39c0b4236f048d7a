#include "genesis/toml_reader.h"

#include "base/text.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace imi::genesis {

struct TomlReader::Document {
  toml::table root;
  std::string source;
  std::optional<BuildError> error;  // the first

  void fail(toml::source_index line, std::string reason) {
    if (error) return;
    error = BuildError{source + ":" + std::to_string(line), std::move(reason)};
  }
};

struct TomlReader::Node {
  std::shared_ptr<Document> document;
  const toml::table* table = nullptr;
  std::set<std::string, std::less<>> known;
};

std::string describe(const BuildError& e) { return e.where + ": " + e.reason; }

TomlReader::TomlReader(std::unique_ptr<Node> node) : node_(std::move(node)) {}
TomlReader::TomlReader(TomlReader&&) noexcept = default;
TomlReader& TomlReader::operator=(TomlReader&&) noexcept = default;
TomlReader::~TomlReader() = default;

std::expected<TomlReader, BuildError> TomlReader::parse(std::string_view text,
                                                        std::string_view source) {
  toml::parse_result parsed = toml::parse(without_byte_order_mark(text));
  if (!parsed) {
    return std::unexpected(
        BuildError{std::string(source) + ":" + std::to_string(parsed.error().source().begin.line),
                   std::string(parsed.error().description())});
  }
  auto document = std::make_shared<Document>();
  document->root = std::move(parsed).table();
  document->source = source;
  auto node = std::make_unique<Node>();
  node->table = &document->root;
  node->document = std::move(document);
  return TomlReader(std::move(node));
}

bool TomlReader::has(std::string_view key) {
  node_->known.emplace(key);
  return node_->table->contains(key);
}

void TomlReader::fail(std::string_view key, std::string reason) {
  const toml::node* at = node_->table->get(key);
  const auto line = at != nullptr ? at->source().begin.line : node_->table->source().begin.line;
  node_->document->fail(line, "'" + std::string(key) + "': " + std::move(reason));
}

std::string TomlReader::text(std::string_view key) {
  if (!has(key)) {
    fail(key, "is missing");
    return {};
  }
  return text_or(key, {});
}

std::string TomlReader::text_or(std::string_view key, std::string_view fallback) {
  if (!has(key)) return std::string(fallback);
  const auto* value = node_->table->get(key)->as_string();
  if (value == nullptr) {
    fail(key, "must be a text in quotes");
    return std::string(fallback);
  }
  return value->get();
}

std::int64_t TomlReader::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  if (!has(key)) {
    fail(key, "is missing");
    return min;
  }
  return integer_or(key, min, min, max);
}

std::int64_t TomlReader::integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                    std::int64_t max) {
  if (!has(key)) return fallback;
  const auto* value = node_->table->get(key)->as_integer();
  if (value == nullptr) {
    fail(key, "must be a whole number");
    return fallback;
  }
  if (value->get() < min || value->get() > max) {
    fail(key, "must lie in " + std::to_string(min) + ".." + std::to_string(max));
    return fallback;
  }
  return value->get();
}

bool TomlReader::boolean_or(std::string_view key, bool fallback) {
  if (!has(key)) return fallback;
  const auto* value = node_->table->get(key)->as_boolean();
  if (value == nullptr) {
    fail(key, "must be true or false");
    return fallback;
  }
  return value->get();
}

std::optional<TomlDate> TomlReader::date_or_none(std::string_view key) {
  if (!has(key)) return std::nullopt;
  const auto* value = node_->table->get(key)->as_date();  // a real date, or it would not parse
  if (value == nullptr) {
    fail(key, "must be a date, such as 2026-04-01");
    return std::nullopt;
  }
  return TomlDate{value->get().year, value->get().month, value->get().day};
}

std::vector<std::string> TomlReader::texts(std::string_view key) {
  std::vector<std::string> out;
  if (!has(key)) return out;
  const auto* list = node_->table->get(key)->as_array();
  if (list == nullptr) {
    fail(key, "must be a list of texts");
    return out;
  }
  for (const toml::node& element : *list) {
    if (const auto* value = element.as_string()) {
      out.push_back(value->get());
    } else {
      fail(key, "must be a list of texts");
    }
  }
  return out;
}

std::vector<TomlReader> TomlReader::tables(std::string_view key) {
  std::vector<TomlReader> out;
  if (!has(key)) return out;
  const auto* list = node_->table->get(key)->as_array();
  if (list == nullptr) {
    fail(key, "must be given as [[" + std::string(key) + "]]");
    return out;
  }
  for (const toml::node& element : *list) {
    const auto* value = element.as_table();
    if (value == nullptr) {
      fail(key, "must be given as [[" + std::string(key) + "]]");
      return out;
    }
    auto node = std::make_unique<Node>();
    node->document = node_->document;
    node->table = value;
    out.push_back(TomlReader(std::move(node)));
  }
  return out;
}

std::optional<TomlReader> TomlReader::table(std::string_view key) {
  if (!has(key)) return std::nullopt;
  const auto* value = node_->table->get(key)->as_table();
  if (value == nullptr) {
    fail(key, "must be given as [" + std::string(key) + "]");
    return std::nullopt;
  }
  auto node = std::make_unique<Node>();
  node->document = node_->document;
  node->table = value;
  return TomlReader(std::move(node));
}

void TomlReader::finish() {
  for (const auto& [key, value] : *node_->table) {
    if (!node_->known.contains(key.str())) {
      node_->document->fail(value.source().begin.line,
                            "'" + std::string(key.str()) + "' is not known here");
    }
  }
}

const std::optional<BuildError>& TomlReader::error() const { return node_->document->error; }

}  // namespace imi::genesis
