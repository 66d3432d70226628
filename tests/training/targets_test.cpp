// Targets without classes: regression and several labels for each sample, and the metrics for them.

#include <sstream>

#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "tests/support/support.hpp"
#include "training/data/data_loader.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

using test::error_of;

/// Points of the plane and the `width` numbers that f computes from each.
template <class F>
Dataset plane(std::int64_t n, std::int64_t width, F f) {
  const Tensor points = RandomStream(4).uniform({n, 2}, -1, 1, DType::float64);
  Tensor targets = Tensor::empty({n, width}, DType::float64);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < width; ++k) {
      targets.mutable_data<double>()[i * width + k] = f(points.at({i, 0}), points.at({i, 1}), k);
    }
  }
  return {points, targets};
}

/// y = 3 a - b + 0.5
Dataset line(std::int64_t n) {
  return plane(n, 1, [](double a, double b, std::int64_t) { return 3 * a - b + 0.5; });
}

Model linear(std::int64_t units, std::uint64_t seed = 2) {
  const SymbolicTensor input = Input({2});
  return {input, Dense({.units = units, .name = "linear"})(input), {.seed = seed}};
}

TEST_CASE("fit learns a regression, without an accuracy") {
  Model model = linear(1);
  Adam adam(model.parameters(), {.learning_rate = 0.05});
  const Dataset data = line(200);
  std::ostringstream progress;
  const History history = fit(model, adam, data,
                              {.epochs = 40,
                               .batch_size = 20,
                               .validation = data,
                               .loss = loss::mean_squared_error(),
                               .output = {.stream = &progress, .columns = [] { return 200; }}});
  CHECK(history.last()["loss"] < 1e-4);
  CHECK_FALSE(history.last().figures.contains("accuracy"));
  CHECK(history.last()["val_loss"] < 1e-4);
  CHECK_FALSE(history.last().figures.contains("val_accuracy"));
  CHECK(progress.str().find("accuracy") == std::string::npos);
  CHECK(history.table().find("%") == std::string::npos);
  CHECK(model.parameters()[0].value().at({0, 0}) == Approx(3).epsilon(0.01));
  CHECK(model.parameters()[1].value().at({0}) == Approx(0.5).epsilon(0.02));
  const Figures evaluation = evaluate(model, data, {.loss = loss::mean_squared_error()});
  CHECK(evaluation["loss"] < 1e-4);
  CHECK_FALSE(evaluation.contains("accuracy"));
}

TEST_CASE("fit learns several labels for each sample, from logits and from probabilities") {
  const Dataset data = plane(300, 3, [](double a, double b, std::int64_t k) {
    return (k == 0 ? a > 0 : k == 1 ? b > 0 : a + b > 0) ? 1.0 : 0.0;
  });
  Model logits = linear(3);
  Adam adam(logits.parameters(), {.learning_rate = 0.1});
  CHECK(fit(logits, adam, data, {.epochs = 30, .loss = loss::sigmoid_cross_entropy(), .show_progress = false})
            .last()["loss"] < 0.2);
  const Tensor predicted = predict(logits, data.input());
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < 300; ++i) {
    for (std::int64_t k = 0; k < 3; ++k) right += (predicted.at({i, k}) > 0) == (data.target().at({i, k}) > 0.5);
  }
  CHECK(right > 850);

  const SymbolicTensor input = Input({2});
  Model probabilities(input, Dense({.units = 3, .activation = sigmoid})(input), {.seed = 2});
  Adam other(probabilities.parameters(), {.learning_rate = 0.1});
  fit(probabilities, other, data, {.epochs = 30, .loss = loss::binary_cross_entropy(), .show_progress = false});
  const Figures evaluation = evaluate(probabilities, data, {.loss = loss::binary_cross_entropy()});
  CHECK(evaluation["loss"] < 0.2);
  CHECK_FALSE(evaluation.contains("accuracy"));
}

