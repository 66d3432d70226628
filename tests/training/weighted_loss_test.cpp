// Weights of samples and classes compared with the definition, loss = sum(w_i l_i) / n.

#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"
#include "training/data/batch_weights.hpp"
#include "training/metrics/metrics.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// sum(w_i l_i) / n over all of the data, where each l_i is computed with a batch of one.
double weighted_mean(Model model, const Dataset& data, const std::vector<double>& weights) {
  double sum = 0;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const Dataset one(data.input().rows(i, i + 1), data.target().rows(i, i + 1), data.classes());
    sum += weights[static_cast<std::size_t>(i)] * evaluate(model, one)["loss"];
  }
  return sum / static_cast<double>(data.size());
}

std::vector<double> some_weights(std::int64_t n) { return RandomStream(4).uniform({n}, 0, 3).to_vector(); }

}  // namespace

TEST_CASE("the loss of fit includes weights of samples and classes, that of evaluate weights of samples only") {
  Model model = quadrant_model(0);
  SGD still(model.parameters(), {.learning_rate = 0});
  const Dataset plain = quadrants(13);
  const std::vector<double> weights = some_weights(13);
  const Dataset data = plain.weighted(Tensor::of({13}, weights));
  std::vector<double> both = weights;
  for (std::int64_t i = 0; i < 13; ++i) both[static_cast<std::size_t>(i)] *= plain.target().at({i}) == 0 ? 0.25 : 4;
  CHECK(evaluate(model, data, {.batch_size = 5})["loss"] == Approx(weighted_mean(model, plain, weights)));
  const EpochResult epoch =
      fit(model, still, data, {.batch_size = 5, .validation = data, .class_weights = {0.25, 4}, .show_progress = false})
          .last();
  CHECK(epoch["loss"] == Approx(weighted_mean(model, plain, both)));
  CHECK(epoch["val_loss"] == Approx(weighted_mean(model, plain, weights)));
  const Tensor taken = top_classes(predict(model, plain));  // class weights apply to the loss only
  double right = 0, sum = 0;
  for (std::int64_t i = 0; i < 13; ++i) {
    const double weight = weights[static_cast<std::size_t>(i)];
    sum += weight;
    right += taken.at({i, 0}) == plain.target().at({i}) ? weight : 0;
  }
  CHECK(epoch["accuracy"] == Approx(right / sum));
  CHECK(epoch["val_accuracy"] == Approx(right / sum));
}

TEST_CASE("a weight of 2 counts as the sample twice, a weight of 0 as no sample") {
  const Dataset plain = quadrants(3);
  Model weighted = quadrant_model(0), twice = quadrant_model(0);
  SGD a(weighted.parameters(), {.learning_rate = 0.3}), b(twice.parameters(), {.learning_rate = 0.3});
  fit(weighted, a, plain.weighted(Tensor::of({3}, {1, 2, 0})), {.show_progress = false});
  fit(twice, b, plain.subset({0, 1, 1}), {.show_progress = false});
  for (std::size_t i = 0; i < weighted.parameters().size(); ++i) {
    CHECK(largest_difference(weighted.parameters()[i].value(), twice.parameters()[i].value()) < 1e-6);
  }
}

TEST_CASE("a distribution has the weight of the class of its largest entry, times that of the sample") {
  const Batch batch{
      {Tensor::zeros({2, 1})}, {Tensor::of({2, 3}, {0.2, 0.5, 0.3, 0.4, 0.2, 0.4})}, {Tensor::of({2}, {2, 3})}};
  CHECK(weights_of(batch.weight(), batch.target(), {10, 20, 30}).to_vector() == std::vector<double>{40, 30});
  CHECK(weights_of(batch.weight(), batch.target(), {}).to_vector() == std::vector<double>{2, 3});
  const Batch plain{{Tensor::zeros({2, 1})}, {Tensor::labels({2, 0})}};
  CHECK(weights_of(plain.weight(), plain.target(), {10, 20, 30}).to_vector() == std::vector<double>{30, 10});
  CHECK_FALSE(weights_of(plain.weight(), plain.target(), {}).defined());
}

