#include "framework/autograd/forward_pass.hpp"

#include "framework/tensor/streams.hpp"

namespace xtape {
namespace {

void check_loss(const Variable& loss) {
  check(
      loss.size() == 1,
      "ForwardPass::backward: expected a loss of one element, got shape {}; reduce it with mean() or sum(), or give a "
      "cotangent",
      loss.shape());
}

}  // namespace

ForwardPass::ForwardPass(Mode mode, PassOptions options)
    : mode_(mode),
      options_(std::move(options)),
      record_(options_.record.value_or(mode == Mode::training)),
      tape_(std::make_shared<Tape>()) {
  for (const Observer* observer : options_.observers) {
    check(observer != nullptr, "ForwardPass: expected observers, got a null pointer");
  }
  tape_->observe(options_.observers);
}

ForwardPass::~ForwardPass() { tape_->end(); }

Variable ForwardPass::watch(const Tensor& value) {
  check(value.defined() && is_floating(value.dtype()),
        "ForwardPass::watch: expected a floating tensor, got {} of shape {}", value.dtype(), value.shape());
  return tape_->add_leaf(value);
}

Variable ForwardPass::parameter(const Parameter& parameter) {
  const auto known = variables_.find(parameter);
  if (known != variables_.end()) return known->second;
  if (!record_ || !parameter.trainable()) return parameter.value();
  if (mode_ == Mode::training) parameter.drop_derived();  // stale after the step; frees memory for the pass
  Variable variable = tape_->add_leaf(parameter.value(), [this, parameter](Tensor dp) {
    variables_.erase(parameter);  // so that on_gradient can change the value without a copy
    on_gradient_(parameter, std::move(dp));
  });
  variables_.emplace(parameter, variable);
  used_.push_back(parameter);
  return variable;
}

void ForwardPass::bind(const Parameter& parameter, const Variable& variable) {
  check(variable.shape() == parameter.shape(), "ForwardPass::bind: expected a variable of shape {} for {}, got {}",
        parameter.shape(), parameter.name(), variable.shape());
  check(is_floating(variable.dtype()), "ForwardPass::bind: expected a floating variable for {}, got {}",
        parameter.name(), variable.dtype());
  check(variables_.emplace(parameter, variable).second,
        "ForwardPass::bind: expected a parameter that this pass has not used yet, got {}", parameter.name());
}

void ForwardPass::update(const Parameter& parameter, StateUpdates::Update f) { updates_->add(parameter, std::move(f)); }

Gradients ForwardPass::state_updates() const {
  Gradients updates;
  updates.updates_ = {updates_};
  return updates;
}

RandomStream ForwardPass::random_stream() {
  check(options_.step.has_value(),
        "ForwardPass: expected PassOptions::step for random numbers (dropout), so that every step draws others, got "
        "none; make the pass with {{.step = optimizer.iterations()}}");
  check(
      *options_.step >= 0 && *options_.step < streams::most_steps && streams_ < streams::most_calls,
      "ForwardPass: expected a step in [0, {}) with at most {} calls that draw random numbers, got step {} and call {}",
      streams::most_steps, streams::most_calls, *options_.step, streams_ + 1);
  return RandomStream(options_.seed, streams::of_dropout(static_cast<std::uint64_t>(*options_.step), streams_++));
}

Gradients ForwardPass::backward(const Variable& loss) {
  check_loss(loss);
  return backward(loss, Tensor::ones(loss.shape(), loss.dtype()));
}

Gradients ForwardPass::backward(const Variable& output, const Tensor& cotangent) {
  std::unordered_map<Parameter, Tensor> complete;
  Gradients gradients = play(output, cotangent, [&complete](const Parameter& parameter, Tensor gradient) {
    complete.emplace(parameter, std::move(gradient));
  });
  for (const Parameter& parameter : used_) {
    const auto found = complete.find(parameter);
    if (found != complete.end()) gradients.add(parameter, std::move(found->second));
  }
  return gradients;
}

Gradients ForwardPass::backward(const Variable& loss, const OnGradient& on_gradient) {
  check_loss(loss);
  check(static_cast<bool>(on_gradient), "ForwardPass::backward: expected a function that takes gradients, got none");
  return play(loss, Tensor::ones(loss.shape(), loss.dtype()), on_gradient);
}

Gradients ForwardPass::play(const Variable& output, const Tensor& cotangent, const OnGradient& on_gradient) {
  on_gradient_ = on_gradient;
  tape_->play(output, cotangent);
  variables_.clear();  // so that parameters can be changed without a copy while the pass exists
  return state_updates();
}

Tensor ForwardPass::gradient(const Variable& watched) const {
  const Tensor gradient = tape_->leaf_gradient(watched);
  return gradient.defined() ? gradient : Tensor::zeros(watched.shape(), watched.dtype());
}

}  // namespace xtape
