// History: what each epoch of a training run came to.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "training/metrics/figures.hpp"

namespace xtape {

/// One epoch and its figures: "loss" and the metrics, means over samples as the model was when it saw them; the same of
/// the validation at the end of the epoch ("val_loss", ...); "learning_rate" of the epoch's last step; "seconds" of
/// wall-clock time, validation included.
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
  /// The names of all figures, in the order in which they first came.
  std::vector<std::string> names() const;

  /// Why the run ended before its last epoch; empty when it did not.
  const std::string& stop_reason() const { return stop_reason_; }
  /// Sets the reason that stop_reason() returns.
  void set_stop_reason(std::string reason) { stop_reason_ = std::move(reason); }

  /// Writes a header row and a row an epoch, all or nothing; a column for each figure, empty fields for what was not
  /// measured, numbers with all their digits. Error with the path when it can't be written.
  void save_csv(const std::filesystem::path& path) const;
  /// The same for reading, a line an epoch.
  std::string table() const;

 private:
  std::vector<EpochResult> epochs_;
  std::string stop_reason_;
};

}  // namespace xtape
