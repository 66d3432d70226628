// Weights of layers that normalize samples and of PReLU, in files that Keras 3 wrote: make_keras_sample_layers.py.
#include <cmath>

#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

TEST_CASE("weights of normalization layers and PReLU in files of Keras give Keras's outputs") {
  const auto input = Input({2, 2, 4});
  auto x = LayerNormalization({.name = "layer_normalization"})(GaussianNoise({.stddev = 0.1})(input));
  x = GroupNormalization({.groups = 2, .name = "group_normalization"})(SpatialDropout2D({.rate = 0.2})(x));
  x = RMSNormalization({.name = "rms_normalization"})(PReLU({.shared_axes = {1, 2}, .name = "p_re_lu"})(x));
  const std::vector<double> theirs{-0.01199695, 0.8096128, 0.7613653,    0.07365941, -0.00641013, 0.4325867,
                                   1.057775,    0.1404373, -0.005713705, 0.3855886,  1.379108,    0.01935888,
                                   -0.01013136, 0.6837131, 0.6412354,    0.147845};
  std::vector<double> images;
  for (int i = 0; i < 16; ++i) images.push_back(std::sin(i));
  for (const char* file : {"keras_sample_layers.weights.h5", "keras_sample_layers.h5"}) {
    INFO(file);
    Model model(input, x);
    static_cast<void>(load_weights(model, test::source_root() / "tests/models" / file));
    ForwardPass pass(Mode::inference);
    const Tensor y = model(Tensor::of({1, 2, 2, 4}, images), pass).value();
    CHECK(test::largest_difference(y.reshaped({16}), Tensor::of({16}, theirs)) < 1e-6);
  }
}
