// One rank of a program, which does what a test asks for:
//   ranks_program count
//   ranks_program hang
//   ranks_program train FOLDER STEPS [RANK SIGNAL AFTER MICROSECONDS | limit BYTES]
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sys/resource.h>
#include <thread>

#include "examples/ranks.hpp"

using namespace xtape;

namespace {

Model network() {
  const auto input = Input({16});
  auto x = BatchNormalization()(Dense({.units = 64, .activation = relu})(input));
  x = Dropout({.rate = 0.3})(x);
  return Model(input, Dense({.units = 4})(x), {.seed = 3});
}

Dataset samples() {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 100; ++i) labels.push_back(i % 4);
  return {RandomStream(1).normal({100, 16}), Tensor::labels(labels), 4};
}

void limit(int resource, std::uint64_t most) {
  const rlimit both{most, most};
  check(setrlimit(static_cast<__rlimit_resource>(resource), &both) == 0, "ranks_program: expected to set a limit");
}

/// Trains on 4 shards for so many steps, with a checkpoint after each, and resumes if there is one. In the end the
/// first rank writes FOLDER/model.safetensors. In between, rank RANK sends itself SIGNAL, AFTER steps and some
/// microseconds after the run has begun or resumed; the end of the next step waits for that, at any speed of the
/// machine. Or the system kills the first rank (SIGXFSZ) when a file becomes larger than BYTES.
int train(const std::shared_ptr<Communicator>& ranks, const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) { return i < arguments.size() ? std::atoi(arguments[i].c_str()) : -1; };
  fmt::print(stderr, "rank {} of {} is process {} now\n", ranks->rank(), ranks->size(), getpid());
  const std::filesystem::path folder = arguments[1], checkpoints = folder / "checkpoints";
  limit(RLIMIT_CORE, 0);
  if (arguments.size() == 5 && ranks->rank() == 0) limit(RLIMIT_FSIZE, static_cast<std::uint64_t>(number(4)));
  const int steps = number(2), signal = number(4);
  const bool is_target = arguments.size() > 5 && number(3) == ranks->rank();
  std::thread sender;
  int done = 0;
  const auto batch_end = [&](TrainingState& run) {
    if (is_target && ++done == number(5)) {
      sender = std::thread([&] {
        usleep(static_cast<useconds_t>(number(6)));
        kill(getpid(), signal);
      });
    }
    if (is_target && done == number(5) + 1) sender.join();
    if (run.step() == steps) run.stop("enough");
  };
  Model model = network();
  Adam adam(model.parameters(), {.learning_rate = 1e-3});
  const bool again = !checkpoints_in(checkpoints).empty();
  const History history = fit(model, adam, samples(),
                              {.epochs = steps,
                               .batch_size = 32,
                               .callbacks = {Checkpoint({.folder = checkpoints, .every_steps = 1}),
                                             LambdaCallback({.batch_end = batch_end}), StopOnInterrupt()},
                               .resume = again ? checkpoints : std::filesystem::path(),
                               .distributed = {.communicator = ranks, .shards = 4},
                               .show_progress = false});
  if (sender.joinable()) sender.join();
  fmt::print(stderr, "rank {} has ended: {}\n", ranks->rank(), history.stop_reason());
  if (history.stop_reason() != "enough") return 128 + signal;
  if (ranks->rank() == 0) save_model(model, folder / "model.safetensors");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.at(0) == "count") {
    fmt::print("{}\n", launched_ranks());
    return 0;
  }
  return run_on_ranks([&](const std::shared_ptr<Communicator>& ranks) {
    if (arguments[0] == "train") return train(ranks, arguments);
    if (ranks->rank() == 0) pause();  // hangs, while the others disagree
    ranks->all_reduce(Tensor::zeros({ranks->rank()}));
    return 0;
  });
}
