// Functions of several pieces exactly where the pieces meet: the value, the derivative and the second derivative that
// the header promises there, in both types, and derivatives of 0 for an infinite dy.
#include <cmath>
#include <functional>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/autograd/tape.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

struct PieceEnd {
  const char* name;
  std::function<Variable(const Variable&)> function;
  double at, value, slope, bend = 0;
};

const std::vector<PieceEnd>& piece_ends() {
  const auto rectified = [](const Variable& x) {
    return rectify(x, {.max_value = 2, .negative_slope = 0.25, .threshold = 1});
  };
  const auto sloped = [](const Variable& x) { return prelu(x, Tensor::full({1}, 0.25, x.dtype())); };
  static const std::vector<PieceEnd> all{
      {"relu", relu, 0, 0, 0},
      {"leaky_relu", [](const Variable& x) { return leaky_relu(x, 0.25); }, 0, 0, 0.25},
      {"elu", [](const Variable& x) { return elu(x, 2); }, 0, 0, 2, 2},
      {"celu", [](const Variable& x) { return celu(x, 2); }, 0, 0, 1, 0.5},
      {"prelu", sloped, 0, 0, 0.25},
      {"relu6", relu6, 0, 0, 0},
      {"relu6", relu6, 6, 6, 0},
      {"hard_sigmoid", hard_sigmoid, -3, 0, 0},
      {"hard_sigmoid", hard_sigmoid, 3, 1, 0},
      {"hard_silu", hard_silu, -3, 0, 0},
      {"hard_silu", hard_silu, 3, 3, 1},
      {"hard_tanh", hard_tanh, -1, -1, 0},
      {"hard_tanh", hard_tanh, 1, 1, 0},
      {"hard_shrink", [](const Variable& x) { return hard_shrink(x); }, 0.5, 0, 0},
      {"hard_shrink", [](const Variable& x) { return hard_shrink(x); }, -0.5, 0, 0},
      {"hard_shrink", [](const Variable& x) { return hard_shrink(x, 0); }, 0, 0, 0},
      {"soft_shrink", [](const Variable& x) { return soft_shrink(x); }, 0.5, 0, 0},
      {"soft_shrink", [](const Variable& x) { return soft_shrink(x); }, -0.5, 0, 0},
      {"soft_shrink", [](const Variable& x) { return soft_shrink(x, 0); }, 0, 0, 0},
      {"sparse_sigmoid", sparse_sigmoid, -1, 0, 0},
      {"sparse_sigmoid", sparse_sigmoid, 1, 1, 0},
      {"sparse_plus", sparse_plus, -1, 0, 0},
      {"sparse_plus", sparse_plus, 1, 1, 1},
      {"rectify", rectified, 1, 0, 0.25},
      {"rectify", rectified, 2, 2, 0},
      {"rectify", [](const Variable& x) { return rectify(x, {}); }, 0, 0, 0},
      {"rectify", [](const Variable& x) { return rectify(x, {.max_value = 0}); }, 0, 0, 0},
      {"abs", [](const Variable& x) { return abs(x); }, 0, 0, 0},
      {"clip", [](const Variable& x) { return clip(x, -1, 2); }, -1, -1, 1},
      {"clip", [](const Variable& x) { return clip(x, -1, 2); }, 2, 2, 1},
      {"maximum", [](const Variable& x) { return maximum(x, Tensor::ones({1}, x.dtype())); }, 1, 1, 1},
      {"minimum", [](const Variable& x) { return minimum(x, Tensor::ones({1}, x.dtype())); }, 1, 1, 1},
  };
  return all;
}

/// The derivative for this dy.
double slope_at_end(const PieceEnd& row, double at, double dy, DType dtype) {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(Tensor::full({1}, at, dtype));
  pass.backward(row.function(x), Tensor::full({1}, dy, dtype));
  return pass.gradient(x).item();
}

double value_at_end(const PieceEnd& row, double at, DType dtype) {
  return row.function(Tensor::full({1}, at, dtype)).value().item();
}

}  // namespace

