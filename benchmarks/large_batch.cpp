// large_batch: the test accuracy of a small network on Fashion-MNIST over the global batch, on 8 shards, which give the
// numbers of 8 ranks. Every run makes the same number of passes over the images, so a larger batch makes fewer steps.
// Writes a row for each run to --output and prints a table in Markdown; docs/distributed.md has it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <tuple>

#include "examples/data_source.hpp"
#include "examples/program.hpp"

using namespace xtape;

namespace {

struct Settings {
  std::string data, output;
  std::vector<std::int64_t> batches{32, 128, 512, 2048, 8192};
  std::int64_t images = 8192, validation = 2000;
  int epochs = 12, seeds = 3;
};

constexpr std::int64_t shards = 8;

struct Method {
  std::string name;
  /// For a batch of 32; for a batch that is k times as large, these times the square root of k. Validation images
  /// choose.
  std::vector<double> rates;
  std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>, const LearningRate&)> make;
};

std::vector<Method> methods() {
  const auto sgd = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<SGD>(std::move(p), SGDOptions{.learning_rate = rate, .momentum = 0.9});
  };
  const auto lars = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<LARS>(std::move(p), LARSOptions{.learning_rate = rate, .trust_coefficient = 0.02});
  };
  const auto lamb = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<LAMB>(std::move(p), LAMBOptions{.learning_rate = rate, .weight_decay = 0.01});
  };
  return {{"SGD", {0.0025, 0.01, 0.04, 0.16}, sgd},
          {"LARS", {0.0125, 0.05, 0.2, 0.8}, lars},
          {"LAMB", {0.001, 0.004, 0.016, 0.064}, lamb}};
}

Model network(const Dataset& data, std::uint64_t seed) {
  const auto image = Input(data.input_shape());
  auto x = image;
  for (const std::int64_t filters : {8, 16}) {
    x = Conv2D({.filters = filters, .kernel_size = 3, .strides = 2, .padding = Padding::same, .activation = relu})(x);
  }
  return Model(image, Dense({.units = data.classes()})(Flatten()(x)), {.seed = seed});
}

struct Parts {
  Dataset train, validation, test;
};

/// The shares of images that are classified correctly; 0 if the loss was not finite.
struct Accuracy {
  double validation = 0, test = 0;
};

/// The runs of one method. None is made twice.
class Runs {
 public:
  Runs(const Settings& s, const Parts& parts, Method method, std::ofstream& rows)
      : s_(s), parts_(parts), method_(std::move(method)), rows_(rows) {}

  Accuracy operator()(std::int64_t batch, double rate, int seed) {
    const auto [place, is_new] = done_.try_emplace({batch, rate, seed});
    if (is_new) place->second = make(batch, rate, static_cast<std::uint64_t>(seed));
    return place->second;
  }
  /// The rate with the best validation accuracy of seed 0.
  double best_rate(std::int64_t batch) {
    double best = 0, accuracy = -1;
    for (const double of_32 : method_.rates) {
      const double rate = of_32 * std::sqrt(static_cast<double>(batch) / 32),
                   found = (*this)(batch, rate, 0).validation;
      if (found > accuracy) best = rate, accuracy = found;
    }
    return best;
  }
  /// "0.851 (0.848 to 0.853)": mean, smallest and largest test accuracy of all seeds.
  std::string cell(std::int64_t batch, double rate) {
    std::vector<double> tests;
    for (int seed = 0; seed < s_.seeds; ++seed) tests.push_back((*this)(batch, rate, seed).test);
    const auto [low, high] = std::ranges::minmax(tests);
    double sum = 0;
    for (const double test : tests) sum += test;
    return fmt::format("{:.3f} ({:.3f} to {:.3f}), {:.2g}", sum / static_cast<double>(tests.size()), low, high, rate);
  }

