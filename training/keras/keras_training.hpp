// The training of a model in files of Keras: compiled losses and metrics, and the optimizer with its state.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/files/keras/keras_model.hpp"
#include "models/graph/model.hpp"
#include "optim/optimizer.hpp"
#include "training/metrics/objective.hpp"

namespace xtape {

/// A model and its training, as Keras has saved them.
struct KerasTraining {
  Model model;                           ///< the model with its weights
  std::optional<Losses> loss;            ///< the compiled losses; none only if `left_out` says so
  Metrics metrics;                       ///< the compiled metrics
  std::shared_ptr<Optimizer> optimizer;  ///< with its state; null only if `left_out` says so
  /// What was not converted, in words. Empty unless LoadKerasTrainingOptions::strict is false.
  std::vector<std::string> left_out;
};

/// Options of load_keras_training().
struct LoadKerasTrainingOptions {
  std::map<std::string, LayerFactory> custom_layers = {};  ///< as in LoadKerasModelOptions
  std::map<std::string, Loss> custom_losses = {};          ///< by the name or class of the loss in Keras
  std::map<std::string, Metric> custom_metrics = {};       ///< by the name or class of the metric in Keras
  /// Whether anything that cannot be converted is an Error. Otherwise it is listed in KerasTraining::left_out.
  bool strict = true;
};

/// Reads a compiled model from a file that Keras has saved (see load_keras_model), so that training continues with the
/// steps that Keras would do next:
///
///   KerasTraining run = load_keras_training("model.keras");
///   fit(run.model, *run.optimizer, data, {.epochs = 5, .loss = *run.loss, .metrics = run.metrics});
///
/// The optimizer has the options, the learning rate or its schedule, the number of steps and the state of Keras's, by
/// the formula of the version that wrote the file. A loss of probabilities (from_logits=False) becomes
/// binary_cross_entropy or categorical_cross_entropy, a loss of logits becomes sigmoid_cross_entropy or
/// softmax_cross_entropy. The string "accuracy" becomes binary_accuracy if the output is one number, else accuracy.
///
/// Error with the path as in load_keras_model(), if the model was not compiled, and if the state does not fit the
/// model. Error that lists, in words, every loss, metric and option of the optimizer that xtape does not have; with
/// `strict = false` they are left out, and the rest is read.
KerasTraining load_keras_training(const std::filesystem::path& path, const LoadKerasTrainingOptions& options = {});

/// Options of save_keras_training(): those of fit().
struct SaveKerasTrainingOptions {
  Losses loss = loss::softmax_cross_entropy();  ///< one loss, or one for each output of the model
  Metrics metrics = {};                         ///< the metrics
};

/// Writes a model as save_keras_model() does to a .keras archive, compiled with the losses and metrics and with the
/// optimizer and its state, so that `keras.models.load_model(path).fit(...)` continues the training in Keras 3. The
/// optimizer must have all trainable parameters of the model. softmax_cross_entropy and categorical_cross_entropy
/// become SparseCategoricalCrossentropy, which takes class numbers, or with label_smoothing CategoricalCrossentropy,
/// which takes distributions.
///
/// Error with the path as in save_keras_model(); for losses and metrics that fit() rejects; for .h5, from which Keras 3
/// does not restore an optimizer; and for what Keras does not have: a custom loss, metric or schedule, an L2 weight
/// decay, parameter groups, epsilon_outside, momentum_decay.
void save_keras_training(const Model& model, const Optimizer& optimizer, const std::filesystem::path& path,
                         const SaveKerasTrainingOptions& options = {});

}  // namespace xtape
