// The epochs of a run: their sample orders, their numbers, and the learning rate after the last of them.
#include <set>

#include "layers/shape/reshaping.hpp"
#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Order = std::vector<double>;

/// Samples that contain their numbers. The model returns them, so the loss sees the order of an epoch.
struct Runs {
  Model model = [] {
    const auto input = Input({1, 2, 1});
    return Model(input, Dense({.units = 2, .use_bias = false})(Flatten()(input)));
  }();
  SGD sgd{model.parameters(), {.learning_rate = 0}};
  /// of each epoch, the numbers of the samples in order; with augmentation their changed values
  std::vector<Order> orders;
  std::vector<int> numbers;  ///< of the epochs in the histories
  std::int64_t batch_size = 4;

  Runs() { model.parameters()[0].set_value(Tensor::of({2, 2}, {1, 0, 0, 1})); }

  void operator()(FitOptions options, std::int64_t samples = 10) {
    std::vector<double> pixels;
    for (std::int64_t i = 0; i < samples; ++i) pixels.insert(pixels.end(), {static_cast<double>(i), 0.5});
    const Dataset data(Tensor::of({samples, 1, 2, 1}, pixels), Tensor::zeros({samples, 2}));
    Order order;
    options.batch_size = batch_size;
    options.show_progress = false;
    options.loss = custom_loss([&](const Variable& outputs, const Tensor& targets) {
      const std::vector<double> values = outputs.value().to_vector();
      order.insert(order.end(), values.begin(), values.end());
      return mean_squared_error(outputs, targets);
    });
    options.callbacks.push_back(at_epoch_end([&](TrainingState& run) {
      orders.push_back(std::exchange(order, {}));
      numbers.push_back(run.epoch);
    }));
    fit(model, sgd, data, options);
  }
};

std::size_t different(const std::vector<Order>& orders) { return std::set<Order>(orders.begin(), orders.end()).size(); }

}  // namespace

TEST_CASE("calls of fit with one optimizer use the orders of one call with as many epochs") {
  Runs once, often;
  once({.epochs = 5});
  for (int i = 0; i < 5; ++i) often({.epochs = 1});
  CHECK(different(once.orders) == 5);
  CHECK(often.orders == once.orders);
  CHECK(often.numbers == std::vector<int>{1, 1, 1, 1, 1});
  often({.epochs = 2});
  CHECK(different(often.orders) == 7);
}

TEST_CASE("calls of fit with one optimizer use new augmentations") {
  Runs runs;
  for (int i = 0; i < 4; ++i) runs({.epochs = 1, .shuffle = false, .augmentation = {.brightness = 0.5}});
  CHECK(different(runs.orders) == 4);
  Runs plain;
  for (int i = 0; i < 4; ++i) plain({.epochs = 1, .shuffle = false});
  CHECK(different(plain.orders) == 1);
}

TEST_CASE("the orders of a run that was stopped within an epoch, or of other data, are not used again") {
  Runs runs, whole;
  runs({.epochs = 1, .callbacks = {at_batch_end([](TrainingState& run) { run.stop("here"); })}});
  CHECK(runs.sgd.iterations() == 1);
  CHECK(runs.orders.empty());
  runs({.epochs = 1});
  whole({.epochs = 2});
  CHECK(runs.orders[0] == whole.orders[1]);
}

TEST_CASE("no order is used twice if the sizes of batches and of the data change between calls") {
  Runs runs;
  for (const std::int64_t size : {10, 10, 10, 5, 5, 3, 3, 1, 1, 10, 2, 7, 1, 10}) {
    runs.batch_size = size;
    runs({.epochs = 1});
  }
  CHECK(different(runs.orders) == 14);
}

TEST_CASE("a resumed run marks the same orders as used as an uninterrupted run") {
  const TemporaryFolder folder;
  const auto checkpoint = [&] { return Checkpoint({.folder = folder.path()}); };
  Runs whole, first, second;
  for (Runs* runs : {&whole, &first}) {
    runs->batch_size = 10;
    (*runs)({.epochs = 3});
    runs->batch_size = 2;
  }
  second.batch_size = 2;
  whole({.epochs = 2});
  first({.epochs = 2, .callbacks = {checkpoint(), at_batch_end([](TrainingState& run) {
                                      if (run.step() == 7) run.stop("here");
                                    })}});
  second({.epochs = 2, .callbacks = {checkpoint(), at_batch_end([](TrainingState&) {})}, .resume = folder.path()});
  for (Runs* runs : {&whole, &second}) {
    runs->batch_size = 10;
    (*runs)({.epochs = 2});
  }
  CHECK(different(whole.orders) == 7);
  CHECK(std::equal(second.orders.rbegin(), second.orders.rbegin() + 2, whole.orders.rbegin()));
}

TEST_CASE("initial_epoch determines the epochs of a run, as in Keras") {
  Runs whole, parts;
  whole({.epochs = 5});
  parts({.epochs = 2, .initial_epoch = 0});
  parts({.epochs = 5, .initial_epoch = 2});
  CHECK(parts.orders == whole.orders);
  CHECK(parts.numbers == std::vector<int>{1, 2, 3, 4, 5});
  parts({.epochs = 4, .initial_epoch = 3});  // for any number of steps of the optimizer
  CHECK(parts.orders.back() == whole.orders[3]);
  CHECK(parts.numbers.back() == 4);
  for (const int initial : {-1, 5, 6}) {
    CHECK_THAT(error_of([&] { parts({.epochs = 5, .initial_epoch = initial}); }),
               Catch::Contains("expected an initial_epoch of at least 0 and below epochs"));
  }
}

