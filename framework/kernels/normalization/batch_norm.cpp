#include "framework/kernels/normalization/batch_norm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/normalization/channel_sums.hpp"
#include "framework/kernels/threads/parallel.hpp"

// "omp simd" asserts that the iterations of a loop are independent, even where an output overwrites an input. Without
// it the compiler checks all pointers for overlap in every row, and runs the scalar loop if two are equal.

namespace xtape::kernels {
namespace {

template <class F>
void with_flag(bool flag, F f) {
  if (flag) return f(std::true_type{});
  f(std::false_type{});
}

/// The coefficients of y = (x + bias - mean) scale + shift, in the type C of the computation.
template <class C>
struct Rows {
  const C *bias, *mean, *scale, *shift;

  template <bool biased, class T>
  C centered(const T* x, std::int64_t c) const {
    if constexpr (biased) return static_cast<C>(x[c]) + bias[c] - mean[c];
    return static_cast<C>(x[c]) - mean[c];
  }
};

/// The part of a mean that is subtracted from x: the mean rounded to T. The remainder goes into the shift.
template <class T>
double subtracted(double mean) {
  return std::isfinite(mean) ? static_cast<double>(static_cast<T>(mean)) : mean;
}

/// The remainder of the mean of channel c: the part that subtracted() does not contain.
template <class T>
double rest_of_mean(const Normalization<T>& n, std::int64_t c) {
  const double rest = n.mean[c] - subtracted<T>(n.mean[c]);
  return n.mean_rest ? rest + n.mean_rest[c] : rest;
}

template <class C>
class Coefficients {
 public:
  template <class T>
  Coefficients(std::int64_t channels, const Normalization<T>& n) : channels_(channels), values_(4 * channels) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const double scale = static_cast<double>(n.gamma[c]) * n.inverse_deviation[c];
      const double mean = subtracted<T>(n.mean[c]);
      values_[c] = n.bias ? static_cast<C>(n.bias[c]) : C{0};
      values_[channels + c] = static_cast<C>(mean);
      values_[2 * channels + c] = static_cast<C>(scale);
      values_[3 * channels + c] = static_cast<C>(static_cast<double>(n.beta[c]) - rest_of_mean(n, c) * scale);
    }
  }
  Rows<C> rows() const {
    const C* v = values_.data();
    return {v, v + channels_, v + 2 * channels_, v + 3 * channels_};
  }

 private:
  std::int64_t channels_;
  Workspace<C> values_;
};

/// Whether every intermediate value stays within the range of T for all finite x. x - mean does if |mean| is below half
/// a unit in the last place of the largest T: then even the largest x minus the mean rounds to a finite number.
template <class T>
bool fits(std::int64_t channels, const Normalization<T>& n) {
  using Limits = std::numeric_limits<T>;
  const double far = static_cast<double>(std::ldexp(T{1}, Limits::max_exponent - Limits::digits - 2));
  for (std::int64_t c = 0; c < channels; ++c) {
    const double mean = std::abs(n.mean[c]), scale = std::abs(static_cast<double>(n.gamma[c]) * n.inverse_deviation[c]);
    if ((std::isfinite(mean) && mean > far) || (n.bias && std::abs(static_cast<double>(n.bias[c])) > far)) return false;
    if (std::isfinite(scale) && scale > 0 && (scale < Limits::min() || scale > Limits::max())) return false;
  }
  return true;
}

/// Calls f with the coefficients in T, or in double if the range of T is too narrow for them.
template <class T, class F>
void with_coefficients(std::int64_t channels, const Normalization<T>& n, F f) {
  if (std::is_same_v<T, double> || fits(channels, n)) return f(Coefficients<T>(channels, n).rows());
  f(Coefficients<double>(channels, n).rows());
}

/// Calls f with the mask as a compile-time constant.
template <class T, class F>
void with_mask(const Passing<T>& passing, F f) {
  using Mask = typename Passing<T>::Mask;
  if (passing.mask == Mask::output) return f(std::integral_constant<Mask, Mask::output>{});
  if (passing.mask == Mask::again) return f(std::integral_constant<Mask, Mask::again>{});
  f(std::integral_constant<Mask, Mask::all>{});
}

