// Every option of the training loop and of its callbacks has a row with a test of its effect. A test fails if an option
// has no row.
#include <functional>
#include <map>

#include "optim/sgd.hpp"
#include "tests/support/field_count.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;
namespace fs = std::filesystem;

namespace {

using Numbers = std::vector<double>;

/// The change of one option of the base options, and the expected outcome, which the base options must not have.
template <class Options>
struct OptionRow {
  std::string name;
  std::function<void(Options&)> change;
  Numbers expected;
};

template <class Options>
void check_table(const Options& base, const std::vector<OptionRow<Options>>& rows,
                 const std::function<Numbers(const Options&)>& outcome) {
  check_row_for_each_field<Options>(rows);
  for (const OptionRow<Options>& row : rows) {
    INFO(row.name);
    Options options = base;
    row.change(options);
    CHECK(outcome(options) == row.expected);
    CHECK(outcome(base) != row.expected);
  }
}

/// Calls a callback with epochs of these figures. All weights of epoch e are e. Returns the learning rates after each
/// epoch, the number of epochs until the stop, and a weight at the end.
Numbers watched(Callback& callback, const Numbers& losses, const Numbers& validation_losses) {
  Model model = quadrant_model();
  SGD sgd(model.parameters(), {.learning_rate = 1});
  const Dataset data = quadrants(8);
  const FitOptions options{.epochs = 100, .validation = data};
  TrainingState run(model, sgd, data, options);
  callback.train_begin(run);
  Numbers seen;
  for (std::size_t e = 0; e < losses.size() && !run.stopping(); ++e) {
    run.epoch = static_cast<int>(e) + 1;
    for (const Parameter& p : model.parameters()) p.set_value(Tensor::full(p.shape(), run.epoch));
    callback.epoch_begin(run);
    run.history.add({run.epoch, {{"loss", losses[e]}, {"val_loss", validation_losses[e]}}});
    callback.epoch_end(run);
    seen.push_back(sgd.learning_rate());
  }
  callback.train_end(run);
  seen.insert(seen.end(), {static_cast<double>(run.epoch), model.parameters()[0].value().to_vector()[0]});
  return seen;
}

}  // namespace

TEST_CASE("every option of EarlyStopping") {
  const Numbers falling{9, 8, 7, 6, 5, 4}, validation{3, 2, 1.9, 1.8, 2, 2};
  const auto outcome = [&](const EarlyStoppingOptions& options) {
    EarlyStopping stopping(options);
    return watched(*stopping, falling, validation);
  };
  // by default it stops in epoch 5, the first that does not improve, with the weights of that epoch
  using Options = EarlyStoppingOptions;
  check_table<Options>({},
                       {{"monitor", [](Options& o) { o.monitor = "loss"; }, {1, 1, 1, 1, 1, 1, 6, 6}},
                        {"min_delta", [](Options& o) { o.min_delta = 0.5; }, {1, 1, 1, 3, 3}},
                        {"patience", [](Options& o) { o.patience = 2; }, {1, 1, 1, 1, 1, 1, 6, 6}},
                        {"restore_best", [](Options& o) { o.restore_best = true; }, {1, 1, 1, 1, 1, 5, 4}}},
                       outcome);
}

TEST_CASE("every option of ReduceLROnPlateau") {
  const Numbers falling{9, 8, 7, 6, 5, 4, 3, 2}, validation{3, 2, 2, 1.9, 1.9, 1.9, 1.9, 1.9};
  const auto outcome = [&](const ReduceLROnPlateauOptions& options) {
    ReduceLROnPlateau plateau(options);
    Numbers seen = watched(*plateau, falling, validation);
    seen.resize(8);  // keeps only the rates
    for (double& rate : seen) rate = std::round(rate * 1e9) / 1e9;
    return seen;
  };
  using Options = ReduceLROnPlateauOptions;
  check_table<Options>(
      {.patience = 2},
      {{"monitor", [](Options& o) { o.monitor = "loss"; }, {1, 1, 1, 1, 1, 1, 1, 1}},
       {"factor", [](Options& o) { o.factor = 0.5; }, {1, 1, 1, 1, 1, 0.5, 0.5, 0.25}},
       {"patience", [](Options& o) { o.patience = 1; }, {1, 1, 0.1, 0.1, 0.01, 0.001, 1e-4, 1e-5}},
       {"min_delta", [](Options& o) { o.min_delta = 0.5; }, {1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001}},
       {"cooldown", [](Options& o) { o.cooldown = 2; }, {1, 1, 1, 1, 1, 0.1, 0.1, 0.1}},
       {"min_learning_rate", [](Options& o) { o.min_learning_rate = 0.05; }, {1, 1, 1, 1, 1, 0.1, 0.1, 0.05}}},
      outcome);
}

