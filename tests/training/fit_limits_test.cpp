// The limits of the numbers in the options of fit, data, augmentation and callbacks from both sides.
#include "layers/core/activation.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "optim/sgd.hpp"
#include "tests/support/limits.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/callbacks/tensorboard.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/data/data_loader.hpp"
#include "training/evaluate.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

using namespace test;

/// Three samples of three classes.
Dataset three_classes() { return {Tensor::zeros({3, 2}), Tensor::labels({0, 1, 2}), 3}; }

/// Calls fit with a callback that does not exist, which is refused after all numbers.
void fit_without_steps(FitOptions options) {
  const auto input = Input({2});
  Model model(input, Dense({.units = 3})(input));
  SGD sgd(model.parameters());
  options.callbacks = {nullptr};
  options.show_progress = false;
  const std::string message = error_of([&] { fit(model, sgd, three_classes(), options); });
  if (message != "fit: expected callbacks, got a null pointer") throw Error(message);
}

std::function<void(std::int64_t)> fit_with(const std::function<void(FitOptions&, std::int64_t)>& set) {
  return [set](std::int64_t value) {
    FitOptions options{.epochs = 3};
    set(options, value);
    fit_without_steps(options);
  };
}

}  // namespace

TEST_CASE("numbers of fit are accepted up to their limits, and messages say what was expected") {
  constexpr std::int64_t most = std::int64_t{1} << 30, most_int = std::numeric_limits<int>::max();
  integer_limits("fit: expected at least 1 epoch, got ",
                 fit_with([](auto& o, auto n) { o.epochs = static_cast<int>(n); }), {1, most_int}, {0, -1});
  integer_limits(
      "fit: expected an initial_epoch of at least 0 and below epochs, which is the number of the last one, got ",
      fit_with([](auto& o, auto n) { o.initial_epoch = static_cast<int>(n); }), {0, 2}, {-1, 3}, " and 3");
  integer_limits("fit: expected a batch_size of at least 1, got ", fit_with([](auto& o, auto n) { o.batch_size = n; }),
                 {1, std::numeric_limits<std::int64_t>::max()}, {0, -1});
  integer_limits("fit: expected accumulate from 1 to 1073741824, got ",
                 fit_with([](auto& o, auto n) { o.accumulate = n; }), {1, most}, {0, most + 1});
  integer_limits("fit: expected steps_per_epoch from 0 to 1073741824, got ",
                 fit_with([](auto& o, auto n) { o.steps_per_epoch = n; }), {0, 1, most}, {-1, most + 1});
  integer_limits("fit: expected a class weight for each of the 3 classes, got ",
                 fit_with([](auto& o, auto n) { o.class_weights.assign(static_cast<std::size_t>(n), 1); }), {0, 3},
                 {1, 2, 4});
  number_limits("fit: expected finite class weights of at least 0, got ",
                [](double weight) {
                  fit_without_steps({.class_weights = {1, 1, weight}});
                },
                {0, greatest_finite}, {below_zero, infinite});
  number_limits("fit: expected a finite weight of at least 0 for the loss softmax_cross_entropy, got ",
                [](double weight) {
                  fit_without_steps({.loss = {{loss::softmax_cross_entropy(), weight}}});
                },
                {above_zero, greatest_finite}, {below_zero, infinite});
}

TEST_CASE("a loss of probabilities accepts outputs that are wrong by rounding") {
  const auto input = Input({1});
  const Model model(input, Activation(linear)(input));
  const auto evaluated = [&](double output) {
    const Tensor outputs = Tensor::full({2, 1}, output);
    evaluate(model, Dataset(outputs, Tensor::ones({2, 1})), {.loss = loss::binary_cross_entropy()});
  };
  for (const double output : {-0.000999, 0.0, 1.0, 1.000999}) CHECK_NOTHROW(evaluated(output));
  const std::string advice =
      "; end it in a sigmoid or softmax, or use the loss of logits, sigmoid_cross_entropy or softmax_cross_entropy";
  const std::string message =
      "evaluate: expected a model that gives probabilities, as binary_cross_entropy takes them, got the output ";
  CHECK(error_of([&] { evaluated(-0.0011); }) == message + "-0.0011" + advice);
  CHECK(error_of([&] { evaluated(1.0011); }) == message + "1.0011" + advice);
}

