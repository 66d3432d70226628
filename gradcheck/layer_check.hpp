// The gradient checker for layers: inputs and parameters, in training and in inference, at two batch sizes.
#pragma once

#include "gradcheck/gradient_check.hpp"
#include "layers/layer.hpp"

namespace xtape {

struct LayerCheckOptions {
  std::vector<Mode> modes = {Mode::training, Mode::inference};
  std::vector<std::int64_t> batches = {1, 3};
  /// constant_inputs are "input 0", "input 1", ... and parameters, "kernel".
  GradientCheckOptions gradient = {};
};

/// Checks the derivatives of a layer with respect to its inputs, samples of the given shapes, and its trainable
/// parameters, in float64 at random values, in every mode and at every batch size; and everything else that
/// check_gradient() does. Moving averages are first moved away from where they start, by training passes on inputs from
/// the upper third of [low, high), and then stay. Also fails when the output's shape is not the one that the layer
/// infers. Creates the layer's parameters and leaves them in float64, so give it a fresh layer. Error without modes or
/// batches, or of the layer.
GradientReport check_layer(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options = {});

/// The same for a layer as users hold it: check_layer(Dense({.units = 3}), {{4}}).
template <class Definition>
GradientReport check_layer(const LayerHandle<Definition>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options = {}) {
  return check_layer(std::static_pointer_cast<Layer>(layer.definition()), samples, options);
}

}  // namespace xtape
