// The driver of the benchmark: measures xtape and a peer alternately on the same work, prints a table and writes it
// to a folder.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <iostream>
#include <thread>

#include "benchmarks/report.hpp"
#include "benchmarks/scaling.hpp"
#include "examples/program.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/new_folder.hpp"
#include "framework/kernels/threads/parallel.hpp"

using namespace xtape;
using namespace xtape::bench;
namespace fs = std::filesystem;

namespace {

struct Settings {
  std::vector<std::string> only;
  std::vector<int> threads;
  std::optional<int> rounds;
  double turn_seconds = 2;
  std::string output;
  std::string peer = "libtorch", python = "python3";
  bool quick = false, alone = false, scaling = false;
};

std::string workload_list() {
  std::string text = "Workloads:\n";
  for (const Workload& w : workloads()) text += fmt::format("  {:<22} {}\n", w.name, description(w));
  return text;
}

void declare(CLI::App& app, Settings& s) {
  std::vector<std::string> names;
  for (const Workload& w : workloads()) names.push_back(w.name);
  auto* only =
      app.add_option("--only", s.only, "Measure only these workloads; default: all")->check(CLI::IsMember(names));
  app.add_option("--threads", s.threads, "Numbers of threads; default: all cores, and 1")->check(CLI::Range(1, 256));
  app.add_option("--rounds", s.rounds, "Turns of each side; default: 5, with --quick 1")->check(CLI::Range(1, 10000));
  app.add_option("--turn-seconds", s.turn_seconds, "Duration of a turn; it has at least 3 steps")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--output", s.output, "Folder for bench.md and bench.json; default: a new folder runs/bench-<time>")
      ->check(not_empty);
  auto* peer =
      app.add_option("--peer", s.peer,
                     "The other side. onnxruntime and openvino run the network as an ONNX file, inference only, "
                     "and need Python's packages of these names, numpy and safetensors");
  peer->check(CLI::IsMember({"libtorch", "onnxruntime", "openvino"}))->capture_default_str();
  app.add_option("--python", s.python, "The Python that has the packages")->check(not_empty)->capture_default_str();
  app.add_flag("--alone", s.alone, "Measure xtape without a peer")->excludes(peer);
  app.add_flag("--scaling", s.scaling, "Measure the step of ResNet-50 over threads, batch and image size instead")
      ->excludes(only)
      ->excludes(peer);
  app.add_flag("--quick", s.quick, "One step of each workload, as a test");
  app.footer(workload_list() +
             "Exit status 1: the peer was not measured because it failed or computed different results\n");
}

/// The folder of this program, which also contains the workers.
fs::path own_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

/// Without a command if only xtape is measured.
Peer chosen_peer(const Settings& s) {
  if (s.alone) return {};
  if (s.peer != "libtorch") {
    return {.name = s.peer, .command = {s.python, own_folder() / "onnx_worker.py", s.peer}, .reads_onnx = true};
  }
  const fs::path worker = own_folder() / "libtorch_worker";
  if (fs::exists(worker)) return {.command = {worker}};
  std::cerr << "libtorch is not installed (Debian: libtorch-dev); only xtape is measured\n";
  return {};
}

MeasurementOptions measurement_options(const Settings& s) {
  MeasurementOptions options{.xtape_worker = own_folder() / "xtape_worker",
                             .peer = chosen_peer(s),
                             .rounds = s.rounds.value_or(s.quick ? 1 : 5),
                             .turn_seconds = s.turn_seconds};
  if (s.quick) options.turn_seconds = 0, options.least_steps = 1, options.warm_up = 1;
  return options;
}

std::vector<Workload> selected(const Settings& s) {
  std::vector<Workload> chosen;
  for (const Workload& w : workloads()) {
    if (s.only.empty() || std::ranges::find(s.only, w.name) != s.only.end()) chosen.push_back(w);
  }
  return chosen;
}

std::vector<int> thread_counts(const Settings& s) {
  if (!s.threads.empty()) return s.threads;
  const int cores = kernels::num_threads();
  return cores == 1 || s.quick ? std::vector{cores} : std::vector{cores, 1};
}

fs::path output_folder(const Settings& s) {
  if (!s.output.empty()) {
    fs::create_directories(s.output);
    return s.output;
  }
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "bench-%Y%m%d-%H%M%S", &parts);
  return make_new_folder("bench", fs::path("runs") / text);
}

void write(const fs::path& path, const std::string& text) {
  write_atomically(
      path, [&](std::ostream& out) { out << text; }, "bench");
}

/// Writes both files. Called after every measurement, so an interrupted run leaves complete files.
void write_report(const fs::path& folder, const std::string& tables, const nlohmann::json& json) {
  write(folder / "bench.md", machine_text(json.at("machine")) + "\n" + tables);
  write(folder / "bench.json", json.dump(1) + "\n");
}

/// Whether no comparison with the peer was refused.
bool complete(const std::vector<Measurement>& done) {
  return std::ranges::all_of(done, [](const Measurement& m) { return m.refused.empty(); });
}

bool run_table(const Settings& s, const fs::path& folder, const MeasurementOptions& options) {
  std::vector<Measurement> done;
  nlohmann::json list = nlohmann::json::array();
  for (const Workload& workload : selected(s)) {
    for (const int threads : thread_counts(s)) {
      done.push_back(measure(workload, threads, options));
      list.push_back(to_json(done.back()));
      write_report(folder, table(done), {{"machine", machine_facts(done)}, {"measurements", list}});
    }
  }
  fmt::print("{}\n{}", machine_text(machine_facts(done)), table(done));
  return complete(done);
}

bool run_scaling(const Settings& s, const fs::path& folder, const MeasurementOptions& options) {
  const std::vector<Series> all = measure_scaling(thread_counts(s).front(), s.quick, options);
  std::vector<Measurement> done;
  for (const Series& series : all) done.insert(done.end(), series.measurements.begin(), series.measurements.end());
  const nlohmann::json machine = machine_facts(done);
  write(folder / "scaling.svg", svg(panels(all), "ms per image"));
  write_report(folder, scaling_tables(all), {{"machine", machine}, {"series", to_json(all)}});
  fmt::print("{}\n{}", machine_text(machine), scaling_tables(all));
  return complete(done);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app(
      "Measures xtape and a peer, such as PyTorch's libtorch, alternately on the same work: time, memory and share of "
      "the FMA peak");
  declare(app, settings);
  return run_program(argc, argv, app, [&] {
    const MeasurementOptions options = measurement_options(settings);
    const fs::path folder = output_folder(settings);
    const bool compared =
        settings.scaling ? run_scaling(settings, folder, options) : run_table(settings, folder, options);
    fmt::print("\nWritten to {}\n", folder.string());
    return compared ? 0 : 1;
  });
}
