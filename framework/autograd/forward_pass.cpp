#include "framework/autograd/forward_pass.hpp"

#include "framework/tensor/streams.hpp"

namespace xtape {

ForwardPass::ForwardPass(Mode mode, PassOptions options)
    : mode_(mode),
      record_(options.record.value_or(mode == Mode::training)),
      seed_(options.seed),
      step_(options.step),
      cache_(options.cache),
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
  Variable variable = tape_->add_leaf(parameter.value());
  variables_.emplace(parameter.state_.get(), variable);
  leaves_.push_back(parameter);
  return variable;
}

void ForwardPass::bind(const Parameter& parameter, const Variable& variable) {
  check(variable.shape() == parameter.shape(), "ForwardPass::bind: expected a variable of shape {} for {}, got {}",
        parameter.shape(), parameter.name(), variable.shape());
  check(variables_.emplace(parameter.state_.get(), variable).second,
        "ForwardPass::bind: expected a parameter that this pass has not used yet, got {}", parameter.name());
}

RandomStream ForwardPass::random_stream() {
  check(step_.has_value(),
        "ForwardPass: expected to know the step that random numbers (dropout) are drawn for, so that every step draws "
        "others; "
        "make the pass with {{.step = optimizer.iterations()}}");
  return RandomStream(seed_, streams::of_dropout(static_cast<std::uint64_t>(*step_), streams_++));
}

void ForwardPass::backward(const Variable& loss) {
  check(
      loss.size() == 1,
      "ForwardPass::backward: expected a loss of one element, got shape {}; reduce it with mean() or sum(), or give a "
      "cotangent",
      loss.shape());
  backward(loss, Tensor::ones(loss.shape(), loss.dtype()));
}

void ForwardPass::backward(const Variable& output, const Tensor& cotangent) {
  tape_->play(output, cotangent);
  for (const Parameter& parameter : leaves_) {
    const Tensor gradient = tape_->leaf_gradient(variables_.at(parameter.state_.get()));
    if (gradient.defined()) parameter.add_gradient(gradient);
  }
  variables_.clear();  // or an optimizer that steps while the pass still lives would have to copy every value
  leaves_.clear();
}

Tensor ForwardPass::gradient(const Variable& watched) const {
  const Tensor gradient = tape_->leaf_gradient(watched);
  return gradient.defined() ? gradient : Tensor::zeros(watched.shape(), watched.dtype());
}

}  // namespace xtape
