#include "training/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "framework/io/safetensors.hpp"
#include "layers/shape/reshaping.hpp"
#include "models/files/weights.hpp"
#include "optim/adam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/callbacks/tensorboard.hpp"

using namespace xtape;
using namespace xtape::test;
namespace fs = std::filesystem;

namespace {

/// A run with all kinds of state. It stops after `until` steps, and resumes from `resume`.
struct TrainedQuadrants {
  Model model;
  Adam adam;
  History history;

  explicit TrainedQuadrants(const fs::path& folder, std::int64_t until = -1, const fs::path& resume = {},
                            FitOptions options = {.epochs = 4, .batch_size = 8, .seed = 2})
      : model(quadrant_model()), adam(model.parameters(), {.learning_rate = 0.01}) {
    options.validation = quadrants(20, 7);
    options.show_progress = false;
    options.resume = resume;
    options.callbacks = {Checkpoint({.folder = folder, .keep = 4, .every_steps = 3, .best = "val_loss"}),
                         EarlyStopping({.min_delta = 0.3, .patience = 3, .restore_best = true}),
                         ReduceLROnPlateau({.patience = 1, .min_delta = 0.3}),
                         at_batch_end([until](TrainingState& run) {
                           if (run.step() == until) run.stop("here");
                         })};
    history = fit(model, adam, quadrants(50), options);
  }
};

void check_same(const TrainedQuadrants& a, const TrainedQuadrants& b) {
  const auto one = a.model.parameters(), two = b.model.parameters();
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(identical(one[i].value(), two[i].value()));
  const auto slots = a.adam.named_state(), others = b.adam.named_state();
  for (std::size_t i = 0; i < slots.size(); ++i) CHECK(identical(slots[i].second, others[i].second));
  CHECK(a.adam.iterations() == b.adam.iterations());
  CHECK(a.adam.learning_rate() == b.adam.learning_rate());
  CHECK(a.history.stop_reason() == b.history.stop_reason());
  REQUIRE(a.history.epochs().size() == b.history.epochs().size());
  for (std::size_t i = 0; i < a.history.epochs().size(); ++i) {
    const EpochResult &e = a.history.epochs()[i], &f = b.history.epochs()[i];
    CHECK((e.epoch == f.epoch && e["loss"] == f["loss"] && e["accuracy"] == f["accuracy"] &&
           e["learning_rate"] == f["learning_rate"]));
    CHECK((e["val_loss"] == f["val_loss"] && e["val_accuracy"] == f["val_accuracy"]));
  }
}

std::string resume_error(const fs::path& folder, const fs::path& from, const FitOptions& options) {
  return error_of([&] { TrainedQuadrants(folder, -1, from, options); });
}

std::vector<char> bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& path, const std::vector<char>& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

}  // namespace

TEST_CASE("a run that stops after any step is resumed with the same bits") {
  const TemporaryFolder unbroken;
  const TrainedQuadrants whole(unbroken.path());
  CHECK(whole.history.last()["learning_rate"] < 0.01);  // the rate was reduced, so there is state to lose
  for (std::int64_t until = 1; until < whole.adam.iterations(); ++until) {
    const TemporaryFolder folder;
    const TrainedQuadrants first(folder.path(), until);
    CHECK(first.adam.iterations() == until);
    const TrainedQuadrants second(folder.path(), -1, folder.path());
    INFO("stopped after step " << until);
    check_same(whole, second);
    const auto best = load_safetensors(folder / "best.safetensors").tensors;
    CHECK(identical(best[0].tensor, load_safetensors(unbroken / "best.safetensors").tensors[0].tensor));
  }
}

