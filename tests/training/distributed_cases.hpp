// Networks, data and options whose runs are compared between numbers of shards and ranks.
#pragma once

#include "layers/layers.hpp"
#include "optim/sgd.hpp"
#include "tests/support/outputs.hpp"
#include "tests/training/small_training.hpp"

namespace xtape::test {

inline double distance(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, largest_difference(a[i], b[i]));
  return largest;
}

/// What a run came to.
struct Trained {
  std::vector<Tensor> weights;
  History history;
};

/// Points with a class at each of two positions, of which some are ignored, and a number to learn; samples
/// have weights.
inline Dataset tasks(std::int64_t n, std::uint64_t seed = 1) {
  const Tensor points = RandomStream(seed).normal({n, 2}, 0, 1, DType::float64);
  std::vector<std::int64_t> kinds;
  std::vector<double> prices, weights;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = points.at({i, 0}), b = points.at({i, 1});
    kinds.push_back(i % 3 == 1 ? 9 : a > 0 ? 0 : 1);
    kinds.push_back(i % 5 == 2 ? 9 : b > 0 ? 2 : 1);
    prices.push_back(a + 2 * b);
    weights.push_back(0.25 + static_cast<double>(i % 4));
  }
  const Dataset data({points},
                     {{Tensor::labels(kinds).reshaped({n, 2}), 10}, {Tensor::of({n, 1}, prices, DType::float64)}});
  return data.weighted(Tensor::of({n}, weights));
}

inline Model tasks_model() {
  const auto input = Input({2});
  const auto x = Dense({.units = 6, .activation = tanh, .kernel_regularizer = l2(0.01), .name = "shared"})(input);
  const auto kind = Reshape({.target_shape = {2, 10}, .name = "kind"})(Dense({.units = 20})(x));
  const auto price = Dense({.units = 1, .name = "price"})(x);
  Model model({input}, {kind, price}, {.seed = 3});
  model.convert(DType::float64);
  return model;
}

/// Runs whose losses are means over different counts: ignored labels, sample weights, class weights, several batches a
/// step, an incomplete last batch.
inline std::vector<FitOptions> tasks_options() {
  const Losses losses{{loss::softmax_cross_entropy({.ignored_label = 9}), 0.7}, {loss::mean_squared_error(), 0.25}};
  const Metrics metrics{{metric::accuracy({.ignored_label = 9}), "kind"}, {metric::r2(), "price"}};
  std::vector<FitOptions> all;
  for (const std::int64_t accumulate : {1, 3}) {
    all.push_back({.epochs = 2, .batch_size = 10, .loss = losses, .metrics = metrics, .accumulate = accumulate});
  }
  all.push_back({.epochs = 2, .batch_size = 10, .accumulate = 2, .class_weights = {1, 2.5}});
  return all;
}

/// Trains with one of these options in float64; with class weights the data is of one task.
inline Trained train_tasks(FitOptions options) {
  options.show_progress = false;
  const bool one_task = !options.class_weights.empty();
  Model model = one_task ? quadrant_model(0) : tasks_model();
  model.convert(DType::float64);
  const Dataset data = one_task ? quadrants(33).weighted(RandomStream(2).uniform({33})) : tasks(33);
  SGD sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
  Trained result;
  result.history = fit(model, sgd, data, options);
  result.weights = values_of(model);
  return result;
}

/// Small images with a class and a mask.
inline Dataset stateful_data(std::int64_t n, std::uint64_t seed = 1) {
  const Tensor images = RandomStream(seed).uniform({n, 6, 6, 2});
  std::vector<std::int64_t> kinds, masks;
  for (std::int64_t i = 0; i < n; ++i) {
    kinds.push_back(images.at({i, 0, 0, 0}) > 0.5 ? 1 : 0);
    for (std::int64_t p = 0; p < 36; ++p) {
      masks.push_back(p % 7 == 3 ? 2 : images.at({i, p / 6, p % 6, 1}) > 0.5 ? 1 : 0);
    }
  }
  return {{images}, {{Tensor::labels(kinds), 2}, {Tensor::labels(masks).reshaped({n, 6, 6}), 3}}};
}

/// With batch normalization, dropout, two outputs and a regularizer.
inline Model stateful_model(bool synchronized = false) {
  const auto input = Input({6, 6, 2});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .kernel_regularizer = l2(0.01)})(input);
  x = Activation(relu)(BatchNormalization({.momentum = 0.75, .synchronized = synchronized, .name = "norm"})(x));
  x = Dropout({.rate = 0.25})(x);
  const auto mask = Conv2D({.filters = 3, .kernel_size = 1, .name = "mask"})(x);
  const auto kind = Dense({.units = 2, .name = "kind"})(GlobalAveragePooling2D()(x));
  return Model({input}, {kind, mask}, {.seed = 3});
}

inline Losses stateful_losses() {
  return {{loss::softmax_cross_entropy()}, {loss::softmax_cross_entropy({.ignored_label = 2}), 0.5}};
}

inline Metrics stateful_metrics() {
  return {{metric::accuracy(), "kind"}, {metric::intersection_over_union({.ignored_label = 2}), "mask"}};
}

}  // namespace xtape::test
