#include "node/net/metrics_text.h"

#include "base/check.h"

namespace imi::node {
namespace {

constexpr std::int64_t kUsPerSecond = 1'000'000;

// Decimal seconds, exact.
std::string seconds_text(std::int64_t us) {
  const auto size = us < 0 ? 0 - static_cast<std::uint64_t>(us) : static_cast<std::uint64_t>(us);
  std::string out = us < 0 ? "-" : "";
  out += std::to_string(size / kUsPerSecond);
  std::string part = std::to_string(size % kUsPerSecond + kUsPerSecond).substr(1);
  part.erase(part.find_last_not_of('0') + 1);
  return part.empty() ? out : out + "." + part;
}

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string_view name(MetricType t) {
  switch (t) {
    case MetricType::kCounter: return "counter";
    case MetricType::kGauge: return "gauge";
    case MetricType::kHistogram: return "histogram";
  }
  IMI_CHECK(false, "a metric's type out of range");
}

void MetricsText::begin(const MetricSpec& spec) {
  name_ = spec.name;
  text_.append("# HELP ").append(name_).append(" ").append(spec.help).append("\n# TYPE ");
  text_.append(name_).append(" ").append(name(spec.type)).append("\n");
}

void MetricsText::line(std::string_view suffix, std::initializer_list<Label> labels,
                       std::string_view value) {
  text_.append(name_).append(suffix);
  const char* before = "{";
  for (const auto& [key, text] : labels) {
    text_.append(before).append(key).append("=\"").append(escaped(text)).append("\"");
    before = ",";
  }
  if (labels.size() != 0) text_ += '}';
  text_.append(" ").append(value).append("\n");
}

void MetricsText::sample(std::uint64_t value, std::initializer_list<Label> labels) {
  line({}, labels, std::to_string(value));
}

void MetricsText::seconds(std::int64_t us, std::initializer_list<Label> labels) {
  line({}, labels, seconds_text(us));
}

void MetricsText::histogram(const LatencyHistogram& h) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < h.kBoundsUs.size(); ++i) {
    below += h.counts[i];
    line("_bucket", {{"le", seconds_text(static_cast<std::int64_t>(h.kBoundsUs[i]))}},
         std::to_string(below));
  }
  line("_bucket", {{"le", "+Inf"}}, std::to_string(h.count()));
  line("_sum", {}, seconds_text(static_cast<std::int64_t>(h.sum_us)));
  line("_count", {}, std::to_string(h.count()));
}

std::string metrics_table(std::span<const MetricSpec> specs) {
  std::string out = "| metric | type | meaning |\n|---|---|---|\n";
  for (const MetricSpec& s : specs) {
    out.append("| `").append(s.name).append("` | ").append(name(s.type)).append(" | ");
    out.append(s.help).append(" |\n");
  }
  return out;
}

}  // namespace imi::node
