// The options of normalize(), of its application to parts, and of its derivatives, each with every other, compared with
// their definitions; and the limits of the types.
#include <cmath>
#include <limits>
#include <vector>

#include "framework/kernels/normalization/batch_norm.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// f(v) = v^2 - v / 4 in place, and its derivative. Twice f is not f, so each value is changed once.
template <class T>
const auto bend = [](T* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = values[i] * values[i] - values[i] / 4;
};
template <class T>
const auto slope_of_bend = [](const T* x, T* dy, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) dy[i] *= 2 * x[i] - T{1} / 4;
};

template <class T>
struct NormalizedRows {
  std::int64_t rows, channels;
  bool normalizes = true, biased = false, with_rest = false, adds = false, rectifies = false, with_function = false;
  double most = HUGE_VAL;

  RandomStream random = RandomStream(5);
  Guarded<T> x = drawn<T>(random, rows*channels, 30), dy = drawn<T>(random, x.size());
  Guarded<T> residual = drawn<T>(random, x.size());
  Guarded<double> mean = drawn<double>(random, channels, 30), inverse = drawn<double>(random, channels, 1);
  Guarded<double> rest = drawn<double>(random, channels);
  Guarded<T> gamma = drawn<T>(random, channels, 1), beta = drawn<T>(random, channels),
             bias = drawn<T>(random, channels);
  kernels::InPlaceFunction<T> function = kernels::InPlaceFunction<T>(bend<T>);

  kernels::Normalization<T> normalization() const {
    return {
        normalizes ? mean.data() : nullptr, inverse.data(), gamma.data(), beta.data(), biased ? bias.data() : nullptr,
        with_rest ? rest.data() : nullptr};
  }
  kernels::Epilogue<T> epilogue() const {
    return {adds ? residual.data() : nullptr, rectifies, static_cast<T>(most), with_function ? &function : nullptr};
  }

  /// The value before the function.
  reference::Exact before(std::int64_t i) const {
    const std::int64_t c = i % channels;
    reference::Exact sum;
    if (normalizes) {
      const long double scale = static_cast<long double>(gamma.data()[c]) * inverse.data()[c];
      for (const long double part : {static_cast<long double>(x.data()[i]), -static_cast<long double>(mean.data()[c]),
                                     biased ? static_cast<long double>(bias.data()[c]) : 0.0L,
                                     with_rest ? -static_cast<long double>(rest.data()[c]) : 0.0L}) {
        sum.add(part * scale);
      }
      sum.add(beta.data()[c]);
    } else {
      sum.add(x.data()[i]);
      if (biased) sum.add(bias.data()[c]);
    }
    if (adds) sum.add(residual.data()[i]);
    if (rectifies) sum.value = std::min<long double>(std::max<long double>(sum.value, 0), static_cast<T>(most));
    return sum;
  }
  reference::Exact operator()(std::int64_t i) const {
    reference::Exact sum = before(i);
    if (!with_function) return sum;
    const long double v = sum.value;
    sum = sum.times(2 * std::abs(v) + 1);  // an error of v, times at most the slope of the function
    sum.value = 0;
    sum.add(v * v);
    sum.add(-v / 4);
    return sum;
  }
};

/// The same function in parts: some columns of some rows at a time, of which some are neighbours and others not.
template <class T>
Guarded<T> in_parts(const NormalizedRows<T>& n) {
  Guarded<T> y = n.x;
  const kernels::PartEpilogue<T> part(n.channels, n.normalization(), n.epilogue(), y.data());
  CHECK(part.usable());
  for (const auto& [first, columns] :
       {std::pair<std::int64_t, std::int64_t>{0, n.channels / 3}, {n.channels / 3, n.channels - n.channels / 3}}) {
    if (columns == 0) continue;
    std::vector<T*> rows;
    for (const std::int64_t start : {1, 0}) {  // the odd rows, then the even ones
      for (std::int64_t row = start; row < n.rows; row += 2) rows.push_back(y.data() + row * n.channels + first);
    }
    part(rows.data(), std::ssize(rows), first, columns);
  }
  return y;
}
template <class T>
Guarded<T> in_rows(const NormalizedRows<T>& n) {
  Guarded<T> y = n.x;
  const kernels::PartEpilogue<T> part(n.channels, n.normalization(), n.epilogue(), y.data());
  std::vector<T*> rows;
  for (std::int64_t row = 0; row < n.rows; ++row) rows.push_back(y.data() + row * n.channels);
  part(rows.data(), n.rows, 0, n.channels);
  return y;
}

