#include "training/batch_norm_recalibration.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "layers/normalization/batch_normalization.hpp"
#include "models/graph/fusion.hpp"
#include "training/checkpoint/checksum.hpp"
#include "training/data/data_loader.hpp"
#include "training/distributed/shards.hpp"
#include "training/distributed/state_mean.hpp"
#include "training/fit_checks.hpp"

namespace xtape {
namespace {

/// A layer that is being recalibrated. The destructor restores the old state unless keep() was called.
class Recalibrated {
 public:
  explicit Recalibrated(BatchNormalizationLayer& layer) : layer_(layer), momentum_(layer.momentum()) {
    for (const auto& [name, parameter] : layer.named_parameters()) {
      if (parameter.trainable()) continue;
      state_.push_back({name, parameter, parameter.value()});
      // the old values may be NaN, which a momentum of 0 would not remove
      parameter.set_value(Tensor::zeros(parameter.shape(), parameter.dtype()));
    }
  }
  Recalibrated(const Recalibrated&) = delete;
  Recalibrated& operator=(const Recalibrated&) = delete;
  ~Recalibrated() {
    layer_.set_momentum(momentum_);
    if (kept_) return;
    for (const State& state : state_) state.parameter.set_value(state.value);
  }

  /// Sets the momentum to seen / (seen + next). The moving averages are then means over all samples, weighted by batch
  /// size.
  void weigh(std::int64_t seen, std::int64_t next) {
    layer_.set_momentum(static_cast<double>(seen) / static_cast<double>(seen + next));
  }

  void check_finite() const {
    for (const State& state : state_) {
      for (const double value : state.parameter.value().to_vector()) {
        check(
            std::isfinite(value),
            "recalibrate_batch_norm: expected finite {} of {}, got {}; look for what is not finite in the data or the "
            "weights",
            state.name, layer_.name(), value);
      }
    }
  }

  void keep() {
    kept_ = true;
    for (const State& state : state_) {
      // after so many updates bias_correction has no effect
      if (state.name == "updates")
        state.parameter.set_value(Tensor::full(state.value.shape(), 1e9, state.value.dtype()));
    }
  }

 private:
  struct State {
    std::string name;
    Parameter parameter;
    Tensor value;
  };
  BatchNormalizationLayer& layer_;
  double momentum_;
  std::vector<State> state_;
  bool kept_ = false;
};

/// The BatchNormalization layers that are not frozen, each once, including those of nested models.
std::vector<std::unique_ptr<Recalibrated>> batch_norms(const Model& model) {
  std::map<const Layer*, int> calls;
  for (const ModelNode& node : model.nodes()) count_calls(*node.layer, calls);
  std::vector<std::unique_ptr<Recalibrated>> found;
  for (const auto& layer : model.all_layers()) {
    auto* normalization = dynamic_cast<BatchNormalizationLayer*>(layer.get());
    if (!normalization || !normalization->trainable()) continue;  // a frozen layer does not update its averages
    check(calls.at(layer.get()) == 1,
          "recalibrate_batch_norm: expected each BatchNormalization to be called once in model {}, got {} called more "
          "often: its averages would be those of the last call; make a layer for each",
          model.name(), layer->name());
    found.push_back(std::make_unique<Recalibrated>(*normalization));
  }
  check(!found.empty(),
        "recalibrate_batch_norm: expected BatchNormalization layers that are not frozen, got none in model {}",
        model.name());
  return found;
}

void recalibrate_shards(Model& model, const Dataset& data, const RecalibrationOptions& options) {
  Shards shards;
  std::optional<DataLoader> batches_of;
  std::vector<std::unique_ptr<Recalibrated>> layers;
  check_agreed(options.distributed, [&] {
    shards = Shards("recalibrate_batch_norm", options.distributed);
    check_inputs("recalibrate_batch_norm", model, data);
    batches_of.emplace(data, shards.part_of({.batch_size = options.batch_size,
                                             .seed = options.seed,
                                             .dtype = model.dtype(),
                                             .augmentation = options.augmentation}));
    check_synchronized("recalibrate_batch_norm", model, shards, batches_of->samples_of(batches_of->batches() - 1));
    layers = batch_norms(model);
  });
  const DataLoader& loader = *batches_of;
  shards.check_same("recalibrate_batch_norm", {{"batch_size", fmt::format("{}", options.batch_size)},
                                               {"seed", fmt::format("{}", options.seed)},
                                               {"augmentation", to_string(options.augmentation)},
                                               {"shards", fmt::format("{}", shards.count())},
                                               {"samples", fmt::format("{}", data.size())},
                                               {"checksum of the weights", checksum_of_weights(model)}});
  std::int64_t seen = 0;
  const Epoch batches = loader.epoch(0);
  for (std::int64_t i = 0; i < batches.size(); ++i) {
    const std::int64_t samples = loader.samples_of(i);
    for (const auto& layer : layers) layer->weigh(seen, samples);
    StateMean state(model.parameters());
    for (const Batch& batch : shards.split(batches[i], samples)) {
      PassOptions pass_options;
      if (shards.count() > 1) pass_options.sum_over_batch = [&](std::span<double> numbers) { shards.add_up(numbers); };
      ForwardPass pass(Mode::recalibration, pass_options);
      if (batch.size() > 0) model.call({batch.inputs.begin(), batch.inputs.end()}, pass);
      state.add_shard(pass.state_updates(), static_cast<double>(batch.size()) / static_cast<double>(samples));
    }
    Gradients updates;
    state.announce(shards.gather(state.shares()), shards, updates);
    updates.commit();
    seen += samples;
  }
  for (const auto& layer : layers) layer->check_finite();
  for (const auto& layer : layers) layer->keep();
}

}  // namespace

void recalibrate_batch_norm(Model& model, const Dataset& data, const RecalibrationOptions& options) {
  guarded(options.distributed, [&] { recalibrate_shards(model, data, options); });
}

}  // namespace xtape
