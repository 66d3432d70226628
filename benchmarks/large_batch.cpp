// large_batch: the accuracy of a small network over the global batch, for SGD, LARS, Adam and LAMB on 8 shards, which give
// the numbers of 8 ranks. The learning rate grows with the batch. Prints a table in Markdown; docs/distributed.md has it.
#include <CLI/CLI.hpp>
#include <cmath>
#include <functional>
#include <memory>

#include "examples/data_source.hpp"
#include "examples/program.hpp"

using namespace xtape;

namespace {

struct Settings {
  std::string data;
  std::vector<std::int64_t> batches{64, 256, 1024, 2048};
  std::vector<std::string> methods;
  std::vector<std::uint64_t> seeds{0};
  std::int64_t images = 4096, tests = 2000;
  int epochs = 10;
  double factor = 1;
};

constexpr std::int64_t shards = 8, first_batch = 64;

/// An optimizer and the rule by which its learning rate grows from that of a batch of 64.
struct Method {
  std::string name;
  double rate;   // with a batch of 64
  double power;  // 1: in proportion to the batch; 0.5: to its square root
  bool warmup;
  std::function<std::unique_ptr<Optimizer>(std::vector<Parameter>, const LearningRate&)> make;
};

std::vector<Method> methods() {
  const auto sgd = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<SGD>(std::move(p),
                                 SGDOptions{.learning_rate = rate, .momentum = 0.9, .weight_decay = 5e-4});
  };
  const auto lars = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<LARS>(
        std::move(p),
        LARSOptions{.learning_rate = rate, .momentum = 0.9, .trust_coefficient = 0.02, .weight_decay = 5e-4});
  };
  const auto adam = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<Adam>(std::move(p), AdamOptions{.learning_rate = rate});
  };
  const auto lamb = [](std::vector<Parameter> p, const LearningRate& rate) {
    return std::make_unique<LAMB>(std::move(p), LAMBOptions{.learning_rate = rate, .weight_decay = 1e-2});
  };
  return {{"SGD, constant rate", 0.05, 0, true, sgd},
          {"SGD, linear, no warm-up", 0.05, 1, false, sgd},
          {"SGD, linear", 0.05, 1, true, sgd},
          {"LARS, square root", 0.2, 0.5, true, lars},
          {"Adam, square root", 2e-3, 0.5, true, adam},
          {"LAMB, square root", 1e-2, 0.5, true, lamb}};
}

Model network(const Dataset& data, std::uint64_t seed) {
  const auto image = Input(data.input_shape());
  auto x = image;
  for (const std::int64_t filters : {16, 32, 64}) {
    x = Conv2D({.filters = filters, .kernel_size = 3, .strides = 2, .padding = Padding::same, .use_bias = false})(x);
    x = Activation(relu)(BatchNormalization()(x));
  }
  return Model(image, Dense({.units = data.classes()})(GlobalAveragePooling2D()(x)), {.seed = seed});
}

/// The first images in a random order.
Dataset some(const Dataset& data, std::int64_t count) {
  if (count >= data.size()) return data;
  return split(data, static_cast<double>(count) / static_cast<double>(data.size())).test;
}

/// The test accuracy after the run; none if the loss was not finite.
std::optional<double> accuracy(const Method& method, const Settings& s, const SplitData& data, std::int64_t batch,
                               std::uint64_t seed) {
  Model model = network(data.train, seed);
  const std::int64_t steps = s.epochs * ((data.train.size() + batch - 1) / batch);
  const double rate =
      s.factor * method.rate * std::pow(static_cast<double>(batch) / static_cast<double>(first_batch), method.power);
  const auto optimizer = method.make(
      model.parameters(), schedule::cosine(rate, steps, {.warmup_steps = method.warmup ? std::max<std::int64_t>(steps / 5, 1) : 0}));
  const Distributed division{.shards = shards};
  try {
    fit(model, *optimizer, data.train,
        {.epochs = s.epochs,
         .batch_size = batch,
         .seed = seed,
         .augmentation = {.horizontal_flip = true},
         .distributed = division,
         .show_progress = false});
  } catch (const Error& error) {
    fmt::print(stderr, "{}, batch {}: {}\n", method.name, batch, error.what());
    return std::nullopt;
  }
  recalibrate_batch_norm(model, data.train, {.batch_size = 256});
  return evaluate(model, data.test, {.batch_size = 256})["accuracy"];
}

void print_table(const Settings& s, const SplitData& data) {
  fmt::print("| optimizer | rate at {} |", first_batch);
  for (const std::int64_t batch : s.batches) {
    fmt::print(" {} ({} steps) |", batch, s.epochs * ((data.train.size() + batch - 1) / batch));
  }
  fmt::print("\n|---|---|");
  for (std::size_t i = 0; i < s.batches.size(); ++i) fmt::print("---|");
  for (const Method& method : methods()) {
    if (!s.methods.empty() && std::ranges::none_of(s.methods, [&](const std::string& name) {
          return method.name.starts_with(name);
        })) {
      continue;
    }
    fmt::print("\n| {} | {:g} |", method.name, method.rate * s.factor);
    for (const std::int64_t batch : s.batches) {
      std::string cell;
      for (const std::uint64_t seed : s.seeds) {
        const auto result = accuracy(method, s, data, batch, seed);
        cell += (cell.empty() ? "" : ", ") + (result ? fmt::format("{:.3f}", *result) : "not finite");
      }
      fmt::print(" {} |", cell);
      std::fflush(stdout);
    }
  }
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  CLI::App app("The accuracy of a small network over the global batch, for several optimizers on 8 shards");
  app.add_option("--data", s.data, data_help)->required()->check(not_empty);
  app.add_option("--batches", s.batches, "Global batches")->check(CLI::Range(8, 1 << 20))->capture_default_str();
  app.add_option("--methods", s.methods, "How the names of the optimizers begin; by default all");
  app.add_option("--seeds", s.seeds, "One run for each")->capture_default_str();
  app.add_option("--images", s.images, "Training images")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tests", s.tests, "Test images")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--epochs", s.epochs, "Passes over the training images")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--factor", s.factor, "Of all learning rates")->check(CLI::PositiveNumber)->capture_default_str();
  return run_program(argc, argv, app, [&] {
    DataSource source = load_data(s.data, {.height = 32, .width = 32, .channels = 3});
    source.parts.train = some(source.parts.train, s.images);
    source.parts.test = some(source.parts.test, s.tests);
    print_table(s, source.parts);
    return 0;
  });
}
