// History: what each epoch of a training run came to.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xtape {

/// The figures of one epoch. Loss and accuracy are means over samples, as the model was when it saw them.
struct EpochResult {
  int epoch = 0;  ///< counted from 1
  double loss = 0;
  std::optional<double> accuracy = std::nullopt;         ///< 0 to 1; none when the data has no classes
  std::optional<double> validation_loss = std::nullopt;  ///< at the end of the epoch
  std::optional<double> validation_accuracy = std::nullopt;
  double learning_rate = 0;  ///< of the epoch's last step
  double seconds = 0;        ///< wall-clock time, validation included
};

/// The epochs of a run in order.
class History {
 public:
  void add(const EpochResult& epoch) { epochs_.push_back(epoch); }
  const std::vector<EpochResult>& epochs() const { return epochs_; }
  /// The last epoch. Error when there is none.
  const EpochResult& last() const;

  /// Why the run ended before its last epoch; empty when it did not.
  const std::string& stop_reason() const { return stop_reason_; }
  void set_stop_reason(std::string reason) { stop_reason_ = std::move(reason); }

  /// Writes a header row and a row an epoch, all or nothing; empty fields for what was not measured, numbers with all
  /// their digits. Error with the path when it can't be written.
  void save_csv(const std::filesystem::path& path) const;
  /// The same for reading, a line an epoch.
  std::string table() const;

 private:
  std::vector<EpochResult> epochs_;
  std::string stop_reason_;
};

}  // namespace xtape
