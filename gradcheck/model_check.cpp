#include "gradcheck/model_check.hpp"

#include <algorithm>
#include <cmath>

#include "gradcheck/gradient_probe.hpp"

namespace xtape {
namespace {

/// Saves the values of all parameters of a model and restores them at the end of the scope.
class Restored {
 public:
  explicit Restored(const Model& model) {
    for (const Parameter& parameter : model.parameters()) {
      saved_.emplace_back(parameter, parameter.value());
    }
  }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;
  ~Restored() {
    for (const auto& [parameter, value] : saved_) parameter.set_value(value);
  }

 private:
  std::vector<std::pair<Parameter, Tensor>> saved_;
};

/// The inputs with the floating ones converted to another type.
std::vector<Tensor> converted(std::vector<Tensor> inputs, DType dtype) {
  for (Tensor& input : inputs) {
    if (is_floating(input.dtype())) input = input.to(dtype);
  }
  return inputs;
}

/// A loss as a function of the floating inputs, which come first, and the trainable parameters.
class LossSurface {
 public:
  LossSurface(const Model& model, const std::vector<Tensor>& inputs, const ModelLossOfAll& loss, Mode mode)
      : model_(model), loss_(loss), mode_(mode), given_(inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!is_floating(inputs[i].dtype())) continue;
      names_.push_back(inputs.size() == 1 ? "images" : fmt::format("input {}", i));
      base_.push_back(inputs[i]);
    }
    floating_ = base_.size();
    for (const auto& [path, parameter] : model.named_parameters()) {
      if (!parameter.trainable()) continue;
      names_.push_back(path);
      parameters_.push_back(parameter);
      base_.push_back(parameter.value());
    }
  }

  std::size_t inputs() const { return base_.size(); }
  const std::string& name(std::size_t input) const { return names_[input]; }
  const Tensor& base(std::size_t input) const { return base_[input]; }

  /// The gradients with respect to the floating inputs and the parameters, computed in `dtype`, which must be the type
  /// of the parameters.
  std::vector<Tensor> gradients(DType dtype) const {
    ForwardPass pass(mode_, {.record = true, .step = 0});
    std::vector<Variable> watched;
    for (std::size_t i = 0; i < floating_; ++i) watched.push_back(pass.watch(base_[i].to(dtype)));
    const Gradients gradients = pass.backward(value(watched, pass));
    std::vector<Tensor> found;
    for (const Variable& input : watched) found.push_back(pass.gradient(input));
    for (const Parameter& parameter : parameters_) {
      const bool reached = gradients.contains(parameter);
      found.push_back(reached ? gradients[parameter] : Tensor::zeros(parameter.shape(), dtype));
    }
    return found;
  }

  /// The loss after all inputs are moved by t along their directions. An undefined direction means no change.
  Tensor moved(const std::vector<Tensor>& directions, double t) const {
    const auto to = [&](std::size_t input) {
      if (!directions[input].defined()) return base_[input];
      Tensor x = base_[input];
      double* out = x.mutable_data<double>();
      const double* d = directions[input].data<double>();
      for (std::int64_t i = 0; i < x.size(); ++i) out[i] += t * d[i];
      return x;
    };
    for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].set_value(to(floating_ + i));
    ForwardPass pass(mode_, {.record = false, .step = 0});
    std::vector<Variable> inputs;
    for (std::size_t i = 0; i < floating_; ++i) inputs.emplace_back(to(i));
    return value(inputs, pass).value();
  }

 private:
  Variable value(const std::vector<Variable>& floating, ForwardPass& pass) const {
    std::vector<Variable> inputs(given_.begin(), given_.end());
    auto next = floating.begin();
    for (Variable& input : inputs) {
      if (is_floating(input.dtype())) input = *next++;
    }
    Variable loss = loss_(model_.call(inputs, pass));
    check(loss.size() == 1, "check_model: expected a loss of one number, got shape {}", loss.shape());
    return loss;
  }

  const Model& model_;
  const ModelLossOfAll& loss_;
  Mode mode_;
  std::vector<Tensor> given_;  // all inputs, including integer ones
  std::size_t floating_ = 0;   // number of floating inputs
  std::vector<std::string> names_;
  std::vector<Tensor> base_;
  std::vector<Parameter> parameters_;
};

class ModelCheck {
 public:
  ModelCheck(const LossSurface& surface, const ModelCheckOptions& options)
      : surface_(surface),
        options_(options),
        gradients_(surface.gradients(DType::float64)),
        here_(surface.moved(std::vector<Tensor>(surface.inputs()), 0)) {}

  GradientReport report() const {
    GradientReport report;
    std::int64_t elements = 0;
    for (std::size_t i = 0; i < surface_.inputs(); ++i) elements += surface_.base(i).size();
    Tally all("all at once", elements);
    follow(all, options_.directions, 0, surface_.inputs());
    if (options_.directions > 0) report.inputs.push_back(all.report(tolerances(false), report.problems));
    if (options_.directions_each == 0) return report;
    for (std::size_t i = 0; i < surface_.inputs(); ++i) {
      Tally one(surface_.name(i), surface_.base(i).size());
      follow(one, options_.directions_each, i, i + 1);
      report.inputs.push_back(one.report(tolerances(is_constant(surface_.name(i))), report.problems));
    }
    return report;
  }

