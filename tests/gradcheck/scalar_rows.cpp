#include "framework/ops/ops.hpp"
#include "tests/gradcheck/gradient_rows.hpp"

namespace xtape::test {
namespace {

using V = const Variable&;

std::vector<GradientRow> arithmetic() {
  return {
      {"add", [](V a, V b) { return a + b; }, {{2, 1, 3}, {4, 1}}, bilinear},
      {"add", [](V a, V b) { return a + b; }, {{5}, {5}}, bilinear},
      {"add", [](V a) { return a + 2.0; }, {{3}}, bilinear},
      {"add", [](V a, V b) { return a + b; }, {{}, {3}}, bilinear},
      {"add", [](V a, V b) { return a + b; }, {{2, 3}, {1}}, bilinear},
      {"add", [](V a, V b) { return a + b; }, {{2, 1, 2, 1, 2}, {1, 2, 2, 2, 1}}, bilinear},
      {"subtract", [](V a, V b) { return a - b; }, {{3}, {2, 3}}, bilinear},
      {"subtract", [](V a, V b) { return a - b; }, {{3, 2}, {3, 1}}, bilinear},
      {"subtract", [](V a) { return (1.0 - a) - 2.0; }, {{2, 2}}, bilinear},
      {"subtract", [](V a) { return -1.5 - a; }, {{3}}, bilinear},
      {"subtract", [](V a, V b) { return a - b; }, {{2, 3}, {1, 3}}, bilinear},
      {"subtract", [](V a, V b) { return a - b; }, {{}, {2, 3}}, bilinear},
      {"subtract", [](V a, V b) { return a - b; }, {{2, 3}, {}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{2, 3}, {3}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{2, 3, 1}, {2, 1, 4}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{}, {3, 2}}, bilinear},
      {"multiply", [](V a) { return a * a * 3.0; }, {{4}}},
      {"multiply", [](V a) { return a * -1.5; }, {{4}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{1, 3}, {2, 3}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{2, 1, 2, 1, 2}, {1, 2, 2, 2, 1}}, bilinear},
      {"divide", [](V a, V b) { return a / b; }, {{2, 1}, {1, 3}}, positive},
      {"divide", [](V a, V b) { return a / b; }, {{3}, {2, 3}}, positive},
      {"divide", [](V a) { return 2.0 / (a / 3.0); }, {{4}}, positive},
      {"divide", [](V a) { return -2.0 / (a / -3.0); }, {{4}}, positive},
      {"divide", [](V a, V b) { return a / b; }, {{2, 3}, {2, 1}}, positive},
      {"divide", [](V a, V b) { return a / b; }, {{2, 3}, {}}, positive},
      {"divide", [](V a, V b) { return a / b; }, {{2, 3}, {2, 3}}, {.low = -3, .high = -0.3}},
      {"negate", [](V a) { return -a; }, {{2, 3}}, bilinear},
      {"maximum", [](V a, V b) { return maximum(a, b); }, {{3, 12}, {12}}},
      {"maximum", [](V a, V b) { return maximum(a, b); }, {{4, 6}, {4, 6}}},
      {"maximum", [](V a, V b) { return maximum(a, b); }, {{6}, {5, 6}}},
      {"minimum", [](V a, V b) { return minimum(a, b); }, {{12, 5}, {12, 1}}},
      {"minimum", [](V a, V b) { return minimum(a, b); }, {{12}, {5, 12}}},
      {"minimum", [](V a, V b) { return minimum(a, b); }, {{5, 8}, {5, 8}}},
      {"clip", [](V a) { return clip(a, -0.5, 0.4); }, {{30}}},
      {"sum_to",
       [](V a) {
         return sum_to(a, Shape{3, 1});
       },
       {{2, 3, 4}},
       bilinear},
      {"sum_to",
       [](V a) {
         return sum_to(a, Shape{1, 3, 1, 2});
       },
       {{2, 3, 4, 2}},
       bilinear},
      {"sum_to", [](V a) { return sum_to(a, Shape{}); }, {{2, 3}}, bilinear},
      {"sum_to",
       [](V a) {
         return sum_to(a, Shape{1, 2, 1, 1, 2});
       },
       {{3, 2, 1, 2, 2}},
       bilinear},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, Shape{2, 3, 4});
       },
       {{3, 1}},
       bilinear},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, Shape{2, 3});
       },
       {{}},
       bilinear},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, Shape{2, 2, 2, 1, 3});
       },
       {{2, 1, 1, 3}},
       bilinear},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, Shape{3, 2, 4});
       },
       {{3, 1, 4}},
       bilinear},
  };
}

