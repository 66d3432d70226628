// Prints the time and the memory of each layer in a training step.
#include <CLI/CLI.hpp>

#include "examples/program.hpp"
#include "framework/amount.hpp"
using namespace xtape;

struct Options {
  std::string model = "resnet50";
  std::int64_t batch = 32, image_size = 64, classes = 6;
  int steps = 5;
};

Model build(const Options& options) {
  const Shape input{options.image_size, options.image_size, 3};
  if (options.model == "convnet") return conv_net({.input = input, .classes = options.classes});
  return resnet50({.input = input, .classes = options.classes, .pooling = Pooling::global_average});
}

int main(int argc, char** argv) {
  Options options;
  bool quick = false;
  CLI::App app("Trains a network on noise for some steps and prints what takes how long and keeps how much");
  app.add_option("--model", options.model, "resnet50 or convnet")
      ->check(CLI::IsMember({"resnet50", "convnet"}))
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Images in a step")->check(CLI::Range(1, 1 << 16))->capture_default_str();
  app.add_option("--image-size", options.image_size, "Height and width")
      ->check(CLI::Range(32, 1024))
      ->capture_default_str();
  app.add_option("--classes", options.classes)->check(CLI::Range(2, 1 << 16))->capture_default_str();
  app.add_option("--steps", options.steps, "That are measured")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_flag("--quick", quick, "The ConvNet and one step, as a test");
  return run_program(argc, argv, app, [&] {
    if (quick) {  // options on the command line are kept
      if (app.count("--model") == 0) options.model = "convnet";
      if (app.count("--batch") == 0) options.batch = 4;
      if (app.count("--steps") == 0) options.steps = 1;
    }
    Model model = build(options);
    Adam adam(model.parameters());
    const Dataset noise(RandomStream(1).uniform(model.input_shape().prepended(options.batch)),
                        Tensor::zeros({options.batch}, DType::int64), options.classes);
    const StepProfile measured = profile(model, adam, noise, {.batch_size = options.batch, .steps = options.steps});
    fmt::print("{}, {} of {}x{}x3, {}\n\n{}", options.model, amount(options.batch, "image"), options.image_size,
               options.image_size, amount(num_threads(), "thread"), table(measured));
    return 0;
  });
}
