// What layers tell a Model, so that it computes neighbours in one pass over memory where nobody reads what is between.
#pragma once

#include <optional>

#include "framework/autograd/variable.hpp"
#include "framework/ops/window.hpp"

namespace xtape {

/// What a layer can be in a fusion; nothing unless it says so.
struct Fusion {
  // Of the layer that computes, by Layer::call_fused: what it can take in.
  bool takes_bias = false;      ///< of the layer before it: Layer::call_without_bias
  bool takes_residual = false;  ///< the other operand of an addition behind it
  bool takes_relu = false;      ///< a relu behind it, or behind that addition
  bool takes_max_pool = false;  ///< a max pooling behind it, or behind that relu

  // Of the layer that is taken in.
  bool is_sum = false;                                      ///< the sum of its inputs
  bool is_relu = false;                                     ///< max(x, 0)
  std::optional<WindowOptions> is_max_pool = std::nullopt;  ///< the largest of each window
};

/// What a layer computes besides: y = max_pool(relu(layer(x + bias) + residual)), each part only if it is there.
struct FusedParts {
  std::optional<Variable> bias = std::nullopt;  ///< along the last axis of x
  std::optional<Variable> residual = std::nullopt;
  bool relu = false;
  std::optional<WindowOptions> max_pool = std::nullopt;
};

/// A layer's output that still lacks a bias along its last axis, if there is one.
struct WithoutBias {
  Variable value;
  std::optional<Variable> bias = std::nullopt;
};

}  // namespace xtape
