// Tables and figure of the simulated steps.
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "benchmarks/figure.hpp"

namespace {

using xtape::bench::Line;
using xtape::bench::Panel;

/// A row of steps.csv.
struct Step {
  std::string series;  // everything but ranks and times
  std::string scaling, network, size, speed;
  bool overlap, narrow;
  int images, ranks;
  double seconds;  // not finite if the simulation failed
};

std::vector<Step> read(const std::string& path) {
  std::ifstream file(path);
  std::vector<Step> steps;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    if (cells.size() != 9) throw std::runtime_error("scaling_report: expected 9 cells in a row, got " + line);
    steps.push_back({.series = fmt::format("{}", fmt::join(cells.begin(), cells.begin() + 6, ",")),
                     .scaling = cells[0],
                     .network = cells[1],
                     .size = cells[2],
                     .speed = cells[5],
                     .overlap = cells[3] == "1",
                     .narrow = cells[4] == "1",
                     .images = std::stoi(cells[6]),
                     .ranks = std::stoi(cells[7]),
                     .seconds = cells[8] == "failed" ? NAN : std::stod(cells[8])});
  }
  return steps;
}

/// Seconds of one rank's work for each image: ranks times seconds, divided by the images of all ranks.
double cost(const Step& step) { return step.seconds / step.images; }

/// "10 GbE" for ethernet-10, "InfiniBand" for infiniband-hdr.
std::string network_name(const std::string& platform) {
  return platform.starts_with("ethernet-") ? platform.substr(9) + " GbE" : "InfiniBand";
}

const std::vector<std::string> networks{"10 GbE", "25 GbE", "100 GbE", "InfiniBand"};
/// The tables that are drawn.
const std::vector<std::string> drawn{"weak scaling, 64x64, nodes of speed 1", "weak scaling, 64x64, nodes of speed 16",
                                     "weak scaling, 224x224, nodes of speed 16",
                                     "strong scaling, 64x64, nodes of speed 1"};

std::string options(const Step& step) { return step.narrow ? "16 bits" : step.overlap ? "overlap" : "no overlap"; }

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("scaling_report: expected steps.csv, tables.md and scaling.svg");
  const std::vector<Step> steps = read(argv[1]);
  std::map<std::string, double> alone;  // cost of one rank
  std::set<int> ranks;
  for (const Step& step : steps) {
    if (step.ranks == 1) alone[step.series] = cost(step);
    ranks.insert(step.ranks);
  }
  // For each kind of table: for each row, the efficiency and the milliseconds for each image, over ranks.
  std::map<std::string, std::map<std::string, std::map<int, std::pair<double, double>>>> tables;
  for (const Step& step : steps) {
    const std::string title =
        fmt::format("{} scaling, {}x{}, nodes of speed {}", step.scaling, step.size, step.size, step.speed);
    tables[title][network_name(step.network) + ", " + options(step)][step.ranks] = {alone.at(step.series) / cost(step),
                                                                                    1e3 * cost(step)};
  }
  std::string text;
  for (const auto& [title, rows] : tables) {
    text += fmt::format("### {}\n\n| network |", title);
    for (const int n : ranks) text += fmt::format(" {} |", n);
    text += "\n|---|";
    for (std::size_t i = 0; i < ranks.size(); ++i) text += "---|";
    text += "\n";
    for (const auto& [name, of_ranks] : rows) {
      text += fmt::format("| {} |", name);
      for (const int n : ranks) {
        const auto found = of_ranks.find(n);
        const bool known = found != of_ranks.end() && std::isfinite(found->second.first);
        text += known ? fmt::format(" {:.3f} ({:.2f}) |", found->second.first, found->second.second) : " |";
      }
      text += "\n";
    }
    text += "\n";
  }
  std::vector<Panel> panels;
  for (const std::string& title : drawn) {
    Panel panel{title, "ranks", {}, {}};
    for (const int n : ranks) panel.x.push_back(fmt::format("{}", n));
    for (const std::string& network : networks) {
      const auto& of_ranks = tables[title][network + ", overlap"];
      Line& line = panel.lines.emplace_back(Line{network, {}});
      for (const int n : ranks) {
        const auto found = of_ranks.find(n);
        line.values.push_back(found == of_ranks.end() ? NAN : found->second.first);
      }
    }
    panels.push_back(std::move(panel));
  }
  std::ofstream(argv[2]) << "Each cell: efficiency (milliseconds of one rank for each image).\n\n" << text;
  std::ofstream(argv[3]) << xtape::bench::svg(panels, "efficiency");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
