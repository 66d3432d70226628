#include "framework/ops/window.hpp"

#include <algorithm>

#include "framework/ops/convolution.hpp"
#include "framework/ops/pooling.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::largest_difference;

TEST_CASE("SAME padding follows TensorFlow: ceil(input / stride) outputs, the odd one behind") {
  struct Expected {
    std::int64_t input, size, stride, dilation, outputs, before;
  };
  // total = max((outputs - 1) * stride + (size - 1) * dilation + 1 - input, 0), before = total / 2
  for (const auto& e : {Expected{64, 4, 1, 1, 64, 1},
                        {64, 8, 8, 1, 8, 0},
                        {5, 3, 2, 1, 3, 1},
                        {6, 3, 2, 1, 3, 0},
                        {7, 2, 1, 1, 7, 0},
                        {10, 3, 1, 2, 10, 2},
                        {3, 5, 4, 1, 1, 1},
                        {2, 3, 1, 1, 2, 1}}) {
    const auto window =
        place_window("test", {1, e.input, e.input, 1},
                     {.size = e.size, .strides = e.stride, .padding = Padding::same, .dilation = e.dilation});
    INFO(e.input << " " << e.size << " " << e.stride << " " << e.dilation);
    CHECK(window.out_height == e.outputs);
    CHECK(window.pad_top == e.before);
    CHECK(window.pad_left == e.before);
  }
}

TEST_CASE("SAME padding is split over both sides, with an odd pixel at the end") {
  for (std::int64_t input = 1; input <= 14; ++input) {
    for (std::int64_t size = 1; size <= 5; ++size) {
      for (std::int64_t stride = 1; stride <= 5; ++stride) {
        for (std::int64_t dilation = 1; dilation <= 3; ++dilation) {
          INFO(input << " " << size << " " << stride << " " << dilation);
          const auto window = place_window(
              "test", {1, input, 1, 1},
              {.size = {size, 1}, .strides = {stride, 1}, .padding = Padding::same, .dilation = {dilation, 1}});
          std::int64_t begin = 0, end = input;  // of the pixels that the taps reach from the padding
          for (std::int64_t i = 0; i < window.out_height; ++i) {
            begin = std::min(begin, i * stride - window.pad_top);
            end = std::max(end, i * stride - window.pad_top + (size - 1) * dilation + 1);
          }
          const std::int64_t before = -begin, behind = end - input;
          const bool even = before <= behind && behind <= before + 1;
          CHECK((even && (window.out_height - 1) * stride < input && window.out_height * stride >= input));
        }
      }
    }
  }
}

TEST_CASE("windows that do not fit the image are rejected with the sizes") {
  const Shape image{1, 4, 5, 1};
  CHECK(error_of([&] { place_window("f", image, {.size = 5}); }) ==
        "f: expected images at least as large as the window, 5 x 5 taps dilated by 1 x 1, got (1, 4, 5, 1); use "
        "Padding::same or larger images");
  CHECK(error_of([&] { place_window("f", image, {.size = 3, .dilation = 3}); }) ==
        "f: expected images at least as large as the window, 3 x 3 taps dilated by 3 x 3, got (1, 4, 5, 1); use "
        "Padding::same or larger images");
  CHECK(error_of([&] { place_window("f", image, {.size = 0}); }) ==
        "f: expected a window size from 1 to 2^30, got (0, 0)");
  CHECK(error_of([&] {
          place_window("f", image, {.size = 1, .strides = {1, 0}});
        }) == "f: expected strides from 1 to 2^30, got (1, 0)");
  CHECK(error_of([&] { place_window("f", image, {.size = 1, .padding = Padding(0, -1, 0, 0)}); }) ==
        "f: expected padding of 0 to 2^30, got (0, -1, 0, 0)");
  const std::int64_t most = std::int64_t{1} << 30;
  CHECK(place_window("f", image, {.size = 1, .padding = Padding(0, 0, 0, most)}).out_width == 5 + most);
  CHECK(error_of([&] { place_window("f", image, {.size = 1, .padding = Padding(0, 0, 0, most + 1)}); }) ==
        "f: expected padding of 0 to 2^30, got (0, 0, 0, 1073741825)");
  CHECK(error_of([&] {
          place_window("f", {4, 5, 1}, {.size = 1});
        }) == "f: expected images (n, height, width, channels), got shape (4, 5, 1)");
  CHECK(error_of([&] { place_window("f", image, {.size = std::int64_t{1} << 40}); }) ==
        "f: expected a window size from 1 to 2^30, got (1099511627776, 1099511627776)");
}

