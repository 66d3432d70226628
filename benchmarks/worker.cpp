#include "benchmarks/worker.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "framework/error.hpp"

namespace xtape::bench {
namespace {

/// The peak of the physical memory of this process (VmHWM), in bytes; 0 if the system does not report it.
std::int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

std::vector<double> run(Work& work, int steps) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  for (int i = 0; i < steps; ++i) {
    const auto start = Clock::now();
    work.step();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count() / work.units_per_step());
  }
  return seconds;
}

void answer(Work& work) {
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    int steps = 0;
    std::istringstream words(line);
    std::string command;
    words >> command >> steps;
    check(command == "run" && steps > 0, "benchmark worker: expected 'run K' or 'quit', got '{}'", line);
    std::cout << "seconds " << nlohmann::json(run(work, steps)).dump() << std::endl;
  }
  std::cout << "memory " << peak_resident_bytes() << std::endl;
}

}  // namespace

int serve(int argc, char** argv, const std::function<std::unique_ptr<Work>(const WorkerOptions&)>& make) try {
  WorkerOptions options;
  std::string workload;
  CLI::App app("A worker of the benchmark; ./run bench starts it");
  app.add_option("--workload", workload, "JSON")->required();
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 256))->required();
  app.add_option("--data", options.data, "Weights, images and labels");
  app.add_option("--onnx", options.onnx, "The network as an ONNX file");
  app.add_option("--warm-up", options.warm_up)->check(CLI::PositiveNumber);
  app.add_flag("--channels-last", options.channels_last);
  CLI11_PARSE(app, argc, argv);
  options.workload = workload_from(workload);

  const std::unique_ptr<Work> work = make(options);
  const nlohmann::json digest = work->digest();
  run(*work, options.warm_up);
  std::cout << "ready " << digest.dump() << std::endl;
  answer(*work);
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 2;
}

}  // namespace xtape::bench
