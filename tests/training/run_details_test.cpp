// Numbers of a run that depend on several options at once, what a second run forgets of the first, and progress.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "optim/sgd.hpp"
#include "tests/support/limits.hpp"
#include "tests/training/stage.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/callbacks/progress.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/data/image_folder.hpp"
#include "training/report/report.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

TEST_CASE("a run begins behind all traversals that the batches of earlier steps have begun") {
  Model model = quadrant_model();
  const Dataset data = quadrants(8);
  for (const std::int64_t accumulate : {1, 2, 3}) {
    for (const std::int64_t iterations : {0, 1, 2, 3, 4, 5, 8}) {
      SGD sgd(model.parameters());
      sgd.restore(iterations, {});
      const FitOptions options{.batch_size = 2, .accumulate = accumulate};  // 4 batches in a traversal
      INFO(accumulate << " " << iterations);
      CHECK(TrainingState(model, sgd, data, options).first_traversal == (iterations * accumulate + 3) / 4);
    }
  }
}

TEST_CASE("a schedule is recognized by its rates after 0, 1, 10, 100, ... steps of an epoch") {
  Model model = quadrant_model();
  const SGD sgd(model.parameters(), {.learning_rate = [](std::int64_t i) { return static_cast<double>(i); }});
  for (const auto& [batches, text] :
       {std::pair(1, "7"), {2, "7, 8"}, {10, "7, 8"}, {11, "7, 8, 17"}, {100, "7, 8, 17"}, {101, "7, 8, 17, 107"}}) {
    CHECK(schedule_text(sgd, 7, batches) == text);
  }
}

TEST_CASE("ranks that train other parameters of the same number differ") {
  const auto trained = [](const char* frozen) {
    Model model = quadrant_model();
    SGD sgd(model.parameters());
    model.layer(frozen).set_trainable(false);
    const Dataset data = quadrants(8);
    const FitOptions options;
    return fingerprint(TrainingState(model, sgd, data, options));
  };
  const auto a = trained("hidden"), b = trained("logits");
  CHECK(a.at("trained parameters") == b.at("trained parameters"));
  const std::string names = "checksum of the names of the trained parameters, in their order";
  CHECK(a.at(names) != b.at(names));
}

TEST_CASE("progress within an epoch counts the samples of all of its steps") {
  struct Row {
    bool drop_last;
    std::int64_t steps, accumulate, samples;
  };
  // 10 samples in batches of 4
  for (const auto& [drop_last, steps, accumulate, samples] : {Row{false, 0, 1, 10},
                                                              {true, 0, 1, 8},
                                                              {false, 2, 1, 8},
                                                              {false, 5, 1, 18},
                                                              {true, 3, 1, 12},
                                                              {false, 2, 2, 14}}) {
    Model model = quadrant_model();
    SGD sgd(model.parameters());
    std::ostringstream stream;
    double now = 0;
    fit(model, sgd, quadrants(10),
        {.batch_size = 4,
         .drop_last = drop_last,
         .accumulate = accumulate,
         .steps_per_epoch = steps,
         .output = {&stream, [] { return 0; }, [&] { return now += 11; }}});
    CHECK_THAT(stream.str(), Contains(fmt::format("epoch 1/1  {}/{}  loss", 4 * accumulate, samples)));
  }
}

TEST_CASE("callbacks forget the run before when a run begins") {
  const EarlyStopping stopping({.restore_best = true});
  const ReduceLROnPlateau plateau({.patience = 1});
  const TemporaryFolder folder, other;
  const Checkpoint checkpoint({.folder = folder.path(), .best = "val_loss"});
  const auto states = [&] {
    std::vector<std::vector<double>> all;
    for (const std::shared_ptr<Callback>& callback :
         {std::shared_ptr<Callback>(stopping), std::shared_ptr<Callback>(plateau),
          std::shared_ptr<Callback>(checkpoint)}) {
      for (const NamedTensor& entry : callback->state()) all.push_back(entry.tensor.to_vector());
    }
    return all;
  };
  Stage first({stopping, plateau, checkpoint});
  CHECK(checkpoint->last().empty());
  const std::vector<std::vector<double>> fresh{{infinite, 0, 0}, {infinite, 0, 0, -1}, {infinite}};
  CHECK(states() == fresh);
  for (int epoch = 1; epoch <= 3; ++epoch) {
    first.run.epoch = epoch;
    first.run.history.add({epoch, {{"val_loss", 1}}});
    for (const auto& callback : first.options.callbacks) callback->epoch_end(first.run);
  }
  CHECK_FALSE(states() == fresh);
  CHECK_FALSE(checkpoint->last().empty());
  for (const auto& path : checkpoints_in(folder.path())) std::filesystem::remove(path);
  const Stage second({stopping, plateau, checkpoint});
  CHECK(states() == fresh);
  CHECK(checkpoint->last().empty());
}

