#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <sstream>

#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/callbacks/interrupt.hpp"
#include "training/callbacks/monitor.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// A run whose epochs have these validation losses, as a callback sees it. All weights of epoch e are e.
struct Epochs {
  Model model = quadrant_model();
  SGD sgd{model.parameters(), {.learning_rate = 1}};
  Dataset data = quadrants(8);
  FitOptions options{.validation = data};
  TrainingState run{model, sgd, data, options};
  std::vector<double> rates;  ///< of each epoch

  void operator()(Callback& callback, const std::vector<double>& losses) {
    for (const double loss : losses) {
      if (run.stopping()) return;
      ++run.epoch;
      rates.push_back(sgd.learning_rate());
      for (const Parameter& p : model.parameters()) p.set_value(Tensor::full(p.shape(), run.epoch, p.dtype()));
      run.history.add({run.epoch, {{"loss", 1}, {"val_loss", loss}, {"val_accuracy", -loss}}});
      callback.epoch_end(run);
    }
  }
  double weight() const { return model.parameters()[0].value().to_vector()[0]; }
};

/// Number of epochs until EarlyStopping ends the run.
int epochs_until_stop(const EarlyStoppingOptions& options, const std::vector<double>& losses) {
  Epochs epochs;
  EarlyStopping stopping(options);
  stopping->train_begin(epochs.run);
  epochs(*stopping, losses);
  return epochs.run.epoch;
}

}  // namespace

TEST_CASE("a figure improves when it is better than the best by more than min_delta") {
  struct Row {
    double value, best, min_delta;
    bool larger, smaller;  // whether it improves if larger or smaller is better
  };
  const double infinite = std::numeric_limits<double>::infinity();
  Epochs epochs;
  const auto begun = [&](const char* figure) {  // the run determines which is better
    Monitor monitor("test", figure);
    monitor.begin(epochs.run);
    return monitor;
  };
  for (const Row& row : std::vector<Row>{{0.75, 0.5, 0, true, false},
                                         {0.5, 0.75, 0, false, true},
                                         {0.5, 0.5, 0, false, false},
                                         {0.75, 0.5, 0.125, true, false},
                                         {0.5, 0.75, 0.125, false, true},
                                         {0.75, 0.5, 0.25, false, false},
                                         {0.5, 0.75, 0.25, false, false},
                                         {0.75, 0.5, 0.5, false, false},
                                         {0.5, 0.75, 0.5, false, false},
                                         {0.5, -infinite, 0.25, true, false},
                                         {0.5, infinite, 0.25, false, true},
                                         {nan_value, 0.5, 0, false, false}}) {
    CAPTURE(row.value, row.best, row.min_delta);
    for (const char* figure : {"accuracy", "val_accuracy"}) {
      CHECK(begun(figure).improves(row.value, row.best, row.min_delta) == row.larger);
    }
    for (const char* figure : {"loss", "val_loss"}) {
      CHECK(begun(figure).improves(row.value, row.best, row.min_delta) == row.smaller);
    }
  }
  CHECK(begun("loss").worst() == infinite);
  CHECK(begun("accuracy").worst() == -infinite);
}

TEST_CASE("callbacks are called in the documented order, and those that save the state of others last") {
  std::string seen;
  const auto noting = [&](const std::string& who) {
    const auto note = [&seen, who](const char* what) {
      return [&seen, who, what](TrainingState& run) {
        seen += fmt::format("{}{}{}:{} ", who, what, run.epoch, run.batch);
      };
    };
    return LambdaCallback({note("T"), note("E"), note("b"), note("e"), note("t")});
  };
  struct Last final : Callback {
    std::string& seen;
    explicit Last(std::string& text) : seen(text) {}
    void batch_end(TrainingState&) override { seen += "last "; }
    bool comes_last() const override { return true; }
  };
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  fit(model, sgd, quadrants(4),
      {.epochs = 2,
       .batch_size = 2,
       .callbacks = {std::make_shared<Last>(seen), noting("x"), noting("y")},
       .show_progress = false});
  CHECK(seen ==
        "xT0:0 yT0:0 xE1:0 yE1:0 xb1:1 yb1:1 last xb1:2 yb1:2 last xe1:0 ye1:0 "
        "xE2:0 yE2:0 xb2:1 yb2:1 last xb2:2 yb2:2 last xe2:0 ye2:0 xt2:0 yt2:0 ");
}

