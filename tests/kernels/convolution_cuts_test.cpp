// Convolutions of sizes on both sides of every constant by which work is divided or a method is selected: none, one and
// several whole pieces, and a remainder. The constants:
//
//   16 pixels, 8 images   small images, position by position (gather.hpp)
//   16 channels           strips below (strips.hpp)
//   most_pixels           pixels of a piece of strips; 16 sums and 64 tasks of pieces (strip_pieces.hpp)
//   tile_columns          filters, and half as many, for which strips read dy without packing it
//   rows_a_pointer        neighbouring pixels that one pointer reaches (simd/strips.hpp)
//   many_pixels, lanes    the gradient of convolution and pooling, by single pixels; its vectors (pooled_strips.cpp)
//   few_tiles, 16 channels, 16 filters, tile_edge   where Winograd's method applies (winograd.cpp)
//   many_tiles            number of tiles from which the weights are transformed first; twice as many for a task
//   weight_depth          channels whose weights are transformed at a time for fewer tiles
//   tiles_at_a_time       tiles that the gradient of the weights sums at a time (winograd_gradient.cpp); 4096
//   weights slice_depth, row_tiles, depth_block, ...        the products (product_cuts_test.cpp)
#include "framework/kernels/convolution/pooling.hpp"
#include "tests/kernels/convolution_checks.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

struct Case {
  Shape x;
  std::int64_t filters;
  WindowOptions window;
};

template <class T>
void check_in_every_set(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const ConvolutionUnderCheck<T> convolution(place_window("test", c.x, c.window), c.filters, 3);
    for (const auto set : kernels::available_instruction_sets()) {
      const KernelSettings scope;
      kernels::set_instruction_set(set);
      INFO(kernels::to_string(set));
      const ConvolutionResults<T> results = convolution.run(1, false), again = convolution.run(3, false);
      convolution.compare(results, 300, false);
      CHECK((again.y == results.y && again.dx == results.dx && again.dw == results.dw));
    }
  }
}

void check_in_every_set(const std::vector<Case>& cases) {
  check_in_every_set<double>(cases);
  check_in_every_set<float>(cases);
}

const auto same = Padding::same;

}  // namespace

TEST_CASE("convolutions of images around the size and number below which they are computed by position") {
  std::vector<Case> cases;
  for (const std::int64_t batch : {7, 8, 9, 30}) {
    cases.push_back({{batch, 4, 4, 17}, 5, {.size = 3, .padding = same}});
    cases.push_back({{batch, 1, 17, 17}, 5, {.size = 3, .padding = same}});
    cases.push_back({{batch, 2, 8, 18}, 9, {.size = {2, 3}, .strides = {1, 2}, .padding = same}});
    cases.push_back({{batch, 5, 4, 20}, 7, {.size = 2}});
  }
  check_in_every_set(cases);
}

TEST_CASE("convolutions of taps and channels in none, one and several slices") {
  std::vector<Case> cases;
  for (const std::int64_t channels : {16, 28, 29, 85, 86, 128, 129, 256, 257, 300}) {
    cases.push_back({{1, 3, 4, channels}, 6, {.size = 3, .padding = same}});
    // whose dx has this number of channels
    cases.push_back({{2, 3, 2, 9}, channels, {.size = {3, 1}, .padding = same}});
  }
  check_in_every_set(cases);
}

