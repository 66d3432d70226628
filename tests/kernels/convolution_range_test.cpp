// Convolutions of images, kernels and gradients with values of very different sizes: what does not see a large value
// holds nothing of its rounding.
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

  explicit Arrays(Padding padding = Padding::same)
      : s(place_window("test", {3, 13, 9, 17}, {.size = 3, .padding = padding})), x(0), w(0), dy(0) {
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

/// What is wrong with the elements whose terms are all of ordinary size, and how many there are. Those that see a large
/// value may be what they like.
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
      if (off <= 2e-6 * static_cast<double>(wanted.magnitude)) continue;
      ++wrong;
      worst = std::isnan(off) ? HUGE_VAL : std::max(worst, off);
    }
  }
};

/// The three kernels, whose ordinary elements must be right; how many those are of y, dx and dw.
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

TEST_CASE("a large or non-finite value stays in the outputs that see it") {
  for (const float large : large_values) {
    for (const auto& [i, j] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {6, 4}, {12, 8}, {3, 5}}) {
      for (const bool whole_pixel : {false, true}) {
        INFO(large << " at " << i << ", " << j << (whole_pixel ? " in all channels" : ""));
        Arrays a;
        for (std::int64_t c = 0; c < (whole_pixel ? 17 : 1); ++c) {
          a.x_at(1, i, j, c) = large;
          // at a border the padding's zeros, times infinity, are NaN
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

TEST_CASE("several large values, beside small ones, in every image") {
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

TEST_CASE("a kernel's gradient holds nothing of a value whose outputs have no gradient") {
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

TEST_CASE("beside a large value in zeros the outputs are exactly zero") {
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

TEST_CASE("a large weight stays in the outputs that see it") {
  for (const float large : {1e5F, -1e8F, 3.4e38F}) {
    Arrays a;
    a.w.data()[(0 * 17 + 3) * filters + 5] = large;  // of the first tap, which the first row and column do not see
    for (std::int64_t n = 0; n < 3; ++n) {
      for (std::int64_t k = 0; k < 13 * 9; ++k) {
        if (k / 9 != 8) a.x_at(n, k / 9, k % 9, 3) = 0;  // nor rows that see zeros
      }
    }
    const auto [y, dx, dw] = check_ordinary(a);
    CHECK(y >= a.dy.size() - 3 * 9);
  }
}

TEST_CASE("images of one size of values are computed by Winograd's method, and others do not change them") {
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
