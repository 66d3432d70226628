// Convolution and pooling layers on sequences and volumes, and transposed convolutions: inputs and options that they
// reject, causality, and packed kernels in inference.
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

Tensor run(const Model& model, const Tensor& x, Mode mode) {
  ForwardPass pass(mode, {.record = mode == Mode::training});
  return model(x, pass).value();
}

}  // namespace

TEST_CASE("options that no output fits are rejected when a convolution layer is made") {
  CHECK(error_of([] { Conv1D({.filters = 0}); }) == "Conv1D: expected filters >= 1, got 0");
  CHECK(error_of([] { Conv3D({.filters = 3, .groups = 2}); }) ==
        "Conv3D: expected a number of groups that divides the 3 filters, got 2");
  CHECK(error_of([] { DepthwiseConv1D({.depth_multiplier = 0}); }) ==
        "DepthwiseConv1D: expected depth_multiplier >= 1, got 0");
  CHECK(error_of([] { Conv2DTranspose({.filters = 0}); }) == "Conv2DTranspose: expected filters >= 1, got 0");
  CHECK(error_of([] {
          Conv2DTranspose({.filters = 1, .kernel_size = {0, 1}});
        }) == "Conv2DTranspose: expected kernel_size from 1 to 2^31 - 1, got (0, 1)");
  CHECK(error_of([] {
          Conv3DTranspose({.filters = 1, .strides = {1, 2, -1}});
        }) == "Conv3DTranspose: expected strides from 1 to 2^31 - 1, got (1, 2, -1)");
  CHECK(error_of([] { Conv1DTranspose({.filters = 1, .dilation_rate = 0}); }) ==
        "Conv1DTranspose: expected dilation_rate from 1 to 2^31 - 1, got (0)");
  CHECK(error_of([] { Conv1DTranspose({.filters = 1, .padding = Padding1D::causal}); }) ==
        "Conv1DTranspose: expected padding valid or same, got causal; crop the output instead");
  CHECK(error_of([] {
          Conv3DTranspose({.filters = 1, .padding = {1, 0, 0, 0, 0, 0}});
        }) == "Conv3DTranspose: expected padding valid or same, got amounts; crop the output instead");
  for (const Extent2D padding : {Extent2D(2, 0), Extent2D(0, 1), Extent2D(-1, 0)}) {
    CHECK_THAT(error_of([&] {
                 Conv2DTranspose({.filters = 1, .kernel_size = 3, .strides = {2, 1}, .output_padding = padding});
               }),
               Contains("expected output_padding of 0 or more and less than the strides (2, 1), got ("));
  }
}

TEST_CASE("inputs of another rank, without elements or smaller than the window are rejected with the shape") {
  const auto sequence = Input({4, 2}), image = Input({3, 4, 2}), volume = Input({2, 3, 4, 2});
  CHECK(error_of([&] { Conv1D({.filters = 1})(image); }) ==
        "Conv1D: expected samples of rank 2 after the batch axis, got (None, 3, 4, 2)");
  CHECK(error_of([&] { Conv3D({.filters = 1})(image); }) ==
        "Conv3D: expected samples of rank 4 after the batch axis, got (None, 3, 4, 2)");
  CHECK(error_of([&] { Conv2DTranspose({.filters = 1})(sequence); }) ==
        "Conv2DTranspose: expected images (None, height, width, channels), got (None, 4, 2)");
  CHECK(error_of([&] { GlobalMaxPooling1D()(volume); }) ==
        "GlobalMaxPooling1D: expected samples of rank 2 after the batch axis, got (None, 2, 3, 4, 2)");
  CHECK(error_of([&] { Conv1D({.filters = 1, .kernel_size = 3, .dilation_rate = 2})(sequence); }) ==
        "Conv1D: expected sequences at least as long as the window, 3 taps dilated by 2, got (None, 4, 2); use "
        "Padding1D::same or longer sequences");
  CHECK(
      error_of([&] {
        Conv3D({.filters = 1, .kernel_size = {3, 1, 1}})(volume);
      }) ==
      "Conv3D: expected volumes at least as large as the window, 3 x 1 x 1 taps dilated by 1 x 1 x 1, got (None, 2, 3, "
      "4, 2); use Padding3D::same or larger volumes");
  CHECK(
      error_of([&] {
        MaxPooling3D({.pool_size = {3, 1, 1}})(volume);
      }) ==
      "MaxPooling3D: expected volumes at least as large as the window, 3 x 1 x 1 taps dilated by 1 x 1 x 1, got (None, "
      "2, 3, 4, 2); use Padding3D::same or larger volumes");
  CHECK(error_of([&] { Conv3D({.filters = 3, .groups = 3})(volume); }) ==
        "Conv3D: expected channels that 3 groups divide, got (None, 2, 3, 4, 2)");
  CHECK(error_of([&] {
          Conv1DTranspose({.filters = 1})->output_specs({{PartialShape{0, 2}}});
        }) == "Conv1DTranspose: expected at least one element on each axis, got (None, 0, 2)");
  // with an even kernel the smallest output has strides - 1 rows less than the inputs reach
  CHECK(
      error_of([&] {
        Conv2DTranspose(
            {.filters = 1, .kernel_size = 2, .strides = 2, .padding = Padding::same, .output_padding = Extent2D(0, 1)})(
            image);
      }) ==
      "Conv2DTranspose: expected an output_padding whose output (4, 7) is convolved to (3, 4), got one with (2, 4); "
      "leave it out");
}

