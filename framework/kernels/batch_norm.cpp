#include "framework/kernels/batch_norm.hpp"

#include <algorithm>
#include <type_traits>

#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"

// "omp simd" says that the elements of a loop are independent of one another, also where an output lies on an input:
// without it the compiler would compare all pointers for every row, and take the slow loop when two are the same.

namespace xtape::kernels {
namespace {

constexpr std::int64_t rows_per_sum = 64;  // rows added in T before the sum goes on in double

std::int64_t row_grain(std::int64_t channels) {
  const std::int64_t wanted = 32768 / std::max<std::int64_t>(channels, 1);
  return std::max(rows_per_sum, wanted / rows_per_sum * rows_per_sum);
}

/// Two sums over all rows for each channel at once: add(row, first, second, count) adds `count` rows (a compile-time
/// constant, at_once or 1) to running sums in T; blocks of rows are then added in double, in a fixed order. totals has
/// 2 * channels values.
template <class T, std::int64_t at_once, class Add>
void two_channel_sums(std::int64_t rows, std::int64_t channels, double* totals, const Add& add) {
  const std::int64_t grain = row_grain(channels);
  const std::int64_t pieces = (rows + grain - 1) / grain;
  const Workspace<double> partial(pieces * 2 * channels);
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    double* sums = partial.data() + begin / grain * 2 * channels;
    std::fill_n(sums, 2 * channels, 0.0);
    const Workspace<T> block(2 * channels);
    T* const first = block.data();
    T* const second = first + channels;
    for (std::int64_t row = begin; row < end;) {
      std::fill_n(first, 2 * channels, T{0});
      const std::int64_t last = std::min(end, row + rows_per_sum);
      for (; row + at_once <= last; row += at_once) {
        add(row, first, second, std::integral_constant<std::int64_t, at_once>{});
      }
      for (; row < last; ++row) add(row, first, second, std::integral_constant<std::int64_t, 1>{});
      for (std::int64_t i = 0; i < 2 * channels; ++i) sums[i] += static_cast<double>(first[i]);
    }
  });
  std::fill_n(totals, 2 * channels, 0.0);
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    for (std::int64_t i = 0; i < 2 * channels; ++i) totals[i] += partial[piece * 2 * channels + i];
  }
}

/// Sums of x - origin and of its square over `count` rows.
template <std::int64_t count, class T>
void add_deviations(std::int64_t channels, const T* x, const T* origin, T* sum, T* square) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    T s{0}, q{0};
    for (std::int64_t row = 0; row < count; ++row) {
      const T d = x[row * channels + c] - origin[c];
      s += d;
      q += d * d;
    }
    sum[c] += s;
    square[c] += q;
  }
}

template <bool adds, bool rectifies, class T>
void normalize_row(std::int64_t channels, const T* x, const T* scale, const T* shift, const T* residual, T* y) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    T value = x[c] * scale[c] + shift[c];
    if constexpr (adds) value += residual[c];
    y[c] = rectifies && T{0} > value ? T{0} : value;
  }
}

template <bool adds, bool rectifies, class T>
void normalize_rows(std::int64_t rows, std::int64_t channels, const T* x, const T* scale, const T* shift,
                    const T* residual, T* y) {
  parallel_for(rows, row_grain(channels), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * channels; i < end * channels; i += channels) {
      normalize_row<adds, rectifies>(channels, x + i, scale, shift, adds ? residual + i : nullptr, y + i);
    }
  });
}

/// Which elements of dy pass: all, those where the output is above 0, those where it is when computed again from x.
enum class Mask { none, output, again };

/// Calls f with the mask as a compile-time constant.
template <class T, class F>
void with_mask(const Passing<T>& passing, F f) {
  if (passing.output) return f(std::integral_constant<Mask, Mask::output>{});
  if (passing.scale) return f(std::integral_constant<Mask, Mask::again>{});
  f(std::integral_constant<Mask, Mask::none>{});
}

/// Element c of a row of dy if it passes; else 0. Loads it in any case, since a load that depends is a slow one.
template <Mask mask, class T>
T passed_element(const Passing<T>& passing, const T* x, const T* dy, std::int64_t c) {
  const T d = dy[c];
  if constexpr (mask == Mask::output) return passing.output[c] > 0 ? d : T{0};
  if constexpr (mask == Mask::again) return x[c] * passing.scale[c] + passing.shift[c] > 0 ? d : T{0};
  return d;
}

/// Adds a row to the sums of d (x - mean) and d. One row at a time: several, of two arrays or three, are more streams
/// than the processor fetches ahead.
template <Mask mask, bool writes, class T>
void add_products(std::int64_t channels, const T* x, const T* dy, const Passing<T> passing, const T* mean, T* product,
                  T* sum, T* passed) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    const T d = passed_element<mask>(passing, x, dy, c);
    if constexpr (writes) passed[c] = d;
    product[c] += d * (x[c] - mean[c]);
    sum[c] += d;
  }
}

