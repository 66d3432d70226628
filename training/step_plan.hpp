// StepPlan: the batches of each step of a run.
#pragma once

#include <algorithm>
#include <cstdint>

namespace xtape {

/// Each traversal of a data set uses every sample once, in a separate order. The batches of all traversals, one after
/// the other, form one endless sequence. An epoch consists of the next `epoch` batches, and a step of the next
/// `accumulate` batches, or fewer at the end of the epoch.
struct StepPlan {
  std::int64_t samples = 1;     ///< number of samples in the data set
  std::int64_t batch_size = 1;  ///< samples in each batch; the last batch of a traversal may be smaller
  std::int64_t traversal = 1;   ///< number of batches in a traversal
  std::int64_t epoch = 1;       ///< number of batches in an epoch: those of one traversal unless steps_per_epoch is set
  /// Number of batches in a step.
  std::int64_t accumulate = 1;

  /// Number of steps in an epoch.
  std::int64_t steps() const { return (epoch - 1) / accumulate + 1; }
  /// Number of batches in the first `step` steps of an epoch.
  std::int64_t batches(std::int64_t step) const { return std::min(epoch, step * accumulate); }
  /// Number of samples in the first `batches` batches of the sequence.
  std::int64_t samples_before(std::int64_t batches) const {
    const std::int64_t of_traversal = std::min(samples, traversal * batch_size);
    return batches / traversal * of_traversal + std::min(of_traversal, batches % traversal * batch_size);
  }
};

}  // namespace xtape
