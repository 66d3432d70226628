// Measures what the simulation needs, and real runs to compare it with.
#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <limits>
#include <optional>

#include "examples/program.hpp"
#include "framework/communication/element_sums.hpp"
#include "framework/communication/wire_format.hpp"
#include "training/distributed/packing.hpp"

using namespace xtape;

namespace {

struct Options {
  std::string what = "costs", network = "resnet50";
  std::int64_t image_size = 64, classes = 6, batch = 32;
  int threads = 1, repeats = 5, shards = 0;
  bool mpi = false, narrow = false;
};

class Stopwatch {
 public:
  /// Seconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

Model build(const Options& options) {
  const Shape input{options.image_size, options.image_size, 3};
  if (options.network == "convnet") {
    return conv_net({.input = input,
                     .classes = options.classes,
                     .stages = {{32, 3, 2}, {64, 3, 2}, {128, 3, 2}},
                     .batch_normalization = true});
  }
  return resnet50({.input = input, .classes = options.classes, .pooling = Pooling::global_average});
}

/// The shortest of several times.
template <class F>
double shortest(int repeats, F f) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    Stopwatch watch;
    f();
    best = std::min(best, watch.lap());
  }
  return best;
}

/// One training step, part by part.
struct StepCosts {
  struct Part {
    std::size_t index;
    std::int64_t bytes;
    double seconds;
  };
  double forward = 0, rest = 0, update = 0;
  std::vector<Part> gradients;

  double total() const {
    double sum = forward + rest + update;
    for (const Part& part : gradients) sum += part.seconds;
    return sum;
  }
};

StepCosts measure_step(const Model& model, Adam& adam, const std::vector<Parameter>& trained, const Tensor& images,
                       const Tensor& labels) {
  StepCosts costs;
  Stopwatch watch;
  ForwardPass pass(Mode::training, {.step = adam.iterations()});
  const Variable loss = softmax_cross_entropy(model(images, pass), labels);
  costs.forward = watch.lap();
  Gradients gradients;
  gradients += pass.backward(loss, [&](const Parameter& parameter, Tensor gradient) {
    const auto index = static_cast<std::size_t>(std::ranges::find(trained, parameter) - trained.begin());
    const std::int64_t bytes = gradient.size_in_bytes();
    gradients.add(parameter, std::move(gradient));
    costs.gradients.push_back({index, bytes, watch.lap()});
  });
  costs.rest = watch.lap();
  adam.step(gradients);
  costs.update = watch.lap();
  return costs;
}

/// The parts of the shortest of several steps, and what sums and conversions take for each byte of float32. Parts of
/// different steps are not combined: the sum of their minima is shorter than any step.
void print_costs(const Options& options) {
  Model model = build(options);
  Adam adam(model.parameters());
  std::vector<Parameter> trained = model.parameters();
  std::erase_if(trained, [](const Parameter& p) { return !p.trainable(); });
  const Tensor images = RandomStream(1).uniform(model.input_shape().prepended(options.batch));
  const Tensor labels = Tensor::zeros({options.batch}, DType::int64);
  for (int i = 0; i < 2; ++i) measure_step(model, adam, trained, images, labels);
  std::optional<StepCosts> best;
  for (int i = 0; i < options.repeats; ++i) {
    StepCosts costs = measure_step(model, adam, trained, images, labels);
    if (!best || costs.total() < best->total()) best = std::move(costs);
  }
  fmt::print("images,{}\nstates,{}\nforward,{:.9f}\n", options.batch, model.parameters().size() - trained.size(),
             best->forward);
  for (const auto& part : best->gradients) fmt::print("gradient,{},{},{:.9f}\n", part.index, part.bytes, part.seconds);
  fmt::print("rest,{:.9f}\nupdate,{:.9f}\n", best->rest, best->update);

  constexpr std::int64_t elements = 1 << 20, bytes = 4 * elements;
  const Tensor x = RandomStream(2).uniform({elements});
  Tensor y = RandomStream(3).uniform({elements});
  Tensor message = Tensor::zeros({elements});
  std::vector<std::uint16_t> halves(elements);
  const std::span<const float> values(x.data<float>(), elements);
  const std::span<float> restored(message.mutable_data<float>(), elements);
  const int repeats = 4 * options.repeats;
  const double add = shortest(repeats, [&] {  // on one thread, as the communicator's
    add_elements(y.mutable_data<float>(), y.data<float>(), x.data<float>(), elements);
  });
  const double pack_time = shortest(repeats, [&] { pack(x, 0, message); });
  const double narrow = shortest(repeats, [&] {
    to_wire(Wire::bfloat16, values, halves);
    from_wire(Wire::bfloat16, halves, restored);
  });
  fmt::print("add,{:.4e}\npack,{:.4e}\nnarrow,{:.4e}\n", add / bytes, pack_time / bytes, narrow / bytes);
}

