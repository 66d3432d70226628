#include "framework/ops/arithmetic.hpp"

#include "framework/autograd/tape.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// dx = dy where low <= x <= high, else 0. It is linear in dy, so its derivative with respect to dy is the same
/// function.
Variable clip_gradient(const Variable& dy, const Tensor& x, double low, double high) {
  Tensor dx = map("clip_gradient", dy.value(), x, [low, high](auto g, auto v) {
    return static_cast<double>(v) < low || static_cast<double>(v) > high ? decltype(g){0} : g;
  });
  return record("clip_gradient", std::move(dx),
                {{dy, [x, low, high](const Variable& ddx) { return clip_gradient(ddx, x, low, high); }}});
}

/// Records maximum or minimum. `takes_first(a, b)` returns whether the first operand is the result. This choice is
/// constant in the derivative, and is recomputed in the backward pass instead of being saved.
template <class F>
Variable choose(std::string_view name, const Variable& a, const Variable& b, F takes_first) {
  const auto share = [name, takes_first, a = a.value(), b = b.value()](const Variable& dy, const Shape& to,
                                                                       bool first) {
    const Tensor chosen = map(name, a, b, [takes_first, first](auto u, auto v) {
      return takes_first(u, v) == first ? decltype(u){1} : decltype(u){0};
    });
    return sum_to(multiply(dy, chosen), to);
  };
  Tensor y = map(name, a.value(), b.value(), [takes_first](auto u, auto v) { return takes_first(u, v) ? u : v; });
  return record(name, std::move(y),
                {{a, [share, shape = a.shape()](const Variable& dy) { return share(dy, shape, true); }},
                 {b, [share, shape = b.shape()](const Variable& dy) { return share(dy, shape, false); }}});
}

}  // namespace

Variable add(const Variable& a, const Variable& b) {
  Tensor y = map("add", a.value(), b.value(), [](auto u, auto v) { return u + v; });
  return record("add", std::move(y),
                {{a, [shape = a.shape()](const Variable& dy) { return sum_to(dy, shape); }},
                 {b, [shape = b.shape()](const Variable& dy) { return sum_to(dy, shape); }}});
}

Variable add(const Variable& a, double b) {
  Tensor y = map("add", a.value(), [b](auto v) { return v + static_cast<decltype(v)>(b); });
  return record("add", std::move(y), {{a, [](const Variable& dy) { return dy; }}});
}

Variable subtract(const Variable& a, const Variable& b) {
  Tensor y = map("subtract", a.value(), b.value(), [](auto u, auto v) { return u - v; });
  return record("subtract", std::move(y),
                {{a, [shape = a.shape()](const Variable& dy) { return sum_to(dy, shape); }},
                 {b, [shape = b.shape()](const Variable& dy) { return negate(sum_to(dy, shape)); }}});
}

Variable subtract(const Variable& a, double b) {
  Tensor y = map("subtract", a.value(), [b](auto v) { return v - static_cast<decltype(v)>(b); });
  return record("subtract", std::move(y), {{a, [](const Variable& dy) { return dy; }}});
}

Variable subtract(double a, const Variable& b) {
  Tensor y = map("subtract", b.value(), [a](auto v) { return static_cast<decltype(v)>(a) - v; });
  return record("subtract", std::move(y), {{b, [](const Variable& dy) { return negate(dy); }}});
}

Variable multiply(const Variable& a, const Variable& b) {
  Tensor y = map("multiply", a.value(), b.value(), [](auto u, auto v) { return u * v; });
  return record("multiply", std::move(y),
                {{a, [b, shape = a.shape()](const Variable& dy) { return sum_to(multiply(dy, b), shape); }},
                 {b, [a, shape = b.shape()](const Variable& dy) { return sum_to(multiply(dy, a), shape); }}});
}

Variable multiply(const Variable& a, double b) {
  Tensor y = map("multiply", a.value(), [b](auto v) { return v * static_cast<decltype(v)>(b); });
  return record("multiply", std::move(y), {{a, [b](const Variable& dy) { return multiply(dy, b); }}});
}

Variable divide(const Variable& a, const Variable& b) {
  Tensor y = map("divide", a.value(), b.value(), [](auto u, auto v) { return u / v; });
  return record("divide", std::move(y),
                {{a, [b, shape = a.shape()](const Variable& dy) { return sum_to(divide(dy, b), shape); }},
                 {b, [b](const Variable& dy, const Variable& q) {
                    return sum_to(divide(multiply(dy, q), negate(b)), b.shape());
                  }}});
}

Variable divide(const Variable& a, double b) {
  Tensor y = map("divide", a.value(), [b](auto v) { return v / static_cast<decltype(v)>(b); });
  return record("divide", std::move(y), {{a, [b](const Variable& dy) { return divide(dy, b); }}});
}

Variable divide(double a, const Variable& b) {
  Tensor y = map("divide", b.value(), [a](auto v) { return static_cast<decltype(v)>(a) / v; });
  return record("divide", std::move(y),
                {{b, [b](const Variable& dy, const Variable& q) { return divide(multiply(dy, q), negate(b)); }}});
}

Variable negate(const Variable& x) {
  Tensor y = map("negate", x.value(), [](auto v) { return -v; });
  return record("negate", std::move(y), {{x, [](const Variable& dy) { return negate(dy); }}});
}

Variable maximum(const Variable& a, const Variable& b) {
  return choose("maximum", a, b, [](auto u, auto v) { return u >= v || u != u; });
}

Variable minimum(const Variable& a, const Variable& b) {
  return choose("minimum", a, b, [](auto u, auto v) { return u <= v || u != u; });
}

Variable clip(const Variable& x, double low, double high) {
  check(low <= high, "clip: expected low <= high, got low {} and high {}", low, high);
  Tensor y = map("clip", x.value(), [low, high](auto v) {
    using T = decltype(v);
    return static_cast<double>(v) < low    ? static_cast<T>(low)
           : static_cast<double>(v) > high ? static_cast<T>(high)
                                           : v;
  });
  return record("clip", std::move(y),
                {{x, [x = x.value(), low, high](const Variable& dy) { return clip_gradient(dy, x, low, high); }}});
}

Variable sum_to(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  check(broadcast_shapes("sum_to", x.shape(), shape) == x.shape(),
        "sum_to: expected a shape that broadcasts to {}, got {}", x.shape(), shape);
  std::vector<int> axes;
  const int added = x.rank() - shape.rank();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis < added || shape[axis - added] != x.dim(axis)) axes.push_back(axis);
  }
  Tensor y = sum(x.detached(), axes).value().reshaped(shape);
  return record("sum_to", std::move(y),
                {{x, [from = x.shape()](const Variable& dy) { return broadcast_to(dy, from); }}});
}

Variable broadcast_to(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const BroadcastPlan plan("broadcast_to", x.shape(), shape);
  check(plan.output() == shape, "broadcast_to: expected a shape that {} broadcasts to, got {}", x.shape(), shape);
  Tensor y = Tensor::empty(shape, x.dtype());
  with_type(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.value().data<T>();
    T* out = y.mutable_data<T>();
    const std::int64_t n = plan.inner();
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(1, n));
    kernels::parallel_for(plan.rows(), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* from = in + plan.offsets(row).a;
        if (plan.a_moves()) {
          std::copy_n(from, n, out + row * n);
        } else {
          std::fill_n(out + row * n, n, *from);
        }
      }
    });
  });
  return record("broadcast_to", std::move(y),
                {{x, [from = x.shape()](const Variable& dy) { return sum_to(dy, from); }}});
}

}  // namespace xtape
