// Steps whose batches are divided into shards, in one process: the tree, and the numbers of the undivided step.
#include <functional>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/training/distributed_cases.hpp"
#include "training/batch_norm_recalibration.hpp"
#include "training/data/data_loader.hpp"
#include "training/distributed/ordered_sum.hpp"
#include "training/distributed/state_mean.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

void join(std::string& left, const std::string& right) { left = "(" + left + right + ")"; }

/// The definition: adjacent pairs, level by level, an odd one is carried up.
std::string tree_of(std::vector<std::string> level) {
  while (level.size() > 1) {
    std::vector<std::string> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) next.push_back("(" + level[i] + level[i + 1] + ")");
    if (level.size() % 2 == 1) next.push_back(level.back());
    level = next;
  }
  return level.front();
}

}  // namespace

TEST_CASE("a tree sum joins adjacent pairs level by level, and blocks of a power of two are its nodes") {
  for (std::size_t count = 1; count <= 40; ++count) {
    std::vector<std::string> leaves;
    for (std::size_t i = 0; i < count; ++i) leaves.push_back(std::string(1, static_cast<char>('0' + i)));
    CHECK(ordered_total(leaves, join) == tree_of(leaves));
    for (std::size_t block = 1; block <= count; block *= 2) {
      if (count % block != 0) continue;
      std::vector<std::string> nodes;
      for (std::size_t begin = 0; begin < count; begin += block) {
        const auto first = leaves.begin() + static_cast<std::ptrdiff_t>(begin);
        nodes.push_back(ordered_total(std::vector(first, first + static_cast<std::ptrdiff_t>(block)), join));
      }
      CHECK(ordered_total(nodes, join) == tree_of(leaves));
    }
  }
}

TEST_CASE("the parts of a batch are consecutive, of sizes that differ by at most 1, and the batch together") {
  const Dataset data = quadrants(37);
  for (const std::int64_t parts : {1, 2, 3, 8, 11}) {
    const DataLoader whole(data, {.batch_size = 10, .seed = 4});
    for (std::int64_t b = 0; b < whole.batches(); ++b) {
      std::vector<double> points;
      std::int64_t smallest = 100, largest = 0;
      for (std::int64_t part = 0; part < parts; ++part) {
        const Batch piece = DataLoader(data, {.batch_size = 10, .seed = 4, .part = part, .parts = parts}).epoch(3)[b];
        smallest = std::min(smallest, piece.size());
        largest = std::max(largest, piece.size());
        const std::vector<double> own = piece.input().to_vector();
        points.insert(points.end(), own.begin(), own.end());
        CHECK(piece.target().dim(0) == piece.size());
      }
      CHECK(points == whole.epoch(3)[b].input().to_vector());
      CHECK(largest - smallest <= 1);
    }
  }
  CHECK(error_of([&] { DataLoader(data, {.part = 2, .parts = 2}); }) ==
        "DataLoader: expected a part in [0, parts) and parts from 1 to 65536, got 2 and 2");
}

TEST_CASE("a step of shards is the step of the whole batch, to rounding in float64") {
  for (const FitOptions& options : tasks_options()) {
    const Trained whole = train_tasks(options);
    for (const std::int64_t shards : {1, 2, 3, 5, 8, 9}) {
      INFO(shards << " shards, accumulate " << options.accumulate << ", class weights "
                  << options.class_weights.size());
      FitOptions divided = options;
      divided.distributed.shards = shards;
      const Trained sharded = train_tasks(divided);
      CHECK(distance(whole.weights, sharded.weights) < 1e-12);
      for (std::size_t e = 0; e < whole.history.epochs().size(); ++e) {
        for (const Figure& figure : whole.history.epochs()[e].figures) {
          INFO(figure.name);
          if (figure.name == "seconds") continue;
          CHECK(sharded.history.epochs()[e][figure.name] == Approx(figure.value).epsilon(1e-12).margin(1e-12));
        }
      }
    }
  }
}

TEST_CASE("moving averages are the means of the shards' new values, weighted by their samples") {
  const auto input = Input({3});
  const auto build = [&] {
    const auto x = BatchNormalization({.momentum = 0.75, .bias_correction = true, .name = "norm"})(input);
    Model model(input, Dense({.units = 2})(x), {.seed = 1});
    model.convert(DType::float64);
    return model;
  };
  Model model = build();
  const Tensor points = RandomStream(3).normal({7, 3}, 1, 2, DType::float64);
  const Dataset data(points, Tensor::labels({0, 1, 1, 0, 1, 0, 0}), 2);
  SGD sgd(model.parameters(), {.learning_rate = 0});
  fit(model, sgd, data, {.batch_size = 7, .shuffle = false, .distributed = {.shards = 3}, .show_progress = false});
  const std::vector<std::pair<std::int64_t, std::int64_t>> rows{{0, 2}, {2, 4}, {4, 7}};
  for (std::int64_t c = 0; c < 3; ++c) {
    double mean_of_all = 0, variance_of_all = 0;
    for (const auto& [begin, end] : rows) {
      const auto n = static_cast<double>(end - begin);
      double mean = 0, squares = 0;
      for (std::int64_t i = begin; i < end; ++i) mean += points.at({i, c}) / n;
      for (std::int64_t i = begin; i < end; ++i) squares += std::pow(points.at({i, c}) - mean, 2);
      mean_of_all += n / 7 * (0.25 * mean);
      variance_of_all += n / 7 * (0.75 + 0.25 * squares / (n - 1));
    }
    CHECK(model.parameter("norm/moving_mean").value().at({c}) == Approx(mean_of_all).epsilon(1e-12));
    CHECK(model.parameter("norm/moving_variance").value().at({c}) == Approx(variance_of_all).epsilon(1e-12));
  }
  CHECK(model.parameter("norm/updates").value().item() == 1);
}