template <class T>
void check_options(std::int64_t rows, std::int64_t channels) {
  for (int options = 0; options < 128; ++options) {
    const auto has = [options](int bit) { return (options >> bit & 1) == 1; };
    const NormalizedRows<T> n{.rows = rows,
                              .channels = channels,
                              .normalizes = !has(6),
                              .biased = has(0),
                              .with_rest = has(1),
                              .adds = has(2),
                              .rectifies = has(3),
                              .with_function = has(4),
                              .most = has(5) ? 0.75 : HUGE_VAL};
    if (has(5) && !has(3)) continue;
    if (has(6) && has(1)) continue;
    INFO(rows << " x " << channels << ", options " << options << " of " << to_string(dtype_of<T>));
    const Guarded<T> parts = in_parts(n);
    CHECK(in_rows(n) == parts);
    CHECK(disagreement(parts, sampled({rows, channels}, 400, 60), n) == "");
    if (!n.normalizes) continue;
    for (const int threads : {1, 3}) {
      const KernelSettings scope(threads);
      Guarded<T> y(n.x.size()), in_place = n.x;
      kernels::normalize(rows, channels, n.x.data(), n.normalization(), n.epilogue(), y.data());
      kernels::normalize(rows, channels, in_place.data(), n.normalization(), n.epilogue(), in_place.data());
      CHECK(y == parts);
      CHECK(in_place == parts);
    }
  }
}

}  // namespace

TEST_CASE("normalize with all combinations of its options equals its definition, also in place and in parts") {
  for (const auto& [rows, channels] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {70, 41}, {9, 2049}}) {
    check_options<double>(rows, channels);
    check_options<float>(rows, channels);
  }
  for (const auto& [rows, channels] : {std::pair<std::int64_t, std::int64_t>{1030, 2}, {2000, 17}}) {
    check_options<float>(rows, channels);  // several blocks of 2048 values, and several tasks
  }
}

TEST_CASE("derivatives through a function of the normalized values equal their definition, in blocks of every kind") {
  const auto check = [](auto one, std::int64_t rows, std::int64_t channels) {
    using T = decltype(one);
    for (const bool biased : {false, true}) {
      for (const bool adds : {false, true}) {
        const NormalizedRows<T> n{.rows = rows, .channels = channels, .biased = biased, .adds = adds};
        const T* const residual = adds ? n.residual.data() : nullptr;
        const auto exact = [&](std::int64_t i) {
          const reference::Exact z = n.before(i);
          const long double dy = n.dy.data()[i];
          reference::Exact slope = z.times(2 * dy);
          slope.add(-dy / 4);
          return slope;
        };
        for (const int threads : {1, 3}) {
          const KernelSettings scope(threads);
          Guarded<T> dz(n.dy.size()), in_place = n.dy;
          const kernels::InPlaceDerivative<T> derivative(slope_of_bend<T>);
          kernels::derivative_of_function(rows, channels, n.x.data(), n.normalization(), residual, derivative,
                                          n.dy.data(), dz.data());
          kernels::derivative_of_function(rows, channels, n.x.data(), n.normalization(), residual, derivative,
                                          in_place.data(), in_place.data());
          INFO(rows << " x " << channels << (biased ? ", biased" : "") << (adds ? ", added" : ""));
          CHECK(disagreement(dz, sampled({rows, channels}, 400, 60), exact) == "");
          CHECK(in_place == dz);
        }
      }
    }
  };
  for (const auto& [rows, channels] :
       {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {683, 3}, {700, 41}, {3, 2047}, {3, 2048}, {3, 2049}}) {
    check(1.0, rows, channels);
    check(1.0F, rows, channels);
  }
}

