#include "layers/parameters/initializer.hpp"

#include <algorithm>
#include <cmath>

#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "layers/parameters/constraint.hpp"
#include "layers/parameters/regularizer.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

double deviation(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

TEST_CASE("fans are the numbers of inputs and outputs of a unit") {
  CHECK(fans({3, 5, 7, 11}).in == 105);
  CHECK(fans({3, 5, 7, 11}).out == 165);
  CHECK(fans({4, 6}).in == 4);
  CHECK(fans({4, 6}).out == 6);
}

TEST_CASE("initializers have the limits and deviations of their papers") {
  const Shape shape{3, 3, 32, 64};
  const double in = 288;
  const double out = 576;
  const auto draw = [&](const Initializer& initializer) {
    RandomStream random(3);
    return initializer.make(shape, random).to_vector();
  };
  const std::vector<std::pair<Initializer, double>> uniforms{{glorot_uniform(), std::sqrt(6 / (in + out))},
                                                             {he_uniform(), std::sqrt(6 / in)},
                                                             {lecun_uniform(), std::sqrt(3 / in)}};
  for (const auto& [initializer, limit] : uniforms) {
    const auto values = draw(initializer);
    INFO(initializer.name);
    CHECK(*std::ranges::max_element(values) <= limit);
    CHECK(*std::ranges::max_element(values) > 0.99 * limit);
    CHECK(*std::ranges::min_element(values) < -0.99 * limit);
    CHECK(deviation(values) == Approx(limit / std::sqrt(3.0)).epsilon(0.02));
  }
  const std::vector<std::pair<Initializer, double>> normals{{glorot_normal(), std::sqrt(2 / (in + out))},
                                                            {he_normal(), std::sqrt(2 / in)},
                                                            {lecun_normal(), std::sqrt(1 / in)}};
  for (const auto& [initializer, wanted] : normals) {
    const auto values = draw(initializer);
    INFO(initializer.name);
    CHECK(deviation(values) == Approx(wanted).epsilon(0.02));
    CHECK(*std::ranges::max_element(values) <= 2 * wanted / 0.879);  // truncated at two deviations
  }
  CHECK(draw(zeros())[5] == 0);
  CHECK(draw(ones())[5] == 1);
  CHECK(draw(constant(0.5))[5] == 0.5);
}

TEST_CASE("variance_scaling has the variance of its options, and the other random initializers have theirs") {
  const Shape shape{3, 3, 32, 64};
  const auto draw = [&](const Initializer& initializer) {
    RandomStream random(3);
    return initializer.make(shape, random).to_vector();
  };
  const auto largest = [](const std::vector<double>& values) {
    return std::max(std::ranges::max(values), -std::ranges::min(values));
  };
  for (const auto& [mode, n] :
       {std::pair(FanMode::fan_in, 288.0), {FanMode::fan_out, 576.0}, {FanMode::fan_avg, 432.0}}) {
    const double wanted = std::sqrt(1.5 / n);
    for (const Distribution distribution :
         {Distribution::truncated_normal, Distribution::untruncated_normal, Distribution::uniform}) {
      const auto values = draw(variance_scaling({.scale = 1.5, .mode = mode, .distribution = distribution}));
      CHECK(deviation(values) == Approx(wanted).epsilon(0.02));
      const double most = largest(values) / wanted;
      if (distribution == Distribution::uniform) CHECK((most > 1.7 && most <= std::sqrt(3.0) * 1.001));
      if (distribution == Distribution::truncated_normal) CHECK((most > 2.2 && most <= 2 / 0.8796 * 1.001));
      if (distribution == Distribution::untruncated_normal) CHECK(most > 3);
    }
  }
  CHECK(draw(variance_scaling({.scale = 2})) == draw(he_normal()));
  CHECK(deviation(draw(random_normal(0, 0.3))) == Approx(0.3).epsilon(0.02));
  CHECK(draw(random_normal(5, 0))[3] == 5);
  CHECK(deviation(draw(truncated_normal(0, 0.3))) == Approx(0.3 * 0.8796).epsilon(0.02));
  CHECK(largest(draw(truncated_normal(0, 0.3))) <= 0.6001);
  CHECK(deviation(draw(random_uniform(-0.6, 0.6))) == Approx(0.6 / std::sqrt(3)).epsilon(0.02));
  CHECK(std::ranges::min(draw(random_uniform(0.2, 0.3))) >= 0.2F);
}

TEST_CASE("orthogonal makes orthonormal rows or columns, also of convolution kernels, and identity the identity") {
  const auto product = [](const std::vector<double>& w, std::size_t columns, std::size_t a, std::size_t b, bool rows) {
    double sum = 0;
    const std::size_t n = rows ? columns : w.size() / columns;
    for (std::size_t k = 0; k < n; ++k) {
      sum += rows ? w[a * columns + k] * w[b * columns + k] : w[k * columns + a] * w[k * columns + b];
    }
    return sum;
  };
  for (const Shape& shape : {Shape{6, 4}, Shape{4, 6}, Shape{5, 5}, Shape{3, 3, 4, 8}, Shape{1, 1, 2, 9}}) {
    RandomStream random(3);
    const auto w = orthogonal(1.5).make(shape, random).to_vector();
    const auto columns = static_cast<std::size_t>(shape[-1]);
    const bool rows = w.size() / columns < columns;
    const std::size_t count = std::min(columns, w.size() / columns);
    for (std::size_t a = 0; a < count; ++a) {
      for (std::size_t b = 0; b <= a; ++b) {
        INFO(shape[-1] << " " << a << " " << b);
        CHECK(product(w, columns, a, b, rows) == Approx(a == b ? 2.25 : 0).margin(2e-6));
      }
    }
  }
  // the first entry is symmetric about 0: Q is uniformly distributed
  double sum = 0, squares = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RandomStream random(seed);
    const double first = orthogonal().make({3, 3}, random).to_vector()[0];
    sum += first, squares += first * first;
  }
  CHECK(std::abs(sum / 400) < 0.12);  // four standard deviations
  CHECK(squares / 400 == Approx(1.0 / 3).epsilon(0.15));
  RandomStream random(1);
  CHECK(identity(2).make({2, 3}, random).to_vector() == std::vector<double>{2, 0, 0, 0, 2, 0});
  CHECK(test::error_of([&] {
          identity().make({2, 3, 4}, random);
        }) == "identity: expected a matrix, got a parameter of shape (2, 3, 4)");
  CHECK(test::error_of([&] { orthogonal().make({2}, random); }) ==
        "orthogonal: expected a parameter with at least two axes, got shape (2,)");
}