TEST_CASE("convolutions of fewer and more pixels than those of one task, also with packed kernels") {
  std::vector<Case> cases;
  for (const std::int64_t pixels : {1, 143, 144, 145, 191, 192, 193, 289, 385}) {
    cases.push_back({{1, pixels, 1, 130}, 35, {.size = 1}});
    cases.push_back({{1, pixels, 2, 20}, 20, {.size = {1, 2}, .padding = same}});
  }
  check_in_every_set(cases);
  for (const Case& c : cases) {
    const kernels::Window s = place_window("test", c.x, c.window);
    RandomStream random(8);
    const auto x = drawn<float>(random, s.input_pixels() * s.channels);
    const auto w = drawn<float>(random, s.taps() * s.channels * c.filters);
    REQUIRE(kernels::multiplies_packed<float>(s, c.filters));
    for (const auto set : kernels::available_instruction_sets()) {
      for (const int threads : {1, 3}) {
        const KernelSettings scope(threads);
        kernels::set_instruction_set(set);
        Guarded<float> y(s.output_pixels() * c.filters), from_packed(y.size());
        const auto packed = kernels::pack_kernel<float>(s, c.filters, w.data());
        CHECK(kernels::fits_packed(s, c.filters, *packed));
        kernels::conv2d(s, c.filters, x.data(), w.data(), y.data());
        kernels::conv2d(s, c.filters, x.data(), *packed, from_packed.data());
        CHECK(from_packed == y);
      }
    }
  }
}

TEST_CASE("strips of images in none, one and several pieces") {
  std::vector<Case> cases;
  for (const std::int64_t width : {170, 171, 256, 257, 511, 512, 513}) {
    for (const std::int64_t rows : {1, 2, 7}) {
      cases.push_back({{1, rows, width, 2}, 3, {.size = {2, 2}, .padding = same}});
      cases.push_back({{2, 2 * rows, width, 1}, 10, {.size = {3, 2}, .strides = {2, 1}, .padding = same}});
    }
  }
  for (const std::int64_t batch : {15, 16, 17, 33, 63, 64, 65, 130}) {
    cases.push_back({{batch, 5, 4, 1}, 4, {.size = {2, 3}, .padding = same}});
  }
  cases.push_back({{33, 17, 100, 2}, 5, {.size = 2}});
  check_in_every_set(cases);
}

TEST_CASE("strips of all numbers of filters, runs and row lengths at which tiles and panels are divided") {
  std::vector<Case> cases;
  for (const std::int64_t filters :
       {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40, 41, 48, 49, 64, 65, 97}) {
    cases.push_back({{2, 5, 11, 3}, filters, {.size = 3, .padding = same}});
  }
  for (const std::int64_t channels : {1, 2, 3, 4, 5, 7, 9, 11, 13, 15, 16}) {
    cases.push_back({{1, 4, 9, channels}, 6, {.size = {1, 2}, .padding = same}});
    cases.push_back({{1, 4, 9, channels}, 19, {.size = {2, 3}, .padding = same}});
    cases.push_back({{1, 4, 9, channels}, 35, {.size = {2, 1}, .padding = same}});  // not by strips
  }
  for (std::int64_t width = 1; width <= 26; ++width) {
    cases.push_back({{1, 2, width + 1, 1}, 5, {.size = 2}});
    cases.push_back({{1, 2, 2 * width + 1, 1}, 20, {.size = 2, .strides = {1, 2}}});
  }
  check_in_every_set(cases);
}

TEST_CASE("Winograd's method on tiles in none, one and several tasks and sums") {
  std::vector<Case> cases;
  for (const std::int64_t images : {19, 20, 21, 95, 96, 97, 191, 193, 290}) {
    cases.push_back({{images, 4, 4, 17}, 18, {.size = 3, .padding = same}});
  }
  cases.push_back({{5, 8, 7, 16}, 16, {.size = 3, .padding = same}});
  cases.push_back({{5, 8, 8, 15}, 16, {.size = 3, .padding = same}});   // Winograd's method does not apply
  cases.push_back({{5, 8, 8, 16}, 15, {.size = 3, .padding = same}});   // Winograd's method does not apply
  cases.push_back({{10, 4, 5, 16}, 16, {.size = 3, .padding = same}});  // tiles that are more than half filled
  cases.push_back({{8, 5, 5, 16}, 16, {.size = 3, .padding = same}});   // tiles that are less than half filled
  check_in_every_set<float>(cases);
  cases.clear();
  for (const std::int64_t images : {1023, 1024, 1025, 2049}) {
    cases.push_back({{images, 4, 4, 16}, 16, {.size = 3, .padding = same}});
  }
  check_in_every_set<float>(cases);
}

