#include "framework/kernels/normalization/group_norm.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "framework/kernels/simd/vector.hpp"
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

double sum_of(const double* values, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += values[i];
  return sum;
}

/// Two sums over [0, n): f(i, a, b) sets a and b to the terms of i. They are accumulated in `lanes` partial sums, a
/// power of two, which the compiler vectorizes.
template <int lanes, class F>
std::pair<double, double> two_sums(std::int64_t n, const F& f) {
  double first[lanes] = {}, second[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int lane = 0; lane < lanes; ++lane) {
      double a = 0, b = 0;
      f(i + lane, a, b);
      first[lane] += a;
      second[lane] += b;
    }
  }
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) {
      first[lane] += first[lane + half];
      second[lane] += second[lane + half];
    }
  }
  for (; i < n; ++i) {
    double a = 0, b = 0;
    f(i, a, b);
    first[0] += a;
    second[0] += b;
  }
  return {first[0], second[0]};
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

// Groups of one position are rows of x: layer and RMS normalization. Several short rows are processed at once: their
// sums do not depend on each other, so that the processor computes them at the same time. Each sum of a short row
// consists of as many partial sums as a vector has lanes, whether the row is processed alone or with others.

constexpr std::int64_t short_row = 128;
constexpr int rows_at_once = 2, lanes = 8;
using Lanes = simd::Vector<double, lanes * sizeof(double)>;

/// The values at p in double: one, or as many as there are lanes.
template <class V, class T>
V load_as(const T* p) {
  if constexpr (std::is_same_v<V, double>)
    return static_cast<double>(*p);
  else
    return __builtin_convertvector(simd::load<simd::Vector<T, lanes * sizeof(T)>>(p), V);
}

double sum_of(const Lanes& v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

/// Two sums over [0, n) for each of `rows` rows: f(V(), i, a, b) adds the terms from i on to a[r] and b[r] for each row
/// r, where V is double or a vector of doubles.
template <int rows, class F>
void two_sums_of_rows(std::int64_t n, const F& f, double* first, double* second) {
  Lanes a[rows] = {}, b[rows] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(Lanes{}, i, a, b);
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
    first[r] = sum_of(a[r]);
    second[r] = sum_of(b[r]);
  }
  for (; i < n; ++i) f(0.0, i, first, second);
}

/// Sets the mean, 0 unless `centered`, and 1 / sqrt(variance + epsilon) of n elements from the sum of their deviations
/// from `origin` and that of the squares. Returns whether the mean is near enough for an accurate variance.
bool moments_around(double origin, double sum, double squares, double n, double epsilon, bool centered, double& mean,
                    double& inverse) {
  constexpr double far = 64;  // squares of deviations of the mean, in variances
  const double shifted = centered ? sum / n : 0, variance = std::max(squares / n - shifted * shifted, 0.0);
  mean = origin + shifted;
  inverse = 1 / std::sqrt(variance + epsilon);
  return shifted * shifted <= far * variance;
}

/// Computes the mean of a long row, 0 unless `centered`, and 1 / sqrt(variance + epsilon), in one pass over deviations
/// from the first element. If that is too far from the mean for an accurate variance, a second pass takes the mean.
template <class T>
void row_moments(const T* row, std::int64_t size, double epsilon, bool centered, double& mean, double& inverse) {
  const auto n = static_cast<double>(size);
  const auto around = [&](double origin) {
    const auto [sum, squares] = two_sums<32>(size, [&](std::int64_t i, double& deviation, double& square) {
      deviation = static_cast<double>(row[i]) - origin;
      square = deviation * deviation;
    });
    return moments_around(origin, sum, squares, n, epsilon, centered, mean, inverse);
  };
  if (!centered) return static_cast<void>(around(0));
  if (!around(static_cast<double>(row[0]))) around(mean);
}

/// The same for `rows` short rows, `stride` apart.
template <int rows, class T>
void moments_of_rows(const T* x, std::int64_t stride, std::int64_t size, double epsilon, bool centered, double* mean,
                     double* inverse) {
  const auto n = static_cast<double>(size);
  double origin[rows], sum[rows], squares[rows];
  const auto around_origin = [&] {
    two_sums_of_rows<rows>(
        size,
        [&]<class V>(V, std::int64_t i, auto* a, auto* b) {
#pragma GCC unroll 4
          for (int r = 0; r < rows; ++r) {
            const V deviation = load_as<V>(x + r * stride + i) - origin[r];
            a[r] += deviation;
            b[r] += deviation * deviation;
          }
        },
        sum, squares);
    bool near = true;
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      near = moments_around(origin[r], sum[r], squares[r], n, epsilon, centered, mean[r], inverse[r]) && near;
    }
    return near;
  };
  for (int r = 0; r < rows; ++r) origin[r] = centered ? static_cast<double>(x[r * stride]) : 0;
  if (around_origin() || !centered) return;
  if constexpr (rows > 1) {  // row by row, so that a row does not depend on the others
    for (int r = 0; r < rows; ++r)
      moments_of_rows<1>(x + r * stride, stride, size, epsilon, centered, mean + r, inverse + r);
  } else {
    origin[0] = mean[0];
    around_origin();
  }
}

