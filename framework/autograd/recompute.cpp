// Gradient checkpointing: a part of a network is computed again in the backward pass instead of being kept.
#include "framework/autograd/forward_pass.hpp"

namespace xtape {
namespace {

/// What the backward pass keeps of an input.
struct Input {
  Tensor value;
  bool tracked;
};

std::vector<Input> inputs_of(const std::vector<Variable>& variables) {
  std::vector<Input> inputs;
  for (const Variable& variable : variables) inputs.push_back({variable.value(), variable.tracked()});
  return inputs;
}

}  // namespace

Variable recomputed(const std::vector<Variable>& inputs, const std::vector<Parameter>& parameters,
                    const SegmentFunction& f, ForwardPass& pass) {
  check(static_cast<bool>(f), "recomputed: expected a function of variables, got an empty one");
  if (!pass.records()) return f(inputs, pass);
  std::vector<Variable> leaves;  // the parameters as variables of this pass
  for (const Parameter& parameter : parameters) leaves.push_back(pass.parameter(parameter));

  PassOptions options = pass.options_;
  options.recompute = false;
  const auto pass_on = [mode = pass.mode_, options, streams = pass.streams_](bool record) {
    PassOptions changed = options;
    changed.record = record;
    auto result = std::make_unique<ForwardPass>(mode, std::move(changed));
    result->streams_ = streams;
    return result;
  };

  const auto first = pass_on(false);
  std::vector<Variable> constants;
  for (const Variable& input : inputs) constants.push_back(input.detached());
  for (std::size_t i = 0; i < parameters.size(); ++i) first->bind(parameters[i], leaves[i].detached());
  Tensor y = f(constants, *first).value();
  pass.streams_ = first->streams_;
  pass.updates_->append(std::move(*first->updates_));

  std::vector<Variable> all = inputs;
  all.insert(all.end(), leaves.begin(), leaves.end());
  const auto back = [f, pass_on, parameters, all = inputs_of(all)](const Tensor& dy) {
    const auto again = pass_on(true);  // its state updates repeat those of the first pass and are discarded
    std::vector<Variable> variables;
    for (const auto& [value, tracked] : all) variables.push_back(tracked ? again->watch(value) : Variable(value));
    const auto of_parameters = variables.end() - static_cast<std::ptrdiff_t>(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i)
      again->bind(parameters[i], of_parameters[static_cast<std::ptrdiff_t>(i)]);
    const Variable output = f({variables.begin(), of_parameters}, *again);
    if (output.tracked()) {  // false if f detached its result from all inputs
      for (const auto& [parameter, gradient] : again->backward(output, dy)) {
        fail(
            "recomputed: expected all trainable parameters that its function uses, got none for {}; list it among the "
            "parameters",
            parameter.name());
      }
    }
    std::vector<Tensor> gradients;
    for (const Variable& x : variables) {
      if (!x.tracked())
        gradients.emplace_back();
      else
        gradients.push_back(output.tracked() ? again->gradient(x) : Tensor::zeros(x.shape(), x.dtype()));
    }
    return gradients;
  };
  return record("recomputed", std::move(y), all, back);
}

}  // namespace xtape
