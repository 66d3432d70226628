#include "framework/autograd/parameter.hpp"

#include "framework/tensor/elementwise.hpp"

namespace xtape {

Parameter::Parameter(std::string name, Tensor value, bool trainable)
    : state_(std::make_shared<State>(State{std::move(name), std::move(value), Tensor(), trainable})) {
  check(state_->value.defined(), "Parameter {}: expected a value, got an undefined tensor", state_->name);
}

void Parameter::set_value(Tensor value) const {
  check(value.defined() && value.shape() == shape(), "Parameter {}: expected a value of shape {}, got {}", name(),
        shape(), value.shape());
  if (value.dtype() != dtype()) clear_gradient();
  state_->value = std::move(value);
}

void Parameter::add_gradient(const Tensor& gradient) const {
  check(gradient.shape() == shape() && gradient.dtype() == dtype(),
        "Parameter {}: expected a gradient {} {}, got {} {}", name(), shape(), dtype(), gradient.shape(),
        gradient.dtype());
  if (state_->gradient.defined()) {
    add_into(state_->gradient, gradient);
  } else {
    state_->gradient = gradient;
  }
}

}  // namespace xtape
