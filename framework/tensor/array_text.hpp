// array_text: the elements of an array as text, in the style of NumPy.
#pragma once

#include <cstdint>
#include <string>

#include "framework/tensor/shape.hpp"

namespace xtape {

/// Formats an array, given by its values in row-major order and its shape, as nested rows in brackets. All numbers are
/// aligned and have the same format: the fewest digits that identify each value, but at most 8 behind the point.
/// Numbers have an exponent if the largest magnitude is at least 1e8, the smallest nonzero magnitude is below 1e-4, or
/// their ratio exceeds 1000. If the array has more than 1000 elements, only the first and last three along each axis
/// are shown. Lines have at most 75 characters. T is one of the element types.
template <class T>
std::string array_text(const T* values, const Shape& shape);

}  // namespace xtape