template <Mask mask, class T>
void input_gradient_row(std::int64_t channels, const T* x, const T* dy, const Passing<T> passing, const T* mean,
                        const T* scale, const T* slope, const T* offset, T* dx) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    dx[c] = scale[c] * passed_element<mask>(passing, x, dy, c) + slope[c] * (x[c] - mean[c]) + offset[c];
  }
}

/// The same for what lies `offset` elements further on.
template <class T>
Passing<T> behind(const Passing<T>& passing, std::int64_t offset) {
  return {passing.output ? passing.output + offset : nullptr, passing.scale, passing.shift};
}

}  // namespace

template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, T* mean, T* variance) {
  const Workspace<double> totals(2 * channels);
  // deviations from the first row, not from zero, so that a mean far from zero costs no digits
  two_channel_sums<T, 4>(rows, channels, totals.data(), [&](std::int64_t row, T* sum, T* square, auto count) {
    add_deviations<count()>(channels, x + row * channels, x, sum, square);
  });
  const auto n = static_cast<double>(std::max<std::int64_t>(rows, 1));
  for (std::int64_t c = 0; c < channels; ++c) {
    const double shifted = totals[c] / n;
    mean[c] = static_cast<T>(static_cast<double>(x[c]) + shifted);
    variance[c] = static_cast<T>(std::max(0.0, totals[channels + c] / n - shifted * shifted));
  }
}

template <class T>
void scale_and_shift(std::int64_t rows, std::int64_t channels, const T* x, const T* scale, const T* shift,
                     const Epilogue<T>& epilogue, T* y) {
  const auto [residual, rectifies] = epilogue;
  if (residual && rectifies) return normalize_rows<true, true>(rows, channels, x, scale, shift, residual, y);
  if (residual) return normalize_rows<true, false>(rows, channels, x, scale, shift, residual, y);
  if (rectifies) return normalize_rows<false, true>(rows, channels, x, scale, shift, residual, y);
  normalize_rows<false, false>(rows, channels, x, scale, shift, residual, y);
}

template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const Passing<T>& passing,
                     const T* mean, const T* inverse_deviation, T* dgamma, T* dbeta, T* passed) {
  const Workspace<double> totals(2 * channels);
  with_mask(passing, [&](auto mask) {
    two_channel_sums<T, 1>(rows, channels, totals.data(), [&](std::int64_t row, T* product, T* sum, auto) {
      const std::int64_t i = row * channels;
      const Passing<T> here = behind(passing, i);
      if (passed) {
        add_products<mask(), true>(channels, x + i, dy + i, here, mean, product, sum, passed + i);
      } else {
        add_products<mask(), false>(channels, x + i, dy + i, here, mean, product, sum, passed);
      }
    });
  });
  for (std::int64_t c = 0; c < channels; ++c) {
    dgamma[c] = static_cast<T>(totals[c] * static_cast<double>(inverse_deviation[c]));
    dbeta[c] = static_cast<T>(totals[channels + c]);
  }
}

template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                               const Passing<T>& passing, const T* mean, const T* scale, const T* slope,
                               const T* offset, T* dx) {
  with_mask(passing, [&](auto mask) {
    parallel_for(rows, row_grain(channels), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * channels; i < end * channels; i += channels) {
        input_gradient_row<mask()>(channels, x + i, dy + i, behind(passing, i), mean, scale, slope, offset, dx + i);
      }
    });
  });
}

template void channel_moments(std::int64_t, std::int64_t, const float*, float*, float*);
template void scale_and_shift(std::int64_t, std::int64_t, const float*, const float*, const float*,
                              const Epilogue<float>&, float*);
template void batch_norm_sums(std::int64_t, std::int64_t, const float*, const float*, const Passing<float>&,
                              const float*, const float*, float*, float*, float*);
template void batch_norm_input_gradient(std::int64_t, std::int64_t, const float*, const float*, const Passing<float>&,
                                        const float*, const float*, const float*, const float*, float*);
template void channel_moments(std::int64_t, std::int64_t, const double*, double*, double*);
template void scale_and_shift(std::int64_t, std::int64_t, const double*, const double*, const double*,
                              const Epilogue<double>&, double*);
template void batch_norm_sums(std::int64_t, std::int64_t, const double*, const double*, const Passing<double>&,
                              const double*, const double*, double*, double*, double*);
template void batch_norm_input_gradient(std::int64_t, std::int64_t, const double*, const double*,
                                        const Passing<double>&, const double*, const double*, const double*,
                                        const double*, double*);

}  // namespace xtape::kernels
