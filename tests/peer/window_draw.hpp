// Random windows on images, for convolution and pooling.
#pragma once

#include <string>

#include "framework/ops/window.hpp"
#include "tests/peer/draw.hpp"

namespace xtape::peer {

struct WindowDraw {
  Shape images;
  WindowOptions window;
};

/// Images with sides of 1 to 11 pixels and a window that fits, with a dilation of at most 3 and VALID, SAME or explicit
/// padding. The stride may be larger than the window, and the window larger than the image. For pooling the padding is
/// smaller than the window.
WindowDraw draw_window(Draw& draw, bool pooling);

/// "(2, 7, 5, 3), window 3x2, strides 2x1, dilation 1x1, same".
std::string to_string(const WindowDraw& drawn);

}  // namespace xtape::peer
