// Sums of arrays in the order of TreeSum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "framework/tensor/dtype.hpp"

namespace xtape {

/// Calls f(T{}), where T is the C++ type of an element type that can be summed. Error with the name `function` for
/// uint8, whose sums would not fit.
template <class F>
void with_summable(std::string_view function, DType dtype, F&& f) {
  check(dtype != DType::uint8, "{}: expected float32, float64 or int64, got uint8; convert with .to(DType::int64)",
        function);
  if (dtype == DType::int64) {
    f(std::int64_t{});
  } else {
    with_floating(function, dtype, f);
  }
}

/// sum = a + b, elementwise; sum may be a or b. int64 wraps around.
template <class T>
void add_elements(T* sum, const T* a, const T* b, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_integral_v<T>) {
      using Unsigned = std::make_unsigned_t<T>;
      sum[i] = static_cast<T>(static_cast<Unsigned>(a[i]) + static_cast<Unsigned>(b[i]));
    } else {
      sum[i] = a[i] + b[i];
    }
  }
}

/// Sums the terms in the order of TreeSum into the first of them; the others hold partial sums afterwards.
template <class T>
void add_in_tree(std::span<T* const> terms, std::int64_t count) {
  for (std::size_t step = 1; step < terms.size(); step *= 2) {
    for (std::size_t i = 0; i + step < terms.size(); i += 2 * step) {
      add_elements(terms[i], terms[i], terms[i + step], count);
    }
  }
}

}  // namespace xtape
