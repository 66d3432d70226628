#include "training/callbacks/monitor.hpp"

#include <algorithm>
#include <limits>

#include "training/fit.hpp"

namespace xtape {

Monitor::Monitor(std::string who, std::string figure) : who_(std::move(who)), figure_(std::move(figure)) {
  check(!figure_.empty(), "{}: expected the name of a figure to watch, got an empty one", who_);
}

void Monitor::begin(const TrainingState& run) {
  const std::vector<Objective::Measure> measures = run.measures();
  const auto found = std::ranges::find(measures, figure_, &Objective::Measure::name);
  if (found == measures.end()) {
    std::vector<std::string> names;
    for (const Objective::Measure& measure : measures) names.push_back(measure.name);
    const bool of_validation = figure_.starts_with("val_") && !run.options.validation;
    fail("{}: expected to watch one of {}, got \"{}\"{}", who_, fmt::join(names, ", "), figure_,
         of_validation ? "; give FitOptions::validation or validation_split" : "");
  }
  larger_is_better_ = found->larger_is_better;
}

bool Monitor::improves(double value, double best, double min_delta) const {
  return larger_is_better_ ? value > best + min_delta : value < best - min_delta;
}

double Monitor::worst() const {
  const double infinity = std::numeric_limits<double>::infinity();
  return larger_is_better_ ? -infinity : infinity;
}

}  // namespace xtape
