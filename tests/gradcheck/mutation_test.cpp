// Tests of the checker with all known kinds of wrong derivatives. It must reject each of them, and accept the same
// function with the correct derivative. Arithmetic, reductions, manipulation, matrices.

#include "framework/ops/ops.hpp"
#include "tests/gradcheck/mutations.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {
namespace {

using Axes = std::vector<int>;
const auto times = [](double factor) {
  return [factor](const Tensor& dx) { return changed(dx, [=](double v, std::int64_t) { return v * factor; }); };
};

std::vector<Mutation> factors_and_signs() {
  const DifferentiableFunction square_of = square, exp_of = exp, quotient = [](V a, V b) { return a / b; };
  const GradientCheckOptions positive{.low = 0.5, .high = 2};
  return {
      {"missing factor 2", square_of, with_mistake(square_of, times(0.5)), {{2, 3}}},
      {"wrong sign", exp_of, with_mistake(exp_of, times(-1)), {{2, 3}}},
      {"wrong by 1 %", tanh, with_mistake(tanh, times(1.01)), {{5}}},
      {"wrong by 0.1 %", sigmoid, with_mistake(sigmoid, times(1.001)), {{5}}},
      {"wrong by 0.1 % in a large array", sigmoid, with_mistake(sigmoid, times(0.999)), {{50, 60}}},
      {"wrong by a millionth", sigmoid, with_mistake(sigmoid, times(1 + 1e-6)), {{5}}},
      {"zero gradient", square_of, with_mistake(square_of, times(0)), {{4}}},
      {"zero gradient of one input of two",
       quotient,
       with_derivatives(quotient, {intact(quotient, 0), spoiled(quotient, 1, times(0))}),
       {{3}, {3}},
       positive},
      {"quotient without its square",
       quotient,
       with_derivatives(quotient, {intact(quotient, 0), [](V dy, const auto& x) { return -(dy * x[0] / x[1]); }}),
       {{3}, {3}},
       positive},
      {"inner derivative forgotten",
       [](V x) { return exp(x * 3.0); },
       with_mistake([](V x) { return exp(x * 3.0); }, times(1.0 / 3)),
       {{4}}},
      {"power not lowered",
       [](V x) { return pow(x, 3.0); },
       with_derivatives([](V x) { return pow(x, 3.0); },
                        {[](V dy, const auto& x) { return dy * pow(x[0], 3.0) * 3.0; }}),
       {{4}},
       positive},
      {"float32 inside float64",
       softplus,
       with_mistake(softplus, [](const Tensor& dx) { return dx.to(DType::float32).to(dx.dtype()); }),
       {{30}}},
      {"constant added",
       square_of,
       with_mistake(square_of,
                    [](const Tensor& dx) { return changed(dx, [](double v, std::int64_t) { return v + 1e-6; }); }),
       {{4}}},
  };
}

std::vector<Mutation> wrong_in_places() {
  const auto at = [](std::int64_t first, std::int64_t step, double factor) {
    return [=](const Tensor& dx) {
      return changed(dx,
                     [=](double v, std::int64_t i) { return i >= first && (i - first) % step == 0 ? v * factor : v; });
    };
  };
  const DifferentiableFunction squared = square;
  return {
      {"wrong in the last element", squared, with_mistake(squared, at(34, 100, 1.01)), {{5, 7}}},
      {"wrong in one channel of three", squared, with_mistake(squared, at(2, 3, 1.01)), {{2, 2, 3}}},
      {"wrong in one channel of forty of a large array", squared, with_mistake(squared, at(7, 40, 1.01)), {{30, 40}}},
      {"wrong in one element of 20,000", squared, with_mistake(squared, at(12345, 1 << 20, 1.01)), {{20000}}},
      {"wrong behind the first piece of parallel work", squared, with_mistake(squared, at(16384, 1, 1.001)), {{20000}}},
      {"neighbours exchanged",
       squared,
       with_mistake(squared,
                    [](const Tensor& dx) {
                      const std::vector<double> old = dx.to_vector();
                      return changed(dx, [&](double, std::int64_t i) { return old[static_cast<std::size_t>(i ^ 1)]; });
                    }),
       {{6}}},
  };
}

std::vector<Mutation> broadcasting_and_axes() {
  const DifferentiableFunction plus = [](V a, V b) { return a + b; }, product = [](V a, V b) { return a * b; };
  const DifferentiableFunction average = [](V x) { return mean(x, Axes{1}); };
  const DifferentiableFunction largest = [](V x) { return max(x, Axes{1}); };
  const auto spread = [](V dy, const Shape& shape) { return broadcast_to(reshape(dy, {dy.dim(0), 1}), shape); };
  return {
      {"missing broadcast sum",
       plus,
       with_derivatives(plus, {intact(plus, 0), [](V dy, const auto&) { return dy; }}),
       {{2, 3}, {3}}},
      {"broadcast sum over the wrong axis",
       product,
       with_derivatives(product, {intact(product, 0), [](V dy, const auto& x) { return sum(dy * x[0], Axes{1}); }}),
       {{3, 3}, {3}}},
      {"broadcast mean in place of sum",
       product,
       with_derivatives(product, {intact(product, 0), [](V dy, const auto& x) { return mean(dy * x[0], Axes{0}); }}),
       {{4, 3}, {3}}},
      {"missing 1/N", average, with_mistake(average, times(4)), {{3, 4}}},
      {"1/N of the wrong axis", average, with_mistake(average, times(4.0 / 3)), {{3, 4}}},
      {"sum's derivative along the wrong axis",
       [](V x) { return sum(x, Axes{1}); },
       with_derivatives([](V x) { return sum(x, Axes{1}); },
                        {[](V dy, const auto& x) { return broadcast_to(dy, x[0].shape()); }}),
       {{3, 3}}},
      {"maximum's derivative to all",
       largest,
       with_derivatives(largest, {[=](V dy, const auto& x) { return spread(dy, x[0].shape()); }}),
       {{3, 4}}},
      {"maximum's derivative to the first",
       largest,
       with_derivatives(largest, {[](V dy, const auto& x) {
                          return pad(reshape(dy, {dy.dim(0), 1}), {{0, 0}, {0, x[0].dim(1) - 1}});
                        }}),
       {{3, 4}}},
  };
}

std::vector<Mutation> matrices_and_moves() {
  const DifferentiableFunction product = [](V a, V b) { return matmul(a, b); };
  const DifferentiableFunction turned = [](V x) { return transpose(x, Axes{1, 2, 0}); };
  const DifferentiableFunction part = [](V x) { return x[{{1, 7, 2}}]; };
  const DifferentiableFunction padded = [](V x) { return pad(x, {{1, 2}}); };
  const DifferentiableFunction joined = [](V a, V b) { return concatenate({a, b}, 0); };
  const DifferentiableFunction log_det = [](V x) {
    return log_determinant(x + Variable(Tensor::of({2, 2}, {3, 0, 0, 4}, x.dtype())));
  };
  return {
      {"operand not transposed",
       product,
       with_derivatives(product, {[](V dy, const auto& x) { return matmul(dy, x[1]); }, intact(product, 1)}),
       {{3, 3}, {3, 3}}},
      {"product transposed",
       product,
       with_derivatives(product, {intact(product, 0), [](V dy, const auto& x) { return matmul(transpose(dy), x[0]); }}),
       {{3, 3}, {3, 3}}},
      {"transposed again in place of back",
       turned,
       with_derivatives(turned, {[](V dy, const auto&) {
                          return transpose(dy, Axes{1, 2, 0});
                        }}),
       {{3, 3, 3}}},
      {"reshaped in the wrong order",
       [](V x) { return reshape(x, Shape{9}); },
       with_derivatives([](V x) { return reshape(x, Shape{9}); }, {[](V dy, const auto&) {
                          return transpose(reshape(dy, {3, 3}));
                        }}),
       {{3, 3}}},
      {"slice put back one too early",
       part,
       with_derivatives(part, {[&](V dy, const auto& x) {
                          Tensor dx = Tensor::zeros(x[0].shape(), dy.dtype());
                          const std::vector<double> g = dy.value().to_vector();
                          return Variable(changed(dx, [&](double, std::int64_t i) {
                            return i % 2 == 0 && i < 6 ? g[static_cast<std::size_t>(i / 2)] : 0.0;
                          }));
                        }}),
       {{8}}},
      {"padding before and behind exchanged",
       padded,
       with_derivatives(padded, {[](V dy, const auto&) {
                          return dy[{{2, 6}}];
                        }}),
       {{4}}},
      {"concatenated parts exchanged",
       joined,
       with_derivatives(joined, {[](V dy, const auto&) {
                                   return dy[{{3, 6}}];
                                 },
                                 [](V dy, const auto&) {
                                   return dy[{{0, 3}}];
                                 }}),
       {{3}, {3}}},
      {"inverse not transposed",
       log_det,
       with_derivatives(log_det, {[](V dy, const auto& x) {
                          return dy * inverse(x[0] + Variable(Tensor::of({2, 2}, {3, 0, 0, 4}, x[0].dtype())));
                        }}),
       {{2, 2}}},
  };
}

}  // namespace

void tell_apart(const std::vector<Mutation>& mutations) {
  for (const Mutation& mutation : mutations) {
    INFO(mutation.mistake);
    for (const std::uint64_t seed : {0U, 1U, 2U}) {
      GradientCheckOptions options = mutation.options;
      options.seed = seed;
      CHECK(check_gradient(mutation.right, mutation.shapes, options));
      CHECK_FALSE(check_gradient(mutation.wrong, mutation.shapes, options));
    }
  }
}

TEST_CASE("mutations: wrong factors and signs are rejected") { tell_apart(factors_and_signs()); }
TEST_CASE("mutations: derivatives wrong in some elements only are rejected") { tell_apart(wrong_in_places()); }
TEST_CASE("mutations: wrong broadcasting and wrong axes are rejected") { tell_apart(broadcasting_and_axes()); }
TEST_CASE("mutations: wrong matrices and moves are rejected") { tell_apart(matrices_and_moves()); }

}  // namespace xtape::test
