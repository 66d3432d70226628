// profile: measures the time and the memory of each layer in training.
#pragma once

#include <string>
#include <vector>

#include "training/fit.hpp"

namespace xtape {

/// Options of profile().
struct ProfileOptions {
  /// Samples in each step.
  std::int64_t batch_size = 32;
  int steps = 5;  ///< number of measured steps; two steps before them are not measured
  /// One loss, or one for each output of the model.
  Losses loss = loss::softmax_cross_entropy();
};

/// Time and memory of one training step.
struct StepProfile {
  /// Time and memory of a layer or another activity.
  struct Row {
    std::string name;          ///< layers that are computed together have joined names: "bn_1 + relu_1"
    double forward = 0;        ///< seconds
    double backward = 0;       ///< seconds
    double multiply_adds = 0;  ///< of both passes; 0 if unknown
    std::int64_t kept = 0;     ///< bytes that the forward pass saves for the backward pass
  };
  std::vector<Row> layers;  ///< in the order of computation
  std::vector<Row> rest;    ///< loss, data, metrics, optimizer, progress
  double seconds = 0;       ///< the sum of all rows
  /// Bytes of all parameters.
  std::int64_t parameter_bytes = 0;
  std::int64_t between_steps = 0;  ///< bytes in use between steps: parameters, state of the optimizer, data
  std::int64_t peak = 0;           ///< largest number of bytes in use since the program started
};

/// Trains the model for some steps, as fit does, and measures the time of each layer and activity. If the data has too
/// few samples for all steps, the data is traversed several times. Error unless steps >= 1 and the data has at
/// least one whole batch; other Errors as in fit.
StepProfile profile(Model& model, Optimizer& optimizer, const Dataset& data, const ProfileOptions& options = {});

/// A table with milliseconds of the forward and backward pass, share of the step, GFLOP/s (two for each multiply-add)
/// and saved memory.
std::string table(const StepProfile& profile);

}  // namespace xtape
