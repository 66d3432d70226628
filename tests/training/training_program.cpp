// A training run as a separate program, for tests that kill it, interrupt it or fill its disk:
//   training_program FOLDER THREADS [EPOCHS] [ignore-limit]
// It trains with every kind of callback, resumes from the checkpoints in FOLDER/checkpoints if there are any, and
// writes FOLDER/result.safetensors: weights, optimizer and history without seconds. After each step it prints a line of
// 2048 bytes; two of them fill a small pipe. With ignore-limit, exceeding the limit on the size of files is an error
// and no signal.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "framework/io/safetensors.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/callbacks/interrupt.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/fit.hpp"

using namespace xtape;

namespace {

Dataset images(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i % 4);
  return {RandomStream(seed).uniform({n, 12, 12, 2}), Tensor::labels(labels), 4};
}

Model network() {
  const auto input = Input({12, 12, 2});
  auto x = Activation(relu)(BatchNormalization()(Conv2D({.filters = 8, .kernel_size = 3})(input)));
  x = Dropout({.rate = 0.3})(Dense({.units = 128, .activation = relu})(Flatten()(x)));
  return Model(input, Dense({.units = 4})(x), {.seed = 3});
}

void save_result(const std::filesystem::path& path, Model model, const Optimizer& optimizer, const History& history) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, parameter] : model.named_parameters()) tensors.push_back({"w " + name, parameter.value()});
  for (const auto& [name, slot] : optimizer.named_state()) tensors.push_back({"s " + name, slot});
  std::vector<double> figures;
  for (const EpochResult& e : history.epochs()) {
    for (const double figure : {static_cast<double>(e.epoch), e["loss"], e["accuracy"], e["val_loss"],
                                e["val_accuracy"], e["learning_rate"]}) {
      figures.push_back(figure);
    }
  }
  tensors.push_back({"history", Tensor::of({std::ssize(figures)}, figures, DType::float64)});
  save_safetensors(path, tensors,
                   {{"iterations", fmt::format("{}", optimizer.iterations())}, {"reason", history.stop_reason()}});
}

int run(const std::filesystem::path& folder, int threads, int epochs) {
  kernels::set_num_threads(threads);
  const auto checkpoints = folder / "checkpoints";
  Model model = network();
  Adam adam(model.parameters(), {.learning_rate = 2e-3});
  check(interrupt_signal() == 0, "expected no signal before StopOnInterrupt, got {}", interrupt_signal());
  const auto interrupt = StopOnInterrupt();
  const bool again = !checkpoints_in(checkpoints).empty();
  const auto print_step = [](TrainingState& state) {
    const std::string line = fmt::format("step {}", state.step());
    std::cout << line << std::string(2047 - line.size(), ' ') << std::endl;
  };
  const History history =
      fit(model, adam, images(480, 1),
          {.epochs = epochs,
           .batch_size = 32,
           .validation = images(60, 2),
           .seed = 9,
           .callbacks = {Checkpoint({.folder = checkpoints, .every_steps = 7, .best = "val_loss"}),
                         EarlyStopping({.patience = 8, .restore_best = true}),
                         ReduceLROnPlateau({.factor = 0.5, .patience = 2}), CSVLogger({.path = folder / "history.csv"}),
                         LambdaCallback({.batch_end = print_step}), interrupt},
           .resume = again ? checkpoints : std::filesystem::path(),
           .show_progress = false});
  if (interrupt_signal() != 0) return 128 + interrupt_signal();
  save_result(folder / "result.safetensors", model, adam, history);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 4 && std::string(argv[4]) == "ignore-limit") std::signal(SIGXFSZ, SIG_IGN);
    return run(argv[1], std::atoi(argv[2]), argc > 3 ? std::atoi(argv[3]) : 12);
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 2;
  }
}
