// History: the figures of each epoch of a training run.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "training/metrics/figures.hpp"

namespace xtape {

/// One epoch and its figures: "loss" and the metrics, as means over samples, each measured when the model was trained
/// on it; the same figures of the validation at the end of the epoch ("val_loss", ...); "learning_rate" of the last
/// step; and "seconds" of wall-clock time, validation included.
struct EpochResult {
  int epoch = 0;  ///< counted from 1
  /// Losses, metrics, learning rate and seconds.
  Figures figures = {};

  /// A figure by its name. Error when the epoch has none of that name.
  double operator[](std::string_view name) const { return figures[name]; }
};

/// The epochs of a run in order.
class History {
 public:
  /// Appends an epoch.
  void add(EpochResult epoch) { epochs_.push_back(std::move(epoch)); }
  /// All epochs in order.
  const std::vector<EpochResult>& epochs() const { return epochs_; }
  /// The last epoch. Error when there is none.
  const EpochResult& last() const;
  /// The names of all figures, in the order of their first use.
  std::vector<std::string> names() const;

  /// The reason why the run ended before its last epoch; empty if it did not.
  const std::string& stop_reason() const { return stop_reason_; }
  /// Sets the reason that stop_reason() returns.
  void set_stop_reason(std::string reason) { stop_reason_ = std::move(reason); }

  /// Writes a CSV file with a header row and one row for each epoch. The file is written atomically. Each figure has a
  /// column; a figure that was not measured is an empty field; numbers have all significant digits. Error with the path
  /// when the file cannot be written.
  void save_csv(const std::filesystem::path& path) const;
  /// A table as text, with one line for each epoch.
  std::string table() const;

 private:
  std::vector<EpochResult> epochs_;
  std::string stop_reason_;
};

}  // namespace xtape
