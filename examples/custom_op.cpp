// A custom op, written from xtensor expressions, and a numerical check of its derivative.
#include <xtape/xarray.hpp>

#include "examples/program.hpp"
using namespace xtape;

/// Swish: y = x s(x) with the sigmoid s; dx = dy (s(x) + y (1 - s(x))). (Ramachandran, Zoph and Le: Searching for
/// activation functions, 2017.)
Variable swish(const Variable& x) {
  const auto s = [](const auto& v) { return 1.0 / (1.0 + xt::exp(-v)); };
  const Tensor y = apply([s](const auto& v) { return v * s(v); }, x.value());
  return record("swish", y, {{x, [s, x = x.value(), y](const Tensor& dy) {
                                return apply([s](const auto& v, const auto& out,
                                                 const auto& d) { return d * (s(v) + out * (1.0 - s(v))); },
                                             x, y, dy);
                              }}});
}

/// The same function with a wrong derivative, which the checker must find.
Variable wrong_swish(const Variable& x) {
  return record("wrong_swish", swish(x.detached()).value(),
                {{x, [x = x.value()](const Variable& dy) { return dy * sigmoid(x); }}});
}

int main(int argc, char** argv) {
  const std::string about = "Defines an op from xtensor expressions and checks its derivative";
  return run_example(argc, argv, about, [](bool) {
    const GradientReport right = check_gradient(swish, {{3, 4}}, {.low = -3, .high = 3});
    const GradientReport wrong = check_gradient(wrong_swish, {{3, 4}}, {.low = -3, .high = 3});
    fmt::print("swish: {}\n\nswish with a mistake: {}\n", to_string(right), to_string(wrong));
    return right.passed() && !wrong.passed();
  });
}