TEST_CASE("every option of Checkpoint") {
  const TemporaryFolder folders;
  int count = 0;
  // the steps with a checkpoint after three epochs of four steps; -1 stands for the best weights
  const auto outcome = [&](CheckpointOptions options) {
    const bool named = !options.folder.empty();
    options.folder = folders / (named ? options.folder.string() : std::to_string(++count));
    Model model = quadrant_model();
    SGD sgd(model.parameters(), {.learning_rate = 0.01});
    fit(model, sgd, quadrants(16),
        {.epochs = 3, .batch_size = 4, .callbacks = {Checkpoint(options)}, .show_progress = false});
    Numbers steps;
    for (const fs::path& path : checkpoints_in(named ? folders / "named" : options.folder)) {
      steps.push_back(static_cast<double>(step_of_checkpoint(path)));
    }
    if (fs::exists(options.folder / "best.safetensors")) steps.push_back(-1);
    if (named) steps.push_back(-2);
    return steps;
  };
  using Options = CheckpointOptions;
  check_table<Options>({.folder = ""},
                       {{"folder", [](Options& o) { o.folder = "named"; }, {12, 8, 4, -2}},
                        {"keep", [](Options& o) { o.keep = 2; }, {12, 8}},
                        {"every_epochs", [](Options& o) { o.every_epochs = 2; }, {12, 8}},
                        {"every_steps", [](Options& o) { o.every_steps = 3; }, {12, 9, 8}},
                        {"best", [](Options& o) { o.best = "loss"; }, {12, 8, 4, -1}}},
                       outcome);
  CHECK(outcome({.folder = "", .every_epochs = 0}) == Numbers{12});  // only at the end
}

TEST_CASE("every hook of LambdaCallback") {
  using Hook = LambdaCallbackOptions::Hook;
  struct HookRow {
    std::string name;
    Hook LambdaCallbackOptions::*hook;
    int calls;  ///< in two epochs of two batches, with a validation of three batches
  };
  const std::vector<HookRow> rows{{"train_begin", &LambdaCallbackOptions::train_begin, 1},
                                  {"epoch_begin", &LambdaCallbackOptions::epoch_begin, 2},
                                  {"batch_end", &LambdaCallbackOptions::batch_end, 4},
                                  {"epoch_end", &LambdaCallbackOptions::epoch_end, 2},
                                  {"train_end", &LambdaCallbackOptions::train_end, 1},
                                  {"validation_batch_end", &LambdaCallbackOptions::validation_batch_end, 6}};
  check_row_for_each_field<LambdaCallbackOptions>(rows);
  for (const HookRow& row : rows) {
    int calls = 0;
    LambdaCallbackOptions hooks;
    hooks.*row.hook = [&](TrainingState&) { ++calls; };
    Model model = quadrant_model();
    SGD sgd(model.parameters());
    fit(model, sgd, quadrants(4),
        {.epochs = 2,
         .batch_size = 2,
         .validation = quadrants(6),
         .callbacks = {LambdaCallback(hooks)},
         .show_progress = false});
    INFO(row.name);
    CHECK(calls == row.calls);
  }
}

namespace {

/// All pixels of an epoch, batch by batch.
Numbers pixels_of(const DataLoaderOptions& options, std::int64_t epoch = 0) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < 6 * 3 * 4; ++i) values.push_back(static_cast<double>(i % 11) / 10);
  const Dataset data(Tensor::of({6, 3, 4, 1}, values), Tensor::labels({0, 1, 2, 3, 4, 5}), 6);
  Numbers pixels;
  for (const Batch& batch : DataLoader(data, options).epoch(epoch)) {
    const std::vector<double> part = batch.input().to_vector();
    pixels.push_back(static_cast<double>(batch.size()) + (batch.input().dtype() == DType::float64 ? 0.5 : 0));
    pixels.insert(pixels.end(), part.begin(), part.end());
  }
  return pixels;
}

struct LoaderRow {
  std::string name;
  DataLoaderOptions options;
  DataLoaderOptions base = {};
};

}  // namespace

TEST_CASE("every option of DataLoader and Augmentation except prefetch changes batches") {
  const std::vector<LoaderRow> rows{{"batch_size", {.batch_size = 4}},
                                    {"shuffle", {.shuffle = false}},
                                    {"drop_last", {.batch_size = 4, .drop_last = true}, {.batch_size = 4}},
                                    {"seed", {.seed = 1}},
                                    {"dtype", {.dtype = DType::float64}},
                                    {"augmentation", {.augmentation = {.shift = 0.5}}},
                                    {"part", {.part = 1, .parts = 2}, {.part = 0, .parts = 2}},
                                    {"parts", {.parts = 2}},
                                    {"prefetch", {.prefetch = 7}}};
  check_row_for_each_field<DataLoaderOptions>(rows);
  for (const LoaderRow& row : rows) {
    INFO(row.name);
    CHECK((pixels_of(row.options) == pixels_of(row.base)) == (row.name == "prefetch"));
  }
  const std::vector<LoaderRow> augmented{
      {"horizontal_flip", {.augmentation = {.horizontal_flip = true}}},
      {"rotation", {.augmentation = {.rotation = 40}}},
      {"zoom", {.augmentation = {.zoom = 0.5}}},
      {"shift", {.augmentation = {.shift = 0.5}}},
      {"brightness", {.augmentation = {.brightness = 0.3}}},
      {"contrast", {.augmentation = {.contrast = 0.3}}},
      {"fill", {.augmentation = {.shift = 0.5, .fill = Fill::zeros}}, {.augmentation = {.shift = 0.5}}}};
  check_row_for_each_field<Augmentation>(augmented);
  for (const LoaderRow& row : augmented) {
    INFO(row.name);
    CHECK(pixels_of(row.options) != pixels_of(row.base));
    CHECK_FALSE(to_string(row.options.augmentation) == to_string(row.base.augmentation));
  }
}
