#include "framework/ops/normalization.hpp"

#include <cmath>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/piecewise_activations.hpp"
#include "framework/ops/smooth_activations.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::largest_difference;

TEST_CASE("batch normalization gives each channel the mean beta and the deviation gamma") {
  RandomStream random(1);
  for (const Shape& shape : {Shape{7, 3}, Shape{4, 5, 6, 3}, Shape{900, 3}}) {
    const Tensor x = random.normal(shape, 1000, 5, DType::float64);
    const Tensor gamma = Tensor::of({3}, {1, 2, -3}, DType::float64);
    const Tensor beta = Tensor::of({3}, {0, 10, 20}, DType::float64);
    const auto [y, mean, variance] = batch_norm(x, gamma, beta, 1e-12);
    const std::int64_t rows = x.size() / 3;
    for (std::int64_t c = 0; c < 3; ++c) {
      double m = 0;
      double v = 0;
      double ym = 0;
      double yv = 0;
      for (std::int64_t i = 0; i < rows; ++i) m += x.data<double>()[i * 3 + c] / static_cast<double>(rows);
      for (std::int64_t i = 0; i < rows; ++i) ym += y.value().data<double>()[i * 3 + c] / static_cast<double>(rows);
      for (std::int64_t i = 0; i < rows; ++i) {
        v += std::pow(x.data<double>()[i * 3 + c] - m, 2) / static_cast<double>(rows);
        yv += std::pow(y.value().data<double>()[i * 3 + c] - ym, 2) / static_cast<double>(rows);
      }
      CHECK(mean.at({c}) == Approx(m).epsilon(1e-12));
      CHECK(variance.at({c}) == Approx(v).epsilon(1e-9));
      CHECK(ym == Approx(beta.at({c})).margin(1e-9));
      CHECK(std::sqrt(yv) == Approx(std::abs(gamma.at({c}))).epsilon(1e-9));
    }
  }
}

TEST_CASE("float32 statistics keep their digits far from zero") {
  RandomStream random(2);
  const Tensor x = random.normal({5000, 2}, 1000, 0.5);
  const auto result = batch_norm(x, Tensor::ones({2}), Tensor::zeros({2}), 1e-6);
  CHECK(result.mean.at({0}) == Approx(1000).epsilon(1e-4));
  CHECK(result.variance.at({1}) == Approx(0.25).epsilon(0.05));
}