TEST_CASE("class weights and an ignored label that is no class give the loss of the other samples") {
  const Tensor points = RandomStream(1).normal({4, 2});
  const auto first_loss = [&](std::vector<std::int64_t> labels, std::int64_t ignored, const Tensor& weights) {
    Model model = quadrant_model(0);
    SGD sgd(model.parameters());
    double loss = 0;
    Dataset data({points}, {{.values = Tensor::labels(labels), .classes = 2, .ignored_label = ignored}});
    if (weights.defined()) data = data.weighted(weights);
    FitOptions options{.loss = loss::softmax_cross_entropy({.ignored_label = ignored}), .show_progress = false};
    if (!weights.defined()) options.class_weights = {2, 3};
    options.callbacks = {at_batch_end([&](TrainingState& run) { loss = run.batch_loss; })};
    fit(model, sgd, data, options);
    return loss;
  };
  for (const std::int64_t ignored : {-1, 7}) {
    const double weighted = first_loss({0, ignored, 1, ignored}, ignored, {});
    CHECK(weighted == Approx(first_loss({0, ignored, 1, ignored}, ignored, Tensor::of({4}, {2.0, 1.0, 3.0, 1.0}))));
  }
}

TEST_CASE("parts of weighted data keep their weights, and invalid weights are rejected") {
  const Dataset data = quadrants(4).weighted(Tensor::of({4}, {1, 2, 3, 4}));
  CHECK(data.rows(1, 3).weight().to_vector() == std::vector<double>{2, 3});
  CHECK(data.subset({3, 0}).weight().to_vector() == std::vector<double>{4, 1});
  CHECK_FALSE(quadrants(4).rows(0, 2).weight().defined());
  const std::string expected = "Dataset::weighted: expected floating weights (4,), got ";
  CHECK(error_of([&] { data.weighted(Tensor::zeros({3})); }) == expected + "float32 (3,)");
  CHECK(error_of([&] { data.weighted(Tensor()); }) == expected + "an undefined tensor");
  CHECK(error_of([&] {
          data.weighted(Tensor::of({4}, {1, 2, -1, 0}));
        }) == "Dataset::weighted: expected finite weights of at least 0, got -1");
}

TEST_CASE("data whose weights are all 0 are rejected: of samples, of classes, or of both together") {
  const Dataset data(Tensor::ones({4, 2}), Tensor::labels({0, 0, 1, 1}), 2);
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const auto refused = [&](const std::vector<double>& weights, const std::vector<double>& class_weights) {
    try {
      fit(model, sgd, data.weighted(Tensor::of({4}, weights)),
          {.epochs = 1, .class_weights = class_weights, .show_progress = false});
    } catch (const Error& error) {
      CHECK(std::string(error.what()) ==
            "fit: expected weights of which some are above 0 and labels that are not all ignored, got only samples of "
            "weight 0, for which the loss is always 0");
      return true;
    }
    return false;
  };
  CHECK(refused({0, 0, 0, 0}, {}));
  CHECK(refused({0, 0, 0, 0}, {1, 1}));
  CHECK(refused({1, 1, 1, 1}, {0, 0}));
  CHECK(refused({0, 0, 1, 1}, {1, 0}));
  CHECK(refused({2, 3, 0, 0}, {0, 5}));
  CHECK_FALSE(refused({0, 0, 0, 1}, {0, 1}));
  CHECK_FALSE(refused({0, 1, 0, 0}, {}));
  // the only sample with a weight is ignored
  const Dataset ignored({Tensor::ones({3, 2})},
                        {{.values = Tensor::labels({0, 0, -1}), .classes = 2, .ignored_label = -1}});
  const auto message = [&](const Dataset& given, const std::vector<double>& class_weights) {
    return error_of([&] {
      fit(model, sgd, given,
          {.loss = loss::softmax_cross_entropy({.ignored_label = -1}), .class_weights = class_weights});
    });
  };
  CHECK_THAT(message(ignored, {0, 1}), Catch::Contains("got only samples of weight 0"));
  CHECK_THAT(message(ignored.weighted(Tensor::of({3}, {0.0, 0.0, 1.0})), {}),
             Catch::Contains("got only samples of weight 0"));
}

TEST_CASE("a loss of two arguments is rejected for data with weights") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const Loss two("two",
                 [](const Variable& outputs, const Tensor& labels) { return softmax_cross_entropy(outputs, labels); },
                 {.targets = LossTargets::classes});
  CHECK(error_of([&] {
          fit(model, sgd, quadrants(4), {.loss = two, .class_weights = {1, 2}, .show_progress = false});
        }) == "fit: expected a loss(outputs, targets, weights) for data with weights, got two, of two arguments");
  CHECK(error_of([&] {
          two(Tensor::zeros({1, 2}), Tensor::labels({0}), Tensor::ones({1}));
        }) == "Loss: expected a loss(outputs, targets, weights) for data with weights, got one of two arguments");
  CHECK(evaluate(model, quadrants(4), {.loss = two})["loss"] == evaluate(model, quadrants(4))["loss"]);
}
