// Comparisons, and the selection between two arrays, element by element with NumPy's broadcasting.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

// Each comparison returns 1 where it holds and 0 elsewhere, in the type of the operands, so that the result can be used
// as a factor. The result is a constant: no derivative flows through it. Comparisons with NaN do not hold, except
// not_equal. The operands may have any type. Error unless they have the same type and the shapes broadcast. A number is
// converted to the type of a floating a, as in NumPy; an integer a is compared with the number itself.
/// 1 where `a == b`, else 0. Error unless the types are equal and the shapes broadcast.
Tensor equal(const Variable& a, const Variable& b);
/// 1 where `a != b`, else 0. Error unless the types are equal and the shapes broadcast.
Tensor not_equal(const Variable& a, const Variable& b);
/// 1 where `a < b`, else 0. Error unless the types are equal and the shapes broadcast.
Tensor less(const Variable& a, const Variable& b);
/// 1 where `a <= b`, else 0. Error unless the types are equal and the shapes broadcast.
Tensor less_equal(const Variable& a, const Variable& b);
/// 1 where `a > b`, else 0. Error unless the types are equal and the shapes broadcast.
Tensor greater(const Variable& a, const Variable& b);
/// 1 where `a >= b`, else 0. Error unless the types are equal and the shapes broadcast.
Tensor greater_equal(const Variable& a, const Variable& b);

/// 1 where `a == b` for a number b, else 0.
Tensor equal(const Variable& a, double b);
/// 1 where `a != b` for a number b, else 0.
Tensor not_equal(const Variable& a, double b);
/// 1 where `a < b` for a number b, else 0.
Tensor less(const Variable& a, double b);
/// 1 where `a <= b` for a number b, else 0.
Tensor less_equal(const Variable& a, double b);
/// 1 where `a > b` for a number b, else 0.
Tensor greater(const Variable& a, double b);
/// 1 where `a >= b` for a number b, else 0.
Tensor greater_equal(const Variable& a, double b);

/// Computes less(a, b).
inline Tensor operator<(const Variable& a, const Variable& b) { return less(a, b); }
/// Computes less(a, b).
inline Tensor operator<(const Variable& a, double b) { return less(a, b); }
/// Computes less_equal(a, b).
inline Tensor operator<=(const Variable& a, const Variable& b) { return less_equal(a, b); }
/// Computes less_equal(a, b).
inline Tensor operator<=(const Variable& a, double b) { return less_equal(a, b); }
/// Computes greater(a, b).
inline Tensor operator>(const Variable& a, const Variable& b) { return greater(a, b); }
/// Computes greater(a, b).
inline Tensor operator>(const Variable& a, double b) { return greater(a, b); }
/// Computes greater_equal(a, b).
inline Tensor operator>=(const Variable& a, const Variable& b) { return greater_equal(a, b); }
/// Computes greater_equal(a, b).
inline Tensor operator>=(const Variable& a, double b) { return greater_equal(a, b); }

/// y = a where the condition is not 0, else b. da = dy where the condition is not 0, else 0; db = dy where it is 0,
/// else 0; both are summed over the axes along which that operand was broadcast. Elements that are not selected have no
/// effect, even if they are NaN. Saves the condition, which may have any type. Error unless the shapes broadcast and a
/// and b have the same type.
Variable where(const Tensor& condition, const Variable& a, const Variable& b);

}  // namespace xtape
