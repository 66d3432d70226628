// TensorSpec: what is known of a tensor before there are numbers, the shape of one sample and the element type.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "framework/tensor/dtype.hpp"
#include "framework/tensor/shape.hpp"

namespace xtape {

/// The extent of an axis, which may be unknown until there are data. Arithmetic on an unknown extent gives an unknown
/// extent, so a layer computes its output's extents as if all were known. Prints as a number, or as "None".
class Extent {
 public:
  /// Error when it is negative.
  constexpr Extent(std::int64_t extent) : extent_(extent) {  // NOLINT(google-explicit-constructor): a number is one
    if (extent < 0) reject(extent);
  }
  static constexpr Extent unknown() { return {}; }

  constexpr bool known() const { return extent_ >= 0; }
  /// Error when it is unknown.
  std::int64_t value() const;

  friend constexpr bool operator==(Extent a, Extent b) = default;

 private:
  constexpr Extent() : extent_(-1) {}
  [[noreturn]] static void reject(std::int64_t extent);
  std::int64_t extent_;
};

/// The unknown extent: Input({any, any, 3}).
inline constexpr Extent any = Extent::unknown();

// Error when a result is negative, or the divisor is 0. Quotients are rounded down.
Extent operator+(Extent a, Extent b);
Extent operator-(Extent a, Extent b);
Extent operator*(Extent a, Extent b);
Extent operator/(Extent a, Extent b);

/// "64", or "None" when it is unknown.
std::string to_string(Extent extent);

/// A shape of which some extents may be unknown. Prints as "(None, 64, 3)". At most Shape::max_rank axes, the product
/// of the known extents below 2^62 (Error otherwise).
class PartialShape {
 public:
  PartialShape() = default;
  PartialShape(std::initializer_list<Extent> extents) : PartialShape(std::vector<Extent>(extents)) {}
  explicit PartialShape(std::vector<Extent> extents);
  PartialShape(const Shape& shape);  // NOLINT(google-explicit-constructor): a shape is one of which all is known

  int rank() const { return static_cast<int>(extents_.size()); }
  /// Number of elements; unknown when an extent is, unless another is 0.
  Extent size() const;
  /// Extent of an axis; negative axes count from the end. Error when there is no such axis.
  Extent operator[](int axis) const;
  bool known() const;
  /// The shape when all extents are known; Error otherwise.
  operator Shape() const;  // NOLINT(google-explicit-constructor): code for known shapes reads as before

  auto begin() const { return extents_.begin(); }
  auto end() const { return extents_.end(); }

  /// Whether `shape` has these extents where they are known.
  bool matches(const PartialShape& shape) const;
  /// This shape with one axis more, in front; with the axis `axis` changed or taken out.
  PartialShape prepended(Extent extent) const;
  PartialShape replaced(int axis, Extent extent) const;
  PartialShape without(int axis) const;

  friend bool operator==(const PartialShape& a, const PartialShape& b) = default;
  friend bool operator==(const PartialShape& a, const Shape& b) { return a == PartialShape(b); }

 private:
  std::size_t place(int axis) const;
  std::vector<Extent> extents_;
};

/// "(None, 64, 3)"; "(3,)" for one axis, "()" for a scalar.
std::string to_string(const PartialShape& shape);

/// A sample's shape with the batch axis in front as Keras prints it: "(None, 64, 64, 3)".
std::string batch_shape_text(const PartialShape& sample);

/// What a layer takes or gives, of one sample. float32 stands for the type that the model computes in, float32 or
/// float64 (see Model::convert); other types are taken as they are, and are constants: no derivative flows to them.
struct TensorSpec {
  PartialShape shape;
  DType dtype = DType::float32;
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

/// "(None, 64, 64, 3)", and the type where it is not float32: "int64 (None, 7)".
std::string to_string(const TensorSpec& spec);
/// "(None, 4) and int64 (None, 7)"; "no input" for none.
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