TEST_CASE("values between 0 and the bound pass the mask, the bound itself only if it is infinite, also in place") {
  const auto check = [](auto one) {
    using T = decltype(one);
    constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const T most = static_cast<T>(0.75), below = std::nextafter(most, T{0});
    const std::vector<T> z{-1, 0,        T(-0.0),   T(0.25), below, most, std::nextafter(most, T{1}),
                           7,  infinity, -infinity, nan};
    const auto rows = std::ssize(z);
    const std::vector<T> dy(z.size(), 3);
    const double mean = 0, inverse = 1;
    const T gamma = 1, beta = 0;
    const kernels::Normalization<T> n{&mean, &inverse, &gamma, &beta};
    using Mask = typename kernels::Passing<T>::Mask;
    for (const T bound : {most, infinity}) {
      for (const Mask mask : {Mask::output, Mask::again}) {
        std::vector<T> wanted;
        for (const T v : z) wanted.push_back(v > 0 && (v < bound || std::isinf(bound)) ? 3 : 0);
        const kernels::Passing<T> passing{mask, mask == Mask::output ? z.data() : nullptr, bound};
        std::vector<T> passed(z.size(), 9), in_place = dy, dx(z.size(), 9), dx_in_place = dy;
        double dgamma = 0, dbeta = 0;
        kernels::batch_norm_sums(rows, 1, z.data(), dy.data(), passing, n, &dgamma, &dbeta, passed.data());
        kernels::batch_norm_sums(rows, 1, z.data(), in_place.data(), passing, n, &dgamma, &dbeta, in_place.data());
        kernels::batch_norm_input_gradient<T>(rows, 1, z.data(), dy.data(), passing, n, nullptr, nullptr, dx.data());
        kernels::batch_norm_input_gradient<T>(rows, 1, z.data(), dx_in_place.data(), passing, n, nullptr, nullptr,
                                              dx_in_place.data());
        CAPTURE(static_cast<double>(bound), static_cast<int>(mask));
        CHECK(passed == wanted);
        CHECK(in_place == wanted);
        CHECK(dx == wanted);
        CHECK(dx_in_place == wanted);
        CHECK(dbeta == 3.0 * static_cast<double>(std::ranges::count(wanted, T{3})));
      }
    }
  };
  check(1.0F);
  check(1.0);
}

TEST_CASE("derivatives of batch normalization may replace x or dy, with the same bits") {
  const NormalizedRows<float> n{.rows = 70, .channels = 13, .biased = true};
  RandomStream random(9);
  const Guarded<double> sum = drawn<double>(random, 13), product = drawn<double>(random, 13);
  for (const bool of_batch : {true, false}) {
    const auto run = [&](const float* x, const float* dy, float* dx) {
      kernels::batch_norm_input_gradient<float>(70, 13, x, dy, {.mask = kernels::Passing<float>::Mask::again},
                                                n.normalization(), of_batch ? product.data() : nullptr,
                                                of_batch ? sum.data() : nullptr, dx);
    };
    Guarded<float> separate(n.x.size()), to_x = n.x, to_dy = n.dy;
    run(n.x.data(), n.dy.data(), separate.data());
    run(to_x.data(), n.dy.data(), to_x.data());
    run(n.x.data(), to_dy.data(), to_dy.data());
    CHECK(to_x == separate);
    CHECK(to_dy == separate);
  }
}