TEST_CASE("where the pieces of a function meet it has the value and the derivatives of one of them") {
  for (const PieceEnd& row : piece_ends()) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      INFO(row.name << " at " << row.at << " in " << to_string(dtype));
      CHECK(value_at_end(row, row.at, dtype) == row.value);
      CHECK(slope_at_end(row, row.at, 3, dtype) == 3 * row.slope);
      ForwardPass pass(Mode::training);
      const Variable x = pass.watch(Tensor::full({1}, row.at, dtype));
      const Tensor one = Tensor::ones({1}, dtype);
      const Variable slope = gradients(row.function(x), {x}, one)[0];
      if (slope.tracked()) {
        pass.backward(slope, one);
        CHECK(pass.gradient(x).item() == row.bend);
      } else {
        CHECK(row.bend == 0);
      }
    }
  }
}

TEST_CASE("beside the places where pieces meet a function has the values of the nearer piece") {
  for (const PieceEnd& row : piece_ends()) {
    for (const double side : {-1.0, 1.0}) {  // the slopes of both sides from differences that are exact
      const double step = 0x1p-20, near = row.at + side * step, far = row.at + 2 * side * step;
      const double outer =
          (value_at_end(row, far, DType::float64) - value_at_end(row, near, DType::float64)) / (side * step);
      INFO(row.name << " at " << near);
      CHECK(slope_at_end(row, near, 1, DType::float64) == Approx(outer).margin(2e-6).epsilon(1e-5));
    }
  }
}

TEST_CASE("a derivative of 0 is 0 for an infinite dy too, where the function takes no part of it") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const PieceEnd& row : piece_ends()) {
    const std::string name = row.name;
    if (row.slope != 0 || name == "abs") continue;
    for (const DType dtype : {DType::float32, DType::float64}) {
      INFO(name << " at " << row.at << " in " << to_string(dtype));
      CHECK(slope_at_end(row, row.at, infinity, dtype) == 0);
    }
  }
}

TEST_CASE("NaN passes through functions of pieces, and through their derivatives where these are factors of it") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const PieceEnd& row : piece_ends()) {
      INFO(row.name << " in " << to_string(dtype));
      CHECK(std::isnan(value_at_end(row, nan, dtype)));
    }
    const PieceEnd sizes{"abs", [](const Variable& x) { return abs(x); }, 0, 0, 0};
    CHECK(std::isnan(slope_at_end(sizes, nan, 1, dtype)));
    CHECK(std::isnan(sign(Tensor::full({1}, nan, dtype)).item()));
  }
}

TEST_CASE("a power has no derivative with respect to its exponent where the base is not positive") {
  const Tensor bases = test::f64({-2, -1, 0, 0.5, 2}), exponents = test::f64({2, -3, 2, 2, -1});
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(bases), y = pass.watch(exponents);
  const Variable z = pow(x, y);
  CHECK(z.value().to_vector() == std::vector<double>{4, -1, 0, 0.25, 0.5});
  pass.backward(z, Tensor::ones({5}, DType::float64));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{-4, -3, 0, 1, -0.25});
  const std::vector<double> by_exponent = pass.gradient(y).to_vector();
  CHECK(std::vector(by_exponent.begin(), by_exponent.begin() + 3) == std::vector<double>{0, 0, 0});
  CHECK(by_exponent[3] == Approx(0.25 * std::log(0.5)));
  CHECK(by_exponent[4] == Approx(0.5 * std::log(2)));
}

TEST_CASE("the derivative of an infinite power with respect to its exponent is 0 where the base is not positive") {
  const double infinite = std::numeric_limits<double>::infinity();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double huge = dtype == DType::float32 ? -1e20 : -1e200;
    const Tensor bases = Tensor::of({5}, {huge, -infinite, 0, -0.0, std::nan("")}, dtype);
    ForwardPass pass(Mode::training);
    const Variable x = pass.watch(bases), y = pass.watch(Tensor::of({5}, {2, 2, -1, -1, 2}, dtype));
    const Variable z = pow(x, y);
    CHECK(z.value().at({0}) == infinite);
    CHECK(z.value().at({2}) == infinite);
    const Variable slope = gradients(z, {y}, Tensor::ones({5}, dtype))[0];
    const std::vector<double> slopes = slope.value().to_vector();
    CHECK(std::vector(slopes.begin(), slopes.begin() + 4) == std::vector<double>{0, 0, 0, 0});
    CHECK(std::isnan(slopes[4]));
    const std::vector<double> bends = gradients(sum(slope), {y})[0].value().to_vector();
    CHECK(std::vector(bends.begin(), bends.begin() + 4) == std::vector<double>{0, 0, 0, 0});
  }
}

}  // namespace xtape