TEST_CASE("Winograd's method on channels and filters in none, one and several blocks and panels") {
  std::vector<Case> cases;
  for (const std::int64_t channels : {16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 200}) {
    cases.push_back({{4, 8, 9, channels}, 33, {.size = 3, .padding = same}});    // few tiles
    cases.push_back({{9, 12, 16, channels}, 20, {.size = 3, .padding = same}});  // many
  }
  for (const std::int64_t filters : {16, 17, 23, 24, 25, 31, 32, 33, 40, 41, 48, 49, 63, 64, 65, 97, 129}) {
    cases.push_back({{4, 8, 9, 18}, filters, {.size = 3, .padding = same}});
    cases.push_back({{9, 12, 16, 18}, filters, {.size = 3, .padding = same}});
  }
  cases.push_back({{4, 8, 9, 64}, 64, {.size = 3, .padding = same}});  // 4096 weights, and more
  cases.push_back({{4, 8, 9, 64}, 65, {.size = 3, .padding = same}});
  cases.push_back({{4, 8, 9, 100}, 90, {.size = 3, .padding = same}});
  check_in_every_set<float>(cases);
}

namespace {

struct PooledCase {
  Shape x;
  std::int64_t filters;
  WindowOptions convolution, pooling;
};

template <class T>
void check_pooled(const PooledCase& c) {
  const kernels::Window convolution = place_window("test", c.x, c.convolution);
  const kernels::Window pooling =
      place_window("test", {convolution.batch, convolution.out_height, convolution.out_width, c.filters}, c.pooling);
  REQUIRE(kernels::pools_at_once<T>(convolution, pooling));
  RandomStream random(9);
  const auto x = drawn<T>(random, convolution.input_pixels() * convolution.channels);
  const auto w = drawn<T>(random, convolution.taps() * convolution.channels * c.filters);
  const auto dy = drawn<T>(random, pooling.output_pixels() * c.filters);
  INFO(text_of(convolution, c.filters) << ", pooled " << text_of(pooling, c.filters) << " of "
                                       << to_string(dtype_of<T>));
  for (const auto set : kernels::available_instruction_sets()) {
    INFO(kernels::to_string(set));
    for (const int threads : {1, 3}) {
      const KernelSettings scope(threads);
      kernels::set_instruction_set(set);
      // the largest value in each window and its tap, by the definition, from the output of the convolution
      Guarded<T> between(convolution.output_pixels() * c.filters), dy_between(between.size(), T{0});
      Guarded<T> y(pooling.output_pixels() * c.filters), dw(w.size());
      std::vector<std::int32_t> places(static_cast<std::size_t>(y.size()));
      kernels::conv2d(convolution, c.filters, x.data(), w.data(), between.data());
      kernels::conv2d_max_pool(convolution, pooling, x.data(), w.data(), y.data(), places.data());
      kernels::conv2d_max_pool_kernel_gradient(convolution, pooling, x.data(), places.data(), dy.data(), dw.data());
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < y.size(); ++i) {
        const std::int64_t filter = i % c.filters, pixel = i / c.filters;
        const std::int64_t column = pixel % pooling.out_width, row = pixel / pooling.out_width % pooling.out_height;
        const std::int64_t image = pixel / pooling.out_width / pooling.out_height;
        std::int64_t best = -1, place = -1;
        for (std::int64_t a = 0; a < pooling.kernel_height; ++a) {
          for (std::int64_t b = 0; b < pooling.kernel_width; ++b) {
            const std::int64_t h = row * pooling.stride_height - pooling.pad_top + a;
            const std::int64_t v = column * pooling.stride_width - pooling.pad_left + b * pooling.dilation_width;
            if (h < 0 || h >= pooling.height || v < 0 || v >= pooling.width) continue;
            const std::int64_t at = ((image * pooling.height + h) * pooling.width + v) * c.filters + filter;
            if (best < 0 || between.data()[at] > between.data()[best]) {
              best = at;
              place = a * pooling.kernel_width + b;
            }
          }
        }
        wrong += y.data()[i] != between.data()[best] || places[static_cast<std::size_t>(i)] != place;
        dy_between.data()[best] += dy.data()[i];
      }
      CHECK((wrong == 0 && y.intact()));
      const auto exact = [&](std::int64_t i) {
        return reference::conv2d_kernel_gradient(convolution, c.filters, x.data(), dy_between.data(), i);
      };
      CHECK(disagreement(dw, sampled({convolution.taps(), convolution.channels, c.filters}, 100, 60), exact) == "");
    }
  }
}

}  // namespace

