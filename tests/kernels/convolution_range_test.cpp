// Convolutions of images, kernels and gradients with values of very different sizes: a result that does not depend on a
// large value must not contain rounding errors of its size.
#include <cmath>
#include <functional>
#include <limits>

#include "tests/kernels/convolution_checks.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

constexpr std::int64_t filters = 18;

struct Arrays {
  kernels::Window s;
  Guarded<float> x, w, dy;

  explicit Arrays(Padding padding = Padding::same, std::int64_t height = 13, std::int64_t width = 9)
      : s(place_window("test", {3, height, width, 17}, {.size = 3, .padding = padding})), x(0), w(0), dy(0) {
    RandomStream random(6);
    x = drawn<float>(random, s.input_pixels() * s.channels);
    w = drawn<float>(random, 9 * s.channels * filters);
    dy = drawn<float>(random, s.output_pixels() * filters);
  }
  float& x_at(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) {
    return x.data()[((n * s.height + i) * s.width + j) * s.channels + c];
  }
  float& dy_at(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t f) {
    return dy.data()[((n * s.out_height + i) * s.out_width + j) * filters + f];
  }
};

/// Counts the elements whose terms are all of ordinary size, and those of them that are wrong. Elements that depend on
/// a large value are not compared.
struct Ordinary {
  std::int64_t count = 0, wrong = 0;
  double worst = 0;

  template <class Exact>
  Ordinary(const Guarded<float>& got, const Exact& exact) {
    for (std::int64_t i = 0; i < got.size(); ++i) {
      const reference::Exact wanted = exact(i);
      if (!(wanted.magnitude < 2000)) continue;
      ++count;
      const double off = std::abs(static_cast<double>(got.data()[i] - wanted.value));
      if (off <= 4e-6 * static_cast<double>(wanted.magnitude)) continue;
      ++wrong;
      worst = std::isnan(off) ? HUGE_VAL : std::max(worst, off);
    }
  }
};

/// Checks the ordinary elements of the results of the three kernels. Returns their numbers in y, dx and dw.
std::array<std::int64_t, 3> check_ordinary(const Arrays& a) {
  const KernelSettings scope(2);
  kernels::set_exact_convolutions(false);
  REQUIRE(kernels::winograd_applies(a.s, filters));
  Guarded<float> y(a.dy.size()), dx(a.x.size()), dw(a.w.size());
  kernels::conv2d(a.s, filters, a.x.data(), a.w.data(), y.data());
  kernels::conv2d_input_gradient(a.s, filters, a.dy.data(), a.w.data(), dx.data());
  kernels::conv2d_kernel_gradient(a.s, filters, a.x.data(), a.dy.data(), dw.data());
  const Ordinary of_y(y, [&](auto i) { return reference::conv2d(a.s, filters, a.x.data(), a.w.data(), i); });
  const Ordinary of_dx(
      dx, [&](auto i) { return reference::conv2d_input_gradient(a.s, filters, a.dy.data(), a.w.data(), i); });
  const Ordinary of_dw(
      dw, [&](auto i) { return reference::conv2d_kernel_gradient(a.s, filters, a.x.data(), a.dy.data(), i); });
  for (const auto& [name, found] : {std::pair("y", of_y), std::pair("dx", of_dx), std::pair("dw", of_dw)}) {
    INFO(name << ": worst " << found.worst);
    CHECK(found.wrong == 0);
  }
  return {of_y.count, of_dx.count, of_dw.count};
}

const std::vector<float> large_values{1e5F, -1e8F, 3e19F, -3.4e38F, std::numeric_limits<float>::infinity(), NAN};

}  // namespace

TEST_CASE("a large or non-finite value affects only the outputs that depend on it") {
  for (const float large : large_values) {
    for (const auto& [i, j] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {6, 4}, {12, 8}, {3, 5}}) {
      for (const bool whole_pixel : {false, true}) {
        INFO(large << " at " << i << ", " << j << (whole_pixel ? " in all channels" : ""));
        Arrays a;
        for (std::int64_t c = 0; c < (whole_pixel ? 17 : 1); ++c) {
          a.x_at(1, i, j, c) = large;
          // at a border the zeros of the padding times infinity are NaN
          if (std::isfinite(large) || (i % 12 > 0 && j % 8 > 0)) a.dy_at(2, i, j, c) = large;
        }
        const auto [y, dx, dw] = check_ordinary(a);
        CHECK(y >= a.dy.size() - 9 * filters);
        CHECK(dx >= a.x.size() - 9 * 17);
        CHECK(dw >= (whole_pixel ? 0 : 9 * 16 * 17));
      }
    }
  }
}

