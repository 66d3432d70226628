// What fit, evaluate and predict refuse before they begin.
#pragma once

#include <string_view>

#include "training/fit.hpp"

namespace xtape {

/// Each throws an Error that begins with the function's name: unless the model has one input and one output, and images
/// are (n, ...) of its input shape;
void check_images(std::string_view function, const Model& model, const Shape& images);
/// also unless the model has an output for each of the data's classes, and at least two;
void check_data(std::string_view function, const Model& model, const Dataset& data);
/// when a loss is empty, takes logits and would get what an activation made of them, or would be the same for whatever
/// the model gives;
void check_loss(std::string_view function, const Model& model, const LossFunction& loss);
/// when the data's labels, targets or weights, in batches of this size, are none that the loss can learn from: rows
/// that are no distribution, targets that a custom loss would broadcast against the outputs of other samples, weights
/// that are all 0;
void check_targets(std::string_view function, const Model& model, const Dataset& data, const LossFunction& loss,
                   std::int64_t batch_size, const std::vector<double>& class_weights = {});
/// when the loss takes probabilities and the outputs are none;
void check_outputs(std::string_view function, const LossFunction& loss, const Tensor& outputs);
/// all of that but the outputs for fit, and its options. Warns on standard error when parameters of the model that can
/// be trained are not the optimizer's.
void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options);

}  // namespace xtape
