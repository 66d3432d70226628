// StopOnInterrupt: Ctrl-C ends a run in good order.
#pragma once

#include <array>
#include <csignal>

#include "training/callbacks/callback.hpp"

namespace xtape {

/// While it exists, the first SIGINT (Ctrl-C) or SIGTERM is only noted, and as a callback it then ends the run after
/// the batch; a second one ends the program at once, as if this were not there. With a Checkpoint beside it the run can
/// go on later. A signal that is ignored stays ignored. The destructor puts back what was done with signals before. A
/// library must not take a program's signals unasked, so this is a callback that a program gives to fit. Error when
/// there is one already.
class StopOnInterruptCallback final : public Callback {
 public:
  StopOnInterruptCallback();
  ~StopOnInterruptCallback() override;
  /// Requests a stop after a signal.
  void batch_end(TrainingState& run) override { stop_if_asked(run); }
  void validation_batch_end(TrainingState& run) override { stop_if_asked(run); }
  void epoch_end(TrainingState& run) override { stop_if_asked(run); }

 private:
  static void stop_if_asked(TrainingState& run);
  std::array<struct sigaction, 2> before_{};
};
using StopOnInterrupt = CallbackHandle<StopOnInterruptCallback>;

/// The signal that came to the last StopOnInterrupt, 0 when none has; programs that end because of it exit with
/// 128 + signal.
int interrupt_signal();

}  // namespace xtape
