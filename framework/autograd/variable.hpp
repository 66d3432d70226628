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
  /// A constant is its value: Tensor y = 2 * a + b. Error when it is tracked, since its derivative would be lost; use
  /// value() where that is meant.
  operator Tensor() const;  // NOLINT(google-explicit-constructor)

  /// What the indices choose, as NumPy's x[...]: x[2], x[{all(), {1, 4}}], x[{ellipsis(), 0}]; see Index. dx is dy in
  /// these places, 0 elsewhere; saves nothing. Error when an index does not fit.
  Variable operator[](std::int64_t index) const { return (*this)[{Index(index)}]; }
  Variable operator[](std::initializer_list<Index> indices) const {
    return (*this)[std::span(indices.begin(), indices.size())];
  }
  Variable operator[](std::span<const Index> indices) const;

 private:
  friend class Tape;
  Variable(Tensor value, std::shared_ptr<Tape> tape, std::size_t node)
      : value_(std::move(value)), tape_(std::move(tape)), node_(node) {}

  Tensor value_;
  std::shared_ptr<Tape> tape_;
  std::size_t node_ = 0;
};

/// As a tensor's.
std::string to_string(const Variable& variable);
std::ostream& operator<<(std::ostream& stream, const Variable& variable);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Variable> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::Variable& variable, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(variable), context);
  }
};
