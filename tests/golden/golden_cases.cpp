#include "tests/golden/golden_cases.hpp"

#include <algorithm>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "optim/adam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"

namespace xtape::golden {
namespace {

using V = const Variable&;
using Functions = std::map<std::string, DifferentiableFunction>;

DifferentiableFunction windowed(const std::string& name, const WindowOptions& window) {
  if (name.starts_with("max_pool2d")) return [=](V x) { return max_pool2d(x, window); };
  if (name.starts_with("average_pool2d")) return [=](V x) { return average_pool2d(x, window); };
  return [=](V x, V w) {
    return conv2d(x, w, {.strides = window.strides, .padding = window.padding, .dilation = window.dilation});
  };
}

/// The moving mean and variance of a BatchNormalization layer after two steps on the same batch. This function has no
/// derivative.
Variable moving_averages(V x) {
  const auto input = Input(x.shape().without(0));
  Model model(input, BatchNormalization({.momentum = 0.9})(input));
  model.convert(DType::float64);
  for (int i = 0; i < 2; ++i) {
    ForwardPass pass(Mode::training);
    model(x.detached(), pass);
    pass.commit();
  }
  const auto parameters = model.parameters();  // gamma, beta, moving mean, moving variance
  return concatenate({parameters[2].value(), parameters[3].value()}, 0);
}

Functions elementwise() {
  return {{"relu", relu},
          {"sigmoid", sigmoid},
          {"tanh", tanh},
          {"softplus", softplus},
          {"elu", [](V x) { return elu(x, 0.7); }},
          {"leaky_relu", [](V x) { return leaky_relu(x, 0.3); }},
          {"gelu", gelu},
          {"softmax", [](V x) { return softmax(x); }},
          {"log_softmax", [](V x) { return log_softmax(x, 0); }},
          {"exp", [](V x) { return exp(x); }},
          {"log", [](V x) { return log(x); }},
          {"sqrt", [](V x) { return sqrt(x); }},
          {"abs", [](V x) { return abs(x); }},
          {"square", [](V x) { return square(x); }},
          {"pow 3", [](V x) { return pow(x, 3); }},
          {"clip", [](V x) { return clip(x, -0.5, 0.5); }},
          {"pow", [](V x, V y) { return pow(x, y); }},
          {"add", [](V a, V b) { return a + b; }},
          {"subtract", [](V a, V b) { return a - b; }},
          {"multiply", [](V a, V b) { return a * b; }},
          {"divide", [](V a, V b) { return a / b; }},
          {"maximum", maximum},
          {"minimum", minimum}};
}

Functions arrays_and_matrices() {
  return {{"sum",
           [](V x) {
             return sum(x, {0, 2});
           }},
          {"mean", [](V x) { return mean(x, {1}, true); }},
          {"max",
           [](V x) {
             return max(x, {-1, 0});
           }},
          {"transpose",
           [](V x) {
             return transpose(x, {2, 0, 1});
           }},
          {"concatenate",
           [](V a, V b) {
             return concatenate({a, b, a}, 1);
           }},
          {"slice",
           [](V x) {
             return x[{{0, 2}, {1, 3}, {-3, 4, 2}}];
           }},
          {"pad",
           [](V x) {
             return pad(x, {{0, 0}, {1, 2}, {2, 0}}, 0.5);
           }},
          {"matmul", matmul},
          {"matmul, stacks", matmul},
          {"solve", solve},
          {"inverse", inverse},
          {"log_determinant", log_determinant},
          {"cholesky", cholesky}};
}

Functions normalizations_and_losses() {
  return {{"batch_norm", [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 1e-3).y; }},
          {"batch_norm_inference",
           [](V x, V gamma, V beta) {
             return batch_norm_inference(x, gamma, beta, Tensor::full({3}, 0.25, DType::float64),
                                         Tensor::full({3}, 1.5, DType::float64), 1e-3);
           }},
          {"moving averages", moving_averages},
          {"global_average_pool2d", global_average_pool2d},
          {"global_max_pool2d", global_max_pool2d},
          {"softmax_cross_entropy", [](V z) { return softmax_cross_entropy(z, golden_labels()); }},
          {"softmax_cross_entropy, soft", [](V z) { return softmax_cross_entropy(z, golden_targets()); }},
          {"binary_cross_entropy", [](V p) { return binary_cross_entropy(p, golden_targets()); }},
          {"sigmoid_cross_entropy", [](V z) { return sigmoid_cross_entropy(z, golden_targets()); }},
          {"mean_squared_error", [](V x) { return mean_squared_error(x, golden_targets()); }}};
}

template <class Kind, class Options>
OptimizerMaker maker(const Options& options) {
  return [options](const std::vector<Parameter>& parameters) { return std::make_unique<Kind>(parameters, options); };
}

}  // namespace