TEST_CASE("large values at the end of an image affect only the outputs that depend on them, for any size of it") {
  for (std::int64_t height = 17; height <= 20; ++height) {
    for (std::int64_t width = 9; width <= 12; ++width) {
      for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, width}, {height, 1}}) {
        for (const float large : {1e8F, 3e5F}) {  // also one that the spread of an image permits
          INFO(height << " x " << width << ": " << large << " in " << rows << " x " << columns);
          Arrays a(Padding::same, height, width);
          for (std::int64_t i = height - rows; i < height; ++i) {
            for (std::int64_t j = width - columns; j < width; ++j) {
              a.x_at(1, i, j, 2) = -large;
              a.dy_at(2, i, j, 2) = large;
            }
          }
          const std::int64_t reached = std::min(rows + 1, height) * std::min(columns + 1, width);
          const auto [y, dx, dw] = check_ordinary(a);
          CHECK(y >= a.dy.size() - reached * filters);
          CHECK(dx >= a.x.size() - reached * 17);
          CHECK(dw >= 9 * 16 * 17);
        }
      }
    }
  }
}

TEST_CASE("a filter or a channel of very small numbers keeps its digits beside ordinary ones") {
  // multiples of 2^-140, whose sums of products with small integers are exact
  for (const bool of_filter : {true, false}) {
    CAPTURE(of_filter);
    Arrays a;
    for (std::int64_t i = 0; i < a.x.size(); ++i) a.x.data()[i] = static_cast<float>(1 + i * 7 % 5);
    for (std::int64_t i = 0; i < a.dy.size(); ++i) a.dy.data()[i] = static_cast<float>(1 + i * 3 % 5);
    for (std::int64_t i = 0; i < a.w.size(); ++i) {
      const std::int64_t f = i % filters, c = i / filters % 17;
      const bool tiny = of_filter ? f == 3 : c == 5;
      a.w.data()[i] = static_cast<float>(1 + i * 5 % 7) * (tiny ? 0x1p-140F : 1.0F);
    }
    check_ordinary(a);
  }
}

TEST_CASE("convolutions are correct with several large values beside small ones in every image") {
  Arrays a;
  for (std::int64_t n = 0; n < 3; ++n) {
    for (std::int64_t i = 0; i < 13; ++i) {
      for (std::int64_t j = 0; j < 9; ++j) {
        for (std::int64_t c = 0; c < 17 && (i + j) % 7 == 0; ++c) a.x_at(n, i, j, c) *= 1e7F;
        for (std::int64_t f = 0; f < filters && i > 6; ++f) a.dy_at(n, i, j, f) *= 1e6F;
      }
    }
  }
  check_ordinary(a);
}

TEST_CASE("the gradient of a kernel is not affected by a value whose outputs have no gradient") {
  for (const float large : large_values) {
    if (!std::isfinite(large)) continue;  // infinity times 0 is NaN, by the definition too
    Arrays a;
    a.x_at(1, 5, 5, 3) = large;
    for (std::int64_t k = 0; k < 9 * filters; ++k)
      a.dy_at(1, 4 + k / filters / 3, 4 + k / filters % 3, k % filters) = 0;
    const auto [y, dx, dw] = check_ordinary(a);
    CHECK(dw == a.w.size());
  }
}

TEST_CASE("outputs are exactly zero near a large value among zeros") {
  Arrays a;
  std::fill_n(a.x.data(), a.x.size(), 0.0F);
  std::fill_n(a.dy.data(), a.dy.size(), 0.0F);
  a.x_at(1, 5, 5, 3) = 1e8F;
  a.dy_at(0, 7, 2, 4) = 1e8F;
  const auto [y, dx, dw] = check_ordinary(a);
  CHECK(y == a.dy.size() - 9 * filters);
  CHECK(dx == a.x.size() - 9 * 17);
  CHECK(dw == a.w.size());
}

