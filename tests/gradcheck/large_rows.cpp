#include "framework/ops/ops.hpp"
#include "tests/gradcheck/gradient_rows.hpp"

namespace xtape::test {
namespace {

using V = const Variable&;
using Axes = std::vector<int>;

std::vector<GradientRow> elementwise() {
  return {
      {"add", [](V a, V b) { return a + b; }, {{3, 40, 211}, {211}}, bilinear},
      {"add", [](V a, V b) { return a + b; }, {{2, 20001}, {2, 1}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{150, 150}, {150, 150}}, bilinear},
      {"multiply", [](V a, V b) { return a * b; }, {{70, 1, 60}, {1, 50, 1}}, bilinear},
      {"divide", [](V a, V b) { return a / b; }, {{40000}, {40000}}, positive},
      {"multiply", [](V a, V b) { return a * b; }, {{40000}, {}}, bilinear},
      {"pow", [](V a) { return pow(a, 3.0); }, {{40000}}},
      {"maximum", [](V a, V b) { return maximum(a, b); }, {{200, 110}, {110}}},
      {"clip", [](V a) { return clip(a, -0.5, 0.4); }, {{40000}}},
      {"add", [](V a) { return a + a + a; }, {{40000}}, bilinear},
      {"relu", relu, {{40000}}},
      {"relu", [](V a, V b) { return add_relu(a, 50 * b); }, {{40, 30, 33}, {33}}},
      {"add", [](V a, V b) { return a + b; }, {{2, 1}, {2, 20001}}, bilinear},
      {"leaky_relu", [](V a) { return leaky_relu(a); }, {{3, 12000}}},
      {"elu", [](V a) { return elu(a); }, {{40000}}},
      {"sigmoid", sigmoid, {{40000}}, wide},
      {"tanh", tanh, {{40000}}, wide},
      {"gelu", gelu, {{40000}}, wide},
      {"softplus", softplus, {{40000}}, wide},
      {"softmax", [](V a) { return softmax(a); }, {{400, 100}}, wide},
      {"log_softmax", [](V a) { return log_softmax(a, 0); }, {{100, 400}}, wide},
      {"exp", [](V a) { return exp(a); }, {{40000}}},
      {"log", [](V a) { return log(a); }, {{40000}}, positive},
      {"sqrt", [](V a) { return sqrt(a); }, {{40000}}, positive},
      {"square", [](V a) { return square(a); }, {{40000}}},
      {"abs", [](V a) { return abs(a); }, {{40000}}},
  };
}

std::vector<GradientRow> arrays() {
  return {
      {"sum", [](V a) { return sum(a); }, {{200, 201}}, bilinear},
      {"sum", [](V a) { return sum(a, Axes{0}); }, {{500, 90}}, bilinear},
      {"mean",
       [](V a) {
         return mean(a, Axes{1, 2});
       },
       {{3, 90, 91, 2}},
       bilinear},
      {"mean", [](V a) { return mean(a); }, {{40000}}, bilinear},
      {"sum", [](V a) { return sum(a); }, {{300001}}, bilinear},
      {"max", [](V a) { return max(a, Axes{1}); }, {{60, 700}}},
      {"min", [](V a) { return min(a, Axes{1}); }, {{60, 700}}},
      {"cumsum", [](V a) { return cumsum(a, 1); }, {{3, 700, 20}}, bilinear},
      {"take",
       [](V a) {
         std::vector<std::int64_t> rows;
         for (std::int64_t i = 0; i < 300; ++i) rows.push_back(i * i % 150);
         return take(a, Tensor::labels(rows), 0);
       },
       {{200, 110}},
       bilinear},
      {"index",
       [](V a) {
         return a[{{3, 190, 2}, {1, 200}}];
       },
       {{200, 201}},
       bilinear},
      {"pad",
       [](V a) {
         return pad(a, {{1, 2}, {3, 0}});
       },
       {{200, 201}},
       bilinear},
      {"sum_to",
       [](V a) {
         return sum_to(a, Shape{1, 211});
       },
       {{211, 211}},
       bilinear},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, Shape{100, 211});
       },
       {{211}},
       bilinear},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, Shape{211, 100});
       },
       {{211, 1}},
       bilinear},
      {"transpose",
       [](V a) {
         return transpose(a, Axes{2, 1, 0});
       },
       {{30, 31, 32}},
       bilinear},
      {"concatenate",
       [](V a, V b) {
         return concatenate({a, b}, 1);
       },
       {{40, 300, 2}, {40, 100, 2}},
       bilinear},
      {"matmul", [](V a, V b) { return matmul(a, b); }, {{130, 270}, {270, 70}}, bilinear},
      {"matmul", [](V a, V b) { return matmul(a, b); }, {{40, 9, 21}, {40, 21, 10}}, bilinear},
      {"matmul", [](V a, V b) { return matmul(a, b); }, {{20, 1100}, {1100, 30}}, bilinear},
  };
}