TEST_CASE("pooling rejects padding as large as its window, and images without pixels or channels") {
  const Tensor x = Tensor::ones({1, 2, 2, 1});
  CHECK(error_of([&] { max_pool2d(x, {.size = 2, .padding = Padding(3, 3, 3, 3)}); }) ==
        "max_pool2d: expected less padding than the window is long, 2 x 2, got (3, 3, 3, 3)");
  CHECK(error_of([&] { average_pool2d(x, {.size = 2, .padding = Padding(0, 0, 0, 2)}); }) ==
        "average_pool2d: expected less padding than the window is long, 2 x 2, got (0, 0, 0, 2)");
  CHECK(error_of([&] {  // taps at -1 and 1 of a single column
          max_pool2d(Tensor::ones({1, 4, 1, 1}), {.size = 2, .padding = Padding::same, .dilation = {1, 2}});
        }) == "max_pool2d: expected every window to hold a pixel of (1, 4, 1, 1), got one on padding alone");
  CHECK(error_of([&] {  // the second of two positions begins after the last row
          average_pool2d(Tensor::ones({1, 3, 3, 1}),
                         {.size = 2, .strides = 4, .padding = Padding(1, 5, 0, 0), .dilation = 6});
        }) ==
        "average_pool2d: expected images at least as large as the window, 2 x 2 taps dilated by 6 x 6, got (1, 3, 3, "
        "1); use Padding::same or larger images");
  CHECK(max_pool2d(Tensor::ones({1, 4, 1, 1}), {.size = 3, .padding = Padding::same, .dilation = {1, 2}}).size() == 4);
  CHECK(error_of([&] {
          conv2d(Tensor::ones({1, 4, 4, 0}), Tensor::ones({2, 2, 0, 3}));
        }) == "conv2d: expected images of at least one pixel and one channel, got (1, 4, 4, 0)");
  CHECK(error_of([&] {
          max_pool2d(Tensor::ones({1, 0, 4, 1}), {.size = 1, .padding = Padding::same});
        }) == "max_pool2d: expected images of at least one pixel and one channel, got (1, 0, 4, 1)");
}

TEST_CASE("windows far larger than the image cost no more than the image") {
  const Tensor x = RandomStream(1).normal({1, 4, 5, 2}, 0, 1, DType::float64);
  const WindowOptions huge{.size = {1 << 29, 1 << 30}, .strides = 1 << 30, .padding = Padding::same};
  CHECK(identical(max_pool2d(x, huge).value(), max(x, {1, 2}, true).value()));
  CHECK(largest_difference(average_pool2d(x, huge).value(), mean(x, {1, 2}, true).value()) < 1e-15);
}

TEST_CASE("few channels and a dilation far above the image need no more memory than the image") {
  const Tensor x = RandomStream(1).normal({1, 4, 5, 3}), w = RandomStream(2).normal({3, 3, 3, 4});
  const Tensor y = conv2d(x, w, {.padding = Padding::same, .dilation = {1 << 30, 1}}).value();
  const Tensor middle = w.reshaped({3, 9, 4}).rows(1, 2).reshaped({1, 3, 3, 4});
  CHECK(largest_difference(y, conv2d(x, middle, {.padding = Padding(0, 0, 1, 1)}).value()) < 1e-5);
}

