// Gradients of gradients, compared with derived formulas.

#include <cmath>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::f64;

TEST_CASE("second and third derivatives of x^4 and of sin-like chains equal the derived formulas") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2, -3}));
  const Variable first = gradients(sum(x * x * x * x), {x})[0];
  CHECK(first.value().to_vector() == std::vector<double>{4, 32, -108});
  const Variable second = gradients(sum(first), {x})[0];
  CHECK(second.value().to_vector() == std::vector<double>{12, 48, 108});
  pass.backward(sum(second));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{24, 48, -72});
}

TEST_CASE("a gradient penalty has the gradient of the derived formula") {
  // f = sum tanh(x w); penalty p = |df/dx|^2 = (sum_j w_ij (1 - t_j^2))^2 summed over i
  const Tensor xv = Tensor::of({1, 1}, {0.3}, DType::float64);
  const Tensor wv = Tensor::of({1, 1}, {0.7}, DType::float64);
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(xv);
  const Variable w = pass.watch(wv);
  const Variable dx = gradients(sum(tanh(matmul(x, w))), {x})[0];
  pass.backward(sum(square(dx)));
  const double t = std::tanh(0.21);
  const double g = 0.7 * (1 - t * t);
  const double dg_dw = (1 - t * t) + 0.7 * (-2 * t * (1 - t * t) * 0.3);
  CHECK(pass.gradient(w).item() == Approx(2 * g * dg_dw));
}

TEST_CASE("gradients are available for inputs, intermediate variables and unrelated variables") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({2}));
  const Variable y = x * x;
  const Variable unused = pass.watch(f64({5}));
  const auto found = gradients(sum(y * y), {x, y, unused});
  CHECK(found[0].value().item() == 32);
  CHECK(found[1].value().item() == 8);
  CHECK(found[2].value().item() == 0);
}

TEST_CASE("the gradient of an output with respect to itself is the cotangent") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({2, 3}));
  const Variable y = x * x * x;
  const Tensor cotangent = f64({10, -1});
  const auto found = gradients(y, {y, x, y}, cotangent);
  CHECK(identical(found[0].value(), cotangent));
  CHECK(found[1].value().to_vector() == std::vector<double>{120, -27});  // 3 x^2 dy
  CHECK(identical(found[2].value(), cotangent));
  const Variable leaf = pass.watch(f64({4}));  // a variable that is not the output of an op
  CHECK(gradients(leaf, {leaf})[0].value().to_vector() == std::vector<double>{1});
  const Variable total = sum(y);
  CHECK(gradients(total, {total})[0].value().item() == 1);
  // dy/dy does not depend on x, so it contributes nothing to the second derivative
  CHECK(gradients(sum(gradients(total, {y})[0]) + sum(y), {x})[0].value().to_vector() == std::vector<double>{12, 27});
}

TEST_CASE("an input that is given several times gets its whole gradient each time") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2})), w = pass.watch(f64({3, 5}));
  const auto found = gradients(sum(x * x * w), {x, w, x, x});
  CHECK(found[0].value().to_vector() == std::vector<double>{6, 20});
  CHECK(found[1].value().to_vector() == std::vector<double>{1, 4});
  CHECK(found[2].value().to_vector() == std::vector<double>{6, 20});
  CHECK(found[3].value().to_vector() == std::vector<double>{6, 20});
  pass.backward(sum(found[0] * found[2]));  // sum (2 x w)^2, so 8 x w^2
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{72, 400});
}

TEST_CASE("the gradient of an unrelated input is zeros of its shape and type") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  const Variable before = pass.watch(Tensor::ones({2, 3}));  // float32, while the output is float64
  const Variable y = sum(x);
  const Variable after = x * x;  // recorded after the output
  const Variable cut = sum(x.detached() * x);
  const auto found = gradients(y, {before, after, x, cut});
  CHECK(identical(found[0].value(), Tensor::zeros({2, 3})));
  CHECK(identical(found[1].value(), f64({0, 0})));
  CHECK(identical(found[2].value(), f64({1, 1})));
  CHECK(identical(found[3].value(), Tensor::zeros({}, DType::float64)));
  CHECK(gradients(y, {}).empty());
}

TEST_CASE("the output of an op without a second derivative can be an input of a gradient") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(Tensor::of({1, 2, 2, 1}, {1, 2, 3, 4}, DType::float64));
  const Variable one = pass.watch(Tensor::ones({1}, DType::float64));
  const Variable normalized = batch_norm(x, one, one, 1e-3).y;
  const Variable pooled = max_pool2d(normalized, {.size = 2});
  const Variable loss = sum(pooled * pooled);
  CHECK(gradients(loss, {pooled})[0].value().item() == Approx(2 * pooled.value().item()));
  CHECK(identical(gradients(normalized, {normalized}, normalized.value())[0].value(), normalized.value()));
  CHECK(error_of([&] {
          gradients(loss, {pooled, normalized});
        }) == "gradients: max_pool2d has a derivative that can't be differentiated again");
}

