// What a column of identifiers shows of a spreadsheet that took them for numbers. One key alone may
// well look like that; a whole column hardly does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace imi::cli {

class KeyColumn {
 public:
  void note(std::uint64_t row, std::string_view key);

  // All keys of more than 15 digits end in zeros from the 16th on, three zeros at least in all:
  // digits were lost, and different keys have become one.
  [[nodiscard]] std::optional<std::string> rounded() const;
  // All keys are digits, most of one length, the others shorter, and none begins with a zero. That
  // may be so: it is worth a look.
  [[nodiscard]] std::optional<std::string> shortened() const;

 private:
  struct Seen {
    std::uint64_t row = 0;  // the first
    std::string key;
    std::uint64_t count = 0;
  };
  static void count(Seen& seen, std::uint64_t row, std::string_view key);

  std::uint64_t keys_ = 0;
  bool only_digits_ = true;
  bool leading_zero_ = false;
  std::map<std::size_t, Seen> by_length_;
  Seen long_;                // of more than 15 digits
  bool only_zeros_ = true;   // after their 15th digit
  std::uint64_t zeros_ = 0;  // there, in all
};

}  // namespace imi::cli
