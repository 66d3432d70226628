// Training with a gradient in the loss: a Wasserstein critic with a penalty that keeps the norm of its gradient at 1
// (Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville: Improved training of Wasserstein GANs, NIPS 2017). So every
// optimizer step computes derivatives of derivatives. The distance between points and the same points moved by (3, 4)
// is W = 5. With a penalty of weight l the slope grows to 1 + W / 2l, where W (slope) - l (slope - 1)^2 is largest.
#include <cmath>

#include "examples/program.hpp"
using namespace xtape;

/// n points around the origin, or around (3, 4) if `moved` is true.
Tensor points(RandomStream& random, std::int64_t n, bool moved) {
  Tensor x = random.normal({n, 2});
  float* data = x.mutable_data<float>();
  for (std::int64_t i = 0; moved && i < n; ++i) {
    data[2 * i] += 3;
    data[2 * i + 1] += 4;
  }
  return x;
}

int main(int argc, char** argv) {
  const std::string about = "Trains a critic with a gradient penalty to measure the distance of two clouds, which is 5";
  return run_example(argc, argv, about, [](bool) {
    const auto input = Input({2});
    auto x = Dense({.units = 32, .activation = tanh})(input);
    x = Dense({.units = 32, .activation = tanh})(x);
    const Model critic(input, Dense({.units = 1})(x), {.seed = 1});
    Adam adam(critic.parameters(), {.learning_rate = 3e-3});

    const double weight = 100;
    double distance = 0, slope = 0;  // means over the last steps
    for (int step = 1; step <= 1500; ++step) {
      RandomStream random(7, static_cast<std::uint64_t>(step));
      const Variable here = points(random, 64, false), there = points(random, 64, true);
      const Variable share = random.uniform({64, 1});
      ForwardPass pass(Mode::training);
      const Variable between = pass.watch((here * share + there * (1.0 - share)).value());
      const Variable slopes = gradients(sum(critic(between, pass)), {between})[0];  // can be differentiated again
      const Variable length = sqrt(sum(square(slopes), {1}) + 1e-12);
      const Variable gap = mean(critic(there, pass)) - mean(critic(here, pass));
      const double mean_length = mean(length).value().item();
      adam.minimize(weight * mean(square(length - 1.0)) - gap, pass);
      distance += (gap.value().item() - distance) / std::min(step, 200);
      slope += (mean_length - slope) / std::min(step, 200);
      if (step % 300 == 0) fmt::print("step {:4}: distance {:.3f}, slope {:.3f}\n", step, distance, slope);
    }
    const double expected = 1 + 5 / (2 * weight);
    return std::abs(distance - 5 * expected) < 0.2 && std::abs(slope - expected) < 0.02;
  });
}
