// Weights of convolutions of sequences and volumes, and of transposed ones, in files that Keras 3 wrote:
// make_keras_convolution_layers.py.
#include <cmath>

#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

TEST_CASE("weights of 1-D, 3-D and transposed convolutions in files of Keras give Keras's outputs") {
  const auto input = Input({4, 4});
  auto x = Conv1D({.filters = 4, .kernel_size = 3, .padding = Padding1D::causal, .groups = 2, .name = "conv1d"})(input);
  x = DepthwiseConv1D({.kernel_size = 2, .padding = Padding1D::same, .name = "depthwise_conv1d"})(x);
  x = SeparableConv1D({.filters = 4, .kernel_size = 3, .padding = Padding1D::same, .name = "separable_conv1d"})(x);
  x = Conv1DTranspose({.filters = 4, .kernel_size = 2, .strides = 2, .name = "conv1d_transpose"})(x);
  x = Reshape({.target_shape = {4, 2, 4}})(x);
  x = Conv2DTranspose(
      {.filters = 2, .kernel_size = {2, 1}, .strides = {1, 2}, .padding = Padding::same, .name = "conv2d_transpose"})(
      x);
  x = Reshape({.target_shape = {2, 4, 2, 2}})(x);
  x = Conv3D({.filters = 2, .kernel_size = 2, .padding = Padding3D::same, .name = "conv3d"})(x);
  x = Conv3DTranspose({.filters = 1, .kernel_size = {1, 2, 1}, .strides = {1, 2, 1}, .name = "conv3d_transpose"})(x);
  x = AveragePooling3D({.pool_size = {1, 2, 1}})(x);
  const std::vector<double> theirs{-2.77794,  0.4628906, -0.6348678, 0.4628906, 0.0489341,  0.4628906,
                                   -1.263484, 1.216797,  0.5542143,  0.3066406, -0.3129652, 0.3066406,
                                   -0.903484, 0.3066406, -0.4099504, 0.6503906};
  std::vector<double> sequences;
  for (int i = 0; i < 16; ++i) sequences.push_back(std::sin(i));
  for (const char* file : {"keras_convolution_layers.weights.h5", "keras_convolution_layers.h5"}) {
    INFO(file);
    Model model(input, x);
    static_cast<void>(load_weights(model, test::source_root() / "tests/models" / file));
    ForwardPass pass(Mode::inference);
    const Tensor y = model(Tensor::of({1, 4, 4}, sequences), pass).value();
    CHECK(test::largest_difference(y.reshaped({16}), Tensor::of({16}, theirs)) < 1e-5);
  }
}
