#include "framework/ops/window.hpp"

#include <algorithm>

#include "framework/error.hpp"

namespace xtape {
namespace {

struct Placement {
  std::int64_t outputs, before;
};

/// The number of window positions along one axis, and the padding before the image.
Placement place(const WindowAxis& axis, bool same) {
  const auto& [extent, size, stride, dilation, before, after] = axis;
  if (same) return {(extent + stride - 1) / stride, same_padding(extent, size, stride, dilation)[0]};
  return {(extent + before + after - ((size - 1) * dilation + 1)) / stride + 1, before};
}

constexpr std::int64_t most = std::int64_t{1} << 30;  // of each number of a window

/// A number for each axis: "3 x 2" with the separator " x ".
std::string joined(const std::vector<WindowAxis>& axes, std::int64_t WindowAxis::*number, const char* separator) {
  std::vector<std::int64_t> numbers;
  for (const WindowAxis& axis : axes) numbers.push_back(axis.*number);
  return fmt::format("{}", fmt::join(numbers, separator));
}

void check_positive(std::string_view function, std::string_view what, const std::vector<WindowAxis>& axes,
                    std::int64_t WindowAxis::*number) {
  const auto right = [&](const WindowAxis& axis) { return axis.*number >= 1 && axis.*number <= most; };
  if (std::ranges::all_of(axes, right)) return;
  const std::string numbers = joined(axes, number, ", ");
  fail("{}: expected {} from 1 to 2^30, got {}", function, what, axes.size() == 1 ? numbers : "(" + numbers + ")");
}

bool is_padding(const WindowAxis& axis) {
  return axis.before >= 0 && axis.before <= most && axis.after >= 0 && axis.after <= most;
}

}  // namespace

std::string padding_text(const std::vector<WindowAxis>& axes) {
  std::vector<std::int64_t> amounts;
  for (const WindowAxis& axis : axes) amounts.insert(amounts.end(), {axis.before, axis.after});
  return fmt::format("{}", fmt::join(amounts, ", "));
}

std::array<std::int64_t, 2> same_padding(std::int64_t extent, std::int64_t size, std::int64_t stride,
                                         std::int64_t dilation) {
  const std::int64_t outputs = (extent + stride - 1) / stride, span = (size - 1) * dilation + 1;
  const std::int64_t all = std::max<std::int64_t>((outputs - 1) * stride + span - extent, 0);
  return {all / 2, all - all / 2};
}

WindowedInput windowed_input(const Shape& images, const WindowOptions& options, std::string_view shown) {
  const auto [size, strides, padding, dilation] = options;
  const auto [top, bottom, left, right] = padding.amounts();
  return {.axes = {{images[1], size.height, strides.height, dilation.height, top, bottom},
                   {images[2], size.width, strides.width, dilation.width, left, right}},
          .channels = images[3],
          .fits = padding.is_same(),
          .shape = images,
          .shown = shown};
}

void check_window(std::string_view function, const WindowedInput& input) {
  const std::vector<WindowAxis>& axes = input.axes;
  const std::size_t i = axes.size() - 1;
  const char* const kind = std::array{"sequences", "images", "volumes"}[i];
  const char* const element = std::array{"element", "pixel", "voxel"}[i];
  if (input.channels < 1 || !std::ranges::all_of(axes, [](const WindowAxis& axis) { return axis.extent >= 1; }))
    fail("{}: expected {} of at least one {} and one channel, got {}", function, kind, element, input.text());
  check_positive(function, "a window size", axes, &WindowAxis::size);
  check_positive(function, "strides", axes, &WindowAxis::stride);
  check_positive(function, "dilation", axes, &WindowAxis::dilation);
  if (!std::ranges::all_of(axes, is_padding))
    fail("{}: expected padding of 0 to 2^30, got ({})", function, padding_text(axes));
  const auto holds_window = [](const WindowAxis& axis) {
    return axis.extent + axis.before + axis.after >= (axis.size - 1) * axis.dilation + 1;
  };
  if (input.fits || std::ranges::all_of(axes, holds_window)) return;
  const bool sequences = axes.size() == 1;
  fail("{}: expected {} at least as {} as the window, {} taps dilated by {}, got {}; use {}::same or {} {}", function,
       kind, sequences ? "long" : "large", joined(axes, &WindowAxis::size, " x "),
       joined(axes, &WindowAxis::dilation, " x "), input.text(), std::array{"Padding1D", "Padding", "Padding3D"}[i],
       sequences ? "longer" : "larger", kind);
}

kernels::Window place_window(std::string_view function, const Shape& images, const WindowOptions& options,
                             std::string_view shown) {
  if (images.rank() != 4) {
    fail("{}: expected images (n, height, width, channels), got shape {}", function,
         shown.empty() ? to_string(images) : std::string(shown));
  }
  const WindowedInput input = windowed_input(images, options, shown);
  check_window(function, input);
  const Placement rows = place(input.axes[0], input.fits), columns = place(input.axes[1], input.fits);
  const auto [size, strides, padding, dilation] = options;
  return {.batch = images[0],
          .height = images[1],
          .width = images[2],
          .channels = images[3],
          .out_height = rows.outputs,
          .out_width = columns.outputs,
          .kernel_height = size.height,
          .kernel_width = size.width,
          .stride_height = strides.height,
          .stride_width = strides.width,
          .dilation_height = dilation.height,
          .dilation_width = dilation.width,
          .pad_top = rows.before,
          .pad_left = columns.before};
}

}  // namespace xtape
