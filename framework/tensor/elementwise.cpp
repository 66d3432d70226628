#include "framework/tensor/elementwise.hpp"

#include <vector>

namespace xtape {

BroadcastPlan::BroadcastPlan(std::string_view function, const Shape& a, const Shape& b)
    : output_(broadcast_shapes(function, a, b)), same_(a == b) {
  if (same_) {
    inner_ = output_.size();
    return;
  }
  const int rank = output_.rank();
  const auto extent = [rank](const Shape& shape, int axis) {
    const int own = axis - (rank - shape.rank());
    return own < 0 ? std::int64_t{1} : shape[own];
  };
  // Merges as many last axes as possible into a row: each operand advances along all of them, or along none.
  int split = rank;
  bool first = true;
  for (; split > 0; --split) {
    const std::int64_t n = output_[split - 1];
    if (n == 1) continue;
    const bool a_here = extent(a, split - 1) == n;
    const bool b_here = extent(b, split - 1) == n;
    if (!first && (a_here != a_moves_ || b_here != b_moves_)) break;
    a_moves_ = a_here;
    b_moves_ = b_here;
    first = false;
    inner_ *= n;
  }
  outer_rank_ = split;
  const auto a_contiguous = contiguous_strides(a);
  const auto b_contiguous = contiguous_strides(b);
  for (int axis = 0; axis < split; ++axis) {
    rows_ *= output_[axis];
    const auto i = static_cast<std::size_t>(axis);
    if (extent(a, axis) > 1) a_strides_[i] = a_contiguous[static_cast<std::size_t>(axis - (rank - a.rank()))];
    if (extent(b, axis) > 1) b_strides_[i] = b_contiguous[static_cast<std::size_t>(axis - (rank - b.rank()))];
  }
}

BroadcastPlan::Offsets BroadcastPlan::offsets(std::int64_t row) const {
  Offsets offsets{0, 0};
  for (int axis = outer_rank_ - 1; axis >= 0; --axis) {
    const auto i = static_cast<std::size_t>(axis);
    const std::int64_t index = row % output_[axis];
    row /= output_[axis];
    offsets.a += index * a_strides_[i];
    offsets.b += index * b_strides_[i];
  }
  return offsets;
}

void add_into(Tensor& x, const Tensor& y) {
  check(x.shape() == y.shape() && x.dtype() == y.dtype(), "add_into: expected two tensors alike, got {} {} and {} {}",
        x.shape(), x.dtype(), y.shape(), y.dtype());
  if (!x.sole_owner()) {  // one pass into a new array, instead of a copy and a second pass
    x = map("add_into", x, y, [](auto a, auto b) { return a + b; });
    return;
  }
  with_floating("add_into", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = x.mutable_data<T>();
    const T* in = y.data<T>();
    kernels::parallel_for(x.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] += in[i];
    });
  });
}

namespace {

/// A copy of x in which f(values, offset, count) has changed pieces of consecutive values, while they are in the cache.
template <class F>
Tensor changed_copy(std::string_view function, const Tensor& x, const F& f) {
  constexpr std::int64_t in_cache = 2048;
  check(x.defined(), "{}: expected an array, got an undefined tensor (was it moved from, or never assigned?)",
        function);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating(function, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x.data<T>();
    T* const out = y.mutable_data<T>();
    kernels::parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; i += in_cache) {
        const std::int64_t count = std::min(in_cache, end - i);
        std::copy_n(in + i, count, out + i);
        f(out + i, i, count);
      }
    });
  });
  return y;
}

}  // namespace

Tensor map(std::string_view function, const Tensor& x, const ElementFunction& f) {
  return changed_copy(function, x, [&](auto* values, std::int64_t, std::int64_t count) { f(values, count); });
}

Tensor map_derivative(std::string_view function, const Tensor& dy, const Tensor& x, const ElementFunction& f) {
  check(x.dtype() == dy.dtype() && x.shape() == dy.shape(), "{}: expected dy of x's shape and type {} {}, got {} {}",
        function, x.shape(), x.dtype(), dy.shape(), dy.dtype());
  return changed_copy(function, dy, [&]<class T>(T* values, std::int64_t offset, std::int64_t count) {
    f.differentiate(x.data<T>() + offset, values, count);
  });
}

}  // namespace xtape
