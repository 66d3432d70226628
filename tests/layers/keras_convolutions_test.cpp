// Outputs and gradients of convolution layers compared with Keras's on random configurations, in float64. The arrays
// were written by tests/golden/make_keras_convolutions.py.
#include <map>

#include "framework/io/safetensors.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

using Arrays = std::map<std::string, Tensor>;

/// The layer of a case, with the options as make_keras_convolutions.py lists them.
std::shared_ptr<Layer> layer_of(const std::string& type, const Arrays& arrays) {
  const auto o = arrays.at("options").to_vector<std::int64_t>();
  const Extent2D size{o[0], o[1]}, strides{o[2], o[3]}, rate{o[5], o[6]};
  const Padding padding = o[4] == 1 ? Padding::same : Padding::valid;
  const std::int64_t filters = arrays.at("y").dim(3);
  if (type == "DepthwiseConv2D") {
    return DepthwiseConv2D({.kernel_size = size,
                            .strides = strides,
                            .padding = padding,
                            .depth_multiplier = o[7],
                            .dilation_rate = rate})
        .definition();
  }
  if (type == "SeparableConv2D") {
    return SeparableConv2D({.filters = filters,
                            .kernel_size = size,
                            .strides = strides,
                            .padding = padding,
                            .dilation_rate = rate,
                            .depth_multiplier = o[7]})
        .definition();
  }
  REQUIRE(type == "Conv2D");
  return Conv2D({.filters = filters,
                 .kernel_size = size,
                 .strides = strides,
                 .padding = padding,
                 .dilation_rate = rate,
                 .groups = o[7]})
      .definition();
}

}  // namespace

TEST_CASE("convolution layers give Keras's outputs and gradients") {
  constexpr double tolerance = 1e-11;
  std::map<std::string, Arrays> cases;
  const auto file = load_safetensors(test::source_root() / "tests/golden/keras_convolutions.safetensors");
  for (const auto& [name, tensor] : file.tensors) {
    const auto slash = name.find('/');
    cases[name.substr(0, slash)][name.substr(slash + 1)] = tensor;
  }
  CHECK(cases.size() >= 15);
  for (const auto& [name, arrays] : cases) {
    INFO(name);
    const auto layer = layer_of(name.substr(0, name.find(' ')), arrays);
    const Tensor& x = arrays.at("x");
    const auto input = Input({x.dim(1), x.dim(2), x.dim(3)});
    const Model model(input, layer->connect_one({input}));
    const auto parameters = layer->named_parameters();
    REQUIRE(arrays.size() == 5 + 2 * parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Tensor& value = arrays.at(fmt::format("w{}", i));
      parameters[i].second.set_value(value.reshaped(parameters[i].second.shape()));
    }
    ForwardPass pass(Mode::training);
    const Variable images = pass.watch(x);
    const Variable y = layer->call({images}, pass)[0];
    CHECK(test::largest_difference(y.value(), arrays.at("y")) < tolerance);
    const Gradients gradients = pass.backward(y, arrays.at("dy"));
    CHECK(test::largest_difference(pass.gradient(images), arrays.at("dx")) < tolerance);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      INFO(parameters[i].first);
      CHECK(test::largest_difference(gradients[parameters[i].second], arrays.at(fmt::format("dw{}", i))) < tolerance);
    }
  }
}
