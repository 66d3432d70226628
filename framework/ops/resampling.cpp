#include "framework/ops/resampling.hpp"

#include "framework/autograd/tape.hpp"
#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

void check_images(std::string_view function, const Variable& x) {
  check(x.rank() == 4 && x.size() > 0 && is_floating(x.dtype()),
        "{}: expected floating images (n, height, width, channels), got {} {}", function, x.dtype(), x.shape());
}

Variable transformed(const Variable& x, const Tensor& transforms, const kernels::Resampling& how);

/// The transpose of `transformed` with a fill of 0. The transpose of that is the transform again.
Variable transposed(const Variable& dy, const Tensor& transforms, kernels::Resampling how) {
  how.fill = 0;
  Tensor dx = Tensor::empty({how.images, how.height, how.width, how.channels}, dy.dtype());
  with_floating("affine_transform_gradient", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::resample_gradient(how, dy.value().data<T>(), transforms.data<double>(), transforms.dim(0) == 1,
                               dx.mutable_data<T>());
  });
  return record("affine_transform_gradient", std::move(dx),
                {{dy, [=](const Variable& ddx) { return transformed(ddx, transforms, how); }}});
}

Variable transformed(const Variable& x, const Tensor& transforms, const kernels::Resampling& how) {
  Tensor y = Tensor::empty({how.images, how.new_height, how.new_width, how.channels}, x.dtype());
  with_floating("affine_transform", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::resample(how, x.value().data<T>(), transforms.data<double>(), transforms.dim(0) == 1, y.mutable_data<T>());
  });
  return record("affine_transform", std::move(y),
                {{x, [=](const Variable& dy) { return transposed(dy, transforms, how); }}});
}

/// Factor and offset of an axis.
struct Line {
  double factor, offset;
  Line(std::int64_t from, std::int64_t to, const ResizeOptions& options) {
    const bool align_corners = options.align_corners;
    const auto old = static_cast<double>(from), now = static_cast<double>(to);
    factor = !align_corners ? old / now : to > 1 ? (old - 1) / (now - 1) : 0;
    offset = align_corners ? 0 : factor / 2 - 0.5;
    // a place in the middle between two pixels has the later one, also where rounding puts it below
    if (options.interpolation == Interpolation::nearest) offset += 1e-9;
  }
};

}  // namespace

Variable affine_transform(const Variable& x, const Tensor& transforms, const AffineOptions& options) {
  check_images("affine_transform", x);
  check(transforms.defined() && transforms.dtype() == DType::float64 && transforms.rank() == 2 &&
            transforms.dim(1) == 6 && (transforms.dim(0) == 1 || transforms.dim(0) == x.dim(0)),
        "affine_transform: expected float64 transforms ({}, 6) or (1, 6), got {}", x.dim(0), transforms.shape());
  const std::int64_t height = options.height == 0 ? x.dim(1) : options.height;
  const std::int64_t width = options.width == 0 ? x.dim(2) : options.width;
  check(height >= 1 && width >= 1, "affine_transform: expected a size of at least 1, got {} x {}", height, width);
  return transformed(x, transforms,
                     {.images = x.dim(0),
                      .height = x.dim(1),
                      .width = x.dim(2),
                      .channels = x.dim(3),
                      .new_height = height,
                      .new_width = width,
                      .bilinear = options.interpolation == Interpolation::bilinear,
                      .outside = options.fill_mode,
                      .fill = options.fill_value});
}

Variable resize2d(const Variable& x, std::int64_t height, std::int64_t width, const ResizeOptions& options) {
  check_images("resize2d", x);
  check(height >= 1 && width >= 1, "resize2d: expected a size of at least 1, got {} x {}", height, width);
  if (height == x.dim(1) && width == x.dim(2)) return x;
  const Line rows(x.dim(1), height, options), columns(x.dim(2), width, options);
  const Tensor transform =
      Tensor::of({1, 6}, {rows.factor, 0, rows.offset, 0, columns.factor, columns.offset}, DType::float64);
  return affine_transform(
      x, transform,
      {.height = height, .width = width, .interpolation = options.interpolation, .fill_mode = FillMode::nearest});
}

Variable depth_to_space(const Variable& x, std::int64_t block_size) {
  const std::int64_t b = block_size;
  check_images("depth_to_space", x);
  check(b >= 1 && b <= x.dim(3) && x.dim(3) % b == 0 && x.dim(3) / b % b == 0,
        "depth_to_space: expected a block_size whose square divides the channels of {}, got {}", x.shape(), b);
  const std::int64_t n = x.dim(0), h = x.dim(1), w = x.dim(2), c = x.dim(3) / (b * b);
  return reshape(transpose(reshape(x, {n, h, w, b, b, c}), {0, 1, 3, 2, 4, 5}), {n, h * b, w * b, c});
}

Variable space_to_depth(const Variable& x, std::int64_t block_size) {
  const std::int64_t b = block_size;
  check_images("space_to_depth", x);
  check(b >= 1 && x.dim(1) % b == 0 && x.dim(2) % b == 0,
        "space_to_depth: expected a block_size that divides height and width of {}, got {}", x.shape(), b);
  const std::int64_t n = x.dim(0), h = x.dim(1) / b, w = x.dim(2) / b, c = x.dim(3);
  return reshape(transpose(reshape(x, {n, h, b, w, b, c}), {0, 1, 3, 2, 4, 5}), {n, h, w, b * b * c});
}

}  // namespace xtape
