// Monitor: a figure of the epochs that callbacks watch, and which way is better.
#pragma once

#include <string>

#include "training/callback.hpp"

namespace xtape {

/// One of "loss", "accuracy", "validation_loss", "validation_accuracy". A loss is better the smaller it is, an accuracy
/// the larger (Keras's mode "auto").
class Monitor {
 public:
  /// `who` watches, for messages. Error for another figure.
  Monitor(std::string who, std::string figure);

  const std::string& figure() const { return figure_; }
  /// Error unless the run will measure it.
  void require_measured(const TrainingState& run) const;
  double value(const EpochResult& epoch) const;
  /// Whether a value is better than the best by more than min_delta; one that is not a number never is.
  bool improves(double value, double best, double min_delta) const;
  /// What every value improves on.
  double worst() const;

 private:
  std::string who_, figure_;
  bool larger_is_better_;
};

}  // namespace xtape