TEST_CASE("a figure that is not watched gets advice about validation data only if there are none") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const auto message = [&](bool validation, const char* figure) {
    return error_of([&] {
      FitOptions options{.callbacks = {EarlyStopping({.monitor = figure})}, .show_progress = false};
      if (validation) options.validation = quadrants(8);
      fit(model, sgd, quadrants(8), options);
    });
  };
  const std::string begin = "EarlyStopping: expected to watch one of loss, accuracy, ";
  CHECK(message(false, "val_f1") ==
        begin + "learning_rate, got \"val_f1\"; give FitOptions::validation or validation_split");
  CHECK(message(true, "val_f1") == begin + "val_loss, val_accuracy, learning_rate, got \"val_f1\"");
  CHECK(message(false, "f1") == begin + "learning_rate, got \"f1\"");
}

TEST_CASE("the progress of an epoch counts its own samples if steps_per_epoch does not divide the data") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  std::ostringstream stream;
  double now = 0;
  // 23 samples in batches of 5: the batch of 3 is in the second and the fourth epoch
  fit(model, sgd, quadrants(23),
      {.epochs = 3,
       .batch_size = 5,
       .steps_per_epoch = 3,
       .output = {&stream, [] { return 100; }, [&] { return now += 1; }}});
  const std::string text = stream.str();
  std::vector<std::string> last;
  for (const std::string part : {"15/15", "13/13", "15/15", "13/15", "15/13"}) {
    last.push_back(text.find("  " + part + "  ") == std::string::npos ? "-" : part);
  }
  CHECK(last == std::vector<std::string>{"15/15", "13/13", "15/15", "-", "-"});
}

TEST_CASE("the reason of a stop is written behind the line that is being redrawn") {
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  for (const int columns : {0, 100}) {
    std::ostringstream stream;
    double now = 0;
    fit(model, sgd, quadrants(24),
        {.batch_size = 8,
         .callbacks = {at_batch_end([](TrainingState& run) { run.stop("enough"); })},
         .output = {&stream, [columns] { return columns; }, [&] { return now += 0.001; }}});
    const std::string text = stream.str();
    CHECK_THAT(text, Catch::EndsWith(columns > 0 ? "\x1b[K\nstopped: enough\n" : "stopped: enough\n"));
    CHECK(std::ranges::count(text, '\n') == (columns > 0 ? 2 : 1));
  }
}

TEST_CASE("an epoch without a measured time counts as no time of training") {
  ReportInput input;
  input.history.add({1, {{"loss", 1}}});
  input.history.add({2, {{"loss", 1}, {"seconds", 61}}});
  const TemporaryFolder folder;
  save_report(folder / "report.html", input);
  std::ifstream stream(folder / "report.html");
  const std::string page{std::istreambuf_iterator<char>(stream), {}};
  CHECK_THAT(page, Contains("<b>1:01</b><span>time of training</span>"));
}

TEST_CASE("a folder with the name of an image is no image beside the class folders") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "cat.png");
  CHECK(error_of([&] { load_image_folder(folder.path(), {.height = 4, .width = 4}); }) ==
        fmt::format("load_image_folder: expected folders with JPEG or PNG files, one for each class, in {}, got 1 "
                    "folder and no image in them",
                    folder.path().string()));
}

TEST_CASE("a loader says how many samples an epoch has, and a subset keeps the weights of every target") {
  for (const auto& [drop_last, samples] : {std::pair(false, 10), {true, 8}}) {
    CHECK(DataLoader(quadrants(10), {.batch_size = 4, .drop_last = drop_last}).samples() == samples);
    CHECK(DataLoader(quadrants(8), {.batch_size = 4, .drop_last = drop_last}).samples() == 8);
  }
  const Tensor x = Tensor::ones({3, 1}), w = f64({1, 2, 3}), v = f64({4, 5, 6});
  const Dataset data({x}, {{x}, {x}});
  const Dataset both = data.weighted({w, v}).subset({2, 0}), second = data.weighted({Tensor(), v}).rows(1, 3);
  CHECK(both.weight(0).to_vector() == std::vector<double>{3, 1});
  CHECK(both.weight(1).to_vector() == std::vector<double>{6, 4});
  CHECK_FALSE(second.weight(0).defined());
  CHECK(second.weight(1).to_vector() == std::vector<double>{5, 6});
}