/// `rows` rows of one group, of consecutive outer indices.
template <int rows>
struct Rows {
  std::int64_t start, stride;      // of x: the first row, and the distance of two rows
  std::int64_t first_row, groups;  // of the statistics
  std::int64_t channel;            // the first channel of the group in the piece
  std::int64_t at(int i) const { return start + i * stride; }
  std::int64_t row(int i) const { return first_row + i * groups; }
};

/// Calls f(std::integral_constant<int, rows>, Rows<rows>) for all rows of a piece, several at once if they are short.
template <class F>
void for_rows(const GroupShape& shape, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t groups,
              const F& f) {
  for (std::int64_t g = first; g < first + groups; ++g) {
    std::int64_t o = begin;
    const auto call = [&](auto rows) {
      const std::int64_t row = o * shape.groups + g;
      f(rows, Rows<rows()>{row * shape.size, shape.channels(), row, shape.groups, (g - first) * shape.size});
      return rows();
    };
    while (shape.size <= short_row && o + rows_at_once <= end) o += call(std::integral_constant<int, rows_at_once>{});
    while (o < end) o += call(std::integral_constant<int, 1>{});
  }
}

template <class T>
void normalize_row(const T* x, std::int64_t size, double mean, double inverse, const T* gains, const T* shifts, T* y) {
  const T center = static_cast<T>(mean), rest = static_cast<T>(mean - static_cast<double>(center));
  const T scale = static_cast<T>(inverse);
#pragma omp simd
  for (std::int64_t c = 0; c < size; ++c) y[c] = (x[c] - center - rest) * scale * gains[c] + shifts[c];
}

/// The sums of row_gradient for `rows` short rows, whose terms are also added to dgamma and dbeta.
template <int rows, class T>
void gradient_sums(const T* x, const T* dy, std::int64_t stride, std::int64_t size, const double* mean,
                   const double* inverse, const T* gains, double* dgamma, double* dbeta, double* slopes,
                   double* products) {
  const auto add = [&]<class V>(V, std::int64_t c, auto* slope_sums, auto* product_sums) {
    const V gain = load_as<V>(gains + c);
    V of_gamma = load_as<V>(dgamma + c), of_beta = load_as<V>(dbeta + c);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const V d = load_as<V>(dy + r * stride + c), normal = (load_as<V>(x + r * stride + c) - mean[r]) * inverse[r];
      of_gamma += d * normal;
      of_beta += d;
      const V slope = d * gain;
      slope_sums[r] += slope;
      product_sums[r] += slope * normal;
    }
    simd::store(dgamma + c, of_gamma);
    simd::store(dbeta + c, of_beta);
  };
  two_sums_of_rows<rows>(size, add, slopes, products);
}

/// The same for one long row.
template <class T>
void gradient_sums(const T* x, const T* dy, std::int64_t size, double mean, double inverse, const T* gains,
                   double* dgamma, double* dbeta, double& slopes, double& products) {
  std::tie(slopes, products) = two_sums<16>(size, [&](std::int64_t c, double& slope, double& product) {
    const auto d = static_cast<double>(dy[c]);
    const double normal = (static_cast<double>(x[c]) - mean) * inverse;
    dgamma[c] += d * normal;
    dbeta[c] += d;
    slope = d * static_cast<double>(gains[c]);
    product = slope * normal;
  });
}

/// Writes dx of a row from the sums of dy gamma and of dy gamma times the normalized x.
template <class T>
void row_gradient(const T* x, const T* dy, std::int64_t size, double mean, double inverse, bool centered,
                  const T* gains, double slopes, double products, T* dx) {
  const auto n = static_cast<double>(size);
  const T center = static_cast<T>(mean), scale = static_cast<T>(inverse);
  const double of_x = -inverse * inverse * products / n;
  const double rest = of_x * (static_cast<double>(center) - mean);
  const T factor = static_cast<T>(of_x), constant = static_cast<T>(rest - (centered ? inverse * slopes / n : 0));
#pragma omp simd
  for (std::int64_t c = 0; c < size; ++c) {
    dx[c] = scale * gains[c] * dy[c] + (factor * (x[c] - center) + constant);
  }
}