 private:
  Accuracy make(std::int64_t batch, double rate, std::uint64_t seed) {
    Model model = network(parts_.train, seed);
    const std::int64_t steps = s_.epochs * ((parts_.train.size() + batch - 1) / batch);
    const std::int64_t warmup = std::max<std::int64_t>(steps / 6, 1);
    const auto optimizer =
        method_.make(model.parameters(), schedule::cosine(rate, steps, {.warmup_steps = std::min(warmup, steps - 1)}));
    Accuracy accuracy;
    try {
      fit(model, *optimizer, parts_.train,
          {.epochs = s_.epochs,
           .batch_size = batch,
           .seed = seed,
           .distributed = {.shards = shards},
           .show_progress = false});
      accuracy = {evaluate(model, parts_.validation, {.batch_size = 500})["accuracy"],
                  evaluate(model, parts_.test, {.batch_size = 500})["accuracy"]};
    } catch (const Error& error) {
      std::cerr << fmt::format("{}, batch {}, rate {:.3g}: {}\n", method_.name, batch, rate, error.what());
    }
    if (rows_.is_open()) {
      rows_ << fmt::format("{},{},{},{:.4g},{},{:.4f},{:.4f}", method_.name, batch, steps, rate, seed,
                           accuracy.validation, accuracy.test)
            << std::endl;
    }
    return accuracy;
  }

  const Settings& s_;
  const Parts& parts_;
  Method method_;
  std::ofstream& rows_;
  std::map<std::tuple<std::int64_t, double, int>, Accuracy> done_;
};

void print_table(const Settings& s, const Parts& parts) {
  std::ofstream rows;
  if (!s.output.empty()) {
    rows.open(s.output);
    check(rows.good(), "large_batch: expected a file that can be written after --output, got {}", s.output);
    rows << "# optimizer,batch,steps,rate,seed,validation accuracy,test accuracy" << std::endl;
  }
  fmt::print("| optimizer | rate |");
  for (const std::int64_t batch : s.batches) {
    fmt::print(" {} ({} steps) |", batch, s.epochs * ((parts.train.size() + batch - 1) / batch));
  }
  fmt::print("\n|---|---|");
  for (std::size_t i = 0; i < s.batches.size(); ++i) fmt::print("---|");
  for (const Method& method : methods()) {
    Runs runs(s, parts, method, rows);
    const std::int64_t smallest = s.batches.front();
    const double first = runs.best_rate(smallest);
    const auto times = [&](std::int64_t batch) { return static_cast<double>(batch) / static_cast<double>(smallest); };
    const std::vector<std::pair<std::string, std::function<double(std::int64_t)>>> rules{
        {"in proportion to the batch", [&](std::int64_t batch) { return first * times(batch); }},
        {"to its square root", [&](std::int64_t batch) { return first * std::sqrt(times(batch)); }},
        {"chosen for each batch", [&](std::int64_t batch) { return runs.best_rate(batch); }}};
    for (const auto& [rule, rate] : rules) {
      fmt::print("\n| {} | {} |", method.name, rule);
      for (const std::int64_t batch : s.batches) {
        fmt::print(" {} |", runs.cell(batch, rate(batch)));
        std::fflush(stdout);
      }
    }
  }
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  CLI::App app("The test accuracy of a small network over the global batch, for SGD, LARS and LAMB on 8 shards");
  app.add_option("--data", s.data, std::string(data_help) + "; by default Fashion-MNIST of Debian's package")
      ->check(not_empty);
  app.add_option("--output", s.output, "A CSV file with a row for each run")->check(not_empty);
  app.add_option("--batches", s.batches, "Global batches; the rates of the first one grow with the others")
      ->check(CLI::Range(8, 1 << 20))
      ->capture_default_str();
  app.add_option("--images", s.images, "Training images")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--validation", s.validation, "Images that choose the rates, which are not trained on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", s.epochs, "Passes over the training images")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  app.add_option("--seeds", s.seeds, "Runs with each rate of the table")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  return run_program(argc, argv, app, [&] {
    const DataSource source =
        s.data.empty() ? usual_fashion_mnist() : load_data(s.data, {.height = 32, .width = 32, .channels = 3});
    const Dataset& all = source.parts.train;
    check(s.images + s.validation <= all.size(), "large_batch: expected at least {} training images, got {}",
          s.images + s.validation, all.size());
    print_table(s, {all.rows(0, s.images), all.rows(all.size() - s.validation, all.size()), source.parts.test});
    return 0;
  });
}
