// Resampling compared with its definition, for channels and sizes on both sides of the constants by which
// framework/kernels/resampling/resample.cpp divides its work: 16384 values of rows, and 32 channels of an image.
#include "framework/kernels/resampling/resample.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// A pixel that a new pixel reads; -1 for the constant.
struct PixelRead {
  std::int64_t pixel;
  long double weight;
};

/// The index of a place on a line of n pixels, found step by step; -1 for the constant.
std::int64_t place_on_line(std::int64_t i, std::int64_t n, FillMode outside) {
  if (outside == FillMode::constant) return i >= 0 && i < n ? i : -1;
  while (i < 0 || i >= n) {
    if (outside == FillMode::nearest) i += i < 0 ? 1 : -1;
    if (outside == FillMode::wrap) i += i < 0 ? n : -n;
    if (outside == FillMode::reflect) i = i < 0 ? -1 - i : 2 * n - 1 - i;  // d c b a | a b c d | d c b a
  }
  return i;
}

/// The pixels that make the new pixel (i, j). The numbers of `t` are multiples of 1/16, so places are exact.
std::vector<PixelRead> pixels_read(const kernels::Resampling& s, const double* t, std::int64_t i, std::int64_t j) {
  const auto r = static_cast<double>(i), c = static_cast<double>(j);
  const double y = t[0] * r + t[1] * c + t[2], x = t[3] * r + t[4] * c + t[5];
  const auto at = [&](double row, double column, double weight) {
    const std::int64_t h = place_on_line(static_cast<std::int64_t>(row), s.height, s.outside);
    const std::int64_t v = place_on_line(static_cast<std::int64_t>(column), s.width, s.outside);
    return PixelRead{h < 0 || v < 0 ? -1 : h * s.width + v, weight};
  };
  // of two pixels that are equally near, the later one
  if (!s.bilinear) return {at(std::floor(y + 0.5), std::floor(x + 0.5), 1)};
  const double top = std::floor(y), left = std::floor(x), down = y - top, right = x - left;
  return {at(top, left, (1 - down) * (1 - right)), at(top, left + 1, (1 - down) * right),
          at(top + 1, left, down * (1 - right)), at(top + 1, left + 1, down * right)};
}

/// Both kernels for random images, on one to three threads. Without `common` each image has its own transform.
template <class T>
void check_resampling(const kernels::Resampling& s, const std::vector<double>& transforms, bool common) {
  RandomStream random(3);
  const std::int64_t inputs = s.height * s.width * s.channels, outputs = s.new_height * s.new_width * s.channels;
  const auto x = drawn<T>(random, s.images * inputs), dy = drawn<T>(random, s.images * outputs);
  std::vector<reference::Exact> of_y(static_cast<std::size_t>(dy.size())), of_dx(static_cast<std::size_t>(x.size()));
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t p = 0; p < s.new_height * s.new_width; ++p) {
      for (const PixelRead& read :
           pixels_read(s, transforms.data() + (common ? 0 : 6 * n), p / s.new_width, p % s.new_width)) {
        for (std::int64_t c = 0; c < s.channels; ++c) {
          const std::int64_t from = n * inputs + read.pixel * s.channels + c, to = n * outputs + p * s.channels + c;
          const bool constant = read.pixel < 0;
          of_y[static_cast<std::size_t>(to)].add(read.weight * (constant ? s.fill : x.data()[from]));
          if (!constant) of_dx[static_cast<std::size_t>(from)].add(read.weight * dy.data()[to]);
        }
      }
    }
  }
  INFO(s.images << " images " << s.height << " x " << s.width << " x " << s.channels << " to " << s.new_height << " x "
                << s.new_width << (s.bilinear ? ", bilinear" : ", nearest") << ", outside "
                << static_cast<int>(s.outside) << (common ? ", common" : ""));
  for (const int threads : {1, 2, 3}) {
    const KernelSettings scope(threads);
    Guarded<T> y(dy.size()), dx(x.size());
    kernels::resample(s, x.data(), transforms.data(), common, y.data());
    kernels::resample_gradient(s, dy.data(), transforms.data(), common, dx.data());
    const auto all = [](std::int64_t size) { return sampled({size}, size); };
    CHECK(disagreement(y, all(y.size()), [&](auto i) { return of_y[static_cast<std::size_t>(i)]; }) == "");
    CHECK(disagreement(dx, all(dx.size()), [&](auto i) { return of_dx[static_cast<std::size_t>(i)]; }) == "");
  }
}