TEST_CASE("classes may be distributions, and then there is an accuracy") {
  const Tensor points = RandomStream(4).uniform({100, 2}, -1, 1);
  Tensor rows = Tensor::zeros({100, 2});
  for (std::int64_t i = 0; i < 100; ++i) rows.mutable_data<float>()[2 * i + (points.at({i, 0}) > 0 ? 1 : 0)] = 1;
  const Dataset data(points, rows, 2);
  Model model = linear(2);
  Adam adam(model.parameters(), {.learning_rate = 0.1});
  CHECK(fit(model, adam, data, {.epochs = 20, .show_progress = false}).last()["accuracy"] > 0.9);
  CHECK(evaluate(model, data)["accuracy"] > 0.9);
}

TEST_CASE("a loader converts targets to its type and keeps them with their samples") {
  const Dataset data = line(10);
  CHECK(data.classes() == 0);
  CHECK(data.size() == 10);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const Batch& batch : DataLoader(data, {.batch_size = 4, .dtype = dtype}).epoch(1)) {
      CHECK(batch.target().dtype() == dtype);
      CHECK(batch.target().shape() == Shape{batch.size(), 1});
      for (std::int64_t i = 0; i < batch.size(); ++i) {
        CHECK(batch.target().at({i, 0}) ==
              Approx(3 * batch.input().at({i, 0}) - batch.input().at({i, 1}) + 0.5).margin(1e-6));
      }
    }
  }
  const Dataset picked = data.subset({7, 2});
  CHECK(picked.classes() == 0);
  CHECK(picked.target().at({1, 0}) == data.target().at({2, 0}));
  CHECK(data.rows(3, 5).target().shape() == Shape{2, 1});
}

TEST_CASE("a data set without classes rejects invalid targets") {
  const Tensor images = Tensor::zeros({3, 2});
  CHECK(error_of([&] {
          Dataset(images, Tensor::labels({0, 1, 0}));
        }) ==
        "Dataset: expected targets of float32 or float64, got int64 (3,); with labels say how many classes there are");
  CHECK(error_of([&] {
          Dataset(images, Tensor::zeros({2, 1}));
        }) == "Dataset: expected inputs (n, ...) and targets (n, ...) of as many samples, got (3, 2) and (2, 1)");
  CHECK(Dataset(images, Tensor::zeros({3})).target().shape() == Shape{3});
}

TEST_CASE("targets that the loss does not accept are rejected before the first step") {
  Model model = linear(2);
  Adam adam(model.parameters());
  CHECK(error_of([&] { fit(model, adam, line(8), {.loss = loss::mean_squared_error(), .show_progress = false}); }) ==
        "fit: expected targets (None, 2) like the outputs of model model, got (8, 1), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  CHECK(
      error_of([&] {
        fit(model, adam, Dataset(Tensor::ones({3, 2}), Tensor::full({3, 2}, 5)), {});
      }) ==
      "fit: expected a distribution a row, with the sum 1, got the sum 10 in row 0; divide each row by its sum, or for "
      "several labels at a time use targets without classes and sigmoid_cross_entropy; softmax_cross_entropy, the "
      "default loss, is for classes: name another one for other targets, such as {.loss = loss::mean_squared_error()}");
  CHECK(adam.iterations() == 0);
}

TEST_CASE("a sigmoid at the end is rejected with a loss of logits") {
  const SymbolicTensor input = Input({2});
  Model model(input, Dense({.units = 1, .activation = sigmoid, .name = "probability"})(input));
  Adam adam(model.parameters());
  CHECK(error_of([&] { fit(model, adam, line(8), {.loss = loss::sigmoid_cross_entropy(), .show_progress = false}); }) ==
        "fit: expected a model that gives logits, as sigmoid_cross_entropy takes them, got one that ends in layer "
        "probability with sigmoid; leave it out");
}

}  // namespace
}  // namespace xtape
