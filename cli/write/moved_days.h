// Rows whose days are moved by a number of days, all alike: how a sample of an earlier year is
// shown as if it were recent.
#pragma once

#include <memory>

#include "cli/write/rows.h"

namespace imi::cli {

// `rows` is what reads them otherwise. A day that is none stays as it is, for `rows` to refuse.
[[nodiscard]] std::unique_ptr<RowMapper> with_moved_days(std::unique_ptr<RowMapper> rows,
                                                         std::int32_t days);

}  // namespace imi::cli
