// Measures one workload on both sides, in turn.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/workload.hpp"

namespace xtape::bench {

struct MeasurementOptions {
  std::filesystem::path xtape_worker;
  /// Empty: xtape alone is measured.
  std::filesystem::path libtorch_worker = {};
  int rounds = 5;
  /// Each turn does as many steps as fit into this, and at least `least_steps`.
  double turn_seconds = 2;
  int least_steps = 3;
  int warm_up = 3;
};

/// What one side came to.
struct SideResult {
  std::vector<double> seconds = {};  ///< a step, or a direction: the median of each round
  std::int64_t peak_bytes = 0;       ///< most physical memory of the process, from its start to its end
  /// Most processor time that the process used in a turn of the other side, as a share of that turn: 0 when it sleeps.
  double idle_share = 0;
  int steps_a_turn = 0;
};

struct Measurement {
  Workload workload;
  int threads = 1;
  SideResult ours = {};
  std::optional<SideResult> peer = {};
  /// Why there is no peer's column although there is a peer: the sides do not compute the same.
  std::string refused = "";
  std::vector<double> ratios = {};  ///< ours / peer, of each round
  double multiply_adds = 0;         ///< of a step, or of a direction
  bool float64 = false;
  std::vector<double> peaks = {};   ///< float32 operations a second of the bare processor, before each round
  bool peer_channels_last = false;  ///< how libtorch has images in memory: what was faster before the first round
  nlohmann::json agreement = {};    ///< how far the sides' outputs, loss and gradients are apart

  double operations_per_second() const;
  /// Of the processor's peak in the same rounds, halved for float64.
  double share_of_peak() const;
};

/// Starts both workers, libtorch's in the memory layout that a short trial shows to be the faster, compares what they
/// compute before anything is timed, and then lets them do their steps in turn: xtape, libtorch, xtape, libtorch, ...
/// Progress goes to standard error. Error when xtape's worker fails.
Measurement measure(const Workload& workload, int threads, const MeasurementOptions& options);

}  // namespace xtape::bench
