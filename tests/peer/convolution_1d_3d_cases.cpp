#include <ATen/ATen.h>

#include "framework/ops/convolution_1d_3d.hpp"
#include "framework/ops/pooling_1d_3d.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/draw.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;
using Extents = std::vector<std::int64_t>;

at::Tensor channels_first(T x) { return x.movedim(-1, 1); }
at::Tensor channels_last(T x) { return x.movedim(1, -1).contiguous(); }
/// (size, channels, filters) -> (filters, channels, size)
at::Tensor filters_first(T w) { return w.movedim(-1, 0).movedim(-1, 1); }

/// The same random number of each kind for each axis, with paddings equal on both sides.
struct Drawn {
  Drawn(Draw& draw, std::size_t axes) {
    for (std::size_t axis = 0; axis < axes; ++axis) {
      size.push_back(draw.integer(1, 3)), strides.push_back(draw.integer(1, 3));
      dilation.push_back(draw.integer(1, 2)), padding.push_back(draw.integer(0, size.back() / 2));
      extents.push_back((size.back() - 1) * dilation.back() + draw.integer(1, 4));
    }
    channels = 2 * draw.integer(1, 2), filters = 2 * draw.integer(1, 3), groups = draw.integer(1, 2);
  }
  std::string text(const char* name) const {
    return fmt::format("{} of ({}, {}), size ({}), strides ({}), padding ({}), dilation ({}), {} filters, {} groups",
                       name, fmt::join(extents, ", "), channels, fmt::join(size, ", "), fmt::join(strides, ", "),
                       fmt::join(padding, ", "), fmt::join(dilation, ", "), filters, groups);
  }
  Shape input() const {
    Extents shape{2};
    shape.insert(shape.end(), extents.begin(), extents.end());
    shape.push_back(channels);
    return Shape(shape);
  }
  Shape kernel(std::int64_t in, std::int64_t out) const {
    Extents shape = size;
    shape.insert(shape.end(), {in, out});
    return Shape(shape);
  }

  Extents size, strides, dilation, padding, extents;
  std::int64_t channels = 0, filters = 0, groups = 0;
};

Extent3D extent(const Extents& e) { return {e[0], e[1], e[2]}; }
Padding3D padding3d(const Extents& p) { return {p[0], p[0], p[1], p[1], p[2], p[2]}; }

Case conv1d_case(Draw& draw) {
  const Drawn d(draw, 1);
  const bool causal = draw.coin();
  const Padding1D padding = causal ? Padding1D::causal : Padding1D(d.padding[0], d.padding[0]);
  const Conv1DOptions options{
      .strides = d.strides[0], .padding = padding, .dilation = d.dilation[0], .groups = d.groups};
  return {d.text(causal ? "causal conv1d" : "conv1d"),
          {draw.normal(d.input()), draw.normal(d.kernel(d.channels / d.groups, d.filters))},
          [=](V x, V w) { return conv1d(x, w, options); },
          [=](T x, T w) {
            const std::int64_t before = (d.size[0] - 1) * d.dilation[0];
            const at::Tensor from = causal ? at::constant_pad_nd(channels_first(x), {before, 0}) : channels_first(x);
            const Extents around = causal ? Extents{0} : d.padding;
            return channels_last(
                at::conv1d(from, filters_first(w), {}, d.strides, at::IntArrayRef(around), d.dilation, d.groups));
          }};
}

Case conv3d_case(Draw& draw) {
  const Drawn d(draw, 3);
  const Conv3DOptions options{.strides = extent(d.strides),
                              .padding = padding3d(d.padding),
                              .dilation = extent(d.dilation),
                              .groups = d.groups};
  return {d.text("conv3d"),
          {draw.normal(d.input()), draw.normal(d.kernel(d.channels / d.groups, d.filters))},
          [=](V x, V w) { return conv3d(x, w, options); },
          [=](T x, T w) {
            return channels_last(at::conv3d(channels_first(x), filters_first(w), {}, d.strides,
                                            at::IntArrayRef(d.padding), d.dilation, d.groups));
          }};
}