TEST_CASE("fused batch normalization equals the separate ops") {
  RandomStream random(4);
  const Shape shape{70, 9, 5, 12};  // rows for two pieces of parallel work
  for (const auto& [dtype, tolerance] : {std::pair{DType::float64, 1e-12}, std::pair{DType::float32, 2e-5}}) {
    std::vector<Tensor> inputs{random.normal(shape, 2, 3, dtype), random.normal({12}, 1, 1, dtype),
                               random.normal({12}, 0, 1, dtype), random.normal({12}, 0, 1, dtype),
                               random.normal(shape, 0, 1, dtype)};
    const Tensor dy = random.normal(shape, 0, 1, dtype);
    std::vector<Tensor> copies;
    for (const Tensor& input : inputs) copies.push_back(Tensor::of(input.shape(), input.to_vector(), dtype));
    for (int parts = 0; parts < 64; ++parts) {
      INFO("parts " << parts);
      const bool smooth = parts & 32;
      if (smooth && (parts & 4 || parts & 16)) continue;  // one function
      const bool bias = parts & 1, residual = parts & 2, rectified = parts & 4, training = parts & 8;
      const double most = parts & 16 ? 0.5 : std::numeric_limits<double>::infinity();
      const auto run = [&, type = dtype](bool fused) {
        ForwardPass pass(Mode::training);
        std::vector<Variable> v;
        for (const Tensor& input : inputs) v.push_back(pass.watch(input));
        std::vector<Tensor> results;
        const auto normalize = [&](const Variable& x, const BatchNormFusion& fusion) {
          if (training) {
            const auto [y, mean, variance] = batch_norm(x, v[1], v[2], 1e-3, fusion);
            results = {mean, variance};
            return y;
          }
          return batch_norm_inference(x, v[1], v[2], inputs[2], Tensor::full({12}, 2, type), 1e-3, fusion);
        };
        BatchNormFusion fusion{.relu = rectified, .max_value = most};
        if (bias) fusion.bias = v[3];
        if (residual) fusion.residual = v[4];
        if (smooth) fusion.function = silu.of_element();
        Variable y = normalize(fused || !bias ? v[0] : v[0] + v[3], fused ? fusion : BatchNormFusion{});
        if (!fused && residual) y = y + v[4];
        if (!fused && rectified) y = rectify(y, {.max_value = most});
        if (!fused && smooth) y = silu(y);
        pass.backward(y, dy);
        std::vector<Tensor> found{y.value()};
        for (const Variable& input : v) found.push_back(pass.gradient(input));
        found.insert(found.end(), results.begin(), results.end());
        return found;
      };
      const auto fused = run(true);
      const auto plain = run(false);
      for (std::size_t i = 0; i < fused.size(); ++i) {
        INFO("result " << i);
        const double sums = i == 2 || i == 3 || i == 4 ? std::sqrt(3150) : 1;  // the number of added elements
        CHECK(largest_difference(fused[i], plain[i]) < tolerance * 10 * sums);
      }
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(identical(inputs[i], copies[i]));
  }
}

TEST_CASE("the gradient of a fused relu is 0 where the normalized value is exactly 0") {
  // as in residual networks whose last gamma of each block starts at 0
  RandomStream random(9);
  const Shape shape{40, 3};
  const Tensor x = random.normal(shape), dy = random.uniform(shape, 1, 2), zero = Tensor::zeros({3});
  for (const bool training : {false, true}) {
    for (const bool residual : {false, true}) {
      INFO(training << residual);
      ForwardPass pass(Mode::training);
      const Variable v = pass.watch(x), gamma = pass.watch(zero), beta = pass.watch(zero);
      const Variable added = pass.watch(Tensor::zeros(shape));
      BatchNormFusion fusion{.relu = true};
      if (residual) fusion.residual = added;
      const Variable y = training ? batch_norm(v, gamma, beta, 1e-3, fusion).y
                                  : batch_norm_inference(v, gamma, beta, zero, Tensor::ones({3}), 1e-3, fusion);
      CHECK(identical(relu(y).value(), Tensor::zeros(shape)));
      pass.backward(y, dy);
      CHECK(pass.gradient(v).to_vector() == std::vector<double>(120, 0));
      CHECK(pass.gradient(gamma).to_vector() == std::vector<double>(3, 0));
      CHECK(pass.gradient(beta).to_vector() == std::vector<double>(3, 0));
      if (residual) CHECK(pass.gradient(added).to_vector() == std::vector<double>(120, 0));
    }
  }
}

TEST_CASE("a limited relu that is fused has the derivative 0 at its limit, and NaN stays NaN") {
  const Tensor x = Tensor::of({5, 1}, {-1, 3, 6, 7, NAN}), zero = Tensor::zeros({1}), one = Tensor::ones({1});
  for (const bool residual : {false, true}) {
    ForwardPass pass(Mode::training);
    const Variable v = pass.watch(x), added = pass.watch(Tensor::zeros({5, 1}));
    BatchNormFusion fusion{.relu = true, .max_value = 6};
    if (residual) fusion.residual = added;
    const Variable y = batch_norm_inference(v, one, zero, zero, Tensor::full({1}, 0.5), 0.5, fusion);
    const std::vector<double> values = y.value().to_vector();
    CHECK(std::vector(values.begin(), values.begin() + 4) == std::vector<double>{0, 3, 6, 6});
    CHECK(std::isnan(values[4]));
    pass.backward(y, Tensor::ones({5, 1}));
    CHECK(pass.gradient(residual ? added : v).to_vector() == std::vector<double>{0, 1, 0, 0, 0});
  }
  const Variable v(Tensor::ones({2, 1}));
  CHECK(test::error_of([&] { batch_norm(v, one, zero, 1e-3, {.relu = true, .max_value = 0}); }) ==
        "batch_norm: expected a max_value above 0, got 0");
  CHECK(test::error_of([&] { batch_norm(v, one, zero, 1e-3, {.relu = true, .function = silu.of_element()}); }) ==
        "batch_norm: expected relu or another function, got both");
}

TEST_CASE("float32 derivatives agree with float64, also if dy is correlated with x") {
  RandomStream random(6);
  const Shape shape{700, 70};
  const Tensor x = random.normal(shape, 1, 2), residual = random.normal(shape, 1, 1), bias = random.normal({70});
  const Tensor gamma = random.normal({70}, 1, 0.2), beta = random.normal({70});
  const Tensor dy = (Variable(x) * 0.5 + random.normal(shape)).value();
  for (const bool added : {false, true}) {
    for (const bool rectified : {false, true}) {
      const auto run = [&](DType dtype) {
        ForwardPass pass(Mode::training);
        const Variable v = pass.watch(x.to(dtype));
        BatchNormFusion fusion{.bias = bias.to(dtype), .relu = rectified};
        if (added) fusion.residual = residual.to(dtype);
        pass.backward(batch_norm(v, gamma.to(dtype), beta.to(dtype), 1e-3, fusion).y, dy.to(dtype));
        return pass.gradient(v).to(DType::float64);
      };
      CHECK(largest_difference(run(DType::float32), run(DType::float64)) < 2e-5);
    }
  }
}

TEST_CASE("the backward pass of batch normalization overwrites no values of other ops") {
  RandomStream random(7);
  for (const Shape& shape : {Shape{6, 3}, Shape{2, 4, 3}, Shape{2, 2, 3, 3}}) {
    for (int parts = 0; parts < 16; ++parts) {
      INFO(to_string(shape) << ", parts " << parts);
      const bool residual = parts & 1, rectified = parts & 2, training = parts & 4;
      const bool behind = parts & 8;  // an op whose gradient has no other reference
      const Tensor x = random.normal(shape), added = random.normal(shape), cotangent = random.normal(shape);
      const Tensor one = Tensor::ones({3});
      /// The derivatives of a sum of the selected terms: the normalization, another term, another reader of x.
      const auto run = [&](bool normalized, bool beside, bool squared) {
        ForwardPass pass(Mode::training);
        const Variable v = pass.watch(x), w = pass.watch(added);
        const Variable in = v * 2.0, other = w * 2.0, held = square(in);
        BatchNormFusion fusion{.relu = rectified};
        if (residual) fusion.residual = other;
        Variable y = training ? batch_norm(in, one, one, 1e-3, fusion).y
                              : batch_norm_inference(in, one, one, one, one, 1e-3, fusion);
        if (behind) y = y * 0.5;
        const Tensor dy = Tensor::of(shape, cotangent.to_vector());
        const Variable sum = normalized && beside ? y + other : normalized ? y : beside ? other : held;
        pass.backward(normalized && squared ? sum + held : sum, dy);
        return std::pair(pass.gradient(v), pass.gradient(w));
      };
      const auto together = run(true, true, true);
      const auto a = run(true, false, false), b = run(false, true, false), c = run(false, false, true);
      const auto total = [](const Variable& p, const Variable& q, const Variable& r) { return (p + q + r).value(); };
      CHECK(largest_difference(together.first, total(a.first, b.first, c.first)) < 1e-4);
      CHECK(largest_difference(together.second, total(a.second, b.second, c.second)) < 1e-4);
    }
  }
}

TEST_CASE("without a tape batch normalization overwrites moved inputs and nothing else") {
  const Tensor one = Tensor::ones({3});
  const Variable kept = Tensor::full({4, 3}, 7);
  batch_norm_inference(kept, one, one, one, one, 1e-3);
  CHECK(kept.value().at({0, 0}) == 7);
  Variable given = Tensor::full({4, 3}, 7);
  const void* storage = given.value().data<float>();
  const Variable y = batch_norm_inference(std::move(given), one, one, one, one, 1e-3, {.relu = true});
  CHECK(y.value().data<float>() == storage);
}

TEST_CASE("batch normalization saves its output only for relu with a residual") {
  const Tensor one = Tensor::ones({3});
  for (const bool relu : {false, true}) {
    for (const bool residual : {false, true}) {
      CAPTURE(relu, residual);
      ForwardPass pass(Mode::training);
      const Variable x = pass.watch(RandomStream(1).normal({4, 3})), other = pass.watch(RandomStream(2).normal({4, 3}));
      BatchNormFusion fusion{.relu = relu};
      if (residual) fusion.residual = other;
      const Tensor y = batch_norm(x, pass.watch(one), pass.watch(one), 1e-3, fusion).y.value();
      CHECK(y.sole_owner() == !(relu && residual));
    }
  }
}

TEST_CASE("inference is finite if x minus the mean exceeds the largest number by half a unit in its last place") {
  constexpr float most = std::numeric_limits<float>::max();
  const Tensor one = Tensor::ones({1}), zero = Tensor::zeros({1}), variance = Tensor::full({1}, 0x1p120);
  for (const double power : {0x1p101, 0x1p102, 0x1p103, 0x1p104}) {
    for (const double sign : {1.0, -1.0}) {
      CAPTURE(power, sign);
      const Tensor x = Tensor::full({4, 1}, sign * most), shift = Tensor::full({1}, -sign * power);
      const double expected = sign * (most + power) / 0x1p60;
      CHECK(batch_norm_inference(x, one, zero, shift, variance, 1e-3).value().at({0, 0}) == Approx(expected));
      const BatchNormFusion biased{.bias = Variable(Tensor::full({1}, sign * power))};
      const double both = sign * (most + 2 * power) / 0x1p60;
      CHECK(batch_norm_inference(x, one, zero, shift, variance, 1e-3, biased).value().at({0, 0}) == Approx(both));
    }
  }
}

TEST_CASE("statistics and derivatives are the same bits for any number of threads") {
  RandomStream random(3);
  const Tensor x = random.normal({64, 10, 10, 24});
  const Tensor dy = random.normal({64, 10, 10, 24});
  std::vector<Tensor> gradients;
  const test::KernelSettings restored;
  for (const int threads : {1, 2, 4}) {
    kernels::set_num_threads(threads);
    ForwardPass pass(Mode::training);
    const Variable v = pass.watch(x);
    pass.backward(batch_norm(v, Tensor::ones({24}), Tensor::zeros({24}), 1e-3).y, dy);
    gradients.push_back(pass.gradient(v));
  }
  CHECK(identical(gradients[0], gradients[1]));
  CHECK(identical(gradients[0], gradients[2]));
}

TEST_CASE("batch normalization rejects operands of wrong shapes") {
  const Tensor x = Tensor::ones({4, 3});
  const Tensor c3 = Tensor::ones({3});
  CHECK(error_of([&] { batch_norm(x, Tensor::ones({2}), c3, 1e-3); }) ==
        "batch_norm: expected gamma and beta of shape (3,) for x (4, 3), got (2,) and (3,)");
  CHECK(error_of([&] { batch_norm(Tensor::ones({3}), c3, c3, 1e-3); }) ==
        "batch_norm: expected x (..., channels) with at least one element, got shape (3,)");
  CHECK(error_of([&] {
          batch_norm(Tensor::ones({0, 3}), c3, c3, 1e-3);
        }) == "batch_norm: expected x (..., channels) with at least one element, got shape (0, 3)");
  CHECK(error_of([&] { batch_norm(x, c3, c3, 0); }) == "batch_norm: expected a finite epsilon above 0, got 0");
  CHECK(error_of([&] { batch_norm(x.to(DType::float64), c3, c3, 1e-3); }) ==
        "batch_norm: expected x, gamma and beta of one type, got float64, float32 and float32");
  CHECK(error_of([&] { batch_norm_inference(x, c3, c3, Tensor::ones({2}), c3, 1e-3); }) ==
        "batch_norm_inference: expected a mean and a variance of shape (3,), got (2,) and (3,)");
  CHECK(error_of([&] { batch_norm(x, c3, c3, 1e-3, {.residual = c3}); }) ==
        "batch_norm: expected a residual (4, 3) float32, got (3,) float32");
  CHECK(error_of([&] { batch_norm(x, c3, c3, 1e-3, {.bias = x}); }) ==
        "batch_norm: expected a bias (3,) float32, got (4, 3) float32");
}

TEST_CASE("a constant channel becomes beta exactly, in training, inference and with everything fused") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double value : {1e7 + 3, 250.3, 100.0, -0.7, 3e38}) {
      const Tensor x = Tensor::full({50, 3, 4}, value, dtype), gamma = Tensor::full({4}, 1.3, dtype);
      const Tensor beta = Tensor::of({4}, {0, -0.5, 1, 30}, dtype), bias = Tensor::full({4}, 0.3, dtype);
      const Tensor residual = Tensor::full({50, 3, 4}, -0.25, dtype);
      const auto same = [&](const Variable& y, bool fused) {
        for (std::int64_t i = 0; i < y.value().size(); ++i) {
          const double plain = beta.to_vector()[static_cast<std::size_t>(i % 4)];
          const double wanted = fused ? std::max(0.0, plain - 0.25) : plain;
          if (y.value().to_vector()[static_cast<std::size_t>(i)] != wanted) return false;
        }
        return true;
      };
      INFO(value << " in " << to_string(dtype));
      const BatchNormFusion all{.bias = bias, .residual = residual, .relu = true};
      const auto plain = batch_norm(x, gamma, beta, 1e-3), fused = batch_norm(x, gamma, beta, 1e-3, all);
      CHECK(same(plain.y, false));
      CHECK(same(fused.y, true));
      CHECK(plain.mean.at({0}) == x.at({0, 0, 0}));
      CHECK(plain.variance.at({0}) == 0);
      CHECK(same(batch_norm_inference(x, gamma, beta, plain.mean, plain.variance, 1e-3), false));
      CHECK(same(batch_norm_inference(x, gamma, beta, fused.mean, fused.variance, 1e-3, all), true));
    }
  }
}