/// The largest value that passes the mask.
template <class T>
T largest_passing(const Passing<T>& passing) {
  return std::isfinite(passing.most) ? std::nextafter(passing.most, T{0}) : passing.most;
}

/// Element c of a row of dy if it passes the mask, else 0. It is loaded in both cases: a conditional load is slow.
template <auto mask, bool biased, class C, class T>
T passed_element(const T* output, T largest, const Rows<C>& rows, const T* x, const T* dy, std::int64_t c) {
  using Mask = decltype(mask);
  const T d = dy[c];
  if constexpr (mask == Mask::output) return ((output[c] > 0) & (output[c] <= largest)) ? d : T{0};
  if constexpr (mask == Mask::again) {
    const C value = rows.template centered<biased>(x, c) * rows.scale[c] + rows.shift[c];
    return ((value > 0) & (value <= static_cast<C>(largest))) ? d : T{0};
  }
  return d;
}

/// Computes dgamma and dbeta with block sums in C. Returns false if a sum is not finite.
template <class C, class R, class T>
bool sums_in(const Rows<R>& coefficients, std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
             const Passing<T>& passing, const Normalization<T>& normalization, double* dgamma, double* dbeta,
             T* passed) {
  const Workspace<double> totals(2 * channels);
  const T largest = largest_passing(passing);
  bool finite = false;
  with_mask(passing, [&](auto mask) {
    with_flag(normalization.bias, [&](auto biased) {
      with_flag(passed, [&](auto writes) {
        // One row at a time: several rows of two or three arrays are more streams than the hardware prefetches.
        finite = two_channel_sums<C, 1>(rows, channels, totals.data(), [&](std::int64_t row, C* product, C* sum, auto) {
          const Rows<R> r = coefficients;
          const std::int64_t i = row * channels;
          const T *in = x + i, *d = dy + i, *output = passing.output + (passing.output ? i : 0);
          T* const out = passed + (passed ? i : 0);
#pragma omp simd
          for (std::int64_t c = 0; c < channels; ++c) {
            const T element = passed_element<mask(), biased()>(output, largest, r, in, d, c);
            if constexpr (writes()) out[c] = element;
            product[c] += static_cast<C>(element) * static_cast<C>(r.template centered<biased()>(in, c));
            sum[c] += static_cast<C>(element);
          }
        });
      });
    });
  });
  for (std::int64_t c = 0; c < channels; ++c) {
    const double rest = rest_of_mean(normalization, c);
    dgamma[c] = (totals[c] - rest * totals[channels + c]) * normalization.inverse_deviation[c];
    dbeta[c] = totals[channels + c];
  }
  return finite;
}

/// Normalizes one row in the type C, or only adds the bias unless `normalizes`.
template <bool normalizes, bool biased, bool adds, bool cuts, class C, class T>
void normalize_row(const Rows<C> r, std::int64_t channels, const T* x, const T* residual, const C most, T* y) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    C value = static_cast<C>(x[c]);
    if constexpr (normalizes) value = r.template centered<biased>(x, c) * r.scale[c] + r.shift[c];
    if constexpr (biased && !normalizes) value += r.bias[c];
    if constexpr (adds) value += static_cast<C>(residual[c]);
    if constexpr (cuts) value = C{0} > value ? C{0} : value > most ? most : value;
    y[c] = static_cast<T>(value);
  }
}

/// The number of rows of so many values to which a function is applied at once, while they are in the first-level
/// cache.
std::int64_t rows_of_function(std::int64_t values) { return std::max<std::int64_t>(1, 2048 / values); }

/// Applies f to rows of `columns` values, and to neighbouring rows at once.
template <class T>
void apply_to_rows(const InPlaceFunction<T>& f, T* const* rows, std::int64_t count, std::int64_t columns) {
  for (std::int64_t i = 0, end = 0; i < count; i = end) {
    for (end = i + 1; end < count && rows[end] == rows[end - 1] + columns;) ++end;
    f(rows[i], (end - i) * columns);
  }
}

}  // namespace

