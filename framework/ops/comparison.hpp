// Comparisons, and the choice between two arrays, element by element with NumPy's broadcasting.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

// 1 where the comparison holds, else 0, in the operands' type, so that the result can be a factor: a constant, through
// which no derivative flows. Comparisons with NaN do not hold, but not_equal does. Error unless both have one type, any
// one, and the shapes broadcast.
Tensor equal(const Variable& a, const Variable& b);
Tensor not_equal(const Variable& a, const Variable& b);
Tensor less(const Variable& a, const Variable& b);
Tensor less_equal(const Variable& a, const Variable& b);
Tensor greater(const Variable& a, const Variable& b);
Tensor greater_equal(const Variable& a, const Variable& b);
/// The same with a number, converted to the type of a. Error when it does not fit that.
Tensor equal(const Variable& a, double b);
Tensor not_equal(const Variable& a, double b);
Tensor less(const Variable& a, double b);
Tensor less_equal(const Variable& a, double b);
Tensor greater(const Variable& a, double b);
Tensor greater_equal(const Variable& a, double b);

inline Tensor operator<(const Variable& a, const Variable& b) { return less(a, b); }
inline Tensor operator<(const Variable& a, double b) { return less(a, b); }
inline Tensor operator<=(const Variable& a, const Variable& b) { return less_equal(a, b); }
inline Tensor operator<=(const Variable& a, double b) { return less_equal(a, b); }
inline Tensor operator>(const Variable& a, const Variable& b) { return greater(a, b); }
inline Tensor operator>(const Variable& a, double b) { return greater(a, b); }
inline Tensor operator>=(const Variable& a, const Variable& b) { return greater_equal(a, b); }
inline Tensor operator>=(const Variable& a, double b) { return greater_equal(a, b); }

/// y = a where the condition is not 0, else b. da = dy where the condition holds, else 0; db the reverse,
/// both summed over the axes along which that operand was broadcast. What is not chosen does not matter, NaN included.
/// Saves the condition. condition: any type. Error unless the shapes broadcast and a and b have one type.
Variable where(const Tensor& condition, const Variable& a, const Variable& b);

}  // namespace xtape