TEST_CASE("coefficients that leave the range of float32 are computed in float64, and are not usable for parts") {
  struct Row {
    const char* what;
    float x;
    double mean, inverse;
    float gamma, bias;
    bool usable;
  };
  for (const Row& row : {Row{"an ordinary one", 3, 1, 0.5, 2, 0.25F, true},
                         Row{"a mean near the limit", 3e38F, -3e38, 0x1p-126, 1, 0, false},
                         Row{"the farthest mean that fits", 3e38F, -0x1p102, 0x1p-120, 1, 0, true},
                         Row{"the next one", 3e38F, -0x1.000001p102, 0x1p-120, 1, 0, false},
                         Row{"a bias near the limit", 3e38F, 0, 0x1p-126, 1, 3e38F, false},
                         Row{"a negative bias near the limit", -3e38F, 0, 0x1p-126, 1, -3e38F, false},
                         Row{"the farthest bias that fits", 3e38F, 0, 0x1p-120, 1, 0x1p102F, true},
                         Row{"a scale below the normal numbers", 1e38F, 0, 1e-25, 1e-20F, 0, false},
                         Row{"a negative scale below them", 1e38F, 0, 1e-25, -1e-20F, 0, false},
                         Row{"the least normal scale", 1e38F, 0, 0x1p-126, 1, 0, true},
                         Row{"a scale above the largest number", 1e-20F, 0, 1e25, 1e20F, 0, false},
                         Row{"a negative scale above it", 1e-20F, 0, 1e25, -1e20F, 0, false},
                         Row{"a scale of zero", 1e30F, 5, 1e10, 0, 0, true}}) {
    INFO(row.what);
    const float beta = 0.5F;
    const kernels::Normalization<float> n{&row.mean, &row.inverse, &row.gamma, &beta, &row.bias};
    const double wanted = (static_cast<double>(row.x) + static_cast<double>(row.bias) - row.mean) * row.inverse *
                              static_cast<double>(row.gamma) +
                          0.5;
    float y = 7;
    kernels::normalize<float>(1, 1, &row.x, n, {}, &y);
    CHECK(static_cast<double>(y) == Approx(wanted).epsilon(1e-6));
    CHECK(kernels::PartEpilogue<float>(1, n, {}, &y).usable() == row.usable);
    const double x = row.x, gamma = row.gamma, bias = row.bias, beta64 = 0.5;
    double wide = 7;
    kernels::normalize<double>(1, 1, &x, {&row.mean, &row.inverse, &gamma, &beta64, &bias}, {}, &wide);
    CHECK(wide == Approx(wanted).epsilon(1e-14));
    CHECK(kernels::PartEpilogue<double>(1, {&row.mean, &row.inverse, &gamma, &beta64, &bias}, {}, &wide).usable());
  }
}

TEST_CASE("coefficients in float64 are usable for parts up to the limits of the type") {
  const double mean = 1e300, inverse = 1e-300, gamma = 1e-20, beta = 0.5, bias = -1e300;
  double y = 3e300;
  const kernels::Normalization<double> n{&mean, &inverse, &gamma, &beta, &bias};
  CHECK(kernels::PartEpilogue<double>(1, n, {}, &y).usable());
}

TEST_CASE("sums of derivatives that leave the range of float32 in a part are computed in float64") {
  constexpr std::int64_t rows = 70, channels = 9;
  const std::vector<double> mean(channels, 0), inverse(channels, 0.5);
  const std::vector<float> gamma(channels, 1), beta(channels, 0), x(rows * channels, 2);
  std::vector<float> dy(rows * channels, 1);
  for (std::int64_t row = 0; row < rows; ++row) {
    dy[static_cast<std::size_t>(row * channels + 4)] = row < 35 ? 3e38F : -3e38F;  // cancel in the whole
    dy[static_cast<std::size_t>(row * channels + 7)] = row < 69 ? -1e38F : 0;
  }
  const kernels::Normalization<float> n{mean.data(), inverse.data(), gamma.data(), beta.data()};
  for (const bool writes : {false, true}) {
    std::vector<double> dgamma(channels, 7), dbeta(channels, 7);
    std::vector<float> passed(dy.size());
    kernels::batch_norm_sums<float>(rows, channels, x.data(), dy.data(), {}, n, dgamma.data(), dbeta.data(),
                                    writes ? passed.data() : nullptr);
    if (writes) CHECK(passed == dy);
    for (std::int64_t c = 0; c < channels; ++c) {
      const double wanted = c == 4 ? 0 : c == 7 ? -69 * static_cast<double>(1e38F) : 70;  // times x / 2 too
      CAPTURE(c);
      CHECK(dbeta[static_cast<std::size_t>(c)] == Approx(wanted).epsilon(1e-12).margin(1e-6));
      CHECK(dgamma[static_cast<std::size_t>(c)] == Approx(wanted).epsilon(1e-12).margin(1e-6));
    }
  }
}

