// Every option of fit and evaluate has a row with a test of its effect. A test fails if an option has no row.
#include <functional>
#include <sstream>

#include "framework/ops/ops.hpp"
#include "layers/shape/reshaping.hpp"
#include "optim/sgd.hpp"
#include "tests/support/field_count.hpp"
#include "tests/training/small_training.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// The results of a run: the steps, the weights, the history, and the output.
struct Result {
  std::int64_t steps = 0;
  Tensor weights;
  History history;
  std::string printed;
};

Result run_of(FitOptions options, Model model = quadrant_model(0.5), const Dataset& data = quadrants(40)) {
  std::ostringstream stream;
  if (!options.output.stream || options.output.stream == &std::cout) options.output.stream = &stream;
  SGD sgd(model.parameters(), {.learning_rate = 0.5});
  Result result;
  result.history = fit(model, sgd, data, options);
  result.steps = sgd.iterations();
  result.weights = model.parameters()[0].value();
  result.printed = stream.str();
  return result;
}

}  // namespace

TEST_CASE("every option of fit") {
  const TemporaryFolder folder;
  const Result plain = run_of({});
  const auto same = [&](const Result& other) { return identical(plain.weights, other.weights); };
  struct FitRow {
    std::string name;
    std::function<bool()> holds;
  };
  const Loss doubled =
      custom_loss([](const Variable& y, const Tensor& labels) { return 2.0 * softmax_cross_entropy(y, labels); });
  Profiler profiler;
  std::ostringstream elsewhere;
  int told = 0;
  const std::vector<FitRow> rows{
      {"epochs", [&] { return run_of({.epochs = 3}).steps == 6 && plain.steps == 2; }},
      {"batch_size", [&] { return run_of({.batch_size = 7}).steps == 6; }},
      {"validation",
       [&] {
         const Result judged = run_of({.validation = quadrants(9, 3)});
         return judged.history.last().figures.contains("val_loss") &&
                !plain.history.last().figures.contains("val_loss") && same(judged);
       }},
      {"validation_split",
       [&] {  // the last samples, before shuffling, as in Keras
         const Dataset data = quadrants(40);
         const Result judged = run_of({.batch_size = 8, .validation_split = 0.25}), by_hand = [&] {
           return run_of({.batch_size = 8, .validation = data.rows(30, 40)}, quadrant_model(0.5), data.rows(0, 30));
         }();
         // of 9 samples the first 6.3 are trained with, rounded down
         const Result of_nine = run_of({.batch_size = 1, .validation_split = 0.3}, quadrant_model(0.5), quadrants(9));
         return judged.steps == 4 && of_nine.steps == 6 && identical(judged.weights, by_hand.weights) &&
                judged.history.last()["val_loss"] == by_hand.history.last()["val_loss"];
       }},
      {"loss", [&] { return !same(run_of({.loss = doubled})); }},
      {"metrics",
       [&] {
         const Result measured = run_of({.validation = quadrants(9, 3), .metrics = {metric::f1()}});
         const Figures& last = measured.history.last().figures;
         return same(measured) && last.contains("f1") && last.contains("val_f1") && !last.contains("accuracy");
       }},
      {"drop_last", [&] { return run_of({.batch_size = 7, .drop_last = true}).steps == 5; }},
      {"accumulate", [&] { return run_of({.batch_size = 7, .accumulate = 4}).steps == 2; }},
      {"steps_per_epoch", [&] { return run_of({.epochs = 3, .batch_size = 7, .steps_per_epoch = 4}).steps == 12; }},
      {"shuffle", [&] { return !same(run_of({.shuffle = false})); }},
      {"seed", [&] { return !same(run_of({.seed = 1})); }},
      {"augmentation",
       [&] {
         const auto input = Input({2, 2, 1});
         const auto logits = Dense({.units = 2})(Flatten()(input));
         const auto train = [&](const Augmentation& augmentation) {
           Model model(input, logits, {.seed = 1});
           SGD sgd(model.parameters());
           const Dataset data(RandomStream(1).uniform({8, 2, 2, 1}), Tensor::labels({0, 1, 0, 1, 0, 1, 0, 1}), 2);
           return fit(model, sgd, data, {.augmentation = augmentation, .show_progress = false}).last()["loss"];
         };
         return train({}) != train({.horizontal_flip = true});
       }},
      {"class_weights",
       [&] {
         return same(run_of({.class_weights = {1, 1}})) && !same(run_of({.class_weights = {1, 3}}));
       }},
      {"initial_epoch",
       [&] {
         const Result later = run_of({.epochs = 3, .initial_epoch = 2});
         return later.steps == 2 && later.history.last().epoch == 3 && !same(later);
       }},
      {"partial_optimizer",
       [&] {
         Model model = quadrant_model(0.5);
         SGD sgd({model.parameters()[0]});
         const auto train = [&](bool partial) {
           fit(model, sgd, quadrants(8), {.partial_optimizer = partial, .show_progress = false});
         };
         const bool refused = error_of([&] { train(false); }).find("partial_optimizer") != std::string::npos;
         train(true);
         return refused && sgd.iterations() == 1;
       }},
      {"callbacks", [&] { return same(run_of({.callbacks = {at_batch_end([&](auto&) { ++told; })}})) && told == 2; }},
      {"resume",
       [&] {
         const auto checkpoint = Checkpoint({.folder = folder.path()});
         run_of({.callbacks = {checkpoint}});
         const Result more = run_of({.epochs = 2, .callbacks = {checkpoint}, .resume = folder.path()});
         return more.history.epochs().size() == 2 && identical(more.weights, run_of({.epochs = 2}).weights);
       }},
      {"distributed",  // each shard has its own dropout
       [&] {
         const Result sharded = run_of({.distributed = {.shards = 4}});
         return sharded.steps == 2 && !same(sharded) && same(run_of({.distributed = {.shards = 1}}));
       }},
      {"check_finite",
       [&] {
         Model model = quadrant_model(0.5);
         model.parameters()[0].set_value(Tensor::full({2, 8}, 1e38));
         const std::string message = error_of([&] { run_of({.check_finite = true}, model); });
         return message.find("fit: expected a finite loss") == std::string::npos &&
                same(run_of({.check_finite = true}));
       }},
      {"recompute", [&] { return same(run_of({.recompute = true})); }},
      {"profiler", [&] { return same(run_of({.profiler = &profiler})) && !profiler.activities().empty(); }},
      {"show_progress", [&] { return run_of({.show_progress = false}).printed.empty() && !plain.printed.empty(); }},
      {"output",
       [&] { return run_of({.output = {.stream = &elsewhere}}).printed.empty() && !elsewhere.str().empty(); }}};
  check_row_for_each_field<FitOptions>(rows);
  for (const FitRow& row : rows) {
    INFO(row.name);
    CHECK(row.holds());
  }
}

