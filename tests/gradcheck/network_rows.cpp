#include <cmath>

#include "framework/ops/ops.hpp"
#include "tests/gradcheck/gradient_rows.hpp"

namespace xtape::test {
namespace {

using V = const Variable&;

const WindowOptions window_3x2{.size = {3, 2}, .strides = {2, 1}, .padding = Padding::same};
const WindowOptions skipping{.size = 2, .strides = 3};
const Conv2DOptions strided{.strides = {2, 3}, .padding = Padding::same};

DifferentiableFunction conv(Conv2DOptions options) {
  return [options](V x, V w) { return conv2d(x, w, options); };
}

DifferentiableFunction depthwise(Conv2DOptions options) {
  return [options](V x, V w) { return depthwise_conv2d(x, w, options); };
}

std::vector<GradientRow> convolution_rows() {
  const Conv2DOptions same{.padding = Padding::same};
  const Conv2DOptions strided_dilated{.strides = 2, .padding = Padding(1, 2, 1, 1), .dilation = 2};
  const Conv2DOptions dilated{.padding = Padding(1, 2, 0, 1), .dilation = {2, 1}};
  return {
      {"conv2d", conv({}), {{2, 4, 5, 2}, {3, 2, 2, 3}}, bilinear},
      {"conv2d", conv(same), {{1, 4, 4, 1}, {3, 3, 1, 2}}, bilinear},
      {"conv2d", conv(same), {{1, 3, 5, 1}, {2, 4, 1, 1}}, bilinear},
      {"conv2d", conv(strided), {{1, 5, 7, 2}, {3, 3, 2, 2}}, bilinear},
      {"conv2d", conv({.strides = {3, 2}, .padding = Padding::same}), {{2, 5, 4, 1}, {2, 3, 1, 2}}, bilinear},
      {"conv2d", conv(dilated), {{1, 5, 4, 2}, {2, 2, 2, 2}}, bilinear},
      {"conv2d", conv({.strides = 3}), {{1, 5, 5, 2}, {2, 2, 2, 2}}, bilinear},
      {"conv2d", conv({}), {{2, 3, 2, 3}, {1, 1, 3, 4}}, bilinear},
      {"conv2d", conv({.strides = 2}), {{2, 4, 3, 3}, {1, 1, 3, 4}}, bilinear},
      {"conv2d", conv({.padding = Padding(1, 0, 0, 1)}), {{1, 2, 3, 2}, {1, 1, 2, 2}}, bilinear},
      {"conv2d", conv({}), {{1, 3, 3, 2}, {3, 3, 2, 2}}, bilinear},
      {"conv2d", conv(strided_dilated), {{2, 6, 7, 1}, {2, 2, 1, 2}}, bilinear},
      {"conv2d", conv({.strides = {2, 1}, .dilation = {2, 3}}), {{1, 6, 8, 2}, {2, 3, 2, 1}}, bilinear},
      {"conv2d", conv({.strides = 2, .padding = Padding::same}), {{1, 5, 6, 2}, {2, 2, 2, 1}}, bilinear},
      {"conv2d", conv({.strides = {1, 4}, .padding = Padding::same}), {{1, 3, 9, 1}, {2, 3, 1, 2}}, bilinear},
      {"conv2d", conv({.strides = {4, 3}}), {{2, 9, 7, 1}, {3, 1, 1, 1}}, bilinear},
      {"conv2d", conv({.padding = Padding(1, 2, 0, 2)}), {{1, 2, 2, 2}, {4, 3, 2, 1}}, bilinear},
      {"conv2d", conv({.padding = Padding(0, 1, 2, 0)}), {{2, 3, 3, 1}, {2, 2, 1, 2}}, bilinear},
      {"conv2d", conv({}), {{6, 2, 3, 1}, {1, 2, 1, 2}}, bilinear},
      {"conv2d", conv(same), {{1, 6, 2, 2}, {5, 1, 2, 2}}, bilinear},
      {"conv2d", conv(same), {{1, 2, 6, 2}, {1, 5, 2, 2}}, bilinear},
      {"conv2d", [](V x) { return conv2d(x, x, {.padding = Padding::same}); }, {{2, 2, 3, 3}}},
      {"conv2d", conv({.padding = Padding::same, .groups = 2}), {{1, 4, 3, 4}, {3, 2, 2, 6}}, bilinear},
      {"conv2d", conv({.strides = 2, .padding = Padding::same, .groups = 3}), {{2, 3, 4, 3}, {2, 2, 1, 6}}, bilinear},
      {"depthwise_conv2d", depthwise({.padding = Padding::same}), {{2, 4, 5, 3}, {3, 3, 3, 1}}, bilinear},
      {"depthwise_conv2d", depthwise(strided), {{1, 5, 7, 2}, {3, 3, 2, 2}}, bilinear},
      {"depthwise_conv2d", depthwise(dilated), {{1, 5, 4, 2}, {2, 2, 2, 3}}, bilinear},
      {"depthwise_conv2d", depthwise(strided_dilated), {{2, 6, 7, 4}, {2, 2, 4, 1}}, bilinear},
      {"depthwise_conv2d", depthwise({}), {{1, 3, 4, 1}, {2, 3, 1, 2}}, bilinear},
      {"depthwise_conv2d", depthwise(same), {{1, 2, 6, 5}, {1, 5, 5, 1}}, bilinear},
      {"conv2d_input_gradient",
       [](V dy, V w) {
         return conv2d_input_gradient(dy, w, Shape{1, 5, 7, 2}, strided);
       },
       {{1, 3, 3, 2}, {3, 3, 2, 2}},
       bilinear},
      {"conv2d_kernel_gradient",
       [](V x, V dy) {
         return conv2d_kernel_gradient(x, dy, Shape{3, 3, 2, 2}, strided);
       },
       {{1, 5, 7, 2}, {1, 3, 3, 2}},
       bilinear},
  };
}

std::vector<GradientRow> convolutions_1d_3d() {
  const auto line = [](Conv1DOptions o) { return [o](V x, V w) { return conv1d(x, w, o); }; };
  const auto volume = [](Conv3DOptions o) { return [o](V x, V w) { return conv3d(x, w, o); }; };
  const Conv3DOptions apart{.strides = {2, 1, 3}, .padding = Padding3D(1, 2, 0, 1, 2, 0)};
  const Conv3DOptions spread{.strides = {2, 1, 1}, .padding = Padding3D::same, .dilation = {2, 1, 2}, .groups = 2};
  return {
      {"conv1d", line({}), {{2, 5, 2}, {3, 2, 3}}, bilinear},
      {"conv1d", line({.padding = Padding1D::causal, .dilation = 2}), {{1, 6, 2}, {3, 2, 2}}, bilinear},
      {"conv1d", line({.strides = 2, .padding = Padding1D::same, .groups = 2}), {{1, 5, 4}, {2, 2, 4}}, bilinear},
      {"depthwise_conv1d",
       [](V x, V w) {
         return depthwise_conv1d(x, w, {.padding = {1, 2}});
       },
       {{2, 4, 3}, {3, 3, 2}},
       bilinear},
      {"conv1d_input_gradient",
       [](V dy, V w) {
         return conv1d_input_gradient(dy, w, Shape{1, 7, 2}, {.strides = 2});
       },
       {{1, 3, 3}, {3, 2, 3}},
       bilinear},
      {"gather_depth_taps", volume({}), {{2, 3, 3, 4, 2}, {2, 2, 3, 2, 2}}, bilinear},
      {"gather_depth_taps", volume(apart), {{1, 4, 3, 4, 2}, {3, 2, 2, 2, 2}}, bilinear},
      {"gather_depth_taps", volume(spread), {{1, 5, 2, 3, 4}, {3, 2, 2, 2, 2}}, bilinear},
      {"conv3d", volume({.padding = Padding3D::same}), {{2, 2, 3, 3, 2}, {1, 3, 2, 2, 2}}, bilinear},
      {"add_depth_taps",
       [=](V dy, V w) {
         return conv3d_input_gradient(dy, w, Shape{1, 4, 3, 4, 2}, apart);
       },
       {{1, 3, 3, 2, 2}, {3, 2, 2, 2, 2}},
       bilinear},
      {"add_depth_taps",
       [=](V dy, V w) {
         return conv3d_input_gradient(dy, w, Shape{1, 5, 2, 3, 4}, spread);
       },
       {{1, 3, 2, 3, 2}, {3, 2, 2, 2, 2}},
       bilinear},
  };
}

std::vector<GradientRow> pools_1d_3d() {
  const WindowOptions3D uneven{.size = {2, 3, 2}, .strides = {1, 2, 2}, .padding = Padding3D(1, 0, 1, 1, 0, 1)};
  return {
      {"max_pool2d",
       [](V x) {
         return max_pool1d(x, {.size = 3, .strides = 2, .padding = {1, 2}});
       },
       {{2, 7, 2}}},
      {"max_pool2d", [=](V x) { return max_pool3d(x, uneven); }, {{1, 3, 4, 4, 2}}},
      {"max_pool2d", global_max_pool1d, {{2, 5, 2}}},
      {"max_pool2d", global_max_pool3d, {{2, 2, 3, 2, 2}}},
      {"average_pool2d",
       [](V x) {
         return average_pool1d(x, {.size = 3, .strides = 2, .padding = {1, 2}});
       },
       {{2, 7, 2}},
       bilinear},
      {"average_pool2d", [=](V x) { return average_pool3d(x, uneven); }, {{1, 3, 4, 4, 2}}, bilinear},
      {"mean", global_average_pool1d, {{2, 5, 2}}, bilinear},
      {"mean", global_average_pool3d, {{2, 2, 3, 2, 2}}, bilinear},
  };
}

std::vector<GradientRow> pool_rows() {
  const auto largest = [](WindowOptions o) { return [o](V x) { return max_pool2d(x, o); }; };
  const auto pooled = [](Conv2DOptions o, WindowOptions pooling) {
    return [=](V x, V w) { return conv2d_max_pool2d(x, w, o, pooling); };
  };
  const auto average = [](WindowOptions o) { return [o](V x) { return average_pool2d(x, o); }; };
  const WindowOptions dilated{.size = {2, 3}, .strides = {1, 2}, .padding = Padding(1, 0, 0, 1), .dilation = {3, 2}};
  const WindowOptions uneven{.size = {2, 3}, .strides = {1, 2}, .padding = Padding(1, 0, 0, 1)};
  return {
      {"max_pool2d", largest(window_3x2), {{2, 5, 4, 2}}},
      {"max_pool2d", largest({.size = 2, .strides = 1}), {{1, 4, 4, 1}}},
      {"max_pool2d", largest(skipping), {{1, 5, 7, 2}}},
      {"max_pool2d", largest(uneven), {{1, 4, 5, 2}}},
      {"max_pool2d", largest(dilated), {{1, 6, 7, 2}}},
      {"max_pool2d", largest({.size = {1, 3}, .strides = {2, 1}}), {{5, 3, 4, 1}}},
      {"max_pool2d", largest({.size = 4, .strides = 3, .padding = Padding(3, 2, 2, 3)}), {{1, 4, 5, 1}}},
      {"max_pool2d", largest({.size = 2, .padding = Padding::same}), {{1, 2, 2, 40}}},
      {"max_pool2d", global_max_pool2d, {{2, 3, 4, 2}}},
      {"conv2d_max_pool2d",
       pooled({.padding = Padding::same}, {.size = 2, .strides = 2}),
       {{2, 6, 5, 2}, {3, 3, 2, 3}},
       {},
       false},
      {"conv2d_max_pool2d",
       pooled({.strides = {2, 1}}, {.size = {2, 3}, .strides = {3, 2}, .padding = Padding::same}),
       {{1, 9, 6, 3}, {2, 2, 3, 8}},
       {},
       false},
      {"average_pool2d", average(window_3x2), {{2, 5, 4, 2}}, bilinear},
      {"average_pool2d", average({.size = 2, .strides = 1}), {{1, 4, 4, 1}}, bilinear},
      {"average_pool2d", average(skipping), {{1, 5, 7, 2}}, bilinear},
      {"average_pool2d", average(uneven), {{1, 4, 5, 2}}, bilinear},
      {"average_pool2d", average(dilated), {{1, 6, 7, 2}}, bilinear},
      {"average_pool2d", average({.size = {1, 3}, .strides = {2, 1}}), {{5, 3, 4, 1}}, bilinear},
      {"average_pool2d", average({.size = 4, .strides = 3, .padding = Padding(3, 2, 2, 3)}), {{1, 4, 5, 1}}, bilinear},
      {"average_pool2d", average({.size = 2, .padding = Padding::same}), {{1, 2, 2, 40}}, bilinear},
      {"average_pool2d_gradient", [=](V x) { return square(average_pool2d(x, dilated)); }, {{1, 5, 5, 1}}},
      {"average_pool2d_gradient", [](V x) { return square(average_pool2d(x, skipping)); }, {{1, 5, 5, 2}}},
      {"mean", global_average_pool2d, {{2, 3, 4, 2}}, bilinear},
  };
}

std::vector<GradientRow> normalizations() {
  const GradientCheckOptions drawing{.bilinear = true, .float32 = false};  // another mask is drawn in float32
  const auto inference = [](V x, V gamma, V beta) {
    const Tensor mean = Tensor::of({3}, {0.6, -0.7, 0.8}, x.dtype());
    const Tensor variance = Tensor::of({3}, {0.5, 0.3, 2}, x.dtype());
    return batch_norm_inference(x, gamma, beta, mean, variance, 1e-3);
  };
  const GradientCheckOptions bias_leaves{.constant_inputs = {"input 3"}};
  const auto beside = [](const std::vector<Variable>& v) {
    return batch_norm(v[0], v[1], v[2], 0.1, {.bias = v[3], .residual = v[4]}).y;
  };
  const auto fused = [](const std::vector<Variable>& v) {
    return batch_norm(v[0], v[1], v[2], 0.1, {.bias = v[3], .residual = v[4], .relu = true}).y;
  };
  const auto rectified = [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 0.1, {.relu = true}).y; };
  const auto limited = [](V x, V gamma, V beta) {
    return batch_norm(x, gamma, beta, 0.1, {.relu = true, .max_value = 0.5}).y;
  };
  const auto limited_sum = [](const std::vector<Variable>& v) {
    return batch_norm(v[0], v[1], v[2], 0.1, {.residual = v[3], .relu = true, .max_value = 0.5}).y;
  };
  const auto smooth = [](V x, V gamma, V beta) {
    return batch_norm(x, gamma, beta, 0.1, {.function = tanh_of_element()}).y;
  };
  const auto smooth_sum = [](const std::vector<Variable>& v) {
    return batch_norm(v[0], v[1], v[2], 0.1, {.bias = v[3], .residual = v[4], .function = silu.of_element()}).y;
  };
  const auto fused_inference = [](const std::vector<Variable>& v) {
    const Tensor mean = Tensor::of({3}, {0.6, -0.7, 0.8}, v[0].dtype());
    const Tensor variance = Tensor::of({3}, {0.5, 0.3, 2}, v[0].dtype());
    return batch_norm_inference(v[0], v[1], v[2], mean, variance, 0.1, {.bias = v[3], .residual = v[4], .relu = true});
  };
  const auto wide_inference = [](V x, V gamma, V beta) {  // variances from 0.01 to 100
    std::vector<double> mean, variance;
    for (int i = 0; i < 10; ++i) mean.push_back(0.3 * i - 1), variance.push_back(std::pow(10, 0.4 * i - 2));
    return batch_norm_inference(x, gamma, beta, Tensor::of({10}, mean, x.dtype()),
                                Tensor::of({10}, variance, x.dtype()), 1e-5);
  };
  const auto normalized = [](double epsilon) {
    return [epsilon](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, epsilon).y; };
  };
  const auto dropped = [](double rate) {
    return [rate](V x) {
      ForwardPass pass(Mode::training, {.seed = 4, .step = 0});
      return dropout(x, rate, pass);
    };
  };
  return {
      {"batch_norm", [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 1e-3).y; }, {{2, 3, 2, 3}, {3}, {3}}},
      {"batch_norm", [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 0.1).y; }, {{5, 2}, {2}, {2}}},
      {"batch_norm", [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 0.1).y; }, {{1, 3, 3, 1}, {1}, {1}}},
      {"batch_norm", normalized(1e-5), {{4, 3, 2}, {2}, {2}}},
      {"batch_norm", normalized(2), {{2, 3}, {3}, {3}}},
      {"batch_norm", normalized(1e-3), {{3, 45}, {45}, {45}}},
      {"batch_norm_inference", wide_inference, {{2, 3, 10}, {10}, {10}}},
      {"batch_norm", rectified, {{2, 3, 2, 3}, {3}, {3}}, {}, false},
      {"batch_norm", limited, {{2, 3, 2, 3}, {3}, {3}}, {}, false},
      {"batch_norm", beside, {{2, 3, 2, 3}, {3}, {3}, {3}, {2, 3, 2, 3}}, bias_leaves},
      {"batch_norm", fused, {{7, 2}, {2}, {2}, {2}, {7, 2}}, bias_leaves, false},
      {"batch_norm", limited_sum, {{7, 2}, {2}, {2}, {7, 2}}, {}, false},
      {"batch_norm", smooth, {{2, 3, 2, 3}, {3}, {3}}},
      {"batch_norm", smooth_sum, {{7, 2}, {2}, {2}, {2}, {7, 2}}, bias_leaves},
      {"batch_norm",
       [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 0.1, {.residual = x}).y; },
       {{6, 3}, {3}, {3}}},
      {"batch_norm_inference", fused_inference, {{2, 1, 4, 3}, {3}, {3}, {3}, {2, 1, 4, 3}}, {}, false},
      {"batch_norm_inference", inference, {{2, 2, 2, 3}, {3}, {3}}},
      {"batch_norm_inference", inference, {{1, 3}, {3}, {3}}},
      {"dropout", dropped(0.4), {{20}}, drawing},
      {"dropout", dropped(0.1), {{20}}, drawing},
      {"dropout", dropped(0.75), {{2, 3, 2, 2}}, drawing},
  };
}

