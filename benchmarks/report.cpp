#include "benchmarks/report.hpp"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <thread>

#include "benchmarks/statistics.hpp"
#include "framework/error.hpp"

namespace xtape::bench {
namespace {

/// The processor from /proc/cpuinfo: "AMD EPYC 7763" for the line "model name : AMD EPYC 7763".
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown processor";
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  localtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts)};
}

/// A time with three digits, in milliseconds or seconds, without the unit.
std::string digits(double seconds, bool in_seconds) {
  const double value = in_seconds ? seconds : seconds * 1e3;
  return fmt::format("{:.{}f}", value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

bool is_long(double seconds) { return seconds >= 10; }

/// Median, smallest and largest: "412 ms (405-420)".
std::string with_spread(const std::vector<double>& seconds) {
  const auto [low, high] = spread(seconds);
  const bool in_seconds = is_long(median(seconds));
  return fmt::format("{} ({}-{})", duration(median(seconds)), digits(low, in_seconds), digits(high, in_seconds));
}

nlohmann::json to_json(const SideResult& side) {
  return {{"median_seconds", median(side.seconds)},
          {"round_seconds", side.seconds},
          {"steps_a_turn", side.steps_a_turn},
          {"peak_bytes", side.peak_bytes},
          {"idle_share", side.idle_share}};
}

std::string row(const Measurement& m) {
  const auto [low, high] = spread(m.ratios);
  const std::string ratio =
      m.ratios.empty() ? "-" : fmt::format("**{:.2f}** ({:.2f}-{:.2f})", median(m.ratios), low, high);
  const std::string peer = m.peer ? with_spread(m.peer->seconds) : m.refused.empty() ? "-" : "not measured";
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {:.1f} | {:.0f} % |\n", m.workload.name, m.threads,
                     with_spread(m.ours.seconds), peer, ratio, megabytes(m.ours.peak_bytes),
                     m.peer ? megabytes(m.peer->peak_bytes) : "-", m.operations_per_second() / 1e9,
                     100 * m.share_of_peak());
}

}  // namespace

std::string duration(double seconds) { return digits(seconds, is_long(seconds)) + (is_long(seconds) ? " s" : " ms"); }

std::string megabytes(std::int64_t bytes) {
  return bytes > 0 ? fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6) : "-";
}

nlohmann::json machine_facts(const std::vector<Measurement>& measurements) {
  std::map<int, std::vector<double>> peaks;
  for (const Measurement& m : measurements)
    peaks[m.threads].insert(peaks[m.threads].end(), m.peaks.begin(), m.peaks.end());
  nlohmann::json facts{{"processor", processor_name()},
                       {"cores", std::thread::hardware_concurrency()},
                       {"time", now()},
                       {"compiler", __VERSION__},
                       {"environment", nlohmann::json::object()},
                       {"peak_operations_per_second", nlohmann::json::object()}};
  double load[1] = {0};
  if (getloadavg(load, 1) == 1) facts["load"] = load[0];
  for (const auto& [threads, values] : peaks)
    facts["peak_operations_per_second"][std::to_string(threads)] = median(values);
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "GLIBC_TUNABLES", "OMP_NUM_THREADS", "XTAPE_NUM_THREADS"}) {
    if (const char* value = std::getenv(name)) facts["environment"][name] = value;
  }
  return facts;
}

std::string machine_text(const nlohmann::json& facts) {
  std::string text =
      fmt::format("{}, {} cores, load {:.1f} at the end, {}.\n", facts.at("processor").get<std::string>(),
                  facts.at("cores").get<int>(), facts.value("load", 0.0), facts.at("time").get<std::string>());
  for (const auto& [threads, peak] : facts.at("peak_operations_per_second").items()) {
    text += fmt::format("FMA peak (float32), {} thread{}: {:.0f} GFLOP/s.\n", threads, threads == "1" ? "" : "s",
                        peak.get<double>() / 1e9);
  }
  for (const auto& [name, value] : facts.at("environment").items()) {
    text += fmt::format("{}={}\n", name, value.get<std::string>());
  }
  return text;
}

std::string table(const std::vector<Measurement>& measurements) {
  const std::string peer = measurements.empty() ? "libtorch" : measurements.front().peer_name;
  std::string text = fmt::format(
      "| workload | threads | xtape | {0} | xtape / {0} | memory xtape | {0} | GFLOP/s of xtape | of the FMA peak "
      "|\n|---|---|---|---|---|---|---|---|---|\n",
      peer);
  for (const Measurement& m : measurements) text += row(m);
  for (const Measurement& m : measurements) {
    if (!m.refused.empty()) {
      text +=
          fmt::format("\n{} with threads = {}: {} is not measured: {}\n", m.workload.name, m.threads, peer, m.refused);
    }
  }
  return text;
}

nlohmann::json to_json(const Measurement& m) {
  nlohmann::json json{{"workload", m.workload.name},
                      {"description", description(m.workload)},
                      {"threads", m.threads},
                      {"batch", m.workload.batch},
                      {"image_size", m.workload.image_size},
                      {"xtape", to_json(m.ours)},
                      {"multiply_adds", m.multiply_adds},
                      {"float64", m.float64},
                      {"operations_per_second", m.operations_per_second()},
                      {"round_peak_operations_per_second", m.peaks},
                      {"share_of_peak", m.share_of_peak()}};
  if (m.peer) {
    json[m.peer_name] = to_json(*m.peer);
    if (m.peer_name == "libtorch") {
      json["libtorch"]["memory_layout"] = m.peer_channels_last ? "channels_last" : "contiguous";
    }
  }
  if (!m.ratios.empty()) json["ratio"] = {{"median", median(m.ratios)}, {"rounds", m.ratios}};
  if (!m.agreement.is_null()) json["agreement"] = m.agreement;
  if (!m.refused.empty()) json["refused"] = m.refused;
  return json;
}

}  // namespace xtape::bench
