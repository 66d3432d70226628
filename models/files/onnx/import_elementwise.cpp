#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/io/utf8.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

const SymbolicTensor& only_tensor(ImportNode& n) {
  n.allow_moved_batch();
  check(n.is_tensor(0), "expected a value that depends on the inputs of the model, got a constant");
  const SymbolicTensor& x = *n.input(0).tensor;
  check(is_floating(x.dtype()), "expected a floating input, got {}", x.dtype());
  return x;
}

/// An operator that is an activation function without options.
template <const auto& function>
void activation(ImportNode& n) {
  n.set_like(n.function(function, only_tensor(n)), 0);
}

/// An operator that Operator computes element by element.
void operation(ImportNode& n) { n.set_like(n.operation({.function = n.node.op_type()}, {only_tensor(n)}), 0); }

void tanh_row(ImportNode& n) { n.set_like(n.function(tanh, only_tensor(n)), 0); }

void elu_row(ImportNode& n) { n.set_like(n.layer<ELULayer>({.alpha = n.number("alpha", 1)}, {only_tensor(n)}), 0); }

/// alpha elu(x / alpha).
void celu_row(ImportNode& n) {
  const double alpha = n.number("alpha", 1);
  check(std::isfinite(alpha) && alpha > 0, "alpha: expected a number above 0, got {}", alpha);
  SymbolicTensor x = only_tensor(n);
  if (alpha != 1) x = n.layer<RescalingLayer>({.scale = 1 / alpha}, {x});
  x = n.function(elu, x);
  if (alpha != 1) x = n.layer<RescalingLayer>({.scale = alpha}, {x});
  n.set_like(x, 0);
}

/// gamma times elu with alpha; the usual numbers are those of selu.
void selu_row(ImportNode& n) {
  constexpr float usual_alpha = 1.67326319217681884765625F, usual_gamma = 1.05070102214813232421875F;
  const double alpha = n.number("alpha", usual_alpha), gamma = n.number("gamma", usual_gamma);
  const bool usual = std::abs(alpha - usual_alpha) < 1e-6 && std::abs(gamma - usual_gamma) < 1e-6;
  if (usual) return n.set_like(n.function(selu, only_tensor(n)), 0);
  const SymbolicTensor y = n.layer<ELULayer>({.alpha = alpha}, {only_tensor(n)});
  n.set_like(n.layer<RescalingLayer>({.scale = gamma}, {y}), 0);
}

void leaky_relu_row(ImportNode& n) {
  n.set_like(n.layer<LeakyReLULayer>({.negative_slope = n.number("alpha", 0.01F)}, {only_tensor(n)}), 0);
}

void thresholded_relu_row(ImportNode& n) {
  n.set_like(n.layer<ReLULayer>({.threshold = n.number("alpha", 1)}, {only_tensor(n)}), 0);
}

void hard_sigmoid_row(ImportNode& n) {
  const double alpha = n.number("alpha", 0.2F), beta = n.number("beta", 0.5);
  if (std::abs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5) return n.set_like(n.function(hard_sigmoid, only_tensor(n)), 0);
  const SymbolicTensor line = n.layer<RescalingLayer>({.scale = alpha, .offset = beta}, {only_tensor(n)});
  n.set_like(n.layer<ReLULayer>({.max_value = 1}, {line}), 0);
}

void gelu_row(ImportNode& n) {
  const std::string approximate = n.text("approximate", "none");
  check(approximate == "none" || approximate == "tanh", "approximate: expected none or tanh, got {:.60}",
        visible(approximate));
  n.set_like(approximate == "none" ? n.function(gelu, only_tensor(n)) : n.function(gelu_tanh, only_tensor(n)), 0);
}

/// x - bias above lambda, x + bias below -lambda, else 0: a mean of soft and hard shrinkage, whose lambda is 0.5 here.
void shrink_row(ImportNode& n) {
  const double lambda = n.number("lambd", 0.5), bias = n.number("bias", 0);
  check(lambda > 0 && std::isfinite(lambda) && std::isfinite(bias),
        "expected a lambd above 0 and a finite bias, got {} and {}", lambda, bias);
  SymbolicTensor x = only_tensor(n);
  const auto scaled = [&](const SymbolicTensor& tensor, double scale) {
    return scale == 1 ? tensor : n.layer<RescalingLayer>({.scale = scale}, {tensor});
  };
  x = scaled(x, 0.5 / lambda);
  const double soft = bias / lambda;
  if (soft == 0) return n.set_like(scaled(n.function(hard_shrink, x), lambda / 0.5), 0);
  const SymbolicTensor y = scaled(n.function(soft_shrink, x), soft * lambda / 0.5);
  if (soft == 1) return n.set_like(y, 0);
  const SymbolicTensor hard = scaled(n.function(hard_shrink, x), (1 - soft) * lambda / 0.5);
  n.set_like(n.layer<AddLayer>({}, {y, hard}), 0);
}

