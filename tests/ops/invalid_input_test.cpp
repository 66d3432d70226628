// Invalid arguments of ops: each row names what is wrong, and the values next to it are accepted.
#include <functional>

#include "framework/ops/ops.hpp"
#include "framework/tensor/elementwise.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

const double not_a_number = std::nan("");

Tensor full(const Shape& shape, double value = 0.5) { return Tensor::full(shape, value, DType::float64); }

}  // namespace

TEST_CASE("invalid arguments of ops are errors that say what was expected") {
  const Tensor x = full({2, 3}), three = full({3}), images = full({1, 4, 4, 2}), volumes = full({1, 3, 3, 3, 2});
  ForwardPass pass(Mode::training, {.step = 0});
  struct Row {
    const char* message;
    std::function<void()> rejected;
  };
  const std::vector<Row> rows{
      {"Pullback: expected a function, got an empty one",
       [&] {
         record("op", x, {{Variable(x), std::function<Tensor(const Tensor&)>()}});
       }},
      {"categorical_hinge: expected targets, got an undefined tensor", [&] { categorical_hinge(x, Tensor()); }},
      {"categorical_hinge: expected int64 class numbers (2,) or floating distributions (2, 3), got int64 (3,)",
       [&] {
         categorical_hinge(x, Tensor::labels({0, 1, 2}));
       }},
      {"softmax_focal_cross_entropy: expected int64 class numbers (2,) or floating distributions (2, 3), got float64 "
       "(3,)",
       [&] { softmax_focal_cross_entropy(x, three); }},
      {"dice: expected outputs (n, ...), got shape (3,)", [&] { dice(three, three); }},
      {"tversky: expected outputs (n, ...), got shape (3,)", [&] { tversky(three, three); }},
      {"dice: expected no weights of samples with whole_batch, got weights",
       [&] { dice(x, x, full({2}), {.whole_batch = true}); }},
      {"kl_divergence: expected outputs (n, ..., k), got shape (3,)", [&] { kl_divergence(three, three); }},
      {"cosine_similarity: expected outputs (n, ..., k), got shape (3,)", [&] { cosine_similarity(three, three); }},
      {"mean_squared_error: expected outputs and targets of one shape with at least one element, got (2, 3) and (3,)",
       [&] { mean_squared_error(x, three); }},
      {"hinge: expected outputs and targets of one shape with at least one element, got (2, 3) and an undefined tensor",
       [&] { hinge(x, Tensor()); }},
      {"poisson: expected outputs and targets of one shape with at least one element, got (0, 2) and (0, 2)",
       [&] {
         poisson(full({0, 2}), full({0, 2}));
       }},
      {"depthwise_conv2d: expected 1 group, got 2; use conv2d",
       [&] {
         depthwise_conv2d(images, full({1, 1, 2, 1}), {.groups = 2});
       }},
      {"conv3d: expected a kernel for the 2 channels of volumes (1, 3, 3, 3, 2), got one for 3: (1, 1, 1, 3, 4)",
       [&] {
         conv3d(volumes, full({1, 1, 1, 3, 4}));
       }},
      {"conv3d: expected a number of groups that divides the 2 channels of volumes (1, 3, 3, 3, 2) and the 3 filters "
       "of kernel (1, 1, 1, 1, 3), got 3",
       [&] {
         conv3d(volumes, full({1, 1, 1, 1, 3}), {.groups = 3});
       }},
      {"var: expected more than 3 elements along the reduced axes, got 3 of shape (2, 3)",
       [&] { var(x, {1}, false, 3); }},
      {"stddev: expected more than 3 elements along the reduced axes, got 3 of shape (2, 3)",
       [&] { stddev(x, {1}, false, 3); }},
      {"stddev: expected each axis once, got (1, -1)",
       [&] {
         stddev(x, {1, -1});
       }},
      {"dropout: expected a rate in [0, 1), got 1", [&] { dropout(x, 1, pass); }},
      {"dropout: expected a rate in [0, 1), got -0.1", [&] { dropout(x, -0.1, pass); }},
      {"dropout: expected a rate in [0, 1), got nan", [&] { dropout(x, not_a_number, pass); }},
      {"dropout: expected float32 or float64, got int64", [&] { dropout(Tensor::labels({1}), 0.5, pass); }},
      {"layer_norm: expected a floating x with at least one element, got int64 (3,)",
       [&] {
         layer_norm(Tensor::labels({1, 2, 3}), std::nullopt, std::nullopt, 1e-3);
       }},
      {"rms_norm: expected a floating x with at least one element, got float64 (0, 3)",
       [&] {
         rms_norm(full({0, 3}), std::nullopt, 1e-3);
       }},
      {"layer_norm: expected a finite epsilon of at least 0, got -1",
       [&] { layer_norm(x, std::nullopt, std::nullopt, -1); }},
      {"layer_norm: expected 1 to 2 axes for x (2, 3), got 0",
       [&] { layer_norm(x, std::nullopt, std::nullopt, 1e-3, 0); }},
      {"rms_norm: expected 1 to 2 axes for x (2, 3), got 3", [&] { rms_norm(x, std::nullopt, 1e-3, 3); }},
      {"batch_norm_inference: expected x, gamma and beta of one type, got float64, float32 and float64",
       [&] { batch_norm_inference(x, Tensor::ones({3}), three, three, three, 1e-3); }},
      {"batch_norm_inference: expected a finite epsilon above 0, got 0",
       [&] { batch_norm_inference(x, three, three, three, three, 0); }},
      {"cast: expected floating types, got int64 and float32", [&] { cast(Tensor::labels({1}), DType::float32); }},
      {"cast: expected floating types, got float64 and int64", [&] { cast(x, DType::int64); }},
      {"add_into: expected two tensors alike, got (2, 3) float64 and (2, 3) float32",
       [&] {
         Tensor sum = x;
         add_into(sum, Tensor::zeros({2, 3}));
       }},
      {"add_into: expected two tensors alike, got (2, 3) float64 and (3,) float64",
       [&] {
         Tensor sum = x;
         add_into(sum, three);
       }},
      {"affine_transform: expected float64 transforms (1, 6) or (1, 6), got (2, 6)",
       [&] {
         affine_transform(images, full({2, 6}));
       }},
      {"affine_transform: expected float64 transforms (1, 6) or (1, 6), got (1, 5)",
       [&] {
         affine_transform(images, full({1, 5}));
       }},
      {"affine_transform: expected float64 transforms (1, 6) or (1, 6), got (1, 6)",
       [&] {
         affine_transform(images, Tensor::ones({1, 6}));
       }},
      {"affine_transform: expected a size of at least 1, got -1 x 4",
       [&] {
         affine_transform(images, full({1, 6}), {.height = -1});
       }},
      {"resize2d: expected a size of at least 1, got 0 x 4", [&] { resize2d(images, 0, 4); }},
      {"resize2d: expected a size of at least 1, got 4 x -1", [&] { resize2d(images, 4, -1); }},
  };
  for (const Row& row : rows) CHECK_THAT(test::error_of(row.rejected), Catch::Contains(row.message));
  dropout(x, 0, pass), dropout(x, std::nextafter(1, 0), pass);
  layer_norm(x, std::nullopt, std::nullopt, 0, 2);
  resize2d(images, 1, 1);
}

