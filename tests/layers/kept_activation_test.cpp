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
    ForwardPass pass(Mode::inference);
    for (const double y : model(x, pass).value().to_vector()) CHECK((y == 0 || (y >= 1 && y <= 2)));
  }
}

TEST_CASE("layers that compute other values do not keep the activation of their input") {
  const std::vector<std::shared_ptr<Layer>> others{Dense({.units = 2}),
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
                                                   Activation(relu)};
  for (const auto& layer : others) {
    INFO(layer->type());
    CHECK_FALSE(layer->keeps_activation());
  }
}
