// Sums over rows, one per channel. Internal to kernels/.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {

inline constexpr std::int64_t rows_per_sum = 32;  // rows accumulated in T before they are added to a sum in double

/// Rows per task of parallel_for.
inline std::int64_t row_grain(std::int64_t channels) {
  const std::int64_t wanted = 32768 / std::max<std::int64_t>(channels, 1);
  return std::max(rows_per_sum, wanted / rows_per_sum * rows_per_sum);
}

/// Computes two sums over all rows for each channel. add(row, first, second, count) adds `count` rows from `row` on to
/// running sums in C; count is a compile-time constant, at_once or 1. The sums of blocks of rows are added in Sum, in a
/// fixed order. Writes the 2 * channels results to totals. Returns whether all of them are finite.
template <class C, std::int64_t at_once, class Sum, class Add>
bool two_channel_sums(std::int64_t rows, std::int64_t channels, Sum* totals, const Add& add) {
  const std::int64_t grain = row_grain(channels);
  const std::int64_t pieces = (rows + grain - 1) / grain;
  const Workspace<Sum> partial(pieces * 2 * channels);
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    Sum* sums = partial.data() + begin / grain * 2 * channels;
    std::fill_n(sums, 2 * channels, Sum{0});
    const Workspace<C> block(2 * channels);
    C* const first = block.data();
    C* const second = first + channels;
    for (std::int64_t row = begin; row < end;) {
      std::fill_n(first, 2 * channels, C{0});
      const std::int64_t last = std::min(end, row + rows_per_sum);
      for (; row + at_once <= last; row += at_once) {
        add(row, first, second, std::integral_constant<std::int64_t, at_once>{});
      }
      for (; row < last; ++row) add(row, first, second, std::integral_constant<std::int64_t, 1>{});
      for (std::int64_t i = 0; i < 2 * channels; ++i) sums[i] += static_cast<Sum>(first[i]);
    }
  });
  std::fill_n(totals, 2 * channels, Sum{0});
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    for (std::int64_t i = 0; i < 2 * channels; ++i) totals[i] += partial[piece * 2 * channels + i];
  }
  return std::all_of(totals, totals + 2 * channels, [](Sum total) { return std::isfinite(total); });
}

}  // namespace xtape::kernels
