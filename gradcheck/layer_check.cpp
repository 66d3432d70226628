#include "gradcheck/layer_check.hpp"

#include "layers/input.hpp"

namespace xtape {
namespace {

/// A layer whose trainable parameters are arguments and whose other ones stand still.
class LayerUnderCheck {
 public:
  LayerUnderCheck(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                  const GradientCheckOptions& options)
      : layer_(layer), samples_(samples), options_(options) {
    std::vector<SymbolicTensor> symbols;
    for (const Shape& sample : samples) symbols.push_back(Input(sample));
    inferred_ = layer->connect(symbols).shape();
    InitialStreams taken;
    layer->initialize(options.seed, 0, taken);
    for (const auto& [path, parameter] : layer->named_parameters()) {
      parameter.set_value(parameter.value().to(DType::float64));
      (parameter.trainable() ? trained_ : state_).emplace_back(path, parameter);
    }
    settle();
  }

  GradientReport check_mode(Mode mode, std::int64_t batch) const {
    check(batch >= 1, "check_layer: expected batches of 1 or more, got {}", batch);
    Shape computed;
    const auto f = [&](const std::vector<Variable>& values) {
      Variable y = call(values, mode);
      computed = y.shape();
      return y;
    };
    RandomStream random(options_.seed, 20);
    std::vector<CheckedInput> inputs = draw_inputs(random, batch, options_.low);
    for (const auto& [path, parameter] : trained_) {
      inputs.push_back({path, random.uniform(parameter.shape(), options_.low, options_.high, DType::float64)});
    }
    GradientReport report = check_gradient_at(f, inputs, options_);
    restore(DType::float64);
    if (computed != inferred_.prepended(batch)) {
      report.problems.push_back(fmt::format("the output has shape {}, and the layer infers {}", to_string(computed),
                                            to_string(inferred_.prepended(batch))));
    }
    return report;
  }

 private:
  std::vector<CheckedInput> draw_inputs(RandomStream& random, std::int64_t batch, double low) const {
    std::vector<CheckedInput> inputs;
    for (const Shape& sample : samples_) {
      inputs.push_back({fmt::format("input {}", inputs.size()),
                        random.uniform(sample.prepended(batch), low, options_.high, DType::float64)});
    }
    return inputs;
  }

  /// Moves the moving averages: where they start, at mean 0 and variance 1, a derivative that forgets them looks right.
  void settle() {
    if (state_.empty()) return;
    RandomStream random(options_.seed, 21);
    std::vector<Variable> inputs;
    for (const CheckedInput& input : draw_inputs(random, 4, options_.low + (options_.high - options_.low) * 2 / 3)) {
      inputs.emplace_back(input.value);
    }
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

  Variable call(const std::vector<Variable>& values, Mode mode) const {
    restore(values.front().dtype());
    ForwardPass pass(mode, {.record = false, .step = 0});
    for (std::size_t i = 0; i < trained_.size(); ++i) pass.bind(trained_[i].second, values[samples_.size() + i]);
    return layer_->call({values.begin(), values.begin() + static_cast<std::ptrdiff_t>(samples_.size())}, pass);
  }

  std::shared_ptr<Layer> layer_;
  const std::vector<Shape>& samples_;
  const GradientCheckOptions& options_;
  Shape inferred_;  // of one sample of the output
  std::vector<std::pair<std::string, Parameter>> trained_, state_;
  std::vector<Tensor> settled_;  // values of state_
};

}  // namespace

GradientReport check_layer(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options) {
  check(!options.modes.empty() && !options.batches.empty(),
        "check_layer: expected at least one mode and one batch size, got {} and {}", options.modes.size(),
        options.batches.size());
  check(!samples.empty(), "check_layer: expected the shape of at least one input, got none");
  const LayerUnderCheck under_check(layer, samples, options.gradient);
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
