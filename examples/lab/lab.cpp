// Compares every figure of the lab report with xtape's. Fails unless every figure that can be reproduced is reproduced.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "examples/lab/part1_convolution.hpp"
#include "examples/lab/part1_pooling.hpp"
#include "examples/lab/part2_convnet.hpp"
#include "examples/lab/part3_resnet.hpp"
#include "examples/lab/training.hpp"
#include "examples/program.hpp"

namespace {

using namespace xtape;
using namespace xtape::lab;

struct Options {
  std::filesystem::path data = "";  // empty: no training
  bool quick = false;
  bool summary = false;
  std::uint64_t seed = 0;
};

/// Prints the parts and counts the figures that are not as expected.
class Report {
 public:
  void part(const std::string& title, const std::vector<lab::Figure>& figures) {
    fmt::print("\n{}\n\n{}", title, table(figures));
    for (const lab::Figure& figure : figures) {
      const bool good = as_expected(figure);
      ++targets_;
      if (!good) missed_.push_back(figure.step + ", " + figure.quantity);
    }
  }

  void target(const std::string& what, bool reached) {
    ++targets_;
    if (!reached) missed_.push_back(what);
  }

  /// Prints the verdict on all figures. Returns the exit status of the program.
  int close() const {
    fmt::print("\n{} of {} targets reached.\n", targets_ - missed_.size(), targets_);
    for (const std::string& what : missed_) fmt::print("MISSED: {}\n", what);
    return missed_.empty() ? 0 : 1;
  }

 private:
  std::size_t targets_ = 0;
  std::vector<std::string> missed_;
};

void part1(Report& report) {
  const std::vector<PoolingMistake> mistakes = pooling_mistakes();
  std::vector<lab::Figure> pooling = pooling_figures();
  for (const PoolingMistake& mistake : mistakes) append(pooling, mistake.figures());
  report.part("Part 1: convolution, step by step", convolution_figures());
  report.part("Part 1: pooling, step by step", pooling);
  for (const PoolingMistake& mistake : mistakes) {
    fmt::print("\n{}", to_string(mistake));
    report.target("check_gradient tells the derivatives of " + mistake.mode + " pooling apart", mistake.told_apart());
  }
}

/// The test accuracy in the row with these statistics.
double accuracy_of(const std::vector<lab::Figure>& figures, const std::string& statistics) {
  const auto row = std::ranges::find(figures, statistics, &lab::Figure::quantity);
  return row == figures.end() ? 0 : row->ours.back();
}

bool has_signs(const std::filesystem::path& folder) { return std::filesystem::exists(folder / "train_signs.h5"); }

void training(Report& report, const Options& options) {
  if (options.quick) {
    fmt::print("\nTraining: skipped (--quick).\n");
    return;
  }
  if (options.data.empty()) {
    fmt::print("\nTraining: skipped, it needs the SIGNS data; give --data its folder.\n");
    return;
  }
  const SplitData signs = load_signs(options.data);
  fmt::print("\nTraining on {} images, testing on {} (the report's ResNet-50: 1080 and 120).\n", signs.train.size(),
             signs.test.size());
  fmt::print("\nConvNet, Adam 0.009, batches of 64\n");
  report.part("Part 2: training the ConvNet", train_convnet(signs, options.seed));
  fmt::print("\nResNet-50, Adam 0.001, batches of 32\n");
  const std::vector<lab::Figure> resnet = train_resnet(signs, options.seed);
  report.part("Part 3: training ResNet-50", resnet);
  report.target("with its moving averages the network tests near chance (accuracy below 0.4)",
                accuracy_of(resnet, "moving averages") < 0.4);
  report.target("recalibrated, the network tests better by at least 0.2",
                accuracy_of(resnet, "measured anew") >= accuracy_of(resnet, "moving averages") + 0.2);
  fmt::print("\n{}", wrapped(why_at_chance(signs.train.size())));
}

int run(const Options& options) {
  check(options.data.empty() || has_signs(options.data),
        "lab: expected train_signs.h5 and test_signs.h5 in the folder of --data, got none in '{}'",
        options.data.string());
  Report report;
  part1(report);
  report.part("Part 2: the ConvNet", convnet_figures());
  const Model resnet = resnet50();
  report.part("Part 3: ResNet-50", resnet_figures(resnet));
  if (options.summary) fmt::print("\n{}", resnet.summary());
  training(report, options);
  return report.close();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Replays the figures of a lab report on convolutional networks and checks them.");
  app.add_option("--data", options.data, "folder of train_signs.h5 and test_signs.h5; without it nothing is trained");
  app.add_flag("--quick", options.quick, "no training");
  app.add_flag("--summary", options.summary, "print the whole summary of ResNet-50");
  app.add_option("--seed", options.seed, "of the training runs")->check(CLI::NonNegativeNumber)->capture_default_str();
  return run_program(argc, argv, app, [&] { return run(options); });
}
