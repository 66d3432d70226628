// The taps along the depth of volumes, gathered and added, compared with their definitions.
#include "framework/kernels/convolution/depth_taps.hpp"

#include <vector>

#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

struct DepthCase {
  std::int64_t batch, depth, pixels, channels, groups, out_depth, taps, stride, dilation, padding;
};

/// Both kernels for integers, whose sums are exact.
template <class T>
void check_depth_taps(const DepthCase& c, int threads) {
  const kernels::Window window{.batch = c.batch,
                               .height = c.depth,
                               .width = c.pixels,
                               .channels = c.channels,
                               .out_height = c.out_depth,
                               .out_width = c.pixels,
                               .kernel_height = c.taps,
                               .kernel_width = 1,
                               .stride_height = c.stride,
                               .stride_width = 1,
                               .dilation_height = c.dilation,
                               .dilation_width = 1,
                               .pad_top = c.padding,
                               .pad_left = 0,
                               .groups = c.groups};
  const std::int64_t run = c.channels / c.groups;
  Guarded<T> x(c.batch * c.depth * c.pixels * c.channels), dy(c.batch * c.out_depth * c.pixels * c.taps * c.channels);
  for (std::int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<T>(1 + i % 1009);
  for (std::int64_t i = 0; i < dy.size(); ++i) dy.data()[i] = static_cast<T>(1 + i * 7 % 1013);
  Guarded<T> wanted(dy.size(), T{0}), wanted_dx(x.size(), T{0});
  for (std::int64_t to = 0; to < dy.size(); ++to) {
    const std::int64_t k = to % run, tap = to / run % c.taps, group = to / run / c.taps % c.groups;
    const std::int64_t place = to / run / c.taps / c.groups, pixel = place % c.pixels;
    const std::int64_t row = place / c.pixels % c.out_depth, image = place / c.pixels / c.out_depth;
    const std::int64_t depth = row * c.stride + tap * c.dilation - c.padding;
    if (depth < 0 || depth >= c.depth) continue;
    const std::int64_t from = ((image * c.depth + depth) * c.pixels + pixel) * c.channels + group * run + k;
    wanted.data()[to] = x.data()[from];
    wanted_dx.data()[from] += dy.data()[to];
  }
  INFO(c.batch << " volumes " << c.depth << " x " << c.pixels << " x " << c.channels << " in " << c.groups
               << " groups to a depth of " << c.out_depth << ", taps " << c.taps << ", stride " << c.stride
               << ", dilation " << c.dilation << ", padding " << c.padding);
  const KernelSettings scope(threads);
  Guarded<T> y(dy.size()), dx(x.size());
  kernels::gather_depth_taps(window, x.data(), y.data());
  kernels::add_depth_taps(window, dy.data(), dx.data());
  CHECK(y == wanted);
  CHECK(dx == wanted_dx);
}

}  // namespace

TEST_CASE("taps along the depth are gathered and added as defined, for all strides, dilations, paddings and groups") {
  for (const std::int64_t stride : {1, 2, 3}) {
    for (const std::int64_t dilation : {1, 2, 3}) {
      for (const std::int64_t padding : {0, 1, 2, 5}) {
        for (const std::int64_t taps : {1, 2, 3}) {
          for (const auto& [depth, out_depth] : {std::pair<std::int64_t, std::int64_t>{6, 4}, {5, 1}, {1, 3}, {4, 7}}) {
            for (const std::int64_t groups : {1, 2, 3}) {
              const DepthCase c{2, depth, 3, 6, groups, out_depth, taps, stride, dilation, padding};
              check_depth_taps<double>(c, 1);
              check_depth_taps<float>(c, 1);
            }
          }
        }
      }
    }
  }
}

TEST_CASE("taps along the depth are gathered and added in none, one and several pieces of pixels") {
  for (const std::int64_t channels : {1, 2, 512}) {  // 16384 values of taps a piece
    const std::int64_t piece = 16384 / (2 * channels);
    for (const std::int64_t pixels : {piece - 1, piece, piece + 1}) {
      for (const int threads : {1, 3}) check_depth_taps<float>({2, 3, pixels, channels, 1, 3, 2, 1, 1, 1}, threads);
    }
  }
  check_depth_taps<double>({1, 2, 3, 9000, 3, 2, 2, 1, 1, 1}, 2);  // a pixel is longer than a piece
}
