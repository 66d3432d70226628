// What fit, evaluate and predict refuse before they begin.
#pragma once

#include <string_view>

#include "training/fit.hpp"

namespace xtape {

/// Each throws an Error that begins with the function's name: unless images are (n, ...) of the model's input shape;
void check_images(std::string_view function, const Model& model, const Shape& images);
/// also unless the model has an output for each of the data's classes;
void check_data(std::string_view function, const Model& model, const Dataset& data);
/// when a loss is empty, or takes logits and would get what an activation made of them;
void check_loss(std::string_view function, const Model& model, const LossFunction& loss);
/// all of that for fit, and its options.
void check_fit(const Model& model, const Optimizer& optimizer, const Dataset& train, const FitOptions& options);

}  // namespace xtape
