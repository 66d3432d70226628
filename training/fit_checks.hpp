// The checks that fit, evaluate and predict do before they begin. The Errors begin with the name `function`.
#pragma once

#include <string>
#include <string_view>

#include "training/fit.hpp"

namespace xtape {

/// What an input of the model takes: "inputs (None, 3) for model m", with several inputs "... for left of model m".
std::string input_text(const Model& model, std::size_t index);
/// Error unless the data has as many inputs as the model, with the same shapes.
void check_inputs(std::string_view function, const Model& model, const Dataset& data);
/// Error unless check_inputs() succeeds, each output of the model has a target, and an output for classes has at least
/// two values, one for each class.
void check_data(std::string_view function, const Model& model, const Dataset& data);
/// Error when a loss takes logits but an activation was applied to the output, or when the loss would be constant.
void check_losses(std::string_view function, const Model& model, const Objective& objective);
/// Error when a loss cannot use the targets or weights of the data: another shape, rows that are not distributions, or
/// weights that are all 0.
void check_targets(std::string_view function, const Model& model, const Dataset& data, const Objective& objective,
                   const std::vector<double>& class_weights = {});
/// Error when the loss takes probabilities and an output is not in [0, 1].
void check_outputs(std::string_view function, const Loss& loss, const Tensor& outputs);
/// The first layer that computes over all shards of a batch, BatchNormalization with `synchronized`; null if there is
/// none.
const Layer* synchronized_layer(const Model& model);
/// Error when the model has such a layer and the shards of a batch do not run at the same time, each on its own rank,
/// or are empty in the smallest batch.
void check_synchronized(std::string_view function, const Model& model, const Shards& shards, std::int64_t smallest);
/// Error when a loss is that of a whole batch and each batch is computed in so many parts.
void check_parts(std::string_view function, const Objective& objective, std::int64_t parts);
/// All of that but the outputs for fit, and its options.
void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options);

}  // namespace xtape
