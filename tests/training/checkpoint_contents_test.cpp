// What a checkpoint and the states of callbacks in it must contain, and the whole messages when they do not.
#include <algorithm>

#include "framework/communication/communicator.hpp"
#include "optim/sgd.hpp"
#include "tests/support/limits.hpp"
#include "tests/training/stage.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

Tensor& content(SafetensorsFile& file, const std::string& name) {
  const auto found = std::ranges::find(file.tensors, name, &NamedTensor::name);
  REQUIRE(found != file.tensors.end());
  return found->tensor;
}

void remove_content(SafetensorsFile& file, const std::string& name) {
  REQUIRE(std::erase_if(file.tensors, [&](const NamedTensor& entry) { return entry.name == name; }) == 1);
}

NamedTensor numbers_as(const std::string& name, const std::vector<double>& values, DType dtype = DType::float64) {
  return {name, Tensor::of({std::ssize(values)}, values, dtype)};
}

/// Two inputs and two outputs of 4 classes.
struct TwoTasks {
  std::vector<Tensor> inputs{Tensor::ones({3, 2}), Tensor::ones({3, 2})};
  std::vector<Target> targets{{Tensor::labels({0, 1, 2}), 3}, {Tensor::labels({0, 1, 2}), 3}};

  std::map<std::string, std::string> entries(bool as_validation) const {
    const auto a = Input({2}), b = Input({2});
    Model model({a, b}, {Dense({.units = 4, .name = "x"})(a), Dense({.units = 4, .name = "y"})(b)}, {.seed = 1});
    SGD sgd(model.parameters());
    const Dataset data(inputs, targets);
    FitOptions options{.loss = {{loss::softmax_cross_entropy()}, {loss::softmax_cross_entropy()}}};
    if (as_validation) options.validation = data;
    const Dataset plain = TwoTasks().data();
    const TrainingState run(model, sgd, as_validation ? plain : data, options);
    return fingerprint(run);
  }
  Dataset data() const { return {inputs, targets}; }
};

}  // namespace

TEST_CASE("a checkpoint whose contents do not fit says what is wrong with them") {
  struct Row {
    std::string message;
    std::function<void(SafetensorsFile&)> change;
  };
  const auto metadata = [](std::string key, std::string value) {
    return [key = std::move(key), value = std::move(value)](SafetensorsFile& file) { file.metadata[key] = value; };
  };
  std::vector<Row> rows{
      {"expected the tensors of this run, got 1 that it does not have, such as model/other",
       [](SafetensorsFile& file) { file.tensors.push_back(numbers_as("model/other", {1})); }},
      {"expected the tensors of this run, got 2 that it does not have, such as model/a",
       [](SafetensorsFile& file) {
         for (const char* name : {"model/b", "model/a"}) file.tensors.push_back(numbers_as(name, {1}));
       }},
      {"expected the callbacks that the run began with, got only 0",
       [](SafetensorsFile& file) { file.tensors.push_back(numbers_as("callbacks/0/counters", {1})); }},
      {"expected a tensor model/hidden/bias, got none; is it of another model or optimizer?",
       [](SafetensorsFile& file) { remove_content(file, "model/hidden/bias"); }},
      {"expected float32 (2, 8) as model/hidden/kernel, got float32 (8, 2)",
       [](SafetensorsFile& file) {
         content(file, "model/hidden/kernel") = Tensor::zeros({8, 2});
       }},
      {"expected float32 (2, 8) as optimizer/hidden/kernel/v, got float64 (2, 8)",
       [](SafetensorsFile& file) {
         content(file, "optimizer/hidden/kernel/v") = Tensor::zeros({2, 8}, DType::float64);
       }},
      {"expected 3 sums of losses, got float32 (3,)",
       [](SafetensorsFile& file) { content(file, "epoch/losses") = Tensor::zeros({3}); }},
      {"expected 3 sums of losses, got float64 (4,)",
       [](SafetensorsFile& file) { content(file, "epoch/losses") = Tensor::zeros({4}, DType::float64); }},
      {"expected 3 sums of losses, got none",
       [](SafetensorsFile& file) {
         remove_content(file, "epoch/losses");
         remove_content(file, "epoch/metrics/0");
       }},
      {"expected the sums of the metric accuracy, got none",
       [](SafetensorsFile& file) { content(file, "epoch/metrics/0") = Tensor::zeros({2}); }},
      {"expected the sums of the metric accuracy, got none",
       [](SafetensorsFile& file) { remove_content(file, "epoch/metrics/0"); }},
      {"accuracy: expected its own sums, got float64 (3,)",
       [](SafetensorsFile& file) { content(file, "epoch/metrics/0") = Tensor::zeros({3}, DType::float64); }},
      {"expected the sums of 1 metrics, got 2",
       [](SafetensorsFile& file) {
         file.tensors.push_back(numbers_as("epoch/metrics/1", {1, 2}));
       }},
      {"expected at most 3 batches of an epoch, got 4", metadata("batch", "4")},
      {"expected at most 9 epochs, the number that this run is to have, got 10", metadata("epochs", "9")},
      {"expected the samples of 1 batches, got 9", metadata("epoch_samples", "9")},
      {"expected the samples of 3 batches, got 8", metadata("batch", "3")},
      {"expected the names of the figures of 0 epochs, got [\"loss\"]",
       [](SafetensorsFile& file) {
         file.metadata["epochs"] = "0";
         file.metadata["figures"] = "[\"loss\"]";
       }},
  };
  for (const char* names : {"7", "{\"a\":\"loss\"}", "[1]", "[\"a\"", ""}) {
    rows.push_back({fmt::format("expected a list of the names of figures, got {}", names), metadata("figures", names)});
  }
  for (const char* key : {"epochs", "batch", "iterations", "epoch_samples"}) {
    for (const std::string text : {"-1", "1.5", "x", ""}) {
      rows.push_back({fmt::format("expected a number of 0 or more as {}, got \"{}\"", key, text), metadata(key, text)});
    }
  }
  Stage saved;
  saved.stir();
  const SafetensorsFile good = saved.saved();
  for (const Row& row : rows) {
    SafetensorsFile bad = good;
    row.change(bad);
    Stage fresh;
    CHECK(error_of([&] { fresh.resume(bad); }) == row.message);
  }
  Stage fresh;
  fresh.resume(good);
}

