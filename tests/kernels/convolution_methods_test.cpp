// Which method computes a convolution, on both sides of each limit, and what depends on the choice.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/gemm/gather.hpp"
#include "framework/ops/window.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

const auto same_size = Padding::same;
const WindowOptions three_by_three{.size = 3, .padding = same_size};

kernels::Window grouped_window(const Shape& x, const WindowOptions& options, std::int64_t groups = 1) {
  kernels::Window window = place_window("test", x, options);
  window.groups = groups;
  return window;
}

/// A window without pixels, outputs or channels, which place_window does not permit.
kernels::Window emptied(std::int64_t kernels::Window::*extent, const WindowOptions& options = three_by_three) {
  kernels::Window window = place_window("test", {5, 8, 8, 16}, options);
  window.*extent = 0;
  return window;
}

struct MethodRow {
  const char* what;
  kernels::Window window;
  std::int64_t filters;
  bool packed, range, bands;  ///< multiplies_packed, reads_range, computes_bands
};

template <class T>
void check_methods(const std::vector<MethodRow>& rows) {
  for (const MethodRow& row : rows) {
    INFO(row.what << " of " << to_string(dtype_of<T>));
    CHECK(kernels::multiplies_packed<T>(row.window, row.filters) == row.packed);
    CHECK(kernels::reads_range<T>(row.window, row.filters) == row.range);
    CHECK(kernels::computes_bands<T>(row.window, row.filters) == row.bands);
  }
}

}  // namespace

TEST_CASE("the method of a convolution depends on channels, taps, strides, dilation and groups") {
  const Shape few{1, 9, 8, 15}, many{1, 9, 8, 16};
  const std::vector<MethodRow> rows{
      {"15 channels", grouped_window(few, three_by_three), 20, false, false, true},
      {"16 channels", grouped_window(many, three_by_three), 20, true, false, false},
      {"one column of taps", grouped_window(few, {.size = {3, 1}}), 20, true, false, true},
      {"two columns of taps", grouped_window(few, {.size = {1, 2}}), 20, false, false, true},
      {"few channels, dilated rows", grouped_window(few, {.size = {3, 2}, .dilation = {2, 1}}), 20, true, false, true},
      {"few channels, dilated columns", grouped_window(few, {.size = {3, 2}, .dilation = {1, 2}}), 20, true, false,
       true},
      {"one tap", grouped_window(many, {.size = 1}), 20, true, false, true},
      {"3x2 taps", grouped_window(many, {.size = {3, 2}}), 20, true, false, true},
      {"2x3 taps", grouped_window(many, {.size = {2, 3}}), 20, true, false, true},
      {"3x3 taps apart in rows", grouped_window(many, {.size = 3, .strides = {2, 1}}), 20, true, false, true},
      {"3x3 taps apart in columns", grouped_window(many, {.size = 3, .strides = {1, 2}}), 20, true, false, true},
      {"depthwise", grouped_window(many, three_by_three, 16), 32, false, false, true},
      {"groups", grouped_window(many, three_by_three, 8), 32, false, false, false},
      {"one channel", grouped_window({1, 9, 8, 1}, three_by_three), 3, false, false, true},
      {"no channels", emptied(&kernels::Window::channels, {.size = 1}), 20, false, false, true},
      {"no images", emptied(&kernels::Window::batch, {.size = 1}), 20, false, false, true},
      {"no output rows", emptied(&kernels::Window::out_height, {.size = 1}), 20, false, false, true},
      {"no filters", grouped_window(many, {.size = 1}), 0, false, false, true},
  };
  check_methods<float>(rows);
  check_methods<double>(rows);
  const kernels::Window transformed = grouped_window({5, 8, 8, 16}, three_by_three);
  const KernelSettings restored;
  kernels::set_exact_convolutions(false);
  check_methods<float>({{"Winograd's method", transformed, 16, false, true, false}});
  check_methods<double>({{"Winograd's method in double", transformed, 16, true, false, false}});
  kernels::set_exact_convolutions(true);
  check_methods<float>({{"Winograd's method, exact", transformed, 16, true, false, false}});
}