TEST_CASE("a run with an optimizer that has done steps resumes with the same bits, orders and numbers") {
  for (const std::optional<int> initial : {std::optional<int>(), std::optional(7)}) {
    const int last = initial.value_or(0) + 3;
    const auto begun = [] {
      auto runs = std::make_unique<Runs>();
      (*runs)({.epochs = 2});
      return runs;
    };
    const TemporaryFolder folder;
    const auto options = [&](std::int64_t until, const std::filesystem::path& resume) {
      FitOptions result{.epochs = last, .initial_epoch = initial};
      result.callbacks = {Checkpoint({.folder = folder.path()}), at_batch_end([until](TrainingState& run) {
                            if (run.step() == until) run.stop("here");
                          })};
      result.resume = resume;
      return result;
    };
    const auto whole = begun(), first = begun();
    Runs second;
    (*whole)(options(-1, {}));
    std::filesystem::remove_all(folder.path());
    (*first)(options(4, {}));
    second(options(-1, folder.path()));  // a new optimizer, which restores the state of the other one
    CHECK(whole->numbers == std::vector<int>{1, 2, last - 2, last - 1, last});
    CHECK(second.numbers == std::vector<int>{last - 1, last});
    CHECK(second.orders.back() == whole->orders.back());
    CHECK(second.sgd.iterations() == whole->sgd.iterations());
    FitOptions other = options(-1, folder.path());
    other.initial_epoch = 1;
    CHECK_THAT(error_of([&] { Runs()(other); }), Catch::Contains("initial_epoch "));
  }
}

namespace {

/// A schedule that is defined for the steps of the run only: a call for a later step fails the test.
LearningRate rates_of_the_run(std::int64_t steps) {
  return LearningRate([steps](std::int64_t i) {
    check(i < steps, "asked for the rate of step {} of {}", i, steps);
    return 0.5;
  });
}

/// A ReduceLROnPlateau with a figure that never improves.
ReduceLROnPlateau plateau(int patience) {
  return ReduceLROnPlateau({.monitor = "loss", .factor = 0.5, .patience = patience, .min_delta = 1e6});
}

}  // namespace

TEST_CASE("a schedule is not called for steps after the last step of the run") {
  for (const int epochs : {1, 2, 3}) {
    for (const int patience : {0, 1, 2}) {
      const TemporaryFolder folder;
      const auto train = [&](const std::filesystem::path& resume) {
        Model model = quadrant_model();
        SGD sgd(model.parameters(), {.learning_rate = rates_of_the_run(4 * epochs)});
        const auto early = EarlyStopping({.monitor = "loss", .patience = 9});
        const auto checkpoint = Checkpoint({.folder = folder.path(), .every_steps = 1, .best = "loss"});
        const auto csv = CSVLogger({.path = folder / "history.csv"});
        return fit(model, sgd, quadrants(16),
                   {.epochs = epochs,
                    .batch_size = 4,
                    .callbacks = {plateau(patience), early, checkpoint, csv},
                    .resume = resume,
                    .show_progress = false})
            .epochs()
            .size();
      };
      INFO(epochs << " epochs, patience " << patience);
      CHECK(train({}) == static_cast<std::size_t>(epochs));
      CHECK(checkpoints_in(folder.path()).front() == checkpoint_path(folder.path(), 4 * epochs));
      CHECK(train(folder.path()) == static_cast<std::size_t>(epochs));
    }
  }
}

TEST_CASE("a run resumed with the optimizer that ended it calls the schedule for no later step") {
  const TemporaryFolder folder;
  Model model = quadrant_model();
  SGD sgd(model.parameters(), {.learning_rate = rates_of_the_run(4)});
  const auto train = [&](const std::filesystem::path& resume) {
    const auto checkpoint = Checkpoint({.folder = folder.path()});
    return fit(model, sgd, quadrants(16),
               {.batch_size = 4, .callbacks = {checkpoint}, .resume = resume, .show_progress = false});
  };
  CHECK(train({}).epochs().size() == 1);
  CHECK(sgd.iterations() == 4);
  CHECK(train(folder.path()).epochs().size() == 1);
}

TEST_CASE("a reduction that is due after the last epoch is done when the run gets more epochs") {
  const auto rates = [](std::vector<int> epochs) {
    const TemporaryFolder folder;
    std::vector<double> seen;
    bool goes_on = false;
    for (const int last : epochs) {
      Model model = quadrant_model();
      SGD sgd(model.parameters(), {.learning_rate = 1e-3});
      const auto checkpoint = Checkpoint({.folder = folder.path()});
      const History history = fit(model, sgd, quadrants(16),
                                  {.epochs = last,
                                   .batch_size = 4,
                                   .callbacks = {plateau(1), checkpoint},
                                   .resume = goes_on ? folder.path() : std::filesystem::path(),
                                   .show_progress = false});
      goes_on = true;
      seen.clear();
      for (const EpochResult& epoch : history.epochs()) seen.push_back(epoch["learning_rate"]);
    }
    return seen;
  };
  const std::vector<double> whole = rates({5});
  CHECK(whole == std::vector<double>{1e-3, 1e-3, 5e-4, 2.5e-4, 1.25e-4});
  for (const std::vector<int>& parts : {std::vector<int>{1, 5}, {2, 5}, {3, 5}, {2, 3, 4, 5}})
    CHECK(rates(parts) == whole);
}
