// A checkpoint restores every field that it saves, or none if any part of it is rejected.
#include <algorithm>
#include <cmath>

#include "optim/adam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/field_count.hpp"
#include "tests/training/stage.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// Compares names and bits of tensors.
void check_same(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].name);
    CHECK(a[i].name == b[i].name);
    CHECK(identical(a[i].tensor, b[i].tensor));
  }
}

Callbacks all_callbacks(const std::filesystem::path& folder) {
  return {Checkpoint({.folder = folder, .best = "val_loss"}), EarlyStopping({.patience = 4, .restore_best = true}),
          ReduceLROnPlateau({.patience = 2, .cooldown = 3}), std::make_shared<Stubborn>()};
}

}  // namespace

TEST_CASE("every field that a checkpoint saves is restored") {
  // a new field of these structs needs a line in stir(), in the comparison below, and in the checkpoint
  STATIC_REQUIRE(field_count<EpochResult>() == 2);
  const TemporaryFolder folder;
  Stage saved, fresh;
  saved.stir();
  const SafetensorsFile stirred_file = saved.saved(), fresh_file = fresh.saved();
  for (const NamedTensor& b : fresh_file.tensors) {  // no tensor has its initial value
    INFO(b.name);
    const auto a = std::ranges::find(stirred_file.tensors, b.name, &NamedTensor::name);
    REQUIRE(a != stirred_file.tensors.end());
    CHECK_FALSE(identical(a->tensor, b.tensor));
  }
  for (const auto& [key, value] : fresh_file.metadata) CHECK(stirred_file.metadata.at(key) != value);
  save_checkpoint(saved.run, folder / "checkpoint-000000007.safetensors");
  Resumption(fresh.run, folder.path()).restore();
  check_same(fresh.saved().tensors, saved.saved().tensors);
  CHECK(fresh.saved().metadata == saved.saved().metadata);
  CHECK((fresh.run.epoch == 2 && fresh.run.batch == 1 && fresh.run.step() == 7 && fresh.run.first_iteration == 4));
  CHECK(fresh.run.running.figures() == Figures{{"loss", 5.5 / 11 + 0.25 / 8}, {"accuracy", 0.5}});
  CHECK(fresh.run.running.samples() == 8);
  CHECK((fresh.run.learning_rate == 0.007 && fresh.run.seconds == 2.25));
  CHECK(fresh.optimizer->iterations() == 11);
  for (std::size_t i = 0; i < 2; ++i) {
    const EpochResult &a = fresh.run.history.epochs()[i], &b = saved.run.history.epochs()[i];
    CHECK((a.epoch == b.epoch && a.figures == b.figures));
  }
}

TEST_CASE("every slot of every optimizer is restored") {
  const auto optimizers = [](Model model) {
    const std::vector<Parameter> p = model.parameters();
    std::vector<std::unique_ptr<Optimizer>> all;
    all.push_back(std::make_unique<SGD>(p, SGDOptions{.momentum = 0.9}));
    all.push_back(std::make_unique<Adam>(p));
    all.push_back(std::make_unique<AdamW>(p));
    all.push_back(std::make_unique<RMSprop>(p, RMSpropOptions{.momentum = 0.9, .centered = true}));
    return all;
  };
  Model model = quadrant_model(), other = quadrant_model();
  auto ones = optimizers(model), twos = optimizers(other);
  for (std::size_t i = 0; i < ones.size(); ++i) {
    Stage saved({}, std::move(ones[i]), model), fresh({}, std::move(twos[i]), other);
    saved.stir();
    for (const auto& [name, slot] : saved.optimizer->named_state()) {
      for (const double value : slot.to_vector()) REQUIRE(value != 0);
    }
    fresh.resume(saved.saved());
    check_same(fresh.saved().tensors, saved.saved().tensors);
  }
}

