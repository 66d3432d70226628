// StepPlan: which batches of a data set the steps of a run learn from.
#pragma once

#include <algorithm>
#include <cstdint>

namespace xtape {

/// The batches of the passes over a data set, one pass after the other, are one endless sequence. An epoch takes the
/// next `epoch` of them, a step the next `accumulate`, or what is left of the epoch.
struct StepPlan {
  std::int64_t samples = 1;     ///< of the data set
  std::int64_t batch_size = 1;  ///< of all batches of a pass but, perhaps, its last
  std::int64_t pass = 1;        ///< batches of a pass
  std::int64_t epoch = 1;       ///< batches of an epoch: a whole pass unless steps_per_epoch says otherwise
  /// Batches for each step.
  std::int64_t accumulate = 1;

  /// Steps of an epoch.
  std::int64_t steps() const { return (epoch - 1) / accumulate + 1; }
  /// Batches of the first `step` steps of an epoch.
  std::int64_t batches(std::int64_t step) const { return std::min(epoch, step * accumulate); }
  /// Samples of the first `batches` batches of the sequence.
  std::int64_t samples_before(std::int64_t batches) const {
    const std::int64_t of_pass = std::min(samples, pass * batch_size);
    return batches / pass * of_pass + std::min(of_pass, batches % pass * batch_size);
  }
};

}  // namespace xtape
