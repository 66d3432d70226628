// map: applies a scalar function to every element, with NumPy's broadcasting for two operands.
#pragma once

#include <algorithm>
#include <string_view>

#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/element_function.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The number of elements in one piece of parallel work.
inline constexpr std::int64_t elementwise_grain = 16384;

/// The iteration over two broadcast operands. The output consists of rows of inner() elements. Along a row each operand
/// either advances by one element per output element or stays at one element.
class BroadcastPlan {
 public:
  /// Plans the iteration over operands of shapes a and b. Error with the name `function` if they do not broadcast.
  BroadcastPlan(std::string_view function, const Shape& a, const Shape& b);

  /// The shape of the output.
  const Shape& output() const { return output_; }
  /// Whether neither operand is repeated, so that one row contains all elements.
  bool same() const { return same_; }
  /// The number of rows.
  std::int64_t rows() const { return rows_; }
  /// The number of elements in a row.
  std::int64_t inner() const { return inner_; }
  /// Whether operand a advances along a row.
  bool a_moves() const { return a_moves_; }
  /// Whether operand b advances along a row.
  bool b_moves() const { return b_moves_; }
  /// The offsets of the first elements of a row, in elements.
  struct Offsets {
    std::int64_t a;  ///< offset in operand a
    std::int64_t b;  ///< offset in operand b
  };
  /// The offsets at which both operands begin in a row.
  Offsets offsets(std::int64_t row) const;

 private:
  Shape output_;
  bool same_ = false;
  std::int64_t rows_ = 1, inner_ = 1;
  bool a_moves_ = true, b_moves_ = true;
  int outer_rank_ = 0;
  std::array<std::int64_t, Shape::max_rank> a_strides_{}, b_strides_{};
};

/// Applies f to every element of a floating tensor. f is called as T f(T) and must be pure, because pieces run in
/// parallel. Error with the name `function` for an undefined tensor or another type.
template <class F>
Tensor map(std::string_view function, const Tensor& x, F f) {
  check(x.defined(), "{}: expected an array, got an undefined tensor (was it moved from, or never assigned?)",
        function);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating(function, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    kernels::parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      const F own = f;  // captures of a local copy cannot change in the loop, so it vectorizes
      for (std::int64_t i = begin; i < end; ++i) out[i] = static_cast<T>(own(in[i]));
    });
  });
  return y;
}

/// Applies f to every element of a floating tensor. Error with the name `function` for an undefined tensor or another
/// type.
Tensor map(std::string_view function, const Tensor& x, const ElementFunction& f);
/// dx for y = f(x) in every element, from dy and x. Error with the name `function` unless both have one floating type
/// and one shape.
Tensor map_derivative(std::string_view function, const Tensor& dy, const Tensor& x, const ElementFunction& f);

namespace detail {

template <bool a_moves, bool b_moves, class T, class F>
void map_row(const T* a, const T* b, T* out, std::int64_t n, const F f) {  // by value: see map
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(f(a[a_moves ? i : 0], b[b_moves ? i : 0]));
}

template <class T, class F>
void map_row(const BroadcastPlan& plan, const T* a, const T* b, T* out, std::int64_t n, const F& f) {
  if (plan.a_moves() && plan.b_moves()) return map_row<true, true>(a, b, out, n, f);
  if (plan.a_moves()) return map_row<true, false>(a, b, out, n, f);
  if (plan.b_moves()) return map_row<false, true>(a, b, out, n, f);
  return map_row<false, false>(a, b, out, n, f);
}

}  // namespace detail

/// Applies f to every pair of elements, with NumPy's broadcasting. Error with the name `function` unless both tensors
/// have the same floating type and their shapes broadcast.
template <class F>
Tensor map(std::string_view function, const Tensor& a, const Tensor& b, F f) {
  check(a.defined() && b.defined(), "{}: expected two arrays, got shapes {} and {} (was one moved from, or never set?)",
        function, a.shape(), b.shape());
  check_equal_types(function, a.dtype(), b.dtype());
  const BroadcastPlan plan(function, a.shape(), b.shape());
  Tensor y = Tensor::empty(plan.output(), a.dtype());
  with_floating(function, a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* pa = a.data<T>();
    const T* pb = b.data<T>();
    T* out = y.mutable_data<T>();
    if (plan.same()) {
      kernels::parallel_for(y.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        detail::map_row<true, true>(pa + begin, pb + begin, out + begin, end - begin, f);
      });
      return;
    }
    const std::int64_t chunk = std::clamp<std::int64_t>(plan.inner(), 1, elementwise_grain);  // of a row
    const std::int64_t chunks = (plan.inner() + chunk - 1) / chunk;
    kernels::parallel_for(plan.rows() * chunks, elementwise_grain / chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t piece = begin; piece < end; ++piece) {
        const std::int64_t start = piece % chunks * chunk;
        const auto [ia, ib] = plan.offsets(piece / chunks);
        detail::map_row(plan, pa + ia + (plan.a_moves() ? start : 0), pb + ib + (plan.b_moves() ? start : 0),
                        out + piece / chunks * plan.inner() + start, std::min(chunk, plan.inner() - start), f);
      }
    });
  });
  return y;
}

/// Computes x += y for tensors of the same shape and type, in place if x does not share its storage.
void add_into(Tensor& x, const Tensor& y);

}  // namespace xtape
