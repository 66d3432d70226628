#include "examples/lab/part1_convolution.hpp"

#include "examples/lab/numpy_random.hpp"
#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"

namespace xtape::lab {
namespace {

double mean_of(const Tensor& x) { return mean(x).value().item(); }

std::vector<Figure> zero_pad() {
  const Tensor x = NumpyRandom(1).randn({4, 3, 3, 2});
  const Tensor padded = pad(x, {{0, 0}, {2, 2}, {2, 2}, {0, 0}}).value();
  return {{"zero_pad", "shape of x", {4, 3, 3, 2}, extents(x.shape()), Printed::integer},
          {"zero_pad", "shape of x_pad", {4, 7, 7, 2}, extents(padded.shape()), Printed::integer},
          {"zero_pad",
           "x[1,1]",
           {0.90085595, -0.68372786, -0.12289023, -0.93576943, -0.26788808, 0.53035547},
           elements(x, {1, 1})},
          {"zero_pad", "x_pad[1,1]", std::vector<double>(14, 0.0), elements(padded, {1, 1}), Printed::integer}};
}

/// One position of the window, as a convolution with a single output number.
std::vector<Figure> conv_single_step() {
  NumpyRandom random(1);
  const Tensor slice = random.randn({4, 4, 3});
  const Tensor w = random.randn({4, 4, 3});
  const Tensor b = random.randn({1, 1, 1});
  const Variable z = conv2d(slice.reshaped({1, 4, 4, 3}), w.reshaped({4, 4, 3, 1})) + b;
  return {{"conv_single_step", "Z", {-6.99908945}, elements(z.value())}};
}

/// The forward pass, and the backward pass with dZ = Z.
std::vector<Figure> conv_forward_and_backward() {
  NumpyRandom random(1);
  ForwardPass pass(Mode::training);
  const Variable a = pass.watch(random.randn({10, 4, 4, 3}));
  const Variable w = pass.watch(random.randn({2, 2, 3, 8}));
  const Variable b = pass.watch(random.randn({1, 1, 1, 8}));
  const Variable z = conv2d(a, w, {.strides = 2, .padding = {2, 2, 2, 2}}) + b;
  pass.backward(z, z.value());
  return {{"conv_forward", "mean(Z)", {0.048995203528855794}, {mean_of(z.value())}, Printed::digits16},
          {"conv_forward",
           "Z[3,2,1]",
           {-0.61490741, -6.7439236, -2.55153897, 1.75698377, 3.56208902, 0.53036437, 5.18531798, 8.75898442},
           elements(z.value(), {3, 2, 1})},
          {"conv_forward", "A_prev[1,2,3]", {-0.20075807, 0.18656139, 0.41005165}, elements(a.value(), {1, 2, 3})},
          {"conv_backward", "mean(dA)", {1.4524377775388075}, {mean_of(pass.gradient(a))}, Printed::digits16},
          {"conv_backward", "mean(dW)", {1.7269914583139097}, {mean_of(pass.gradient(w))}, Printed::digits16},
          {"conv_backward", "mean(db)", {7.839232564616838}, {mean_of(pass.gradient(b))}, Printed::digits16}};
}

}  // namespace

std::vector<Figure> convolution_figures() {
  std::vector<Figure> figures = zero_pad();
  append(figures, conv_single_step());
  append(figures, conv_forward_and_backward());
  return figures;
}

}  // namespace xtape::lab