TEST_CASE("a callback of a run that stopped after any epoch continues as in an uninterrupted run") {
  const auto make = [](int kind) -> std::shared_ptr<Callback> {
    if (kind == 0) {
      return ReduceLROnPlateau(
          {.factor = 0.7, .patience = 2, .min_delta = 0.05, .cooldown = 3, .min_learning_rate = 1e-4});
    }
    return EarlyStopping({.min_delta = 0.05, .patience = 6, .restore_best = kind == 1});
  };
  constexpr int epochs = 25;
  for (const int kind : {0, 1, 2}) {
    for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
      const std::vector<double> losses = RandomStream(seed).uniform({epochs}, 0, 1).to_vector();
      const auto step = [&](Stage& stage, int epoch) {
        if (stage.run.stopping()) return;
        stage.run.epoch = epoch;
        for (const Parameter& p : stage.model.parameters()) p.set_value(Tensor::full(p.shape(), epoch));
        stage.options.callbacks[0]->epoch_begin(stage.run);
        stage.run.history.add({epoch, {{"val_loss", losses[static_cast<std::size_t>(epoch - 1)]}}});
        stage.options.callbacks[0]->epoch_end(stage.run);
      };
      for (int cut = 1; cut < epochs; ++cut) {
        Stage whole({make(kind)}), first({make(kind)}), second({make(kind)});
        for (auto* stage : {&whole, &first, &second}) stage->options.epochs = epochs;
        for (int epoch = 1; epoch <= cut; ++epoch) step(whole, epoch), step(first, epoch);
        second.resume(first.saved());
        INFO("callback " << kind << ", seed " << seed << ", cut after epoch " << cut);
        check_same(second.options.callbacks[0]->state(), first.options.callbacks[0]->state());
        for (int epoch = cut + 1; epoch <= epochs; ++epoch) {
          step(whole, epoch), step(second, epoch);
          REQUIRE(whole.optimizer->learning_rate() == second.optimizer->learning_rate());
          REQUIRE(whole.run.stop_reason == second.run.stop_reason);
        }
        whole.options.callbacks[0]->train_end(whole.run), second.options.callbacks[0]->train_end(second.run);
        for (std::size_t i = 0; i < whole.model.parameters().size(); ++i) {
          REQUIRE(identical(whole.model.parameters()[i].value(), second.model.parameters()[i].value()));
        }
      }
    }
  }
}

namespace {

/// The state of a run before a restore.
struct Snapshot {
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> position;
  double rate;
  std::string stop_reason;
  explicit Snapshot(const Stage& stage)
      : tensors(tensors_of(stage.run)),
        position(position_of(stage.run)),
        rate(stage.optimizer->learning_rate()),
        stop_reason(stage.run.stop_reason) {}
};

void check_unchanged(const Stage& stage, const Snapshot& before) {
  const Snapshot now(stage);
  check_same(now.tensors, before.tensors);
  CHECK(now.position == before.position);
  CHECK(now.rate == before.rate);
  CHECK(now.stop_reason == before.stop_reason);
}

/// A checkpoint of a stage whose callbacks all have state, including a reduced rate and a reason to stop.
SafetensorsFile stirred(Stage& stage) {
  stage.stir();
  auto& callbacks = stage.options.callbacks;
  for (int epoch = 1; epoch <= 4; ++epoch) {
    stage.run.epoch = epoch;
    stage.run.history.add({epoch, {{"loss", 1}, {"val_loss", 1}}});
    for (const auto& callback : callbacks) {
      if (!callback->comes_last()) callback->epoch_end(stage.run);  // a Checkpoint would write files
    }
  }
  stage.run.epoch = 6;
  if (auto* stubborn = dynamic_cast<Stubborn*>(callbacks.back().get())) stubborn->number = 5;
  return stage.saved();
}

}  // namespace

