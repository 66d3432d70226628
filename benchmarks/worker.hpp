// The worker's side of the benchmark: a process that does steps when it is told to, and sleeps in between.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "benchmarks/workload.hpp"

namespace xtape::bench {

/// A workload as one of the sides does it.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  /// What the network computes before anything has changed it, to be held against the other side's: "outputs" as a
  /// list; in training "loss" and "gradients", the norm of each kernel's gradient by its name. May add other facts.
  virtual nlohmann::json digest() = 0;
  virtual void step() = 0;
  /// A step may stand for several units of what is reported (directions of a gradient check).
  virtual double units_per_step() const { return 1; }
};

/// What the driver gives a worker on its command line.
struct WorkerOptions {
  Workload workload;
  int threads = 1;
  /// A safetensors file with the weights by their path ("conv1/kernel"), "images" and "labels". xtape's worker writes
  /// it, the other one reads it; empty when there is no other.
  std::string data;
  int warm_up = 3;             ///< steps that are not measured
  bool channels_last = false;  ///< how libtorch's worker has images in memory; xtape always has them so
};

/// Makes the work, prints "ready <digest>", and then answers the lines it reads: "run K" with "seconds [...]", the wall
/// time a unit of K steps; "quit", or the end of the input, with "memory <peak resident bytes>". While it waits for a
/// line it is blocked in a read. Returns the exit status: 0, or 2 with a message on standard error.
int serve(int argc, char** argv, const std::function<std::unique_ptr<Work>(const WorkerOptions&)>& make);

}  // namespace xtape::bench
