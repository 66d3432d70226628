// StepPlan: the batches of each step of a run.
#pragma once

#include <algorithm>
#include <cstdint>

namespace xtape {

/// The batches of all passes over a data set, one pass after the other, form one endless sequence. An epoch consists of
/// the next `epoch` batches, and a step of the next `accumulate` batches, or fewer at the end of the epoch.
struct StepPlan {
  std::int64_t samples = 1;     ///< number of samples in the data set
  std::int64_t batch_size = 1;  ///< samples in each batch of a pass; the last batch may be smaller
  std::int64_t pass = 1;        ///< number of batches in a pass
  std::int64_t epoch = 1;       ///< number of batches in an epoch: those of one pass unless steps_per_epoch is set
  /// Number of batches in a step.
  std::int64_t accumulate = 1;

  /// Number of steps in an epoch.
  std::int64_t steps() const { return (epoch - 1) / accumulate + 1; }
  /// Number of batches in the first `step` steps of an epoch.
  std::int64_t batches(std::int64_t step) const { return std::min(epoch, step * accumulate); }
  /// Number of samples in the first `batches` batches of the sequence.
  std::int64_t samples_before(std::int64_t batches) const {
    const std::int64_t of_pass = std::min(samples, pass * batch_size);
    return batches / pass * of_pass + std::min(of_pass, batches % pass * batch_size);
  }
};

}  // namespace xtape