TEST_CASE("an op without a second derivative is named when one is needed") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(Tensor::ones({1, 2, 2, 1}));
  CHECK(error_of([&] { gradients(sum(max_pool2d(x, {.size = 2})), {x}); }) ==
        "gradients: max_pool2d has a derivative that can't be differentiated again");
  const auto normalized = batch_norm(x, Tensor::ones({1}), Tensor::zeros({1}), 1e-3).y;
  CHECK(error_of([&] { gradients(sum(normalized), {x}); }) ==
        "gradients: batch_norm has a derivative that can't be differentiated again");
  CHECK(error_of([&] { gradients(x, {x}); }) ==
        "gradients: expected an output of one element, got shape (1, 2, 2, 1); give a cotangent");
  CHECK(error_of([&] { gradients(Variable(Tensor::ones({})), {x}); }) ==
        "gradients: expected an output and inputs that are tracked by one recording pass, got a constant");
  pass.backward(sum(x));
  CHECK(error_of([&] { gradients(sum(x), {x}); }) ==
        "sum: expected a variable of a pass that is still recording, got one whose pass has run backward; start a new "
        "ForwardPass, or call detached() to use its value");
}

TEST_CASE("a pullback that takes tensors is not differentiable, even if it returns a Variable") {
  const auto square = [](const Variable& x, const Pullback& pullback) {
    return record("square", (x * x).value(), {{x, pullback}});
  };
  const auto message = [&](const Pullback& pullback, const Variable& x) {
    return error_of([&] { gradients(sum(gradients(sum(square(x, pullback)), {x})[0]), {x}); });
  };
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({3, 5}));
  const Tensor v = x.value();
  CHECK_FALSE(Pullback([v](const Tensor& dy) { return 2.0 * v * dy; }).differentiable());
  CHECK_FALSE(Pullback([v](Tensor dy) { return 2.0 * v * dy; }).differentiable());
  CHECK_FALSE(Pullback([v](const Tensor& dy, const Tensor&) { return 2.0 * v * dy; }).differentiable());
  CHECK_FALSE(Pullback([v](const Tensor& dy) -> Tensor { return 2.0 * v * dy; }).differentiable());
  CHECK_FALSE(Pullback([v](const Variable& dy) -> Tensor { return (2.0 * v * dy).value(); }).differentiable());
  CHECK_FALSE(Pullback(std::function<Variable(const Tensor&)>([v](const Tensor& dy) {
                return 2.0 * v * dy;
              })).differentiable());
  CHECK(Pullback([x](const Variable& dy) { return 2.0 * x * dy; }).differentiable());
  CHECK(Pullback([x](const auto& dy) { return 2.0 * x * dy; }).differentiable());
  CHECK(Pullback([x](const Variable& dy, const Variable&) { return 2.0 * x * dy; }).differentiable());
  CHECK(message([v](const Tensor& dy) { return 2.0 * v * dy; }, x) ==
        "gradients: square has a derivative that can't be differentiated again");
  const Variable first = gradients(sum(square(x, [x](const Variable& dy) { return 2.0 * x * dy; })), {x})[0];
  CHECK(gradients(sum(first), {x})[0].value().to_vector() == std::vector<double>{2, 2});
  ForwardPass numbers(Mode::training);
  const Variable y = numbers.watch(v);
  numbers.backward(sum(square(y, [v](const Tensor& dy) { return 2.0 * v * dy; })));
  CHECK(numbers.gradient(y).to_vector() == std::vector<double>{6, 10});
}

TEST_CASE("gradients() rejects a cotangent that is not like the output, and variables of two passes") {
  ForwardPass pass(Mode::training), other(Mode::training);
  const Variable x = pass.watch(f64({1, 2})), y = x * x, z = other.watch(f64({1, 2}));
  const std::string expected = "gradients: expected a cotangent like the output, (2,) float64, got ";
  CHECK(error_of([&] { gradients(y, {x}, f64({1})); }) == expected + "(1,) float64");
  CHECK(error_of([&] { gradients(y, {x}, Tensor::ones({2})); }) == expected + "(2,) float32");
  CHECK(error_of([&] { gradients(y, {x}, Tensor()); }) == expected + "an undefined tensor");
  CHECK(
      error_of([&] {
        gradients(y, {x, z}, f64({1, 1}));
      }) ==
      "gradients: expected inputs of one ForwardPass, got variables of two; use detached() to take one as a constant");
}
