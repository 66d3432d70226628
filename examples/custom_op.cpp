// A custom op, written from xtensor expressions, and a numerical check of its derivative.
#include <xtape/xarray.hpp>

#include "examples/program.hpp"
using namespace xtape;

/// Snake: y = x + sin(x)^2; dx = dy (1 + sin(2 x)). (Ziyin, Hartwig and Ueda: Neural networks fail to learn periodic
/// functions and how to fix it, 2020, with a = 1.)
Variable snake(const Variable& x) {
  const Tensor y = apply([](const auto& v) { return v + xt::sin(v) * xt::sin(v); }, x.value());
  return record("snake", y, {{x, [x = x.value()](const Tensor& dy) {
                                return apply([](const auto& v, const auto& d) { return d * (1.0 + xt::sin(2.0 * v)); },
                                             x, dy);
                              }}});
}

/// The same function with a wrong derivative, which the checker must find.
Variable wrong_snake(const Variable& x) {
  return record("wrong_snake", snake(x.detached()).value(),
                {{x, [x = x.value()](const Variable& dy) { return dy * (1.0 + sin(x)); }}});
}

int main(int argc, char** argv) {
  const std::string about = "Defines an op from xtensor expressions and checks its derivative";
  return run_example(argc, argv, about, [](bool) {
    const GradientReport right = check_gradient(snake, {{3, 4}}, {.low = -3, .high = 3});
    const GradientReport wrong = check_gradient(wrong_snake, {{3, 4}}, {.low = -3, .high = 3});
    fmt::print("snake: {}\n\nsnake with a mistake: {}\n", to_string(right), to_string(wrong));
    return right.passed() && !wrong.passed();
  });
}
