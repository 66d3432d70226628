#include "framework/kernels/batch_norm.hpp"

#include <algorithm>

#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"

namespace xtape::kernels {
namespace {

constexpr std::int64_t rows_per_sum = 64;  // rows added in T before the sum goes on in double

std::int64_t row_grain(std::int64_t channels) {
  const std::int64_t wanted = 32768 / std::max<std::int64_t>(channels, 1);
  return std::max(rows_per_sum, wanted / rows_per_sum * rows_per_sum);
}

/// Two sums over all rows for each channel at once: add(row, first, second) adds a row to running sums in T; blocks of
/// rows are then added in double, in a fixed order. totals has 2 * channels values.
template <class T, class Add>
void two_channel_sums(std::int64_t rows, std::int64_t channels, double* totals, const Add& add) {
  const std::int64_t grain = row_grain(channels);
  const std::int64_t pieces = (rows + grain - 1) / grain;
  const Workspace<double> partial(pieces * 2 * channels);
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    double* sums = partial.data() + begin / grain * 2 * channels;
    std::fill_n(sums, 2 * channels, 0.0);
    const Workspace<T> block(2 * channels);
    for (std::int64_t first = begin; first < end; first += rows_per_sum) {
      std::fill_n(block.data(), 2 * channels, T{0});
      for (std::int64_t row = first; row < std::min(end, first + rows_per_sum); ++row) {
        add(row, block.data(), block.data() + channels);
      }
      for (std::int64_t i = 0; i < 2 * channels; ++i) sums[i] += static_cast<double>(block[i]);
    }
  });
  std::fill_n(totals, 2 * channels, 0.0);
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    for (std::int64_t i = 0; i < 2 * channels; ++i) totals[i] += partial[piece * 2 * channels + i];
  }
}

}  // namespace

template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, T* mean, T* variance) {
  const Workspace<double> totals(2 * channels);
  // deviations from the first row, not from zero, so that a mean far from zero costs no digits
  two_channel_sums<T>(rows, channels, totals.data(), [&](std::int64_t row, T* sum, T* square) {
    const T* in = x + row * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      const T d = in[c] - x[c];
      sum[c] += d;
      square[c] += d * d;
    }
  });
  const auto n = static_cast<double>(std::max<std::int64_t>(rows, 1));
  for (std::int64_t c = 0; c < channels; ++c) {
    const double shifted = totals[c] / n;
    mean[c] = static_cast<T>(static_cast<double>(x[c]) + shifted);
    variance[c] = static_cast<T>(std::max(0.0, totals[channels + c] / n - shifted * shifted));
  }
}

template <class T>
void scale_and_shift(std::int64_t rows, std::int64_t channels, const T* x, const T* scale, const T* shift, T* y) {
  parallel_for(rows, row_grain(channels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* in = x + row * channels;
      T* out = y + row * channels;
      for (std::int64_t c = 0; c < channels; ++c) out[c] = in[c] * scale[c] + shift[c];
    }
  });
}

template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const T* mean,
                     const T* inverse_deviation, T* dgamma, T* dbeta) {
  const Workspace<double> totals(2 * channels);
  two_channel_sums<T>(rows, channels, totals.data(), [&](std::int64_t row, T* product, T* sum) {
    const T* in = x + row * channels;
    const T* d = dy + row * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      product[c] += d[c] * (in[c] - mean[c]);
      sum[c] += d[c];
    }
  });
  for (std::int64_t c = 0; c < channels; ++c) {
    dgamma[c] = static_cast<T>(totals[c] * static_cast<double>(inverse_deviation[c]));
    dbeta[c] = static_cast<T>(totals[channels + c]);
  }
}

template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const T* mean,
                               const T* inverse_deviation, const T* gamma, const T* dgamma, const T* dbeta, T* dx) {
  const Workspace<T> factors(3 * channels);  // dx = scale * dy + slope * (x - mean) + offset
  T* scale = factors.data();
  T* slope = scale + channels;
  T* offset = slope + channels;
  const T share = T{1} / static_cast<T>(rows);
  for (std::int64_t c = 0; c < channels; ++c) {
    scale[c] = gamma[c] * inverse_deviation[c];
    slope[c] = -scale[c] * inverse_deviation[c] * dgamma[c] * share;
    offset[c] = -scale[c] * dbeta[c] * share;
  }
  parallel_for(rows, row_grain(channels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* in = x + row * channels;
      const T* d = dy + row * channels;
      T* out = dx + row * channels;
      for (std::int64_t c = 0; c < channels; ++c) out[c] = scale[c] * d[c] + slope[c] * (in[c] - mean[c]) + offset[c];
    }
  });
}

template void channel_moments(std::int64_t, std::int64_t, const float*, float*, float*);
template void channel_moments(std::int64_t, std::int64_t, const double*, double*, double*);
template void scale_and_shift(std::int64_t, std::int64_t, const float*, const float*, const float*, float*);
template void scale_and_shift(std::int64_t, std::int64_t, const double*, const double*, const double*, double*);
template void batch_norm_sums(std::int64_t, std::int64_t, const float*, const float*, const float*, const float*,
                              float*, float*);
template void batch_norm_sums(std::int64_t, std::int64_t, const double*, const double*, const double*, const double*,
                              double*, double*);
template void batch_norm_input_gradient(std::int64_t, std::int64_t, const float*, const float*, const float*,
                                        const float*, const float*, const float*, const float*, float*);
template void batch_norm_input_gradient(std::int64_t, std::int64_t, const double*, const double*, const double*,
                                        const double*, const double*, const double*, const double*, double*);

}  // namespace xtape::kernels
