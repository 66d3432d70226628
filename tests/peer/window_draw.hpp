// Windows on images, drawn at random: what convolution and pooling share.
#pragma once

#include <string>

#include "framework/ops/window.hpp"
#include "tests/peer/draw.hpp"

namespace xtape::peer {

struct WindowDraw {
  Shape images;
  WindowOptions window;
};

/// Images of 1 to 11 pixels a side, and a window that fits on them, with taps up to 3 apart: VALID, SAME or padding
/// given for each side; the stride may be larger than the window and the window larger than the image. For pooling the
/// padding is shorter than the window.
WindowDraw draw_window(Draw& draw, bool pooling);

/// "(2, 7, 5, 3), window 3x2, strides 2x1, dilation 1x1, same".
std::string to_string(const WindowDraw& drawn);

}  // namespace xtape::peer