TEST_CASE("shards that do not fit are refused before the first step") {
  Model model = quadrant_model();
  const Dataset data = quadrants(20);
  Adam adam(model.parameters());
  const auto refused = [&](FitOptions options) {
    options.show_progress = false;
    return error_of([&] { fit(model, adam, data, options); });
  };
  CHECK(refused({.distributed = {.shards = -1}}) == "fit: expected shards from 0 to 65536, got -1");
  CHECK(refused({.batch_size = 4, .distributed = {.shards = 5}}) ==
        "fit: expected at least one sample of a batch for each of the 5 shards, got a batch of 4; choose a larger "
        "batch_size or fewer shards and ranks");
  CHECK(error_of([&] { evaluate(model, data, {.distributed = {.shards = 1 << 17}}); }) ==
        "evaluate: expected shards from 0 to 65536, got 131072");
  CHECK(adam.iterations() == 0);
}

TEST_CASE("a sharded run whose loss is not finite changes nothing") {
  Model model = quadrant_model(0);
  Tensor points = quadrants(20).input();
  points.mutable_data<float>()[2 * 13] = std::numeric_limits<float>::infinity();
  const Dataset data(points, quadrants(20).target(), 2);
  SGD sgd(model.parameters());
  const std::vector<Tensor> before = values_of(model);
  CHECK_THAT(error_of([&] {
               fit(model, sgd, data, {.batch_size = 20, .distributed = {.shards = 4}, .show_progress = false});
             }),
             Contains("fit: expected a finite loss, got -nan in epoch 1, step 1 of 1; the inputs of this step have "
                      "values that are not finite"));
  const std::vector<Tensor> after = values_of(model);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(identical(before[i], after[i]));
  CHECK(sgd.iterations() == 0);
}

TEST_CASE("evaluate and predict and recalibrate_batch_norm of shards give what they give without") {
  Model model = stateful_model();
  const Dataset data = stateful_data(29);
  const Figures whole =
      evaluate(model, data, {.batch_size = 8, .loss = stateful_losses(), .metrics = stateful_metrics()});
  const std::vector<Tensor> outputs = predict_all(model, data, 8);
  for (const std::int64_t shards : {2, 3, 8}) {
    const Figures sharded = evaluate(
        model, data,
        {.batch_size = 8, .loss = stateful_losses(), .metrics = stateful_metrics(), .distributed = {.shards = shards}});
    REQUIRE(sharded.size() == whole.size());
    for (const Figure& figure : whole) CHECK(sharded[figure.name] == Approx(figure.value).epsilon(1e-5));
    const std::vector<Tensor> same = predict_all(model, data, 8, {.shards = shards});
    for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(largest_difference(outputs[i], same[i]) < 1e-5);
  }
  // the mean of the batches' means, weighted by size, is that of the samples, whatever the batches are
  Model one = stateful_model(), other = stateful_model();
  recalibrate_batch_norm(one, data, {.batch_size = 8});
  recalibrate_batch_norm(other, data, {.batch_size = 8, .distributed = {.shards = 8}});
  CHECK(largest_difference(one.parameter("norm/moving_mean").value(), other.parameter("norm/moving_mean").value()) <
        1e-6);
}

