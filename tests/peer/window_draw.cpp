#include "tests/peer/window_draw.hpp"

#include <algorithm>

namespace xtape::peer {
namespace {

Padding draw_padding(Draw& draw) {
  const std::int64_t kind = draw.integer(0, 2);
  if (kind == 0) return Padding::valid;
  if (kind == 1) return Padding::same;
  const auto amount = [&] { return draw.integer(0, 3); };
  return {amount(), amount(), amount(), amount()};
}

Extent2D draw_extent(Draw& draw, std::int64_t most) {
  const std::int64_t height = draw.integer(1, most);
  return {height, draw.integer(0, 2) == 0 ? draw.integer(1, most) : height};
}

/// The requirement of xtape's pooling: with dilation all taps of a window may miss the image.
bool every_window_holds_a_pixel(const WindowDraw& drawn) {
  const kernels::Window window = place_window("draw", drawn.images, drawn.window);
  for (std::int64_t i = 0; i < window.output_pixels(); ++i) {
    bool held = false;
    kernels::for_each_tap(window, kernels::output_pixel(window, i), [&](std::int64_t, std::int64_t) { held = true; });
    if (!held) return false;
  }
  return true;
}

bool fits(const WindowDraw& drawn, bool pooling) {
  const auto& [size, strides, padding, dilation] = drawn.window;
  const auto [top, bottom, left, right] = padding.amounts();
  const std::int64_t rows = (size.height - 1) * dilation.height + 1;
  const std::int64_t columns = (size.width - 1) * dilation.width + 1;
  if (pooling && (std::max(top, bottom) >= rows || std::max(left, right) >= columns)) return false;
  const bool inside =
      padding.is_same() || (drawn.images[1] + top + bottom >= rows && drawn.images[2] + left + right >= columns);
  return inside && (!pooling || every_window_holds_a_pixel(drawn));
}

}  // namespace

WindowDraw draw_window(Draw& draw, bool pooling) {
  while (true) {
    const Shape images{draw.integer(1, 3), draw.integer(1, 11), draw.integer(1, 11), draw.integer(1, 5)};
    const WindowDraw drawn{images,
                           {.size = draw_extent(draw, 5),
                            .strides = draw_extent(draw, 3),
                            .padding = draw_padding(draw),
                            .dilation = draw.coin() ? draw_extent(draw, 3) : Extent2D(1)}};
    if (fits(drawn, pooling)) return drawn;
  }
}

std::string to_string(const WindowDraw& drawn) {
  const auto& [size, strides, padding, dilation] = drawn.window;
  const auto [top, bottom, left, right] = padding.amounts();
  return fmt::format("{}, window {}x{}, strides {}x{}, dilation {}x{}, {}", drawn.images, size.height, size.width,
                     strides.height, strides.width, dilation.height, dilation.width,
                     padding.is_same() ? "same" : fmt::format("padding ({}, {}, {}, {})", top, bottom, left, right));
}

}  // namespace xtape::peer