TEST_CASE("a callback has access to the run and may end it after a step or an epoch, with a reason") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  double means = 0;
  const History history = fit(model, sgd, quadrants(6),
                              {.epochs = 9,
                               .batch_size = 2,
                               .callbacks = {at_batch_end([&](TrainingState& run) {
                                 means = run.running.loss();
                                 if (run.step() == 5) run.stop("enough");
                                 if (run.step() == 5) run.stop("another reason");
                               })},
                               .show_progress = false});
  CHECK(sgd.iterations() == 5);
  CHECK(means > 0);
  CHECK(history.epochs().size() == 1);
  CHECK(history.stop_reason() == "enough");
  const History second = fit(
      model, sgd, quadrants(6),
      {.epochs = 9, .callbacks = {at_epoch_end([](TrainingState& run) { run.stop("now"); })}, .show_progress = false});
  CHECK(second.epochs().size() == 1);
}

TEST_CASE("a run and each of its epochs begin with no steps and no time, and epochs take no longer than the run") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const double start = steady_seconds();
  int begun = 0;
  double last = 0;
  const auto begin = [&](TrainingState& run) {
    ++begun;
    CHECK(run.batch == 0);
    CHECK(run.seconds == 0);
    CHECK(run.validated == 0);
    last = 0;
  };
  const auto first = [&](TrainingState& run) {
    begin(run);
    CHECK(run.learning_rate == 0);
    CHECK(run.batch_loss == 0);
    CHECK(run.epoch == 0);
    CHECK(run.stop_reason.empty());
  };
  const auto step = [&](TrainingState& run) {
    CHECK(run.seconds > last);
    CHECK(run.seconds <= steady_seconds() - start);
    last = run.seconds;
  };
  const History history = fit(model, sgd, quadrants(6),
                              {.epochs = 2,
                               .batch_size = 2,
                               .callbacks = {LambdaCallback({first, begin, step, {}, {}})},
                               .show_progress = false});
  const double whole = steady_seconds() - start;
  CHECK(begun == 3);
  CHECK(history.epochs()[0]["seconds"] + history.epochs()[1]["seconds"] <= whole);
}

TEST_CASE("a stop without a reason ends the run, too") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const History history =
      fit(model, sgd, quadrants(32),
          {.epochs = 3, .callbacks = {at_epoch_end([](TrainingState& run) { run.stop(""); })}, .show_progress = false});
  CHECK(history.epochs().size() == 1);
  CHECK(history.stop_reason() == "a callback");
}

TEST_CASE("early stopping ends a run after `patience` epochs without an improvement, as in Keras") {
  CHECK(epochs_until_stop({}, {3, 2, 2, 1}) == 3);
  CHECK(epochs_until_stop({.patience = 1}, {3, 2, 2, 1}) == 3);
  CHECK(epochs_until_stop({.patience = 2}, {3, 2, 2, 2, 1}) == 4);
  CHECK(epochs_until_stop({.patience = 2}, {3, 4, 2, 3, 1, 1, 1, 0}) == 7);
  CHECK(epochs_until_stop({.min_delta = 0.5, .patience = 2}, {3, 2.6, 2.5, 2.4, 1}) == 3);
  CHECK(epochs_until_stop({.min_delta = 0.5, .patience = 2}, {3, 2.6, 2.4, 2.3, 2.2, 1}) == 5);
  CHECK(epochs_until_stop({.patience = 1}, {nan_value, 2, 1}) == 3);  // never after the first epoch
  CHECK(epochs_until_stop({}, {nan_value, nan_value, 1}) == 2);
  // a larger accuracy is better
  CHECK(epochs_until_stop({.monitor = "val_accuracy"}, {-1, -2, -2}) == 3);
  CHECK(epochs_until_stop({.monitor = "val_accuracy"}, {3, 2, 1, 0, 0}) == 5);
}