template <class T>
PartEpilogue<T>::PartEpilogue(std::int64_t channels, const Normalization<T>& normalization, const Epilogue<T>& epilogue,
                              const T* y)
    : epilogue_(epilogue), y_(y) {
  if (normalization.bias) bias_.assign(normalization.bias, normalization.bias + channels);
  if (!normalization.mean) return;
  usable_ = std::is_same_v<T, double> || fits(channels, normalization);
  const Coefficients<T> coefficients(channels, normalization);
  const Rows<T> rows = coefficients.rows();
  mean_.assign(rows.mean, rows.mean + channels);
  scale_.assign(rows.scale, rows.scale + channels);
  shift_.assign(rows.shift, rows.shift + channels);
}

template <class T>
void PartEpilogue<T>::operator()(T* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns) const {
  const auto from = [first](const std::vector<T>& values) { return values.empty() ? nullptr : values.data() + first; };
  const Rows<T> r{from(bias_), from(mean_), from(scale_), from(shift_)};
  const std::int64_t block = epilogue_.function ? rows_of_function(columns) : count;
  with_flag(r.mean, [&](auto normalizes) {
    with_flag(r.bias, [&](auto biased) {
      with_flag(epilogue_.residual, [&](auto adds) {
        with_flag(epilogue_.rectifies, [&](auto cuts) {
          for (std::int64_t begin = 0; begin < count; begin += block) {
            const std::int64_t end = std::min(count, begin + block);
            for (std::int64_t i = begin; i < end; ++i) {
              const T* const residual = adds() ? epilogue_.residual + (rows[i] - y_) : nullptr;
              normalize_row<normalizes(), biased(), adds(), cuts()>(r, columns, rows[i], residual, epilogue_.most,
                                                                    rows[i]);
            }
            if (epilogue_.function) apply_to_rows(*epilogue_.function, rows + begin, end - begin, columns);
          }
        });
      });
    });
  });
}

template <class T>
void normalize(std::int64_t rows, std::int64_t channels, const T* x, const Normalization<T>& normalization,
               const Epilogue<T>& epilogue, T* y) {
  with_coefficients(channels, normalization, [&, e = epilogue](const auto coefficients) {
    using C = std::remove_cvref_t<decltype(*coefficients.mean)>;
    with_flag(normalization.bias, [&](auto biased) {
      with_flag(e.residual, [&](auto adds) {
        with_flag(e.rectifies, [&](auto cuts) {
          parallel_for(rows, row_grain(channels), [=](std::int64_t begin, std::int64_t end) {
            const auto r = coefficients;
            const C most = static_cast<C>(e.most);
            const std::int64_t block = e.function ? rows_of_function(channels) : end - begin;
            for (; begin < end; begin += block) {
              const std::int64_t first = begin * channels, last = std::min(end, begin + block) * channels;
              for (std::int64_t i = first; i < last; i += channels) {
                normalize_row<true, biased(), adds(), cuts()>(r, channels, x + i, e.residual + (adds() ? i : 0), most,
                                                              y + i);
              }
              if (e.function) (*e.function)(y + first, last - first);
            }
          });
        });
      });
    });
  });
}

template <class T>
void derivative_of_function(std::int64_t rows, std::int64_t channels, const T* x, const Normalization<T>& normalization,
                            const T* residual, const InPlaceDerivative<T>& derivative, const T* dy, T* dz) {
  const std::int64_t block = rows_of_function(channels);
  with_coefficients(channels, normalization, [&](const auto coefficients) {
    using C = std::remove_cvref_t<decltype(*coefficients.mean)>;
    with_flag(normalization.bias, [&](auto biased) {
      with_flag(residual, [&](auto adds) {
        parallel_for(rows, row_grain(channels), [&](std::int64_t begin, std::int64_t end) {
          const Workspace<T> z(block * channels);
          for (; begin < end; begin += block) {
            const std::int64_t first = begin * channels, last = std::min(end, begin + block) * channels;
            for (std::int64_t i = first; i < last; i += channels) {
              normalize_row<true, biased(), adds(), false>(coefficients, channels, x + i, residual + (adds() ? i : 0),
                                                           C{0}, z.data() + i - first);
            }
            if (dz != dy) std::copy(dy + first, dy + last, dz + first);
            derivative(z.data(), dz + first, last - first);
          }
        });
      });
    });
  });
}