TEST_CASE("a callback that rejects its state, at any position, leaves the run unchanged") {
  const TemporaryFolder folder;
  struct OtherException {};
  const std::vector<std::function<void(TrainingState&)>> refusals{[](TrainingState&) { fail("no"); },
                                                                  [](TrainingState&) { throw std::out_of_range("no"); },
                                                                  [](TrainingState&) { throw OtherException(); },
                                                                  [](TrainingState& run) {
                                                                    run.optimizer.set_learning_rate(77);
                                                                    run.history = {};
                                                                    run.stop("mischief");
                                                                    for (const Parameter& p : run.model.parameters())
                                                                      p.set_value(Tensor::zeros(p.shape()));
                                                                    fail("no");
                                                                  }};
  for (const auto& refusal : refusals) {
    for (std::size_t place = 0; place < 4; ++place) {
      const auto arranged = [&](std::function<void(TrainingState&)> on_restore) {
        Callbacks all = all_callbacks(folder.path());
        all.back() = std::make_shared<Stubborn>(std::move(on_restore));
        std::rotate(all.begin(), all.end() - 1, all.end());
        std::rotate(all.begin(), all.begin() + 1, all.begin() + static_cast<std::ptrdiff_t>(place) + 1);
        return all;
      };
      Stage saved(arranged({})), fresh(arranged(refusal));
      const auto stubborn = std::dynamic_pointer_cast<Stubborn>(saved.options.callbacks[place]);
      REQUIRE(stubborn);
      stirred(saved);
      stubborn->number = 5;
      for (auto& callback : saved.options.callbacks) {
        if (auto* plateau = dynamic_cast<ReduceLROnPlateauCallback*>(callback.get())) {
          plateau->restore(saved.run, {{"counters", f64({4}, {0.5, 1, 2, 0.002})}});  // it sets a rate
        }
      }
      const Snapshot before(fresh);
      INFO("place " << place);
      CHECK_THROWS(fresh.resume(saved.saved()));
      check_unchanged(fresh, before);
    }
  }
}

TEST_CASE("a checkpoint with a missing or changed tensor is rejected and changes nothing") {
  const TemporaryFolder folder;
  Stage saved(all_callbacks(folder.path()));
  const SafetensorsFile good = stirred(saved);
  REQUIRE(good.tensors.size() > 20);
  const auto try_to_restore = [&](const SafetensorsFile& file) {
    Stage fresh(all_callbacks(folder.path()));
    const Snapshot before(fresh);
    try {
      fresh.resume(file);
    } catch (const Error&) {
      check_unchanged(fresh, before);
      return false;
    }
    return true;
  };
  CHECK(try_to_restore(good));
  for (std::size_t i = 0; i < good.tensors.size(); ++i) {
    INFO(good.tensors[i].name);
    if (good.tensors[i].name == "callbacks/3/number") continue;  // a custom callback accepts any state
    SafetensorsFile bad = good;
    bad.tensors.erase(bad.tensors.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK_FALSE(try_to_restore(bad));
    bad = good;
    bad.tensors[i].tensor = Tensor::zeros({3, 1, 4, 1, 5}, good.tensors[i].tensor.dtype());
    CHECK_FALSE(try_to_restore(bad));
    bad = good;
    bad.tensors[i].name = "another";
    CHECK_FALSE(try_to_restore(bad));
  }
  for (const int wrong : {-1, 1}) {  // of the samples of the finished steps
    SafetensorsFile bad = good;
    bad.metadata["epoch_samples"] = fmt::format("{}", std::stoi(good.metadata.at("epoch_samples")) + wrong);
    CHECK_FALSE(try_to_restore(bad));
  }
  for (const auto& [key, value] : good.metadata) {
    if (key == "first_iteration") continue;  // read together with the settings
    INFO(key);
    SafetensorsFile bad = good;
    bad.metadata[key] = "-1";
    CHECK_FALSE(try_to_restore(bad));
    bad.metadata.erase(key);
    CHECK_FALSE(try_to_restore(bad));
  }
}
