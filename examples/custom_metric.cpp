// A custom metric and a custom loss: both are a name and a function.
#include "examples/program.hpp"
using namespace xtape;

/// The share of predictions with an error of at most `tolerance`, weighted by the samples. The sums of batches are
/// added, and the result is computed from the total, so it is exact for batches of any size.
Metric within(double tolerance) {
  const auto sums = [tolerance](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    double hits = 0, all = 0;
    for (std::int64_t i = 0; i < outputs.dim(0); ++i) {
      const double weight = weights.defined() ? weights.at({i}) : 1;
      all += weight;
      if (std::abs(outputs.at({i, 0}) - targets.at({i, 0})) <= tolerance) hits += weight;
    }
    return Tensor::of({2}, {hits, all}, DType::float64);
  };
  return {fmt::format("within_{}", tolerance), sums, [](const Tensor& total) { return total.at({0}) / total.at({1}); }};
}

/// The mean of sqrt((y - t)^2 + 1) - 1: like half the squared error for small differences, like the absolute error for
/// large ones. (Charbonnier et al.: Two deterministic half-quadratic regularization algorithms, 1994.)
Variable charbonnier(const Variable& outputs, const Tensor& targets) {
  const Variable e = outputs - targets;
  return mean(sqrt(e * e + 1.0)) - 1.0;
}

/// Samples of y = sin(3 a) + b^2; every tenth has a large error.
Dataset noisy(std::int64_t n, std::uint64_t seed) {
  const Tensor points = RandomStream(seed).uniform({n, 2}, -1, 1);
  std::vector<double> targets;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = points.at({i, 0}), b = points.at({i, 1});
    targets.push_back(std::sin(3 * a) + b * b + (i % 10 == 0 ? 5 : 0));
  }
  return {points, Tensor::of({n, 1}, targets)};
}

int main(int argc, char** argv) {
  return run_example(argc, argv, "Trains with a custom loss and watches a custom metric", [](bool quick) {
    const auto input = Input({2});
    auto x = Dense({.units = 32, .activation = tanh})(input);
    x = Dense({.units = 32, .activation = tanh})(x);
    Model model(input, Dense({.units = 1, .name = "y"})(x), {.seed = 1});
    const Dataset train = noisy(2000, 1), test = noisy(500, 2);
    const int epochs = quick ? 10 : 40;
    Adam adam(model.parameters(), {.learning_rate = schedule::cosine(1e-2, epochs * train.size() / 32)});
    const Loss loss("charbonnier", charbonnier);
    const Metrics metrics{within(0.2), metric::mean_absolute_error()};
    fit(model, adam, train,
        {.epochs = epochs,
         .validation_split = 0.1,
         .loss = loss,
         .metrics = metrics,
         .callbacks = {EarlyStopping({.monitor = "val_within_0.2", .patience = epochs, .restore_best = true})}});
    const Figures result = evaluate(model, test, {.loss = loss, .metrics = metrics});
    fmt::print("test: {}\n", to_string(result));
    return result["within_0.2"] > (quick ? 0.35 : 0.7);  // at most 0.9, because a tenth is unpredictable
  });
}