TEST_CASE("Winograd's method applies from 20 tiles, 16 channels and 16 filters, of which half are in the image") {
  struct Row {
    Shape x;
    std::int64_t filters;
    Padding padding;
    bool applies;
  };
  for (const Row& row : std::vector<Row>{
           {{20, 4, 4, 16}, 16, same_size, true},
           {{19, 4, 4, 16}, 16, same_size, false},
           {{5, 8, 8, 16}, 16, same_size, true},
           {{4, 8, 8, 16}, 16, same_size, false},
           {{2, 8, 17, 16}, 16, same_size, true},  // 2 x 5 tiles of each image
           {{2, 17, 8, 16}, 16, same_size, true},
           {{1, 16, 17, 16}, 16, same_size, true},
           {{1, 16, 16, 16}, 16, same_size, false},
           {{20, 4, 4, 15}, 16, same_size, false},
           {{20, 4, 4, 16}, 15, same_size, false},
           {{20, 4, 5, 16}, 16, same_size, true},             // 20 of 32 pixels
           {{20, 5, 5, 16}, 16, same_size, false},            // 25 of 64
           {{20, 5, 6, 16}, 16, same_size, false},            // 30 of 64
           {{20, 6, 6, 16}, 16, same_size, true},             // 36 of 64
           {{20, 5, 7, 16}, 16, same_size, true},             // 35 of 64
           {{20, 5, 5, 16}, 16, Padding(0, 1, 0, 1), false},  // the outputs 4 x 4, the images 25 of 64
           {{20, 4, 4, 16}, 16, Padding(2, 1, 2, 1), false},  // the outputs 25 of 64
           {{20, 3, 4, 16}, 16, Padding(2, 1, 1, 1), false},  // images of three rows
           {{20, 4, 3, 16}, 16, Padding(1, 1, 2, 1), false},
           {{20, 5, 8, 16}, 16, Padding(0, 0, 1, 1), false},  // outputs of three rows
           {{20, 8, 5, 16}, 16, Padding(1, 1, 0, 0), false},
       }) {
    INFO(to_string(row.x) << " " << row.filters);
    const kernels::Window window = grouped_window(row.x, {.size = 3, .padding = row.padding});
    CHECK(kernels::winograd_applies(window, row.filters) == row.applies);
  }
}

TEST_CASE("Winograd's method computes the accurate images if they are at least half of the batch") {
  const kernels::Window s = grouped_window({4, 12, 8, 16}, three_by_three);
  constexpr std::int64_t filters = 16;
  REQUIRE(kernels::winograd_applies(s, filters));
  for (const std::int64_t uneven : {2, 3}) {
    RandomStream random(6);
    auto x = drawn<float>(random, s.input_pixels() * 16), dy = drawn<float>(random, s.output_pixels() * filters);
    const auto w = drawn<float>(random, 9 * 16 * filters);
    const std::int64_t image = x.size() / 4;
    for (std::int64_t n = 1; n <= uneven; ++n) x.data()[n * image + 99] = dy.data()[n * image + 77] = 1e6F;
    kernels::Images accurate{0};
    if (uneven == 2) accurate.push_back(3);
    CHECK(kernels::images_for_conv2d(s, filters, x.data(), w.data()) == accurate);
    CHECK(kernels::images_for_input_gradient(s, filters, dy.data(), w.data()) == accurate);
    const KernelSettings restored;
    struct Results {
      Guarded<float> y, dx, dw;
    };
    const auto results = [&](bool exact) {
      kernels::set_exact_convolutions(exact);
      Results r{Guarded<float>(dy.size()), Guarded<float>(x.size()), Guarded<float>(w.size())};
      kernels::conv2d(s, filters, x.data(), w.data(), r.y.data());
      kernels::conv2d_input_gradient(s, filters, dy.data(), w.data(), r.dx.data());
      kernels::conv2d_kernel_gradient(s, filters, x.data(), dy.data(), r.dw.data());
      return r;
    };
    const Results exact = results(true), chosen = results(false);
    Guarded<float> y(exact.y), dx(exact.dx), dw(exact.dw);
    if (uneven == 2) {  // the other images keep the bits of the definition
      kernels::winograd_conv2d(s, filters, x.data(), w.data(), y.data(), accurate);
      kernels::winograd_input_gradient(s, filters, dy.data(), w.data(), dx.data(), accurate);
      CHECK_FALSE(chosen.y == exact.y);
      CHECK_FALSE(chosen.dx == exact.dx);
      CHECK_FALSE(chosen.dw == exact.dw);
    } else {
      CHECK(chosen.dw == exact.dw);
    }
    INFO(uneven << " of 4 images are not accurate");
    CHECK(chosen.y == y);
    CHECK(chosen.dx == dx);
  }
}

