// Layer::keeps_activation() of every class of layers: whether each output is an input, a mean of some of them, or 0.
#include <memory>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

struct KeepingRow {
  std::shared_ptr<Layer> layer;
  PartialShape sample;
};

std::vector<KeepingRow> keeping_layers() {
  const PartialShape sequence{4, 2}, image{4, 4, 4}, volume{4, 2, 2, 2};
  return {{MaxPooling1D(), sequence},
          {MaxPooling2D(), image},
          {MaxPooling3D(), volume},
          {AveragePooling1D(), sequence},
          {AveragePooling2D({.padding = Padding::same}), image},
          {AveragePooling3D(), volume},
          {GlobalMaxPooling1D(), sequence},
          {GlobalMaxPooling2D(), image},
          {GlobalMaxPooling3D(), volume},
          {GlobalAveragePooling1D(), sequence},
          {GlobalAveragePooling2D(), image},
          {GlobalAveragePooling3D(), volume},
          {Permute({.dims = {2, 1}}), sequence},
          {RepeatVector({.n = 3}), {4}},
          {Flatten(), image},
          {Reshape({.target_shape = {8}}), sequence},
          {Cropping1D(), sequence},
          {Cropping2D({.cropping = {1, 0, 0, 1}}), image},
          {Cropping3D({.cropping = {1, 0, 0, 1, 0, 0}}), volume},
          {ZeroPadding1D(), sequence},
          {ZeroPadding2D(), image},
          {ZeroPadding3D(), volume},
          {UpSampling1D(), sequence},
          {UpSampling2D(), image},
          {UpSampling3D(), volume},
          {DepthToSpace({.block_size = 2}), image},
          {Dropout({.rate = 0.5}), {4}},
          {SpatialDropout1D({.rate = 0.5}), sequence},
          {SpatialDropout2D({.rate = 0.5}), image},
          {Resizing({.height = 3, .width = 7}), image},
          {CenterCrop({.height = 2, .width = 3}), image},
          {CenterCrop({.height = 8, .width = 3}), image},
          {RandomFlip(), image},
          {RandomCrop({.height = 2, .width = 3}), image},
          {RandomTranslation({.height_factor = 0.5, .width_factor = 0.5}), image},
          {RandomRotation({.factor = 0.5, .fill_mode = FillMode::wrap}), image},
          {RandomZoom({.height_factor = 0.5}), image},
          {Operator({.function = std::string("Slice"), .axes = {1}, .numbers = {1, 4, 2}}), sequence},
          {Operator({.function = std::string("Gather"), .axes = {1}, .numbers = {3, 0}}), sequence},
          {Operator({.function = std::string("ReduceMean"), .axes = {1}}), sequence},
          {Operator({.function = std::string("ReduceMax"), .axes = {1}, .keep_dims = true}), sequence},
          {Operator({.function = std::string("ReduceMin"), .axes = {2}}), sequence},
          {Operator({.function = std::string("Reshape"), .numbers = {2, 4}}), sequence},
          {Operator({.function = std::string("Tile"), .numbers = {2, 1}}), sequence},
          {Activation(linear), {4}}};
}

}  // namespace

TEST_CASE("layers that move, select or average values keep the activation of their input") {
  for (const KeepingRow& row : keeping_layers()) {
    INFO(row.layer->type());
    CHECK(row.layer->keeps_activation());
    // the outputs lie between 0 and the largest input, and 0 is one of them only if it is added
    const auto input = Input(row.sample);
    const Model model(input, row.layer->connect_one({input}));
    const Tensor x = RandomStream(1).uniform(Shape(row.sample.prepended(3)), 1, 2);
    const bool random = row.layer->type().starts_with("Random");
    ForwardPass pass(random ? Mode::training : Mode::inference, {.step = 1});
    for (const double y : model(x, pass).value().to_vector()) CHECK((y == 0 || (y >= 1 && y <= 2)));
  }
}

TEST_CASE("the mean, the maximum and the minimum of several inputs keep their activation") {
  const auto a = Input({4}), b = Input({4});
  const Tensor x = RandomStream(1).uniform({3, 4}, 1, 2), y = RandomStream(2).uniform({3, 4}, 1, 2);
  for (const std::shared_ptr<Layer>& layer : std::vector<std::shared_ptr<Layer>>{Average(), Maximum(), Minimum()}) {
    INFO(layer->type());
    CHECK(layer->keeps_activation());
    const Model model({a, b}, layer->connect_one({a, b}));
    ForwardPass pass(Mode::inference);
    for (const double z : model.call({x, y}, pass)[0].value().to_vector()) CHECK((z >= 1 && z <= 2));
  }
}

TEST_CASE("layers that compute other values do not keep the activation of their input") {
  const std::vector<std::shared_ptr<Layer>> others{
      Dense({.units = 2}),
      Conv1D({.filters = 1}),
      Rescaling({.scale = 2}),
      BatchNormalization(),
      LayerNormalization(),
      GaussianNoise({.stddev = 1}),
      Softmax(),
      PReLU(),
      AlphaDropout({.rate = 0.5}),
      Add(),
      Multiply(),
      Subtract(),
      Dot(),
      RandomZoom({.height_factor = 0.5, .fill_mode = FillMode::constant, .fill_value = 0.5}),
      RandomContrast({.factor = 0.5}),
      Operator({.function = std::string("Exp")}),
      Operator({.function = std::string("Max"), .value = 0}),
      Operator({.function = std::string("Min"), .constant_shape = std::vector<std::int64_t>{4}}),
      Activation(relu)};
  for (const auto& layer : others) {
    INFO(layer->type());
    CHECK_FALSE(layer->keeps_activation());
  }
}
