// What layers compute at the ends of their ranges: single samples, zeros, tiny norms, samples with unequal numbers of
// axes, images that are narrower than their crop.
#include <cmath>
#include <functional>
#include <limits>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;
using Numbers = std::vector<double>;

/// The output of a layer with initial values for one or several inputs, of which the layer has seen the samples.
Tensor result_of(Layer& layer, const std::vector<Tensor>& inputs, Mode mode = Mode::inference) {
  std::vector<TensorSpec> specs;
  for (const Tensor& input : inputs) specs.push_back({input.shape().without(0), input.dtype()});
  layer.build(specs);
  InitialStreams taken;
  layer.initialize(1, 0, taken);
  ForwardPass pass(mode, {.step = 0});
  Tensor y = layer.run_one({inputs.begin(), inputs.end()}, pass).value();
  pass.commit();
  return y;
}

}  // namespace

TEST_CASE("layers of several inputs add axes behind the batch axis to samples that have fewer") {
  using Combine = std::function<double(double a, double b)>;
  const Tensor a = RandomStream(1).normal({2, 3, 4}, 0, 1, DType::float64),
               b = RandomStream(2).normal({2, 4}, 0, 1, DType::float64);
  const Tensor c = RandomStream(3).normal({2, 1, 4}, 0, 1, DType::float64);
  for (const auto& [layer, combine] : std::vector<std::pair<std::shared_ptr<Layer>, Combine>>{
           {Add(), [](double u, double v) { return u + v; }},
           {Subtract(), [](double u, double v) { return u - v; }},
           {Multiply(), [](double u, double v) { return u * v; }},
           {Average(), [](double u, double v) { return (u + v) / 2; }},
           {Maximum(), [](double u, double v) { return std::max(u, v); }},
           {Minimum(), [](double u, double v) { return std::min(u, v); }}}) {
    INFO(layer->type());
    for (const auto& [first, second] : {std::pair(a, b), {b, a}, {a, c}, {c, a}, {b, c}}) {
      const Tensor y = result_of(*layer, {first, second});
      const bool wide = first.shape() == a.shape() || second.shape() == a.shape();
      REQUIRE(y.shape() == (wide ? a.shape() : c.shape()));
      for (std::int64_t n = 0; n < 2; ++n) {
        for (std::int64_t i = 0; i < y.dim(1); ++i) {
          for (std::int64_t j = 0; j < 4; ++j) {
            const auto of = [&](const Tensor& x) {
              return x.rank() == 2 ? x.at({n, j}) : x.at({n, x.dim(1) == 1 ? 0 : i, j});
            };
            CHECK(y.at({n, i, j}) == Approx(combine(of(first), of(second))).epsilon(1e-14));
          }
        }
      }
      ForwardPass pass(Mode::inference);
      CHECK(error_of([&, &l = layer, &u = first] {
              l->run({u, Variable(a.rows(0, 1))}, pass);
            }) == fmt::format("{}: expected inputs of equal extents, or 1, got {} and (1, 3, 4)", layer->type(),
                              first.rank() == 2 ? Shape{2, 1, 4} : first.shape()));
    }
  }
}

TEST_CASE("batch normalization of one sample has the variance 0, and before the first update that of its start") {
  for (const bool corrected : {false, true}) {
    const BatchNormalization layer({.momentum = 0.75, .epsilon = 0.25, .bias_correction = corrected});
    const Tensor x = Tensor::of({1, 2}, {3, -5});
    CHECK(largest_difference(result_of(*layer.definition(), {x}),
                             Tensor::of({1, 2}, {3 / std::sqrt(1.25), -5 / std::sqrt(1.25)})) < 1e-6);
    CHECK(result_of(*layer.definition(), {x}, Mode::training).to_vector() == Numbers{0, 0});
    CHECK(layer->named_parameters()[2].second.value().to_vector() == Numbers{0.75, -1.25});  // moving mean
    CHECK(layer->named_parameters()[3].second.value().to_vector() == Numbers{0.75, 0.75});   // moving variance
  }
}

