#include "benchmarks/measurement.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <thread>

#include "benchmarks/agreement.hpp"
#include "benchmarks/machine_peak.hpp"
#include "benchmarks/process.hpp"
#include "benchmarks/statistics.hpp"
#include "framework/error.hpp"
#include "framework/io/temporary_file.hpp"

namespace xtape::bench {
namespace {

namespace fs = std::filesystem;

/// Makes glibc's allocator use huge pages and keep memory. Without this, steps of libtorch are 10 % slower, because the
/// allocator returns memory to the system after every step.
const std::map<std::string, std::string> peer_environment{
    {"GLIBC_TUNABLES",
     "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=100000000000:glibc.malloc.top_pad="
     "268435456"}};

/// The pause between turns, in which the threads of the other side stop spinning. OpenMP threads spin for some
/// milliseconds.
constexpr auto settling = std::chrono::milliseconds(50);

/// Parses the JSON after `word` on a line. Error if the line does not begin with `word`.
nlohmann::json after(const std::string& word, const std::string& line) {
  check(line.starts_with(word + " "), "benchmark: expected '{} ...' of a worker, got '{}'", word, line.substr(0, 200));
  return nlohmann::json::parse(line.substr(word.size() + 1));
}

/// A running worker and its measurements.
class Side {
 public:
  Side(const std::string& name, std::vector<std::string> command, const Workload& workload, int threads,
       const fs::path& data, const MeasurementOptions& options, const std::vector<std::string>& arguments = {},
       const std::map<std::string, std::string>& environment = {})
      : name_(name + "'s worker"),
        process_(
            joined(std::move(command), joined({"--workload", to_text(workload), "--threads", std::to_string(threads),
                                               "--data", data.string(), "--warm-up", std::to_string(options.warm_up)},
                                              arguments)),
            environment),
        digest_(after("ready", process_.receive(name_))) {
    const double step = run(1).front();
    const double fitting = std::ceil(options.turn_seconds / std::max(step, 1e-6));
    result_.steps_a_turn = std::max(options.least_steps, static_cast<int>(std::min(fitting, 10000.0)));
  }

  const nlohmann::json& digest() const { return digest_; }

  /// Runs one turn and returns the median time of a step. `idle` is the side that should sleep meanwhile, or null.
  double turn(Side* idle) {
    std::this_thread::sleep_for(settling);
    const double used_before = idle ? idle->process_.processor_seconds() : 0;
    const auto start = std::chrono::steady_clock::now();
    result_.seconds.push_back(median(run(result_.steps_a_turn)));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (idle) {
      const double used = idle->process_.processor_seconds() - used_before;
      idle->result_.idle_share = std::max(idle->result_.idle_share, used / took.count());
    }
    return result_.seconds.back();
  }

  SideResult finish() {
    process_.send("quit");
    result_.peak_bytes = after("memory", process_.receive(name_));
    return result_;
  }

 private:
  static std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  std::vector<double> run(int steps) {
    process_.send(fmt::format("run {}", steps));
    return after("seconds", process_.receive(name_));
  }

  std::string name_;
  Process process_;
  nlohmann::json digest_;
  SideResult result_;
};

/// Whether libtorch is faster with the memory format channels_last. oneDNN has kernels for both formats; which are
/// faster depends on the instruction set, the pass and the batch. Each format is tried in a separate process.
bool channels_last_is_faster(const std::function<std::unique_ptr<Side>(bool)>& libtorch) {
  const auto step_seconds = [&](bool channels_last) { return libtorch(channels_last)->turn(nullptr); };
  return step_seconds(true) <= step_seconds(false);
}

/// Starts the worker of the peer, in its best settings.
std::unique_ptr<Side> best_peer(const fs::path& data, const MeasurementOptions& options, Measurement& result) {
  const auto start = [&](const std::vector<std::string>& arguments) {
    return std::make_unique<Side>(options.peer.name, options.peer.command, result.workload, result.threads, data,
                                  options, arguments, peer_environment);
  };
  if (options.peer.reads_onnx) {
    const std::vector<std::string> onnx{"--onnx", (data.parent_path() / "network.onnx").string()};
    // A process of its own, so that the memory for the file is not measured.
    const Side writer("xtape", {options.xtape_worker}, result.workload, result.threads, data, options, onnx);
    return start(onnx);
  }
  const auto libtorch = [&](bool channels_last) {
    return start({channels_last ? "--channels-last=true" : "--channels-last=false"});
  };
  result.peer_channels_last = channels_last_is_faster(libtorch);
  return libtorch(result.peer_channels_last);
}

/// Starts the worker of the peer. Returns null if it cannot run the workload, and also if it fails or computes
/// different results; then `result.refused` has the reason.
std::unique_ptr<Side> start_peer(const Side& ours, const fs::path& data, const MeasurementOptions& options,
                                 Measurement& result) {
  if (!options.peer.can_run(result.workload)) return nullptr;
  try {
    auto peer = best_peer(data, options, result);
    auto [found, problem] = compare_digests(ours.digest(), peer->digest());
    result.agreement = std::move(found);
    result.refused = std::move(problem);
    if (result.refused.empty()) return peer;
    result.refused += "; the two sides do not compute the same";
  } catch (const std::exception& error) {
    result.refused = error.what();
  }
  std::cerr << fmt::format("  {} is not measured: {}\n", result.peer_name, result.refused);
  return nullptr;
}

}  // namespace

bool Peer::can_run(const Workload& workload) const {
  return !command.empty() && (reads_onnx ? workload.task == Task::infer : workload.has_peer());
}

double Measurement::operations_per_second() const {
  const double seconds = median(ours.seconds);
  return seconds > 0 ? 2 * multiply_adds / seconds : 0;
}

double Measurement::share_of_peak() const {
  const double peak = median(peaks) / (float64 ? 2 : 1);
  return peak > 0 ? operations_per_second() / peak : 0;
}

Measurement measure(const Workload& workload, int threads, const MeasurementOptions& given) {
  MeasurementOptions options = given;
  if (workload.task == Task::gradcheck) options.least_steps = 1, options.warm_up = 1;  // a step is many passes
  Measurement result{.workload = workload, .threads = threads, .peer_name = options.peer.name};
  std::cerr << fmt::format("{}, {} thread{}\n", description(workload), threads, threads == 1 ? "" : "s");
  const TemporaryFolder scratch("bench");
  const fs::path data = scratch / "data.safetensors";
  Side ours("xtape", {options.xtape_worker}, workload, threads, data, options);
  result.multiply_adds = ours.digest().at("multiply_adds");
  result.float64 = ours.digest().value("float64", false);
  const std::unique_ptr<Side> peer = start_peer(ours, data, options, result);
  for (int round = 1; round <= options.rounds; ++round) {
    result.peaks.push_back(measure_peak(threads));
    const double mine = ours.turn(peer.get());
    std::cerr << fmt::format("  round {} of {}: xtape {:.4g} ms", round, options.rounds, mine * 1e3);
    if (peer) {
      const double theirs = peer->turn(&ours);
      result.ratios.push_back(mine / theirs);
      std::cerr << fmt::format(", {} {:.4g} ms, ratio {:.3f}", result.peer_name, theirs * 1e3, mine / theirs);
    }
    std::cerr << "\n";
  }
  result.ours = ours.finish();
  if (peer) result.peer = peer->finish();
  return result;
}

}  // namespace xtape::bench