/// A transposed convolution without padding, with output padding below the strides. The kernel is (size, filters of the
/// output, channels of the input), so dy of the gradient has the channels of the input.
Case transposed_case(Draw& draw, std::size_t axes) {
  const Drawn d(draw, axes);
  Extents more, outputs{2};
  for (std::size_t axis = 0; axis < axes; ++axis) {
    more.push_back(draw.integer(0, d.strides[axis] - 1));
    const std::int64_t span = (d.size[axis] - 1) * d.dilation[axis] + 1;
    outputs.push_back((d.extents[axis] - 1) * d.strides[axis] + span + more.back());
  }
  outputs.push_back(d.filters);
  const Shape to(outputs);
  const auto ours = [=](V x, V w) {
    if (axes == 1) {
      return conv1d_input_gradient(x, w, to, {.strides = d.strides[0], .dilation = d.dilation[0]});
    }
    if (axes == 2) {
      return conv2d_input_gradient(
          x, w, to, {.strides = {d.strides[0], d.strides[1]}, .dilation = {d.dilation[0], d.dilation[1]}});
    }
    return conv3d_input_gradient(x, w, to, {.strides = extent(d.strides), .dilation = extent(d.dilation)});
  };
  return {d.text("transposed convolution"),
          {draw.normal(d.input()), draw.normal(d.kernel(d.filters, d.channels))},
          ours,
          [=](T x, T w) {
            const at::Tensor from = channels_first(x), kernel = filters_first(w);
            const Extents none(axes, 0);
            if (axes == 1) {
              return channels_last(at::conv_transpose1d(from, kernel, {}, d.strides, none, more, 1, d.dilation));
            }
            if (axes == 2) {
              return channels_last(at::conv_transpose2d(from, kernel, {}, d.strides, none, more, 1, d.dilation));
            }
            return channels_last(at::conv_transpose3d(from, kernel, {}, d.strides, none, more, 1, d.dilation));
          }};
}

Case pool_case(Draw& draw, std::size_t axes, bool largest) {
  const Drawn d(draw, axes);
  const auto ours = [=](V x) {
    if (axes == 1) {
      const WindowOptions1D window{
          .size = d.size[0], .strides = d.strides[0], .padding = Padding1D(d.padding[0], d.padding[0])};
      return largest ? max_pool1d(x, window) : average_pool1d(x, window);
    }
    const WindowOptions3D window{.size = extent(d.size), .strides = extent(d.strides), .padding = padding3d(d.padding)};
    return largest ? max_pool3d(x, window) : average_pool3d(x, window);
  };
  const Shape shape = d.input();
  return {d.text(largest ? "max pooling" : "average pooling"),
          {largest && draw.coin() ? draw.whole_numbers(shape, -2, 2) : draw.normal(shape)},
          ours,
          [=](T x) {
            const at::Tensor from = channels_first(x);
            if (axes == 1) {
              return channels_last(largest ? at::max_pool1d(from, d.size, d.strides, d.padding)
                                           : at::avg_pool1d(from, d.size, d.strides, d.padding, false, false));
            }
            return channels_last(largest ? at::max_pool3d(from, d.size, d.strides, d.padding)
                                         : at::avg_pool3d(from, d.size, d.strides, d.padding, false, false));
          }};
}

}  // namespace

Cases convolution_1d_3d_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 40; ++i) {
    cases.push_back(conv1d_case(draw));
    cases.push_back(conv3d_case(draw));
    cases.push_back(transposed_case(draw, 1 + static_cast<std::size_t>(i) % 3));
    cases.push_back(pool_case(draw, i % 2 == 0 ? 1 : 3, i % 4 < 2));
  }
  return cases;
}

}  // namespace xtape::peer
