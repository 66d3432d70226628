#include "training/monitor.hpp"

#include <limits>

#include "training/fit.hpp"

namespace xtape {

Monitor::Monitor(std::string who, std::string figure)
    : who_(std::move(who)), figure_(std::move(figure)), larger_is_better_(figure_.ends_with("accuracy")) {
  check(figure_ == "loss" || figure_ == "accuracy" || figure_ == "validation_loss" || figure_ == "validation_accuracy",
        "{}: expected to watch loss, accuracy, validation_loss or validation_accuracy, got \"{}\"", who_, figure_);
}

void Monitor::require_measured(const TrainingState& run) const {
  const bool of_validation = figure_.starts_with("validation");
  check(!of_validation || run.options.validation, "{}: expected to watch {}, got no validation data; give {}", who_,
        figure_, "FitOptions::validation");
  const Dataset& data = of_validation ? *run.options.validation : run.train;
  check(!larger_is_better_ || data.classes() > 0, "{}: expected to watch {}, got data without classes", who_, figure_);
}

double Monitor::value(const EpochResult& epoch) const {
  if (figure_ == "loss") return epoch.loss;
  if (figure_ == "accuracy") return epoch.accuracy.value();
  if (figure_ == "validation_loss") return epoch.validation_loss.value();
  return epoch.validation_accuracy.value();
}

bool Monitor::improves(double value, double best, double min_delta) const {
  return larger_is_better_ ? value > best + min_delta : value < best - min_delta;
}

double Monitor::worst() const {
  const double infinity = std::numeric_limits<double>::infinity();
  return larger_is_better_ ? -infinity : infinity;
}

}  // namespace xtape
