// Variable: a tensor and where it stands on a tape. What differentiable functions take and return.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "framework/tensor/tensor.hpp"

namespace xtape {

class Tape;

/// A value in a computation. Made from a Tensor it is a constant, and functions of constants are just evaluated; made
/// by ForwardPass or by a function of tracked variables it also has a place on a tape, through which derivatives flow.
class Variable {
 public:
  Variable(Tensor value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): a tensor is a constant

  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  std::int64_t dim(int axis) const { return value_.dim(axis); }
  int rank() const { return value_.rank(); }
  std::int64_t size() const { return value_.size(); }
  DType dtype() const { return value_.dtype(); }

  /// Whether a derivative with respect to it is being recorded.
  bool tracked() const { return tape_ != nullptr; }
  /// The same value as a constant: no derivative flows through it.
  Variable detached() const { return value_; }

 private:
  friend class Tape;
  Variable(Tensor value, std::shared_ptr<Tape> tape, std::size_t node)
      : value_(std::move(value)), tape_(std::move(tape)), node_(node) {}

  Tensor value_;
  std::shared_ptr<Tape> tape_;
  std::size_t node_ = 0;
};

}  // namespace xtape
