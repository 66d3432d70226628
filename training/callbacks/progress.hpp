// Progress: where a training run stands and how long it will take, on a terminal or in a log.
#pragma once

#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

#include "models/graph/terminal.hpp"
#include "training/callbacks/callback.hpp"

namespace xtape {

/// Seconds on a clock that never goes back.
double steady_seconds();
/// "0:42", "12:05", "1:02:03".
std::string duration_text(double seconds);

/// Where progress is shown. The defaults are standard output and the real clock.
struct ProgressOutput {
  /// Where progress is written.
  std::ostream* stream = &std::cout;
  std::function<int()> columns = terminal_columns;  ///< asked before every line; 0: not a terminal
  /// The clock, in seconds.
  std::function<double()> seconds = steady_seconds;
};

/// What a run is going to do.
struct ProgressPlan {
  int epochs = 1;                       ///< number of the last epoch
  std::int64_t samples = 0;             ///< trained on in each epoch
  std::int64_t validation_samples = 0;  ///< evaluated after each epoch
};

/// On a terminal, one line that is redrawn at most ten times a second and never wraps: what does not fit the width is
/// left out, the least important first: of the figures all but the loss and the first metric. Elsewhere a line an
/// epoch, and within an epoch one every ten seconds at most.
///
/// Time left: the rest of this epoch at the speed measured since it began, then the validation (at its own speed once
/// it has begun), then the epochs to come at the mean time of those that are over, everything between them included. In
/// the first epoch, when neither is known, validating a sample is taken to cost a third of training on it.
class Progress final : public Callback {
 public:
  /// For a run with this plan.
  explicit Progress(ProgressPlan plan, ProgressOutput output = {});
  /// Ends the line that is being redrawn, so that an error message gets a line of its own.
  ~Progress() override;

  /// What fit tells it, by way of the functions below.
  void epoch_begin(TrainingState& run) override { begin_epoch(run.epoch, run.running.samples()); }
  void batch_end(TrainingState& run) override { update(run.running.samples(), run.running.figures()); }
  void validation_batch_end(TrainingState& run) override { update_validation(run.validated); }
  void epoch_end(TrainingState& run) override { end_epoch(run.history.last()); }
  /// Says why the run stopped, if it did.
  void train_end(TrainingState& run) override;

  /// Epoch number `epoch`, counted from 1, begins; of its samples so many were done before an interruption.
  void begin_epoch(int epoch, std::int64_t done = 0);
  /// So many samples of the epoch are done, with these figures so far.
  void update(std::int64_t samples, const Figures& figures);
  /// So many samples are validated.
  void update_validation(std::int64_t samples);
  /// Shows the figures of an epoch.
  void end_epoch(const EpochResult& result);

  /// Seconds until the end of the epoch and of the run; unknown, and below 0, before the first samples are done.
  double left_in_epoch() const;
  /// Estimated time for the rest of the run.
  double left_in_run() const;

 private:
  double now() const { return output_.seconds() - start_; }
  double seconds_per_sample() const;
  void redraw(int columns, const Figures& figures);
  void write_line(const Figures& figures);
  void show(const std::string& line, int columns);

  ProgressPlan plan_;
  ProgressOutput output_;
  double start_ = 0;              // of the run
  int epoch_ = 0, finished_ = 0;  // the current one; number of those that are over
  std::int64_t samples_ = 0;      // done in this epoch
  std::int64_t first_ = 0;        // of them, before an interruption
  double epoch_start_ = 0;        // times below are in seconds since the start of the run
  double last_update_ = 0;
  double last_shown_ = 0;
  double validation_seconds_ = -1;  // as far as this epoch or the one before tells; below 0: not known
  bool line_open_ = false;
};

}  // namespace xtape
