// Operands and options of ops of which one alone does not fit, while all others do.
#include <functional>
#include <optional>

#include "framework/ops/ops.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;

const Tensor of_two = Tensor::ones({2}), of_three = Tensor::ones({3}),
             wide_of_three = Tensor::ones({3}, DType::float64);

}  // namespace

TEST_CASE("each operand of batch normalization is checked for its shape and its type") {
  const Tensor x = Tensor::ones({4, 3}), wide_x = Tensor::ones({4, 3}, DType::float64);
  const auto inference = [&](const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& variance,
                             const BatchNormFusion& fusion = {}) {
    return [=] { batch_norm_inference(x, gamma, beta, mean, variance, 1e-3, fusion); };
  };
  const auto training = [&](const Tensor& gamma, const Tensor& beta, const BatchNormFusion& fusion = {}) {
    return [=] { batch_norm(x, gamma, beta, 1e-3, fusion); };
  };
  const auto with = [&](const std::string& name, const auto& function) {
    const std::string shapes = name + ": expected gamma and beta of shape (3,) for x (4, 3), got ";
    const std::string types = name + ": expected x, gamma and beta of one type, got float32, ";
    check_messages(
        {{shapes + "(2,) and (3,)", function(of_two, of_three, {})},
         {shapes + "(3,) and (2,)", function(of_three, of_two, {})},
         {types + "float64 and float32", function(wide_of_three, of_three, {})},
         {types + "float32 and float64", function(of_three, wide_of_three, {})},
         {name + ": expected a bias (3,) float32, got (2,) float32", function(of_three, of_three, {.bias = of_two})},
         {name + ": expected a bias (3,) float32, got (3,) float64",
          function(of_three, of_three, {.bias = wide_of_three})},
         {name + ": expected a residual (4, 3) float32, got (3,) float32",
          function(of_three, of_three, {.residual = of_three})},
         {name + ": expected a residual (4, 3) float32, got (4, 3) float64",
          function(of_three, of_three, {.residual = wide_x})}});
  };
  with("batch_norm", [&](const Tensor& gamma, const Tensor& beta, const BatchNormFusion& fusion) {
    return training(gamma, beta, fusion);
  });
  with("batch_norm_inference", [&](const Tensor& gamma, const Tensor& beta, const BatchNormFusion& fusion) {
    return inference(gamma, beta, of_three, of_three, fusion);
  });
  const std::string statistics = "batch_norm_inference: expected a mean and a variance of shape (3,), got ";
  check_messages({{statistics + "(2,) and (3,)", inference(of_three, of_three, of_two, of_three)},
                  {statistics + "(3,) and (2,)", inference(of_three, of_three, of_three, of_two)}});
  for (const double epsilon : {0.0, -1.0, infinite, std::nan("")}) {
    CHECK(error_of([&] { batch_norm(x, of_three, of_three, epsilon); }) ==
          fmt::format("batch_norm: expected a finite epsilon above 0, got {}", epsilon));
  }
  training(of_three, of_three, {.bias = of_three, .residual = x})();
  inference(of_three, of_three, wide_of_three, wide_of_three)();  // statistics may have another type
}

TEST_CASE("gamma and beta of sample normalization are each checked for their shape and type") {
  const Tensor x = Tensor::ones({2, 3});
  using Given = std::optional<Variable>;
  using Normalize = std::function<void(const Given& gamma, const Given& beta)>;
  for (const auto& [name, normalize] :
       {std::pair<std::string, Normalize>(
            "layer_norm", [&](const Given&gamma, const Given&beta) { layer_norm(x, gamma, beta, 1e-3); }),
        {"group_norm", [&](const Given&gamma, const Given&beta) { group_norm(x, gamma, beta, 1, 1e-3); }},
        {"rms_norm", [&](const Given&gamma, const Given&) { rms_norm(x, gamma, 1e-3); }}}) {
    const std::string expected = name + ": expected gamma and beta (3,) float32 for x (2, 3), got ";
    CHECK(error_of([&, &f = normalize] { f(of_two, of_three); }) == expected + "(2,) float32");
    CHECK(error_of([&, &f = normalize] { f(wide_of_three, of_three); }) == expected + "(3,) float64");
    if (name != "rms_norm") {
      CHECK(error_of([&, &f = normalize] { f(of_three, of_two); }) == expected + "(2,) float32");
      CHECK(error_of([&, &f = normalize] { f({}, wide_of_three); }) == expected + "(3,) float64");
    }
    normalize(of_three, of_three), normalize({}, {});
  }
  for (const double epsilon : {-1.0, infinite, std::nan("")}) {
    CHECK(error_of([&] { group_norm(x, {}, {}, 3, epsilon); }) ==
          fmt::format("group_norm: expected a finite epsilon of at least 0, got {}", epsilon));
  }
  integer_limits("group_norm: expected a number of groups that divides the 3 channels, got ",
                 [&](auto groups) { group_norm(x, {}, {}, groups, 1e-3); }, {1, 3}, {0, 2, -1, 6});
}

