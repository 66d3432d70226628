// The moving averages of batch normalization at the limits of their type.
#include <array>
#include <cmath>
#include <limits>

#include "layers/layers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// The moving mean and variance after `steps` times the same batch of one channel.
std::array<Tensor, 2> averages_of(const Tensor& batch, int steps, double momentum = 0.99) {
  BatchNormalization layer({.momentum = momentum});
  layer(Input({1}));
  InitialStreams taken;
  layer->initialize(0, 0, taken);
  for (const auto& [name, parameter] : layer->named_parameters()) {
    parameter.set_value(parameter.value().to(batch.dtype()));
  }
  for (int i = 0; i < steps; ++i) {
    ForwardPass pass(Mode::training);
    layer->call({batch}, pass);
    pass.commit();
  }
  const auto parameters = layer->named_parameters();  // gamma, beta and the moving averages
  return {parameters[2].second.value(), parameters[3].second.value()};
}

}  // namespace

TEST_CASE("NaN and infinity reach the moving averages, and a variance out of range is the largest number") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double momentum : {0.0, 0.99}) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      const auto [mean, variance] = averages_of(Tensor::of({4, 1}, {1, 2, std::nan(""), 4}, dtype), 1, momentum);
      CHECK(std::isnan(mean.item()));
      CHECK(std::isnan(variance.item()));
      CHECK_FALSE(std::isfinite(averages_of(Tensor::of({2, 1}, {1, infinity}, dtype), 1, momentum)[0].item()));
      const bool narrow = dtype == DType::float32;
      const double largest = narrow ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
      const double size = narrow ? 1e30 : 1e200;
      const Tensor spread = averages_of(Tensor::of({2, 1}, {size, -size}, dtype), 2, momentum)[1];
      CHECK(spread.item() == Approx((1 - momentum * momentum) * largest).epsilon(1e-6));
    }
  }
}

TEST_CASE("with bias correction the averages are those of the batches so far, weighted by the momentum") {
  for (const double momentum : {0.5, 0.9}) {
    BatchNormalization layer({.momentum = momentum, .epsilon = 1e-3, .bias_correction = true});
    layer(Input({1}));
    InitialStreams taken;
    layer->initialize(0, 0, taken);
    for (const auto& [name, parameter] : layer->named_parameters()) {
      parameter.set_value(parameter.value().to(DType::float64));
    }
    double means = 0, variances = 0, weights = 0;
    for (const double center : {2.0, -1.0, 7.0}) {  // batches of the mean `center` and the unbiased variance 2 center^2
      ForwardPass pass(Mode::training);
      layer->call({Tensor::of({2, 1}, {0, 2 * center}, DType::float64)}, pass);
      pass.commit();
      means = momentum * means + center;
      variances = momentum * variances + 2 * center * center;
      weights = momentum * weights + 1;
      ForwardPass inference(Mode::inference);
      const Tensor y = layer->call({Tensor::of({1, 1}, {3}, DType::float64)}, inference)[0].value();
      CHECK(y.item() == Approx((3 - means / weights) / std::sqrt(variances / weights + 1e-3)).epsilon(1e-10));
    }
  }
}

TEST_CASE("the moving averages of a constant channel reach its value exactly") {
  for (const double value : {1e7 + 3, 250.3, -0.7, 1e-30}) {
    const Tensor batch = Tensor::full({8, 1}, value);
    const auto [mean, variance] = averages_of(batch, 3000);
    CHECK(mean.item() == batch.at({0, 0}));
    CHECK(averages_of(batch, 4000, 0.99)[0].item() == batch.at({0, 0}));  // and do not change afterwards
    const auto [fast, none] = averages_of(batch, 400, 0.5);
    CHECK(fast.item() == batch.at({0, 0}));
    CHECK(none.item() == 0);
  }
  const Tensor batch = Tensor::full({8, 1}, 1e7 + 3.3, DType::float64);
  CHECK(averages_of(batch, 5000)[0].item() == 1e7 + 3.3);
}
