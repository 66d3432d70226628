// The whole messages about operands that do not fit.
#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;

const Tensor image = Tensor::ones({1, 4, 6, 3});

}  // namespace

TEST_CASE("convolutions name the axes that do not fit") {
  check_messages({
      {"depthwise_conv2d: expected 1 group, got 3; use conv2d",
       [] {
         depthwise_conv2d(image, Tensor::ones({2, 2, 3, 1}), {.groups = 3});
       }},
      {"depthwise_conv2d: expected a kernel (height, width, channels, multiplier), got shape (2, 2, 3)",
       [] {
         depthwise_conv2d(image, Tensor::ones({2, 2, 3}));
       }},
      {"depthwise_conv2d: expected images (n, height, width, channels), got shape (4, 6, 3)",
       [] {
         depthwise_conv2d(Tensor::ones({4, 6, 3}), Tensor::ones({2, 2, 3, 1}));
       }},
      {"depthwise_conv2d: expected a kernel for the 3 channels of images (1, 4, 6, 3), got one for 2: (2, 2, 2, 1)",
       [] {
         depthwise_conv2d(image, Tensor::ones({2, 2, 2, 1}));
       }},
      {"conv2d_kernel_gradient: expected dy of shape (1, 3, 5, 2), got (1, 3, 4, 2)",
       [] {
         conv2d_kernel_gradient(image, Tensor::ones({1, 3, 4, 2}), {2, 2, 3, 2});
       }},
      {"depth_to_space: expected floating images (n, height, width, channels), got uint8 (1, 4, 6, 4)",
       [] {
         depth_to_space(Tensor::ones({1, 4, 6, 4}, DType::uint8), 2);
       }},
      {"depth_to_space: expected a block_size whose square divides the channels of (1, 4, 6, 3), got 2",
       [] { depth_to_space(image, 2); }},
      {"space_to_depth: expected a block_size that divides height and width of (1, 4, 6, 3), got 4",
       [] { space_to_depth(image, 4); }},
      {"space_to_depth: expected a block_size that divides height and width of (1, 4, 6, 3), got 3",
       [] { space_to_depth(image, 3); }},
  });
}

TEST_CASE("results that no memory holds are errors") {
  const Tensor x = Tensor::ones({2, 3});
  const std::int64_t most = std::numeric_limits<std::int64_t>::max(), large = std::int64_t{1} << 50;
  check_messages({
      {"tile: expected extents below 2^63, got 9223372036854775807 x 2 for axis 0",
       [&] {
         tile(x, {most, 1});
       }},
      {"Shape: expected at most 2^62 elements, got (2, 6917529027641081856)",
       [&] {
         tile(x, {1, most / 4 + 1});
       }},
      {"Tensor: expected memory for (1, 1125899906842624, 6) of float32 (27021597.8 GB), got none from the system",
       [&] {
         tile(x, {large, 1});
       }},
      {"repeat: expected extents below 2^63, got 9223372036854775807 x 2 for axis 0", [&] { repeat(x, most, 0); }},
      {"Tensor: expected memory for (3377699720527872,) of int64 (27021597.8 GB), got none from the system",
       [&] { repeat(x, large, 1); }},
      {"depth_to_space: expected a block_size whose square divides the channels of (1, 4, 6, 3), got 4294967296",
       [] { depth_to_space(image, std::int64_t{1} << 32); }},
  });
}