/// The statistics of the groups of one outer index. `sums` and `centers` have room for their channels.
template <class T>
void moments(const GroupShape& shape, const T* x, std::int64_t groups, double epsilon, bool centered, double* sums,
             double* centers, double* mean, double* inverse) {
  const std::int64_t size = shape.size, channels = groups * size;
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

/// Values in To, or `otherwise` where there are none.
template <class To, class T>
std::vector<To> values_or(const T* values, std::int64_t offset, std::int64_t n, To otherwise) {
  return values ? std::vector<To>(values + offset, values + offset + n)
                : std::vector<To>(static_cast<std::size_t>(n), otherwise);
}

template <class T>
void normalize_rows(const GroupShape& shape, const T* x, const T* gamma, const T* beta, double epsilon, bool centered,
                    T* y, double* mean, double* inverse) {
  Pieces(shape).for_each(shape, [&](std::int64_t, std::int64_t begin, std::int64_t end, std::int64_t first,
                                    std::int64_t groups) {
    const std::int64_t size = shape.size, channels = groups * size, offset = first * size;
    const std::vector<T> gains = values_or<T>(gamma, offset, channels, 1);
    const std::vector<T> shifts = values_or<T>(beta, offset, channels, 0);
    for_rows(shape, begin, end, first, groups, [&]<int rows>(std::integral_constant<int, rows>, const Rows<rows>& r) {
      double means[rows], inverses[rows];
      if (size <= short_row) {
        moments_of_rows<rows>(x + r.start, r.stride, size, epsilon, centered, means, inverses);
      } else {
        row_moments(x + r.start, size, epsilon, centered, means[0], inverses[0]);
      }
      for (int i = 0; i < rows; ++i) {
        mean[r.row(i)] = means[i];
        inverse[r.row(i)] = inverses[i];
        normalize_row(x + r.at(i), size, means[i], inverses[i], gains.data() + r.channel, shifts.data() + r.channel,
                      y + r.at(i));
      }
    });
  });
}

}  // namespace

template <class T>
void group_norm(const GroupShape& shape, const T* x, const T* gamma, const T* beta, double epsilon, bool centered, T* y,
                double* mean, double* inverse) {
  if (shape.positions == 1) return normalize_rows(shape, x, gamma, beta, epsilon, centered, y, mean, inverse);
  const Pieces pieces(shape);
  const std::int64_t size = shape.size, stride = shape.channels();
  pieces.for_each(shape, [&](std::int64_t, std::int64_t begin, std::int64_t end, std::int64_t first,
                             std::int64_t groups) {
    const std::int64_t channels = groups * size, offset = first * size;
    std::vector<double> buffer(static_cast<std::size_t>(2 * channels));
    const std::vector<double> all_gains = values_or<double>(gamma, offset, channels, 1);
    const std::vector<double> all_shifts = values_or<double>(beta, offset, channels, 0);
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
    double* const sums = partial.data() + 2 * block * stride + offset;
    if (shape.positions == 1) {
      const std::vector<T> row_gains = values_or<T>(gamma, offset, channels, 1);
      for_rows(shape, begin, end, first, groups, [&]<int rows>(std::integral_constant<int, rows>, const Rows<rows>& r) {
        double means[rows], inverses[rows], slopes[rows], products[rows];
        for (int i = 0; i < rows; ++i) means[i] = mean[r.row(i)], inverses[i] = inverse[r.row(i)];
        const T* const gains = row_gains.data() + r.channel;
        double *const of_gamma = sums + r.channel, *const of_beta = of_gamma + stride;
        if (size <= short_row) {
          gradient_sums<rows>(x + r.start, dy + r.start, r.stride, size, means, inverses, gains, of_gamma, of_beta,
                              slopes, products);
        } else {
          gradient_sums(x + r.start, dy + r.start, size, means[0], inverses[0], gains, of_gamma, of_beta, slopes[0],
                        products[0]);
        }
        for (int i = 0; i < rows; ++i) {
          row_gradient(x + r.at(i), dy + r.at(i), size, means[i], inverses[i], centered, gains, slopes[i], products[i],
                       dx + r.at(i));
        }
      });
      return;
    }
    std::vector<double> buffer(static_cast<std::size_t>(5 * channels));
    const std::vector<double> all_gains = values_or<double>(gamma, offset, channels, 1);
    const double* const gains = all_gains.data();
    double *const of_dy = buffer.data(), *const of_product = of_dy + channels, *const center = of_product + channels;
    double *const weighted_dy = center + channels, *const weighted_product = weighted_dy + channels;
    std::vector<T> coefficients(static_cast<std::size_t>(4 * channels));
    T *const of_slope = coefficients.data(), *const of_value = of_slope + channels,
             *const constant = of_value + channels;
    T* const middle = constant + channels;
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
