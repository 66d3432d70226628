#include "framework/kernels/normalization/group_norm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

// Groups are independent. One piece of work has some outer indices and some whole groups, at least `least_channels`
// channels where there are so many, so that a piece reads whole cache lines.

constexpr std::int64_t least_channels = 16, piece_elements = 16384, most_blocks = 64;

struct Pieces {
  std::int64_t blocks, outer_of_block, chunks, groups_of_chunk;

  explicit Pieces(const GroupShape& shape) {
    groups_of_chunk = std::min(shape.groups, std::max<std::int64_t>(1, (least_channels + shape.size - 1) / shape.size));
    chunks = (shape.groups + groups_of_chunk - 1) / groups_of_chunk;
    const std::int64_t elements = std::max<std::int64_t>(1, shape.positions * groups_of_chunk * shape.size);
    outer_of_block =
        std::max({std::int64_t{1}, piece_elements / elements, (shape.outer + most_blocks - 1) / most_blocks});
    blocks = (shape.outer + outer_of_block - 1) / outer_of_block;
  }

  /// Calls f(block, outer, first group, groups) for each outer index of each piece.
  template <class F>
  void for_each(const GroupShape& shape, const F& f) const {
    parallel_for(blocks * chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t piece = begin; piece < end; ++piece) {
        const std::int64_t block = piece / chunks, first = piece % chunks * groups_of_chunk;
        f(block, block * outer_of_block, std::min(shape.outer, (block + 1) * outer_of_block), first,
          std::min(groups_of_chunk, shape.groups - first));
      }
    });
  }
};

/// The sum of f(value) over n values, in eight partial sums that the compiler vectorizes.
template <class T, class F>
double sum_of(const T* values, std::int64_t n, const F f) {
  double lanes[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += f(static_cast<double>(values[i + lane]));
  }
  double sum = 0;
  for (; i < n; ++i) sum += f(static_cast<double>(values[i]));
  for (const double lane : lanes) sum += lane;
  return sum;
}

double sum_of(const double* values, std::int64_t n) {
  return sum_of(values, n, [](double v) { return v; });
}

/// sums[c] = the sum of f(x[position][c], c) over the positions, for c of `channels` from x on.
template <class T, class F>
void channel_sums(const T* x, std::int64_t positions, std::int64_t stride, std::int64_t channels, double* sums,
                  const F f) {
  for (std::int64_t c = 0; c < channels; ++c) sums[c] = f(static_cast<double>(x[c]), c);
  for (std::int64_t p = 1; p < positions; ++p) {
    const T* const row = x + p * stride;
    for (std::int64_t c = 0; c < channels; ++c) sums[c] += f(static_cast<double>(row[c]), c);
  }
}

/// The statistics of groups of one position: rows of x.
template <class T>
void row_moments(const T* x, std::int64_t size, std::int64_t groups, double epsilon, bool centered, double* mean,
                 double* inverse) {
  const auto n = static_cast<double>(size);
  for (std::int64_t g = 0; g < groups; ++g) {
    const T* const row = x + g * size;
    double m = 0;
    if (centered) {
      m = sum_of(row, size, [](double v) { return v; }) / n;
      m += sum_of(row, size, [m](double v) { return v - m; }) / n;  // the rounding error of the mean
    }
    mean[g] = m;
    inverse[g] = 1 / std::sqrt(sum_of(row, size, [m](double v) { return (v - m) * (v - m); }) / n + epsilon);
  }
}

