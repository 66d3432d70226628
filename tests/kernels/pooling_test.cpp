#include "framework/kernels/convolution/pooling.hpp"

#include <cmath>
#include <limits>

#include "tests/kernels/compare.hpp"
#include "tests/kernels/window_draw.hpp"
#include "tests/reference/pooling.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

template <class T>
struct PoolingResults {
  Guarded<T> largest, largest_dx, mean, mean_dx;
  friend bool operator==(const PoolingResults&, const PoolingResults&) = default;
};

template <class T>
PoolingResults<T> pooled(const kernels::Window& s, const Guarded<T>& x, const Guarded<T>& dy, int threads) {
  const KernelSettings scope(threads);
  PoolingResults<T> r{Guarded<T>(dy.size()), Guarded<T>(x.size()), Guarded<T>(dy.size()), Guarded<T>(x.size())};
  std::vector<std::int32_t> places(static_cast<std::size_t>(dy.size()));
  kernels::max_pool(s, x.data(), r.largest.data(), places.data());
  kernels::max_pool_gradient(s, places.data(), dy.data(), r.largest_dx.data());
  kernels::average_pool(s, x.data(), r.mean.data());
  kernels::average_pool_gradient(s, dy.data(), r.mean_dx.data());
  return r;
}

/// The four kernels compared with their definitions. With `levels` the images have this number of different values, so
/// that a window has its largest value several times.
template <class T>
void check_pooling(const kernels::Window& s, std::uint64_t seed, double levels = 0) {
  RandomStream random(seed);
  auto x = drawn<T>(random, s.input_pixels() * s.channels);
  for (std::int64_t i = 0; i < x.size() && levels > 0; ++i) {
    x.data()[i] = static_cast<T>(std::clamp(std::round(static_cast<double>(x.data()[i])), -levels, levels) - levels);
  }
  const auto dy = drawn<T>(random, s.output_pixels() * s.channels);
  const PoolingResults<T> r = pooled(s, x, dy, 1);
  INFO("x (" << s.batch << ", " << s.height << ", " << s.width << ", " << s.channels << "), window " << s.kernel_height
             << " x " << s.kernel_width << " to " << s.out_height << " x " << s.out_width << ", seed " << seed);
  const auto outputs = sampled({s.batch, s.out_height, s.out_width, s.channels});
  const auto inputs = sampled({s.batch, s.height, s.width, s.channels});
  CHECK(disagreement(r.largest, outputs, [&](auto i) { return reference::max_pool(s, x.data(), i); }) == "");
  CHECK(disagreement(r.largest_dx, inputs,
                     [&](auto i) { return reference::max_pool_gradient(s, x.data(), dy.data(), i); }) == "");
  CHECK(disagreement(r.mean, outputs, [&](auto i) { return reference::average_pool(s, x.data(), i); }) == "");
  CHECK(disagreement(r.mean_dx, inputs, [&](auto i) { return reference::average_pool_gradient(s, dy.data(), i); }) ==
        "");
  CHECK(pooled(s, x, dy, 2) == r);
  CHECK(pooled(s, x, dy, 3) == r);
}

}  // namespace

TEST_CASE("pooling and its derivatives equal their definitions for windows of all kinds, with and without ties") {
  WindowDraw draw(32);
  for (std::uint64_t i = 0; i < 250; ++i) {
    const kernels::Window s = draw.window({1, 2, 3, 5, 9, 17});
    if (!reference::every_window_has_pixels(s)) continue;
    const double levels = i % 2 == 0 ? 1 : 0;
    check_pooling<double>(s, i, levels);
    check_pooling<float>(s, i, levels);
  }
}

TEST_CASE("pooling and its derivatives equal their definitions for larger images and many channels") {
  const std::vector<std::pair<Shape, WindowOptions>> cases{
      {{2, 64, 64, 8}, {.size = 8, .strides = 8, .padding = Padding::same}},
      {{5, 61, 70, 3}, {.size = 3, .strides = 2, .padding = Padding::same}},
      {{1, 112, 112, 64}, {.size = 3, .strides = 2}},
      {{3, 19, 23, 130}, {.size = {2, 4}, .strides = {3, 1}, .padding = Padding(1, 0, 2, 3)}},
      {{5, 7, 7, 300}, {.size = 7}},
      {{11, 12, 13, 5}, {.size = {12, 9}, .strides = {1, 3}, .padding = Padding::same}},
      {{2, 40, 50, 33}, {.size = 3, .strides = 1, .padding = Padding::same, .dilation = {2, 3}}},
  };
  for (const auto& [x, window] : cases) {
    check_pooling<double>(place_window("test", x, window), 3);
    check_pooling<float>(place_window("test", x, window), 3, 1);
  }
}

