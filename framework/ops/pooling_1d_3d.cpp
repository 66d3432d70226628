#include "framework/ops/pooling_1d_3d.hpp"

#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"

namespace xtape {
namespace {

/// pool2d on sequences, as images of height 1.
template <class Pool>
Variable pool_sequences(std::string_view function, const Variable& x, const WindowOptions1D& options,
                        const Pool& pool2d) {
  const Shape images = sequence_images(function, x.shape());
  static_cast<void>(pooling_extents(function, x.shape(), options));
  const Variable y = pool2d(reshape(x, images), image_window(options));
  return reshape(y, y.shape().without(1));
}

/// pool2d on the slices of volumes, then along their depth.
template <class Pool>
Variable pool_volumes(std::string_view function, const Variable& x, const WindowOptions3D& options,
                      const Pool& pool2d) {
  const auto extents = pooling_extents(function, x.shape(), options);
  const auto [depth, plane] = depth_and_plane(options);
  const Shape& s = x.shape();
  const Variable slices = pool2d(reshape(x, volume_slices(function, s)), plane);
  const Variable y = pool2d(reshape(slices, {s[0], s[1], extents[1] * extents[2], s[4]}), depth);
  return reshape(y, {s[0], extents[0], extents[1], extents[2], s[4]});
}

}  // namespace

Variable max_pool1d(const Variable& x, const WindowOptions1D& window) {
  return pool_sequences("max_pool1d", x, window, max_pool2d);
}

Variable average_pool1d(const Variable& x, const WindowOptions1D& window) {
  return pool_sequences("average_pool1d", x, window, average_pool2d);
}

Variable global_average_pool1d(const Variable& x) {
  static_cast<void>(sequence_images("global_average_pool1d", x.shape()));
  return mean(x, {1});
}

Variable global_max_pool1d(const Variable& x) {
  return global_max_pool2d(reshape(x, sequence_images("global_max_pool1d", x.shape())));
}

Variable max_pool3d(const Variable& x, const WindowOptions3D& window) {
  return pool_volumes("max_pool3d", x, window, max_pool2d);
}

Variable average_pool3d(const Variable& x, const WindowOptions3D& window) {
  return pool_volumes("average_pool3d", x, window, average_pool2d);
}

Variable global_average_pool3d(const Variable& x) {
  static_cast<void>(volume_slices("global_average_pool3d", x.shape()));
  return mean(x, {1, 2, 3});
}

Variable global_max_pool3d(const Variable& x) {
  static_cast<void>(volume_slices("global_max_pool3d", x.shape()));
  return global_max_pool2d(reshape(x, volume_columns(x.shape())));
}

std::vector<std::int64_t> pooling_extents(std::string_view function, const Shape& x, const WindowOptions1D& options,
                                          std::string_view shown) {
  const std::string text = shown.empty() ? to_string(x) : std::string(shown);
  const Shape images = sequence_images(function, x, text);
  const WindowedInput input = windowed_input(x, options, text);
  check_window(function, input);
  check_pooling_padding(function, input.axes);
  return {pooling_window(function, images, image_window(options), text).out_width};
}

std::vector<std::int64_t> pooling_extents(std::string_view function, const Shape& x, const WindowOptions& options,
                                          std::string_view shown) {
  const kernels::Window window = pooling_window(function, x, options, shown);
  return {window.out_height, window.out_width};
}

std::vector<std::int64_t> pooling_extents(std::string_view function, const Shape& x, const WindowOptions3D& options,
                                          std::string_view shown) {
  const std::string text = shown.empty() ? to_string(x) : std::string(shown);
  const Shape slices = volume_slices(function, x, text);
  const WindowedInput input = windowed_input(x, options, text);
  check_window(function, input);
  check_pooling_padding(function, input.axes);
  const auto [along_depth, on_plane] = depth_and_plane(options);
  const kernels::Window plane = pooling_window(function, slices, on_plane, text);
  const kernels::Window depth = pooling_window(function, {x[0], x[1], 1, x[4]}, along_depth, text);
  return {depth.out_height, plane.out_height, plane.out_width};
}

}  // namespace xtape