TEST_CASE("a convolution and a pooling without outputs are not computed at once") {
  const kernels::Window convolution = grouped_window({2, 6, 6, 3}, three_by_three);
  kernels::Window pooling = grouped_window({2, 6, 6, 4}, {.size = 2, .strides = 2});
  CHECK(kernels::pools_at_once<float>(convolution, pooling));
  pooling.batch = 0;
  CHECK_FALSE(kernels::pools_at_once<float>(convolution, pooling));
}

TEST_CASE("a convolution of no channels is zero, and each of its elements is finished once") {
  const kernels::Window none = emptied(&kernels::Window::channels);
  for (const std::int64_t filters : {1, 5, 16}) {
    const auto check = [&](auto one) {
      using T = decltype(one);
      const T nothing = 0;
      Guarded<T> y(none.output_pixels() * filters), finished(y.size());
      kernels::conv2d(none, filters, &nothing, &nothing, y.data());
      CHECK(y == Guarded<T>(y.size(), T{0}));
      const auto add_one = [](T* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns) {
        for (std::int64_t i = 0; i < count * columns; ++i) rows[i / columns][i % columns] += first == 0 ? 1 : 100;
      };
      const kernels::PartFunction<T> finish(add_one);
      kernels::conv2d(none, filters, &nothing, &nothing, finished.data(), &finish);
      CHECK(finished == Guarded<T>(y.size(), T{1}));
    };
    check(1.0F);
    check(1.0);
  }
}

TEST_CASE("the parts of a product that are finished in the cache have at most 32768 values or one tile of rows") {
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope(1);
    kernels::set_instruction_set(set);
    for (const std::int64_t filters : {1, 40, 300, 3000}) {
      const kernels::Window window = grouped_window({1, 70, 40, 16}, {.size = 1});
      const std::vector<float> x(static_cast<std::size_t>(window.input_pixels() * 16), 1);
      const std::vector<float> w(static_cast<std::size_t>(16 * filters), 1);
      Guarded<float> y(window.output_pixels() * filters);
      std::int64_t values = 0, largest = 0;
      const auto count_values = [&](float* const*, std::int64_t count, std::int64_t, std::int64_t columns) {
        values += count * columns;
        largest = std::max(largest, count * columns);
      };
      const kernels::PartFunction<float> finish(count_values);
      kernels::conv2d(window, filters, x.data(), w.data(), y.data(), &finish);
      INFO(kernels::to_string(set) << ", " << filters << " filters");
      CHECK(values == y.size());
      CHECK(largest <= std::max(std::int64_t{32768}, kernels::engines_in_use<float>().wide->tile_rows * filters));
    }
  }
}

TEST_CASE("parts of other methods are a row of pixels, a strip, or 64 pixels, with all filters") {
  struct Row {
    const char* what;
    kernels::Window window;
    std::int64_t filters, most;  // pixels of a part
  };
  for (const Row& row : {Row{"depthwise", grouped_window({2, 9, 77, 4}, three_by_three, 4), 8, 77},
                         Row{"strips", grouped_window({2, 50, 77, 3}, three_by_three), 8, 462},
                         Row{"a strip of one row", grouped_window({1, 3, 600, 3}, three_by_three), 8, 600},
                         Row{"groups", grouped_window({2, 9, 77, 4}, three_by_three, 2), 8, 64},
                         Row{"Winograd's method", grouped_window({2, 30, 77, 16}, three_by_three), 16, 64}}) {
    const KernelSettings scope(1);
    kernels::set_exact_convolutions(false);
    const std::vector<float> ones(static_cast<std::size_t>(row.window.input_pixels() * row.window.channels), 1);
    Guarded<float> y(row.window.output_pixels() * row.filters);
    std::int64_t pixels = 0, most = 0;
    bool whole = true;
    const auto measure_part = [&](float* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns) {
      whole = whole && first == 0 && columns == row.filters;
      for (std::int64_t i = 1; i < count; ++i) whole = whole && rows[i] == rows[i - 1] + columns;
      pixels += count;
      most = std::max(most, count);
    };
    const kernels::PartFunction<float> finish(measure_part);
    kernels::conv2d(row.window, row.filters, ones.data(), ones.data(), y.data(), &finish);
    INFO(row.what);
    CHECK(whole);
    CHECK(pixels == row.window.output_pixels());
    CHECK(most == row.most);
  }
}

