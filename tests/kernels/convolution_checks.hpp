// The three kernels of convolution compared with their definitions, for one shape.
#pragma once

#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/simd/engine.hpp"
#include "framework/ops/window.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/reference/convolution.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

inline std::string text_of(const kernels::Window& s, std::int64_t filters) {
  return fmt::format(
      "x ({}, {}, {}, {}), kernel ({}, {}) -> y ({}, {}, {}), strides ({}, {}), dilation ({}, {}), padding ({}, {}), "
      "{} groups",
      s.batch, s.height, s.width, s.channels, s.kernel_height, s.kernel_width, s.out_height, s.out_width, filters,
      s.stride_height, s.stride_width, s.dilation_height, s.dilation_width, s.pad_top, s.pad_left, s.groups);
}

/// The tolerance of Winograd's method in float32. The error of an element does not depend on its own size, but on that
/// of neighbouring sums. So the bound is relative to the typical size of an element, the root of the sum of its squared
/// terms.
inline double allowed_of_winograd(const reference::Exact& sum) {
  return 4e-5 * static_cast<double>(std::sqrt(sum.squares) + 1);
}

template <class T>
struct ConvolutionResults {
  Guarded<T> y, dx, dw;
};

/// Random images, kernels and dy, and the results of the three kernels for them.
template <class T>
class ConvolutionUnderCheck {
 public:
  ConvolutionUnderCheck(const kernels::Window& window, std::int64_t filters, std::uint64_t seed)
      : s_(window), filters_(filters), random_(seed) {}

  ConvolutionResults<T> run(int threads, bool exact = true) const {
    const KernelSettings scope(threads);
    kernels::set_exact_convolutions(exact);
    ConvolutionResults<T> r{Guarded<T>(dy_.size()), Guarded<T>(x_.size()), Guarded<T>(w_.size())};
    kernels::conv2d(s_, filters_, x_.data(), w_.data(), r.y.data());
    kernels::conv2d_input_gradient(s_, filters_, dy_.data(), w_.data(), r.dx.data());
    kernels::conv2d_kernel_gradient(s_, filters_, x_.data(), dy_.data(), r.dw.data());
    return r;
  }

  void compare(const ConvolutionResults<T>& r, std::int64_t all_up_to, bool exact = true) const {
    INFO(text_of(s_, filters_) << " of " << to_string(dtype_of<T>) << (exact ? ", exact" : ""));
    const bool winograd =
        !exact && s_.groups == 1 && std::is_same_v<T, float> && kernels::winograd_applies(s_, filters_);
    const auto tolerance = winograd ? allowed_of_winograd : reference::allowed<T>;
    CHECK(disagreement(
              r.y, sampled({s_.batch, s_.out_height, s_.out_width, filters_}, all_up_to),
              [&](auto i) { return reference::conv2d(s_, filters_, x_.data(), w_.data(), i); }, tolerance) == "");
    CHECK(disagreement(
              r.dx, sampled({s_.batch, s_.height, s_.width, s_.channels}, all_up_to),
              [&](auto i) { return reference::conv2d_input_gradient(s_, filters_, dy_.data(), w_.data(), i); },
              tolerance) == "");
    CHECK(disagreement(
              r.dw, sampled({s_.kernel_height, s_.kernel_width, s_.group_channels(), filters_}, all_up_to),
              [&](auto i) { return reference::conv2d_kernel_gradient(s_, filters_, x_.data(), dy_.data(), i); },
              tolerance) == "");
  }

 private:
  const kernels::Window s_;
  const std::int64_t filters_;
  RandomStream random_;
  const Guarded<T> x_ = drawn<T>(random_, s_.input_pixels() * s_.channels);
  const Guarded<T> w_ = drawn<T>(random_, s_.taps() * s_.group_channels() * filters_);
  const Guarded<T> dy_ = drawn<T>(random_, s_.output_pixels() * filters_);
};

/// Compares the default and the exact methods with the definition, and the bits of the results for one, two and three
/// threads.
template <class T>
void check_convolution(const kernels::Window& s, std::int64_t filters, std::uint64_t seed) {
  const ConvolutionUnderCheck<T> convolution(s, filters, seed);
  for (const bool exact : {true, false}) {
    const ConvolutionResults<T> results = convolution.run(1, exact);
    convolution.compare(results, 600, exact);
    for (const int threads : {2, 3}) {
      const ConvolutionResults<T> again = convolution.run(threads, exact);
      INFO(text_of(s, filters) << " with " << threads << " threads");
      CHECK((again.y == results.y && again.dx == results.dx && again.dw == results.dw));
    }
  }
}

}  // namespace xtape::test