/// The statistics of the groups of one outer index. `sums` and `centers` have room for their channels.
template <class T>
void moments(const GroupShape& shape, const T* x, std::int64_t groups, double epsilon, bool centered, double* sums,
             double* centers, double* mean, double* inverse) {
  const std::int64_t size = shape.size, channels = groups * size;
  if (shape.positions == 1) return row_moments(x, size, groups, epsilon, centered, mean, inverse);
  const auto n = static_cast<double>(shape.positions * size);
  if (centered) {
    channel_sums(x, shape.positions, shape.channels(), channels, sums, [](double v, std::int64_t) { return v; });
    for (std::int64_t g = 0; g < groups; ++g) mean[g] = sum_of(sums + g * size, size) / n;
    // the rounding error of the mean is that of the deviations
    for (std::int64_t g = 0; g < groups; ++g) std::fill_n(centers + g * size, size, mean[g]);
    channel_sums(x, shape.positions, shape.channels(), channels, sums,
                 [centers](double v, std::int64_t c) { return v - centers[c]; });
    for (std::int64_t g = 0; g < groups; ++g) mean[g] += sum_of(sums + g * size, size) / n;
  } else {
    std::fill_n(mean, groups, 0.0);
  }
  for (std::int64_t g = 0; g < groups; ++g) std::fill_n(centers + g * size, size, mean[g]);
  channel_sums(x, shape.positions, shape.channels(), channels, sums,
               [centers](double v, std::int64_t c) { return (v - centers[c]) * (v - centers[c]); });
  for (std::int64_t g = 0; g < groups; ++g) inverse[g] = 1 / std::sqrt(sum_of(sums + g * size, size) / n + epsilon);
}

/// Values in double, or `otherwise` where there are none.
template <class T>
std::vector<double> values_or(const T* values, std::int64_t offset, std::int64_t n, double otherwise) {
  return values ? std::vector<double>(values + offset, values + offset + n)
                : std::vector<double>(static_cast<std::size_t>(n), otherwise);
}

}  // namespace

template <class T>
void group_norm(const GroupShape& shape, const T* x, const T* gamma, const T* beta, double epsilon, bool centered, T* y,
                double* mean, double* inverse) {
  const Pieces pieces(shape);
  const std::int64_t size = shape.size, stride = shape.channels();
  pieces.for_each(shape, [&](std::int64_t, std::int64_t begin, std::int64_t end, std::int64_t first,
                             std::int64_t groups) {
    const std::int64_t channels = groups * size, offset = first * size;
    std::vector<double> buffer(static_cast<std::size_t>(2 * channels));
    const std::vector<double> all_gains = values_or(gamma, offset, channels, 1);
    const std::vector<double> all_shifts = values_or(beta, offset, channels, 0);
    const double *const gains = all_gains.data(), *const shifts = all_shifts.data();
    std::vector<T> coefficients(static_cast<std::size_t>(3 * channels));
    T *const center = coefficients.data(), *const scale = center + channels, *const shift = scale + channels;
    for (std::int64_t o = begin; o < end; ++o) {
      double *const means = mean + o * shape.groups + first, *const inverses = inverse + o * shape.groups + first;
      const std::int64_t start = o * shape.positions * stride + offset;
      moments(shape, x + start, groups, epsilon, centered, buffer.data(), buffer.data() + channels, means, inverses);
      for (std::int64_t g = 0; g < groups; ++g) {
        const T rounded = static_cast<T>(means[g]);
        const double rest = means[g] - static_cast<double>(rounded);  // what T cannot hold goes into the shift
        for (std::int64_t c = g * size; c < (g + 1) * size; ++c) {
          const double factor = inverses[g] * gains[c];
          center[c] = rounded;
          scale[c] = static_cast<T>(factor);
          shift[c] = static_cast<T>(shifts[c] - rest * factor);
        }
      }
      for (std::int64_t p = 0; p < shape.positions; ++p) {
        const T* const in = x + start + p * stride;
        T* const out = y + start + p * stride;
        for (std::int64_t c = 0; c < channels; ++c) out[c] = (in[c] - center[c]) * scale[c] + shift[c];
      }
    }
  });
}

