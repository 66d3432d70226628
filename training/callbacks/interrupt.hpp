// StopOnInterrupt: ends a run in order after Ctrl-C.
#pragma once

#include <array>
#include <csignal>

#include "training/callbacks/callback.hpp"

namespace xtape {

/// While an object of this class exists, the first SIGINT (Ctrl-C) or SIGTERM only sets a flag, and the callback then
/// ends the run after the current step or validation batch. A second signal ends the program at once, by the default
/// action. With a Checkpoint callback the run can be resumed later. A signal that is ignored stays ignored. The
/// destructor restores the previous signal handlers. It is a callback that a program has to add, because a library must
/// not handle signals without a request. Error when another object of this class exists.
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

/// The signal that the last StopOnInterrupt received; 0 if none. A program that ends because of it should exit with 128
/// + signal.
int interrupt_signal();

}  // namespace xtape