TEST_CASE("axes of functions are accepted up to the number of axes, count from the end, and errors name the function") {
  const Tensor x = full({1, 1}), numbers = Tensor::arange(0, 6).to(DType::float64).reshaped({2, 3});
  struct Row {
    std::string name;
    std::function<Variable(const Variable&, int)> f;
  };
  const Tensor zero = Tensor::labels({0});
  const std::vector<Row> rows{
      {"concatenate",
       [](const Variable& v, int axis) {
         return concatenate({v, v}, axis);
       }},
      {"split", [](const Variable& v, int axis) { return split(v, 1, axis)[0]; }},
      {"split",
       [](const Variable& v, int axis) { return split(v, {axis % 2 == 0 ? v.shape()[0] : v.shape()[-1]}, axis)[0]; }},
      {"squeeze", [](const Variable& v, int axis) { return v.size() == 1 ? squeeze(v, {axis}) : v; }},
      {"swapaxes", [](const Variable& v, int axis) { return swapaxes(v, axis, 0); }},
      {"swapaxes", [](const Variable& v, int axis) { return swapaxes(v, 1, axis); }},
      {"flip", [](const Variable& v, int axis) { return flip(v, {axis}); }},
      {"repeat", [](const Variable& v, int axis) { return repeat(v, 2, axis); }},
      {"take", [&](const Variable& v, int axis) { return take(v, zero, axis); }},
      {"cumsum", [](const Variable& v, int axis) { return cumsum(v, axis); }},
      {"softmax", [](const Variable& v, int axis) { return softmax(v, axis); }},
      {"log_softmax", [](const Variable& v, int axis) { return log_softmax(v, axis); }},
      {"sparsemax", [](const Variable& v, int axis) { return sparsemax(v, axis); }},
      {"sum", [](const Variable& v, int axis) { return sum(v, {axis}); }},
      {"mean", [](const Variable& v, int axis) { return mean(v, {axis}); }},
      {"max", [](const Variable& v, int axis) { return max(v, {axis}); }},
      {"min", [](const Variable& v, int axis) { return min(v, {axis}); }},
      {"prod", [](const Variable& v, int axis) { return prod(v, {axis}); }},
      {"var", [](const Variable& v, int axis) { return var(v, {axis}); }},
      {"stddev", [](const Variable& v, int axis) { return stddev(v, {axis}); }},
      {"argmax", [](const Variable& v, int axis) { return argmax(v, axis); }},
      {"argmin", [](const Variable& v, int axis) { return argmin(v, axis); }},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    for (const int axis : {-3, 2}) {
      CHECK(test::error_of([&] { row.f(x, axis); }) ==
            fmt::format("{}: expected an axis in [-2, 2) for shape (1, 1), got {}", row.name, axis));
    }
    for (const int axis : {-2, -1}) CHECK(identical(row.f(numbers, axis).value(), row.f(numbers, axis + 2).value()));
  }
}