  /// Compares the float64 gradients with `narrow`, the gradients in float32.
  void compare_float32(const std::vector<Tensor>& narrow, std::vector<std::string>& problems) const {
    for (std::size_t i = 0; i < narrow.size(); ++i) {
      if (is_constant(surface_.name(i))) continue;
      const std::vector<double> a = narrow[i].to_vector(), b = gradients_[i].to_vector();
      double difference = 0, norm = 0;
      for (std::size_t j = 0; j < a.size(); ++j) {
        difference += (a[j] - b[j]) * (a[j] - b[j]);
        norm += b[j] * b[j];
      }
      if (std::sqrt(difference) <= options_.float32_tolerance * std::sqrt(norm)) continue;
      problems.push_back(fmt::format("{}: the gradient in float32 is off by {:.1g} of its norm", surface_.name(i),
                                     std::sqrt(difference / norm)));
    }
  }

 private:
  /// Compares derivatives along `count` random directions through the inputs [begin, end), and along up to two more if
  /// all of them meet kinks.
  void follow(Tally& tally, int count, std::size_t begin, std::size_t end) const {
    for (int k = 0; k < count || (k < count + 2 && !tally.compared()); ++k) probe(tally, k, begin, end);
  }

  bool is_constant(const std::string& name) const {
    return std::ranges::find(options_.constant_parameters, name) != options_.constant_parameters.end();
  }

  GradientCheckOptions tolerances(bool constant) const {
    return {.absolute_tolerance = constant ? options_.constant_tolerance : options_.absolute_tolerance,
            .relative_tolerance = options_.relative_tolerance,
            .constant_inputs = options_.constant_parameters};
  }

  void probe(Tally& tally, int k, std::size_t begin, std::size_t end) const {
    std::vector<Tensor> directions(surface_.inputs());
    double analytic = 0, squares = 0;
    for (std::size_t i = begin; i < end; ++i) {
      RandomStream random(options_.seed, static_cast<std::uint64_t>(k) * 100000 + end * 1000 + i);
      directions[i] = random.normal(surface_.base(i).shape(), 0, 1, DType::float64);
      analytic += dot(gradients_[i], directions[i]);
      squares += dot(gradients_[i], gradients_[i]);
    }
    const double wanted = options_.change * std::max(1.0, std::abs(here_.item())) / std::sqrt(squares);
    const bool constant = end == begin + 1 && is_constant(surface_.name(begin));
    const double step = constant ? options_.constant_step : std::min(wanted, options_.largest_step);
    const Line line([&](double t) { return surface_.moved(directions, t); }, here_, step);
    tally.add(fmt::format("direction {}", k), {compare(line.of_output(0), analytic, tolerances(constant))});
  }

  const LossSurface& surface_;
  const ModelCheckOptions& options_;
  std::vector<Tensor> gradients_;
  Tensor here_;
};

}  // namespace

GradientReport check_model(const Model& model, const Tensor& images, const ModelLoss& loss,
                           const ModelCheckOptions& options) {
  check(static_cast<bool>(loss), "check_model: expected a loss function, got an empty one");
  check(images.defined() && is_floating(images.dtype()), "check_model: expected floating images, got {}",
        images.dtype());
  const ModelLossOfAll loss_of_first = [&](const std::vector<Variable>& outputs) { return loss(outputs.front()); };
  return check_model(model, std::vector{images}, loss_of_first, options);
}

GradientReport check_model(const Model& model, const std::vector<Tensor>& inputs, const ModelLossOfAll& loss,
                           const ModelCheckOptions& options) {
  check(options.change > 0 && options.largest_step > 0 && options.constant_step > 0,
        "check_model: expected steps above 0, got {}, {} and {}", options.change, options.largest_step,
        options.constant_step);
  check(options.directions >= 0 && options.directions_each >= 0 && options.directions + options.directions_each > 0,
        "check_model: expected at least one direction, got {} and {}", options.directions, options.directions_each);
  check(static_cast<bool>(loss), "check_model: expected a loss function, got an empty one");
  const Restored restored(model);
  Model converted_model = model;  // a handle to the same parameters; their values are restored
  std::vector<Tensor> narrow;
  if (options.float32_tolerance > 0) {
    converted_model.convert(DType::float32);
    narrow = LossSurface(model, inputs, loss, options.mode).gradients(DType::float32);
  }
  converted_model.convert(DType::float64);
  const LossSurface surface(model, converted(inputs, DType::float64), loss, options.mode);
  const ModelCheck check_of(surface, options);
  GradientReport report = check_of.report();
  if (options.float32_tolerance > 0) check_of.compare_float32(narrow, report.problems);
  return report;
}

std::vector<std::string> parameters_ending_in(const Model& model, const std::string& suffix,
                                              const std::vector<std::string>& but_of_layers) {
  std::vector<std::string> paths;
  for (const auto& [path, parameter] : model.named_parameters()) {
    const auto inside = [&path = path](const std::string& layer) { return path.starts_with(layer + "/"); };
    if (!parameter.trainable() || !path.ends_with(suffix)) continue;
    if (std::ranges::none_of(but_of_layers, inside)) paths.push_back(path);
  }
  return paths;
}

}  // namespace xtape