TEST_CASE("fused convolution and pooling by windows that are dilated along the width, few and many pixels apart") {
  for (const std::int64_t dilation : {1, 2, 3}) {
    for (const auto& [size, strides] : {std::pair<Extent2D, Extent2D>{{2, 2}, {2, 2}},
                                        {{1, 3}, {1, 3}},
                                        {{2, 2}, {2, 3}},
                                        {{2, 2}, {2, 4}},
                                        {{1, 2}, {7, 1}},
                                        {{3, 2}, {8, 1}},
                                        {{3, 3}, {3, 3}},
                                        {{1, 4}, {1, 8}}}) {
      for (const Padding& padding : {Padding::valid, same, Padding(0, 1, 1, 1)}) {
        const PooledCase c{{2, 17, 19, 3},
                           9,
                           {.size = 3, .padding = same},
                           {.size = size, .strides = strides, .padding = padding, .dilation = {1, dilation}}};
        if (c.pooling.padding.amounts()[1] >= size.height) continue;  // windows in the padding have no largest value
        check_pooled<double>(c);
        check_pooled<float>(c);
      }
    }
  }
}

TEST_CASE("fused convolution and pooling in none, one and several pieces, tasks and vectors") {
  std::vector<PooledCase> cases;
  // two rows of the convolution for each pooled row
  for (const std::int64_t width : {127, 128, 129, 255, 256, 257, 513}) {
    cases.push_back({{1, 9, width, 1}, 3, {.size = {1, 2}, .padding = same}, {.size = 2, .strides = 2}});
    cases.push_back({{1, 9, width, 1}, 3, {.size = {1, 2}, .padding = same}, {.size = 2, .strides = {2, 4}}});
  }
  for (const std::int64_t stride : {2, 4}) {  // twenty pieces, or ten of two pooled rows
    cases.push_back({{1, 40, 257, 1}, 3, {.size = {1, 2}}, {.size = 2, .strides = {2, stride}}});
    cases.push_back({{2, 40, 128, 2}, 3, {.size = {3, 2}, .padding = same}, {.size = 2, .strides = {2, stride}}});
  }
  for (const std::int64_t batch : {15, 16, 17, 33, 63, 64, 65, 130}) {
    cases.push_back({{batch, 4, 6, 1}, 5, {.size = 2, .padding = same}, {.size = 2, .strides = 2}});
    cases.push_back({{batch, 4, 8, 1}, 5, {.size = 2, .padding = same}, {.size = {2, 4}, .strides = {2, 4}}});
  }
  for (const std::int64_t channels : {1, 3, 4, 5, 7, 8, 9, 11, 12}) {  // runs of 2 to 24 values, in vectors of 8
    cases.push_back({{2, 9, 9, channels}, 7, {.size = {3, 2}, .padding = same}, {.size = 3, .strides = 3}});
    cases.push_back({{2, 7, 9, channels}, 7, {.size = {3, 2}, .padding = same}, {.size = 2, .strides = 2}});
  }
  for (const PooledCase& c : cases) {
    check_pooled<double>(c);
    check_pooled<float>(c);
  }
}