TEST_CASE("ops on sequences and volumes reject operands of wrong shapes") {
  const Tensor sequence = Tensor::zeros({1, 4, 2}), volume = Tensor::zeros({1, 2, 3, 4, 2});
  CHECK(error_of([&] {
          conv1d(volume, Tensor::zeros({1, 2, 1}));
        }) == "conv1d: expected sequences (n, length, channels), got shape (1, 2, 3, 4, 2)");
  CHECK(error_of([&] {
          conv1d(sequence, Tensor::zeros({1, 2}));
        }) == "conv1d: expected a kernel (size, channels, filters), got shape (1, 2)");
  CHECK(error_of([&] {
          conv3d(sequence, Tensor::zeros({1, 1, 1, 2, 1}));
        }) == "conv3d: expected volumes (n, depth, height, width, channels), got shape (1, 4, 2)");
  CHECK(error_of([&] {
          conv3d(volume, Tensor::zeros({1, 1, 2, 1}));
        }) == "conv3d: expected a kernel (depth, height, width, channels, filters), got shape (1, 1, 2, 1)");
  CHECK(error_of([&] {
          conv3d(volume, Tensor::zeros({1, 1, 1, 3, 1}));
        }) ==
        "conv3d: expected a kernel for the 2 channels of volumes (1, 2, 3, 4, 2), got one for 3: (1, 1, 1, 3, 1)");
  CHECK(error_of([&] {
          conv3d(volume, Tensor::zeros({1, 1, 1, 2, 1}, DType::float64));
        }) == "conv3d: expected operands of one type, got float32 and float64; convert with .to()");
  CHECK(error_of([&] {
          conv3d(volume, Tensor::zeros({1, 1, 1, 2, 1}), {.groups = 0});
        }) ==
        "conv3d: expected a number of groups that divides the 2 channels of volumes (1, 2, 3, 4, 2) and the 1 filters "
        "of kernel (1, 1, 1, 2, 1), got 0");
  CHECK(error_of([&] {
          conv3d_input_gradient(Tensor::zeros({1, 2, 3, 3, 1}), Tensor::zeros({1, 1, 1, 2, 1}), volume.shape());
        }) == "conv3d_input_gradient: expected dy of shape (1, 2, 3, 4, 1), got (1, 2, 3, 3, 1)");
  CHECK(error_of([&] { max_pool1d(volume, {.size = 2}); }) ==
        "max_pool1d: expected sequences (n, length, channels), got shape (1, 2, 3, 4, 2)");
  const auto of_sequence = [&](const WindowOptions1D& window) {
    return error_of([&] { max_pool1d(sequence, window); });
  };
  CHECK(of_sequence({.size = 0}) == "max_pool1d: expected a window size from 1 to 2^30, got 0");
  CHECK(of_sequence({.size = 2, .strides = -1}) == "max_pool1d: expected strides from 1 to 2^30, got -1");
  CHECK(of_sequence({.size = 2, .dilation = 0}) == "max_pool1d: expected dilation from 1 to 2^30, got 0");
  CHECK(of_sequence({.size = 2, .padding = {0, -1}}) == "max_pool1d: expected padding of 0 to 2^30, got (0, -1)");
  const auto of_volume = [&](const WindowOptions3D& window) { return error_of([&] { max_pool3d(volume, window); }); };
  CHECK(of_volume({.size = {1, 2, 0}}) == "max_pool3d: expected a window size from 1 to 2^30, got (1, 2, 0)");
  CHECK(of_volume({.size = 1, .strides = {0, 1, 1}}) == "max_pool3d: expected strides from 1 to 2^30, got (0, 1, 1)");
  CHECK(of_volume({.size = 1, .dilation = {1, 0, 1}}) == "max_pool3d: expected dilation from 1 to 2^30, got (1, 0, 1)");
  CHECK(of_volume({.size = 1, .padding = {0, 0, 0, 0, -1, 0}}) ==
        "max_pool3d: expected padding of 0 to 2^30, got (0, 0, 0, 0, -1, 0)");
  CHECK(error_of([&] {
          max_pool1d(Tensor::zeros({1, 0, 2}), {.size = 1});
        }) == "max_pool1d: expected sequences of at least one element and one channel, got (1, 0, 2)");
  CHECK(error_of([&] {
          conv3d(Tensor::zeros({1, 2, 0, 4, 2}), Tensor::zeros({1, 1, 1, 2, 1}));
        }) == "conv3d: expected volumes of at least one voxel and one channel, got (1, 2, 0, 4, 2)");
  CHECK(of_sequence({.size = 5}) ==
        "max_pool1d: expected sequences at least as long as the window, 5 taps dilated by 1, got (1, 4, 2); use "
        "Padding1D::same or longer sequences");
  CHECK(error_of([&] {
          average_pool1d(sequence, {.size = 3, .padding = {3, 0}});
        }) == "average_pool1d: expected less padding than the window is long, 3, got (3, 0)");
  CHECK(error_of([&] {
          average_pool3d(volume, {.size = {1, 4, 1}});
        }) ==
        "average_pool3d: expected volumes at least as large as the window, 1 x 4 x 1 taps dilated by 1 x 1 x 1, got "
        "(1, 2, 3, 4, 2); use Padding3D::same or larger volumes");
  CHECK(error_of([&] { average_pool3d(sequence, {.size = 2}); }) ==
        "average_pool3d: expected volumes (n, depth, height, width, channels), got shape (1, 4, 2)");
  CHECK(error_of([&] {
          max_pool3d(volume, {.size = {2, 1, 1}, .padding = Padding3D(2, 0, 0, 0, 0, 0)});
        }) == "max_pool3d: expected less padding than the window is long, 2 x 1 x 1, got (2, 0, 0, 0, 0, 0)");
}

