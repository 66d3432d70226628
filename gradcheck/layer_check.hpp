// The gradient checker for layers: inputs and parameters, in training and in inference, at two batch sizes.
#pragma once

#include "gradcheck/gradient_check.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// Options of check_layer.
struct LayerCheckOptions {
  /// The modes in which the layer is checked.
  std::vector<Mode> modes = {Mode::training, Mode::inference};
  /// The batch sizes at which the layer is checked.
  std::vector<std::int64_t> batches = {1, 3};
  /// Types of the inputs, as in TensorSpec; inputs beyond the end of the list are float32. Integer inputs have no
  /// derivatives.
  std::vector<DType> dtypes = {};
  /// Integer inputs are random numbers in [0, integers).
  std::int64_t integers = 2;
  /// Options of the gradient check. Inputs are named "input 0", "input 1", ...; parameters have their own names, such
  /// as "kernel".
  GradientCheckOptions gradient = {};
};

/// Checks the derivatives of a layer with respect to its inputs, samples of the given shapes, and its trainable
/// parameters, in float64 at random values, in every mode and at every batch size. All outputs of the layer are
/// checked, and everything else that check_gradient() checks. Moving averages are first moved away from their initial
/// values by training passes on inputs from the upper third of [low, high), and then kept constant. The check also
/// fails if the shape of an output differs from the one that the layer infers. It creates the layer's parameters and
/// leaves them in float64, so pass a new layer. Error if the layer is a null pointer, if modes or batches are empty, or
/// if the layer throws one.
GradientReport check_layer(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options = {});

/// Checks the layer of a layer handle: check_layer(Dense({.units = 3}), {{4}}).
template <class Definition>
GradientReport check_layer(const LayerHandle<Definition>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options = {}) {
  return check_layer(std::shared_ptr<Layer>(layer), samples, options);
}

}  // namespace xtape
