#include <thread>
#include <vector>

#include "framework/kernels/simd/engine.hpp"
#include "framework/ops/convolution.hpp"
#include "framework/ops/convolution_1d_3d.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

struct PackedCase {
  Shape x, w;
  Conv2DOptions options;
};

/// One tap and several, for many numbers of channels and filters; few channels, where rows of taps are runs; many rows
/// of the product and one; an image for which Winograd's method uses the same kernel, and one for which it does not.
const std::vector<PackedCase>& packed_cases() {
  static const std::vector<PackedCase> all{
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 4, 4, 300}, {1, 1, 300, 70}, {}},
      {{8, 7, 5, 33}, {1, 1, 33, 17}, {.strides = 2}},
      {{2, 9, 8, 20}, {3, 3, 20, 37}, {.strides = {2, 1}, .padding = Padding::same}},
      {{1, 9, 8, 3}, {7, 7, 3, 18}, {.strides = 2, .padding = Padding(3, 3, 3, 3)}},
      {{1, 8, 8, 16}, {3, 3, 16, 16}, {.padding = Padding::same}},
      {{9, 8, 8, 16}, {3, 3, 16, 16}, {.padding = Padding::same}},
      {{3, 6, 6, 5}, {2, 3, 5, 130}, {.dilation = 2}},
  };
  return all;
}

}  // namespace

TEST_CASE("a packed kernel gives the bits of conv2d, at the first use and later") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const PackedCase& c : packed_cases()) {
      CAPTURE(c.x, c.w, dtype);
      const Tensor w = RandomStream(1).normal(c.w, 0, 1, dtype);
      const PackedKernel packed(w);
      for (const std::uint64_t seed : {2U, 3U, 4U}) {
        const Tensor x = RandomStream(seed).normal(c.x, 0, 1, dtype);
        CHECK(identical(packed.conv2d(x, c.options), conv2d(x, w, c.options).value()));
      }
    }
  }
}

TEST_CASE("a packed kernel gives the same bits on any number of threads") {
  // rows, depth and columns: below and above the work of one task, in few and many panels, and in few and many rows
  for (const auto& [rows, depth, columns] : {std::tuple{1, 40, 30},
                                             {1, 2000, 700},
                                             {4, 1000, 33},
                                             {9, 600, 200},
                                             {50, 90, 70},
                                             {230, 64, 64},
                                             {500, 70, 5}}) {
    const Tensor x = RandomStream(1).normal({1, 1, rows, depth}), w = RandomStream(2).normal({1, 1, depth, columns});
    const Tensor expected = conv2d(x, w).value();
    for (const int threads : {1, 2, 3, 16}) {
      CAPTURE(rows, depth, columns, threads);
      const test::KernelSettings scope(threads);
      CHECK(identical(PackedKernel(w).conv2d(x, {}), expected));
    }
  }
}

TEST_CASE("a packed kernel with one large weight is computed by the method of conv2d") {
  for (const Shape& shape : {Shape{3, 3, 32, 16}, Shape{3, 3, 16, 32}}) {
    const Tensor x = RandomStream(1).normal({9, 8, 8, shape[2]});
    for (const std::int64_t large : {std::int64_t{0}, shape.size() / 2, shape.size() - 1}) {
      CAPTURE(shape, large);
      Tensor w = RandomStream(2).normal(shape);
      w.mutable_data<float>()[large] = 1e6F;  // too uneven for Winograd's method
      CHECK(identical(PackedKernel(w).conv2d(x, {}), conv2d(x, w).value()));
    }
  }
}

TEST_CASE("a packed kernel works for images of any size and number") {
  const Tensor w = RandomStream(1).normal({3, 3, 16, 16});
  const PackedKernel packed(w);
  for (const Shape& shape : {Shape{1, 8, 8, 16}, Shape{9, 8, 8, 16}, Shape{1, 3, 3, 16}, Shape{40, 4, 5, 16}}) {
    const Tensor x = RandomStream(2).normal(shape);
    CHECK(identical(packed.conv2d(x, {}), conv2d(x, w).value()));
  }
}

TEST_CASE("a packed kernel gives an empty result for an empty batch, and works for others later") {
  for (const PackedCase& c : packed_cases()) {
    CAPTURE(c.x, c.w);
    const Tensor w = RandomStream(1).normal(c.w), x = RandomStream(2).normal(c.x);
    const PackedKernel packed(w);
    const Tensor none = packed.conv2d(Tensor::zeros(c.x.replaced(0, 0)), c.options);
    const Tensor expected = conv2d(x, w, c.options).value();
    CHECK(none.shape() == expected.shape().replaced(0, 0));
    CHECK(identical(packed.conv2d(x, c.options), expected));
    CHECK(packed.conv2d(Tensor::zeros(c.x.replaced(0, 0)), c.options).shape() == none.shape());
  }
}