template <class T>
void group_norm_gradient(const GroupShape& shape, const T* x, const T* dy, const T* gamma, const double* mean,
                         const double* inverse, bool centered, T* dx, double* dgamma, double* dbeta) {
  const Pieces pieces(shape);
  const std::int64_t size = shape.size, stride = shape.channels();
  const auto n = static_cast<double>(shape.positions * size);
  std::vector<double> partial(static_cast<std::size_t>(2 * pieces.blocks * stride));  // of dgamma and dbeta
  pieces.for_each(shape, [&](std::int64_t block, std::int64_t begin, std::int64_t end, std::int64_t first,
                             std::int64_t groups) {
    const std::int64_t channels = groups * size, offset = first * size;
    std::vector<double> buffer(static_cast<std::size_t>(5 * channels));
    const std::vector<double> all_gains = values_or(gamma, offset, channels, 1);
    const double* const gains = all_gains.data();
    double *const of_dy = buffer.data(), *const of_product = of_dy + channels, *const center = of_product + channels;
    double *const weighted_dy = center + channels, *const weighted_product = weighted_dy + channels;
    std::vector<T> coefficients(static_cast<std::size_t>(4 * channels));
    T *const of_slope = coefficients.data(), *const of_value = of_slope + channels,
             *const constant = of_value + channels;
    T* const middle = constant + channels;
    double* const sums = partial.data() + 2 * block * stride + offset;
    for (std::int64_t o = begin; o < end; ++o) {
      const double *const means = mean + o * shape.groups + first, *const inverses = inverse + o * shape.groups + first;
      const std::int64_t start = o * shape.positions * stride + offset;
      std::fill_n(of_dy, 2 * channels, 0.0);
      for (std::int64_t g = 0; g < groups; ++g) std::fill_n(center + g * size, size, means[g]);
      for (std::int64_t p = 0; p < shape.positions; ++p) {
        const T *const in = x + start + p * stride, *const slope = dy + start + p * stride;
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto d = static_cast<double>(slope[c]);
          of_dy[c] += d;
          of_product[c] += d * (static_cast<double>(in[c]) - center[c]);
        }
      }
      for (std::int64_t g = 0; g < groups; ++g) {
        for (std::int64_t c = g * size; c < (g + 1) * size; ++c) sums[c] += of_product[c] * inverses[g];
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        sums[stride + c] += of_dy[c];
        weighted_dy[c] = gains[c] * of_dy[c];
        weighted_product[c] = gains[c] * of_product[c];
      }
      for (std::int64_t g = 0; g < groups; ++g) {
        const double i = inverses[g];
        const double slope = centered ? sum_of(weighted_dy + g * size, size) / n : 0;
        const double product = sum_of(weighted_product + g * size, size) / n * i * i;
        for (std::int64_t c = g * size; c < (g + 1) * size; ++c) {
          middle[c] = static_cast<T>(means[g]);
          of_slope[c] = static_cast<T>(i * gains[c]);
          of_value[c] = static_cast<T>(-i * product);
          constant[c] = static_cast<T>(i * (product * (means[g] - static_cast<double>(middle[c])) - slope));
        }
      }
      for (std::int64_t p = 0; p < shape.positions; ++p) {
        const T *const in = x + start + p * stride, *const slope = dy + start + p * stride;
        T* const out = dx + start + p * stride;
        for (std::int64_t c = 0; c < channels; ++c) {
          out[c] = of_slope[c] * slope[c] + (of_value[c] * (in[c] - middle[c]) + constant[c]);
        }
      }
    }
  });
  for (std::int64_t c = 0; c < stride; ++c) {
    dgamma[c] = dbeta[c] = 0;
    for (std::int64_t block = 0; block < pieces.blocks; ++block) {
      dgamma[c] += partial[static_cast<std::size_t>(2 * block * stride + c)];
      dbeta[c] += partial[static_cast<std::size_t>((2 * block + 1) * stride + c)];
    }
  }
}

template void group_norm(const GroupShape&, const float*, const float*, const float*, double, bool, float*, double*,
                         double*);
template void group_norm(const GroupShape&, const double*, const double*, const double*, double, bool, double*, double*,
                         double*);
template void group_norm_gradient(const GroupShape&, const float*, const float*, const float*, const double*,
                                  const double*, bool, float*, double*, double*);
template void group_norm_gradient(const GroupShape&, const double*, const double*, const double*, const double*,
                                  const double*, bool, double*, double*, double*);

}  // namespace xtape::kernels
