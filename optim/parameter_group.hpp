// Parameters of an optimizer that have settings of their own.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "framework/autograd/parameter.hpp"

namespace xtape {

/// Selects parameters by name or by a predicate, and says how their updates differ. Of several groups the first one
/// that selects a parameter counts; a parameter that none selects has the optimizer's own settings. No weight decay for
/// biases and normalization:
///
///   AdamW adamw(model.parameters(), {.groups = {{.names = {"*/bias", "*/gamma", "*/beta"}, .weight_decay = 0}}});
struct ParameterGroup {
  /// Patterns as of file names, of which one has to match the whole path: * stands for any characters, "/" too, ? for
  /// one, [ab] for one of these.
  std::vector<std::string> names = {};
  /// Selects in addition to the names.
  std::function<bool(const Parameter& parameter)> predicate = {};
  double learning_rate_factor = 1;                    ///< times the optimizer's learning rate
  std::optional<double> weight_decay = std::nullopt;  ///< instead of the optimizer's
  bool frozen = false;                                ///< the optimizer leaves them as they are
};

/// "*/bias */gamma: learning_rate_factor 1, weight_decay 0, frozen false".
std::string to_string(const ParameterGroup& group);

/// For each parameter the number of the first group that selects it. Error with the optimizer's name when a group has
/// an option out of range, or selects no parameter that the groups before it leave.
std::vector<std::optional<std::size_t>> assign_groups(const std::string& optimizer,
                                                      const std::vector<Parameter>& parameters,
                                                      const std::vector<ParameterGroup>& groups);

}  // namespace xtape