TEST_CASE("groups of a convolution divide the channels and the filters") {
  const Tensor images = Tensor::ones({1, 4, 4, 6});
  const auto message = [](std::int64_t filters, std::int64_t channels, std::int64_t groups) {
    return fmt::format(
        "conv2d: expected a number of groups that divides the 6 channels of images (1, 4, 4, 6) and the {0} filters of "
        "kernel (1, 1, {1}, {0}), got {2}",
        filters, channels, groups);
  };
  const auto convolve = [&](std::int64_t filters, std::int64_t channels, std::int64_t groups) {
    conv2d(images, Tensor::ones({1, 1, channels, filters}), {.groups = groups});
  };
  for (const auto& [filters, channels, groups] :
       std::vector<std::array<std::int64_t, 3>>{{4, 2, 3}, {4, 1, 4}, {3, 3, 2}, {6, 6, 0}, {6, 6, -1}}) {
    CHECK(error_of([&, f = filters, c = channels, g = groups] { convolve(f, c, g); }) ==
          message(filters, channels, groups));
  }
  convolve(6, 2, 3), convolve(2, 3, 2), convolve(6, 1, 6);
}

TEST_CASE("each number of a window is accepted up to its limits") {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  const Shape image{1, 4, 5, 1};
  for (const bool vertical : {true, false}) {
    const auto one_of = [vertical](std::int64_t n) { return vertical ? Extent2D(n, 1) : Extent2D(1, n); };
    const std::string first = vertical ? "" : "1, ", rest = vertical ? ", 1)" : ")";
    integer_limits(
        "f: expected a window size from 1 to 2^30, got (" + first,
        [&](auto n) { place_window("f", image, {.size = one_of(n), .padding = Padding::same}); }, {1, most},
        {0, -1, most + 1}, rest);
    integer_limits(
        "f: expected strides from 1 to 2^30, got (" + first,
        [&](auto n) { place_window("f", image, {.size = 1, .strides = one_of(n)}); }, {1, most}, {0, -1, most + 1},
        rest);
    integer_limits(
        "f: expected dilation from 1 to 2^30, got (" + first,
        [&](auto n) { place_window("f", image, {.size = 1, .dilation = one_of(n)}); }, {1, most}, {0, -1, most + 1},
        rest);
  }
  for (const std::size_t side : {0U, 1U, 2U, 3U}) {
    const auto padded = [side](std::int64_t n) {
      std::array<std::int64_t, 4> amounts{};
      amounts[side] = n;
      return amounts;
    };
    for (const std::int64_t refused : {std::int64_t{-1}, most + 1}) {
      const auto [top, bottom, left, right] = padded(refused);
      CHECK(error_of([&, t = top, b = bottom, l = left, r = right] {
              place_window("f", image, {.size = 1, .padding = Padding(t, b, l, r)});
            }) == fmt::format("f: expected padding of 0 to 2^30, got ({}, {}, {}, {})", top, bottom, left, right));
    }
  }
  for (const Shape& empty : {Shape{1, 0, 5, 1}, Shape{1, 4, 0, 1}, Shape{1, 4, 5, 0}}) {
    CHECK(error_of([&] { place_window("f", empty, {.size = 1, .padding = Padding::same}); }) ==
          fmt::format("f: expected images of at least one pixel and one channel, got {}", empty));
  }
}