TEST_CASE("every initializer comes back from its config and draws the same numbers") {
  for (const Initializer& initializer :
       {glorot_uniform(), glorot_normal(), he_uniform(), he_normal(), lecun_uniform(), lecun_normal(), zeros(), ones(),
        constant(0.5), variance_scaling({.scale = 3, .mode = FanMode::fan_avg, .distribution = Distribution::uniform}),
        random_uniform(-1, 2), random_normal(1, 2), truncated_normal(1, 2), orthogonal(2), identity(3)}) {
    INFO(initializer.name);
    Initializer read;
    from_config(to_config(initializer.with_stream(7)), read);
    CHECK(read.name == initializer.name);
    CHECK(read.stream == 7U);
    CHECK(to_config(read) == to_config(initializer.with_stream(7)));
    RandomStream first(1), second(1);
    CHECK(identical(initializer.make({3, 4}, first), read.make({3, 4}, second)));
  }
  Initializer read;
  const auto error = [&](const LayerConfig& config) {
    return test::error_of([&] { from_config(ConfigValue(config), read); });
  };
  CHECK(error({{{"name", "variance_scaling"}, {"mode", "fan"}}}) ==
        "mode: expected one of fan_in, fan_out, fan_avg, got \"fan\"");
  CHECK(error({{{"name", "orthogonal"}, {"value", 2.0}}}) == "expected the options gain, got \"value\"");
  CHECK(test::error_of([] { variance_scaling({.scale = 0}); }) ==
        "variance_scaling: expected a scale above 0 in the range of float32, got 0");
  CHECK(test::error_of([] { random_uniform(1, 0); }) ==
        "random_uniform: expected finite numbers low <= high, got 1 and 0");
  CHECK(test::error_of([] { random_normal(0, -1); }) ==
        "random_normal: expected a finite mean and a finite deviation of at least 0, got 0 and -1");
}

