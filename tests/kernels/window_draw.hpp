// Random sliding windows: any combination of sizes, strides, dilations and paddings that fits the images.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "framework/ops/window.hpp"
#include "framework/tensor/random.hpp"

namespace xtape::test {

class WindowDraw {
 public:
  explicit WindowDraw(std::uint64_t seed) : random_(seed) {}

  std::int64_t one_of(std::initializer_list<std::int64_t> choices) {
    const double u = random_.uniform({1}, 0, 1, DType::float64).data<double>()[0];
    const auto n = static_cast<double>(choices.size());
    return choices.begin()[static_cast<std::size_t>(std::min(u * n, n - 1))];
  }

  /// Images of 1 to 5 samples with sides of 1 to 12 pixels, not square. Strides are at most 4 and may be larger than
  /// the kernel. Padding is valid, same, or an amount for each side that is smaller than the window.
  kernels::Window window(std::initializer_list<std::int64_t> channels) {
    for (;;) {
      const Shape x{one_of({1, 2, 3, 4, 5}), side(), side(), one_of(channels)};
      WindowOptions options{.size = {one_of({1, 1, 2, 3, 4, 5}), one_of({1, 1, 2, 3, 3, 6})}};
      if (one_of({0, 1}) == 1) options.strides = {one_of({1, 2, 3, 4}), one_of({1, 2, 2, 3})};
      if (one_of({0, 0, 1}) == 1) options.dilation = {one_of({1, 2, 3}), one_of({1, 2, 3})};
      options.padding = padding(options);
      if (const auto placed = try_place(x, options)) return *placed;
    }
  }

 private:
  std::int64_t side() { return one_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12}); }
  Padding padding(const WindowOptions& options) {
    const std::int64_t kind = one_of({0, 1, 2});
    if (kind == 0) return Padding::valid;
    if (kind == 1) return Padding::same;
    const std::int64_t rows = (options.size.height - 1) * options.dilation.height;
    const std::int64_t columns = (options.size.width - 1) * options.dilation.width;
    const auto up_to = [this](std::int64_t most) { return std::min(most, one_of({0, 1, 2, 3})); };
    return {up_to(rows), up_to(rows), up_to(columns), up_to(columns)};
  }
  static std::optional<kernels::Window> try_place(const Shape& x, const WindowOptions& options) {
    try {
      return place_window("draw", x, options);
    } catch (const Error&) {
      return std::nullopt;  // the window is larger than the images
    }
  }

  RandomStream random_;
};

}  // namespace xtape::test