TEST_CASE("every option of evaluate") {
  Model model = quadrant_model(0);
  const Dataset data = quadrants(10);
  int told = 0;
  struct EvaluateRow {
    std::string name;
    EvaluateOptions options;
    int batches;
    std::int64_t samples;
  };
  const auto count = [&](std::int64_t) { return ++told > 0; };
  const auto stop = [&](std::int64_t) { return ++told < 2; };
  const Loss doubled =
      custom_loss([](const Variable& y, const Tensor& labels) { return 2.0 * softmax_cross_entropy(y, labels); });
  const std::vector<EvaluateRow> rows{
      {"batch_size", {.batch_size = 4, .batch_end = count}, 3, 10},
      {"loss", {.loss = doubled, .batch_end = count}, 1, 10},
      {"distributed", {.batch_size = 4, .distributed = {.shards = 2}, .batch_end = count}, 3, 10},
      {"metrics", {.metrics = {metric::f1()}, .batch_end = count}, 1, 10},
      {"batch_end", {.batch_size = 4, .batch_end = stop}, 2, 8}};
  check_row_for_each_field<EvaluateOptions>(rows);
  for (const EvaluateRow& row : rows) {
    told = 0;
    const Figures result = evaluate(model, data, row.options);
    INFO(row.name);
    CHECK(told == row.batches);
    CHECK(result.contains("f1") == (row.name == "metrics"));
    const double loss = evaluate(model, data.rows(0, row.samples))["loss"];
    CHECK(result["loss"] == Approx(row.name == "loss" ? 2 * loss : loss));
  }
}