TEST_CASE("regularizers and constraints come back from their configs, and options out of range are errors") {
  for (const Regularizer& regularizer :
       {Regularizer(), l1(0.5), l2(0.25), l1_l2(), orthogonal_regularizer(0.1, Vectors::columns)}) {
    Regularizer read;
    from_config(to_config(regularizer), read);
    CHECK(to_config(read) == to_config(regularizer));
  }
  for (const Constraint& constraint :
       {Constraint(), max_norm(3, {0, 1}), unit_norm({-1}), non_neg(),
        min_max_norm({.min_value = 0.25, .max_value = 0.75, .rate = 0.5, .axes = {1}}), spectral_norm()}) {
    Constraint read;
    from_config(to_config(constraint), read);
    CHECK(to_config(read) == to_config(constraint));
    CHECK(static_cast<bool>(read.project) == static_cast<bool>(constraint.project));
  }
  CHECK(test::error_of([] { l1(-1); }) == "l1: expected a finite factor of at least 0, got -1");
  CHECK(test::error_of([] { max_norm(-1); }) == "max_norm: expected a finite max_value of at least 0, got -1");
  CHECK(test::error_of([] { min_max_norm({.min_value = 2}); }) ==
        "min_max_norm: expected 0 <= min_value <= max_value, both finite, got 2 and 1");
  CHECK(test::error_of([] { min_max_norm({.rate = 0}); }) == "min_max_norm: expected a rate in (0, 1], got 0");
  Constraint custom;
  from_config(LayerConfig{{{"name", "mine"}}}, custom);
  CHECK(test::error_of([&] { custom.project(Tensor::ones({2})); }) ==
        "constraint mine: expected one of xtape's, got one that only the program that saved the layer has");
}
TEST_CASE("a constraint that does not fit its parameter is an error when the layer is built") {
  using Options = DenseLayer::Options;
  const auto message = [](const Options& options) { return test::error_of([&] { Dense{options}(Input({2})); }); };
  CHECK(message({.units = 3, .kernel_constraint = max_norm(1, {5}), .name = "z"}) ==
        "Dense z: kernel: expected different axes in [-2, 2) for max_norm of a parameter of shape (2, 3), got (5)");
  CHECK(message({.units = 3, .kernel_constraint = unit_norm({0, -2}), .name = "z"}) ==
        "Dense z: kernel: expected different axes in [-2, 2) for unit_norm of a parameter of shape (2, 3), got (0, "
        "-2)");
  CHECK(message({.units = 3, .bias_constraint = min_max_norm({.axes = {1}}), .name = "z"}) ==
        "Dense z: bias: expected different axes in [-1, 1) for min_max_norm of a parameter of shape (3,), got (1)");
  const Dense fits({.units = 3, .kernel_constraint = unit_norm({-2, 1}), .bias_constraint = spectral_norm()});
  CHECK(fits(Input({2})).shape() == PartialShape{3});
}

TEST_CASE("constraints limit norms whose squares leave the range of float64") {
  for (const double size : {1e200, 1e-200}) {
    INFO(size);
    const Tensor w = test::f64({2, 2}, {3 * size, 0, 4 * size, 0});
    const auto check_column = [&](const Constraint& constraint, double length) {
      const std::vector<double> projected = constraint.project(w).to_vector();
      CHECK(projected[0] == Approx(0.6 * length).epsilon(1e-12));
      CHECK(projected[2] == Approx(0.8 * length).epsilon(1e-12));
    };
    check_column(spectral_norm(), 1);
    // as in Keras norms near 0 are not scaled to 1
    const double unit = 5 * size / (1e-7 + 5 * size);
    check_column(unit_norm({0}), unit);
    check_column(max_norm(2, {0}), std::min(2.0, 5 * size) * unit);
  }
}
