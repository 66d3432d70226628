#include "optim/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

/// Sum of the squares of x / unit, a power of 2, in double, by pieces that do not depend on the number of threads.
double sum_of_squares(const Tensor& x, double unit) {
  std::vector<double> partial(static_cast<std::size_t>((x.size() + elementwise_grain - 1) / elementwise_grain));
  with_floating("sum_of_squares", x.dtype(), [&](auto zero) {
    const auto* p = x.data<decltype(zero)>();
    kernels::parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const double value = static_cast<double>(p[i]) * (1 / unit);
        sum += value * value;
      }
      partial[static_cast<std::size_t>(begin / elementwise_grain)] = sum;
    });
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

}  // namespace

Optimizer::~Optimizer() {
  for (const Parameter& parameter : parameters_) parameter.add_optimizers(-1);
}

Optimizer::Optimizer(std::string type, std::vector<Parameter> parameters, CommonOptions options,
                     std::vector<std::string> slots)
    : type_(std::move(type)), options_(std::move(options)), slot_names_(std::move(slots)) {
  check_not_negative("weight_decay", options_.l2);
  check_not_negative("clip_norm", options_.clip_norm);
  for (const Parameter& parameter : parameters) {
    if (!parameter.trainable()) {
      frozen_.push_back(parameter);
      continue;
    }
    check(std::ranges::find(parameters_, parameter) == parameters_.end(),
          "{}: expected each parameter once, got {} twice", type_, parameter.name());
    parameters_.push_back(parameter);
    std::vector<Tensor>& zeros = slots_.emplace_back();  // each with zeros of its own, to be written in place
    for (std::size_t s = 0; s < slot_names_.size(); ++s) {
      zeros.push_back(Tensor::zeros(parameter.shape(), parameter.dtype()));
    }
  }
  check(!parameters_.empty(), "{}: expected at least one trainable parameter, got {}", type_,
        frozen_.empty() ? "none; pass model.parameters()"
                        : fmt::format("{} that are all frozen; call set_trainable(true) first", frozen_.size()));
  for (const Parameter& parameter : parameters_) parameter.add_optimizers(1);
}

std::string Optimizer::settings() const {
  return fmt::format("weight_decay {}, clip_norm {}", options_.l2, options_.clip_norm);
}

void Optimizer::check_unfrozen() const { check_all_changed(true); }

void Optimizer::check_all_changed(bool by_this_one) const {
  for (const Parameter& parameter : frozen_) {
    check(!parameter.trainable() || (!by_this_one && parameter.optimizers() > 0),
          "{}: expected parameters that were trainable when it was made, got {}, which was frozen then and is not now; "
          "make a new optimizer after set_trainable()",
          type_, parameter.name());
  }
}

void Optimizer::step() {
  if (std::ranges::any_of(frozen_, [](const Parameter& p) { return p.gradient().defined(); })) {
    check_all_changed(false);
  }
  check(std::ranges::any_of(parameters_, [](const Parameter& p) { return p.gradient().defined(); }),
        "{}::step: expected gradients, got none in any of the {} parameters; did backward run?", type_,
        parameters_.size());
  const double rate = learning_rate();
  update_all({.rate = rate, .scale = clip(), .number = iterations_ + 1});
}

void Optimizer::backward_and_step(ForwardPass& pass, const Variable& loss) {
  check_all_changed(false);
  if (options_.clip_norm > 0) {
    pass.backward(loss);
    step();
    return;
  }
  const Step now{.rate = learning_rate(), .scale = 1, .number = iterations_ + 1};
  bool any = false;
  pass.backward(loss, [&](const Parameter& parameter) {
    const auto found = std::ranges::find(parameters_, parameter);
    if (found == parameters_.end()) return;
    any = true;
    pass.enter_layer("optimizer");
    update_one(static_cast<std::size_t>(found - parameters_.begin()), now);
  });
  check(any, "{}::backward_and_step: expected a loss that depends on one of the {} parameters, got one that does not",
        type_, parameters_.size());
  update_all(now);  // those whose gradient is from passes before
}

