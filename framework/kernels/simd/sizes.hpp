// Measures the sizes |x| of the values of images and kernels in one pass, for kernels/convolution/winograd_range.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/vector.hpp"

namespace xtape::kernels::simd {

/// The value of the largest lane.
template <class V>
[[gnu::always_inline]] inline auto largest_lane(V v) {
  if constexpr (lanes_of<V> == 1) {
    return v[0];
  } else {
    using T = std::remove_cvref_t<decltype(v[0])>;
    using Half = Vector<T, sizeof(V) / 2>;
    std::array<Half, 2> halves;
    __builtin_memcpy(halves.data(), &v, sizeof v);
    return largest_lane(halves[0] > halves[1] ? halves[0] : halves[1]);
  }
}

/// Implements Engine::measure. Processes a block of rows at a time. The largest values of each row stay in a vector
/// until the last column.
template <class T, int bytes>
void measure(const T* x, std::int64_t rows, const ColumnSizes<T>& columns, SizeBits<T>* of_rows) {
  using B = SizeBits<T>;
  constexpr int mantissa = std::numeric_limits<T>::digits - 1;
  constexpr std::int64_t lanes = bytes / sizeof(B), most_rows = 64, values_at_once = 2048;  // that fit in the cache
  const std::int64_t at_once =
      std::clamp<std::int64_t>(values_at_once / std::max<std::int64_t>(1, columns.count), 4, most_rows);
  alignas(bytes) std::array<B, most_rows * lanes> largest;
  for (std::int64_t first = 0; first < rows; first += at_once) {
    const std::int64_t count = std::min(at_once, rows - first);
    std::fill_n(largest.data(), count * lanes, B{0});
    for_each_vector<B, bytes>(columns.count, [&](auto vector, std::int64_t j) {
      using V = decltype(vector);
      V most = load<V>(columns.most + j), sum = load<V>(columns.exponents + j), nonzero = load<V>(columns.nonzero + j);
      const T* in = x + first * columns.count + j;
      for (B* row = largest.data(); row < largest.data() + count * lanes; row += lanes, in += columns.count) {
        const V size = load<V>(in) & std::numeric_limits<B>::max();  // clears the sign bit
        const V so_far = load<V>(row);
        store(row, size > so_far ? size : so_far);
        most = size > most ? size : most;
        sum += size >> mantissa;
        nonzero += size < 1 ? size : 1 + V{};  // adds min(size, 1), because sizes are not negative
      }
      store(columns.most + j, most);
      store(columns.exponents + j, sum);
      store(columns.nonzero + j, nonzero);
    });
    for (std::int64_t i = 0; i < count; ++i) {
      of_rows[first + i] = largest_lane(load<Vector<B, bytes>>(largest.data() + i * lanes));
    }
  }
}

}  // namespace xtape::kernels::simd