TEST_CASE("extents that are unknown stay unknown, and the others are computed") {
  CHECK(Conv1D({.filters = 3, .kernel_size = 2})(Input({any, 2})).shape() == PartialShape{any, 3});
  CHECK(Conv3D({.filters = 3, .kernel_size = 2})(Input({any, 5, any, 2})).shape() == PartialShape{any, 4, any, 3});
  CHECK(Conv2DTranspose({.filters = 3, .kernel_size = 3, .strides = 2})(Input({any, 5, 2})).shape() ==
        PartialShape{any, 11, 3});
  CHECK(MaxPooling3D()(Input({4, any, 5, any})).shape() == PartialShape{2, any, 2, any});
  const auto input = Input({any, 2});
  const Model model(input, Conv1DTranspose({.filters = 1, .kernel_size = 3, .strides = 2})(input));
  for (const std::int64_t length : {1, 4, 7}) {
    CHECK(run(model, Tensor::zeros({2, length, 2}), Mode::inference).shape() == Shape{2, 2 * length + 1, 1});
  }
}

TEST_CASE("an output of a causal convolution depends on no later element") {
  const auto input = Input({8, 2});
  const Model model(input,
                    Conv1D({.filters = 3, .kernel_size = 3, .padding = Padding1D::causal, .dilation_rate = 2})(input));
  const Tensor x = RandomStream(1).normal({1, 8, 2});
  const Tensor y = run(model, x, Mode::inference);
  CHECK(y.shape() == Shape{1, 8, 3});
  for (std::int64_t changed = 0; changed < 8; ++changed) {
    Tensor other = x;
    other.mutable_data<float>()[2 * changed] += 1;
    const Tensor z = run(model, other, Mode::inference);
    for (std::int64_t i = 0; i < 8; ++i) {
      bool same = true;
      for (std::int64_t f = 0; f < 3; ++f) same = same && y.at({0, i, f}) == z.at({0, i, f});
      CHECK(same == (i != changed && i != changed + 2 && i != changed + 4));
    }
  }
}

TEST_CASE("inference with packed kernels gives the numbers of a pass without them") {
  const auto sequence = Input({40, 16}), volume = Input({5, 9, 8, 16});
  for (const Model& model :
       {Model(sequence, Conv1D({.filters = 24, .kernel_size = 3, .padding = Padding1D::causal})(sequence)),
        Model(sequence, SeparableConv1D({.filters = 24, .kernel_size = 3})(sequence)),
        Model(volume, Conv3D({.filters = 24, .kernel_size = {2, 3, 2}, .padding = Padding3D::same})(volume)),
        Model(volume, Conv3D({.filters = 24, .kernel_size = {1, 1, 1}, .strides = 2})(volume)),
        Model(volume, Conv3D({.filters = 24, .kernel_size = 2, .groups = 2})(volume))}) {
    const Tensor x = RandomStream(1).normal(model.input_shape().prepended(1));
    const Tensor once = run(model, x, Mode::inference);
    CHECK(largest_difference(once, run(model, x, Mode::training)) < 1e-5);
    CHECK(identical(once, run(model, x, Mode::inference)));
  }
}