/// Bytes and seconds of all_reduce on the ranks of mpirun: the shortest and the median of the times of the slowest
/// rank.
void print_all_reduce(const Options& options) {
  const auto ranks = mpi_communicator();
  run_rank(ranks, [&](const std::shared_ptr<Communicator>&) {
    for (std::int64_t elements = 1 << 10; elements <= 1 << 22; elements *= 4) {
      std::vector<double> times;
      for (int i = 0; i < 2 + options.repeats; ++i) {
        Tensor x = Tensor::ones({elements}, DType::float32);
        ranks->barrier();
        Stopwatch watch;
        ranks->all_reduce(std::move(x), options.narrow ? Wire::bfloat16 : Wire::full);
        const std::vector<double> all = ranks->all_gather(Tensor::of({1}, std::vector{watch.lap()})).to_vector();
        if (i >= 2) times.push_back(std::ranges::max(all));
      }
      std::ranges::sort(times);
      if (ranks->rank() == 0) {
        fmt::print("{},{},{:.9f},{:.9f}\n", ranks->size(), 4 * elements, times.front(), times[times.size() / 2]);
      }
    }
  });
}

/// The processor time of all threads of this process so far, in seconds.
double processor_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Notes how long each step of fit takes, and the processor time after each.
class StepTimes final : public Callback {
 public:
  void batch_end(TrainingState&) override {
    seconds.push_back(watch_.lap());
    processor.push_back(processor_time());
  }
  std::vector<double> seconds, processor;

 private:
  Stopwatch watch_;
};

/// Ranks, images of a step, the shortest and the median seconds of a step of fit, and the mean processor time of a
/// step.
void print_steps(const Options& options) {
  const std::shared_ptr<Communicator> ranks = options.mpi ? mpi_communicator() : nullptr;
  const std::int64_t size = ranks ? ranks->size() : 1, batch = size * options.batch;
  const auto body = [&] {
    Model model = build(options);
    Adam adam(model.parameters());
    const Dataset noise(RandomStream(1).uniform(model.input_shape().prepended(batch)),
                        Tensor::zeros({batch}, DType::int64), options.classes);
    const auto times = std::make_shared<StepTimes>();
    fit(model, adam, noise,
        {.batch_size = batch,
         .steps_per_epoch = 2 + options.repeats,
         .callbacks = {times},
         .distributed = {.communicator = ranks,
                         .shards = options.shards,
                         .wire = options.narrow ? Wire::bfloat16 : Wire::full},
         .show_progress = false});
    std::vector<double> seconds(times->seconds.begin() + 2, times->seconds.end());
    std::ranges::sort(seconds);
    if (!ranks || ranks->rank() == 0) {
      const std::vector<double>& processor = times->processor;
      fmt::print("{},{},{:.6f},{:.6f},{:.6f}\n", size, batch, seconds.front(), seconds[seconds.size() / 2],
                 (processor.back() - processor[1]) / options.repeats);
    }
  };
  if (ranks) {
    run_rank(ranks, [&](const std::shared_ptr<Communicator>&) { body(); });
  } else {
    body();
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Measures training steps and sums over ranks, for the simulation of many ranks");
  app.add_option("what", options.what, "costs: the parts of a step; all_reduce: sums over ranks; steps: steps of fit")
      ->check(CLI::IsMember({"costs", "all_reduce", "steps"}))
      ->required();
  app.add_option("--network", options.network)->check(CLI::IsMember({"resnet50", "convnet"}))->capture_default_str();
  app.add_option("--image-size", options.image_size)->check(CLI::Range(32, 1024))->capture_default_str();
  app.add_option("--classes", options.classes)->check(CLI::Range(2, 1 << 16))->capture_default_str();
  app.add_option("--batch", options.batch, "Images on each rank")->check(CLI::Range(1, 1 << 16))->capture_default_str();
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--repeats", options.repeats)->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--shards", options.shards, "0: one for each rank")->check(CLI::Range(0, 1 << 16));
  app.add_flag("--mpi", options.mpi, "Use the ranks of mpirun");
  app.add_flag("--narrow", options.narrow, "Send bfloat16");
  return run_program(argc, argv, app, [&] {
    set_num_threads(options.threads);
    if (options.what == "costs") print_costs(options);
    if (options.what == "all_reduce") print_all_reduce(options);
    if (options.what == "steps") print_steps(options);
    return 0;
  });
}
