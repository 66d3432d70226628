#include <cmath>
#include <limits>

#include "tests/kernels/batch_norm_checks.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("the kernels of batch normalization equal their definitions") {
  for (const std::int64_t rows : {1, 2, 3, 63, 64, 65, 129, 500}) {
    for (const std::int64_t channels : {1, 2, 3, 7, 16, 33, 64, 100}) {
      for (const double center : {0.0, 300.0}) {
        check_batch_norm<double>(rows, channels, center);
        check_batch_norm<float>(rows, channels, center);
      }
    }
  }
}

TEST_CASE("the kernels of batch normalization equal their definitions for sizes at which work is divided") {
  for (const auto& [rows, channels] :
       {std::pair<std::int64_t, std::int64_t>{40001, 1}, {16385, 3}, {8193, 8}, {5000, 40}, {130, 2048}, {3, 40000}}) {
    check_batch_norm<double>(rows, channels);
    check_batch_norm<float>(rows, channels, 3);
  }
}

namespace {

struct OneChannel {
  double mean = 0, deviation = 0;
};

template <class T>
OneChannel moments_of(const std::vector<T>& x) {
  OneChannel m;
  kernels::channel_moments(std::ssize(x), 1, x.data(), &m.mean, &m.deviation);
  return m;
}

/// Rows x with this mean and deviation; the first row is `first`.
std::vector<float> rows_of(std::int64_t count, double mean, double deviation, double first) {
  RandomStream random(8);
  const Tensor x = random.normal({count}, mean, deviation);
  std::vector<float> values(x.data<float>(), x.data<float>() + count);
  values[0] = static_cast<float>(first);
  return values;
}

}  // namespace

TEST_CASE("variances of many rows are accurate to float32 rounding for any first row") {
  for (const std::int64_t count : {100, 4097, 65536}) {
    for (const double mean : {0.0, 5.0, 1e4}) {
      for (const double first : {mean, mean + 3, mean + 1e3, mean - 1e5, 1e20}) {
        INFO(count << " rows around " << mean << ", the first at " << first);
        const std::vector<float> x = rows_of(count, mean, 1, first);
        const auto exact = reference::channel_moments(count, 1, x.data(), 0);
        const OneChannel m = moments_of(x);
        const auto variance = static_cast<double>(exact.variance);
        CHECK(std::abs(m.deviation * m.deviation / variance - 1) < 1e-6);
        CHECK(std::abs(m.mean - static_cast<double>(exact.mean)) < 5e-7 * std::sqrt(variance));
      }
    }
  }
  // two values, so that rounding errors do not average out
  std::vector<float> x(65536);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 ? 0.1F : 0.3F;
  const auto exact = reference::channel_moments(65536, 1, x.data(), 0);
  const OneChannel m = moments_of(x);
  CHECK(std::abs(m.deviation * m.deviation / static_cast<double>(exact.variance) - 1) < 1e-6);
  CHECK(std::abs(m.mean / static_cast<double>(exact.mean) - 1) < 5e-7);
}

TEST_CASE("moments are correct if squares or sums exceed the range of the type") {
  for (const float size : {1e19F, 1e20F, 3e38F, std::numeric_limits<float>::max()}) {
    for (const std::size_t rows : {2, 8, 500}) {
      std::vector<float> x(rows, size);
      for (std::size_t i = 0; i < rows; i += 2) x[i] = -size;
      const OneChannel m = moments_of(x);
      CHECK(m.mean == 0);
      CHECK(m.deviation == Approx(size).epsilon(1e-7));
      const OneChannel same = moments_of(std::vector<float>(rows, size));
      CHECK(same.mean == size);
      CHECK(same.deviation == 0);
    }
  }
  const OneChannel wide = moments_of(std::vector<double>{1e200, -1e200, 1e200, -1e200});
  CHECK(wide.mean == 0);
  CHECK(wide.deviation == (std::numeric_limits<long double>::max_exponent > 2048 ? Approx(1e200) : Approx(HUGE_VAL)));
  CHECK(std::isnan(moments_of(std::vector<float>{1, std::nanf(""), 2}).deviation));
  CHECK(std::isnan(moments_of(std::vector<float>{1, HUGE_VALF, 2}).deviation));
}

TEST_CASE("values equal to the mean become exactly beta, for any mean, scale, bias and type") {
  for (const double value : {250.3, 1e7 + 3, 100.0, -0.1, 1e-30, 3e38}) {
    const auto check = [&](auto one) {
      using T = decltype(one);
      const T x = static_cast<T>(value), bias = static_cast<T>(0.37), gamma = static_cast<T>(1.7), beta = 0;
      const double inverse = 31.6227;
      for (const T* added : {static_cast<const T*>(nullptr), &bias}) {
        const double mean = added ? static_cast<T>(x + bias) : x;
        T y = 7;
        kernels::normalize<T>(1, 1, &x, {&mean, &inverse, &gamma, &beta, added}, {}, &y);
        CHECK(y == 0);
      }
    };
    check(1.0F);
    check(1.0);
  }
}

TEST_CASE("normalization and its derivative far from 0 agree with float64") {
  // means near the largest float, deviations whose squares overflow in float, a mean that float cannot represent
  const std::vector<float> spread{-1e20F, 1e20F, -1e20F, 1e20F}, huge{-3.3e38F, 3.3e38F, 3.3e38F, 3.3e38F};
  const std::vector<float> close{1e7F, 1e7F + 1, 1e7F + 1, 1e7F};
  const float gamma = 1.5F, beta = 0.25F;
  const std::vector<float> dy{1, -2, 0.5F, 3};
  for (const auto& x : {spread, huge, close}) {
    const auto exact = reference::channel_moments(4, 1, x.data(), 0);
    const OneChannel m = moments_of(x);
    const double inverse = 1 / m.deviation;
    CHECK(m.deviation == Approx(static_cast<double>(std::sqrt(exact.variance))).epsilon(1e-6));
    const kernels::Normalization<float> n{&m.mean, &inverse, &gamma, &beta};
    std::vector<float> y(4), dx(4);
    kernels::normalize<float>(4, 1, x.data(), n, {}, y.data());
    double dgamma = 0, dbeta = 0;
    kernels::batch_norm_sums<float>(4, 1, x.data(), dy.data(), {}, n, &dgamma, &dbeta, nullptr);
    kernels::batch_norm_input_gradient<float>(4, 1, x.data(), dy.data(), {}, n, &dgamma, &dbeta, dx.data());
    double product = 0;
    for (std::size_t i = 0; i < 4; ++i) product += (x[i] - m.mean) * inverse * dy[i];
    CHECK(dgamma == Approx(product).epsilon(1e-6));
    CHECK(dbeta == Approx(2.5));
    for (std::size_t i = 0; i < 4; ++i) {
      const double normal = (x[i] - m.mean) * inverse;
      CHECK(y[i] == Approx(gamma * normal + beta).epsilon(1e-6));
      CHECK(dx[i] / inverse == Approx(gamma * (dy[i] - normal * product / 4 - 2.5 / 4)).margin(2e-6));
    }
  }
}