TEST_CASE("norms and deviations near 0 are divided by Keras's epsilons") {
  const auto normalized = [](double variance) {
    const Normalization layer;
    layer.build({{{1}}});
    layer->give_values([=](const std::string& name, const ParameterSpec& spec) {
      return Tensor::full(spec.shape, name == "mean" ? 1 : variance, DType::float64);
    });
    return result_of(*layer.definition(), {f64({1, 1}, {1.5})}).item();
  };
  CHECK(normalized(0) == Approx(0.5 / 1e-7));
  CHECK(normalized(1e-15) == Approx(0.5 / 1e-7));  // a deviation of 3e-8
  CHECK(normalized(1e-12) == Approx(0.5 / 1e-6));
  CHECK(normalized(4) == Approx(0.25));
  const auto unit = [](double size) {
    return result_of(*UnitNormalization().definition(), {f64({1, 2}, {3 * size, -4 * size})}).to_vector();
  };
  CHECK(unit(0) == Numbers{0, 0});
  for (const double size : {1e-13, 3e-13, 1e-11, 1e-5, 1.0}) {
    INFO(size);
    const double norm = std::max(5 * size, 1e-12);
    CHECK(unit(size)[0] == Approx(3 * size / norm));
    CHECK(unit(size)[1] == Approx(-4 * size / norm));
  }
  const Dot cosine({.axes = {1, 1}, .normalize = true});
  for (const double size : {1e-9, 1e-8, 1e-7, 1e-3}) {
    const Tensor a = f64({1, 2}, {3 * size, 4 * size}), b = f64({1, 2}, {5, 0});
    INFO(size);
    CHECK(result_of(*cosine.definition(), {a, b}).item() == Approx(3 * size / std::max(5 * size, 1e-7)));
  }
}

TEST_CASE("a noise shape with one sample drops the same elements of all samples") {
  const auto dropped = [](const PartialShape& noise) {
    return result_of(*Dropout({.rate = 0.5, .noise_shape = noise}).definition(), {Tensor::ones({4, 30})},
                     Mode::training);
  };
  const Tensor same = dropped({1, any}), other = dropped({any, 30});
  for (std::int64_t n = 1; n < 4; ++n) {
    CHECK(identical(same.rows(n, n + 1), same.rows(0, 1)));
    CHECK_FALSE(identical(other.rows(n, n + 1), other.rows(0, 1)));
  }
  CHECK(Tensor::zeros({}).item() + sum(same).value().item() > 0);
  CHECK(sum(same).value().item() < 4 * 30 * 2);
}

TEST_CASE(
    "images smaller than a crop are cut in the middle and enlarged, in training too, and keep a row and a column") {
  const Tensor images = RandomStream(1).normal({2, 3, 5, 2}, 0, 1, DType::float64);
  for (const auto& [height, width] : {std::pair(4, 2), {2, 6}, {7, 7}}) {
    const RandomCrop random({.height = height, .width = width});
    const CenterCrop middle({.height = height, .width = width});
    CHECK(identical(result_of(*random.definition(), {images}, Mode::training),
                    result_of(*middle.definition(), {images})));
  }
  const auto flat = [](const Shape& shape, std::int64_t height, std::int64_t width) {
    const Tensor x = f64(shape, {1, 2, 3});  // three rows or columns; the part of the crop's shape is one of them
    return result_of(*CenterCrop({.height = height, .width = width}).definition(), {x});
  };
  CHECK(identical(flat({1, 3, 1, 1}, 1, 100), Tensor::full({1, 1, 100, 1}, 2, DType::float64)));
  CHECK(identical(flat({1, 1, 3, 1}, 100, 1), Tensor::full({1, 100, 1, 1}, 2, DType::float64)));
}

