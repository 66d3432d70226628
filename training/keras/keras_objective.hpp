// Losses and metrics in Keras's JSON. Internal to training/keras.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/files/config_json.hpp"
#include "training/metrics/objective.hpp"

namespace xtape {

/// The losses of `loss` and `loss_weights` of a compiled model. What cannot be converted is described in `problems`,
/// and then there are none. `custom` has losses by their names or classes.
std::optional<Losses> losses_from_keras(const Json& compiled, const Model& model,
                                        const std::map<std::string, Loss>& custom, std::vector<std::string>& problems);

/// The metrics of `metrics` and `weighted_metrics`. Those that cannot be converted are described in `problems`.
Metrics metrics_from_keras(const Json& compiled, const Model& model, const std::map<std::string, Metric>& custom,
                           std::vector<std::string>& problems);

/// The arguments loss, loss_weights, metrics and weighted_metrics of compile() in Keras 3. Error for what Keras does
/// not have.
Json objective_to_keras(const Objective& objective);

}  // namespace xtape