TEST_CASE("a window of one tap without padding reads one pixel for each output") {
  const auto window = [](const WindowOptions& options) { return place_window("test", {2, 5, 7, 3}, options); };
  CHECK(window({.size = 1}).pointwise());
  CHECK(window({.size = 1, .strides = {2, 3}}).pointwise());
  CHECK_FALSE(window({.size = {2, 1}}).pointwise());
  CHECK_FALSE(window({.size = {1, 2}}).pointwise());
  CHECK_FALSE(window({.size = 1, .padding = Padding(1, 0, 0, 0)}).pointwise());
  CHECK_FALSE(window({.size = 1, .padding = Padding(0, 0, 1, 0)}).pointwise());
  CHECK_FALSE(window({.size = 1, .padding = Padding(0, 1, 0, 0)}).pointwise());
  CHECK_FALSE(window({.size = 1, .padding = Padding(0, 0, 0, 1)}).pointwise());
  CHECK(window({.size = 1, .strides = 2, .padding = Padding(0, 1, 0, 1)}).pointwise());  // which no output reads
  CHECK_FALSE(window({.size = 1, .strides = 2, .padding = Padding(0, 2, 0, 1)}).pointwise());
  CHECK(window({.size = 3}).unit_stride());
  CHECK_FALSE(window({.size = 3, .strides = {1, 2}}).unit_stride());
  CHECK_FALSE(window({.size = 3, .strides = {2, 1}}).unit_stride());
}

TEST_CASE("packed weights fit products of the same number of columns, segments and values in a segment") {
  const std::vector<double> weights(1000, 1);
  const auto source = [&](std::int64_t) { return kernels::PackSource<double>{weights.data(), 20, false}; };
  const kernels::PackedMatrix<double> packed(20, 4, 6, source);
  CHECK(packed.fits(20, 4, 6));
  CHECK_FALSE(packed.fits(19, 4, 6));
  CHECK_FALSE(packed.fits(20, 3, 6));
  CHECK_FALSE(packed.fits(20, 5, 6));
  CHECK_FALSE(packed.fits(20, 4, 5));
  CHECK_FALSE(packed.fits(20, 6, 4));
  CHECK_FALSE(packed.fits(20, 3, 8));
}

TEST_CASE(
    "pixels of at least 8 images of at most 16 pixels are processed position by position, others image by image") {
  struct Row {
    std::int64_t batch, height, width;
    bool padded, by_position;
  };
  for (const Row& row :
       {Row{8, 4, 4, true, true}, Row{7, 4, 4, true, false}, Row{9, 1, 16, true, true}, Row{8, 1, 17, true, false},
        Row{30, 3, 6, true, false}, Row{8, 4, 4, false, false}, Row{8, 2, 3, true, true}, Row{2, 3, 5, true, false}}) {
    CAPTURE(row.batch, row.height, row.width, row.padded);
    const kernels::PixelOrder order(row.batch, row.height, row.width, row.padded);
    CHECK(order.by_position() == row.by_position);
    CHECK(order.count() == row.batch * row.height * row.width);
    using Place = std::array<std::int64_t, 3>;
    std::vector<Place> wanted;
    for (std::int64_t i = 0; i < order.count(); ++i) {
      const std::int64_t pixels = row.height * row.width;
      const std::int64_t image = row.by_position ? i % row.batch : i / pixels;
      const std::int64_t position = row.by_position ? i / row.batch : i % pixels;
      wanted.push_back({image, position / row.width, position % row.width});
    }
    for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, order.count()}, {5, 27}, {3, 3}}) {
      std::vector<Place> single, stretched;
      order.for_each(begin, end, [&](std::int64_t i, kernels::Pixel at) {
        CHECK(i == std::ssize(single));
        single.push_back({at.image, at.row, at.column});
      });
      order.for_each_stretch(begin, end, [&](std::int64_t i, kernels::Pixel at, std::int64_t count) {
        CHECK(i == std::ssize(stretched));
        for (std::int64_t k = 0; k < count; ++k) {
          const std::int64_t image = at.image + (row.by_position ? k : 0);
          stretched.push_back({image, at.row, at.column + (row.by_position ? 0 : k)});
        }
      });
      const std::vector<Place> part(wanted.begin() + begin, wanted.begin() + end);
      CHECK(single == part);
      CHECK(stretched == part);
    }
  }
}
