// Measurement of one workload with both workers, alternately.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/workload.hpp"

namespace xtape::bench {

/// The other side of a comparison.
struct Peer {
  std::string name = "libtorch";
  /// The program and first arguments of its worker, which has the options and the protocol of serve() (worker.hpp). If
  /// empty, only xtape is measured.
  std::vector<std::string> command = {};
  /// Whether it runs the ONNX file that xtape's worker writes; such a worker measures inference only.
  bool reads_onnx = false;

  bool can_run(const Workload& workload) const;
};

struct MeasurementOptions {
  std::filesystem::path xtape_worker;
  Peer peer = {};
  int rounds = 5;
  /// A turn has as many steps as fit into this time, and at least `least_steps`.
  double turn_seconds = 2;
  int least_steps = 3;
  int warm_up = 3;
};

/// The result of one side.
struct SideResult {
  std::vector<double> seconds = {};  ///< for each round the median time of a step or, for gradcheck, of a direction
  std::int64_t peak_bytes = 0;       ///< largest physical memory of the process from start to end
  /// The largest processor time that the process used during a turn of the other side, as a share of that turn. It
  /// should be 0.
  double idle_share = 0;
  int steps_a_turn = 0;
};

struct Measurement {
  Workload workload;
  int threads = 1;
  std::string peer_name = "libtorch";
  SideResult ours = {};
  std::optional<SideResult> peer = {};
  /// Why the peer was not measured: its worker failed or computes different results. Empty if it was measured or
  /// cannot run the workload.
  std::string refused = "";
  std::vector<double> ratios = {};  ///< ours / peer, for each round
  double multiply_adds = 0;         ///< of a step or, for gradcheck, of a direction
  bool float64 = false;
  std::vector<double> peaks = {};  ///< the FMA peak (measure_peak) before each round
  /// The memory format of libtorch: the faster one in a trial before the first round.
  bool peer_channels_last = false;
  nlohmann::json agreement = {};  ///< relative differences of outputs, loss and gradients (Agreement::found)

  double operations_per_second() const;
  /// operations_per_second() as a share of the FMA peak in the same rounds; for float64, of half that peak.
  double share_of_peak() const;
};

/// Starts both workers, libtorch with the memory format that is faster in a short trial. Compares what they compute,
/// and then lets them run alternately: xtape, peer, xtape, peer, ... Prints progress to standard error. Throws Error if
/// the worker of xtape fails.
Measurement measure(const Workload& workload, int threads, const MeasurementOptions& options);

}  // namespace xtape::bench
