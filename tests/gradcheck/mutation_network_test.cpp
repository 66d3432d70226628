// Wrong derivatives of the ops of networks: activations, convolution, pooling, normalization, losses.

#include <algorithm>

#include "framework/ops/ops.hpp"
#include "tests/gradcheck/mutations.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {
namespace {

using Axes = std::vector<int>;

std::vector<Mutation> activations() {
  const DifferentiableFunction leaky = [](V x) { return leaky_relu(x, 0.2); };
  const DifferentiableFunction softmax_of = [](V x) { return softmax(x); };
  const DifferentiableFunction log_softmax_of = [](V x) { return log_softmax(x); };
  const auto step = [](V x) { return Variable(map("step", x.value(), [](auto v) { return v > 0 ? 1 : 0; })); };
  return {
      {"relu lets everything through", relu, with_derivatives(relu, {[](V dy, const auto&) { return dy; }}), {{9}}},
      {"relu looks at dy in place of y",
       relu,
       with_derivatives(relu, {[=](V dy, const auto&) { return dy * step(dy); }}),
       {{9}}},
      {"slope dropped", leaky, with_derivatives(leaky, {[=](V dy, const auto& x) { return dy * step(x[0]); }}), {{9}}},
      {"sigmoid of y in place of y",
       sigmoid,
       with_derivatives(sigmoid, {[](V dy, const auto& x) {
                          const Variable y = sigmoid(sigmoid(x[0]));
                          return dy * y * (1.0 - y);
                        }}),
       {{5}}},
      {"tanh without the square",
       tanh,
       with_derivatives(tanh, {[](V dy, const auto& x) { return dy * (1.0 - tanh(x[0])); }}),
       {{5}}},
      {"gelu without its second term",
       gelu,
       with_derivatives(gelu, {[](V dy, const auto& x) { return dy * gelu(x[0]) / x[0]; }}),
       {{5}},
       {.low = 0.5}},
      {"softmax's diagonal alone",
       softmax_of,
       with_derivatives(softmax_of, {[](V dy, const auto& x) {
                          const Variable y = softmax(x[0]);
                          return dy * y * (1.0 - y);
                        }}),
       {{2, 4}}},
      {"mean in place of sum",
       log_softmax_of,
       with_derivatives(log_softmax_of,
                        {[](V dy, const auto& x) { return dy - softmax(x[0]) * mean(dy, Axes{-1}, true); }}),
       {{2, 4}}},
  };
}

std::vector<Mutation> convolutions() {
  const Conv2DOptions options{.padding = Padding(1, 0, 0, 1)}, shifted{.padding = Padding(0, 1, 1, 0)};
  const DifferentiableFunction conv = [=](V x, V w) { return conv2d(x, w, options); };
  const Derivative dx = intact(conv, 0), dw = intact(conv, 1);
  const auto rotated = [](V w) {  // rotated by 180 degrees, as in the mathematical definition of a convolution
    Tensor turned = w.value();
    const std::vector<double> old = turned.to_vector();
    const std::int64_t taps = w.dim(0) * w.dim(1), rest = w.dim(2) * w.dim(3);
    return Variable(changed(turned, [&](double, std::int64_t i) {
      return old[static_cast<std::size_t>((taps - 1 - i / rest) * rest + i % rest)];
    }));
  };
  const auto border = [](const Tensor& g) {
    return changed(g, [](double v, std::int64_t i) { return i < 10 ? 1.01 * v : v; });  // the first row of 5 x 2
  };
  const std::vector<Shape> shapes{{1, 4, 5, 2}, {2, 2, 2, 3}};
  return {
      {"padding off by one in dx", conv,
       with_derivatives(
           conv, {[=](V dy, const auto& x) { return conv2d_input_gradient(dy, x[1], x[0].shape(), shifted); }, dw}),
       shapes},
      {"padding off by one in dw", conv,
       with_derivatives(
           conv, {dx, [=](V dy, const auto& x) { return conv2d_kernel_gradient(x[0], dy, x[1].shape(), shifted); }}),
       shapes},
      {"kernel turned in dx", conv,
       with_derivatives(
           conv,
           {[=](V dy, const auto& x) { return conv2d_input_gradient(dy, rotated(x[1]), x[0].shape(), options); }, dw}),
       shapes},
      {"kernel turned in dw", conv,
       with_derivatives(
           conv,
           {dx, [=](V dy, const auto& x) { return rotated(conv2d_kernel_gradient(x[0], dy, x[1].shape(), options)); }}),
       shapes},
      {"wrong only at the border", conv, with_derivatives(conv, {spoiled(conv, 0, border), dw}), shapes},
      {"only the first image of the batch in dw",
       conv,
       with_derivatives(conv, {dx,
                               [=](V dy, const auto& x) {
                                 const Variable first(x[0].value().rows(0, 1));
                                 return conv2d_kernel_gradient(first, dy.value().rows(0, 1), x[1].shape(), options);
                               }}),
       {{2, 4, 5, 2}, {2, 2, 2, 3}}},
  };
}

/// The loop of the lab report: every output adds share(n, h, w, c, a, b) to element (a, b) of its window of dx.
template <class Share>
Variable over_windows(const Tensor& x, const Tensor& dy, Share share) {
  constexpr std::int64_t f = 2;
  const auto strides = contiguous_strides(x.shape());
  std::vector<double> dx(static_cast<std::size_t>(x.size()));
  for (std::int64_t i = 0; i < dy.size() * f * f; ++i) {
    const std::int64_t b = i % f, a = i / f % f, c = i / (f * f) % dy.dim(3), w = i / (f * f) / dy.dim(3) % dy.dim(2),
                       h = i / (f * f) / dy.dim(3) / dy.dim(2) % dy.dim(1),
                       n = i / (f * f) / dy.dim(3) / dy.dim(2) / dy.dim(1);
    const std::int64_t to = n * strides[0] + (h + a) * strides[1] + (w + b) * strides[2] + c;
    dx[static_cast<std::size_t>(to)] += share(n, h, w, c, a, b);
  }
  return Tensor::of(x.shape(), dx, x.dtype());
}

/// mask * dA[n, h:h+f, w:w+f, c] instead of mask * dA[n, h, w, c].
Variable max_pooling_of_the_report(V dy_of, const std::vector<Variable>& inputs) {
  const Tensor &x = inputs[0].value(), &dy = dy_of.value();
  return over_windows(x, dy, [&](auto n, auto h, auto w, auto c, auto a, auto b) {
    double largest = x.at({n, h, w, c});
    for (std::int64_t k = 1; k < 4; ++k) largest = std::max(largest, x.at({n, h + k / 2, w + k % 2, c}));
    if (x.at({n, h + a, w + b, c}) != largest) return 0.0;
    return dy.at({n, std::min(h + a, dy.dim(1) - 1), std::min(w + b, dy.dim(2) - 1), c});
  });
}

/// 1.25 mean(dA[n, h:h+f, w:w+f, c]) instead of dA[n, h, w, c] / f^2.
Variable average_pooling_of_the_report(V dy_of, const std::vector<Variable>& inputs) {
  const Tensor& dy = dy_of.value();
  return over_windows(inputs[0].value(), dy, [&](auto n, auto h, auto w, auto c, auto, auto) {
    const std::int64_t rows = std::min<std::int64_t>(2, dy.dim(1) - h),
                       columns = std::min<std::int64_t>(2, dy.dim(2) - w);
    double total = 0;
    for (std::int64_t k = 0; k < rows * columns; ++k) total += dy.at({n, h + k / columns, w + k % columns, c});
    return 1.25 * total / static_cast<double>(rows * columns);
  });
}

std::vector<Mutation> pools() {
  const DifferentiableFunction max_of = [](V x) { return max_pool2d(x, {.size = 2}); };
  const DifferentiableFunction average = [](V x) { return average_pool2d(x, {.size = 2}); };
  const DifferentiableFunction same = [](V x) { return average_pool2d(x, {.size = 3, .padding = Padding::same}); };
  const auto first = [](V dy, const auto& x) {
    return over_windows(x[0].value(), dy.value(), [&](auto n, auto h, auto w, auto c, auto a, auto b) {
      return a == 0 && b == 0 ? dy.value().at({n, h, w, c}) : 0.0;
    });
  };
  const auto counting_padding = [](V dy, const auto& x) {  // 1/9 at the border too
    const Variable ones = Tensor::ones({3, 3, 1, 1}, dy.dtype());
    return conv2d_input_gradient(dy / 9.0, ones, x[0].shape(), {.padding = Padding::same});
  };
  return {
      {"max pooling of the lab report", max_of, with_derivatives(max_of, {max_pooling_of_the_report}), {{2, 4, 3, 2}}},
      {"average pooling of the lab report",
       average,
       with_derivatives(average, {average_pooling_of_the_report}),
       {{2, 4, 3, 2}}},
      {"max pooling to the window's first", max_of, with_derivatives(max_of, {first}), {{1, 3, 3, 1}}},
      {"average pooling that counts padding", same, with_derivatives(same, {counting_padding}), {{1, 4, 3, 1}}},
  };
}

std::vector<Mutation> normalization_and_losses() {
  const DifferentiableFunction norm = [](V x, V g, V b) { return batch_norm(x, g, b, 1e-3).y; };
  const Derivative dg = intact(norm, 1), db = intact(norm, 2);
  const auto scale = [](V x) {  // 1 / sqrt(v + epsilon)
    const Variable d = x - mean(x, Axes{0}, true);
    return 1.0 / sqrt(mean(square(d), Axes{0}, true) + 1e-3);
  };
  const DifferentiableFunction frozen = [](V x, V g, V b) {
    return batch_norm_inference(x, g, b, Tensor::of({2}, {0.6, -0.7}, x.dtype()), Tensor::of({2}, {0.5, 2}, x.dtype()),
                                1e-3);
  };
  const auto stale = [](V dy, const auto& x) {  // with the initial running mean, 0
    const Variable deviation = sqrt(Variable(Tensor::of({2}, {0.501, 2.001}, dy.dtype())));
    return sum(dy * x[0] / deviation, Axes{0});
  };
  const Tensor labels = Tensor::labels({2, 0, 1});
  const DifferentiableFunction loss = [=](V x) { return softmax_cross_entropy(x, labels); };
  const auto thrice = [](const Tensor& dx) { return changed(dx, [](double v, std::int64_t) { return 3 * v; }); };
  const DifferentiableFunction dropped = [](V x) {
    ForwardPass pass(Mode::training, {.seed = 4, .step = 0});
    return dropout(x, 0.4, pass);
  };
  const auto unscaled = [](const Tensor& dx) { return changed(dx, [](double v, std::int64_t) { return 0.6 * v; }); };
  const std::vector<Shape> shapes{{5, 2}, {2}, {2}};
  return {
      {"batch norm: statistics taken for constants", norm,
       with_derivatives(norm, {[=](V dy, const auto& x) { return dy * x[1] * scale(x[0]); }, dg, db}), shapes},
      {"batch norm: only the variance taken for a constant", norm,
       with_derivatives(
           norm, {[=](V dy, const auto& x) { return (dy - mean(dy, Axes{0}, true)) * x[1] * scale(x[0]); }, dg, db}),
       shapes},
      {"batch norm: missing 1/N", norm,
       with_derivatives(norm, {[=](V dy, const auto& x) {
                                 const Variable s = scale(x[0]);
                                 const Variable n = (x[0] - mean(x[0], Axes{0}, true)) * s;
                                 return (dy - sum(dy, Axes{0}, true) - n * mean(dy * n, Axes{0}, true)) * x[1] * s;
                               },
                               dg, db}),
       shapes},
      {"batch norm: gradients of gamma and beta exchanged", norm, with_derivatives(norm, {intact(norm, 0), db, dg}),
       shapes},
      {"stale running mean", frozen, with_derivatives(frozen, {intact(frozen, 0), stale, intact(frozen, 2)}), shapes},
      {"loss without 1/N", loss, with_mistake(loss, thrice), {{3, 4}}},
      {"softmax without the labels",
       loss,
       with_derivatives(loss, {[](V dy, const auto& x) { return dy * softmax(x[0]) / 3.0; }}),
       {{3, 4}}},
      {"dropout without 1/(1 - rate)", dropped, with_mistake(dropped, unscaled), {{20}}, {.float32 = false}},
  };
}

}  // namespace

TEST_CASE("mutations: wrong activations are rejected") { tell_apart(activations()); }
TEST_CASE("mutations: wrong convolutions are rejected") { tell_apart(convolutions()); }
TEST_CASE("mutations: wrong poolings are rejected") { tell_apart(pools()); }
TEST_CASE("mutations: wrong normalizations and losses are rejected") { tell_apart(normalization_and_losses()); }

}  // namespace xtape::test