TEST_CASE("a large weight affects only the outputs that use it") {
  for (const float large : {1e5F, -1e8F, 3.4e38F}) {
    Arrays a;
    // of the first tap, which outputs in the first row and column do not use
    a.w.data()[(0 * 17 + 3) * filters + 5] = large;
    for (std::int64_t n = 0; n < 3; ++n) {
      for (std::int64_t k = 0; k < 13 * 9; ++k) {
        if (k / 9 != 8) a.x_at(n, k / 9, k % 9, 3) = 0;  // also not the rows that depend on zeros
      }
    }
    const auto [y, dx, dw] = check_ordinary(a);
    CHECK(y >= a.dy.size() - 3 * 9);
  }
}

TEST_CASE("a large pixel affects only the outputs that use it, also if another channel is large everywhere") {
  for (const float large : {1e7F, -1e8F, 1e18F}) {
    for (const bool others_are_zero : {false, true}) {
      INFO(large << (others_are_zero ? ", and zeros in the pixel's channel" : ""));
      Arrays a;
      for (std::int64_t n = 0; n < 3; ++n) {
        for (std::int64_t k = 0; k < 13 * 9; ++k) {
          a.x_at(n, k / 9, k % 9, 0) = large;
          a.dy_at(n, k / 9, k % 9, 0) = large;
          if (others_are_zero) a.x_at(n, k / 9, k % 9, 1) = a.dy_at(n, k / 9, k % 9, 1) = 0;
        }
      }
      a.x_at(1, 5, 5, 1) = a.dy_at(2, 5, 5, 1) = large;
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        for (std::int64_t f = 0; f < filters; f += 2) a.w.data()[tap * 17 * filters + f] = 0;  // no channel 0
        for (std::int64_t c = 0; c < 17; c += 2) a.w.data()[(tap * 17 + c) * filters] = 0;     // no filter 0
      }
      const auto [y, dx, dw] = check_ordinary(a);
      CHECK(y >= a.dy.size() / 2 - 9 * filters);
      CHECK(dx >= a.x.size() / 2 - 9 * 17);
    }
  }
}

TEST_CASE("a large weight affects only the outputs that use it, also if other filters are large") {
  Arrays a;
  for (std::int64_t tap = 0; tap < 9; ++tap) {
    for (std::int64_t f = 0; f < filters; f += 2) a.w.data()[(tap * 17 + 3) * filters + f] = 1e8F;
  }
  // of the first tap, which outputs in the first row and column do not use
  a.w.data()[(0 * 17 + 3) * filters + 5] = 1e8F;
  const auto [y, dx, dw] = check_ordinary(a);
  CHECK(y >= 8 * 3 * 9);
}

namespace {

/// The largest error of y, dx and dw for one value of x, one of w and one of dy, relative to the sums of |terms|.
std::array<double, 3> errors_of_constants(float x, float w, float dy) {
  const KernelSettings scope(2);
  kernels::set_exact_convolutions(false);
  Arrays a;
  RandomStream random(8);
  // near the given values, so that rounding errors do not cancel
  const auto fill = [&](Guarded<float>& all, float value) {
    for (std::int64_t i = 0; i < all.size(); ++i) {
      all.data()[i] = value * static_cast<float>(1 - 0.25 * random.uniform({1}).item());
    }
  };
  fill(a.x, x), fill(a.w, w), fill(a.dy, dy);
  Guarded<float> y(a.dy.size()), dx(a.x.size()), dw(a.w.size());
  kernels::conv2d(a.s, filters, a.x.data(), a.w.data(), y.data());
  kernels::conv2d_input_gradient(a.s, filters, a.dy.data(), a.w.data(), dx.data());
  kernels::conv2d_kernel_gradient(a.s, filters, a.x.data(), a.dy.data(), dw.data());
  const auto worst = [](const Guarded<float>& got, const auto& exact) {
    double most = 0;
    for (std::int64_t i = 0; i < got.size(); ++i) {
      const reference::Exact wanted = exact(i);
      const auto off = static_cast<double>(std::abs(got.data()[i] - wanted.value) / wanted.magnitude);
      most = std::isfinite(off) ? std::max(most, off) : HUGE_VAL;
    }
    return most;
  };
  return {
      worst(y, [&](auto i) { return reference::conv2d(a.s, filters, a.x.data(), a.w.data(), i); }),
      worst(dx, [&](auto i) { return reference::conv2d_input_gradient(a.s, filters, a.dy.data(), a.w.data(), i); }),
      worst(dw, [&](auto i) { return reference::conv2d_kernel_gradient(a.s, filters, a.x.data(), a.dy.data(), i); })};
}

}  // namespace