TEST_CASE("float64 keeps the part of a mean that float64 cannot hold") {
  constexpr std::int64_t rows = 5000;
  Tensor x = RandomStream(3).normal({rows, 1}, 0, 1, DType::float64);
  double* values = x.mutable_data<double>();
  for (std::int64_t i = 0; i < rows; ++i) values[i] += 1e9;
  long double mean = 0, variance = 0, product = 0, total = 0;
  const auto far = [values](std::int64_t i) { return values[i] - 1e9L; };
  for (std::int64_t i = 0; i < rows; ++i) mean += far(i) / rows;
  for (std::int64_t i = 0; i < rows; ++i) variance += (far(i) - mean) * (far(i) - mean) / rows;
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(x);
  const Tensor dy = RandomStream(4).normal({rows, 1}, 0, 1, DType::float64);
  const auto [y, moving_mean, moving_variance] =
      batch_norm(v, Tensor::ones({1}, DType::float64), Tensor::zeros({1}, DType::float64), 1e-3);
  pass.backward(y, dy);
  const long double inverse = 1 / std::sqrt(variance + 1e-3L);
  for (std::int64_t i = 0; i < rows; ++i) {
    total += dy.at({i, 0});
    product += dy.at({i, 0}) * (far(i) - mean) * inverse;
  }
  double off = 0, off_dx = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const long double wanted = (far(i) - mean) * inverse;
    off = std::max(off, static_cast<double>(std::abs(y.value().at({i, 0}) - wanted)));
    const long double dx = inverse * (dy.at({i, 0}) - wanted * product / rows - total / rows);
    off_dx = std::max(off_dx, static_cast<double>(std::abs(pass.gradient(v).at({i, 0}) - dx)));
  }
  CHECK(off < 1e-13);
  CHECK(off_dx < 1e-13);
}

