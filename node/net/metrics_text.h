// Metrics in the Prometheus text format 0.0.4. Each metric is described once (MetricSpec): HELP and
// TYPE lines and the tables of docs/OPERATIONS.md follow from that.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "node/latency.h"

namespace imi::node {

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };
[[nodiscard]] std::string_view name(MetricType t);

struct MetricSpec {
  std::string_view name;  // with "imi_"; base units (seconds, bytes); counters end in _total
  MetricType type{};
  std::string_view help;  // one line
};

class MetricsText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  // The samples that follow, until the next begin(), are of this metric.
  void begin(const MetricSpec& spec);
  void sample(std::uint64_t value, std::initializer_list<Label> labels = {});
  // A duration, in seconds; may be negative.
  void seconds(std::int64_t us, std::initializer_list<Label> labels = {});
  void histogram(const LatencyHistogram& h);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, std::initializer_list<Label> labels, std::string_view value);

  std::string name_;
  std::string text_;
};

// As a Markdown table.
[[nodiscard]] std::string metrics_table(std::span<const MetricSpec> specs);

}  // namespace imi::node