std::vector<GradientRow> networks() {
  const auto conv = [](Conv2DOptions o) { return [o](V x, V w) { return conv2d(x, w, o); }; };
  const auto depthwise = [](Conv2DOptions o) { return [o](V x, V w) { return depthwise_conv2d(x, w, o); }; };
  const Conv2DOptions same{.padding = Padding::same};
  const auto normalized = [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 1e-3).y; };
  // the residual is large so that few elements lie at relu's kink
  const auto fused = [](const std::vector<Variable>& v) {
    return batch_norm(v[0], v[1], v[2], 1e-3, {.residual = 50 * v[3], .relu = true}).y;
  };
  const WindowOptions pool{.size = 3, .strides = 2, .padding = Padding::same};
  return {
      {"conv2d", conv(same), {{2, 64, 65, 2}, {3, 3, 2, 3}}, bilinear},    // patches made in several pieces
      {"conv2d", conv(same), {{2, 31, 31, 64}, {3, 3, 64, 4}}, bilinear},  // dw added up over several blocks
      {"conv2d", conv({}), {{2, 24, 23, 40}, {1, 1, 40, 36}}, bilinear},   // one matrix product
      {"conv2d", conv({}), {{1, 33, 61, 10}, {1, 1, 10, 12}}, bilinear},
      {"conv2d", conv({.strides = 2}), {{3, 33, 31, 16}, {1, 1, 16, 20}}, bilinear},
      {"conv2d", conv({.strides = 2}), {{5, 37, 38, 3}, {7, 7, 3, 16}}, bilinear},
      {"conv2d", conv(same), {{2, 6, 7, 110}, {3, 3, 110, 40}}, bilinear},
      {"conv2d", conv({.strides = 2, .dilation = 2}), {{3, 21, 23, 9}, {3, 3, 9, 10}}, bilinear},
      {"conv2d", conv(same), {{7, 20, 21, 4}, {5, 5, 4, 5}}, bilinear},
      {"depthwise_conv2d", depthwise(same), {{2, 40, 41, 33}, {3, 3, 33, 1}}, bilinear},
      {"depthwise_conv2d", depthwise({.strides = 2}), {{3, 33, 31, 65}, {3, 2, 65, 2}}, bilinear},
      {"gather_depth_taps",
       [](V x, V w) { return conv3d(x, w, {.padding = Padding3D::same}); },
       {{2, 9, 21, 20, 9}, {3, 3, 3, 9, 10}},
       bilinear},
      {"add_depth_taps",
       [](V dy, V w) {
         return conv3d_input_gradient(dy, w, Shape{2, 19, 21, 20, 9}, {.strides = {2, 1, 1}});
       },
       {{2, 9, 19, 18, 10}, {3, 3, 3, 9, 10}},
       bilinear},
      {"max_pool2d", [pool](V x) { return max_pool2d(x, pool); }, {{4, 41, 40, 5}}},
      {"average_pool2d", [pool](V x) { return average_pool2d(x, pool); }, {{4, 41, 40, 5}}, bilinear},
      {"batch_norm", normalized, {{2, 24, 25, 32}, {32}, {32}}},
      {"batch_norm", normalized, {{4, 70, 71, 2}, {2}, {2}}},
      {"batch_norm", normalized, {{3, 9, 5, 130}, {130}, {130}}},
      {"batch_norm_inference",
       [](V x, V gamma, V beta) {
         return batch_norm_inference(x, gamma, beta, Tensor::full({2}, 0.3, x.dtype()),
                                     Tensor::full({2}, 0.7, x.dtype()), 1e-3);
       },
       {{4, 70, 71, 2}, {2}, {2}}},
      {"dropout",
       [](V x) {
         ForwardPass pass(Mode::training, {.seed = 4, .step = 0});
         return dropout(x, 0.5, pass);
       },
       {{30000}},
       {.bilinear = true, .float32 = false}},
      {"softmax", [](V x) { return softmax(x); }, {{20, 1000}}, wide},
      {"mean_squared_error", [](V x) { return mean_squared_error(x, Tensor::zeros({30000}, x.dtype())); }, {{30000}}},
      {"batch_norm", fused, {{3, 25, 23, 33}, {33}, {33}, {3, 25, 23, 33}}},
      {"softmax_cross_entropy",
       [](V x) {
         std::vector<std::int64_t> labels;
         for (std::int64_t i = 0; i < x.dim(0); ++i) labels.push_back(i * 7 % x.dim(1));
         return softmax_cross_entropy(x, Tensor::labels(labels));
       },
       {{80, 100}}},
      {"softmax_cross_entropy",
       [](V x) {
         std::vector<std::int64_t> labels;
         for (std::int64_t i = 0; i < x.size() / x.dim(-1); ++i) labels.push_back(i * 7 % (x.dim(-1) + 1) - 1);
         const Tensor pixels = Tensor::labels(labels).reshaped({x.dim(0), x.dim(1), x.dim(2)});
         return softmax_cross_entropy(x, pixels, {}, {.ignored_label = -1});
       },
       {{2, 60, 70, 3}}},
  };
}

}  // namespace

const std::vector<GradientRow>& large_gradient_rows() {
  static const std::vector<GradientRow> rows = [] {
    std::vector<GradientRow> all = elementwise();
    for (const auto& part : {arrays(), networks()}) all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

}  // namespace xtape::test