TEST_CASE("a loss that is a sum gives the step of the whole batch with any shards and accumulated batches") {
  const auto summed = [](const Variable& y, const Tensor& t) { return sum((y - t) * (y - t)); };
  const Loss loss("summed", summed, {.reduction = LossReduction::sum});
  const auto train = [&](FitOptions options, const Dataset& data) {
    const auto input = Input({2});
    Model model(input, Dense({.units = 1})(input), {.seed = 1});
    model.convert(DType::float64);
    SGD sgd(model.parameters(), {.learning_rate = 0.01});
    options.loss = loss;
    options.shuffle = options.show_progress = false;
    Trained result;
    result.history = fit(model, sgd, data, options);
    result.weights = values_of(model);
    return result;
  };
  const Dataset data(RandomStream(1).normal({10, 2}, 0, 1, DType::float64),
                     RandomStream(2).normal({10, 1}, 0, 1, DType::float64));
  const Trained whole = train({.batch_size = 10}, data);
  // the definition: the gradient of the kernel is 2 x^T (x w + b - t)
  const auto input = Input({2});
  Model initial(input, Dense({.units = 1})(input), {.seed = 1});
  initial.convert(DType::float64);
  const Tensor w = values_of(initial)[0];
  double squares = 0, slope = 0;
  for (std::int64_t i = 0; i < 10; ++i) {
    double difference = -data.target().at({i, 0});
    for (std::int64_t j = 0; j < 2; ++j) difference += data.input().at({i, j}) * w.at({j, 0});
    squares += difference * difference;
    slope += 2 * data.input().at({i, 0}) * difference;
  }
  CHECK(whole.weights[0].at({0, 0}) == Approx(w.at({0, 0}) - 0.01 * slope).epsilon(1e-12));
  CHECK(whole.history.last()["loss"] == Approx(squares / 10).epsilon(1e-12));  // figures are for each sample
  for (const std::int64_t shards : {1, 2, 3, 5}) {
    for (const std::int64_t accumulate : {1, 2}) {
      INFO(shards << " shards, accumulate " << accumulate);
      const Trained parts =
          train({.batch_size = 10 / accumulate, .accumulate = accumulate, .distributed = {.shards = shards}}, data);
      CHECK(distance(whole.weights, parts.weights) < 1e-12);
      CHECK(parts.history.last()["loss"] == Approx(whole.history.last()["loss"]).epsilon(1e-12));
    }
  }
}

TEST_CASE("a loss of a whole batch is refused where batches are divided") {
  const auto input = Input({2});
  Model model(input, Dense({.units = 1, .activation = sigmoid})(input));
  SGD sgd(model.parameters());
  const Dataset data(Tensor::ones({8, 2}), Tensor::ones({8, 1}));
  for (const Loss& loss : {loss::dice({.whole_batch = true}), loss::tversky({.whole_batch = true})}) {
    FitOptions options{.batch_size = 8, .loss = loss, .distributed = {.shards = 4}, .show_progress = false};
    const auto message = Contains("fit: expected one shard and no accumulate for the loss " + loss.name() +
                                  " (whole_batch true), which is not a mean or sum of the losses of a batch's parts");
    CHECK_THAT(error_of([&] { fit(model, sgd, data, options); }), message && Contains("got 4 parts"));
    options.distributed = {};
    options.accumulate = 2;
    CHECK_THAT(error_of([&] { fit(model, sgd, data, options); }), message && Contains("got 2 parts"));
    options.accumulate = 1;
    fit(model, sgd, data, options);
    CHECK_THAT(error_of([&] { evaluate(model, data, {.batch_size = 8, .loss = loss, .distributed = {.shards = 2}}); }),
               Contains("evaluate: expected one shard"));
  }
  fit(model, sgd, data, {.loss = loss::dice(), .distributed = {.shards = 4}, .show_progress = false});
}

TEST_CASE("a part of a batch that does not count may have a loss of NaN") {
  const auto masked = [](const Variable& y, const Tensor& t) {  // the mean over targets that are not 0
    return sum((y - t) * (y - t) * t) / sum(Variable(t));
  };
  const auto count = [](const Tensor& targets) {
    double total = 0;
    for (const double t : targets.to_vector()) total += t;
    return total;
  };
  const Loss loss("masked", masked, LossOptions{.count = count});
  const auto train = [&](const Distributed& distributed) {
    const auto input = Input({2});
    Model model(input, Dense({.units = 1})(input), {.seed = 1});
    model.convert(DType::float64);
    SGD sgd(model.parameters());
    const Dataset data(RandomStream(1).normal({8, 2}, 0, 1, DType::float64),
                       Tensor::of({8, 1}, std::vector<double>{1, 0, 0, 0, 0, 0, 1, 1}, DType::float64));
    const History history =
        fit(model, sgd, data,
            {.batch_size = 8, .loss = loss, .shuffle = false, .distributed = distributed, .show_progress = false});
    std::vector<Tensor> results = values_of(model);
    results.push_back(Tensor::scalar(history.last()["loss"], DType::float64));
    return results;
  };
  const std::vector<Tensor> whole = train({});
  CHECK(std::isfinite(whole.back().item()));
  CHECK(distance(whole, train({.shards = 4})) < 1e-12);
}

TEST_CASE("the mean of a state has the same bits wherever the shards without it are computed") {
  const auto input = Input({1});
  const Model model(input, BatchNormalization()(input));
  const Parameter mean = model.parameters()[2];
  for (const bool first : {false, true}) {
    StateMean state({mean});
    for (const bool announced : {first, !first}) {
      Gradients updates;
      if (announced) updates.update(mean, [](const Tensor&) { return Tensor::of({1}, {-0.0f}); });
      state.add_shard(updates, 0.5);
    }
    Gradients means;
    state.announce({state.shares()}, Shards(), means);
    REQUIRE(means.next_state().size() == 1);
    CHECK_FALSE(std::signbit(means.next_state()[0].second.item()));  // -0 + 0, as ranks add it up
  }
}