/// Turns, zooms and shifts, also by more than the size of an image; the first and the last place in the middle of
/// pixels.
const std::vector<double> two_transforms{0.75, -0.5,  1.5, 0.375, 1.25, -2.0625,  //
                                         -1,   0.125, 9,   0.5,   -2,   17.5};

const std::vector<FillMode> fill_modes{FillMode::constant, FillMode::nearest, FillMode::reflect, FillMode::wrap};

}  // namespace

TEST_CASE("resampled images and their derivatives equal the definition for all modes, sizes and transforms") {
  for (const FillMode outside : fill_modes) {
    for (const bool bilinear : {false, true}) {
      for (const bool common : {false, true}) {
        for (const auto& [height, width] : {std::pair<std::int64_t, std::int64_t>{5, 4}, {1, 1}, {2, 3}, {1, 7}}) {
          for (const std::int64_t channels : {1, 3}) {
            const kernels::Resampling s{2, height, width, channels, 7, 11, bilinear, outside, -1.75};
            check_resampling<double>(s, two_transforms, common);
            check_resampling<float>(s, two_transforms, common);
          }
        }
        // places exactly between two pixels, and at pixels
        const std::vector<double> halves{0.5, 0, -2.5, 0, 0.5, -3}, columns{1, 0, -1, 0, 0.5, -1.5};
        for (const std::vector<double>& transform : {halves, columns}) {
          const kernels::Resampling s{1, 4, 5, 2, 18, 19, bilinear, outside, 3};
          check_resampling<double>(s, transform, true);
        }
      }
    }
  }
}

TEST_CASE("images are resampled in none, one and several pieces of rows and chunks of channels") {
  for (const std::int64_t channels : {31, 32, 33, 63, 64, 65, 97}) {
    const kernels::Resampling s{2, 4, 3, channels, 9, 40, true, FillMode::constant, 2};
    check_resampling<double>(s, two_transforms, false);
    check_resampling<float>(s, two_transforms, false);
  }
  for (const std::int64_t width : {16383, 16384, 16385}) {  // one row or less of a piece
    const kernels::Resampling s{2, 3, 5, 1, 3, width, true, FillMode::wrap, 0};
    check_resampling<float>(s, {1, 0, 0.5, 0, 0.0625, -3}, true);
  }
}

TEST_CASE("a place at a pixel reads this pixel alone, so that its neighbours may be infinite or NaN") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{1, infinity, 2, NAN, 3, -infinity, 4, infinity, 5};
  const std::vector<double> same{1, 0, 0, 0, 1, 0};
  for (const FillMode outside : fill_modes) {
    std::vector<float> y(9);
    kernels::resample({1, 3, 3, 1, 3, 3, true, outside, infinity}, x.data(), same.data(), true, y.data());
    for (std::size_t i = 0; i < 9; ++i) CHECK((i == 3 ? std::isnan(y[i]) : y[i] == x[i]));
  }
}

TEST_CASE("places that are not finite or too far away for an integer are outside of the image") {
  const std::vector<double> x{1, 2, 3, 4};
  for (const double far : {1e300, -1e300, 1e19, HUGE_VAL, -HUGE_VAL, static_cast<double>(NAN)}) {
    for (const bool of_rows : {false, true}) {
      for (const bool bilinear : {false, true}) {
        CAPTURE(far, of_rows, bilinear);
        const std::vector<double> transform{0, 0, of_rows ? far : 0, 0, 0, of_rows ? 0 : far};
        double y = 0, dx[4] = {7, 7, 7, 7};
        const double dy = 1;
        const kernels::Resampling constant{1, 2, 2, 1, 1, 1, bilinear, FillMode::constant, 9};
        kernels::resample(constant, x.data(), transform.data(), true, &y);
        CHECK(y == 9);
        kernels::resample_gradient(constant, &dy, transform.data(), true, dx);
        CHECK(std::vector<double>(dx, dx + 4) == std::vector<double>(4, 0));
        if (std::isnan(far)) continue;
        kernels::resample({1, 2, 2, 1, 1, 1, bilinear, FillMode::nearest, 9}, x.data(), transform.data(), true, &y);
        CHECK(y == (far < 0 ? 1 : of_rows ? 3 : 2));
      }
    }
  }
}
