// Progress: shows the progress of a training run and the estimated time left, on a terminal or in a log.
#pragma once

#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

#include "models/graph/terminal.hpp"
#include "training/callbacks/callback.hpp"

namespace xtape {

/// Seconds on a monotonic clock.
double steady_seconds();
/// A duration as text: "0:42", "12:05", "1:02:03".
std::string duration_text(double seconds);

/// The output of Progress. The defaults are standard output and the monotonic clock.
struct ProgressOutput {
  /// The stream to write to.
  std::ostream* stream = &std::cout;
  std::function<int()> columns = terminal_columns;  ///< current width of the terminal; 0: not a terminal
  /// Returns the time in seconds.
  std::function<double()> seconds = steady_seconds;
};

/// The size of a run.
struct ProgressPlan {
  int epochs = 1;                       ///< number of the last epoch
  std::int64_t samples = 0;             ///< number of training samples in each epoch
  std::int64_t validation_samples = 0;  ///< number of validation samples in each epoch
};

/// Shows the progress of training. On a terminal it redraws one line, at most ten times a second. The line never wraps:
/// parts that do not fit are left out, the least important first; the loss and the first metric are left out last. In
/// other output it writes one line for each epoch, and within an epoch at most one line every ten seconds.
///
/// The time left is the sum of three estimates: the rest of this epoch, at the speed measured since it began; its
/// validation, at its own speed once it has begun; and the remaining epochs, at the mean time of the finished epochs,
/// including the time between them. In the first epoch, before any validation, validating a sample is assumed to take a
/// third of the time of training on it.
class Progress final : public Callback {
 public:
  /// Progress of a run of this size.
  explicit Progress(ProgressPlan plan, ProgressOutput output = {});
  /// Ends the line that is being redrawn, so that an error message begins on a new line.
  ~Progress() override;

  /// The functions that fit calls. They call the functions below.
  void epoch_begin(TrainingState& run) override {
    plan_.samples = run.samples_of(run.batches);  // with steps_per_epoch, epochs may have different numbers of samples
    begin_epoch(run.epoch, run.running.samples());
  }
  void batch_end(TrainingState& run) override { update(run.running.samples(), run.running.figures()); }
  void validation_batch_end(TrainingState& run) override { update_validation(run.validated); }
  void epoch_end(TrainingState& run) override { end_epoch(run.history.last()); }
  /// Writes why the run stopped, if it did.
  void train_end(TrainingState& run) override;

  /// Begins epoch number `epoch`, counted from 1. `done` is the number of its samples that were done before an
  /// interruption.
  void begin_epoch(int epoch, std::int64_t done = 0);
  /// Shows that `samples` samples of the epoch are done, and the figures so far.
  void update(std::int64_t samples, const Figures& figures);
  /// Shows that `samples` samples are validated.
  void update_validation(std::int64_t samples);
  /// Shows the figures of an epoch.
  void end_epoch(const EpochResult& result);

  /// Estimated seconds until the end of the epoch; below 0 before the first samples are done.
  double left_in_epoch() const;
  /// Estimated seconds until the end of the run; below 0 before the first samples are done.
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
  int epoch_ = 0, finished_ = 0;  // number of the current epoch; number of finished epochs
  std::int64_t samples_ = 0;      // done in this epoch
  std::int64_t first_ = 0;        // those of samples_ that were done before an interruption
  double epoch_start_ = 0;        // times below are in seconds since the start of the run
  double last_update_ = 0;
  double last_shown_ = 0;
  double validation_seconds_ = -1;  // measured in this epoch or the previous one; below 0: unknown
  bool line_open_ = false;
};

}  // namespace xtape
