// What fit, evaluate and predict refuse before they begin.
#pragma once

#include <string_view>

#include "training/fit.hpp"

namespace xtape {

/// Each throws an Error that begins with the function's name: unless the data's inputs are as many as the model's and
/// have their shapes;
void check_inputs(std::string_view function, const Model& model, const Dataset& data);
/// also unless there is a target for each output, and an output for each of its classes, of which there are at least
/// two;
void check_data(std::string_view function, const Model& model, const Dataset& data);
/// when a loss takes logits and would get what an activation made of them, or would be the same for whatever the model
/// gives;
void check_losses(std::string_view function, const Model& model, const Objective& objective);
/// when the data's targets or weights are none that the losses can learn from: of another shape, rows that are no
/// distribution, weights that are all 0;
void check_targets(std::string_view function, const Model& model, const Dataset& data, const Objective& objective,
                   const std::vector<double>& class_weights = {});
/// when the loss takes probabilities and the outputs are none;
void check_outputs(std::string_view function, const Loss& loss, const Tensor& outputs);
/// when layers of the model compute over a whole batch (BatchNormalization with `synchronized`) and its shards do not
/// run at the same time, each on its own rank, or are empty in the smallest batch;
void check_synchronized(std::string_view function, const Model& model, const Shards& shards, std::int64_t smallest);
/// all of that but the outputs for fit, and its options.
void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options);

}  // namespace xtape
