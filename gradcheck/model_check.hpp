// The gradient checker for whole models: the loss along random directions through all parameters and the input.
#pragma once

#include <functional>

#include "gradcheck/gradient_report.hpp"
#include "models/model.hpp"

namespace xtape {

/// From the model's output to one number, e.g. [&](const Variable& y) { return softmax_cross_entropy(y, labels); }.
using ModelLoss = std::function<Variable(const Variable& output)>;

struct ModelCheckOptions {
  Mode mode = Mode::training;
  std::uint64_t seed = 0;
  /// Random directions through all trainable parameters and the images at once, and through each of them by itself;
  /// when every one of these meets a kink, up to two more are tried, with a step found in the same way.
  int directions = 4;
  int directions_each = 1;
  /// How much of the loss a probe aims to change: the step along a direction d, of a normal random number for each
  /// element, is change * max(1, |loss|) / |gradient|, where |gradient| is the Euclidean norm of the part of the
  /// gradient that d covers, but at most `largest_step`. Fixed steps would not do: in ResNet-50 with batch
  /// normalization the derivatives along such directions range from 1e-2 to 1e4, and at 1e4 a step of 1e-8 crosses many
  /// ReLUs.
  double change = 3e-7, largest_step = 1e-6;
  /// |analytic - numeric| <= absolute + relative * |numeric| + error estimate of the differences.
  double absolute_tolerance = 1e-12, relative_tolerance = 1e-4;
  /// Parameters whose gradient is zero by the network's nature, by path: a bias before batch normalization. Where
  /// nothing is to change the step can be long, and has to be: a deep network turns rounding into 1e-13 of the loss.
  std::vector<std::string> constant_parameters = {};
  double constant_step = 1e-3, constant_tolerance = 1e-8;
  /// How far the gradients in float32 may be off, as a share of their norm; 0: not compared. Rounding flips some ReLUs,
  /// and a deep network at its first weights makes much of it: with two images ResNet-50 is off by 10 %.
  double float32_tolerance = 0.02;
};

/// Checks the derivatives of loss(model(images)) with respect to the images and all trainable parameters in float64,
/// with dropout frozen. The loss is followed along each direction over a step h and h/2 to both sides; see compare() in
/// gradcheck/gradient_probe.hpp for how an error is told from a kink and from rounding. The model's parameters
/// are afterwards what they were. Error of the model, of the loss, or when that is not one number.
GradientReport check_model(const Model& model, const Tensor& images, const ModelLoss& loss,
                           const ModelCheckOptions& options = {});

/// The paths of all trainable parameters that end in `suffix`, but for those of the layers named: for
/// constant_parameters.
std::vector<std::string> parameters_ending_in(const Model& model, const std::string& suffix,
                                              const std::vector<std::string>& but_of_layers = {});

}  // namespace xtape