TEST_CASE("the rounding error of a mean is kept, and is 0 for a mean that is not finite") {
  const auto moments = [](const std::vector<double>& x) {
    double mean = 7, deviation = 7, rest = 7;
    kernels::channel_moments(std::ssize(x), 1, x.data(), &mean, &deviation, &rest);
    return std::pair(mean, rest);
  };
  using Pair = std::pair<double, double>;
  CHECK(moments({1, 1 + 0x1p-52}) == Pair{1, 0x1p-53});
  CHECK(moments({-1, -1 - 0x1p-52}) == Pair{-1, -0x1p-53});
  CHECK(moments({0x1p-53, 1}) == Pair{0.5, 0x1p-54});  // the first value is the smaller summand
  CHECK(moments({3, 5}) == Pair{4, 0});
  for (const double value : {HUGE_VAL, -HUGE_VAL, static_cast<double>(NAN)}) {
    CHECK(moments({1, value, 2}).second == 0);
    CHECK(moments({value, 1}).second == 0);
  }
  // 1 + 2^-53 is subtracted, and not 1
  const double x = 1 + 0x1p-52, mean = 1, rest = 0x1p-53, inverse = 0x1p52, gamma = 1, beta = 0;
  double y = 7;
  kernels::normalize<double>(1, 1, &x, {&mean, &inverse, &gamma, &beta, nullptr, &rest}, {}, &y);
  CHECK(y == 0.5);
}

TEST_CASE("a function is applied to whole rows of at most 2048 values at once, or to one longer row") {
  for (const std::int64_t channels : {1, 3, 100, 1024, 1025, 2048, 2049, 5000}) {
    const std::int64_t fit = std::max<std::int64_t>(1, 2048 / channels), rows = 2 * fit + 1;
    NormalizedRows<float> n{.rows = rows, .channels = channels, .with_function = true};
    const KernelSettings scope(1);
    std::vector<std::int64_t> counts;
    const auto record = [&](float*, std::int64_t count) { counts.push_back(count); };
    const auto record_slopes = [&](const float*, float*, std::int64_t count) { counts.push_back(count); };
    n.function = kernels::InPlaceFunction<float>(record);
    std::vector<std::int64_t> wanted;
    for (std::int64_t first = 0; first < rows; first += fit) wanted.push_back(std::min(fit, rows - first) * channels);
    CAPTURE(channels, rows);
    Guarded<float> y = n.x;
    kernels::normalize(rows, channels, n.x.data(), n.normalization(), n.epilogue(), y.data());
    CHECK(counts == wanted);
    counts.clear();
    const kernels::PartEpilogue<float> part(channels, n.normalization(), n.epilogue(), y.data());
    std::vector<float*> neighbours;
    for (std::int64_t row = 0; row < rows; ++row) neighbours.push_back(y.data() + row * channels);
    part(neighbours.data(), rows, 0, channels);
    CHECK(counts == wanted);
    counts.clear();
    const kernels::InPlaceDerivative<float> derivative(record_slopes);
    kernels::derivative_of_function(rows, channels, n.x.data(), n.normalization(), static_cast<const float*>(nullptr),
                                    derivative, n.dy.data(), y.data());
    CHECK(counts == wanted);
  }
}