TEST_CASE("in max pooling the first of equal elements gets the derivative") {
  const kernels::Window s = place_window("test", {1, 2, 2, 1}, {.size = 2});
  const double x[] = {1, 3, 3, 3};
  double y = 0;
  std::int32_t place = 0;
  kernels::max_pool(s, x, &y, &place);
  CHECK(y == 3);
  CHECK(place == 1);
  const double dy = 5;
  double dx[4];
  kernels::max_pool_gradient(s, &place, &dy, dx);
  CHECK(std::vector<double>(dx, dx + 4) == std::vector<double>{0, 5, 0, 0});
}

TEST_CASE("max pooling returns a NaN at any position of the window, and passes the derivative to it") {
  const kernels::Window s = place_window("test", {1, 2, 2, 9}, {.size = 2});
  for (std::size_t place = 0; place < 4; ++place) {
    std::vector<float> x(36, -INFINITY), y(9), dy(9, 1), dx(36);
    std::vector<std::int32_t> places(9, -1);
    for (std::size_t i = place * 9; i < place * 9 + 9; ++i) x[i] = std::nanf("");
    kernels::max_pool<float>(s, x.data(), y.data(), nullptr);
    CHECK(std::all_of(y.begin(), y.end(), [](float v) { return std::isnan(v); }));
    kernels::max_pool(s, x.data(), y.data(), places.data());
    kernels::max_pool_gradient(s, places.data(), dy.data(), dx.data());
    for (std::size_t i = 0; i < 36; ++i) CHECK(dx[i] == (i / 9 == place ? 1 : 0));
  }
}

TEST_CASE("if all pixels are minus infinity, the first pixel in the window is the largest") {
  const kernels::Window s = place_window("test", {1, 2, 2, 1}, {.size = 3, .padding = Padding(1, 0, 1, 0)});
  const float x[] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  float y = 0;
  std::int32_t place = -1;
  kernels::max_pool(s, x, &y, &place);
  CHECK(y == -INFINITY);
  CHECK(place == 4);  // the earlier taps are in the padding
}

TEST_CASE("a mean of pixels whose sum leaves the range of the type is finite, for few and many pixels, of both signs") {
  const auto check = [](auto one) {
    using T = decltype(one);
    constexpr T large = std::numeric_limits<T>::max() / 2, infinity = std::numeric_limits<T>::infinity();
    for (const std::int64_t size : {2, 4, 5, 7}) {
      constexpr std::int64_t channels = 9;
      const kernels::Window s = place_window("test", {1, size, size, channels}, {.size = size});
      for (const T value : {large, -large}) {
        for (std::int64_t wide = 0; wide < channels; ++wide) {  // one channel, the others are ordinary
          std::vector<T> x(static_cast<std::size_t>(size * size * channels), 2), y(channels, 7);
          for (std::int64_t i = wide; i < std::ssize(x); i += channels) x[static_cast<std::size_t>(i)] = value;
          kernels::average_pool(s, x.data(), y.data());
          CAPTURE(size, wide, static_cast<double>(value));
          const auto is = [&y](std::int64_t c, T wanted) {
            return std::abs(y[static_cast<std::size_t>(c)] / wanted - 1) <= 32 * std::numeric_limits<T>::epsilon();
          };
          for (std::int64_t c = 0; c < channels; ++c) CHECK(is(c, c == wide ? value : 2));
          for (const T special : {infinity, -infinity, std::numeric_limits<T>::quiet_NaN()}) {
            x[static_cast<std::size_t>(wide)] = special;
            kernels::average_pool(s, x.data(), y.data());
            const T got = y[static_cast<std::size_t>(wide)];
            CHECK((std::isnan(special) ? std::isnan(got) : got == special));
            CHECK(is((wide + 1) % channels, 2));
          }
        }
      }
    }
  };
  check(1.0F);
  check(1.0);
}

TEST_CASE("the mean of more than 16 pixels in float32 is rounded once") {
  for (const auto& [height, width] :
       {std::pair<std::int64_t, std::int64_t>{17, 1}, {1, 17}, {5, 5}, {9, 8}, {12, 11}}) {
    const kernels::Window s = place_window("test", {1, height, width, 2}, {.size = {height, width}});
    std::vector<float> x(static_cast<std::size_t>(height * width * 2), 1);
    x[0] = x[1] = 0x1p25F;  // to which float32 cannot add 1
    float y[2] = {7, 7};
    kernels::average_pool(s, x.data(), y);
    const auto count = static_cast<double>(height * width);
    const auto wanted = static_cast<float>((0x1p25 + count - 1) / count);
    CHECK(y[0] == wanted);
    CHECK(y[1] == wanted);
  }
}
