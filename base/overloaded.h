// A visitor made of lambdas, for std::visit.
#pragma once

namespace imi {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

}  // namespace imi