std::map<std::string, WindowOptions> golden_windows() {
  return {{"conv2d valid", {.size = {3, 2}}},
          {"conv2d same", {.size = {2, 3}, .padding = Padding::same}},
          {"conv2d same, strides 2", {.size = 3, .strides = 2, .padding = Padding::same}},
          {"conv2d 1x1, strides 2", {.size = 1, .strides = 2}},
          {"conv2d 1x1", {.size = 1}},
          {"conv2d padded", {.size = 3, .strides = {1, 2}, .padding = {0, 2, 1, 0}}},
          {"conv2d dilated", {.size = {2, 3}, .padding = Padding::same, .dilation = {3, 2}}},
          {"conv2d padded, dilated, strides", {.size = 2, .strides = 2, .padding = {1, 2, 3, 0}, .dilation = 2}},
          {"max_pool2d", {.size = 2, .strides = 2}},
          {"max_pool2d overlapping", {.size = 3, .strides = 2}},
          {"max_pool2d same", {.size = {3, 2}, .strides = {2, 1}, .padding = Padding::same}},
          {"max_pool2d padded, dilated", {.size = 2, .padding = {1, 0, 0, 1}, .dilation = 2}},
          {"average_pool2d", {.size = 2, .strides = 2}},
          {"average_pool2d same", {.size = 3, .strides = 2, .padding = Padding::same}},
          {"average_pool2d padded", {.size = {2, 3}, .padding = {1, 0, 2, 1}}}};
}

std::map<std::string, DifferentiableFunction> golden_functions() {
  Functions all;
  for (const auto& [name, window] : golden_windows()) all.emplace(name, windowed(name, window));
  all.merge(elementwise());
  all.merge(arrays_and_matrices());
  all.merge(normalizations_and_losses());
  return all;
}

std::map<std::string, OptimizerMaker> golden_optimizers() {
  return {{"SGD", maker<SGD>(SGDOptions{.learning_rate = 0.1})},
          {"SGD, weight decay", maker<SGD>(SGDOptions{.learning_rate = 0.1, .weight_decay = 0.2})},
          {"SGD, momentum", maker<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.8})},
          {"SGD, nesterov",
           maker<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.8, .nesterov = true, .weight_decay = 0.2})},
          {"SGD, clipped", maker<SGD>(SGDOptions{.learning_rate = 0.1, .clip_norm = 2})},
          {"Adam", maker<Adam>(AdamOptions{.learning_rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 0.01})},
          {"Adam, epsilon 0", maker<Adam>(AdamOptions{.learning_rate = 0.1, .epsilon = 0})},
          {"Adam, weight decay", maker<Adam>(AdamOptions{.learning_rate = 0.1, .epsilon = 0, .weight_decay = 0.2})},
          {"AdamW", maker<AdamW>(AdamWOptions{.learning_rate = 0.1, .epsilon = 0.01, .weight_decay = 0.2})},
          {"RMSprop", maker<RMSprop>(RMSpropOptions{.learning_rate = 0.1, .epsilon = 0.01})},
          {"RMSprop, epsilon 0",
           maker<RMSprop>(RMSpropOptions{.learning_rate = 0.1, .rho = 0.8, .epsilon = 0, .weight_decay = 0.2})},
          {"RMSprop, momentum", maker<RMSprop>(RMSpropOptions{.learning_rate = 0.1, .momentum = 0.8, .epsilon = 0})},
          {"RMSprop, centered",
           maker<RMSprop>(RMSpropOptions{.learning_rate = 0.1, .momentum = 0.8, .epsilon = 0.01, .centered = true})}};
}

Tensor golden_labels() { return Tensor::labels({0, 2, 1, 2}); }

Tensor golden_targets() { return Tensor::of({4, 3}, {1, 0, 0, 0.2, 0.3, 0.5, 0, 0.75, 0.25, 0, 0, 1}, DType::float64); }

Tensor trajectory(const OptimizerMaker& make, const Tensor& initial, const Tensor& gradients) {
  const Shape row{initial.dim(1)};
  const auto row_of = [&](const Tensor& matrix, std::int64_t i) { return matrix.rows(i, i + 1).reshaped(row); };
  const std::vector<Parameter> parameters{{"p", row_of(initial, 0)}, {"q", row_of(initial, 1)}};
  const auto optimizer = make(parameters);
  std::vector<double> values;
  for (std::int64_t step = 0; step < gradients.dim(0); ++step) {
    const Tensor now = gradients.rows(step, step + 1).reshaped(initial.shape());
    Gradients gradients_now;
    for (std::int64_t i = 0; i < 2; ++i) gradients_now.add(parameters[static_cast<std::size_t>(i)], row_of(now, i));
    optimizer->step(gradients_now);
    for (const Parameter& parameter : parameters) {
      std::ranges::copy(parameter.value().to_vector(), std::back_inserter(values));
    }
  }
  return Tensor::of(gradients.shape(), values, DType::float64);
}

}  // namespace xtape::golden
