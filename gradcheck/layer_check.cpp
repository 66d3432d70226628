#include "gradcheck/layer_check.hpp"

#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

/// A layer as a function of its inputs and trainable parameters. Its other parameters are constant.
class LayerUnderCheck {
 public:
  LayerUnderCheck(const std::shared_ptr<Layer>& layer, const std::vector<TensorSpec>& samples,
                  const LayerCheckOptions& options)
      : layer_(layer),
        samples_(samples),
        options_(options.gradient),
        integers_(options.integers),
        inferred_(layer->build(samples)) {
    InitialStreams taken;
    layer->initialize(options_.seed, 0, taken);
    for (const auto& [path, parameter] : layer->named_parameters()) {
      parameter.set_value(parameter.value().to(DType::float64));
      (parameter.trainable() ? trained_ : state_).emplace_back(path, parameter);
    }
    settle();
  }

  GradientReport check_mode(Mode mode, std::int64_t batch) const {
    check(batch >= 1, "check_layer: expected batches of 1 or more, got {}", batch);
    std::vector<Shape> computed;
    RandomStream random(options_.seed, 20);
    const std::vector<Variable> drawn = draw_inputs(random, batch, options_.low);
    const auto f = [&](const std::vector<Variable>& values) {
      const std::vector<Variable> outputs = call(drawn, values, mode);
      computed.clear();
      for (const Variable& y : outputs) computed.push_back(y.shape());
      return outputs.size() == 1 ? outputs[0] : in_one_row(outputs);
    };
    std::vector<CheckedInput> inputs;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      if (is_floating(samples_[i].dtype)) inputs.push_back({fmt::format("input {}", i), drawn[i].value()});
    }
    for (const auto& [path, parameter] : trained_) {
      inputs.push_back({path, random.uniform(parameter.shape(), options_.low, options_.high, DType::float64)});
    }
    GradientReport report = check_gradient_at(f, inputs, options_);
    restore(DType::float64);
    if (computed.size() != inferred_.size()) {
      report.problems.push_back(
          fmt::format("there are {} outputs, and the layer infers {}", computed.size(), inferred_.size()));
      return report;
    }
    for (std::size_t i = 0; i < computed.size(); ++i) {
      const PartialShape inferred = inferred_[i].shape.prepended(batch);
      if (inferred == computed[i]) continue;
      report.problems.push_back(fmt::format("the output has shape {}, and the layer infers {}", computed[i], inferred));
    }
    return report;
  }

 private:
  /// Concatenates the elements of all outputs in one vector.
  static Variable in_one_row(const std::vector<Variable>& outputs) {
    std::vector<Variable> rows;
    for (const Variable& y : outputs) rows.push_back(reshape(y, {y.size()}));
    return concatenate(rows, 0);
  }

  std::vector<Variable> draw_inputs(RandomStream& random, std::int64_t batch, double low) const {
    std::vector<Variable> inputs;
    for (const auto& [sample, dtype] : samples_) {
      const Shape shape = sample.prepended(batch);
      if (is_floating(dtype)) {
        inputs.emplace_back(random.uniform(shape, low, options_.high, DType::float64));
      } else {
        const Tensor numbers = random.uniform(shape, 0, static_cast<double>(integers_), DType::float64);
        inputs.emplace_back(numbers.to(dtype));
      }
    }
    return inputs;
  }

  /// Runs training passes that move the moving averages away from their initial values. At mean 0 and variance 1 a
  /// derivative that omits them would be correct by accident.
  void settle() {
    if (state_.empty()) return;
    RandomStream random(options_.seed, 21);
    const std::vector<Variable> inputs = draw_inputs(random, 4, options_.low + (options_.high - options_.low) * 2 / 3);
    constexpr int passes = 100;
    for (int i = 0; i < passes; ++i) {
      ForwardPass pass(Mode::training, {.record = false, .step = i});
      layer_->call(inputs, pass);
      pass.commit();
    }
    for (const auto& [path, parameter] : state_) settled_.push_back(parameter.value());
  }

  void restore(DType dtype) const {
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i].second.set_value(settled_[i].to(dtype));
  }

  /// Computes the outputs. `values` contains the values of the floating inputs, followed by those of the trainable
  /// parameters.
  std::vector<Variable> call(std::vector<Variable> inputs, const std::vector<Variable>& values, Mode mode) const {
    restore(values.empty() ? DType::float64 : values.front().dtype());
    ForwardPass pass(mode, {.record = false, .step = 0});
    auto value = values.begin();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (is_floating(samples_[i].dtype)) inputs[i] = *value++;
    }
    for (const auto& [path, parameter] : trained_) pass.bind(parameter, *value++);
    return layer_->call(inputs, pass);
  }

  std::shared_ptr<Layer> layer_;
  const std::vector<TensorSpec>& samples_;
  const GradientCheckOptions& options_;
  std::int64_t integers_;
  std::vector<TensorSpec> inferred_;  // the outputs that the layer infers, for one sample
  std::vector<std::pair<std::string, Parameter>> trained_, state_;
  std::vector<Tensor> settled_;  // values of state_
};

}  // namespace

GradientReport check_layer(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options) {
  check(layer != nullptr, "check_layer: expected a layer, got a null pointer");
  check(!options.modes.empty() && !options.batches.empty(),
        "check_layer: expected at least one mode and one batch size, got {} and {}", options.modes.size(),
        options.batches.size());
  check(!samples.empty(), "check_layer: expected the shape of at least one input, got none");
  check(options.integers >= 1, "check_layer: expected integers below 1 or more, got {}", options.integers);
  std::vector<TensorSpec> specs;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    specs.push_back({samples[i], i < options.dtypes.size() ? options.dtypes[i] : DType::float32});
  }
  const LayerUnderCheck under_check(layer, specs, options);
  GradientReport report;
  for (const Mode mode : options.modes) {
    for (const std::int64_t batch : options.batches) {
      const char* name = mode == Mode::training ? "training" : mode == Mode::inference ? "inference" : "recalibration";
      report.append(under_check.check_mode(mode, batch), fmt::format("{}, batch {}", name, batch));
    }
  }
  return report;
}

}  // namespace xtape
