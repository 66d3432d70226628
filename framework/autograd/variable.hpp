// Variable: a tensor and its position on a tape. Differentiable functions take and return variables.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "framework/tensor/tensor.hpp"

namespace xtape {

class Tape;

/// A value in a computation. A variable made from a Tensor is a constant, and functions of constants are only
/// evaluated. A variable made by ForwardPass or by a function of tracked variables is recorded on a tape, so that it
/// can be differentiated.
class Variable {
 public:
  /// Makes a constant.
  Variable(Tensor value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): a tensor is a constant

  /// The value as a tensor.
  const Tensor& value() const { return value_; }
  /// The shape of the value.
  const Shape& shape() const { return value_.shape(); }
  /// The extent of an axis. Negative axes count from the end. Error if the axis does not exist.
  std::int64_t dim(int axis) const { return value_.dim(axis); }
  /// The number of axes.
  int rank() const { return value_.rank(); }
  /// The number of elements.
  std::int64_t size() const { return value_.size(); }
  /// The element type.
  DType dtype() const { return value_.dtype(); }

  /// Whether the variable is on a tape, so that derivatives with respect to it are recorded.
  bool tracked() const { return tape_ != nullptr; }
  /// The same value as a constant: no derivative flows through it.
  Variable detached() const { return value_; }
  /// Converts a constant to its value: Tensor y = 2 * a + b. Error if the variable is tracked, because its derivative
  /// would be lost; use value() to discard the derivative.
  operator Tensor() const;  // NOLINT(google-explicit-constructor)

  /// The entry at `index` along the first axis, as x[{index}]. Error if the index is out of range.
  Variable operator[](std::int64_t index) const { return (*this)[{Index(index)}]; }
  /// The elements that the indices select, as in NumPy: x[2], x[{all(), {1, 4}}], x[{ellipsis(), 0}]; see Index. dx is
  /// dy at the selected elements and 0 elsewhere; saves nothing. Error if an index does not fit.
  Variable operator[](std::initializer_list<Index> indices) const {
    return (*this)[std::span(indices.begin(), indices.size())];
  }
  /// The elements that the indices select, for a list of indices that is made at run time.
  Variable operator[](std::span<const Index> indices) const;

 private:
  friend class Tape;
  Variable(Tensor value, std::shared_ptr<Tape> tape, std::size_t node)
      : value_(std::move(value)), tape_(std::move(tape)), node_(node) {}

  Tensor value_;
  std::shared_ptr<Tape> tape_;
  std::size_t node_ = 0;
};

/// The value as text, as to_string() of a tensor.
std::string to_string(const Variable& variable);
/// Writes to_string(variable) to a stream.
std::ostream& operator<<(std::ostream& stream, const Variable& variable);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Variable> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::Variable& variable, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(variable), context);
  }
};