TEST_CASE("numbers of DataLoader, Augmentation and Dataset are accepted up to their limits") {
  const Dataset data(Tensor::zeros({3, 4, 4, 1}), Tensor::labels({0, 1, 2}), 3);
  integer_limits("DataLoader: expected a batch_size of at least 1, got ",
                 [&](auto n) { DataLoader(data, {.batch_size = n}); }, {1, 100}, {0, -1});
  integer_limits("DataLoader: expected a batch_size of at most 3, the number of samples, with drop_last, got ",
                 [&](auto n) { DataLoader(data, {.batch_size = n, .drop_last = true}); }, {3}, {4});
  integer_limits("DataLoader: expected prefetch in [0, 64], got ", [&](auto n) { DataLoader(data, {.prefetch = n}); },
                 {0, 64}, {-1, 65});
  integer_limits(
      "DataLoader: expected a part in [0, parts) and parts from 1 to 65536, got ",
      [&](auto n) { DataLoader(data, {.part = n, .parts = 3}); }, {0, 2}, {-1, 3}, " and 3");
  integer_limits("DataLoader: expected a part in [0, parts) and parts from 1 to 65536, got 0 and ",
                 [&](auto n) { DataLoader(data, {.parts = n}); }, {1, 65536}, {0, 65537});
  integer_limits("DataLoader::epoch: expected a number of 0 or more, got ",
                 [&](auto n) { DataLoader(data, {}).epoch(n); }, {0}, {-1});
  integer_limits("Epoch: expected a batch in [0, 3), got ",
                 [&](auto n) { DataLoader(data, {.batch_size = 1}).epoch(0)[n]; }, {0, 2}, {-1, 3});
  struct Row {
    const char* name;
    double Augmentation::*option;
    double most;
  };
  for (const auto& [name, option, most] : {Row{"rotation", &Augmentation::rotation, 180},
                                           {"zoom", &Augmentation::zoom, 100},
                                           {"shift", &Augmentation::shift, 1},
                                           {"brightness", &Augmentation::brightness, 1},
                                           {"contrast", &Augmentation::contrast, 1}}) {
    number_limits(fmt::format("DataLoader: expected augmentation.{} in [0, {}], got ", name, most),
                  [&, &member = option](double value) {
                    Augmentation augmentation;
                    augmentation.*member = value;
                    DataLoader(data, {.augmentation = augmentation});
                  },
                  {0, most}, {below_zero, std::nextafter(most, infinite)});
  }
  integer_limits("Dataset::sample: expected an index in [0, 3), got ", [&](auto n) { data.sample(n); }, {0, 2},
                 {-1, 3});
  integer_limits(
      "Dataset::rows: expected 0 <= begin < end <= 3, the number of samples, got [1, ",
      [&](auto n) { data.rows(1, n); }, {2, 3}, {1, 4}, ")");
  integer_limits(
      "Dataset::rows: expected 0 <= begin < end <= 3, the number of samples, got [", [&](auto n) { data.rows(n, 2); },
      {0, 1}, {-1, 2}, ", 2)");
  integer_limits("Dataset::subset: expected indices in [0, 3), got ",
                 [&](auto n) {
                   data.subset({1, n});
                 },
                 {0, 2}, {-1, 3});
  number_limits("split: expected a fraction between 0 and 1, got ", [&](double f) { split(data, f); }, {0.5}, {0, 1});
}

TEST_CASE("numbers of callbacks are accepted up to their limits") {
  for (const bool plateau : {false, true}) {
    const std::string who = plateau ? "ReduceLROnPlateau" : "EarlyStopping";
    integer_limits(who + ": expected a patience of at least 0, got ",
                   [=](auto n) {
                     if (plateau) ReduceLROnPlateau({.patience = static_cast<int>(n)});
                     if (!plateau) EarlyStopping({.patience = static_cast<int>(n)});
                   },
                   {0}, {-1});
    number_limits(who + ": expected a finite min_delta of at least 0, got ",
                  [=](double d) {
                    if (plateau) ReduceLROnPlateau({.min_delta = d});
                    if (!plateau) EarlyStopping({.min_delta = d});
                  },
                  {0, greatest_finite}, {below_zero, infinite});
  }
  number_limits("ReduceLROnPlateau: expected a factor between 0 and 1, got ",
                [](double f) { ReduceLROnPlateau({.factor = f}); }, {above_zero, std::nextafter(1, 0)}, {0, 1});
  integer_limits("ReduceLROnPlateau: expected a cooldown of at least 0, got ",
                 [](auto n) { ReduceLROnPlateau({.cooldown = static_cast<int>(n)}); }, {0}, {-1});
  number_limits("ReduceLROnPlateau: expected a finite min_learning_rate of at least 0, got ",
                [](double r) { ReduceLROnPlateau({.min_learning_rate = r}); }, {0, greatest_finite},
                {below_zero, infinite});
  CHECK(error_of([] { CSVLogger({.path = ""}); }) == "CSVLogger: expected a path, got an empty one");
  CHECK(error_of([] { EarlyStopping({.monitor = ""}); }) ==
        "EarlyStopping: expected the name of a figure to watch, got an empty one");
  CHECK(error_of([] { Checkpoint({.folder = ""}); }) == "Checkpoint: expected a folder, got an empty name");
  integer_limits("Checkpoint: expected to keep at least 1, got ",
                 [](auto n) { Checkpoint({.folder = "x", .keep = static_cast<int>(n)}); }, {1}, {0});
  integer_limits(
      "Checkpoint: expected every_epochs and every_steps of at least 0, got ",
      [](auto n) { Checkpoint({.folder = "x", .every_epochs = static_cast<int>(n)}); }, {0}, {-1}, " and 0");
  integer_limits("TensorBoard: expected every_steps of at least 0, got ",
                 [](auto n) { TensorBoard({.folder = "x", .every_steps = n}); }, {0}, {-1});
  integer_limits("TensorBoard: expected histogram_epochs of at least 0, got ",
                 [](auto n) { TensorBoard({.folder = "x", .histogram_epochs = static_cast<int>(n)}); }, {0}, {-1});
}

}  // namespace xtape