TEST_CASE("the penalty of a single row has no pairs, and zeros stay zeros under a spectral norm") {
  for (const Vectors vectors : {Vectors::rows, Vectors::columns}) {
    const Shape one = vectors == Vectors::rows ? Shape{1, 3} : Shape{3, 1};
    CHECK(penalty(orthogonal_regularizer(2, vectors), Tensor::ones(one, DType::float64)).value().item() == 0);
    const Tensor twice = f64({2, 2}, {1, 0, 3, 4});
    const double cosine = vectors == Vectors::rows ? 0.6 : 3 / std::sqrt(10);
    CHECK(penalty(orthogonal_regularizer(2, vectors), twice).value().item() == Approx(2 * cosine));
  }
  for (const DType dtype : {DType::float32, DType::float64}) {
    CHECK(identical(spectral_norm().project(Tensor::zeros({2, 3}, dtype)), Tensor::zeros({2, 3}, dtype)));
  }
  // with a diagonal the singular values are its elements
  CHECK(largest_difference(spectral_norm().project(f64({2, 2}, {-4, 0, 0, 2})), f64({2, 2}, {-1, 0, 0, 0.5})) < 1e-12);
}

TEST_CASE("the fans of a parameter of any number of axes are the inputs and outputs of a unit") {
  const std::vector<std::pair<Shape, std::array<double, 2>>> rows{
      {{}, {1, 1}}, {{5}, {5, 5}}, {{2, 3}, {2, 3}}, {{4, 2, 3}, {8, 12}}, {{4, 5, 2, 3}, {40, 60}}};
  for (const auto& [shape, expected] : rows) {
    INFO(to_string(shape));
    CHECK((fans(shape).in == expected[0] && fans(shape).out == expected[1]));
  }
  for (const FanMode mode : {FanMode::fan_in, FanMode::fan_out, FanMode::fan_avg}) {
    const Initializer uniform = variance_scaling({.scale = 3, .mode = mode, .distribution = Distribution::uniform});
    RandomStream first(1), second(1);  // sqrt(3 * 3 / 400)
    CHECK(identical(uniform.make({400}, first), second.uniform({400}, -0.15, 0.15)));
  }
}

TEST_CASE("initializers that a file holds without numbers have their defaults") {
  for (const Initializer& expected :
       {variance_scaling(), random_uniform(), random_normal(), truncated_normal(), orthogonal(), identity()}) {
    INFO(expected.name);
    Initializer read;
    from_config(LayerConfig{{{"name", expected.name}}}, read);
    CHECK(to_config(read) == to_config(expected));
    RandomStream first(1), second(1);
    CHECK(identical(read.make({3, 4}, first), expected.make({3, 4}, second)));
  }
  for (const Constraint& expected : {max_norm(), unit_norm(), non_neg(), min_max_norm(), spectral_norm()}) {
    INFO(expected.name);
    Constraint read;
    from_config(LayerConfig{{{"name", expected.name}}}, read);
    CHECK(to_config(read) == to_config(expected));
    const Tensor w = RandomStream(1).normal({3, 4});
    CHECK(identical(read.project(w), expected.project(w)));
  }
}

TEST_CASE("the logarithm of a sum of exponentials has its limits at infinity, and overflows for no finite numbers") {
  const double nan = std::nan("");
  const std::vector<std::pair<Numbers, double>> rows{{{1000, 1000, 1000}, 1000 + std::log(3)},
                                                     {{-1000, -1000, -1000}, -1000 + std::log(3)},
                                                     {{-infinite, 2, -infinite}, 2},
                                                     {{infinite, 2, 1}, infinite},
                                                     {{infinite, infinite, -infinite}, infinite},
                                                     {{-infinite, -infinite, -infinite}, -infinite},
                                                     {{nan, 1, 2}, nan},
                                                     {{nan, infinite, 2}, nan}};
  for (const bool keep : {false, true}) {
    for (const auto& [values, expected] : rows) {
      const Operator layer({.function = std::string("ReduceLogSumExp"), .axes = {1}, .keep_dims = keep});
      const Tensor y = result_of(*layer.definition(), {f64({1, 3}, values)});
      INFO(values[0] << " " << values[1] << " " << values[2]);
      CHECK(y.shape() == (keep ? Shape{1, 1} : Shape{1}));
      if (std::isnan(expected)) {
        CHECK(std::isnan(y.item()));
      } else if (std::isinf(expected)) {
        CHECK(y.item() == expected);
      } else {
        CHECK(y.item() == Approx(expected).epsilon(1e-14));
      }
    }
  }
}

}  // namespace xtape
