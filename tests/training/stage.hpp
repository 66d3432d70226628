// A run of fit as its callbacks see it, for tests of what a checkpoint saves and restores.
#pragma once

#include <functional>
#include <memory>

#include "framework/io/safetensors.hpp"
#include "optim/adam.hpp"
#include "tests/training/small_training.hpp"
#include "training/checkpoint/checkpoint_file.hpp"
#include "training/checkpoint/checkpoint_parts.hpp"

namespace xtape::test {

/// A custom callback that calls a function when a state is restored.
struct Stubborn final : Callback {
  std::function<void(TrainingState&)> on_restore;
  double number = 1;
  explicit Stubborn(std::function<void(TrainingState&)> f = {}) : on_restore(std::move(f)) {}
  std::vector<NamedTensor> state() const override { return {{"number", Tensor::scalar(number, DType::float64)}}; }
  void restore(TrainingState& run, const std::vector<NamedTensor>& state) override {
    number = state.at(0).tensor.item();
    if (number != 1 && on_restore) on_restore(run);
  }
};

/// A run of fit with everything that a checkpoint may change.
struct Stage {
  Model model = quadrant_model();
  std::unique_ptr<Optimizer> optimizer;
  Dataset data = quadrants(20);
  FitOptions options;
  TrainingState run;

  explicit Stage(Callbacks callbacks = {}, std::unique_ptr<Optimizer> given = nullptr, Model its = quadrant_model())
      : model(its),
        optimizer(given ? std::move(given)
                        : std::make_unique<Adam>(model.parameters(), AdamOptions{.learning_rate = 0.01})),
        options{.epochs = 9, .batch_size = 8, .validation = data, .callbacks = std::move(callbacks)},
        run(model, *optimizer, data, options) {
    run.schedule = schedule_text(*optimizer, 0, 3);
    for (const auto& callback : options.callbacks) callback->train_begin(run);
  }

  /// Changes every field from its initial value.
  void stir() {
    for (const Parameter& p : model.parameters()) p.set_value(RandomStream(7).normal(p.shape()));
    auto slots = optimizer->named_state();
    for (std::size_t i = 0; i < slots.size(); ++i) slots[i].second = RandomStream(i).normal(slots[i].second.shape());
    optimizer->restore(11, slots);
    run.history.add({1, {{"loss", 0.5}, {"accuracy", 0.25}, {"val_loss", 0.75}, {"val_accuracy", 0.125}}});
    run.history.add({2, {{"loss", 0.4}, {"val_loss", 0.6}, {"learning_rate", 0.03}, {"seconds", 4.5}}});
    run.epoch = 2;
    run.batch = 1;
    run.running.restore(8, {{"losses", Tensor::of({3}, {5.5, 11, 0.25}, DType::float64)},
                            {"metrics/0", Tensor::of({2}, {6.5, 13}, DType::float64)}});
    run.learning_rate = 0.007;
    run.seconds = 2.25;
    run.first_iteration = 4;
  }

  SafetensorsFile saved() const { return {tensors_of(run), position_of(run)}; }

  /// Restores the run completely or not at all, as fit does.
  void resume(const SafetensorsFile& file) {
    Rollback rollback(run);
    const CheckpointParts parts(run, file);
    parts.check_callbacks(run);
    parts.restore(run);
    rollback.keep();
  }
};

}  // namespace xtape::test
