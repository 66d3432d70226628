// The frame of a worker: a process that runs steps on command and sleeps in between.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "benchmarks/workload.hpp"

namespace xtape::bench {

/// The implementation of a workload by xtape or libtorch.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  /// What the network computes with its initial weights, for the comparison of the two sides: "outputs" as a list, and
  /// in training "loss" and "gradients", the norm of the gradient of each kernel by its name. May contain other facts.
  virtual nlohmann::json digest() = 0;
  virtual void step() = 0;
  /// The number of reported units in a step: 1, or the number of directions of a gradient check.
  virtual double units_per_step() const { return 1; }
};

/// The options that the driver passes to a worker on the command line.
struct WorkerOptions {
  Workload workload;
  int threads = 1;
  /// The path of a safetensors file with the weights by their path ("conv1/kernel"), "images" and "labels". xtape's
  /// worker writes it, unless the path is empty; libtorch's worker reads it.
  std::string data;
  /// If not empty, the path of an ONNX file of the network. xtape's worker writes it; the one for ONNX files reads it.
  std::string onnx;
  int warm_up = 3;             ///< number of steps before the first measured one
  bool channels_last = false;  ///< memory format of images in libtorch's worker; xtape always has channels last
};

/// The main function of a worker. Creates the work, runs the warm-up and prints "ready <digest>". Then it replies to
/// the lines on its input: to "run K" with "seconds [...]", the elapsed time per unit for each of K steps; to "quit" or
/// the end of the input with "memory <peak resident bytes>". While it waits it is blocked in a read. Returns the exit
/// status: 0, or 2 after a message on standard error.
int serve(int argc, char** argv, const std::function<std::unique_ptr<Work>(const WorkerOptions&)>& make);

}  // namespace xtape::bench