template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const Passing<T>& passing,
                     const Normalization<T>& normalization, double* dgamma, double* dbeta, T* passed) {
  with_coefficients(channels, normalization, [&](const auto& coefficients) {
    const auto in = [&](auto zero) {
      return sums_in<decltype(zero)>(coefficients, rows, channels, x, dy, passing, normalization, dgamma, dbeta,
                                     passed);
    };
    if (!in(T{0}) && std::is_same_v<T, float>) in(0.0);
  });
}

template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                               const Passing<T>& passing, const Normalization<T>& normalization, const double* dgamma,
                               const double* dbeta, T* dx) {
  with_coefficients(channels, normalization, [&](const auto coefficients) {
    using C = std::remove_cvref_t<decltype(*coefficients.mean)>;
    const Workspace<C> slopes(2 * channels);
    C* const slope = slopes.data();
    C* const offset = slope + channels;
    const T largest = largest_passing(passing);
    for (std::int64_t c = 0; c < channels && dgamma; ++c) {
      const double of_x = -normalization.inverse_deviation[c] * dgamma[c] / static_cast<double>(rows);
      const double rest = rest_of_mean(normalization, c);
      slope[c] = static_cast<C>(of_x);
      offset[c] = static_cast<C>(-dbeta[c] / static_cast<double>(rows) - of_x * rest);
    }
    with_mask(passing, [&](auto mask) {
      with_flag(normalization.bias, [&](auto biased) {
        with_flag(dgamma, [&](auto of_batch) {
          parallel_for(rows, row_grain(channels), [&, largest](std::int64_t begin, std::int64_t end) {
            const auto r = coefficients;
            [[maybe_unused]] const C* const factor = slope;  // known to the loop, not behind a reference
            [[maybe_unused]] const C* const summand = offset;
            for (std::int64_t i = begin * channels; i < end * channels; i += channels) {
              const T *in = x + i, *d = dy + i, *output = passing.output + (passing.output ? i : 0);
              T* const out = dx + i;
#pragma omp simd
              for (std::int64_t c = 0; c < channels; ++c) {
                C value = static_cast<C>(passed_element<mask(), biased()>(output, largest, r, in, d, c));
                if constexpr (of_batch()) value += r.template centered<biased()>(in, c) * factor[c] + summand[c];
                out[c] = static_cast<T>(value * r.scale[c]);
              }
            }
          });
        });
      });
    });
  });
}

template class PartEpilogue<float>;
template class PartEpilogue<double>;
template void normalize(std::int64_t, std::int64_t, const float*, const Normalization<float>&, const Epilogue<float>&,
                        float*);
template void normalize(std::int64_t, std::int64_t, const double*, const Normalization<double>&,
                        const Epilogue<double>&, double*);
template void derivative_of_function(std::int64_t, std::int64_t, const float*, const Normalization<float>&,
                                     const float*, const InPlaceDerivative<float>&, const float*, float*);
template void derivative_of_function(std::int64_t, std::int64_t, const double*, const Normalization<double>&,
                                     const double*, const InPlaceDerivative<double>&, const double*, double*);
template void batch_norm_sums(std::int64_t, std::int64_t, const float*, const float*, const Passing<float>&,
                              const Normalization<float>&, double*, double*, float*);
template void batch_norm_sums(std::int64_t, std::int64_t, const double*, const double*, const Passing<double>&,
                              const Normalization<double>&, double*, double*, double*);
template void batch_norm_input_gradient(std::int64_t, std::int64_t, const float*, const float*, const Passing<float>&,
                                        const Normalization<float>&, const double*, const double*, float*);
template void batch_norm_input_gradient(std::int64_t, std::int64_t, const double*, const double*,
                                        const Passing<double>&, const Normalization<double>&, const double*,
                                        const double*, double*);

}  // namespace xtape::kernels
