// Where the time and the memory of training go, layer by layer.
#pragma once

#include <string>
#include <vector>

#include "training/fit.hpp"

namespace xtape {

/// Options of profile().
struct ProfileOptions {
  /// Samples for each step.
  std::int64_t batch_size = 32;
  int steps = 5;  ///< that are measured, after two that are not
  /// One loss, or one for each output.
  Losses loss = loss::softmax_cross_entropy();
};

/// Of one training step.
struct StepProfile {
  /// Time and memory of one layer or activity.
  struct Row {
    std::string name;          ///< layers that are computed together have their names joined: "bn_1 + relu_1"
    double forward = 0;        ///< seconds
    double backward = 0;       ///< seconds
    double multiply_adds = 0;  ///< of both, where there are any
    std::int64_t kept = 0;     ///< bytes that the forward pass keeps for the backward pass
  };
  std::vector<Row> layers;  ///< in the order of computation
  std::vector<Row> rest;    ///< loss, data, metrics, optimizer, progress
  double seconds = 0;       ///< the sum of all rows
  /// Bytes of all parameters.
  std::int64_t parameter_bytes = 0;
  std::int64_t between_steps = 0;  ///< bytes in use there: parameters, state of the optimizer, data
  std::int64_t peak = 0;           ///< most bytes in use at one time since the program started
};

/// Trains the model for some steps, as fit does, and measures who takes how long; goes through the data again when it
/// has too few samples for so many, and then to its end. Error as fit, unless steps >= 1, and when there is no whole
/// batch of data.
StepProfile profile(Model& model, Optimizer& optimizer, const Dataset& data, const ProfileOptions& options = {});

/// A table: milliseconds forward and back, share of the step, GFLOP/s (two for each multiply-add) and memory kept.
std::string table(const StepProfile& profile);

}  // namespace xtape
