// Monitor: a figure that a callback watches, and whether larger or smaller values are better.
#pragma once

#include <string>

#include "training/history.hpp"

namespace xtape {

struct TrainingState;

/// A figure by its name, such as "val_loss". The losses and metrics of the run determine whether larger or smaller
/// values are better.
class Monitor {
 public:
  /// `who` is the name of the callback, for messages. Error for an empty name of the figure.
  Monitor(std::string who, std::string figure);

  /// Name of the figure.
  const std::string& figure() const { return figure_; }
  /// Looks up the figure in the run. Error when the run does not measure it.
  void begin(const TrainingState& run);
  /// The figure of an epoch.
  double value(const EpochResult& epoch) const { return epoch[figure_]; }
  /// Whether `value` is better than `best` by more than min_delta; false for NaN.
  bool improves(double value, double best, double min_delta) const;
  /// The value that every finite value improves: infinity or -infinity.
  double worst() const;

 private:
  std::string who_, figure_;
  bool larger_is_better_ = false;
};

}  // namespace xtape
