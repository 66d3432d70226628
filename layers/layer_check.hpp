// The gradient checker for layers: inputs and parameters, in training and in inference.
#pragma once

#include "framework/autograd/gradient_check.hpp"
#include "layers/layer.hpp"

namespace xtape {

struct LayerCheckOptions {
  Mode mode = Mode::training;
  std::int64_t batch = 3;
  GradientCheckOptions gradient = {};
};

/// Checks the derivatives of a layer with respect to its inputs, samples of the given shapes, and its trainable
/// parameters, in float64 at random values (moving averages stay at theirs). Also fails when the output's shape is not
/// the one that the layer infers. Creates the layer's parameters and leaves them in float64, so give it a fresh layer.
GradientReport check_layer(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options = {});

/// The same for a layer as users hold it: check_layer(Dense({.units = 3}), {{4}}).
template <class Definition>
GradientReport check_layer(const LayerHandle<Definition>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options = {}) {
  return check_layer(std::static_pointer_cast<Layer>(layer.definition()), samples, options);
}

}  // namespace xtape
