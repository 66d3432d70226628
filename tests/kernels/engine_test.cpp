#include "framework/kernels/simd/engine.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <xtensor-blas/xlinalg.hpp>

#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/gemm/gemm.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/window.hpp"
#include "framework/tensor/random.hpp"
#include "framework/tensor/xarray.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// The Euclidean norm of the difference, relative to that of `wanted`.
double relative_error(const Tensor& got, const Tensor& wanted) {
  const std::vector<double> a = got.to_vector(), b = wanted.to_vector();
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference / norm);
}

template <class T>
Tensor product(const Tensor& a, bool a_transposed, const Tensor& b, bool b_transposed) {
  const std::int64_t m = a.dim(a_transposed ? 1 : 0), k = a.dim(a_transposed ? 0 : 1), n = b.dim(b_transposed ? 0 : 1);
  Tensor c = Tensor::full({m, n}, -7, dtype_of<T>);
  const Tensor at = a.to(dtype_of<T>), bt = b.to(dtype_of<T>);
  kernels::gemm<T>(m, n, k, {at.data<T>(), a.dim(1), a_transposed}, {bt.data<T>(), b.dim(1), b_transposed},
                   c.mutable_data<T>(), n);
  return c;
}

struct Convolved {
  Tensor y, dx, dw;
};

/// The three kernels of a 3x3 convolution by one method.
template <class T>
Convolved convolved(const kernels::Window& s, const Tensor& x, const Tensor& w, const Tensor& dy, bool winograd) {
  const std::int64_t filters = w.dim(3);
  const Tensor xt = x.to(dtype_of<T>), wt = w.to(dtype_of<T>), dyt = dy.to(dtype_of<T>);
  Convolved c{Tensor::full(dy.shape(), -7, dtype_of<T>), Tensor::full(x.shape(), -7, dtype_of<T>),
              Tensor::full(w.shape(), -7, dtype_of<T>)};
  T* y = c.y.mutable_data<T>();
  T* dx = c.dx.mutable_data<T>();
  T* dw = c.dw.mutable_data<T>();
  kernels::set_exact_convolutions(true);
  if (winograd) {
    kernels::Images all(static_cast<std::size_t>(s.batch));
    std::iota(all.begin(), all.end(), 0);
    kernels::winograd_conv2d(s, filters, xt.data<T>(), wt.data<T>(), y, all);
    kernels::winograd_input_gradient(s, filters, dyt.data<T>(), wt.data<T>(), dx, all);
    kernels::winograd_kernel_gradient(s, filters, xt.data<T>(), dyt.data<T>(), dw, all);
    return c;
  }
  kernels::conv2d(s, filters, xt.data<T>(), wt.data<T>(), y);
  kernels::conv2d_input_gradient(s, filters, dyt.data<T>(), wt.data<T>(), dx);
  kernels::conv2d_kernel_gradient(s, filters, xt.data<T>(), dyt.data<T>(), dw);
  return c;
}

struct Images {
  Shape shape;
  std::int64_t filters;
  Padding padding;
};

/// Sizes that are multiples of 4x4 tiles and others, one image and many, channels that do not fill whole vectors and
/// panels.
const std::vector<Images>& winograd_images() {
  static const std::vector<Images> all{
      {{5, 8, 8, 16}, 16, Padding::same},       {{4, 7, 9, 20}, 36, Padding::same},
      {{10, 6, 7, 33}, 17, Padding::valid},     {{40, 4, 4, 70}, 130, Padding::same},
      {{3, 9, 8, 16}, 24, Padding(2, 2, 2, 2)}, {{9, 16, 16, 18}, 21, Padding::same},
      {{5, 7, 6, 24}, 16, Padding(2, 0, 0, 1)},
  };
  return all;
}

}  // namespace

TEST_CASE("every instruction set multiplies matrices of all sizes and transpositions") {
  const test::KernelSettings restored;
  RandomStream random(1);
  for (const auto set : kernels::available_instruction_sets()) {
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (std::int64_t m = 1; m <= 21; ++m) {  // tiles of every height
      const Tensor a = random.normal({m, 30}, 0, 1, DType::float64), b = random.normal({30, 37}, 0, 1, DType::float64);
      Tensor wanted = Tensor::zeros({m, 37}, DType::float64);
      double* out = wanted.mutable_data<double>();
      for (std::int64_t i = 0; i < m * 37; ++i) {
        for (std::int64_t k = 0; k < 30; ++k) {
          out[i] += a.data<double>()[i / 37 * 30 + k] * b.data<double>()[k * 37 + i % 37];
        }
      }
      CHECK(relative_error(product<double>(a, false, b, false), wanted) < 1e-15);
      CHECK(relative_error(product<float>(a, false, b, false), wanted) < 3e-7);
    }
  }
}