/// min(max(x, low), high), as attributes before opset 11 and as inputs since then.
void clip_row(ImportNode& n) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const bool inputs = n.graph.opset() >= 11;
  const auto limit = [&](const char* name, int i, double otherwise) {
    if (!inputs) return n.number(name, otherwise);
    return n.has_input(i) ? n.constant(i).item() : otherwise;
  };
  const double low = limit("min", 1, -infinity), high = limit("max", 2, infinity);
  constexpr double largest = std::numeric_limits<float>::max();  // stands for no limit in old files
  SymbolicTensor x = only_tensor(n);
  if (low == 0 && high >= 0) {
    std::optional<double> max_value;
    if (high < largest) max_value = high;
    return n.set_like(n.layer<ReLULayer>({.max_value = max_value}, {x}), 0);
  }
  if (low > -largest) x = n.operation({.function = std::string("Max"), .value = low}, {x});
  if (high < largest) x = n.operation({.function = std::string("Min"), .value = high}, {x});
  n.set_like(x, 0);
}

/// PReLU for a slope along the channels of images, otherwise the slope of any shape that broadcasts.
void prelu_row(ImportNode& n) {
  const SymbolicTensor x = only_tensor(n);
  Tensor slope = n.constant(1);
  if (n.graph.opset() < 7 && slope.rank() == 1) {  // for each channel
    std::vector<std::int64_t> channels(static_cast<std::size_t>(std::max(x.shape().rank(), 1)), 1);
    channels[0] = slope.size();
    slope = slope.reshaped(Shape(channels));
  }
  const bool last = n.input(0).channels_last;
  const int rank = x.shape().rank();
  check(slope.rank() <= rank + n.graph.lead() && (slope.rank() <= rank || slope.dim(0) == 1),
        "expected a slope for the axes of samples, got the shape {}", slope.shape());
  Tensor alpha = slope.rank() > rank ? slope.reshaped(slope.shape().without(0)) : slope;
  if (last) alpha = channels_last_constant(alpha, rank);
  std::vector<std::int64_t> extents(static_cast<std::size_t>(rank - alpha.rank()), 1), shared;
  for (int i = 0; i < alpha.rank(); ++i) extents.push_back(alpha.dim(i));
  for (int i = 0; i < rank; ++i) {
    if (extents[static_cast<std::size_t>(i)] == 1) shared.push_back(i + 1);
  }
  check(n.batch() == BatchAxis(), "expected the batch on the first axis, got it on axis {}", n.batch().at);
  const SymbolicTensor source = n.input(0).flat_of ? n.plain(0) : x;
  const SymbolicTensor y =
      n.layer<PReLULayer>({.shared_axes = shared}, {source}, {{"alpha", alpha.reshaped(Shape(extents))}});
  n.set(y, last);
}

void identity_row(ImportNode& n) {
  n.allow_moved_batch();
  n.copy_input();
}

void dropout_row(ImportNode& n) {
  n.allow_moved_batch();
  n.ignore("seed");
  n.ignore("is_test");
  const double rate = n.graph.opset() < 12 ? n.number("ratio", 0.5) : n.has_input(1) ? n.constant(1).item() : 0.5;
  check(!n.has_input(2) || n.constant(2).item() == 0 || rate == 0, "training_mode: expected false, got true");
  check(!n.is_read(1), "expected a mask that no node reads, got one that is read");
  if (!n.is_tensor(0)) return identity_row(n);
  n.set_like(n.layer<DropoutLayer>({.rate = rate}, {only_tensor(n)}), 0);
}

}  // namespace

void add_elementwise_rows(ImportRows& rows) {
  rows["Relu"] = activation<relu>;
  rows["Sigmoid"] = activation<sigmoid>;
  rows["Softplus"] = activation<softplus>;
  rows["Softsign"] = activation<softsign>;
  rows["HardSwish"] = activation<hard_silu>;
  rows["Mish"] = activation<mish>;
  rows["Tanh"] = tanh_row;
  rows["Elu"] = elu_row;
  rows["Celu"] = celu_row;
  rows["Selu"] = selu_row;
  rows["LeakyRelu"] = leaky_relu_row;
  rows["ThresholdedRelu"] = thresholded_relu_row;
  rows["HardSigmoid"] = hard_sigmoid_row;
  rows["Gelu"] = gelu_row;
  rows["Shrink"] = shrink_row;
  rows["Clip"] = clip_row;
  rows["PRelu"] = prelu_row;
  rows["Identity"] = identity_row;
  rows["Dropout"] = dropout_row;
  for (const char* type : {"Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Sin", "Sqrt"}) {
    rows[type] = operation;
  }
}

const ImportRows& import_rows() {
  static const ImportRows rows = [] {
    ImportRows all;
    add_elementwise_rows(all);
    add_arithmetic_rows(all);
    add_window_rows(all);
    add_normalization_rows(all);
    add_resizing_rows(all);
    add_product_rows(all);
    add_einsum_rows(all);
    add_reshape_rows(all);
    add_shape_rows(all);
    add_selection_rows(all);
    add_reduction_rows(all);
    add_constant_rows(all);
    return all;
  }();
  return rows;
}

}  // namespace xtape::onnx
