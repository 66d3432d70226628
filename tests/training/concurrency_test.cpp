// Several threads that use one model at the same time.
#include <thread>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/zoo/resnet50.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"
#include "training/evaluate.hpp"

namespace xtape {
namespace {

TEST_CASE("predict and evaluate may run on one model in several threads at once") {
  Model model = resnet50({.input = {32, 32, 3}, .classes = 3, .pooling = Pooling::global_average});
  constexpr int threads = 4;
  std::vector<Tensor> images, alone, together(threads);
  for (int i = 0; i < threads; ++i) {
    images.push_back(RandomStream(static_cast<std::uint64_t>(i)).uniform({3, 32, 32, 3}));
    alone.push_back(predict(model, images.back(), 2));
  }
  std::vector<double> losses(threads);
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        together[i] = predict(model, images[i], 2);
        losses[i] = evaluate(model, Dataset(images[i], Tensor::labels({0, 1, 2}), 3))["loss"];
      });
    }
  }
  for (std::size_t i = 0; i < threads; ++i) {
    CHECK(together[i].to_vector() == alone[i].to_vector());
    CHECK(losses[i] == evaluate(model, Dataset(images[i], Tensor::labels({0, 1, 2}), 3))["loss"]);
  }
}

/// Convolutions, whose kernels are packed in inference, a shared layer, and optionally batch normalization and dropout.
Model trained_model(bool depends_on_batch) {
  const auto input = Input({6, 6, 16});
  const Conv2D shared({.filters = 16, .kernel_size = 3, .padding = Padding::same, .activation = relu});
  auto x = shared(shared(input));
  if (depends_on_batch) x = Dropout({.rate = 0.3})(BatchNormalization({.momentum = 0.5})(x));
  Model model(input, Dense({.units = 3})(Flatten()(x)), {.seed = 3});
  model.convert(DType::float64);
  return model;
}

/// The gradients of the sum of the losses of the samples [begin, end).
Gradients gradients_of(const Model& model, const Dataset& data, std::int64_t begin, std::int64_t end,
                       std::uint64_t seed = 0) {
  const Dataset part = data.rows(begin, end);
  ForwardPass pass(Mode::training, {.seed = seed, .step = 0});
  const Variable mean_loss = softmax_cross_entropy(model(part.input(), pass), part.target());
  return pass.backward(mean_loss * static_cast<double>(end - begin));
}

Dataset drawn_samples(std::int64_t n) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i % 3);
  return {RandomStream(1).normal({n, 6, 6, 16}, 0, 1, DType::float64), Tensor::labels(labels), 3};
}

TEST_CASE("training passes of several threads on one model add up to one pass over the whole batch") {
  Model model = trained_model(false);
  constexpr std::int64_t threads = 4, share = 3;
  const Dataset data = drawn_samples(threads * share);
  std::vector<Gradients> parts(threads);
  {
    std::vector<std::jthread> workers;
    for (std::int64_t t = 0; t < threads; ++t) {
      workers.emplace_back(
          [&, t] { parts[static_cast<std::size_t>(t)] = gradients_of(model, data, t * share, (t + 1) * share); });
    }
  }
  Gradients total;
  for (const Gradients& part : parts) total += part;
  const Gradients whole = gradients_of(model, data, 0, threads * share);
  REQUIRE(total.size() == 4);
  for (const auto& [parameter, gradient] : whole) {
    INFO(parameter.name());
    CHECK(test::largest_difference(total[parameter], gradient) < 1e-12);
  }
}

TEST_CASE("several threads that train one model together get the result of one thread") {
  constexpr std::int64_t threads = 4, share = 3;
  const Dataset data = drawn_samples(threads * share);
  const auto train = [&](bool at_once) {
    Model model = trained_model(true);
    SGD sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
    for (int step = 0; step < 3; ++step) {
      std::vector<Gradients> parts(threads);
      std::vector<Tensor> predicted(threads);
      const auto work = [&](std::int64_t t) {
        const auto seed = static_cast<std::uint64_t>(10 * step + t);
        parts[static_cast<std::size_t>(t)] = gradients_of(model, data, t * share, (t + 1) * share, seed);
        // while other threads run training passes
        predicted[static_cast<std::size_t>(t)] = predict(model, data.input());
      };
      {
        std::vector<std::jthread> workers;
        for (std::int64_t t = 0; t < threads; ++t) at_once ? void(workers.emplace_back(work, t)) : work(t);
      }
      for (const Tensor& one : predicted) CHECK(identical(one, predicted[0]));
      Gradients total;
      for (const Gradients& part : parts) total += part;
      total *= 1.0 / (threads * share);
      sgd.step(total);  // writes the moving averages of all four passes, in this order
    }
    std::vector<Tensor> values;
    for (const Parameter& parameter : model.parameters()) values.push_back(parameter.value());
    return values;
  };
  const std::vector<Tensor> together = train(true), alone = train(false);
  for (std::size_t i = 0; i < alone.size(); ++i) CHECK(identical(together[i], alone[i]));
}

}  // namespace
}  // namespace xtape
