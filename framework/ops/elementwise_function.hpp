// Ops that apply a function to each element, with their first two derivatives. Internal to framework/ops.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "framework/autograd/tape.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// The function of elements with this value and this slope, each called with float or double: one that takes double
/// computes in double for both types. dx = dy slope(x), 0 where the slope is 0, also for an infinite dy.
template <class Value, class Slope>
ElementFunction element_function(Value value, Slope slope) {
  return ElementFunction(value, [slope](auto dy, auto x) {
    const auto s = slope(x);
    return s == 0 ? 0 : static_cast<decltype(s)>(dy) * s;
  });
}

/// dx of a function of elements. `bend` is the derivative of the slope.
template <class Bend>
Variable times_slope(const std::string& name, const Variable& dy, const Variable& x, const ElementFunction& function,
                     Bend bend) {
  return record(name, map_derivative(name, dy.value(), x.value(), function),
                {{dy, [=](const Variable& ddx) { return times_slope(name, ddx, x, function, bend); }},
                 {x, [=](const Tensor& ddx) {
                    const Tensor product = map(name, ddx, dy.value(), [](auto a, auto b) { return a * b; });
                    return map(name, product, x.value(), [bend](auto g, auto v) {
                      const auto b = bend(v);
                      return b == 0 ? 0 : static_cast<decltype(b)>(g) * b;
                    });
                  }}});
}

/// Records y = function(x) for each element. `bend` is the second derivative. A third derivative is an Error.
template <class Bend>
Variable record_elementwise(std::string_view name, const Variable& x, const ElementFunction& function, Bend bend) {
  return record(name, map(name, x.value(), function),
                {{x, [=, gradient = std::string(name) + "_gradient"](const Variable& dy) {
                    return times_slope(gradient, dy, x, function, bend);
                  }}});
}

/// record_elementwise for a function of straight pieces, whose second derivative is 0.
inline Variable record_elementwise(std::string_view name, const Variable& x, const ElementFunction& function) {
  return record_elementwise(name, x, function, [](auto v) { return decltype(v){0}; });
}

}  // namespace xtape
