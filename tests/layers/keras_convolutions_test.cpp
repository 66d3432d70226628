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

/// The options of a case, as make_keras_convolutions.py lists them.
template <int axes>
struct CaseOptions {
  explicit CaseOptions(const Arrays& arrays)
      : numbers(arrays.at("options").to_vector<std::int64_t>()), filters(arrays.at("y").dim(-1)) {
    size = next();
    strides = next();
    padding = numbers[2 * axes] == 1 ? AxesPadding<axes>::same : AxesPadding<axes>::valid;
    if constexpr (axes == 1) {
      if (numbers[2] == 2) padding = Padding1D::causal;
    }
    read = 2 * axes + 1;
    if (numbers.size() > read) rate = next();
    if (numbers.size() > read) own = numbers[read];
    if (numbers.size() >= read + axes) output_padding = next();
  }

  AxesSize<axes> next() {
    const auto* n = numbers.data() + read;
    read += axes;
    if constexpr (axes == 1) {
      return n[0];
    } else if constexpr (axes == 2) {
      return {n[0], n[1]};
    } else {
      return {n[0], n[1], n[2]};
    }
  }

  std::vector<std::int64_t> numbers;
  std::size_t read = 0;
  std::int64_t filters, own = 0;
  AxesSize<axes> size = 1, strides = 1, rate = 1;
  AxesPadding<axes> padding = AxesPadding<axes>::valid;
  std::optional<AxesSize<axes>> output_padding;
};

template <int axes>
std::shared_ptr<Layer> convolution_of(const Arrays& arrays) {
  const CaseOptions<axes> o(arrays);
  return LayerHandle<ConvLayer<axes>>({.filters = o.filters,
                                       .kernel_size = o.size,
                                       .strides = o.strides,
                                       .padding = o.padding,
                                       .dilation_rate = o.rate,
                                       .groups = o.own})
      .definition();
}

template <int axes>
std::shared_ptr<Layer> transposed_of(const Arrays& arrays) {
  const CaseOptions<axes> o(arrays);
  return LayerHandle<ConvTransposeLayer<axes>>({.filters = o.filters,
                                                .kernel_size = o.size,
                                                .strides = o.strides,
                                                .padding = o.padding,
                                                .output_padding = o.output_padding,
                                                .dilation_rate = o.rate})
      .definition();
}

template <int axes>
std::shared_ptr<Layer> depthwise_of(const Arrays& arrays) {
  const CaseOptions<axes> o(arrays);
  return LayerHandle<DepthwiseConvLayer<axes>>({.kernel_size = o.size,
                                                .strides = o.strides,
                                                .padding = o.padding,
                                                .depth_multiplier = o.own,
                                                .dilation_rate = o.rate})
      .definition();
}

template <int axes>
std::shared_ptr<Layer> separable_of(const Arrays& arrays) {
  const CaseOptions<axes> o(arrays);
  return LayerHandle<SeparableConvLayer<axes>>({.filters = o.filters,
                                                .kernel_size = o.size,
                                                .strides = o.strides,
                                                .padding = o.padding,
                                                .dilation_rate = o.rate,
                                                .depth_multiplier = o.own})
      .definition();
}

template <class Definition, int axes>
std::shared_ptr<Layer> pooling_of(const Arrays& arrays) {
  const CaseOptions<axes> o(arrays);
  return LayerHandle<Definition>({.pool_size = o.size, .strides = o.strides, .padding = o.padding}).definition();
}

/// The layer of a case.
std::shared_ptr<Layer> layer_of(const std::string& type, const Arrays& arrays) {
  static const std::map<std::string, std::shared_ptr<Layer> (*)(const Arrays&)> makers{
      {"AveragePooling1D", pooling_of<AveragePooling1DLayer, 1>},
      {"AveragePooling3D", pooling_of<AveragePooling3DLayer, 3>},
      {"Conv1D", convolution_of<1>},
      {"Conv1DTranspose", transposed_of<1>},
      {"Conv2D", convolution_of<2>},
      {"Conv2DTranspose", transposed_of<2>},
      {"Conv3D", convolution_of<3>},
      {"Conv3DTranspose", transposed_of<3>},
      {"DepthwiseConv1D", depthwise_of<1>},
      {"DepthwiseConv2D", depthwise_of<2>},
      {"MaxPooling1D", pooling_of<MaxPooling1DLayer, 1>},
      {"MaxPooling3D", pooling_of<MaxPooling3DLayer, 3>},
      {"SeparableConv1D", separable_of<1>},
      {"SeparableConv2D", separable_of<2>},
  };
  return makers.at(type)(arrays);
}

}  // namespace

TEST_CASE("convolution and pooling layers give Keras's outputs and gradients") {
  std::map<std::string, Arrays> cases;
  const auto file = load_safetensors(test::source_root() / "tests/golden/keras_convolutions.safetensors");
  for (const auto& [name, tensor] : file.tensors) {
    const auto slash = name.find('/');
    cases[name.substr(0, slash)][name.substr(slash + 1)] = tensor;
  }
  CHECK(cases.size() >= 58);
  for (const auto& [name, arrays] : cases) {
    INFO(name);
    const double tolerance = name.starts_with("AveragePooling3D") ? 1e-6 : 1e-11;  // computed in float32 by Keras
    const auto layer = layer_of(name.substr(0, name.find(' ')), arrays);
    const Tensor& x = arrays.at("x");
    const auto input = Input(x.shape().without(0));
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
