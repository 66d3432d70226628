// array_text: the elements of an array as NumPy prints them.
#pragma once

#include <cstdint>
#include <string>

#include "framework/tensor/shape.hpp"

namespace xtape {

/// Rows in brackets, the numbers of all rows in one format and aligned: with the fewest digits that tell them from
/// their neighbours, at most 8 behind the point; with an exponent when the largest is 1e8 or more, the smallest below
/// 1e-4, or one more than 1000 times another. Of arrays of more than 1000 elements the first and last three along each
/// axis. Lines of at most 75 characters. T: one of the element types.
template <class T>
std::string array_text(const T* values, const Shape& shape);

}  // namespace xtape
