// CHECK: a broken invariant of our own stops the process with what it saw. Always compiled in.
// Never used on content from a peer, a client, a file or the disk: that is an error value.
#pragma once

#include <string_view>

namespace imi {
[[noreturn]] void check_failed(const char* file, int line, std::string_view condition,
                               std::string_view detail);
}  // namespace imi

#define IMI_CHECK_1(cond) ((cond) ? void(0) : ::imi::check_failed(__FILE__, __LINE__, #cond, {}))
#define IMI_CHECK_2(cond, detail) \
  ((cond) ? void(0) : ::imi::check_failed(__FILE__, __LINE__, #cond, (detail)))
#define IMI_CHECK_PICK(_1, _2, name, ...) name
// IMI_CHECK(condition) or IMI_CHECK(condition, "text that says what was seen").
#define IMI_CHECK(...) IMI_CHECK_PICK(__VA_ARGS__, IMI_CHECK_2, IMI_CHECK_1, )(__VA_ARGS__)