TEST_CASE("a packed kernel gives one result for one image, packed, and many, by Winograd's method, in any order") {
  const Tensor x = RandomStream(1).normal({9, 8, 8, 16});
  const Tensor w = RandomStream(2).normal({3, 3, 16, 16}), one = x.rows(0, 1);
  const PackedKernel packed(w);
  for (int round = 0; round < 2; ++round) {
    CHECK(identical(packed.conv2d(x, {}), conv2d(x, w).value()));
    CHECK(identical(packed.conv2d(one, {}), conv2d(one, w).value()));
  }
  Tensor large = w;  // Winograd's method must not compute it
  large.mutable_data<float>()[7] = 1e6;
  CHECK(identical(PackedKernel(large).conv2d(x, {}), conv2d(x, large).value()));
}

TEST_CASE("a packed kernel keeps the values that it was made from") {
  const Tensor x = RandomStream(1).normal({1, 4, 4, 24});
  Tensor w = RandomStream(2).normal({1, 1, 24, 20});
  const Tensor expected = conv2d(x, w).value();
  const PackedKernel packed(w);
  w.mutable_data<float>()[7] = 100;  // makes a copy, because the storage is shared
  CHECK(identical(packed.conv2d(x, {}), expected));
}

TEST_CASE("a kernel packed for one instruction set is not read by another") {
  const test::KernelSettings restored;
  const Tensor x = RandomStream(1).normal({1, 4, 4, 24}), w = RandomStream(2).normal({1, 1, 24, 50});
  const PackedKernel packed(w);
  for (int round = 0; round < 2; ++round) {
    for (const auto set : kernels::available_instruction_sets()) {
      kernels::set_instruction_set(set);
      CHECK(identical(packed.conv2d(x, {}), conv2d(x, w).value()));
    }
  }
}

TEST_CASE("a packed kernel is used, in different forms, by several threads at the same time") {
  const Tensor x = RandomStream(1).normal({1, 20, 20, 15}), w = RandomStream(2).normal({7, 7, 15, 40});
  const std::vector<Conv2DOptions> forms{{.dilation = {1, 1}}, {.dilation = {1, 2}}};
  const std::vector<Tensor> wanted{conv2d(x, w, forms[0]).value(), conv2d(x, w, forms[1]).value()};
  const PackedKernel packed(w);
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 20; ++i) {
        const std::size_t which = (i / 5 + t) % 2;
        if (!identical(packed.conv2d(x, forms[which]), wanted[which])) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("a packed kernel is packed again for another dilation, which reads it in other runs") {
  const Tensor x = RandomStream(1).normal({1, 20, 20, 15}), w = RandomStream(2).normal({7, 7, 15, 40});
  const PackedKernel packed(w);
  for (const Extent2D dilation : {Extent2D(1, 1), Extent2D(1, 2), Extent2D(1, 1)}) {
    CHECK(identical(packed.conv2d(x, {.dilation = dilation}), conv2d(x, w, {.dilation = dilation}).value()));
  }
}

TEST_CASE("a packed kernel throws the errors of conv2d") {
  const Tensor x = Tensor::zeros({1, 4, 4, 3}), w = Tensor::zeros({1, 1, 2, 5});
  CHECK(test::error_of([&] { PackedKernel(w).conv2d(x, {}); }) == test::error_of([&] { conv2d(x, w); }));
  const auto volume = [](const Shape& shape) { return Tensor::zeros(shape); };
  for (const Tensor& unfit : {volume({1, 4, 4, 4, 3}), volume({1, 1, 4, 4, 2}), volume({4, 4, 2})}) {
    const Tensor kernel = volume({2, 1, 1, 2, 5});
    CHECK(test::error_of([&] { PackedKernel3D(kernel).conv3d(unfit, {}); }) ==
          test::error_of([&] { conv3d(unfit, kernel); }));
  }
  for (const Tensor& unfit : {volume({1, 4, 3}), volume({1, 1, 2}), volume({4, 2})}) {
    const Tensor kernel = volume({2, 2, 5});
    CHECK(test::error_of([&] { PackedKernel1D(kernel).conv1d(unfit, {}); }) ==
          test::error_of([&] { conv1d(unfit, kernel); }));
  }
}