TEST_CASE("convolutions of values near the limits of float32 are as accurate as of others") {
  struct Values {
    float x, w, dy;
  };
  // sums of at most 351 products, within the range of normal float32 numbers
  for (const Values v : {Values{1e37F, 1e-3F, 1e-3F},  Values{1e-3F, 1e37F, 1e-3F},    Values{1e-3F, 1e-3F, 1e37F},
                         Values{3e38F, 1e-3F, 1e-3F},  Values{1e-3F, 3e38F, 1e-3F},    Values{1e-3F, 1e-3F, 3e38F},
                         Values{1e37F, 1e-6F, 1e-6F},  Values{1e-6F, 1e37F, 1e-6F},    Values{1e-6F, 1e-6F, 1e37F},
                         Values{3e38F, 1e-8F, 1e-8F},  Values{1e-8F, 3e38F, 1e-8F},    Values{1e-8F, 1e-8F, 3e38F},
                         Values{1e17F, 1e17F, 1e17F},  Values{1e-30F, 1e-6F, 1e-6F},   Values{1e-6F, 1e-30F, 1e-6F},
                         Values{1e-6F, 1e-6F, 1e-30F}, Values{1e-18F, 1e-18F, 1e-18F}, Values{1e-37F, 1e30F, 1e30F},
                         Values{1e30F, 1e-37F, 1e30F}, Values{1e30F, 1e30F, 1e-37F},   Values{1e-40F, 1e30F, 1.0F},
                         Values{1.0F, 1.0F, 1.0F}}) {
    INFO("x " << v.x << ", w " << v.w << ", dy " << v.dy);
    const auto [y, dx, dw] = errors_of_constants(v.x, v.w, v.dy);
    const auto fits = [](double a, double b) { return 351 * a * b < 3e38 && a * b > 1e-37; };
    if (fits(v.x, v.w)) CHECK(y < 3e-6);
    if (fits(v.dy, v.w)) CHECK(dx < 3e-6);
    if (fits(v.x, v.dy)) CHECK(dw < 3e-6);
  }
}

TEST_CASE("images with values of similar size use Winograd's method, and other images do not affect them") {
  const KernelSettings scope(1);
  kernels::set_exact_convolutions(false);
  Arrays a;
  Guarded<float> before(a.dy.size()), after(a.dy.size());
  kernels::conv2d(a.s, filters, a.x.data(), a.w.data(), before.data());
  CHECK(kernels::images_for_conv2d(a.s, filters, a.x.data(), a.w.data()) == kernels::Images{0, 1, 2});
  CHECK(kernels::images_for_input_gradient(a.s, filters, a.dy.data(), a.w.data()) == kernels::Images{0, 1, 2});
  CHECK(kernels::images_for_kernel_gradient(a.s, filters, a.x.data(), a.dy.data()) == kernels::Images{0, 1, 2});
  a.x_at(1, 2, 2, 0) = 1e6F;
  kernels::conv2d(a.s, filters, a.x.data(), a.w.data(), after.data());
  CHECK(kernels::images_for_conv2d(a.s, filters, a.x.data(), a.w.data()) == kernels::Images{0, 2});
  const std::int64_t image = a.dy.size() / 3;
  CHECK(std::equal(before.data(), before.data() + image, after.data()));
  CHECK(std::equal(before.data() + 2 * image, before.data() + 3 * image, after.data() + 2 * image));
}

namespace {

/// Whether an image of `rows` rows with the values `value(row, column, channel)` uses Winograd's method. All weights
/// are 1 but the first, which is `weight`.
template <class T>
bool uses_winograd(std::int64_t rows, const std::function<double(std::int64_t, std::int64_t, std::int64_t)>& value,
                   double weight = 1, std::int64_t columns = 9, const Padding& padding = Padding::same) {
  constexpr std::int64_t channels = 17;
  const kernels::Window s = place_window("test", {1, rows, columns, channels}, {.size = 3, .padding = padding});
  Guarded<T> x(s.input_pixels() * channels), w(9 * channels * filters);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = static_cast<T>(value(i / channels / columns, i / channels % columns, i % channels));
  }
  std::fill_n(w.data(), w.size(), T{1});
  w.data()[0] = static_cast<T>(weight);
  return kernels::images_for_conv2d(s, filters, x.data(), w.data()) == kernels::Images{0};
}

