// Ops that apply a scalar function to each element, with their first two derivatives. Internal to framework/ops.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "framework/autograd/tape.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// dx = dy slope(x), 0 where the slope is 0, also for an infinite dy. `bend` is the derivative of the slope.
template <class Slope, class Bend>
Variable times_slope(const std::string& name, const Variable& dy, const Variable& x, Slope slope, Bend bend) {
  Tensor dx = map(name, dy.value(), x.value(), [slope](auto g, auto v) {
    const auto s = slope(v);
    return s == 0 ? 0 : static_cast<decltype(s)>(g) * s;
  });
  return record(name, std::move(dx),
                {{dy, [=](const Variable& ddx) { return times_slope(name, ddx, x, slope, bend); }},
                 {x, [=](const Tensor& ddx) {
                    const Tensor product = map(name, ddx, dy.value(), [](auto a, auto b) { return a * b; });
                    return map(name, product, x.value(), [bend](auto g, auto v) {
                      const auto b = bend(v);
                      return b == 0 ? 0 : static_cast<decltype(b)>(g) * b;
                    });
                  }}});
}

/// Records y = value(x) for each element. `slope` and `bend` are the first and second derivative. Each is called with
/// float or double: one that takes double computes in double for both types. A third derivative is an Error.
template <class Value, class Slope, class Bend>
Variable record_elementwise(std::string_view name, const Variable& x, Value value, Slope slope, Bend bend) {
  return record(name, map(name, x.value(), value),
                {{x, [=, gradient = std::string(name) + "_gradient"](const Variable& dy) {
                    return times_slope(gradient, dy, x, slope, bend);
                  }}});
}

/// record_elementwise for a function of straight pieces, whose second derivative is 0.
template <class Value, class Slope>
Variable record_elementwise(std::string_view name, const Variable& x, Value value, Slope slope) {
  return record_elementwise(name, x, value, slope, [](auto v) { return decltype(v){0}; });
}

}  // namespace xtape
