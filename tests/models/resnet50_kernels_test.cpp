// Every shape in which ResNet-50 uses a kernel, at 64x64 with a batch of 3 and at 224x224 with a batch of 1, read from
// the network itself. Results are sampled, because the definition would take hours.

#include <map>
#include <set>

#include "framework/kernels/convolution/pooling.hpp"
#include "framework/kernels/gemm/gemm.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/kernels/batch_norm_checks.hpp"
#include "tests/kernels/convolution_checks.hpp"
#include "tests/reference/gemm.hpp"
#include "tests/reference/pooling.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// The geometry of a window from its input and output. There is one combination of these strides and paddings.
kernels::Window window_between(const Shape& x, Extent2D size, const Shape& y, std::int64_t batch) {
  for (const std::int64_t stride : {1, 2}) {
    for (const Padding& padding : {Padding::valid, Padding::same}) {
      if (!padding.is_same() && (x[0] < size.height || x[1] < size.width)) continue;
      const kernels::Window window =
          place_window("test", x.prepended(batch), {.size = size, .strides = stride, .padding = padding});
      if (window.out_height == y[0] && window.out_width == y[1]) return window;
    }
  }
  fail("no window leads from {} to {}", x, y);
}

/// The nodes of the network with one type, and the shapes of one sample before and after them. Each shape occurs once.
struct Step {
  Shape x, y, kernel;
  auto operator<=>(const Step& other) const { return to_string(*this) <=> to_string(other); }
  bool operator==(const Step&) const = default;
  friend std::string to_string(const Step& step) {
    return fmt::format("{} {} {}", to_string(step.x), to_string(step.y), to_string(step.kernel));
  }
};
std::set<Step> steps(const Model& network, const std::string& type) {
  std::set<Step> found;
  for (const ModelNode& node : network.nodes()) {
    if (node.layer->type() != type) continue;
    Step step{network.nodes()[node.inputs[0].node].shape(), node.shape(), {}};
    for (const auto& [name, parameter] : node.layer->named_parameters()) {
      if (name == "kernel") step.kernel = parameter.shape();
    }
    found.insert(step);
  }
  return found;
}

template <class T>
void check_max_pooling(const kernels::Window& s) {
  constexpr std::int64_t all = 1 << 20;  // the definition is fast enough for every element
  RandomStream random(6);
  const auto x = drawn<T>(random, s.input_pixels() * s.channels), dy = drawn<T>(random, s.output_pixels() * s.channels);
  Guarded<T> y(dy.size()), dx(x.size());
  std::vector<std::int32_t> places(static_cast<std::size_t>(dy.size()));
  kernels::max_pool(s, x.data(), y.data(), places.data());
  kernels::max_pool_gradient(s, places.data(), dy.data(), dx.data());
  CHECK(disagreement(y, sampled({s.batch, s.out_height, s.out_width, s.channels}, all),
                     [&](auto i) { return reference::max_pool(s, x.data(), i); }) == "");
  CHECK(disagreement(dx, sampled({s.batch, s.height, s.width, s.channels}, all),
                     [&](auto i) { return reference::max_pool_gradient(s, x.data(), dy.data(), i); }) == "");
}

template <class T>
void check_average_pooling(const kernels::Window& s) {
  RandomStream random(6);
  const auto x = drawn<T>(random, s.input_pixels() * s.channels), dy = drawn<T>(random, s.output_pixels() * s.channels);
  Guarded<T> y(dy.size()), dx(x.size());
  kernels::average_pool(s, x.data(), y.data());
  kernels::average_pool_gradient(s, dy.data(), dx.data());
  CHECK(disagreement(y, sampled({s.batch, s.out_height, s.out_width, s.channels}),
                     [&](auto i) { return reference::average_pool(s, x.data(), i); }) == "");
  CHECK(disagreement(dx, sampled({s.batch, s.height, s.width, s.channels}),
                     [&](auto i) { return reference::average_pool_gradient(s, dy.data(), i); }) == "");
}

/// y = x w, dx = dy w^T, dw = x^T dy for x (batch, in) and w (in, out).
template <class T>
void check_dense(std::int64_t batch, std::int64_t in, std::int64_t out) {
  RandomStream random(7);
  const auto x = drawn<T>(random, batch * in), w = drawn<T>(random, in * out), dy = drawn<T>(random, batch * out);
  using View = kernels::MatrixView<T>;
  const auto check = [&](std::int64_t m, std::int64_t n, std::int64_t k, View a, View b) {
    INFO("matrix product " << m << " x " << k << " x " << n);
    Guarded<T> c(m * n);
    kernels::gemm<T>(m, n, k, a, b, c.data(), n);
    CHECK(disagreement(c, sampled({m, n}), [&](auto i) { return reference::gemm(k, a, b, i / n, i % n); }) == "");
  };
  check(batch, out, in, {x.data(), in}, {w.data(), out});
  check(batch, in, out, {dy.data(), out}, {w.data(), out, true});
  check(in, out, batch, {x.data(), in, true}, {dy.data(), out});
}

template <class T>
void check_all(const Model& network, std::int64_t batch) {
  int number = 0;  // shapes alternate between 1, 2 and 3 threads
  for (const Step& step : steps(network, "Conv2D")) {
    const kernels::Window s = window_between(step.x, {step.kernel[0], step.kernel[1]}, step.y, batch);
    const ConvolutionUnderCheck<T> convolution(s, step.kernel[3], 9);
    convolution.compare(convolution.run(1 + number++ % 3), 0);
    if (std::is_same_v<T, float> && kernels::winograd_applies(s, step.kernel[3])) {
      convolution.compare(convolution.run(1 + number % 3, false), 0, false);
    }
  }
  for (const Step& step : steps(network, "BatchNormalization")) {
    const BatchNormUnderCheck<T> normalization(batch * step.x[0] * step.x[1], step.x[2], 1);
    normalization.compare(normalization.run(1 + number++ % 3));
  }
  for (const Step& step : steps(network, "MaxPooling2D")) {
    check_max_pooling<T>(window_between(step.x, 3, step.y, batch));
  }
  for (const Step& step : steps(network, "AveragePooling2D")) {
    check_average_pooling<T>(window_between(step.x, 2, step.y, batch));
  }
  for (const Step& step : steps(network, "Dense")) check_dense<T>(batch, step.kernel[0], step.kernel[1]);
}

}  // namespace

TEST_CASE("the kernels equal their definitions for every shape in ResNet-50 at 64x64") {
  const Model network = resnet50();
  CHECK(steps(network, "Conv2D").size() == 20);
  CHECK(steps(network, "BatchNormalization").size() == 9);
  check_all<float>(network, 3);
  check_all<double>(network, 3);
}

TEST_CASE("the kernels equal their definitions for every shape in ResNet-50 at 224x224") {
  const Model network = resnet50({.input = {224, 224, 3}, .classes = 1000, .pooling = Pooling::global_average});
  check_all<float>(network, 1);
  check_all<double>(network, 1);
}
