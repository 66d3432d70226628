#include "framework/autograd/forward_pass.hpp"

#include "framework/tensor/streams.hpp"

namespace xtape {

ForwardPass::ForwardPass(Mode mode, PassOptions options)
    : mode_(mode),
      options_(options),
      record_(options.record.value_or(mode == Mode::training)),
      tape_(std::make_shared<Tape>()) {
  if (options.check_finite) tape_->check_finite(options.step.value_or(0));
  tape_->profile(options.profiler);
}

ForwardPass::~ForwardPass() { tape_->end(); }

Variable ForwardPass::watch(const Tensor& value) {
  check(value.defined() && is_floating(value.dtype()),
        "ForwardPass::watch: expected a floating tensor, got {} of shape {}", value.dtype(), value.shape());
  return tape_->add_leaf(value);
}

Variable ForwardPass::parameter(const Parameter& parameter) {
  const auto known = variables_.find(parameter.state_.get());
  if (known != variables_.end()) return known->second;
  if (!record_ || !parameter.trainable()) return parameter.value();
  Variable variable =
      tape_->add_leaf(parameter.value(), [this, parameter](Tensor dp) { receive(parameter, std::move(dp)); });
  variables_.emplace(parameter.state_.get(), variable);
  return variable;
}

void ForwardPass::bind(const Parameter& parameter, const Variable& variable) {
  check(variable.shape() == parameter.shape(), "ForwardPass::bind: expected a variable of shape {} for {}, got {}",
        parameter.shape(), parameter.name(), variable.shape());
  check(variables_.emplace(parameter.state_.get(), variable).second,
        "ForwardPass::bind: expected a parameter that this pass has not used yet, got {}", parameter.name());
}

RandomStream ForwardPass::random_stream() {
  check(options_.step.has_value(),
        "ForwardPass: expected to know the step that random numbers (dropout) are drawn for, so that every step draws "
        "others; "
        "make the pass with {{.step = optimizer.iterations()}}");
  check(
      *options_.step >= 0 && *options_.step < streams::most_steps && streams_ < streams::most_calls,
      "ForwardPass: expected a step in [0, {}) with at most {} calls that draw random numbers, got step {} and call {}",
      streams::most_steps, streams::most_calls, *options_.step, streams_ + 1);
  return RandomStream(options_.seed, streams::of_dropout(static_cast<std::uint64_t>(*options_.step), streams_++));
}

void ForwardPass::backward(const Variable& loss) { backward(loss, OnGradient()); }

void ForwardPass::backward(const Variable& loss, const OnGradient& on_gradient) {
  check(
      loss.size() == 1,
      "ForwardPass::backward: expected a loss of one element, got shape {}; reduce it with mean() or sum(), or give a "
      "cotangent",
      loss.shape());
  on_gradient_ = on_gradient;
  backward(loss, Tensor::ones(loss.shape(), loss.dtype()));
}

void ForwardPass::backward(const Variable& output, const Tensor& cotangent) {
  tape_->play(output, cotangent);
  for (const auto& [parameter, gradient] : gradients_) parameter.add_gradient(gradient);
  gradients_.clear();
  variables_.clear();  // or an optimizer that steps while the pass still lives would have to copy every value
}

void ForwardPass::receive(const Parameter& parameter, Tensor gradient) {
  if (!on_gradient_) {  // all or none, should the way back end in an error
    gradients_.emplace_back(parameter, std::move(gradient));
    return;
  }
  parameter.add_gradient(gradient);
  gradient = Tensor();  // whoever is told may write into both
  variables_.erase(parameter.state_.get());
  on_gradient_(parameter);
}

Tensor ForwardPass::gradient(const Variable& watched) const {
  const Tensor gradient = tape_->leaf_gradient(watched);
  return gradient.defined() ? gradient : Tensor::zeros(watched.shape(), watched.dtype());
}

}  // namespace xtape
