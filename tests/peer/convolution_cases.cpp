#include <ATen/ATen.h>

#include "framework/ops/convolution.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/layout.hpp"
#include "tests/peer/torch_functions.hpp"
#include "tests/peer/window_draw.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;

Conv2DOptions options_of(const WindowOptions& window) {
  return {.strides = window.strides, .padding = window.padding, .dilation = window.dilation};
}

Shape kernel_of(const WindowDraw& drawn, std::int64_t filters) {
  return {drawn.window.size.height, drawn.window.size.width, drawn.images[3], filters};
}

Case convolution_case(Draw& draw, const WindowDraw& drawn, std::int64_t filters) {
  const WindowOptions window = drawn.window;
  return {fmt::format("conv2d of {}, {} filters", to_string(drawn), filters),
          {draw.normal(drawn.images), draw.normal(kernel_of(drawn, filters))},
          [options = options_of(window)](V x, V w) { return conv2d(x, w, options); },
          [window](T x, T w) { return torch_conv2d(x, w, window); }};
}

Shape output_of(const WindowDraw& drawn, std::int64_t filters) {
  const kernels::Window placed = place_window("output_of", drawn.images, drawn.window);
  return {placed.batch, placed.out_height, placed.out_width, filters};
}

/// The gradient of the padded image by PyTorch's transposed convolution, up to the last pixel that a window reaches.
at::Tensor torch_input_gradient(T dy, T w, const WindowDraw& drawn) {
  const auto& [size, strides, padding, dilation] = drawn.window;
  const Margins m = margins(drawn.images, drawn.window);
  const std::int64_t height = m.top + drawn.images[1] + m.bottom;
  const std::int64_t width = m.left + drawn.images[2] + m.right;
  const at::Tensor reached = at::conv_transpose2d(to_nchw(dy), to_oihw(w), {}, {strides.height, strides.width}, {0, 0},
                                                  {0, 0}, 1, {dilation.height, dilation.width});
  const at::Tensor whole = at::constant_pad_nd(reached, {0, width - reached.size(3), 0, height - reached.size(2)});
  return to_nhwc(whole.narrow(2, m.top, drawn.images[1]).narrow(3, m.left, drawn.images[2]));
}

/// A convolution of the images with dy, in which channels and batch, and strides and dilation, are exchanged.
at::Tensor torch_kernel_gradient(T x, T dy, const WindowDraw& drawn) {
  const auto& [size, strides, padding, dilation] = drawn.window;
  const at::Tensor images = padded(to_nchw(x), margins(drawn.images, drawn.window));
  const at::Tensor w =
      at::conv2d(images.transpose(0, 1), to_nchw(dy).transpose(0, 1), {}, {dilation.height, dilation.width},
                 at::IntArrayRef({0, 0}), {strides.height, strides.width});
  return to_hwio(w.transpose(0, 1).narrow(2, 0, size.height).narrow(3, 0, size.width));
}

}  // namespace

Cases convolution_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 240; ++i) cases.push_back(convolution_case(draw, draw_window(draw, false), draw.integer(1, 6)));
  for (const Padding& padding : {Padding::valid, Padding::same, Padding(1, 0, 2, 3)}) {  // more than one block of work
    for (const std::int64_t size : {1, 3}) {
      for (const std::int64_t stride : {1, 2}) {
        const WindowDraw large{{2, 37, 41, 17}, {.size = size, .strides = stride, .padding = padding}};
        cases.push_back(convolution_case(draw, large, 35));
      }
    }
  }
  return cases;
}

Cases convolution_gradient_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 60; ++i) {
    const WindowDraw drawn = draw_window(draw, false);
    const std::int64_t filters = draw.integer(1, 6);
    const Shape kernel = kernel_of(drawn, filters);
    const Conv2DOptions options = options_of(drawn.window);
    const Tensor dy = draw.normal(output_of(drawn, filters));
    cases.push_back({fmt::format("conv2d_input_gradient of {}, {} filters", to_string(drawn), filters),
                     {dy, draw.normal(kernel)},
                     [options, drawn](V g, V w) { return conv2d_input_gradient(g, w, drawn.images, options); },
                     [drawn](T g, T w) { return torch_input_gradient(g, w, drawn); }});
    cases.push_back({fmt::format("conv2d_kernel_gradient of {}, {} filters", to_string(drawn), filters),
                     {draw.normal(drawn.images), dy},
                     [options, kernel](V x, V g) { return conv2d_kernel_gradient(x, g, kernel, options); },
                     [drawn](T x, T g) { return torch_kernel_gradient(x, g, drawn); }});
  }
  return cases;
}

}  // namespace xtape::peer
