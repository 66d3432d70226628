// A small network and its data, for tests of the training loop.
#pragma once

#include <limits>

#include "layers/core/dense.hpp"
#include "layers/core/dropout.hpp"
#include "layers/graph/input.hpp"
#include "tests/support/support.hpp"
#include "training/fit.hpp"

namespace xtape::test {

inline constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

/// n points in the plane. The class is the parity of the quadrant, so it takes a while to learn.
inline Dataset quadrants(std::int64_t n, std::uint64_t seed = 1) {
  const Tensor points = RandomStream(seed).normal({n, 2});
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(points.at({i, 0}) * points.at({i, 1}) > 0 ? 1 : 0);
  return {points, Tensor::labels(labels), 2};
}

inline Model quadrant_model(double dropout = 0.2, std::int64_t units = 8) {
  const auto input = Input({2});
  auto x = Dense({.units = units, .activation = relu, .name = "hidden"})(input);
  if (dropout > 0) x = Dropout({.rate = dropout})(x);
  return {input, Dense({.units = 2, .name = "logits"})(x), {.seed = 5}};
}

/// A model with one output, "out".
inline Model one_output(std::int64_t units = 3) {
  const SymbolicTensor x = Input({2});
  return {x, Dense({.units = units, .name = "out"})(x), {.seed = 1}};
}

/// A loss that accepts any targets.
template <class F>
Loss custom_loss(F f) {
  return {"custom", std::move(f), {.targets = LossTargets::anything}};
}

/// A callback that calls `f` at the end of each epoch.
inline std::shared_ptr<Callback> at_epoch_end(LambdaCallbackOptions::Hook f) {
  return LambdaCallback({.epoch_end = std::move(f)});
}
inline std::shared_ptr<Callback> at_batch_end(LambdaCallbackOptions::Hook f) {
  return LambdaCallback({.batch_end = std::move(f)});
}

}  // namespace xtape::test