TEST_CASE("losses name the targets and options that do not fit") {
  const Tensor outputs = Tensor::full({2, 3}, 0.5), single = Tensor::ones({2, 1});
  const auto label = Tensor::labels({0, 2});
  check_messages({
      {"categorical_hinge: expected outputs (n, ..., classes) of at least 2 classes, got shape (2, 1)",
       [&] {
         categorical_hinge(single, Tensor::labels({0, 0}));
       }},
      {"categorical_hinge: expected targets, got an undefined tensor", [&] { categorical_hinge(outputs, {}); }},
      {"categorical_hinge: expected int64 class numbers (2,) or floating distributions (2, 3), got int64 (3,)",
       [&] {
         categorical_hinge(outputs, Tensor::labels({0, 1, 2}));
       }},
      {"hinge: expected targets that are -1 or 1, or 0 or 1, got 2",
       [&] {
         hinge(outputs, Tensor::of({2, 3}, {1, 0, 1, 1, 2, 0}));
       }},
      {"hinge: expected targets that are -1 or 1, or 0 or 1, got both -1 and 0",
       [&] {
         hinge(outputs, Tensor::of({2, 3}, {1, 0, 1, 1, -1, 0}));
       }},
      {"softmax_focal_cross_entropy: expected an alpha in [0, 1], got 1.5",
       [&] { softmax_focal_cross_entropy(outputs, label, {}, {.alpha = 1.5}); }},
      {"softmax_focal_cross_entropy: expected a finite gamma of at least 0, got inf",
       [&] { softmax_focal_cross_entropy(outputs, label, {}, {.gamma = infinite}); }},
      {"softmax_focal_cross_entropy: expected a label_smoothing in [0, 1), got 1",
       [&] { softmax_focal_cross_entropy(outputs, label, {}, {.label_smoothing = 1}); }},
  });
}

TEST_CASE("other functions name what they cannot compute with") {
  const Tensor vector = Tensor::ones({3});
  check_messages({
      {"group_norm: expected x (n, ..., channels), got shape (3,)",
       [&] { group_norm(vector, std::nullopt, std::nullopt, 1, 1e-3); }},
      {"inverse: expected finite matrices, got one that is not (number 1 of shape (2, 2, 2))",
       [&] {
         inverse(Tensor::of({2, 2, 2}, {1, 0, 0, 1, 1, 0, 0, infinite}));
       }},
      {"cholesky: expected positive definite matrices, got one that is not (number 1 of shape (2, 2, 2))",
       [&] {
         cholesky(Tensor::of({2, 2, 2}, {1, 0, 0, 1, 1, 2, 2, 1}));
       }},
      {"rectify: expected a max_value of at least 0, got -1", [&] { rectify(vector, {.max_value = -1}); }},
      {"rectify: expected a finite negative_slope of at least 0, got -1",
       [&] { rectify(vector, {.negative_slope = -1}); }},
      {"rectify: expected a finite threshold of at least 0, got inf",
       [&] { rectify(vector, {.threshold = infinite}); }},
      {"cumsum: expected an array, got an undefined tensor", [&] { cumsum(Tensor(), 0); }},
  });
}

TEST_CASE("a pass names the parameters and functions that it cannot use") {
  const Parameter p("p", Tensor::ones({2}));
  ForwardPass pass(Mode::training, {.step = -1});
  const Variable v = pass.parameter(p);
  check_messages({
      {"Parameter q: expected a value, got an undefined tensor", [] { Parameter("q", Tensor()); }},
      {"ForwardPass::bind: expected a variable of shape (2,) for p, got (3,)",
       [&] { pass.bind(p, Tensor::ones({3})); }},
      {"ForwardPass::bind: expected a floating variable for p, got int64",
       [&] { pass.bind(p, Tensor::ones({2}, DType::int64)); }},
      {"ForwardPass::bind: expected a parameter that this pass has not used yet, got p",
       [&] { pass.bind(p, Tensor::ones({2})); }},
      {"ForwardPass: expected a step in [0, 4398046511104) with at most 1048576 calls that draw random numbers, got "
       "step "
       "-1 and call 1",
       [&] { (void)pass.random_stream(); }},
      {"ForwardPass::backward: expected a function that takes gradients, got none",
       [&] { pass.backward(sum(v), ForwardPass::OnGradient()); }},
      {"recomputed: expected a function of variables, got an empty one", [&] { recomputed({v}, {p}, {}, pass); }},
  });
}

}  // namespace xtape