std::vector<GradientRow> elementary() {
  return {
      {"exp", [](V a) { return exp(a); }, {{2, 3}}},
      {"expm1", [](V a) { return expm1(a); }, {{2, 3}}},
      {"log1p", [](V a) { return log1p(a); }, {{2, 3}}, {.low = -0.8, .high = 4}},
      {"sin", [](V a) { return sin(a); }, {{2, 3}}, {.low = -7, .high = 7}},
      {"cos", [](V a) { return cos(a); }, {{2, 3}}, {.low = -7, .high = 7}},
      {"log", [](V a) { return log(a); }, {{2, 3}}, positive},
      {"sqrt", [](V a) { return sqrt(a); }, {{2, 3}}, positive},
      {"abs", [](V a) { return abs(a); }, {{20}}},
      {"square", [](V a) { return square(a); }, {{2, 3}}},
      {"pow", [](V a) { return pow(a, 2.5); }, {{5}}, positive},
      {"pow", [](V a) { return pow(a, 3.0); }, {{5}}},
      {"pow", [](V a) { return pow(a, -1.0); }, {{5}}, positive},
      {"pow", [](V a) { return pow(a, 0.5); }, {{5}}, {.low = 0.1, .high = 5}},
      {"pow", [](V a) { return pow(a, 1.0); }, {{5}}, bilinear},
      {"pow", [](V a) { return pow(a, 2.0); }, {{5}}, wide},
      {"pow", [](V a) { return pow(a, -2.5); }, {{5}}, positive},
      {"pow", [](V a) { return pow(a, 0.0) + a; }, {{5}}, bilinear},
      {"pow", [](V a, V b) { return pow(a, b); }, {{7}, {7}}, {.low = 0.1, .high = 4}},
      {"pow", [](V a, V b) { return pow(a, b); }, {{}, {5}}, positive},
      {"exp", [](V a) { return exp(a); }, {{20}}, wide},
      {"log", [](V a) { return log(a); }, {{20}}, {.low = 0.05, .high = 50}},
      {"sqrt", [](V a) { return sqrt(a); }, {{20}}, {.low = 0.02, .high = 30}},
      {"abs", [](V a) { return abs(a); }, {{30}}, {.low = -50, .high = 50}},
      {"square", [](V a) { return square(a); }, {{20}}, {.low = -20, .high = 20}},
      {"pow", [](V a, V b) { return pow(a, b); }, {{2, 3}, {3}}, positive},
      {"pow", [](V a, V b) { return pow(a, b); }, {{3}, {2, 1}}, positive},
  };
}

std::vector<GradientRow> smooth_activations() {
  const GradientCheckOptions wider{.low = -8, .high = 8};
  return {
      {"silu", silu, {{35}}, wider},
      {"silu", silu, {{5, 7}}, wide},
      {"mish", mish, {{35}}, wider},
      {"mish", mish, {{5, 7}}, wide},
      {"gelu_tanh", gelu_tanh, {{35}}, {.low = -4, .high = 4}},
      {"celu", [](V a) { return celu(a); }, {{35}}, wider},
      {"celu", [](V a) { return celu(a, 0.3); }, {{35}}, wide},
      {"celu", [](V a) { return celu(a, 2.5); }, {{35}}, wider},
      {"selu", selu, {{35}}, wider},
      {"softsign", softsign, {{35}}, wide},
      {"squareplus", [](V a) { return squareplus(a); }, {{35}}, wider},
      {"squareplus", [](V a) { return squareplus(a, 0.5); }, {{35}}, wide},
      {"exponential", exponential, {{35}}, wide},
      {"log_sigmoid", log_sigmoid, {{35}}, wider},
      {"tanh_shrink", tanh_shrink, {{35}}, wide},
      {"tanh_shrink", tanh_shrink, {{35}}, {.low = -0.2, .high = 0.2}},
      {"sparse_plus", sparse_plus, {{35}}, wide},
  };
}

