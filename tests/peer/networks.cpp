#include "tests/peer/networks.hpp"

#include <ATen/ATen.h>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/losses.hpp"
#include "framework/ops/reductions.hpp"
#include "tests/peer/draw.hpp"
#include "tests/peer/layout.hpp"

namespace xtape::peer {
namespace {

at::Tensor find(const Weights& weights, const std::string& path) {
  const auto found = weights.find(path);
  return found == weights.end() ? at::Tensor() : found->second;
}

void randomize(Model& model, Draw& draw) {
  model.convert(DType::float64);
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (parameter.value().rank() > 1) continue;
    const Tensor noise = draw.uniform(parameter.shape(), -0.3, 0.3);
    parameter.set_value((Variable(parameter.value()) + noise).value());
  }
}

Weights copied(const Model& model) {
  Weights weights;
  for (const auto& [path, parameter] : model.named_parameters()) {
    weights[path] = to_torch(parameter.value()).requires_grad_(parameter.trainable());
  }
  return weights;
}

/// The forward and backward pass of one batch in both libraries.
class TrainingStep {
 public:
  TrainingStep(const NetworkCase& network, Weights& weights, Draw& draw)
      : network_(network),
        weights_(weights),
        images_(draw.uniform(network.model.input_shape().prepended(network.batch), -1, 1)) {
    const Shape output = network.model.output_shape().prepended(network.batch);
    network.classifies ? labels_ = draw.labels(output[0], output[1]) : cotangent_ = draw.normal(output);
  }

  void compare(Comparison& comparison, const std::string& name) {
    ForwardPass pass(Mode::training);
    const Variable images = pass.watch(images_);
    const Variable output = network_.model(images, pass);
    const Variable loss =
        network_.classifies ? softmax_cross_entropy(output, labels_) : sum(output * Variable(cotangent_));
    const Gradients gradients = pass.backward(loss);
    gradients.commit();

    const at::Tensor their_images = to_torch(images_).requires_grad_(true);
    const at::Tensor their_output = network_.theirs(weights_, their_images, true);
    const at::Tensor their_loss = network_.classifies ? at::cross_entropy_loss(their_output, to_torch(labels_))
                                                      : (their_output * to_torch(cotangent_)).sum();
    their_loss.backward();

    comparison.add_by_norm(name + ": output", output.value(), from_torch(their_output));
    comparison.add_by_norm(name + ": loss", loss.value(), from_torch(their_loss));
    comparison.add_by_norm(name + ": gradient of the images", pass.gradient(images), from_torch(their_images.grad()));
    for (const auto& [path, parameter] : network_.model.named_parameters()) {
      compare(comparison, name + ": ", path, parameter, gradients);
    }
  }

 private:
  void compare(Comparison& comparison, const std::string& prefix, const std::string& path, const Parameter& parameter,
               const Gradients& gradients) {
    at::Tensor& theirs = weights_.at(path);
    if (!parameter.trainable()) {
      return comparison.add_by_norm(prefix + path, parameter.value(), from_torch(theirs));
    }
    double scale = 0;
    if (network_.cancels(path)) {
      scale = norm(from_torch(weights_.at(path.substr(0, path.find('/')) + "/kernel").grad()));
    }
    if (!gradients.contains(parameter)) return comparison.fail_with(prefix + path + " has no gradient");
    comparison.add_by_norm(prefix + "gradient of " + path, gradients[parameter], from_torch(theirs.grad()), scale);
  }

  const NetworkCase& network_;
  Weights& weights_;
  Tensor images_, labels_, cotangent_;
};

void clear_gradients(Weights& weights) {
  for (auto& [path, weight] : weights) weight.mutable_grad() = at::Tensor();
}

}  // namespace

void compare_network(Comparison& comparison, const NetworkCase& network, std::uint64_t seed) {
  Draw draw(seed);
  Model model = network.model;  // the same parameters
  randomize(model, draw);
  Weights weights = copied(network.model);
  for (int step = 1; step <= network.steps; ++step) {
    clear_gradients(weights);
    TrainingStep(network, weights, draw).compare(comparison, fmt::format("{}, step {}", network.name, step));
  }
  const Tensor images = draw.uniform(network.model.input_shape().prepended(network.batch), -1, 1);
  ForwardPass pass(Mode::inference);
  comparison.add_by_norm(network.name + ": output in inference", network.model(images, pass).value(),
                         from_torch(network.theirs(weights, to_torch(images), false)));
}

at::Tensor torch_conv(const Weights& weights, const std::string& name, const at::Tensor& nchw, std::int64_t stride,
                      std::int64_t padding) {
  return at::conv2d(nchw, to_oihw(weights.at(name + "/kernel")), find(weights, name + "/bias"), {stride, stride},
                    {padding, padding});
}

at::Tensor torch_normalization(Weights& weights, const std::string& name, const at::Tensor& nchw, bool training,
                               double momentum, double epsilon) {
  return at::batch_norm(nchw, find(weights, name + "/gamma"), find(weights, name + "/beta"),
                        weights.at(name + "/moving_mean"), weights.at(name + "/moving_variance"), training,
                        1 - momentum, epsilon, false);
}

at::Tensor torch_dense(const Weights& weights, const std::string& name, const at::Tensor& x) {
  const at::Tensor y = at::matmul(x, weights.at(name + "/kernel"));
  const at::Tensor bias = find(weights, name + "/bias");
  return bias.defined() ? y + bias : y;
}

}  // namespace xtape::peer