template <class T>
void check_limits_of_winograd() {
  const auto one = [](auto...) { return 1.0; };
  // 2^0, 2^-1, ... 2^-40, whose geometric mean is 2^-20; one more row lowers it
  const auto falling = [](std::int64_t row, auto...) { return std::ldexp(1, -static_cast<int>(row)); };
  CHECK(uses_winograd<T>(41, falling));
  CHECK_FALSE(uses_winograd<T>(42, falling));
  // the same in a single channel, also if half of its values are zero
  for (const bool zeros : {false, true}) {
    const auto of_channel = [&](std::int64_t row, std::int64_t column, std::int64_t channel) {
      return channel != 3 ? 1 : zeros && column % 2 == 0 ? 0 : falling(row);
    };
    CHECK(uses_winograd<T>(41, of_channel));
    CHECK_FALSE(uses_winograd<T>(42, of_channel));
  }
  // channels of one value each: 1, and 16 others with the geometric mean 2^(-340 / 16), so that of all is 2^-20
  for (const int last : {25, 26}) {
    const auto of_channels = [&](auto, auto, std::int64_t channel) {
      return std::ldexp(1, channel == 0 ? 0 : channel < 16 ? -21 : -last);
    };
    CHECK(uses_winograd<T>(13, of_channels) == (last == 25));
  }
  // a patch may be 32 times as large as a window, and a weight as another one
  for (const double large : {32.0, 32.5}) {
    const auto pixel = [&](std::int64_t row, std::int64_t column, auto) { return row == 5 && column == 5 ? large : 1; };
    CHECK(uses_winograd<T>(13, pixel) == (large == 32));
    CHECK(uses_winograd<T>(13, one, large) == (large == 32));
  }
}

}  // namespace

TEST_CASE("Winograd's method is used up to the documented ratios of values and of weights") {
  check_limits_of_winograd<float>();
  check_limits_of_winograd<double>();
}

namespace {

/// Whether both images of a constant x use Winograd's method in a convolution with constant weights; likewise for dx
/// from dy and w, and for dw from x and dy.
template <class T>
struct ConstantImages {
  kernels::Window s = place_window("test", {2, 13, 9, 17}, {.size = 3, .padding = Padding::same});
  const kernels::Images both{0, 1};

  static std::vector<T> all(std::int64_t size, double value) {
    return std::vector<T>(static_cast<std::size_t>(size), static_cast<T>(value));
  }
  bool output(double x, double w) const {
    return kernels::images_for_conv2d(s, filters, all(s.input_pixels() * 17, x).data(),
                                      all(9 * 17 * filters, w).data()) == both;
  }
  bool input(double dy, double w) const {
    return kernels::images_for_input_gradient(s, filters, all(s.output_pixels() * filters, dy).data(),
                                              all(9 * 17 * filters, w).data()) == both;
  }
  bool kernel(double x, double dy) const {
    return kernels::images_for_kernel_gradient(s, filters, all(s.input_pixels() * 17, x).data(),
                                               all(s.output_pixels() * filters, dy).data()) == both;
  }
};

/// The transforms multiply by up to 100, the sum of |numbers| in a row of BT squared; by 225, that of A; and the
/// results by 361, that of AT. A sum has 17 or 18 terms of channels, or those of 12 tiles. Products of at least 2048
/// times the least normal number for each term keep their digits.
template <class T>
void check_limits_of_range() {
  const ConstantImages<T> images;
  const double most = std::numeric_limits<T>::max(), least = 2048 * static_cast<double>(std::numeric_limits<T>::min());
  struct Limit {
    const char* what;
    std::function<bool(double)> fits;  // of a value
    double largest, smallest;          // that fit; 0 for no limit
  };
  const double above = 1.0001, below = 0.9999;
  const std::vector<Limit> limits{
      {"products for y", [&](double v) { return images.output(v, 1); }, most / (361 * 100 * 17), least * 17},
      {"products for dx", [&](double v) { return images.input(v, 1); }, most / (361 * 100 * 18), least * 18},
      {"products for dw", [&](double v) { return images.kernel(v, 1); }, most / (16.0 * 100 * 225 * 12 * 2),
       least * 12},
      {"products for dw", [&](double v) { return images.kernel(1, v); }, most / (16.0 * 100 * 225 * 12 * 2),
       least * 12},
      {"x alone, for y", [&](double v) { return images.output(v, 1e-10); }, most / 100, 0},
      {"dy alone, for dx", [&](double v) { return images.input(v, 1e-10); }, most / 100, 0},
      {"x alone, for dw", [&](double v) { return images.kernel(v, 1e-10); }, most / 100, 0},
      {"dy alone, for dw", [&](double v) { return images.kernel(1e-10, v); }, most / 225, 0},
      {"w alone, for y", [&](double v) { return images.output(1e-10, v); }, most / 2, 0},
      {"w alone, for y", [&](double v) { return images.output(1e3, v); }, 0, least},
      {"w alone, for dx", [&](double v) { return images.input(1e-10, v); }, most / 2, 0},
  };
  for (const Limit& limit : limits) {
    INFO(limit.what << " of " << to_string(dtype_of<T>));
    if (limit.largest > 0) CHECK(limit.fits(limit.largest * below));
    if (limit.largest > 0) CHECK_FALSE(limit.fits(limit.largest * above));
    if (limit.smallest > 0) CHECK(limit.fits(limit.smallest * above));
    if (limit.smallest > 0) CHECK_FALSE(limit.fits(limit.smallest * below));
  }
}

}  // namespace

