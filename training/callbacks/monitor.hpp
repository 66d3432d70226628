// Monitor: a figure of the epochs that callbacks watch, and which way is better.
#pragma once

#include <string>

#include "training/history.hpp"

namespace xtape {

struct TrainingState;

/// A figure by its name, "val_loss". The losses and metrics of the run say whether it is better the smaller or the
/// larger it is.
class Monitor {
 public:
  /// `who` watches, for messages. Error for an empty name.
  Monitor(std::string who, std::string figure);

  /// Name of the figure.
  const std::string& figure() const { return figure_; }
  /// Takes from the run which way is better. Error unless it will measure the figure.
  void begin(const TrainingState& run);
  /// The figure of an epoch.
  double value(const EpochResult& epoch) const { return epoch[figure_]; }
  /// Whether a value is better than the best by more than min_delta; one that is not a number never is.
  bool improves(double value, double best, double min_delta) const;
  /// What every value improves on.
  double worst() const;

 private:
  std::string who_, figure_;
  bool larger_is_better_ = false;
};

}  // namespace xtape
