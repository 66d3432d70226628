#include "tests/peer/window_draw.hpp"

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

bool fits(const WindowDraw& drawn) {
  try {
    place_window("draw_window", drawn.images, drawn.window);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

WindowDraw draw_window(Draw& draw, bool dilated) {
  while (true) {
    const Shape images{draw.integer(1, 3), draw.integer(1, 11), draw.integer(1, 11), draw.integer(1, 5)};
    const WindowDraw drawn{images,
                           {.size = draw_extent(draw, 5),
                            .strides = draw_extent(draw, 3),
                            .padding = draw_padding(draw),
                            .dilation = dilated && draw.coin() ? draw_extent(draw, 3) : Extent2D(1)}};
    if (fits(drawn)) return drawn;
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
