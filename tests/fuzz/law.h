// The law for every decoder: what decodes, encodes back to the same bytes.
#pragma once

#include <cstdlib>

#include "base/codec.h"

namespace imi::fuzz {

template <class T>
void hold_codec_law(ByteView in) {
  const auto value = decode<T>(in);
  if (!value) return;
  const Bytes again = encode(*value);
  if (!std::equal(again.begin(), again.end(), in.begin(), in.end())) std::abort();
}

}  // namespace imi::fuzz
