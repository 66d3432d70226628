#include "optim/parameter_group.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>

namespace xtape {
namespace {

bool selects(const ParameterGroup& group, const Parameter& parameter) {
  const auto matches = [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), parameter.name().c_str(), 0) == 0;
  };
  return std::ranges::any_of(group.names, matches) || (group.predicate && group.predicate(parameter));
}

std::string selection_text(const ParameterGroup& group) {
  std::vector<std::string> parts = group.names;
  if (group.predicate) parts.emplace_back("(predicate)");
  return fmt::format("{}", fmt::join(parts, " "));
}

}  // namespace

std::string to_string(const ParameterGroup& group) {
  const std::string decay = group.weight_decay ? fmt::format(", weight_decay {}", *group.weight_decay) : "";
  return fmt::format("{}: learning_rate_factor {}{}, frozen {}", selection_text(group), group.learning_rate_factor,
                     decay, group.frozen);
}

std::vector<std::optional<std::size_t>> assign_groups(const std::string& optimizer,
                                                      const std::vector<Parameter>& parameters,
                                                      const std::vector<ParameterGroup>& groups) {
  std::vector<std::optional<std::size_t>> assigned(parameters.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const ParameterGroup& group = groups[g];
    for (const auto& [option, value] : {std::pair("learning_rate_factor", group.learning_rate_factor),
                                        std::pair("weight_decay", group.weight_decay.value_or(0))}) {
      check(std::isfinite(value) && value >= 0, "{}: expected a finite {} of at least 0 in group {}, got {}", optimizer,
            option, g + 1, value);
    }
    bool any = false;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (assigned[i] || !selects(group, parameters[i])) continue;
      assigned[i] = g;
      any = true;
    }
    check(any,
          "{}: expected each group to select a parameter that no group before it selects, got none for group {} "
          "\"{}\"; names are paths such as {}",
          optimizer, g + 1, selection_text(group), parameters.empty() ? "conv1/kernel" : parameters.front().name());
  }
  return assigned;
}

}  // namespace xtape