TEST_CASE("early stopping restores the best weights, also if the run reaches its last epoch") {
  for (const auto& [losses, restore, expected] : {std::tuple(std::vector<double>{3, 1, 2, 2}, true, 2.0),
                                                  {{3, 1, 2, 2}, false, 4.0},
                                                  {{3, 1, 2}, true, 2.0},
                                                  {{nan_value, nan_value}, true, 1.0}}) {
    Epochs epochs;
    EarlyStopping stopping({.patience = 2, .restore_best = restore});
    stopping->train_begin(epochs.run);
    epochs(*stopping, losses);
    stopping->train_end(epochs.run);
    CHECK(epochs.weight() == expected);
  }
}

TEST_CASE("early stopping gives a reason of the stop") {
  Epochs epochs;
  EarlyStopping stopping({.patience = 2});
  stopping->train_begin(epochs.run);
  epochs(*stopping, {3, 1, 2, 2});
  CHECK(epochs.run.stop_reason == "val_loss has not improved for 2 epochs, the best was epoch 2");
  CHECK(stopping->best_epoch() == 2);
}

TEST_CASE("the learning rate is reduced on a plateau, as in Keras") {
  const auto rates = [](const ReduceLROnPlateauOptions& options, const std::vector<double>& losses) {
    Epochs epochs;
    ReduceLROnPlateau plateau(options);
    plateau->train_begin(epochs.run);
    epochs(*plateau, losses);
    return epochs.rates;
  };
  using Rates = std::vector<double>;
  CHECK(rates({.factor = 0.5, .patience = 2}, {3, 3, 3, 3, 3, 3}) == Rates{1, 1, 1, 0.5, 0.5, 0.25});
  CHECK(rates({.factor = 0.5, .patience = 2}, {3, 3, 2, 2, 2, 2}) == Rates{1, 1, 1, 1, 1, 0.5});
  CHECK(rates({.factor = 0.5, .patience = 1, .min_delta = 0.1}, {3, 2.95, 2.8, 2.8}) == Rates{1, 1, 0.5, 0.5});
  CHECK(rates({.factor = 0.5, .patience = 1, .min_learning_rate = 0.4}, {3, 3, 3, 3, 3}) == Rates{1, 1, 0.5, 0.4, 0.4});
  // Keras's rule: the last epoch of the cooldown counts again
  CHECK(rates({.factor = 0.5, .patience = 1, .cooldown = 2}, {3, 3, 3, 3, 3, 3}) == Rates{1, 1, 0.5, 0.5, 0.25, 0.25});
}

TEST_CASE("the CSV file has the whole history after each epoch, and training continues if it cannot be written") {
  const TemporaryFolder folder;
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  std::vector<std::ptrdiff_t> lines;
  const auto count = at_epoch_end([&](TrainingState&) {
    std::ifstream stream(folder / "log.csv");
    lines.push_back(std::count(std::istreambuf_iterator<char>(stream), {}, '\n'));
  });
  fit(model, sgd, quadrants(6),
      {.epochs = 2, .callbacks = {CSVLogger({.path = folder / "log.csv"}), count}, .show_progress = false});
  CHECK(lines == std::vector<std::ptrdiff_t>{2, 3});

  std::ostringstream errors;
  std::streambuf* before = std::cerr.rdbuf(errors.rdbuf());
  const auto logger = CSVLogger({.path = folder / "none" / "log.csv"});
  for (int run = 1; run <= 2; ++run) {  // each run prints one message
    CHECK(fit(model, sgd, quadrants(6), {.epochs = 2, .callbacks = {logger}, .show_progress = false}).epochs().size() ==
          2);
  }
  std::cerr.rdbuf(before);
  const std::string text = errors.str(),
                    message = "CSVLogger: training continues without its log: History::save_csv: expected";
  CHECK(text.starts_with(message));
  CHECK(std::ranges::count(text, '\n') == 2);
  CHECK(text.substr(text.find('\n') + 1).starts_with(message));
}

TEST_CASE("a loss that is not finite ends the run without an error if a callback requests it") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  int calls = 0;
  std::vector<Tensor> before;
  const auto broken = [&](const Variable& outputs, const Tensor& labels) {
    const Variable loss = softmax_cross_entropy(outputs, labels);
    if (++calls < 5) return loss;
    before.clear();
    for (const Parameter& p : model.parameters()) before.push_back(p.value());
    return Variable(Tensor::scalar(-std::numeric_limits<double>::infinity()));
  };
  const History history = fit(model, sgd, quadrants(6),
                              {.epochs = 3,
                               .batch_size = 2,
                               .loss = custom_loss(broken),
                               .callbacks = {TerminateOnNaN()},
                               .show_progress = false});
  CHECK(history.stop_reason() == "the loss was -inf in epoch 2, step 2 of 3");
  CHECK(sgd.iterations() == 4);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(identical(model.parameters()[i].value(), before[i]));
}