TEST_CASE("Winograd's method is used for values of any size in last tiles of three rows or columns, but not of two") {
  for (const bool of_rows : {true, false}) {
    const auto last = [=](std::int64_t extent, std::int64_t count, double large) {
      const auto value = [=](std::int64_t row, std::int64_t column, auto) {
        return (of_rows ? row : column) >= extent - count ? large : 1;
      };
      return uses_winograd<float>(of_rows ? extent : 13, value, 1, of_rows ? 12 : extent);
    };
    CAPTURE(of_rows);
    CHECK(last(14, 1, 32));  // the last of two, which the tile before does not contain
    CHECK_FALSE(last(14, 1, 32.5));
    CHECK(last(15, 2, 1000));
    CHECK(last(16, 3, 1000));
    CHECK_FALSE(last(15, 1, 32.5));  // not in every window of its tile
  }
}

TEST_CASE("Winograd's method is not used for an image whose values are large in one row or column alone") {
  for (const Padding& padding : {Padding::same, Padding::valid}) {
    CHECK(uses_winograd<float>(
        18, [](auto...) { return 1; }, 1, 18, padding));
    for (std::int64_t at = 0; at < 18; ++at) {
      CAPTURE(padding.is_same(), at);
      const auto in_row = [=](std::int64_t row, auto, auto) { return row == at ? 1e6 : 1; };
      const auto in_column = [=](auto, std::int64_t column, auto) { return column == at ? 1e6 : 1; };
      CHECK_FALSE(uses_winograd<float>(18, in_row, 1, 18, padding));
      CHECK_FALSE(uses_winograd<float>(18, in_column, 1, 18, padding));
    }
  }
}

TEST_CASE("Winograd's method is used for zeros: whole images, kernels, channels and filters") {
  const ConstantImages<float> images;
  CHECK(images.output(0, 1));
  CHECK(images.output(1, 0));
  CHECK(images.input(0, 1));
  CHECK(images.input(1, 0));
  CHECK(images.kernel(0, 1));
  CHECK(images.kernel(1, 0));
  const auto& s = images.s;
  for (const bool of_filter : {false, true}) {
    auto w = ConstantImages<float>::all(9 * 17 * filters, 1);
    for (std::int64_t i = 0; i < std::ssize(w); ++i) {
      if (of_filter ? i % filters == 3 : i / filters % 17 == 5) w[static_cast<std::size_t>(i)] = 0;
    }
    const auto ones = ConstantImages<float>::all(s.output_pixels() * filters, 1);
    CHECK(kernels::images_for_conv2d(s, filters, ones.data(), w.data()) == images.both);
    CHECK(kernels::images_for_input_gradient(s, filters, ones.data(), w.data()) == images.both);
  }
}

TEST_CASE("Winograd's method is used for products and factors up to the limits of the type") {
  check_limits_of_range<float>();
  check_limits_of_range<double>();
}

TEST_CASE("Winograd's method is used for images of up to 2^22 pixels") {
  for (const std::int64_t width : {2048, 2049}) {
    const kernels::Window s = place_window("test", {1, 2048, width, 1}, {.size = 3, .padding = Padding::same});
    const std::vector<float> ones(static_cast<std::size_t>(s.input_pixels()), 1);
    CHECK(kernels::images_for_conv2d(s, 1, ones.data(), ones.data()).empty() == (width > 2048));
  }
}
