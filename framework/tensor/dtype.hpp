// DType: the element type of a Tensor, a value at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "framework/error.hpp"

namespace xtape {

/// The element types. Computations use float32 and float64; int64 is for labels, uint8 for images before conversion.
enum class DType { float32, float64, int64, uint8 };

/// The name of the element type, such as "float32".
constexpr std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::float64: return "float64";
    case DType::int64: return "int64";
    case DType::uint8: return "uint8";
  }
  return "?";
}

/// Whether the type is float32 or float64.
constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

/// The DType of a C++ type; no enumerator for other types.
template <class T>
constexpr DType dtype_of = DType{-1};
/// The DType of float.
template <>
inline constexpr DType dtype_of<float> = DType::float32;
/// The DType of double.
template <>
inline constexpr DType dtype_of<double> = DType::float64;
/// The DType of std::int64_t.
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::int64;
/// The DType of std::uint8_t.
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::uint8;
/// Whether T is an element type.
template <class T>
inline constexpr bool has_dtype = dtype_of<T> != DType{-1};

/// Calls f(T{}), where T is the C++ type of `dtype`, and returns its result. This converts a run-time type to a
/// compile-time type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64: return f(double{});
    case DType::int64: return f(std::int64_t{});
    case DType::uint8: return f(std::uint8_t{});
    default: return f(float{});
  }
}

/// Calls f(T{}), where T is the C++ type of a floating `dtype`, and returns its result. Error with the name `function`
/// for other types.
template <class F>
decltype(auto) with_floating(std::string_view function, DType dtype, F&& f) {
  check(is_floating(dtype), "{}: expected float32 or float64, got {}; convert with .to(DType::float32)", function,
        to_string(dtype));
  return dtype == DType::float64 ? f(double{}) : f(float{});
}

/// Error with the name `function` unless the types of two operands are equal.
inline void check_equal_types(std::string_view function, DType a, DType b) {
  check(a == b, "{}: expected operands of one type, got {} and {}; convert with .to()", function, to_string(a),
        to_string(b));
}

}  // namespace xtape

template <>
struct fmt::formatter<xtape::DType> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(xtape::DType dtype, Context& context) const {
    return fmt::formatter<std::string_view>::format(xtape::to_string(dtype), context);
  }
};