TEST_CASE("convolution and pooling reject operands of wrong shapes") {
  const Tensor x = Tensor::ones({1, 4, 4, 3});
  CHECK(error_of([&] {
          conv2d(x, Tensor::ones({2, 2, 2, 5}));
        }) == "conv2d: expected a kernel for the 3 channels of images (1, 4, 4, 3), got one for 2: (2, 2, 2, 5)");
  CHECK(error_of([&] {
          conv2d(x, Tensor::ones({2, 2, 3}));
        }) == "conv2d: expected a kernel (height, width, channels, filters), got shape (2, 2, 3)");
  CHECK(error_of([&] {
          conv2d(x, Tensor::ones({2, 2, 3, 5}, DType::float64));
        }) == "conv2d: expected operands of one type, got float32 and float64; convert with .to()");
  CHECK(error_of([&] {
          conv2d(Tensor::zeros({1, 4, 4, 3}, DType::uint8), Tensor::zeros({1, 1, 3, 1}, DType::uint8));
        }) == "conv2d: expected float32 or float64, got uint8; convert with .to(DType::float32)");
  CHECK(error_of([&] {
          conv2d_input_gradient(Tensor::ones({1, 4, 4, 5}), Tensor::ones({2, 2, 3, 5}), x.shape());
        }) == "conv2d_input_gradient: expected dy of shape (1, 3, 3, 5), got (1, 4, 4, 5)");
  CHECK(error_of([&] {
          max_pool2d(Tensor::ones({4, 4}), {.size = 2});
        }) == "max_pool2d: expected images (n, height, width, channels), got shape (4, 4)");
  CHECK(error_of([&] {
          global_average_pool2d(Tensor::ones({4, 4}));
        }) == "global_average_pool2d: expected images (n, height, width, channels), got shape (4, 4)");
}

TEST_CASE("a fused convolution and pooling equals the two ops") {
  RandomStream random(4);
  for (const std::int64_t channels : {3, 17}) {
    const Tensor x = random.normal({2, 9, 8, channels}), w = random.normal({3, 3, channels, 4});
    const Conv2DOptions options{.padding = Padding::same};
    const WindowOptions pooling{.size = 2, .strides = 2};
    CHECK(pools_at_once(x, w, options, pooling) == (channels == 3));
    CHECK(identical(conv2d_max_pool2d(x, w, options, pooling).value(),
                    max_pool2d(conv2d(x, w, options), pooling).value()));
  }
}

TEST_CASE("a fused convolution and pooling has the error messages of the two ops") {
  const auto pooled = [](const Tensor& x, const Tensor& w, const WindowOptions& pooling) {
    return error_of([&] { conv2d_max_pool2d(x, w, {}, pooling); });
  };
  const Tensor x = Tensor::ones({2, 6, 6, 3}), w = Tensor::ones({3, 3, 3, 4});
  CHECK(pooled(x, Tensor::ones({3, 3, 2, 4}), {.size = 2}) ==
        "conv2d: expected a kernel for the 3 channels of images (2, 6, 6, 3), got one for 2: (3, 3, 2, 4)");
  CHECK(pooled(x, Tensor::ones({3, 3, 3}), {.size = 2}) ==
        "conv2d: expected a kernel (height, width, channels, filters), got shape (3, 3, 3)");
  CHECK(pooled(x, w, {.size = 5}) ==
        "max_pool2d: expected images at least as large as the window, 5 x 5 taps dilated by 1 x 1, got (2, 4, 4, 4); "
        "use Padding::same or larger images");
  for (const std::int64_t strides : {1, 2}) {  // in two ops, and at once
    CHECK(pooled(x, w.to(DType::float64), {.size = 2, .strides = strides}) ==
          "conv2d: expected operands of one type, got float32 and float64; convert with .to()");
  }
}
