// Checks derivatives and prints a table: layers and whole networks against central differences.
#include <CLI/CLI.hpp>
#include <chrono>

#include "examples/program.hpp"
using namespace xtape;

struct Options {
  std::string model = "convnet";
  std::int64_t batch = 2;
  int directions = 4, each = 1;
  std::uint64_t seed = 0;
};

/// The reports of all layers as one table, with a row for each input or parameter in each mode and at each batch size.
GradientReport layers() {
  GradientReport all;
  const auto add = [&](const std::string& name, const auto& layer, const std::vector<Shape>& samples) {
    all.append(check_layer(layer, samples), name);
  };
  add("Dense", Dense({.units = 3, .activation = tanh}), {{4}});
  add("Conv2D", Conv2D({.filters = 3, .kernel_size = {3, 2}, .strides = {1, 2}, .padding = Padding::same}),
      {{4, 5, 2}});
  add("BatchNormalization", BatchNormalization(), {{3, 2, 4}});
  add("MaxPooling2D", MaxPooling2D({.pool_size = {2, 3}, .strides = 2, .padding = Padding::same}), {{5, 4, 2}});
  add("AveragePooling2D", AveragePooling2D({.pool_size = 3, .padding = Padding::same}), {{5, 4, 2}});
  add("Add", Add(), {{3, 2}, {3, 2}});
  add("Softmax", Softmax(), {{3, 4}});
  return all;
}

/// Checks the loss of a network on noise, along directions through all its parameters and through each of them.
GradientReport whole_model(const Model& model, const std::vector<std::string>& constants, double float32_tolerance,
                           const Options& options) {
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < options.batch; ++i) classes.push_back(i * 5 % model.output_shape()[-1].value());
  const Tensor labels = Tensor::labels(classes);
  const Tensor images = RandomStream(options.seed, 3).uniform(model.input_shape().prepended(options.batch));
  return check_model(model, images, [&](const Variable& y) { return softmax_cross_entropy(y, labels); },
                     {.seed = options.seed,
                      .directions = options.directions,
                      .directions_each = options.each,
                      .constant_parameters = constants,
                      .float32_tolerance = float32_tolerance});
}

GradientReport check(const Options& options) {
  if (options.model == "layers") return layers();
  if (options.model == "convnet") return whole_model(conv_net({.seed = options.seed}), {}, 0.02, options);
  const Model model = resnet50({.seed = options.seed});
  // a bias before batch normalization changes only the mean, which is subtracted; float32 is not compared, because
  // batch normalization of two images loses too many digits
  return whole_model(model, parameters_ending_in(model, "/bias", {"fc6"}), 0, options);
}

/// Prints a table and the elapsed time for each of the models. Returns whether all of them passed.
bool print_checks(const std::vector<std::string>& models, Options options) {
  bool passed = true;
  for (const std::string& model : models) {
    options.model = model;
    const auto start = std::chrono::steady_clock::now();
    const GradientReport report = check(options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    fmt::print("{}{}: {}\n({:.1f} s)\n\n", table(report), model, to_string(report), took.count());
    passed = passed && report.passed();
  }
  return passed;
}

int main(int argc, char** argv) {
  Options options;
  bool quick = false;
  CLI::App app("Checks derivatives against central differences in float64 and prints what was found");
  app.add_option("--model", options.model, "What to check: layers, convnet or resnet50 (all 23.5 M parameters)")
      ->check(CLI::IsMember({"layers", "convnet", "resnet50"}))
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Images")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--directions", options.directions, "Random directions through everything at once")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--each", options.each, "Random directions through each parameter by itself")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of weights, images and directions")->capture_default_str();
  app.add_flag("--quick", quick, "Layers and convnet, whatever --model says");
  return run_program(argc, argv, app, [&] {
    const std::vector<std::string> small{"layers", "convnet"};
    return print_checks(quick ? small : std::vector{options.model}, options) ? 0 : 1;
  });
}