TEST_CASE("a resumed epoch begins with the time, the learning rate and the losses of its finished steps") {
  struct Moment {
    int epoch;
    std::int64_t batch;
    double seconds, rate, loss;
    bool operator==(const Moment&) const = default;
  };
  const auto moment = [](const TrainingState& run) {
    return Moment{run.epoch, run.batch, run.seconds, run.learning_rate, run.running.loss()};
  };
  const TemporaryFolder folder;
  Moment stopped{}, resumed{};
  const auto train = [&](const fs::path& resume, LambdaCallbackOptions::Hook begin, LambdaCallbackOptions::Hook step) {
    Model model = quadrant_model();
    SGD sgd(model.parameters(), {.learning_rate = 0.25});
    return fit(model, sgd, quadrants(9),
               {.epochs = 2,
                .batch_size = 3,
                .callbacks = {Checkpoint({.folder = folder.path()}),
                              LambdaCallback({.epoch_begin = std::move(begin), .batch_end = std::move(step)})},
                .resume = resume,
                .show_progress = false});
  };
  train({}, {}, [&](TrainingState& run) {
    if (run.step() != 5) return;
    run.stop("here");
    stopped = moment(run);
  });
  train(folder.path(), [&](const TrainingState& run) { resumed = moment(run); }, {});
  CHECK((stopped.epoch == 2 && stopped.batch == 2 && stopped.seconds > 0 && stopped.rate == 0.25));
  CHECK(resumed == stopped);
}

TEST_CASE("a run that stops during a validation repeats it, and ends with the same bits") {
  const TemporaryFolder folder;
  const auto train = [&](std::int64_t stop_at, const fs::path& resume) {
    Model model = quadrant_model();
    Adam adam(model.parameters(), {.learning_rate = 0.01});
    const auto checkpoint = Checkpoint({.folder = folder.path()});
    const auto stop = LambdaCallback({.validation_batch_end = [stop_at](TrainingState& run) {
      if (run.epoch == 2 && run.validated == stop_at) run.stop("here");
    }});
    const History history = fit(model, adam, quadrants(50),
                                {.epochs = 3,
                                 .batch_size = 8,
                                 .validation = quadrants(20, 7),
                                 .callbacks = {checkpoint, stop},
                                 .resume = resume,
                                 .show_progress = false});
    std::vector<double> figures;
    for (const EpochResult& e : history.epochs()) figures.insert(figures.end(), {e["loss"], e["val_loss"]});
    return std::pair(figures, model.parameters()[0].value());
  };
  const auto whole = train(-1, {});
  fs::remove_all(folder.path());
  CHECK(train(8, {}).first.size() == 2);  // epoch 2 is not finished
  CHECK(checkpoints_in(folder.path()).front() == checkpoint_path(folder.path(), 14));
  const auto stopped = train(-1, folder.path());
  CHECK(stopped.first == whole.first);
  CHECK(identical(stopped.second, whole.second));
}