TEST_CASE("products agree with those of xtensor-blas, in blocks of every kind") {
  const test::KernelSettings restored;
  RandomStream random(2);
  for (const auto set : kernels::available_instruction_sets()) {
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (const auto& [m, n, k] :
         {std::tuple{700, 70, 600}, {70, 700, 300}, {130, 90, 2100}, {1, 300, 700}, {33, 1, 900}}) {
      const Tensor a = random.normal({m, k}, 0, 1, DType::float64), b = random.normal({k, n}, 0, 1, DType::float64);
      const Tensor wanted = from_xtensor(xt::linalg::dot(xview<double>(a), xview<double>(b)));
      const auto turned = [](const Tensor& x) { return from_xtensor(xt::transpose(xview<double>(x))); };
      for (const bool ta : {false, true}) {
        for (const bool tb : {false, true}) {
          INFO(m << " x " << n << " x " << k << " " << ta << tb);
          const Tensor left = ta ? turned(a) : a, right = tb ? turned(b) : b;
          CHECK(relative_error(product<double>(left, ta, right, tb), wanted) < 1e-14);
          CHECK(relative_error(product<float>(left, ta, right, tb), wanted) < 1e-6);
        }
      }
    }
  }
}

TEST_CASE("Winograd's method agrees with the definition, in both types and every instruction set") {
  const test::KernelSettings restored;
  RandomStream random(3);
  for (const auto& [shape, filters, padding] : winograd_images()) {
    const kernels::Window s = place_window("test", shape, {.size = 3, .padding = padding});
    REQUIRE(kernels::winograd_applies(s, filters));
    const Tensor x = random.normal(shape, 0, 1, DType::float64);
    const Tensor w = random.normal({3, 3, s.channels, filters}, 0, 1, DType::float64);
    const Tensor dy = random.normal({s.batch, s.out_height, s.out_width, filters}, 0, 1, DType::float64);
    const Convolved wanted =
        convolved<double>(s, x, w, dy, false);  // which convolution_test.cpp compares with the definition
    for (const auto set : kernels::available_instruction_sets()) {
      kernels::set_instruction_set(set);
      INFO(kernels::to_string(set) << " x " << to_string(shape) << " filters " << filters);
      const Convolved wide = convolved<double>(s, x, w, dy, true), narrow = convolved<float>(s, x, w, dy, true);
      CHECK(relative_error(wide.y, wanted.y) < 1e-14);
      CHECK(relative_error(wide.dx, wanted.dx) < 1e-14);
      CHECK(relative_error(wide.dw, wanted.dw) < 1e-14);
      CHECK(relative_error(narrow.y, wanted.y) < 5e-6);
      CHECK(relative_error(narrow.dx, wanted.dx) < 5e-6);
      CHECK(relative_error(narrow.dw, wanted.dw) < 5e-6);
    }
  }
}

TEST_CASE("Winograd's method gives the same bits for any number of threads") {
  const test::KernelSettings restored;
  RandomStream random(4);
  for (const auto& [shape, filters, padding] : winograd_images()) {
    const kernels::Window s = place_window("test", shape, {.size = 3, .padding = padding});
    const Tensor x = random.normal(shape), w = random.normal({3, 3, s.channels, filters});
    const Tensor dy = random.normal({s.batch, s.out_height, s.out_width, filters});
    kernels::set_num_threads(1);
    const Convolved one = convolved<float>(s, x, w, dy, true);
    for (const int threads : {2, 5}) {
      kernels::set_num_threads(threads);
      const Convolved several = convolved<float>(s, x, w, dy, true);
      CHECK(identical(one.y, several.y));
      CHECK(identical(one.dx, several.dx));
      CHECK(identical(one.dw, several.dw));
    }
  }
}

TEST_CASE("float32 uses Winograd's method unless exact convolutions are requested, float64 never does") {
  const test::KernelSettings restored;
  RandomStream random(5);
  const kernels::Window s = place_window("test", {5, 8, 8, 32}, {.size = 3, .padding = Padding::same});
  const Tensor x = random.normal({5, 8, 8, 32}), w = random.normal({3, 3, 32, 32});
  const auto run = [&](bool exact) {
    kernels::set_exact_convolutions(exact);
    Tensor y = Tensor::zeros({5, 8, 8, 32});
    kernels::conv2d(s, 32, x.data<float>(), w.data<float>(), y.mutable_data<float>());
    return y;
  };
  const Tensor dy = random.normal({5, 8, 8, 32});
  CHECK(identical(run(true), convolved<float>(s, x, w, dy, false).y));
  CHECK(identical(run(false), convolved<float>(s, x, w, dy, true).y));
  CHECK_FALSE(identical(run(false), run(true)));
}

TEST_CASE("a missing instruction set is rejected") {
  const auto available = kernels::available_instruction_sets();
  CHECK(available.front() == kernels::InstructionSet::portable);
  CHECK(std::ranges::find(available, kernels::instruction_set()) != available.end());
  for (const auto set :
       {kernels::InstructionSet::portable, kernels::InstructionSet::avx2, kernels::InstructionSet::avx512}) {
    if (std::ranges::find(available, set) != available.end()) continue;
    CHECK_THROWS_WITH(kernels::set_instruction_set(set),
                      Catch::Contains("expected an instruction set of this processor (portable"));
  }
}