TEST_CASE("widths of a border are limited on each side, and below 0") {
  const Tensor x = Tensor::ones({1});
  const std::int64_t most = std::int64_t{1} << 60;
  check_messages({
      {"pad: expected widths below 2^60 for axis 0, got 1152921504606846977 and 0",
       [&] {
         pad(x, {{most + 1, 0}});
       }},
      {"pad: expected widths below 2^60 for axis 0, got 0 and 1152921504606846977",
       [&] {
         pad(x, {{0, most + 1}});
       }},
      {"pad: expected widths of 0 or more for axis 0, got -1 and 0; use x[...] to cut",
       [&] {
         pad(x, {{-1, 0}});
       }},
      {"pad: expected widths of 0 or more for axis 0, got 0 and -1; use x[...] to cut",
       [&] {
         pad(x, {{0, -1}});
       }},
  });
}

TEST_CASE("matrices that a decomposition refuses are named by their number, also those of one element") {
  const auto stack = [](double second) { return f64({2, 1, 1}, {4, second}); };
  for (const double refused : {0.0, -1.0}) {
    CHECK(error_of([&] { cholesky(stack(refused)); }) ==
          "cholesky: expected positive definite matrices, got one that is not (number 1 of shape (2, 1, 1))");
  }
  for (const auto& [name, function] : {std::pair<std::string, Variable (*)(const Variable&)>("inverse", inverse),
                                       {"log_determinant", log_determinant}}) {
    CHECK(error_of([&, f = function] { f(stack(0)); }) ==
          name + ": expected invertible matrices, got one that is not (number 1 of shape (2, 1, 1))");
    CHECK(error_of([&, f = function] { f(stack(std::nan(""))); }) ==
          name + ": expected finite matrices, got one that is not (number 1 of shape (2, 1, 1))");
  }
  CHECK(error_of([&] {
          solve(stack(0), f64({2, 1, 1}, {1, 1}));
        }) == "solve: expected invertible matrices, got one that is not (number 1 of shape (2, 1, 1))");
}

TEST_CASE("degrees of freedom are at least 0 and fewer than the elements") {
  const Tensor x = Tensor::ones({2, 3});
  using Deviation = Variable (*)(const Variable&, const std::vector<int>&, bool, int);
  for (const auto& [name, f] : {std::pair<std::string, Deviation>("var", var), {"stddev", stddev}}) {
    for (const int ddof : {-1, 3}) {
      CHECK(
          error_of([&, function = f] { function(x, {1}, false, ddof); }) ==
          fmt::format("{}: expected more than {} elements along the reduced axes, got 3 of shape (2, 3)", name, ddof));
    }
    f(x, {1}, false, 0), f(x, {1}, false, 2);
  }
}

TEST_CASE("images without elements or of another type or rank are not resampled") {
  const auto refused = [](const std::string& name, const std::function<void(const Tensor&)>& resample) {
    for (const auto& [shape, dtype] : {std::pair(Shape{0, 4, 4, 4}, DType::float32),
                                       {Shape{4, 4, 4}, DType::float32},
                                       {Shape{1, 4, 4, 4}, DType::uint8}}) {
      CHECK(error_of([&, s = shape, d = dtype] { resample(Tensor::zeros(s, d)); }) ==
            fmt::format("{}: expected floating images (n, height, width, channels), got {} {}", name, dtype, shape));
    }
    resample(Tensor::zeros({1, 4, 4, 4}, DType::float64));
  };
  refused("resize2d", [](const Tensor& x) { resize2d(x, 2, 2); });
  refused("affine_transform", [](const Tensor& x) { affine_transform(x, f64({1, 6}, {1, 0, 0, 0, 1, 0})); });
  refused("depth_to_space", [](const Tensor& x) { depth_to_space(x, 2); });
  refused("space_to_depth", [](const Tensor& x) { space_to_depth(x, 2); });
}

TEST_CASE("an image that is resized to one row or column with aligned corners keeps its first one") {
  const Tensor x = f64({1, 2, 3, 1}, {1, 2, 3, 4, 5, 6});
  for (const Interpolation interpolation : {Interpolation::nearest, Interpolation::bilinear}) {
    const ResizeOptions aligned{.interpolation = interpolation, .align_corners = true};
    CHECK(resize2d(x, 1, 3, aligned).value().to_vector() == std::vector<double>{1, 2, 3});
    CHECK(resize2d(x, 2, 1, aligned).value().to_vector() == std::vector<double>{1, 4});
    CHECK(resize2d(x, 1, 1, aligned).value().to_vector() == std::vector<double>{1});
    CHECK(resize2d(x, 2, 2, aligned).value().to_vector() == std::vector<double>{1, 3, 4, 6});
  }
}

}  // namespace xtape