TEST_CASE("progress shows why a run stopped") {
  std::ostringstream stream;
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  FitOptions options{.epochs = 3, .callbacks = {at_epoch_end([](TrainingState& run) { run.stop("enough"); })}};
  options.output = {.stream = &stream, .columns = [] { return 0; }};
  fit(model, sgd, quadrants(6), options);
  CHECK(stream.str().ends_with("\nstopped: enough\n"));
}

TEST_CASE("callbacks reject invalid options") {
  CHECK(error_of([] { EarlyStopping({.monitor = ""}); }) ==
        "EarlyStopping: expected the name of a figure to watch, got an empty one");
  CHECK(error_of([] { CSVLogger(); }) == "CSVLogger: expected a path, got an empty one");
  CHECK(error_of([] { EarlyStopping({.patience = -1}); }) ==
        "EarlyStopping: expected a patience of at least 0, got -1");
  CHECK(error_of([] { EarlyStopping({.min_delta = nan_value}); }) ==
        "EarlyStopping: expected a finite min_delta of at least 0, got nan");
  CHECK(error_of([] { ReduceLROnPlateau({.factor = 1}); }) ==
        "ReduceLROnPlateau: expected a factor between 0 and 1, got 1");
  CHECK(error_of([] { ReduceLROnPlateau({.cooldown = -1}); }) ==
        "ReduceLROnPlateau: expected a cooldown of at least 0, got -1");
  CHECK(error_of([] { ReduceLROnPlateau({.min_learning_rate = -1}); }) ==
        "ReduceLROnPlateau: expected a finite min_learning_rate of at least 0, got -1");
  CHECK(error_of([] { Checkpoint(CheckpointOptions{}); }) == "Checkpoint: expected a folder, got an empty name");
  CHECK(error_of([] { Checkpoint({.folder = "x", .keep = 0}); }) == "Checkpoint: expected to keep at least 1, got 0");
  CHECK(error_of([] { Checkpoint({.folder = "x", .every_epochs = -1}); }) ==
        "Checkpoint: expected every_epochs and every_steps of at least 0, got -1 and 0");
  const StopOnInterrupt first;
  CHECK(error_of([] { StopOnInterrupt(); }) == "StopOnInterrupt: expected one at a time, got a second one");

  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const auto refused = [&](const EarlyStoppingOptions& options, const Dataset& data, const Loss& its_loss) {
    return error_of([&] {
      fit(model, sgd, data, {.loss = its_loss, .callbacks = {EarlyStopping(options)}, .show_progress = false});
    });
  };
  CHECK(refused({}, quadrants(4), loss::softmax_cross_entropy()) ==
        "EarlyStopping: expected to watch one of loss, accuracy, learning_rate, got \"val_loss\"; give "
        "FitOptions::validation or validation_split");
  const Dataset numbers(Tensor::zeros({2, 2}), Tensor::zeros({2, 2}));
  CHECK(refused({.monitor = "accuracy"}, numbers, loss::mean_squared_error()) ==
        "EarlyStopping: expected to watch one of loss, learning_rate, got \"accuracy\"");
}

TEST_CASE("signal handlers are restored") {
  struct sigaction before {
  }, during{}, after{};
  sigaction(SIGINT, nullptr, &before);
  {
    const StopOnInterrupt stop;
    sigaction(SIGINT, nullptr, &during);
    std::raise(SIGINT);
    CHECK(interrupt_signal() == SIGINT);
  }
  sigaction(SIGINT, nullptr, &after);
  CHECK(during.sa_handler != before.sa_handler);
  CHECK(after.sa_handler == before.sa_handler);
  std::signal(SIGTERM, SIG_IGN);
  {
    const StopOnInterrupt stop;
    std::raise(SIGTERM);
    CHECK(interrupt_signal() == 0);  // an ignored signal stays ignored
  }
  std::signal(SIGTERM, SIG_DFL);
}