TEST_CASE("a variance that float64 cannot hold is stored as the largest number") {
  const Tensor x = Tensor::of({4, 1}, {1e200, -1e200, 1e200, -1e200}, DType::float64),
               one = Tensor::ones({1}, DType::float64);
  CHECK(batch_norm(x, one, one, 1e-3).variance.item() == std::numeric_limits<double>::max());
}

TEST_CASE("batch normalization handles numbers whose variance float32 cannot hold") {
  for (const double size : {1e20, 3e38}) {
    const Tensor x = Tensor::of({4, 2}, {size, 1, -size, -1, -size, 1, size, -1});
    ForwardPass pass(Mode::training);
    const Variable v = pass.watch(x);
    const auto [y, mean, variance] = batch_norm(v, Tensor::ones({2}), Tensor::zeros({2}), 1e-12);
    const std::vector<double> wanted{1, 1, -1, -1, -1, 1, 1, -1};
    CHECK(largest_difference(y.value(), Tensor::of({4, 2}, wanted)) < 1e-6);
    CHECK(variance.at({0}) == static_cast<double>(std::numeric_limits<float>::max()));
    CHECK(variance.at({1}) == Approx(1));
    // dx of both columns has the same signs, up to the factor 1 / deviation
    pass.backward(y, Tensor::of({4, 2}, {1, 1, 2, 2, 4, -1, 3, 0.5}));
    const std::vector<double> dx = pass.gradient(v).to_vector();
    const double sums[] = {1 - 2 - 4 + 3, 10};
    for (std::size_t i = 0; i < 4; ++i) {
      const double dy = std::vector<double>{1, 2, 4, 3}[i];
      CHECK(dx[2 * i] * size == Approx(dy - wanted[2 * i] * sums[0] / 4 - sums[1] / 4).margin(1e-5));
    }
  }
}
