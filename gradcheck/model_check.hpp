// The gradient checker for whole models: the loss along random directions through all parameters and the input.
#pragma once

#include <functional>

#include "gradcheck/gradient_report.hpp"
#include "models/graph/model.hpp"

namespace xtape {

/// Computes a loss of one element from the model's output, e.g. [&](const Variable& y) { return
/// softmax_cross_entropy(y, labels); }.
using ModelLoss = std::function<Variable(const Variable& output)>;

/// Options of check_model.
struct ModelCheckOptions {
  /// Mode of the passes.
  Mode mode = Mode::training;
  /// Seed of the directions and of the passes.
  std::uint64_t seed = 0;
  /// Number of random directions through all trainable parameters and the images together.
  int directions = 4;
  /// Number of random directions through each parameter and the images separately. If all of them meet a kink, up to
  /// two more are tried, with a step computed in the same way.
  int directions_each = 1;
  /// The change of the loss that a probe aims at: the step along a direction d, of a normal random number for each
  /// element, is change * max(1, |loss|) / |gradient|, where |gradient| is the Euclidean norm of the part of the
  /// gradient that d covers, but at most `largest_step`. Fixed steps are not suitable: in ResNet-50 with batch
  /// normalization the derivatives along such directions range from 1e-2 to 1e4, and at 1e4 a step of 1e-8 crosses many
  /// ReLUs.
  double change = 3e-7;
  /// The largest step along a direction; see change.
  double largest_step = 1e-6;
  /// |analytic - numeric| <= absolute + relative * |numeric| + error estimate of the differences.
  double absolute_tolerance = 1e-12;
  /// The relative term; see absolute_tolerance.
  double relative_tolerance = 1e-4;
  /// Paths of parameters whose gradient is always zero in this network, such as a bias before batch normalization. They
  /// need a long step, because rounding in a deep network changes the loss by a relative 1e-13.
  std::vector<std::string> constant_parameters = {};
  /// The step for constant_parameters.
  double constant_step = 1e-3;
  /// The largest derivative that counts as zero for constant_parameters.
  double constant_tolerance = 1e-8;
  /// The allowed error of the gradients in float32, relative to their norm; 0: not compared. Rounding flips some ReLUs,
  /// and a deep network with initial weights amplifies this: for ResNet-50 with two images the error is 10 %.
  double float32_tolerance = 0.02;
};

/// Checks the derivatives of loss(model(images)) with respect to the images and all trainable parameters in float64,
/// with dropout frozen. The loss is evaluated along each direction at steps h and h/2 to both sides; compare() in
/// gradcheck/gradient_probe.hpp describes how errors are distinguished from kinks and rounding. The model's parameters
/// are restored afterwards. Throws the errors of the model and of the loss; Error if the loss is not one number.
GradientReport check_model(const Model& model, const Tensor& images, const ModelLoss& loss,
                           const ModelCheckOptions& options = {});

/// Computes a loss of one element from all outputs of a model.
using ModelLossOfAll = std::function<Variable(const std::vector<Variable>& outputs)>;
/// Checks the derivatives of a model with several inputs and outputs as the overload above does. Integer inputs have no
/// derivatives; the other inputs are named "input 0", "input 1", ... in the report.
GradientReport check_model(const Model& model, const std::vector<Tensor>& inputs, const ModelLossOfAll& loss,
                           const ModelCheckOptions& options = {});

/// The paths of all trainable parameters that end in `suffix`, except those of the layers in `but_of_layers`. For
/// ModelCheckOptions::constant_parameters.
std::vector<std::string> parameters_ending_in(const Model& model, const std::string& suffix,
                                              const std::vector<std::string>& but_of_layers = {});

}  // namespace xtape
