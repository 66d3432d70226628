// large_batch: the test accuracy of a small network on Fashion-MNIST over the global batch, on 8 shards, which give the
// numbers of 8 ranks. Every run makes the same number of passes over the images, so a larger batch makes fewer steps.
// Writes a row for each run to --output and prints a table in Markdown; docs/distributed.md has it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>
#include <fstream>
#include <functional>
#include <memory>

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

constexpr std::int64_t shards = 8, first_batch = 32;

/// An optimizer and its learning rates. A rate for a batch of 32 grows with the batch: in proportion to batch^power.
struct Method {
  std::string name;
  double power;
  std::vector<double> rates;  // for a batch of 32, from which the validation data choose
  std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>, const LearningRate&)> make;
};

std::vector<Method> methods() {
  const auto sgd = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<SGD>(std::move(p), SGDOptions{.learning_rate = rate, .momentum = 0.9});
  };
  const auto lars = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<LARS>(std::move(p), LARSOptions{.learning_rate = rate, .trust_coefficient = 1e-3});
  };
  const auto lamb = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<LAMB>(std::move(p), LAMBOptions{.learning_rate = rate, .weight_decay = 0.01});
  };
  const std::vector<double> of_sgd{0.005, 0.02, 0.08}, of_lars{0.25, 1, 4}, of_lamb{1e-3, 4e-3, 16e-3};
  return {{"SGD, constant", 0, of_sgd, sgd},  {"SGD, linear", 1, of_sgd, sgd},
          {"LARS, linear", 1, of_lars, lars}, {"LARS, square root", 0.5, of_lars, lars},
          {"LAMB, linear", 1, of_lamb, lamb}, {"LAMB, square root", 0.5, of_lamb, lamb}};
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

struct Accuracy {
  double validation, test;  // 0 if the loss was not finite
};

class Runs {
 public:
  Runs(const Settings& s, const Parts& parts) : s_(s), parts_(parts) {
    if (s.output.empty()) return;
    file_.open(s.output);
    check(file_.good(), "large_batch: expected a file that can be written after --output, got {}", s.output);
    file_ << "# optimizer,batch,steps,rate for a batch of 32,rate,seed,validation accuracy,test accuracy" << std::endl;
  }

  std::int64_t steps(std::int64_t batch) const { return s_.epochs * ((parts_.train.size() + batch - 1) / batch); }

  Accuracy operator()(const Method& method, std::int64_t batch, double base, std::uint64_t seed) {
    Model model = network(parts_.train, seed);
    const double rate = base * std::pow(static_cast<double>(batch) / first_batch, method.power);
    const auto optimizer = method.make(
        model.parameters(),
        schedule::cosine(rate, steps(batch), {.warmup_steps = std::max<std::int64_t>(steps(batch) / 6, 1)}));
    Accuracy accuracy{0, 0};
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
      fmt::print(stderr, "{}, batch {}, rate {:g}: {}\n", method.name, batch, rate, error.what());
    }
    const std::string row = fmt::format("\"{}\",{},{},{:g},{:g},{},{:.4f},{:.4f}", method.name, batch, steps(batch),
                                        base, rate, seed, accuracy.validation, accuracy.test);
    if (file_.is_open()) file_ << row << std::endl;
    return accuracy;
  }

 private:
  const Settings& s_;
  const Parts& parts_;
  std::ofstream file_;
};

void print_table(const Settings& s, Runs& runs) {
  fmt::print("| optimizer, growth of the rate |");
  for (const std::int64_t batch : s.batches) fmt::print(" {} ({} steps) |", batch, runs.steps(batch));
  fmt::print("\n|---|");
  for (std::size_t i = 0; i < s.batches.size(); ++i) fmt::print("---|");
  for (const Method& method : methods()) {
    fmt::print("\n| {} |", method.name);
    for (const std::int64_t batch : s.batches) {
      double best = 0, validation = -1;
      std::vector<double> tests;
      for (const double base : method.rates) {
        const Accuracy first = runs(method, batch, base, 0);
        if (first.validation > validation) best = base, validation = first.validation, tests = {first.test};
      }
      for (int seed = 1; seed < s.seeds; ++seed) {
        tests.push_back(runs(method, batch, best, static_cast<std::uint64_t>(seed)).test);
      }
      fmt::print(" {:.3f} ({:g}) |", fmt::join(tests, " "), best);
      std::fflush(stdout);
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
  app.add_option("--batches", s.batches, "Global batches")->check(CLI::Range(8, 1 << 20))->capture_default_str();
  app.add_option("--images", s.images, "Training images")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--validation", s.validation, "Images that choose the rates, which are not trained on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", s.epochs, "Passes over the training images")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--seeds", s.seeds, "Runs with the chosen rate")->check(CLI::Range(1, 1000))->capture_default_str();
  return run_program(argc, argv, app, [&] {
    const DataSource source =
        s.data.empty() ? usual_fashion_mnist() : load_data(s.data, {.height = 32, .width = 32, .channels = 3});
    const Dataset& all = source.parts.train;
    check(s.images + s.validation <= all.size(), "large_batch: expected at least {} training images, got {}",
          s.images + s.validation, all.size());
    const Parts parts{all.rows(0, s.images), all.rows(all.size() - s.validation, all.size()), source.parts.test};
    Runs runs(s, parts);
    print_table(s, runs);
    return 0;
  });
}
