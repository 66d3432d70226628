#include "framework/ops/ops.hpp"
#include "tests/gradcheck/gradient_rows.hpp"

namespace xtape::test {
namespace {

using V = const Variable&;

const GradientCheckOptions shares{.low = 0.1, .high = 0.9};

std::vector<GradientRow> sample_normalizations() {
  return {
      {"layer_norm", [](V x, V g, V b) { return layer_norm(x, g, b, 0.1); }, {{3, 2, 5}, {5}, {5}}},
      {"layer_norm", [](V x, V g, V b) { return layer_norm(x, g, b, 1e-3, 2); }, {{3, 2, 5}, {2, 5}, {2, 5}}, wide},
      {"layer_norm", [](V x) { return layer_norm(x, std::nullopt, std::nullopt, 1e-3); }, {{4, 19}}, wide},
      {"layer_norm", [](V x, V b) { return layer_norm(x, std::nullopt, b, 1e-3); }, {{2, 9}, {9}}, wide},
      {"layer_norm", [](V x) { return layer_norm(x, x * 2, x, 0.1); }, {{5}}},  // inputs that depend on each other
      {"rms_norm", [](V x, V g) { return rms_norm(x, g, 0.1); }, {{3, 2, 5}, {5}}},
      {"rms_norm", [](V x) { return rms_norm(x, std::nullopt, 1e-6, 2); }, {{3, 3, 5}}, wide},
      {"group_norm", [](V x, V g, V b) { return group_norm(x, g, b, 2, 0.1); }, {{2, 3, 2, 6}, {6}, {6}}},
      {"group_norm", [](V x, V g, V b) { return group_norm(x, g, b, 3, 1e-3); }, {{3, 5, 3}, {3}, {3}}, wide},
      {"group_norm", [](V x, V g) { return group_norm(x, g, std::nullopt, 1, 1e-3); }, {{2, 4, 5}, {5}}, wide},
      {"group_norm", [](V x, V b) { return group_norm(x, std::nullopt, b, 20, 1e-3); }, {{2, 3, 40}, {40}}, wide},
  };
}

std::vector<GradientRow> images() {
  const auto transforms = [](std::int64_t n) {
    std::vector<double> numbers;
    for (std::int64_t i = 0; i < n; ++i) {
      const double d = 0.1 * static_cast<double>(i);
      numbers.insert(numbers.end(), {0.8 + d, 0.3, -0.7, -0.2, 1.1 - d, 0.4});
    }
    return Tensor::of({n, 6}, numbers, DType::float64);
  };
  const auto affine = [=](std::int64_t n, AffineOptions options) {
    return [=](V x) { return affine_transform(x, transforms(n), options); };
  };
  return {
      {"affine_transform", affine(2, {}), {{2, 4, 5, 2}}, bilinear},
      {"affine_transform", affine(1, {.height = 3, .width = 6}), {{2, 4, 5, 1}}, bilinear},
      {"affine_transform", affine(2, {.fill_mode = FillMode::reflect}), {{2, 3, 4, 2}}, bilinear},
      {"affine_transform", affine(2, {.fill_mode = FillMode::wrap}), {{2, 3, 4, 2}}, bilinear},
      {"affine_transform", affine(2, {.fill_mode = FillMode::nearest}), {{2, 3, 4, 40}}, bilinear},
      {"affine_transform", affine(2, {.interpolation = Interpolation::nearest}), {{2, 4, 5, 2}}, bilinear},
      {"affine_transform", [](V x) { return resize2d(x, 7, 3); }, {{1, 4, 5, 2}}, bilinear},
      {"affine_transform", [](V x) { return resize2d(x, 7, 3, {.align_corners = true}); }, {{1, 4, 5, 2}}, bilinear},
      {"transpose", [](V x) { return depth_to_space(x, 2); }, {{1, 2, 3, 8}}, bilinear},
      {"transpose", [](V x) { return space_to_depth(x, 2); }, {{1, 4, 6, 2}}, bilinear},
      {"cast", [](V x) { return cast(cast(x, DType::float64) * 2.0, x.dtype()); }, {{5}}, bilinear},
  };
}

std::vector<GradientRow> sample_losses() {
  const Tensor numbers =
      Tensor::of({3, 4}, {0.7, -1.2, 0.4, 2.1, -0.3, 1.5, 0.9, -2.2, 0.2, 0.6, -0.8, 1.1}, DType::float64);
  const Tensor answers = Tensor::of({3, 4}, {1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}, DType::float64);
  const Tensor soft =
      Tensor::of({3, 4}, {0.2, 0.7, 0.5, 0.1, 0.9, 0.3, 0.4, 0.6, 0.8, 0.25, 0.35, 0.15}, DType::float64);
  const Tensor labels = Tensor::labels({2, 0, 3}), w = Tensor::of({3}, {0.5, 2, 1}, DType::float64);
  const std::vector<Shape> x{{3, 4}};
  return {
      {"huber", [=](V v) { return huber(v, numbers, w, {.delta = 0.8}); }, x, wide},
      {"mean_absolute_percentage_error", [=](V v) { return mean_absolute_percentage_error(v, numbers, w); }, x, wide},
      {"mean_squared_logarithmic_error",
       [=](V v) { return mean_squared_logarithmic_error(v, soft, w); },
       x,
       {.low = 0.1, .high = 3}},
      {"log_cosh", [=](V v) { return log_cosh(v, numbers, w); }, x, wide},
      {"poisson", [=](V v) { return poisson(v, answers, w); }, x, {.low = 0.2, .high = 3}},
      {"cosine_similarity", [=](V v) { return cosine_similarity(v, numbers, w); }, x, wide},
      {"hinge", [=](V v) { return hinge(v, answers, w); }, x, wide},
      {"squared_hinge", [=](V v) { return squared_hinge(v, answers, w); }, x, wide},
      {"categorical_hinge", [=](V v) { return categorical_hinge(v, labels, w); }, x, {.low = -1, .high = 1}},
      {"categorical_cross_entropy", [=](V v) { return categorical_cross_entropy(v, labels, w); }, x, shares},
      {"categorical_cross_entropy",
       [=](V v) { return categorical_cross_entropy(v, soft, w, {.label_smoothing = 0.1}); }, x, shares},
      {"kl_divergence", [=](V v) { return kl_divergence(v, soft, w); }, x, shares},
      {"sigmoid_focal_cross_entropy", [=](V v) { return sigmoid_focal_cross_entropy(v, soft, w); }, x, wide},
      {"sigmoid_focal_cross_entropy",
       [=](V v) {
         return sigmoid_focal_cross_entropy(v, answers, w, {.gamma = 1.5, .balanced = true, .label_smoothing = 0.1});
       },
       x, wide},
      {"softmax_focal_cross_entropy", [=](V v) { return softmax_focal_cross_entropy(v, labels, w); }, x, wide},
      {"dice", [=](V v) { return dice(v, answers, w); }, x, shares},
      {"tversky", [=](V v) { return tversky(v, answers, {}, {.whole_batch = true, .alpha = 0.3}); }, x, shares},
      {"sigmoid_cross_entropy",
       [=](V v) {
         return sigmoid_cross_entropy(v, answers, w, {.label_smoothing = 0.1, .pos_weight = {2, 1, 3, 0.5}});
       },
       x, wide},
      {"binary_cross_entropy", [=](V v) { return binary_cross_entropy(v, soft, w, {.pos_weight = {2}}); }, x, shares},
  };
}

}  // namespace

std::vector<GradientRow> sample_rows() {
  std::vector<GradientRow> rows = sample_normalizations();
  for (const auto& part : {images(), sample_losses()}) rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

}  // namespace xtape::test
