#include "cli/write/moved_days.h"

#include <algorithm>
#include <array>

#include "cli/values.h"

namespace imi::cli {
namespace {

constexpr std::array kDays = {std::string_view("occurred"), std::string_view("decided"),
                              std::string_view("ended"), std::string_view("notified")};

class MovedDays final : public RowMapper {
 public:
  MovedDays(std::unique_ptr<RowMapper> rows, std::int32_t days)
      : rows_(std::move(rows)), days_(days) {
    for (std::size_t i = 0; i < fields().size(); ++i) {
      if (std::ranges::count(kDays, fields()[i].name) != 0) columns_.push_back(i);
    }
  }
  [[nodiscard]] const std::vector<FieldSpec>& fields() const override { return rows_->fields(); }
  [[nodiscard]] std::optional<std::size_t> key() const override { return rows_->key(); }
  [[nodiscard]] std::optional<ledger::Uscc> enterprise(const Record& r) const override {
    return rows_->enterprise(r);
  }
  [[nodiscard]] bool has_outcome(const Record& r) const override { return rows_->has_outcome(r); }
  [[nodiscard]] std::expected<std::optional<ledger::Entry>, std::vector<FieldProblem>> map(
      const Record& record) const override {
    Record moved = record;
    for (const std::size_t i : columns_) {
      if (const auto day = parse_day(moved.values[i])) moved.values[i] = day_text(*day + days_);
    }
    return rows_->map(moved);
  }

 private:
  std::unique_ptr<RowMapper> rows_;
  std::int32_t days_;
  std::vector<std::size_t> columns_;
};

}  // namespace

std::unique_ptr<RowMapper> with_moved_days(std::unique_ptr<RowMapper> rows, std::int32_t days) {
  return std::make_unique<MovedDays>(std::move(rows), days);
}

}  // namespace imi::cli