TEST_CASE("a checkpoint of another version of the format is named so") {
  const TemporaryFolder folder;
  Stage saved, fresh;
  save_checkpoint(saved.run, folder / "checkpoint-000000001.safetensors");
  SafetensorsFile file = load_safetensors(folder / "checkpoint-000000001.safetensors");
  const auto message = [&](const std::string& key, const std::string& value) {
    auto metadata = file.metadata;
    metadata[key] = value;
    save_safetensors(folder / "checkpoint-000000001.safetensors", file.tensors, metadata);
    return error_of([&] { Resumption(fresh.run, folder.path()); });
  };
  const std::string begin = fmt::format(
      "fit: expected to resume from {}, got: expected an xtape checkpoint of version "
      "3, got another safetensors file",
      (folder / "checkpoint-000000001.safetensors").string());
  const std::string end = "; no older one in its folder can be used";
  CHECK(message("version", "2") == begin + ", a checkpoint of another version of xtape" + end);
  CHECK(message("format", "weights") == begin + end);
}

TEST_CASE("a run is recognized by every input of the first sample, every target and every number of classes") {
  for (const bool as_validation : {false, true}) {
    const std::string key = as_validation ? "validation targets and first sample" : "targets and first sample";
    const auto same = TwoTasks().entries(as_validation);
    for (const std::size_t which : {0U, 1U}) {
      INFO(key << " " << which);
      TwoTasks input, target;
      input.inputs[which] = Tensor::of({3, 2}, {1, 2, 1, 1, 1, 1});
      CHECK(input.entries(as_validation).at(key) != same.at(key));
      target.targets[which].values = Tensor::labels({0, 1, 1});
      CHECK(target.entries(as_validation).at(key) != same.at(key));
      TwoTasks weighted;
      const std::vector<Tensor> weights{which == 0 ? Tensor::ones({3}) : Tensor(),
                                        which == 1 ? Tensor::ones({3}) : Tensor()};
      const auto a = Input({2}), b = Input({2});
      Model model({a, b}, {Dense({.units = 4, .name = "x"})(a), Dense({.units = 4, .name = "y"})(b)}, {.seed = 1});
      SGD sgd(model.parameters());
      const Dataset heavy = weighted.data().weighted(weights);
      const FitOptions options{.validation = heavy,
                               .loss = {{loss::softmax_cross_entropy()}, {loss::softmax_cross_entropy()}}};
      CHECK(fingerprint(TrainingState(model, sgd, heavy, options)).at(key) != same.at(key));
    }
  }
  TwoTasks first, second;
  first.targets[0].classes = 4;
  second.targets[1].classes = 4;
  CHECK(TwoTasks().entries(false).at("classes") == "3, 3");
  CHECK(first.entries(false).at("classes") == "4, 3");
  CHECK(second.entries(false).at("classes") == "3, 4");
  CHECK(second.entries(false).at("inputs") == "(3, 2), (3, 2)");
}