std::vector<GradientRow> losses() {
  const Tensor classes = Tensor::labels({2, 0, 1});
  const Tensor soft = Tensor::of({2, 3}, {0.2, 0.3, 0.5, 0, 1, 0}, DType::float64);
  const Tensor weights = Tensor::of({2, 3}, {0.4, 0.3, 0.5, 0, 2, 0}, DType::float64);  // their sum is not 1
  const Tensor five = Tensor::of({5, 2}, {0.1, 0.9, 1, 0, 0.5, 0.5, 0.7, 0.3, 0.2, 0.8}, DType::float64);
  const Tensor two = Tensor::of({2}, {0.3, 0.9}, DType::float64);
  const Tensor pixels = Tensor::labels({2, 0, 1, 1}).reshaped({2, 2, 1});
  const GradientCheckOptions inside{.low = 0.1, .high = 0.9}, far{.low = -10, .high = 10}, beyond{.low = 2, .high = 3};
  const GradientCheckOptions small{.low = 2e-4, .high = 9e-4, .step = 1e-7};
  return {
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, classes); }, {{3, 4}}},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, soft); }, {{2, 3}}},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, weights); }, {{2, 3}}},
      {"softmax_cross_entropy", [](V x) { return softmax_cross_entropy(x, Tensor::labels({1})); }, {{1, 5}}},
      {"softmax_cross_entropy",
       [](V x) {
         return softmax_cross_entropy(x, Tensor::labels({1, 0, 1}));
       },
       {{3, 2}}},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, classes); }, {{3, 4}}, far},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, five); }, {{5, 2}}},
      {"sigmoid_cross_entropy", [=](V x) { return sigmoid_cross_entropy(x, soft); }, {{2, 3}}, far},
      {"sigmoid_cross_entropy", [=](V x) { return sigmoid_cross_entropy(x, two); }, {{2}}},
      {"binary_cross_entropy", [=](V x) { return binary_cross_entropy(x, two); }, {{2}}, small},
      {"mean_squared_error", [=](V x) { return mean_squared_error(x, two); }, {{2}}},
      {"mean_squared_error", [=](V x) { return mean_squared_error(x, Tensor::ones({1}, x.dtype())); }, {{1}}},
      {"mean_squared_error",
       [=](V x) {
         return mean_squared_error(x, Tensor::ones({2, 1, 2, 2}, x.dtype()));
       },
       {{2, 1, 2, 2}}},
      {"binary_cross_entropy", [=](V x) { return binary_cross_entropy(x, soft); }, {{2, 3}}, inside},
      {"sigmoid_cross_entropy", [=](V x) { return sigmoid_cross_entropy(x, soft); }, {{2, 3}}},
      {"mean_squared_error", [=](V x) { return mean_squared_error(x, soft); }, {{2, 3}}},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, soft, two); }, {{2, 3}}},
      {"softmax_cross_entropy",
       [=](V x) { return softmax_cross_entropy(x, classes, {}, {.label_smoothing = 0.3}); },
       {{3, 4}}},
      {"softmax_cross_entropy",
       [=](V x) { return softmax_cross_entropy(x, soft, two, {.label_smoothing = 0.1}); },
       {{2, 3}}},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, pixels); }, {{2, 2, 1, 3}}},
      {"softmax_cross_entropy",
       [=](V x) { return softmax_cross_entropy(x, pixels, two, {.label_smoothing = 0.2, .ignored_label = 0}); },
       {{2, 2, 1, 3}}},
      {"softmax_cross_entropy",
       [=](V x) {
         return softmax_cross_entropy(x, soft.reshaped({1, 2, 3}), {}, {.label_smoothing = 0.3});
       },
       {{1, 2, 3}}},
      {"softmax_cross_entropy",
       [](V x) {
         return softmax_cross_entropy(x, Tensor::labels({-1, 2, 0, -1, 1}), {}, {.ignored_label = -1});
       },
       {{5, 4}}},
      {"mean_absolute_error", [=](V x) { return mean_absolute_error(x, soft); }, {{2, 3}}, beyond},
      {"mean_absolute_error", [=](V x) { return mean_absolute_error(x, soft, two); }, {{2, 3}}, beyond},
      {"sigmoid_cross_entropy", [=](V x) { return sigmoid_cross_entropy(x, soft, two); }, {{2, 3}}},
      {"binary_cross_entropy", [=](V x) { return binary_cross_entropy(x, soft, two); }, {{2, 3}}, inside},
      {"mean_squared_error", [=](V x) { return mean_squared_error(x, soft, two); }, {{2, 3}}},
  };
}

}  // namespace

std::vector<GradientRow> network_rows() {
  std::vector<GradientRow> rows = convolution_rows();
  for (const auto& part : {convolutions_1d_3d(), pool_rows(), pools_1d_3d(), normalizations(), losses()})
    rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

const std::vector<GradientRow>& gradient_rows() {
  static const std::vector<GradientRow> rows = [] {
    std::vector<GradientRow> all;
    for (const auto& part : {scalar_rows(), array_rows(), network_rows(), sample_rows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace xtape::test
