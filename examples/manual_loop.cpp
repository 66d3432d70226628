// A custom training loop: a forward pass, a backward pass and a step of the optimizer for each batch.
#include <cmath>

#include "examples/program.hpp"
using namespace xtape;

/// Points (x, y) of two interleaved spirals, class 0 and 1.
Dataset spirals(std::int64_t n, std::uint64_t seed) {
  Tensor points = RandomStream(seed).normal({n, 2}, 0, 0.05);
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < n; ++i) {
    const double turn = 3.0 * static_cast<double>(i) / static_cast<double>(n);
    const double angle = 3.14159265 * (turn + static_cast<double>(i % 2));
    classes.push_back(i % 2);
    points.mutable_data<float>()[2 * i] += static_cast<float>((turn + 0.3) * std::cos(angle));
    points.mutable_data<float>()[2 * i + 1] += static_cast<float>((turn + 0.3) * std::sin(angle));
  }
  return {points, Tensor::labels(classes), 2};
}

int main(int argc, char** argv) {
  const std::string about = "Trains a dense network on two spirals with an explicit loop";
  return run_example(argc, argv, about, [](bool) {
    const auto input = Input({2});
    auto x = Dense({.units = 32, .activation = tanh})(input);
    x = Dense({.units = 32, .activation = tanh})(x);
    const Model model(input, Dense({.units = 2})(x), {.seed = 3});

    const int epochs = 80;
    const DataLoader loader(spirals(1000, 1), {.batch_size = 50});
    Adam adam(model.parameters(), {.learning_rate = schedule::cosine(1e-2, epochs * loader.batches()), .clip_norm = 5});
    for (int epoch = 0; epoch < epochs; ++epoch) {
      double total = 0;
      for (const Batch& batch : loader.epoch(epoch)) {
        ForwardPass pass(Mode::training);  // owns the tape of one forward pass
        const Variable loss = softmax_cross_entropy(model(batch.input(), pass), batch.target());
        total += loss.value().item();
        const Gradients gradients = pass.backward(loss);
        adam.step(gradients);
      }
      if (epoch % 10 == 9)
        fmt::print("epoch {:3}: loss {:.4f}\n", epoch + 1, total / static_cast<double>(loader.batches()));
    }

    const Dataset test = spirals(1000, 2);
    const double right = accuracy(predict(model, test.input()), test.target());
    fmt::print("test accuracy {:.3f}\n", right);
    return right > 0.97;
  });
}
