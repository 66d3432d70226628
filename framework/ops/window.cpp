#include "framework/ops/window.hpp"

#include <algorithm>

namespace xtape {
namespace {

struct Placement {
  std::int64_t outputs, before;
};

/// The number of window positions along one axis, and the padding before the image.
Placement place(std::int64_t input, std::int64_t size, std::int64_t stride, std::int64_t dilation, bool same,
                std::int64_t before, std::int64_t after) {
  if (same) return {(input + stride - 1) / stride, same_padding(input, size, stride, dilation)[0]};
  const std::int64_t room = input + before + after - ((size - 1) * dilation + 1);
  return {room < 0 ? 0 : room / stride + 1, before};
}

void check_positive(std::string_view function, std::string_view what, Extent2D extent) {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  check(extent.height >= 1 && extent.width >= 1 && extent.height <= most && extent.width <= most,
        "{}: expected {} from 1 to 2^30, got ({}, {})", function, what, extent.height, extent.width);
}

}  // namespace

std::array<std::int64_t, 2> same_padding(std::int64_t extent, std::int64_t size, std::int64_t stride,
                                         std::int64_t dilation) {
  const std::int64_t outputs = (extent + stride - 1) / stride, span = (size - 1) * dilation + 1;
  const std::int64_t all = std::max<std::int64_t>((outputs - 1) * stride + span - extent, 0);
  return {all / 2, all - all / 2};
}

kernels::Window place_window(std::string_view function, const Shape& images, const WindowOptions& options,
                             std::string_view shown) {
  const std::string text = shown.empty() ? to_string(images) : std::string(shown);
  check(images.rank() == 4, "{}: expected images (n, height, width, channels), got shape {}", function, text);
  check(images[1] >= 1 && images[2] >= 1 && images[3] >= 1,
        "{}: expected images of at least one pixel and one channel, got {}", function, text);
  check_positive(function, "a window size", options.size);
  check_positive(function, "strides", options.strides);
  check_positive(function, "dilation", options.dilation);
  const auto [top, bottom, left, right] = options.padding.amounts();
  for (const std::int64_t amount : options.padding.amounts()) {
    check(amount >= 0 && amount <= std::int64_t{1} << 30, "{}: expected padding of 0 to 2^30, got ({}, {}, {}, {})",
          function, top, bottom, left, right);
  }
  const bool same = options.padding.is_same();
  const auto [size, strides, padding, dilation] = options;
  const Placement rows = place(images[1], size.height, strides.height, dilation.height, same, top, bottom);
  const Placement columns = place(images[2], size.width, strides.width, dilation.width, same, left, right);
  check(rows.outputs >= 1 && columns.outputs >= 1,
        "{}: expected images at least as large as the window, {} x {} taps dilated by {} x {}, got {}; use "
        "Padding::same or larger images",
        function, size.height, size.width, dilation.height, dilation.width, text);
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
