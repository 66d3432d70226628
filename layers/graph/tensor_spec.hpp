// TensorSpec: the shape of one sample and the element type of a tensor that has no values yet.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "framework/tensor/dtype.hpp"
#include "framework/tensor/shape.hpp"

namespace xtape {

/// The extent of an axis, which may be unknown until there are data. Arithmetic with an unknown extent gives an unknown
/// extent, so a layer computes the extents of its output as if all were known. Printed as a number, or as "None".
class Extent {
 public:
  /// A known extent. Error when it is negative.
  constexpr Extent(std::int64_t extent) : extent_(extent) {  // NOLINT(google-explicit-constructor): a number is one
    if (extent < 0) reject(extent);
  }
  /// The unknown extent.
  static constexpr Extent unknown() { return {}; }

  /// Whether the extent is known.
  constexpr bool known() const { return extent_ >= 0; }
  /// The number. Error when the extent is unknown.
  std::int64_t value() const;

  friend constexpr bool operator==(Extent a, Extent b) = default;

 private:
  constexpr Extent() : extent_(-1) {}
  [[noreturn]] static void reject(std::int64_t extent);
  std::int64_t extent_;
};

/// The unknown extent: `Input({any, any, 3})`.
inline constexpr Extent any = Extent::unknown();

/// The sum; unknown when an operand is unknown. Error on overflow.
Extent operator+(Extent a, Extent b);
/// The difference; unknown when an operand is unknown. Error when it is negative.
Extent operator-(Extent a, Extent b);
/// The product; unknown when an operand is unknown. Error on overflow.
Extent operator*(Extent a, Extent b);
/// The quotient, rounded down; unknown when an operand is unknown. Error when the divisor is 0.
Extent operator/(Extent a, Extent b);

/// The extent as text: "64", or "None" when it is unknown.
std::string to_string(Extent extent);

/// A shape with extents that may be unknown. Printed as "(None, 64, 3)". Error when there are more than Shape::max_rank
/// axes, or when the product of the known extents is 2^62 or more.
class PartialShape {
 public:
  PartialShape() = default;
  /// The shape with these extents: `{any, 64, 3}`.
  PartialShape(std::initializer_list<Extent> extents) : PartialShape(std::vector<Extent>(extents)) {}
  /// The shape with these extents.
  explicit PartialShape(std::vector<Extent> extents);
  /// Converts a shape; all extents are known.
  PartialShape(const Shape& shape);  // NOLINT(google-explicit-constructor): a shape is one of which all is known

  /// Number of axes.
  int rank() const { return static_cast<int>(extents_.size()); }
  /// Number of elements; unknown when an extent is unknown, unless another one is 0.
  Extent size() const;
  /// Extent of an axis; negative axes count from the end. Error when there is no such axis.
  Extent operator[](int axis) const;
  /// Whether all extents are known.
  bool known() const;
  /// The shape when all extents are known; Error otherwise.
  operator Shape() const;  // NOLINT(google-explicit-constructor): code for known shapes reads as before

  /// Iterator to the first extent.
  auto begin() const { return extents_.begin(); }
  /// Iterator behind the last extent.
  auto end() const { return extents_.end(); }

  /// Whether `shape` has the same rank, and the same extents where those of this shape are known.
  bool matches(const PartialShape& shape) const;
  /// This shape with one more axis in front.
  PartialShape prepended(Extent extent) const;
  /// This shape with another extent of axis `axis`.
  PartialShape replaced(int axis, Extent extent) const;
  /// This shape without axis `axis`.
  PartialShape without(int axis) const;

  friend bool operator==(const PartialShape& a, const PartialShape& b) = default;
  friend bool operator==(const PartialShape& a, const Shape& b) { return a == PartialShape(b); }

 private:
  std::size_t place(int axis) const;
  std::vector<Extent> extents_;
};

/// The shape as text: "(None, 64, 3)"; "(3,)" for one axis, "()" for a scalar.
std::string to_string(const PartialShape& shape);

/// The shape of a sample with the batch axis in front, as Keras prints it: "(None, 64, 64, 3)".
std::string batch_shape_text(const PartialShape& sample);

/// Shape and element type of one sample of an input or an output of a layer. float32 stands for the type that the model
/// computes in, float32 or float64 (see Model::convert()). Tensors of other types are constants: they have no gradient.
struct TensorSpec {
  PartialShape shape;            ///< shape of one sample, without the batch axis
  DType dtype = DType::float32;  ///< element type
  /// Whether a tensor of this type fits: any floating type for a floating one, otherwise the same type.
  bool takes(DType given) const { return is_floating(dtype) ? is_floating(given) : given == dtype; }
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

/// The spec as text: "(None, 64, 64, 3)", with the type if it is not float32: "int64 (None, 7)".
std::string to_string(const TensorSpec& spec);
/// The specs as text: "(None, 4) and int64 (None, 7)"; "no input" for none.
std::string to_string(const std::vector<TensorSpec>& specs);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Extent> : fmt::formatter<std::string> {
  template <class Context>
  auto format(xtape::Extent extent, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(extent), context);
  }
};

template <>
struct fmt::formatter<xtape::PartialShape> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::PartialShape& shape, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(shape), context);
  }
};

template <>
struct fmt::formatter<xtape::TensorSpec> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::TensorSpec& spec, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(spec), context);
  }
};