TEST_CASE("only checkpoints of a folder are listed, the newest first") {
  const TemporaryFolder folder;
  for (const std::int64_t step : {7, 0, 1'000'000'000, 12}) std::ofstream(checkpoint_path(folder.path(), step)) << "x";
  const std::string any = checkpoint_path("", 3).string();
  for (const std::string& name : {"x" + any, any + ".tmp", any.substr(0, any.find('0')) + any.substr(any.rfind('.'))}) {
    std::ofstream(folder / name) << "x";
  }
  std::vector<std::string> names;
  for (const fs::path& path : checkpoints_in(folder.path())) names.push_back(path.filename().string());
  std::vector<std::string> expected;
  for (const std::int64_t step : {1'000'000'000, 12, 7, 0}) expected.push_back(checkpoint_path("", step).string());
  CHECK(names == expected);
  CHECK(checkpoints_in(folder / "none").empty());
}

TEST_CASE("resuming a finished run does nothing, and more epochs can be added") {
  const TemporaryFolder folder;
  FitOptions options{.epochs = 2, .batch_size = 8, .seed = 2};
  const TrainedQuadrants first(folder.path(), -1, {}, options);
  const TrainedQuadrants again(folder.path(), -1, folder.path(), options);
  check_same(first, again);
  // a new run with this optimizer begins with the next order of the samples
  CHECK((first.adam.next_traversal() == 2 && again.adam.next_traversal() == 2));
  const TemporaryFolder unbroken;
  options.epochs = 3;
  const TrainedQuadrants whole(unbroken.path(), -1, {}, options);
  CHECK(TrainedQuadrants(folder.path(), -1, folder.path(), options).adam.iterations() == whole.adam.iterations());
}

TEST_CASE("the newest checkpoints are kept, and the weights of the best epoch") {
  const TemporaryFolder folder;
  const TrainedQuadrants run(folder.path());
  const auto all = checkpoints_in(folder.path());
  REQUIRE(all.size() == 4);
  CHECK(step_of_checkpoint(all[0]) == run.adam.iterations());
  CHECK(all[1] == checkpoint_path(folder.path(), run.adam.iterations() - 1));  // a multiple of three
  CHECK(all[3].filename().string().starts_with("checkpoint-0000000"));
  Model best = quadrant_model();
  load_weights(best, folder / "best.safetensors");
  double smallest = 1e9;
  for (const EpochResult& e : run.history.epochs()) smallest = std::min(smallest, e["val_loss"]);
  CHECK(evaluate(best, quadrants(20, 7))["loss"] == Approx(smallest));
}

TEST_CASE("training continues if the best weights cannot be written, and prints one message") {
  const TemporaryFolder folder, unhindered;
  fs::create_directories(folder / "best.safetensors" / "in the way");
  std::ostringstream errors;
  std::streambuf* const before = std::cerr.rdbuf(errors.rdbuf());
  const TrainedQuadrants run(folder.path());
  std::cerr.rdbuf(before);
  check_same(run, TrainedQuadrants(unhindered.path()));
  CHECK(checkpoints_in(folder.path()).size() == 4);
  const std::string text = errors.str();
  CHECK_THAT(text,
             Catch::StartsWith("Checkpoint: training continues without being saved: save_safetensors: expected ") &&
                 Catch::Contains((folder / "best.safetensors").string()));
  CHECK(std::ranges::count(text, '\n') == 1);
}

TEST_CASE("each run with one Checkpoint prints a message if it cannot be written") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "best.safetensors" / "in the way");
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  const auto checkpoint = Checkpoint({.folder = folder.path(), .best = "loss"});
  std::ostringstream errors;
  std::streambuf* const before = std::cerr.rdbuf(errors.rdbuf());
  for (int run = 0; run < 2; ++run) {
    for (const fs::path& path : checkpoints_in(folder.path())) fs::remove(path);
    fit(model, sgd, quadrants(6), {.epochs = 2, .callbacks = {checkpoint}, .show_progress = false});
  }
  std::cerr.rdbuf(before);
  const std::string text = errors.str();
  CHECK(std::ranges::count(text, '\n') == 2);
  CHECK_THAT(text.substr(text.find('\n') + 1),
             Catch::StartsWith("Checkpoint: training continues without being saved: "));
}

TEST_CASE("the number of steps of a file that is no checkpoint is -1") {
  CHECK(step_of_checkpoint(checkpoint_path("folder", 1200)) == 1200);
  for (const char* name : {"", "best.safetensors", "checkpoint-12", "12.safetensors", "checkpoint-.safetensors",
                           "checkpoint-x.safetensors", "checkpoint-1x.safetensors", "checkpoint--5.safetensors",
                           "checkpoint-9223372036854775808.safetensors", "a-checkpoint-12.safetensors"}) {
    INFO(name);
    CHECK(step_of_checkpoint(name) == -1);
  }
}

TEST_CASE("a run can be resumed from an older checkpoint, and later ones are replaced") {
  const TemporaryFolder folder;
  const TrainedQuadrants whole(folder.path());
  const auto all = checkpoints_in(folder.path());
  const TrainedQuadrants again(folder.path(), -1, all[2]);
  check_same(whole, again);
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  check_same(whole, TrainedQuadrants(".", -1, all[2].filename()));  // by its bare name in the current folder
  fs::current_path(before);
  const TrainedQuadrants stopped(folder.path(), step_of_checkpoint(all[1]), all[2]);
  // the newer one was written after the step from which the run was resumed
  CHECK(checkpoints_in(folder.path()).front() == all[1]);
}

TEST_CASE("the message for a damaged checkpoint has the file, the reason and an older valid checkpoint") {
  const TemporaryFolder folder;
  const FitOptions options{.epochs = 4, .batch_size = 8, .seed = 2};
  TrainedQuadrants(folder.path(), 12, {}, options);
  const auto all = checkpoints_in(folder.path());
  REQUIRE(all.size() >= 2);
  const std::vector<char> good = bytes_of(all[0]);
  const std::string offer =
      "; an older one is good: " + all[1].string() + "; give this path as FitOptions::resume, or remove the newer one";
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<char> bad = good;
    if (round % 4 == 0) {
      bad.resize(random() % bad.size());
    } else {
      bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    }
    write(all[0], bad);
    const std::string message = resume_error(folder.path(), folder.path(), options);
    INFO(message);
    CHECK(message.starts_with("fit: expected to resume from " + all[0].string() + ", got: "));
    CHECK(message.ends_with(offer));
    if (round == 1) CHECK_FALSE(message.empty());
  }
  write(all[0], good);
  CHECK_THAT(error_of([&] {
               std::vector<char> bad = good;
               bad.back() ^= 1;
               write(all[0], bad);
               TrainedQuadrants(folder.path(), -1, all[0], options);
             }),
             Catch::Contains("expected contents with the checksum") && Catch::Contains("the file is damaged"));
  TrainedQuadrants(folder.path(), -1, all[1], options);  // resumes from the suggested checkpoint
}

TEST_CASE("a rejected checkpoint leaves model and optimizer unchanged") {
  const TemporaryFolder folder;
  TrainedQuadrants(folder.path(), 12);
  Model model = quadrant_model();
  const Tensor before = model.parameters()[0].value();
  Adam adam(model.parameters(), {.learning_rate = 0.01});
  CHECK_THAT(error_of([&] {
               fit(model, adam, quadrants(50),
                   {.epochs = 4, .batch_size = 9, .seed = 2, .resume = folder.path(), .show_progress = false});
             }),
             Catch::Contains("got one with batch_size 8 (now 9), validation samples 20 (now 0), validation ") &&
                 Catch::Contains("; no older one"));
  CHECK(identical(model.parameters()[0].value(), before));
  CHECK(adam.iterations() == 0);
}

TEST_CASE("a rejected checkpoint leaves the callbacks and their files unchanged") {
  const TemporaryFolder folder;
  const EarlyStopping stopping({.patience = 9, .restore_best = true});
  const ReduceLROnPlateau plateau({.monitor = "loss", .patience = 9});
  const Checkpoint checkpoint({.folder = folder / "own"});
  Model model = quadrant_model();
  Adam adam(model.parameters());
  FitOptions options{.epochs = 2, .batch_size = 8, .validation = quadrants(9), .show_progress = false};
  options.callbacks = {stopping, plateau, checkpoint};
  fit(model, adam, quadrants(50), options);
  const auto states = [&] {
    std::vector<std::vector<double>> all;
    for (const std::shared_ptr<Callback>& callback : {std::shared_ptr<Callback>(stopping), {plateau}}) {
      for (const NamedTensor& entry : callback->state()) all.push_back(entry.tensor.to_vector());
    }
    return all;
  };
  const auto before = states();
  const fs::path last = checkpoint->last();
  const int best = stopping->best_epoch();
  REQUIRE((best > 0 && !last.empty()));
  options.resume = folder / "own";
  options.epochs = 3;
  // settings that are not those of the file, and a callback that fails when the run begins
  options.seed = 3;
  options.callbacks.push_back(TensorBoard({.folder = folder / "board"}));
  CHECK_THAT(error_of([&] { fit(model, adam, quadrants(50), options); }),
             Catch::Contains("got one with seed 0 (now 3)"));
  CHECK_FALSE(fs::exists(folder / "board"));
  CHECK((stopping->best_epoch() == best && checkpoint->last() == last && states() == before));
  options.seed = 0;
  options.callbacks.back() = LambdaCallback({.train_begin = [](TrainingState&) { fail("not now"); }});
  CHECK(error_of([&] { fit(model, adam, quadrants(50), options); }) == "not now");
  CHECK((stopping->best_epoch() == best && states() == before));
  // the run that the file is of
  options.callbacks.pop_back();
  CHECK(fit(model, adam, quadrants(50), options).epochs().size() == 3);
}

TEST_CASE("a run whose outputs have any names is resumed") {
  const auto input = Input({2});
  const TemporaryFolder folder;
  std::vector<SymbolicTensor> outputs;
  std::vector<Target> targets;
  for (const char* name : {"a,b", "\"quoted\"", "two words", "[1]\\", "\xc3\xa4"}) {
    outputs.push_back(Dense({.units = 3, .name = name})(input));
    targets.push_back({Tensor::labels({0, 1, 2, 0}), 3});
  }
  Model model({input}, outputs, {.seed = 1});
  const auto run = [&](int epochs) {
    Adam adam(model.parameters());
    return fit(model, adam, Dataset({RandomStream(1).normal({4, 2})}, targets),
               {.epochs = epochs,
                .loss = Losses(std::vector<WeightedLoss>(5, {loss::softmax_cross_entropy()})),
                .callbacks = {Checkpoint({.folder = folder.path()})},
                .resume = epochs > 1 ? folder.path() : fs::path(),
                .show_progress = false});
  };
  const History first = run(1), second = run(2);
  REQUIRE(second.epochs().size() == 2);
  CHECK(second.names() == first.names());
  for (const std::string& name : first.names()) CHECK(second.epochs()[0][name] == first.last()[name]);
}

TEST_CASE("a checkpoint of another run is rejected with the differences") {
  const TemporaryFolder folder;
  const FitOptions same{.epochs = 4, .batch_size = 8, .seed = 2};
  TrainedQuadrants(folder.path(), 12, {}, same);
  FitOptions other = same;
  other.seed = 3;
  CHECK_THAT(resume_error(folder.path(), folder.path(), other),
             Catch::Contains("fit: expected to resume from ") &&
                 Catch::Contains("got: expected a checkpoint with the settings of this run, got one with seed 2 (now "
                                 "3); no older one in its folder can be used"));
  other = same;
  other.epochs = 1;
  CHECK_THAT(resume_error(folder.path(), folder.path(), other),
             Catch::Contains("fit: expected to resume from ") &&
                 Catch::Contains("got: expected at most 1 epochs, the number that this run is to have, got 2; an older "
                                 "one is good: ") &&
                 Catch::Contains("; give this path as FitOptions::resume, or remove the newer one"));
  other = same;
  other.class_weights = {1, 2};
  CHECK_THAT(resume_error(folder.path(), folder.path(), other),
             Catch::Contains("fit: expected to resume from ") &&
                 Catch::Contains("got: expected a checkpoint with the settings of this run, got one with class_weights "
                                 "[] (now [1, 2]); no older one in its folder can be used"));
  const auto refused = [&](Model model, Optimizer& optimizer, Callbacks callbacks) {
    return error_of([&] {
      fit(model, optimizer, quadrants(50),
          {.epochs = 4,
           .batch_size = 8,
           .validation = quadrants(20, 7),
           .seed = 2,
           .callbacks = std::move(callbacks),
           .resume = folder.path(),
           .show_progress = false});
    });
  };
  Model model = quadrant_model(), wide = quadrant_model(0.2, 9);
  SGD sgd(model.parameters(), {.learning_rate = 0.01});
  CHECK_THAT(
      refused(model, sgd, {}),
      Catch::Contains("fit: expected to resume from ") &&
          Catch::Contains(
              "got: expected a checkpoint with the settings of this run, got one with optimizer Adam with beta1 0.9, "
              "beta2 0.999, epsilon 1e-07, weight_decay 0, clip_norm 0, clip_value 0 (now SGD with momentum 0, "
              "nesterov false, weight_decay 0, clip_norm 0, clip_value 0); no older one in its folder can be used"));
  Adam fast(model.parameters(), {.learning_rate = 0.02}), adam(model.parameters(), {.learning_rate = 0.01});
  CHECK_THAT(
      refused(model, fast, {}),
      Catch::Contains("fit: expected to resume from ") &&
          Catch::Contains(
              "got: expected a checkpoint with the settings of this run, got one with learning rates after 0, 1, 10, "
              "... steps of an epoch 0.01, 0.01 (now 0.02, 0.02); no older one in its folder can be used"));
  CHECK_THAT(refused(model, adam, {}), Catch::Contains("fit: expected to resume from ") &&
                                           Catch::Contains("got: expected the callbacks that the run began with, got "
                                                           "only 0; no older one in its folder can be used"));
  CHECK_THAT(refused(model, adam, {TerminateOnNaN(), EarlyStopping()}),
             Catch::Contains("got: expected the callbacks that the run began with, got only 2; no older one"));
  CHECK_THAT(refused(model, adam, {TerminateOnNaN(), EarlyStopping(), ReduceLROnPlateau()}),
             Catch::Contains("got: expected the callbacks that the run began with, got other ones from number 1 on; no "
                             "older one in its folder can be used"));
  CHECK_THAT(refused(model, adam, {EarlyStopping(), EarlyStopping(), ReduceLROnPlateau()}),
             Catch::Contains("fit: expected to resume from ") &&
                 Catch::Contains("got: EarlyStopping: expected its own state in the checkpoint, got another; give fit "
                                 "the callbacks that the run began with; no older one in its folder can be used"));
  Adam of_wide(wide.parameters(), {.learning_rate = 0.01});
  CHECK_THAT(refused(wide, of_wide, {}), Catch::Contains("fit: expected to resume from ") &&
                                             Catch::Contains("got: expected float32 (2, 9) as model/hidden/kernel, got "
                                                             "float32 (2, 8); no older one in its folder can be used"));
}

TEST_CASE("a layer that a model shares with an inner model is saved and restored") {
  const TemporaryFolder folder;
  const auto train = [&](int epochs, const fs::path& from, const fs::path& to) {
    const auto input = Input({2});
    const Dense shared({.units = 2, .name = "shared"});
    Model inner(input, shared(input), {.name = "inner"});
    Model model(input, Dense({.units = 2})(inner(shared(input))), {.seed = 4});
    SGD sgd(model.parameters(), {.learning_rate = 0.1, .momentum = 0.9});
    const auto checkpoint = Checkpoint({.folder = to});
    fit(model, sgd, quadrants(20),
        {.epochs = epochs, .callbacks = {checkpoint}, .resume = from, .show_progress = false});
    return model.parameters();
  };
  const auto whole = train(4, {}, folder / "whole");
  train(2, {}, folder / "parts");
  const auto parts = train(4, folder / "parts", folder / "parts");
  REQUIRE(whole.size() == 4);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(identical(whole[i].value(), parts[i].value()));
}

TEST_CASE("a folder without checkpoints cannot be resumed, and a new run rejects a folder with checkpoints") {
  const TemporaryFolder folder;
  CHECK(resume_error(folder.path(), folder / "none.safetensors", {}).find("none.safetensors, got: ") !=
        std::string::npos);
  CHECK(resume_error(folder.path(), folder.path(), {}) == "fit: expected checkpoints in the folder " +
                                                              folder.path().string() +
                                                              " to resume from, got none; leave out resume to begin");
  save_safetensors(folder / "other.safetensors", {{"x", Tensor::zeros({2})}});
  CHECK_THAT(resume_error(folder / "new", folder / "other.safetensors", {}),
             Catch::Contains("fit: expected to resume from ") &&
                 Catch::Contains("got: expected an xtape checkpoint of version 3, got another safetensors file; no "
                                 "older one in its folder can be used"));
  TrainedQuadrants(folder.path(), 3);
  CHECK(error_of([&] { TrainedQuadrants(folder.path(), 3); }) ==
        "Checkpoint: expected a folder without checkpoints for a new run, got 1 in " + folder.path().string() +
            "; resume from them with FitOptions::resume, or name another folder");
}

TEST_CASE("files left by a process that has ended are removed, and no others") {
  const TemporaryFolder folder;
  const std::vector<std::string> names{".xtape-999999999-0.tmp", fmt::format(".xtape-{}-7.tmp", getpid()),
                                       ".xtape-x.tmp"};
  for (const std::string& name : names) write(folder / name, {'x'});
  TrainedQuadrants(folder.path(), 3);
  CHECK_FALSE(fs::exists(folder / names[0]));
  CHECK(fs::exists(folder / names[1]));
  CHECK(fs::exists(folder / names[2]));
}
