#include "base/codec.h"

namespace imi {

std::string_view describe(CodecError::Reason r) {
  switch (r) {
    case CodecError::Reason::kTruncated: return "the bytes end inside a value";
    case CodecError::Reason::kTrailing: return "bytes remain after the value";
    case CodecError::Reason::kNotMinimal: return "a number is not in its shortest form";
    case CodecError::Reason::kOverflow: return "a number is too large for its field";
    case CodecError::Reason::kBadBool: return "a yes/no field is neither 0 nor 1";
    case CodecError::Reason::kUnknownTag: return "a tag is not known to this version";
    case CodecError::Reason::kUnknownVersion:
      return "a schema version is not known to this version";
    case CodecError::Reason::kLengthTooLarge: return "a length goes beyond the bytes that remain";
    case CodecError::Reason::kNotSorted: return "keys are not strictly ascending";
    case CodecError::Reason::kRuleBroken: return "a field breaks the rule of its structure";
  }
  return "unknown decoding error";
}

std::string describe(const CodecError& e) {
  return std::string(describe(e.reason)) + " (at byte " + std::to_string(e.offset) + ")";
}

}  // namespace imi
