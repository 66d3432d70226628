// Groups of parameters with separate settings in an optimizer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "framework/autograd/parameter.hpp"

namespace xtape {

/// Selects parameters by name or by a predicate, and gives them separate settings. If several groups select a
/// parameter, the first one applies. A parameter that no group selects has the settings of the optimizer. For example,
/// no weight decay for biases and normalization:
///
///   AdamW adamw(model.parameters(), {.groups = {{.names = {"*/bias", "*/gamma", "*/beta"}, .weight_decay = 0}}});
struct ParameterGroup {
  /// Patterns like those of file names. A parameter is selected if one of them matches its whole path: * matches any
  /// characters including "/", ? matches one character, [ab] matches one of these characters.
  std::vector<std::string> names = {};
  /// Selects the parameters for which it returns true, in addition to the names.
  std::function<bool(const Parameter& parameter)> predicate = {};
  double learning_rate_factor = 1;                    ///< factor of the optimizer's learning rate
  std::optional<double> weight_decay = std::nullopt;  ///< replaces the weight decay of the optimizer
  bool frozen = false;                                ///< whether the optimizer does not change these parameters
};

/// The group as text: "*/bias */gamma: learning_rate_factor 1, weight_decay 0, frozen false".
std::string to_string(const ParameterGroup& group);

/// The index of the first group that selects each parameter; none if no group does. Error with the name of the
/// optimizer if a group has an option out of range, or if it selects no parameter except those of earlier groups.
std::vector<std::optional<std::size_t>> assign_groups(const std::string& optimizer,
                                                      const std::vector<Parameter>& parameters,
                                                      const std::vector<ParameterGroup>& groups);

}  // namespace xtape
