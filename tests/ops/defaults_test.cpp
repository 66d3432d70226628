// The defaults of the options of ops, as documented, with Keras's values where it has the option.
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

bool is_valid(const Padding1D& padding) {
  return !padding.is_same() && !padding.is_causal() && padding.before() == 0 && padding.after() == 0;
}
bool is_valid(const Padding& padding) {
  return !padding.is_same() && padding.amounts() == std::array<std::int64_t, 4>{};
}
bool is_valid(const Padding3D& padding) { return is_valid(padding.depth()) && is_valid(padding.plane()); }

}  // namespace

TEST_CASE("options of ops have the documented defaults") {
  const WindowOptions1D row{.size = 3};
  CHECK((row.strides == 1 && is_valid(row.padding) && row.dilation == 1));
  const WindowOptions plane{.size = 3};
  CHECK((plane.strides == Extent2D(1) && is_valid(plane.padding) && plane.dilation == Extent2D(1)));
  const WindowOptions3D volume{.size = 3};
  CHECK((volume.strides == Extent3D(1) && is_valid(volume.padding) && volume.dilation == Extent3D(1)));
  const Conv1DOptions sequences;
  CHECK((sequences.strides == 1 && is_valid(sequences.padding) && sequences.dilation == 1 && sequences.groups == 1));
  const Conv2DOptions images;
  CHECK((images.strides == Extent2D(1) && is_valid(images.padding) && images.dilation == Extent2D(1) &&
         images.groups == 1));
  const Conv3DOptions volumes;
  CHECK((volumes.strides == Extent3D(1) && is_valid(volumes.padding) && volumes.dilation == Extent3D(1) &&
         volumes.groups == 1));
  const FocalOptions focal;
  CHECK((focal.gamma == 2 && focal.alpha == 0.25 && !focal.balanced && focal.label_smoothing == 0));
  const OverlapOptions overlap;
  CHECK((!overlap.whole_batch && overlap.alpha == 0.5 && overlap.beta == 0.5));
  const CrossEntropyOptions classes;
  CHECK((classes.label_smoothing == 0 && !classes.ignored_label));
  const BinaryCrossEntropyOptions answers;
  CHECK((answers.label_smoothing == 0 && answers.pos_weight.empty()));
  const RectifyOptions rectified;
  CHECK((!rectified.max_value && rectified.negative_slope == 0 && rectified.threshold == 0));
  CHECK(HuberOptions().delta == 1);
  const AffineOptions affine;
  CHECK((affine.height == 0 && affine.width == 0 && affine.interpolation == Interpolation::bilinear &&
         affine.fill_mode == FillMode::constant && affine.fill_value == 0));
  const ResizeOptions resized;
  CHECK((resized.interpolation == Interpolation::bilinear && !resized.align_corners));
}

TEST_CASE("functions without options compute what the documented defaults give") {
  const Tensor x = Tensor::of({1, 3, 4, 1}, {1, 5, 2, -3, 0, 4, -1, 2, 7, 1, 3, -2}, DType::float64);
  const Tensor targets = Tensor::of({1, 3, 4, 1}, {1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1}, DType::float64);
  const Variable shares = sigmoid(x);
  const auto same = [](const Variable& a, const Variable& b) { CHECK(identical(a.value(), b.value())); };
  same(sigmoid_focal_cross_entropy(x, targets),
       sigmoid_focal_cross_entropy(x, targets, {}, {.gamma = 2, .alpha = 0.25}));
  same(tversky(shares, targets), tversky(shares, targets, {}, {.alpha = 0.5, .beta = 0.5}));
  same(huber(x, targets), huber(x, targets, {}, {.delta = 1}));
  same(resize2d(x, 5, 6), resize2d(x, 5, 6, {.interpolation = Interpolation::bilinear}));
}
