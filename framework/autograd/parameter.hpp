// Parameter: a named tensor that a model owns and an optimizer changes.
#pragma once

#include <memory>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// A named value with the gradient that backward passes add up in it. A handle: copies are the same parameter.
class Parameter {
 public:
  Parameter(std::string name, Tensor value, bool trainable = true);

  const std::string& name() const { return state_->name; }
  void rename(std::string name) { state_->name = std::move(name); }
  bool trainable() const { return state_->trainable; }
  /// One that is not is a constant for the passes and optimizers made from then on.
  void set_trainable(bool trainable) const { state_->trainable = trainable; }

  const Tensor& value() const { return state_->value; }
  const Shape& shape() const { return state_->value.shape(); }
  DType dtype() const { return state_->value.dtype(); }
  /// Replaces the value. Error unless the shape stays; the gradient is forgotten when the type changes.
  void set_value(Tensor value) const;
  /// The value for writing in place, for optimizers.
  Tensor& mutable_value() const { return state_->value; }

  /// What the passes since clear_gradient() have added up; undefined when none has.
  const Tensor& gradient() const { return state_->gradient; }
  /// Adds to the gradient. Error unless shape and type are the value's.
  void add_gradient(const Tensor& gradient) const;
  void clear_gradient() const { state_->gradient = Tensor(); }

  /// Number of living optimizers that change it; kept by Optimizer.
  int optimizers() const { return state_->optimizers; }
  void add_optimizers(int count) const { state_->optimizers += count; }

  /// The same for copies of this one and for no other; expires with the last of them.
  std::weak_ptr<const void> identity() const { return state_; }
  friend bool operator==(const Parameter& a, const Parameter& b) { return a.state_ == b.state_; }

 private:
  friend class ForwardPass;
  struct State {
    std::string name;
    Tensor value;
    Tensor gradient;
    bool trainable;
    int optimizers = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace xtape