void Optimizer::update_one(std::size_t parameter, const Step& step) {
  for (Tensor& slot : slots_[parameter]) slot = slot.to(parameters_[parameter].dtype());  // the model may be converted
  update(parameters_[parameter], slots_[parameter], step);
  parameters_[parameter].clear_gradient();
}

void Optimizer::update_all(const Step& step) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].gradient().defined()) update_one(i, step);
  }
  ++iterations_;
}

// Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013, algorithm 1:
// g *= clip_norm / norm when norm > clip_norm, with the norm over all gradients together.
double Optimizer::clip() {
  if (options_.clip_norm == 0) return 1;
  const auto norm = [this](double unit) {
    double total = 0;
    for (const Parameter& parameter : parameters_) {
      if (parameter.gradient().defined()) total += sum_of_squares(parameter.gradient(), unit);
    }
    return unit * std::sqrt(total);
  };
  double found = norm(1);
  if (!std::isfinite(found)) found = norm(0x1p600);  // squares of float64 may overflow
  if (found < 0x1p-450) found = norm(0x1p-600);      // or underflow
  for (const Parameter& parameter : parameters_) {
    if (std::isfinite(found)) break;
    if (!parameter.gradient().defined()) continue;
    const double of_one = std::sqrt(sum_of_squares(parameter.gradient(), 0x1p600));
    check(
        std::isfinite(of_one),
        "{}::step: expected gradients of finite norm, got one of norm {} for {} at step {}; nothing was changed; lower "
        "the learning rate, or find the op with PassOptions::check_finite",
        type_, of_one, parameter.name(), iterations_);
  }
  gradient_norm_ = found;
  return gradient_norm_ > options_.clip_norm ? options_.clip_norm / gradient_norm_ : 1;
}

std::vector<std::pair<std::string, Tensor>> Optimizer::named_state() const {
  std::map<std::string, int> seen;
  std::vector<std::pair<std::string, Tensor>> state;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const int count = ++seen[parameters_[i].name()];
    const std::string path = parameters_[i].name() + (count > 1 ? fmt::format("_{}", count) : "");
    for (std::size_t s = 0; s < slot_names_.size(); ++s) state.emplace_back(path + "/" + slot_names_[s], slots_[i][s]);
  }
  return state;
}

void Optimizer::restore(std::int64_t iterations, const std::vector<std::pair<std::string, Tensor>>& state) {
  const auto wanted = named_state();
  check(iterations >= 0, "{}::restore: expected at least 0 iterations, got {}", type_, iterations);
  check(state.size() == wanted.size(), "{}::restore: expected {} tensors, got {}", type_, wanted.size(), state.size());
  std::map<std::string, Tensor> given(state.begin(), state.end());
  for (const auto& [name, tensor] : wanted) {
    check(given.contains(name), "{}::restore: expected a tensor {}, got none; is it the state of another model?", type_,
          name);
    check(given[name].defined() && given[name].shape() == tensor.shape() && is_floating(given[name].dtype()),
          "{}::restore: expected floating {} of shape {}, got {}", type_, name, tensor.shape(),
          tensor_text(given[name]));
  }
  auto next = wanted.begin();
  for (std::vector<Tensor>& slots : slots_) {
    for (Tensor& slot : slots) slot = given[(next++)->first].to(slot.dtype());
  }
  iterations_ = iterations;
}

void Optimizer::check_fraction(std::string_view option, double value) const {
  check(value >= 0 && value < 1, "{}: expected {} in [0, 1), got {}", type_, option, value);
}

void Optimizer::check_not_negative(std::string_view option, double value) const {
  check(std::isfinite(value) && value >= 0, "{}: expected a finite {} of at least 0, got {}", type_, option, value);
}

}  // namespace xtape