TEST_CASE("callbacks reject states that are not their own, with the reason") {
  Stage stage;
  const auto given = [&](const std::shared_ptr<Callback>& callback, const std::vector<NamedTensor>& state) {
    callback->train_begin(stage.run);
    return error_of([&] { callback->restore(stage.run, state); });
  };
  const TemporaryFolder folder;
  const std::string advice = "; give fit the callbacks that the run began with";
  struct Kind {
    std::shared_ptr<Callback> callback;
    std::string name;
    std::vector<double> counters;
  };
  for (const Kind& kind : {Kind{EarlyStopping(), "EarlyStopping", {0.5, 1, 2}},
                           Kind{ReduceLROnPlateau(), "ReduceLROnPlateau", {0.5, 1, 2, 0.25}}}) {
    kind.callback->train_begin(stage.run);
    kind.callback->restore(stage.run, {numbers_as("counters", kind.counters)});
    std::vector<double> longer = kind.counters;
    longer.push_back(0);
    for (const std::vector<NamedTensor>& state : {std::vector<NamedTensor>{},
                                                  {numbers_as("counters", kind.counters, DType::float32)},
                                                  {numbers_as("others", kind.counters)},
                                                  {numbers_as("counters", longer)}}) {
      CHECK(given(kind.callback, state) ==
            kind.name + ": expected its own state in the checkpoint, got another" + advice);
    }
    for (const std::size_t which : {1U, 2U}) {
      for (const double wrong : {-1.0, 1.5, 1e10, nan_value}) {
        std::vector<double> counters = kind.counters;
        counters[which] = wrong;
        CHECK(given(kind.callback, {numbers_as("counters", counters)}) ==
              fmt::format("{}: expected a count in the checkpoint, got {}", kind.name, wrong));
      }
    }
  }
  const Checkpoint checkpoint({.folder = folder.path()});
  for (const std::vector<NamedTensor>& state : {std::vector<NamedTensor>{},
                                                {numbers_as("best", {1, 2})},
                                                {numbers_as("counters", {1})},
                                                {numbers_as("best", {1}), numbers_as("best", {1})}}) {
    CHECK(given(checkpoint, state) == "Checkpoint: expected its own state in the checkpoint, got another" + advice);
  }
}

TEST_CASE("early stopping rejects best weights that are not those of the model") {
  Stage stage;
  const EarlyStopping keeps({.restore_best = true}), drops({.restore_best = false});
  const auto given = [&](const EarlyStopping& callback, const std::vector<NamedTensor>& state) {
    callback->train_begin(stage.run);
    return error_of([&] { callback->restore(stage.run, state); });
  };
  const NamedTensor counters = numbers_as("counters", {0.5, 1, 2}), none_yet = numbers_as("counters", {0.5, 1, 0});
  std::vector<NamedTensor> good{counters};
  for (const Parameter& parameter : stage.model.parameters()) {
    good.push_back({fmt::format("best/{}", good.size() - 1), parameter.value()});
  }
  const std::string count = "EarlyStopping: expected the best weights of ", end = "; is restore_best as it was?";
  CHECK(given(keeps, {counters}) == count + "4 parameters in the checkpoint, got 0" + end);
  CHECK(given(drops, good) == count + "0 parameters in the checkpoint, got 4" + end);
  std::vector<NamedTensor> early = good;
  early[0] = none_yet;
  CHECK(given(keeps, early) == count + "0 parameters in the checkpoint, got 4" + end);
  const auto changed = [&](std::size_t place, const NamedTensor& entry) {
    std::vector<NamedTensor> bad = good;
    bad[place] = entry;
    return given(keeps, bad);
  };
  const std::string weights = "EarlyStopping: expected the best float32 ";
  CHECK(changed(1, {"best/0", Tensor::zeros({2, 8}, DType::float64)}) ==
        weights + "(2, 8) of hidden/kernel in the checkpoint, got float64 (2, 8) as best/0");
  CHECK(changed(2, {"best/1", Tensor::zeros({9})}) ==
        weights + "(8,) of hidden/bias in the checkpoint, got float32 (9,) as best/1");
  CHECK(changed(4, {"best/4", Tensor::zeros({2})}) ==
        weights + "(2,) of logits/bias in the checkpoint, got float32 (2,) as best/4");
  keeps->train_begin(stage.run);
  keeps->restore(stage.run, good);
  keeps->restore(stage.run, {none_yet});
  drops->restore(stage.run, {counters});
}

TEST_CASE("a rate that is at its minimum keeps its schedule on a plateau") {
  for (const double least : {0.0, 0.01, 0.02}) {
    const ReduceLROnPlateau plateau({.patience = 1, .min_learning_rate = least});
    Model model = quadrant_model();
    Stage stage({plateau},
                std::make_unique<SGD>(model.parameters(),
                                      SGDOptions{.learning_rate = schedule::piecewise({100}, {0.01, 0.01})}),
                model);
    for (int epoch = 1; epoch <= 3; ++epoch) {
      stage.run.epoch = epoch;
      stage.run.history.add({epoch, {{"val_loss", 1}}});
      plateau->epoch_end(stage.run);
    }
    INFO(least);
    CHECK(stage.optimizer->schedule().text().starts_with("piecewise") == (least > 0));
  }
}
