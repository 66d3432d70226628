#include "framework/ops/comparison.hpp"

#include <type_traits>

#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

template <class Compare>
Tensor compared(const char* function, const Tensor& a, const Tensor& b, Compare compare) {
  check(a.defined() && b.defined() && a.dtype() == b.dtype(),
        "{}: expected two arrays of one type, got {} and {}; convert with .to()", function, tensor_text(a),
        tensor_text(b));
  const Shape shape = broadcast_shapes(function, a.shape(), b.shape());
  const Tensor left = broadcast_to(a, shape), right = broadcast_to(b, shape);
  Tensor y = Tensor::empty(shape, a.dtype());
  with_type(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *u = left.data<T>(), *v = right.data<T>();
    T* const out = y.mutable_data<T>();
    kernels::parallel_for(y.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = compare(u[i], v[i]) ? T{1} : T{0};
    });
  });
  return y;
}

/// The comparison with a number. long double holds every int64, so that integers are compared exactly with fractions.
template <class Compare>
Tensor compared(const char* function, const Tensor& a, double b, Compare compare) {
  check(a.defined(), "{}: expected an array, got an undefined tensor", function);
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  with_type(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Common = std::conditional_t<std::is_floating_point_v<T>, T, long double>;
    const auto number = static_cast<Common>(b);
    const T* const u = a.data<T>();
    T* const out = y.mutable_data<T>();
    kernels::parallel_for(y.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = compare(static_cast<Common>(u[i]), number) ? T{1} : T{0};
    });
  });
  return y;
}

constexpr auto is_equal = [](auto a, auto b) { return a == b; };
constexpr auto is_other = [](auto a, auto b) { return a != b; };
constexpr auto is_less = [](auto a, auto b) { return a < b; };
constexpr auto is_at_most = [](auto a, auto b) { return a <= b; };
constexpr auto is_greater = [](auto a, auto b) { return a > b; };
constexpr auto is_at_least = [](auto a, auto b) { return a >= b; };

Variable chosen(const Tensor& condition, const Variable& a, const Variable& b, const Shape& shape) {
  const Tensor left = broadcast_to(a.value(), shape), right = broadcast_to(b.value(), shape);
  Tensor y = Tensor::empty(shape, a.dtype());
  with_type(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *u = left.data<T>(), *v = right.data<T>();
    const auto* const holds = condition.data<std::uint8_t>();
    T* const out = y.mutable_data<T>();
    kernels::parallel_for(y.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] = holds[i] != 0 ? u[i] : v[i];
    });
  });
  const auto zeros = [](const Variable& dy) { return Tensor::zeros({}, dy.dtype()); };
  return record("where", std::move(y),
                {{a, [condition, to = a.shape(),
                      zeros](const Variable& dy) { return sum_to(chosen(condition, dy, zeros(dy), dy.shape()), to); }},
                 {b, [condition, to = b.shape(), zeros](const Variable& dy) {
                    return sum_to(chosen(condition, zeros(dy), dy, dy.shape()), to);
                  }}});
}

}  // namespace

Tensor equal(const Variable& a, const Variable& b) { return compared("equal", a.value(), b.value(), is_equal); }
Tensor not_equal(const Variable& a, const Variable& b) { return compared("not_equal", a.value(), b.value(), is_other); }
Tensor less(const Variable& a, const Variable& b) { return compared("less", a.value(), b.value(), is_less); }
Tensor less_equal(const Variable& a, const Variable& b) {
  return compared("less_equal", a.value(), b.value(), is_at_most);
}
Tensor greater(const Variable& a, const Variable& b) { return compared("greater", a.value(), b.value(), is_greater); }
Tensor greater_equal(const Variable& a, const Variable& b) {
  return compared("greater_equal", a.value(), b.value(), is_at_least);
}

Tensor equal(const Variable& a, double b) { return compared("equal", a.value(), b, is_equal); }
Tensor not_equal(const Variable& a, double b) { return compared("not_equal", a.value(), b, is_other); }
Tensor less(const Variable& a, double b) { return compared("less", a.value(), b, is_less); }
Tensor less_equal(const Variable& a, double b) { return compared("less_equal", a.value(), b, is_at_most); }
Tensor greater(const Variable& a, double b) { return compared("greater", a.value(), b, is_greater); }
Tensor greater_equal(const Variable& a, double b) { return compared("greater_equal", a.value(), b, is_at_least); }

Variable where(const Tensor& condition, const Variable& a, const Variable& b) {
  check(condition.defined(), "where: expected an array as the condition, got an undefined tensor");
  check(a.value().defined() && b.value().defined() && a.dtype() == b.dtype(),
        "where: expected two arrays of one type, got {} and {}; convert with .to()", tensor_text(a.value()),
        tensor_text(b.value()));
  const Shape shape = broadcast_shapes("where", condition.shape(), broadcast_shapes("where", a.shape(), b.shape()));
  Tensor holds = Tensor::empty(condition.shape(), DType::uint8);
  with_type(condition.dtype(), [&](auto zero) {
    const auto* const values = condition.data<decltype(zero)>();
    std::transform(values, values + condition.size(), holds.mutable_data<std::uint8_t>(),
                   [](auto value) { return value != 0 ? 1 : 0; });
  });
  return chosen(broadcast_to(holds, shape), a, b, shape);
}

}  // namespace xtape