std::vector<GradientRow> piecewise_activations() {
  const GradientCheckOptions wider{.low = -8, .high = 8};
  return {
      {"relu6", relu6, {{35}}, wider},
      {"hard_sigmoid", hard_sigmoid, {{35}}, wider},
      {"hard_silu", hard_silu, {{35}}, wider},
      {"hard_silu", hard_silu, {{35}}, {.low = -2.9, .high = 2.9}},
      {"hard_tanh", hard_tanh, {{35}}, wide},
      {"hard_shrink", [](V a) { return hard_shrink(a); }, {{35}}, wide},
      {"hard_shrink", [](V a) { return hard_shrink(a, 1.5); }, {{35}}, wide},
      {"soft_shrink", [](V a) { return soft_shrink(a); }, {{35}}, wide},
      {"soft_shrink", [](V a) { return soft_shrink(a, 1.5); }, {{35}}, wide},
      {"sparse_sigmoid", sparse_sigmoid, {{35}}, wide},
      {"sparsemax", [](V a) { return sparsemax(a); }, {{4, 9}}, {}, false},
      {"sparsemax", [](V a) { return sparsemax(a, 1); }, {{2, 7, 2}}, wide, false},
      {"rectify", [](V a) { return rectify(a, {.max_value = 2}); }, {{35}}, wide},
      {"rectify", [](V a) { return rectify(a, {.negative_slope = 0.3}); }, {{35}}, wide},
      {"rectify",
       [](V a) { return rectify(a, {.max_value = 2, .negative_slope = 0.3, .threshold = 0.5}); },
       {{35}},
       wide},
      {"prelu", [](V x, V a) { return prelu(x, a); }, {{2, 3, 4}, {3, 4}}, wide},
      {"prelu", [](V x, V a) { return prelu(x, a); }, {{2, 3, 4, 2}, {1, 1, 2}}, wide},
      {"prelu", [](V x, V a) { return prelu(x, a); }, {{12}, {}}, wide},
  };
}

std::vector<GradientRow> activation_rows() {
  const GradientCheckOptions wider{.low = -8, .high = 8}, widest{.low = -40, .high = 40};
  return {
      {"relu", relu, {{5, 7}}},
      {"relu", relu, {{35}}, widest},
      {"leaky_relu", [](V a) { return leaky_relu(a, 0.6); }, {{35}}, widest},
      {"elu", [](V a) { return elu(a, 0.3); }, {{35}}, wider},
      {"elu", [](V a) { return elu(a); }, {{35}}, wider},
      {"sigmoid", sigmoid, {{35}}, wider},
      {"tanh", tanh, {{35}}, {.low = -5, .high = 5}},
      {"softplus", softplus, {{35}}, widest},
      {"gelu", gelu, {{35}}, {.low = -5, .high = 5}},
      {"erf", erf, {{35}}, {.low = -3, .high = 3}},
      {"softmax", [](V a) { return softmax(a); }, {{7}}, wide},
      {"softmax", [](V a) { return softmax(a, -2); }, {{2, 3, 2}}, wide},
      {"softmax", [](V a) { return softmax(a, 2); }, {{2, 1, 3, 2}}, wide},
      {"softmax", [](V a) { return softmax(a); }, {{4, 12}}, {.low = -15, .high = 15}},  // not all rows saturated
      {"softmax", [](V a) { return softmax(a); }, {{3, 1}}, {.may_be_constant = true}},
      {"log_softmax", [](V a) { return log_softmax(a); }, {{7}}, wide},
      {"log_softmax", [](V a) { return log_softmax(a, -2); }, {{2, 3, 2}}, wide},
      {"log_softmax", [](V a) { return log_softmax(a); }, {{2, 12}}, widest},
      {"relu", [](V a, V b) { return add_relu(a, b); }, {{2, 3, 4}, {3, 4}}},
      {"relu", [](V a, V b) { return add_relu(a, b); }, {{1, 4}, {5, 4}}},
      {"relu", [](V a, V b) { return add_relu(a, b); }, {{3, 1, 4, 2}, {3, 1, 4, 2}}},
      {"relu", [](V a, V b) { return add_relu(a, b); }, {{2, 2, 3, 4}, {4}}},
      {"leaky_relu", [](V a) { return leaky_relu(a); }, {{5, 7}}},
      {"leaky_relu", [](V a) { return leaky_relu(a, 0.2); }, {{1, 11}}},
      {"elu", [](V a) { return elu(a, 1.5); }, {{5, 7}}, wide},
      {"elu", [](V a) { return elu(a); }, {{9}}},
      {"sigmoid", sigmoid, {{5, 7}}, wide},
      {"tanh", tanh, {{5, 7}}, wide},
      {"softplus", softplus, {{5, 7}}, wide},
      {"gelu", gelu, {{5, 7}}, wide},
      {"softmax", [](V a) { return softmax(a); }, {{4, 5}}, wide},
      {"softmax", [](V a) { return softmax(a, 0); }, {{4, 2, 3}}},
      {"softmax", [](V a) { return softmax(a, 1); }, {{1, 3, 2}}},
      {"log_softmax", [](V a) { return log_softmax(a); }, {{4, 5}}, wide},
      {"log_softmax", [](V a) { return log_softmax(a, 0); }, {{3, 4}}},
  };
}

}  // namespace

std::vector<GradientRow> scalar_rows() {
  std::vector<GradientRow> rows = arithmetic();
  for (const auto& part : {elementary(), activation_rows(), smooth_activations(), piecewise_activations()})
    rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

}  // namespace xtape::test
