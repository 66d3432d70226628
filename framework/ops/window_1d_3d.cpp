#include "framework/ops/window_1d_3d.hpp"

#include <string>

namespace xtape {
namespace {

std::string text_of(const Shape& x, std::string_view shown) {
  return shown.empty() ? to_string(x) : std::string(shown);
}

}  // namespace

std::vector<AxisAmounts> amounts_of(const Padding1D& padding) { return {{padding.before(), padding.after()}}; }
std::vector<AxisAmounts> amounts_of(const Padding& padding) {
  const auto [top, bottom, left, right] = padding.amounts();
  return {{top, bottom}, {left, right}};
}
std::vector<AxisAmounts> amounts_of(const Padding3D& padding) {
  std::vector<AxisAmounts> amounts = amounts_of(padding.plane());
  amounts.insert(amounts.begin(), amounts_of(padding.depth()).front());
  return amounts;
}

WindowOptions image_window(const WindowOptions1D& options) {
  const auto [size, strides, padding, dilation] = options;
  WindowOptions window{.size = {1, size}, .strides = {1, strides}, .dilation = {1, dilation}};
  if (padding.is_same()) {
    window.padding = Padding::same;
  } else {
    const std::int64_t before = padding.is_causal() ? (size - 1) * dilation : padding.before();
    window.padding = Padding(0, 0, before, padding.after());
  }
  return window;
}

DepthAndPlane depth_and_plane(const WindowOptions3D& options) {
  const auto [size, strides, padding, dilation] = options;
  return {.depth = {.size = {size.depth, 1},
                    .strides = {strides.depth, 1},
                    .padding = padding.depth(),
                    .dilation = {dilation.depth, 1}},
          .plane = {.size = {size.height, size.width},
                    .strides = {strides.height, strides.width},
                    .padding = padding.plane(),
                    .dilation = {dilation.height, dilation.width}}};
}

WindowedInput windowed_input(const Shape& x, const WindowOptions1D& options, std::string_view shown) {
  const auto [size, strides, padding, dilation] = options;
  return {.axes = {{x[1], size, strides, dilation, padding.before(), padding.after()}},
          .channels = x[2],
          .fits = padding.is_same() || padding.is_causal(),
          .shape = x,
          .shown = shown};
}

WindowedInput windowed_input(const Shape& x, const WindowOptions3D& options, std::string_view shown) {
  const auto [size, strides, padding, dilation] = options;
  const auto amounts = amounts_of(padding);
  return {.axes = {{x[1], size.depth, strides.depth, dilation.depth, amounts[0][0], amounts[0][1]},
                   {x[2], size.height, strides.height, dilation.height, amounts[1][0], amounts[1][1]},
                   {x[3], size.width, strides.width, dilation.width, amounts[2][0], amounts[2][1]}},
          .channels = x[4],
          .fits = padding.is_same(),
          .shape = x,
          .shown = shown};
}

std::vector<std::int64_t> window_extents(std::string_view function, const Shape& x, const WindowOptions1D& options,
                                         std::string_view shown) {
  const std::string text = text_of(x, shown);
  const Shape images = sequence_images(function, x, text);
  check_window(function, windowed_input(x, options, text));
  return {place_window(function, images, image_window(options), text).out_width};
}

std::vector<std::int64_t> window_extents(std::string_view function, const Shape& x, const WindowOptions& options,
                                         std::string_view shown) {
  const kernels::Window window = place_window(function, x, options, shown);
  return {window.out_height, window.out_width};
}

std::vector<std::int64_t> window_extents(std::string_view function, const Shape& x, const WindowOptions3D& options,
                                         std::string_view shown) {
  const std::string text = text_of(x, shown);
  const Shape slices = volume_slices(function, x, text);
  check_window(function, windowed_input(x, options, text));
  const auto [along_depth, on_plane] = depth_and_plane(options);
  const kernels::Window plane = place_window(function, slices, on_plane, text);
  const kernels::Window depth = place_window(function, {x[0], x[1], 1, x[4]}, along_depth, text);
  return {depth.out_height, plane.out_height, plane.out_width};
}

Shape sequence_images(std::string_view function, const Shape& x, std::string_view shown) {
  check(x.rank() == 3, "{}: expected sequences (n, length, channels), got shape {}", function, text_of(x, shown));
  return {x[0], 1, x[1], x[2]};
}

Shape volume_slices(std::string_view function, const Shape& x, std::string_view shown) {
  check(x.rank() == 5, "{}: expected volumes (n, depth, height, width, channels), got shape {}", function,
        text_of(x, shown));
  return {x[0] * x[1], x[2], x[3], x[4]};
}

Shape volume_columns(const Shape& x) { return {x[0], x[1], x[2] * x[3], x[4]}; }

}  // namespace xtape
