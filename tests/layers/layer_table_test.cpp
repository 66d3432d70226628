// One row for each layer: derivatives with respect to inputs and parameters in training and inference, and the shape of
// the output compared with the inferred one, for one and several samples.

#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <set>

#include "framework/ops/ops.hpp"
#include "gradcheck/layer_check.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

using Maker = std::function<std::shared_ptr<Layer>(const std::string& name)>;

struct Row {
  std::string type;
  Maker make;
  std::vector<Shape> samples;
  LayerCheckOptions options = {};
};

template <class Handle>
Maker make(typename Handle::Options options) {
  return [options](const std::string& name) mutable { return options.name = name, Handle(options).definition(); };
}

using Numbers = std::vector<std::int64_t>;

Maker operation(const OperatorLayer::Options& options) { return make<Operator>(options); }

/// Layers that draw random numbers: in float32 they would draw others.
const LayerCheckOptions drawing{.gradient = {.float32 = false}};
/// One sample of one pixel has no variance: its normalized value is always 0.
const LayerCheckOptions several{.batches = {3, 4}};

/// The input has the number of samples alone.
const LayerCheckOptions counted{.gradient = {.constant_inputs = {"input 0"}}};

const LayerCheckOptions tokens_below_5{.dtypes = {DType::int64}, .integers = 5};

const std::vector<Row>& rows() {
  static const std::vector<Row> rows{
      {"Dense", make<Dense>({.units = 3}), {{4}}},
      {"Dense", make<Dense>({.units = 2, .activation = tanh, .use_bias = false}), {{3, 4}}},
      {"Dense", make<Dense>({.units = 2}), {{3, 4}}},
      {"Dense", make<Dense>({.units = 1, .activation = sigmoid}), {{2, 2, 3}}},
      {"Dense", make<Dense>({.units = 3, .activation = relu}), {{4}}},
      {"Dense", make<Dense>({.units = 2, .activation = relu}), {{2, 4}}},
      {"Dense", make<Dense>({.units = 2, .activation = relu, .use_bias = false}), {{4}}},
      {"Embedding", make<Embedding>({.input_dim = 5, .output_dim = 3}), {{4}}, tokens_below_5},
      {"Embedding", make<Embedding>({.input_dim = 5, .output_dim = 2}), {{2, 3}}, tokens_below_5},
      {"Conv2D",
       make<Conv2D>({.filters = 3, .kernel_size = 2, .strides = 2, .dilation_rate = 2, .activation = relu}),
       {{6, 7, 2}}},
      {"Conv2D",
       make<Conv2D>({.filters = 2, .kernel_size = 2, .padding = Padding::same, .activation = relu}),
       {{3, 4, 2}}},
      {"Conv2D", make<Conv2D>({.filters = 2, .kernel_size = 2, .strides = {4, 5}}), {{7, 8, 2}}},
      {"Conv2D",
       make<Conv2D>({.filters = 2, .kernel_size = {2, 3}, .strides = 2, .padding = Padding::same, .activation = tanh}),
       {{5, 4, 2}}},
      {"Conv2D",
       make<Conv2D>({.filters = 3, .kernel_size = {3, 2}, .strides = {1, 2}, .padding = Padding::same}),
       {{4, 5, 2}}},
      {"Conv2D",
       make<Conv2D>({.filters = 2, .kernel_size = 2, .dilation_rate = 2, .activation = sigmoid}),
       {{5, 4, 1}}},
      {"Conv2D", make<Conv2D>({.filters = 2, .kernel_size = {1, 2}, .strides = 3}), {{5, 7, 2}}},
      {"Conv2D", make<Conv2D>({.filters = 3, .use_bias = false}), {{3, 2, 2}}},
      {"Conv2D",
       make<Conv2D>({.filters = 4, .kernel_size = 2, .padding = Padding::same, .groups = 2, .activation = tanh}),
       {{3, 4, 6}}},
      {"Conv1D",
       make<Conv1D>({.filters = 3, .kernel_size = 3, .strides = 2, .padding = Padding1D::same, .activation = relu}),
       {{6, 2}}},
      {"Conv1D",
       make<Conv1D>({.filters = 4, .kernel_size = 2, .padding = Padding1D::causal, .dilation_rate = 3, .groups = 2}),
       {{5, 4}}},
      {"Conv3D",
       make<Conv3D>({.filters = 2, .kernel_size = {2, 3, 2}, .padding = Padding3D::same, .activation = tanh}),
       {{3, 4, 3, 2}}},
      {"Conv3D",
       make<Conv3D>({.filters = 4, .kernel_size = 2, .strides = {2, 1, 3}, .groups = 2, .use_bias = false}),
       {{4, 2, 5, 2}}},
      {"Conv1DTranspose",
       make<Conv1DTranspose>({.filters = 2, .kernel_size = 3, .strides = 2, .activation = sigmoid}),
       {{4, 3}}},
      {"Conv2DTranspose",
       make<Conv2DTranspose>({.filters = 3, .kernel_size = {3, 2}, .strides = 2, .padding = Padding::same}),
       {{2, 3, 2}}},
      {"Conv2DTranspose",
       make<Conv2DTranspose>({.filters = 2,
                              .kernel_size = {2, 3},
                              .strides = {1, 3},
                              .output_padding = Extent2D(0, 2),
                              .dilation_rate = {2, 1},
                              .activation = tanh,
                              .use_bias = false}),
       {{3, 2, 2}}},
      {"Conv3DTranspose",
       make<Conv3DTranspose>({.filters = 2, .kernel_size = {3, 2, 2}, .strides = {2, 1, 2}, .activation = tanh}),
       {{2, 2, 3, 2}}},
      {"DepthwiseConv1D",
       make<DepthwiseConv1D>({.kernel_size = 3, .padding = Padding1D::same, .depth_multiplier = 2}),
       {{5, 2}}},
      {"SeparableConv1D",
       make<SeparableConv1D>({.filters = 3, .kernel_size = 2, .strides = 2, .activation = tanh}),
       {{6, 2}}},
      {"MaxPooling1D", make<MaxPooling1D>({.pool_size = 3, .strides = 2, .padding = Padding1D::same}), {{6, 2}}},
      {"MaxPooling3D", make<MaxPooling3D>({.pool_size = {2, 1, 3}, .padding = Padding3D::same}), {{3, 2, 4, 2}}},
      {"AveragePooling1D", make<AveragePooling1D>({.padding = {1, 0}}), {{6, 2}}},
      {"AveragePooling3D", make<AveragePooling3D>({.pool_size = 2, .strides = Extent3D(1)}), {{3, 2, 4, 2}}},
      {"GlobalMaxPooling1D", make<GlobalMaxPooling1D>({}), {{5, 3}}},
      {"GlobalMaxPooling3D", make<GlobalMaxPooling3D>({}), {{2, 3, 2, 2}}},
      {"GlobalAveragePooling1D", make<GlobalAveragePooling1D>({}), {{5, 3}}},
      {"GlobalAveragePooling3D", make<GlobalAveragePooling3D>({}), {{2, 3, 2, 2}}},
      {"DepthwiseConv2D",
       make<DepthwiseConv2D>({.kernel_size = 3, .padding = Padding::same, .activation = relu}),
       {{4, 5, 3}}},
      {"DepthwiseConv2D",
       make<DepthwiseConv2D>({.kernel_size = {2, 3},
                              .strides = {2, 1},
                              .depth_multiplier = 2,
                              .dilation_rate = {1, 2},
                              .activation = tanh,
                              .use_bias = false}),
       {{5, 6, 2}}},
      {"SeparableConv2D",
       make<SeparableConv2D>({.filters = 3, .kernel_size = 2, .padding = Padding::same, .activation = sigmoid}),
       {{3, 4, 2}}},
      {"SeparableConv2D",
       make<SeparableConv2D>({.filters = 2, .kernel_size = 2, .strides = 2, .depth_multiplier = 3, .use_bias = false}),
       {{5, 4, 2}}},
      {"MaxPooling2D", make<MaxPooling2D>({.pool_size = 2, .strides = 3}), {{5, 7, 2}}},
      {"MaxPooling2D", make<MaxPooling2D>({.pool_size = {2, 3}, .strides = 2, .padding = Padding::same}), {{5, 4, 2}}},
      {"AveragePooling2D", make<AveragePooling2D>({.pool_size = 3, .padding = Padding::same}), {{5, 4, 2}}},
      {"GlobalAveragePooling2D", make<GlobalAveragePooling2D>({}), {{3, 2, 4}}},
      {"GlobalMaxPooling2D", make<GlobalMaxPooling2D>({}), {{3, 2, 4}}},
      {"BatchNormalization", make<BatchNormalization>({}), {{3, 2, 4}}},
      {"BatchNormalization", make<BatchNormalization>({.epsilon = 0.1, .center = false, .scale = false}), {{4, 3, 2}}},
      {"BatchNormalization", make<BatchNormalization>({.center = false}), {{2, 2, 3}}},
      {"BatchNormalization", make<BatchNormalization>({.scale = false}), {{2, 2, 3}}},
      {"BatchNormalization", make<BatchNormalization>({.epsilon = 0.1, .bias_correction = true}), {{5}}, several},
      {"Normalization", make<Normalization>({}), {{3, 2, 4}}},
      {"Activation", make<LayerHandle<ActivationLayer>>({.function = ActivationFunction(gelu)}), {{3, 4}}},
      {"Activation", make<LayerHandle<ActivationLayer>>({.function = ActivationFunction(relu)}), {{3, 4, 2}}},
      {"ReLU", make<ReLU>({}), {{3, 4}}},
      {"ReLU", make<ReLU>({.max_value = 1, .negative_slope = 0.2, .threshold = 0.3}), {{3, 4, 2}}},
      {"LeakyReLU", make<LeakyReLU>({}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Abs")}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Erf")}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Cos")}), {{4}}},
      {"Operator", operation({.function = std::string("Exp")}), {{4}}},
      {"Operator", operation({.function = std::string("Neg")}), {{4}}},
      {"Operator", operation({.function = std::string("Sin")}), {{4}}},
      {"Operator", operation({.function = std::string("Add")}), {{3, 4}, {1, 4}}},
      {"Operator", operation({.function = std::string("Sub")}), {{3, 1}, {4}}},
      {"Operator", operation({.function = std::string("Mul"), .constant_shape = Numbers{4}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Div"), .value = 3, .value_first = false}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Sub"), .value = 3, .value_first = true}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Pow"), .value = 2}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Max"), .constant_shape = Numbers{4}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Min"), .constant_shape = Numbers{3, 1}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("PRelu"), .constant_shape = Numbers{4}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("MatMul")}), {{2, 3, 4}, {2, 4, 2}}},
      {"Operator", operation({.function = std::string("MatMul"), .constant_shape = Numbers{4, 2}}), {{3, 4}}},
      {"Operator",
       operation({.function = std::string("MatMul"), .value_first = true, .constant_shape = Numbers{2, 3}}),
       {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceMean"), .axes = {1, -1}}), {{3, 4, 2}}},
      {"Operator", operation({.function = std::string("ReduceSum"), .axes = {2}, .keep_dims = true}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceMax"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceMin"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceProd"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceL1"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceL2"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceSumSquare"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("ReduceLogSumExp"), .axes = {2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Slice"), .axes = {2}, .numbers = {-1, -9, -2}}), {{3, 5}}},
      {"Operator", operation({.function = std::string("Slice"), .axes = {1}, .numbers = {1, 9, 1}}), {{3, 5}}},
      {"Operator", operation({.function = std::string("Gather"), .axes = {1}, .numbers = {2, 0, 2}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Reshape"), .numbers = {0, 2, -1}}), {{3, 4}}},
      {"Operator",
       operation({.function = std::string("ReshapeLike"), .axes = {-1}, .numbers = {0, 2, -1}}),
       {{3, 4}, {1, 2}},
       {.gradient = {.constant_inputs = {"input 1"}}}},
      {"Operator", operation({.function = std::string("Expand"), .numbers = {2, 3, 4}}), {{3, 1}}},
      {"Operator", operation({.function = std::string("Tile"), .numbers = {2, 3}}), {{3, 2}}},
      {"Operator", operation({.function = std::string("Pad"), .numbers = {1, 0, 0, 2}, .value = 0.5}), {{3, 2}}},
      {"Operator", operation({.function = std::string("Softmax"), .axes = {1}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("LogSoftmax"), .axes = {1}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("CumSum"), .axes = {1}}), {{3, 4}}},
      {"Operator", operation({.function = std::string("Constant"), .constant_shape = Numbers{2, 3}}), {{4}}, counted},
      {"Operator",
       operation({.function = std::string("Constant"), .axes = {1}, .numbers = {0}, .constant_shape = Numbers{5, 2}}),
       {{3, 4}},
       counted},
      {"PReLU", make<PReLU>({.alpha_initializer = constant(0.3)}), {{3, 4}}},
      {"PReLU", make<PReLU>({.alpha_initializer = constant(0.3), .shared_axes = {1, -2}}), {{3, 2, 4}}},
      {"ELU", make<ELU>({.alpha = 0.7}), {{3, 4}}},
      {"Add", make<Add>({}), {{3, 2}, {3, 2}, {3, 2}}},
      {"Multiply", make<Multiply>({}), {{3, 2}, {3, 2}}},
      {"Subtract", make<Subtract>({}), {{3, 2}, {3, 2}}},
      {"Average", make<Average>({}), {{3, 2}, {3, 2}, {3, 2}}},
      {"Maximum", make<Maximum>({}), {{3, 2}, {3, 2}, {3, 2}}},
      {"Minimum", make<Minimum>({}), {{3, 2}, {3, 2}}},
      {"Dot", make<Dot>({}), {{4}, {4}}},
      {"Dot", make<Dot>({.axes = {1, 2}}), {{3, 2}, {4, 3}}},
      {"Dot", make<Dot>({.axes = {-1, 1}, .normalize = true}), {{2, 3}, {3}}},
      {"LayerNormalization", make<LayerNormalization>({.epsilon = 0.1}), {{2, 5}}},
      {"LayerNormalization", make<LayerNormalization>({.axis = {1, 2}, .center = false}), {{3, 2, 2}}},
      {"LayerNormalization", make<LayerNormalization>({.axis = {1, 3}, .scale = false}), {{3, 2, 4}}},
      {"GroupNormalization", make<GroupNormalization>({.groups = 2}), {{3, 2, 6}}},
      {"GroupNormalization", make<GroupNormalization>({.groups = -1, .scale = false}), {{3, 2, 3}}},
      {"GroupNormalization", make<GroupNormalization>({.groups = 1, .center = false}), {{5, 4}}},
      {"GroupNormalization", make<GroupNormalization>({.groups = 2, .axis = 1}), {{4, 5}}},
      {"RMSNormalization", make<RMSNormalization>({.epsilon = 0.1}), {{2, 5}}},
      {"RMSNormalization", make<RMSNormalization>({.axis = {1}}), {{3, 2, 2}}},
      {"UnitNormalization", make<UnitNormalization>({}), {{2, 4}}},
      {"UnitNormalization", make<UnitNormalization>({.axis = {1, 2}}), {{2, 3, 2}}},
      {"Permute", make<Permute>({.dims = {{3, 1, 2}}}), {{2, 3, 4}}},
      {"RepeatVector", make<RepeatVector>({.n = 3}), {{4}}},
      {"Cropping1D", make<Cropping1D>({.cropping = {1, 2}}), {{5, 2}}},
      {"Cropping2D", make<Cropping2D>({.cropping = {1, 0, 0, 2}}), {{3, 4, 2}}},
      {"Cropping3D", make<Cropping3D>({.cropping = {1, 0, 0, 2, 1, 1}}), {{2, 4, 3, 2}}},
      {"ZeroPadding1D", make<ZeroPadding1D>({.padding = {2, 1}}), {{3, 2}}},
      {"ZeroPadding3D", make<ZeroPadding3D>({.padding = {2, 1, 0, 1, 3, 0}}), {{2, 1, 2, 2}}},
      {"Rescaling", make<Rescaling>({.scale = 0.5, .offset = 1}), {{3, 2}}},
      {"Resizing", make<Resizing>({.height = 5, .width = 2}), {{3, 4, 2}}},
      {"CenterCrop", make<CenterCrop>({.height = 2, .width = 3}), {{5, 4, 2}}},
      {"CenterCrop", make<CenterCrop>({.height = 4, .width = 2}), {{3, 3, 1}}},
      {"UpSampling1D", make<UpSampling1D>({}), {{3, 2}}},
      {"UpSampling2D", make<UpSampling2D>({.size = {2, 3}}), {{2, 3, 2}}},
      {"UpSampling3D", make<UpSampling3D>({.size = {2, 1, 3}}), {{2, 1, 2, 2}}},
      {"UpSampling2D", make<UpSampling2D>({.interpolation = Interpolation::bilinear}), {{2, 3, 2}}},
      {"DepthToSpace", make<DepthToSpace>({.block_size = 2}), {{2, 3, 8}}},
      {"SpatialDropout1D", make<SpatialDropout1D>({.rate = 0.3}), {{3, 20}}, drawing},
      {"SpatialDropout2D", make<SpatialDropout2D>({.rate = 0.3}), {{2, 2, 20}}, drawing},
      {"GaussianNoise", make<GaussianNoise>({.stddev = 0.3}), {{8}}, drawing},
      {"GaussianDropout", make<GaussianDropout>({.rate = 0.3}), {{8}}, drawing},
      {"AlphaDropout", make<AlphaDropout>({.rate = 0.3}), {{40}}, drawing},
      {"RandomFlip", make<RandomFlip>({}), {{3, 4, 2}}, drawing},
      {"RandomTranslation", make<RandomTranslation>({.height_factor = 0.2, .width_factor = 0.3}), {{3, 4, 2}}, drawing},
      {"RandomRotation", make<RandomRotation>({.factor = 0.1}), {{3, 4, 2}}, drawing},
      {"RandomZoom", make<RandomZoom>({.height_factor = 0.1}), {{3, 4, 2}}, drawing},
      {"RandomCrop", make<RandomCrop>({.height = 3, .width = 3}), {{3, 4, 2}}, drawing},
      {"RandomContrast", make<RandomContrast>({.factor = 0.3, .value_low = -9, .value_high = 9}), {{3, 4, 2}}, drawing},
      {"RandomBrightness",
       make<RandomBrightness>({.factor = 0.3, .value_low = -9, .value_high = 9}),
       {{3, 4, 2}},
       drawing},
      {"Add", make<Add>({}), {{3}, {3}, {3}, {3}, {3}}},
      {"Multiply", make<Multiply>({}), {{3, 2}, {3, 2}, {3, 2}, {3, 2}}},
      {"Concatenate", make<Concatenate>({.axis = 1}), {{2, 3}, {4, 3}}},
      {"Concatenate", make<Concatenate>({}), {{2, 3}, {2, 1}, {2, 2}, {2, 1}}},
      {"Concatenate", make<Concatenate>({.axis = -2}), {{2, 3}, {1, 3}, {3, 3}}},
      {"Flatten", make<Flatten>({}), {{3, 2, 2}}},
      {"Flatten", make<Flatten>({}), {{2, 3}}, {.batches = {9, 2}}},
      {"Reshape", make<Reshape>({.target_shape = std::vector<std::int64_t>{3, -1}}), {{2, 6}}},
      {"ZeroPadding2D", make<ZeroPadding2D>({.padding = {1, 0, 2, 3}}), {{3, 2, 2}}},
      {"ZeroPadding2D", make<ZeroPadding2D>({.padding = {2, 2, 2, 2}}), {{2, 3, 2}}},
      {"Softmax", make<Softmax>({.axis = 1}), {{3, 4}}},
      {"Softmax", make<Softmax>({.axis = -2}), {{2, 3, 2}}},
      {"Dropout", make<Dropout>({.rate = 0.3}), {{40}}, drawing},
      {"Dropout", make<Dropout>({.rate = 0.3, .noise_shape = PartialShape{any, 4, 1}}), {{4, 6}}, drawing},
      {"Softmax", make<Softmax>({}), {{3, 4}}},
  };
  return rows;
}

}  // namespace

TEST_CASE("every layer's derivatives agree with central differences, in both modes, at two batch sizes") {
  for (const Row& row : rows()) {
    INFO(row.type);
    CHECK(check_layer(row.make(""), row.samples, row.options));
  }
}

/// Inputs like those of a row: some extents are others, or an axis is added or removed, and all have a type.
std::vector<TensorSpec> changed_inputs(const Row& row, std::mt19937& random) {
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  const DType dtype = std::array{DType::float32, DType::float32, DType::int64, DType::uint8}.at(random() % 4);
  std::vector<TensorSpec> inputs;
  for (const Shape& sample : row.samples) {
    std::vector<std::int64_t> extents(sample.begin(), sample.end());
    for (std::int64_t& extent : extents) extent = below(4) == 0 ? 1 + below(7) : extent;
    if (below(12) == 0) extents.insert(extents.begin() + below(static_cast<int>(extents.size()) + 1), 1 + below(3));
    if (below(12) == 0 && !extents.empty()) extents.erase(extents.begin() + below(static_cast<int>(extents.size())));
    inputs.push_back({Shape(extents), dtype});
  }
  return inputs;
}

TEST_CASE("for all inputs that a layer accepts it computes outputs of the inferred shapes and types") {
  std::mt19937 random(3);
  int accepted = 0;
  for (const Row& row : rows()) {
    for (int i = 0; i < 60; ++i) {
      const std::vector<TensorSpec> specs = changed_inputs(row, random);
      const std::shared_ptr<Layer> layer = row.make("");
      std::vector<TensorSpec> inferred;
      try {
        inferred = layer->build(specs);
      } catch (const Error&) {
        continue;
      }
      ++accepted;
      InitialStreams taken;
      layer->initialize(1, 0, taken);
      std::vector<Variable> inputs;
      for (const TensorSpec& spec : specs) {
        inputs.emplace_back(RandomStream(2).uniform(Shape(spec.shape).prepended(2), 0, 2).to(spec.dtype));
      }
      INFO(row.type << " of " << to_string(specs));
      for (const Mode mode : {Mode::inference, Mode::training}) {
        ForwardPass pass(mode, {.step = 0});
        const std::vector<Variable> outputs = layer->run(inputs, pass);
        REQUIRE(outputs.size() == inferred.size());
        for (std::size_t j = 0; j < outputs.size(); ++j) {
          CHECK(inferred[j].shape.prepended(2) == outputs[j].shape());
          CHECK(inferred[j].dtype == outputs[j].dtype());
        }
      }
    }
  }
  CHECK(accepted > 2000);
}

TEST_CASE("every layer is restored from a file with the same options, and computes the same bits") {
  const test::TemporaryFolder folder;
  for (const Row& row : rows()) {
    INFO(row.type);
    std::vector<SymbolicTensor> inputs;
    const bool tokens = !row.options.dtypes.empty();
    const DType dtype = tokens ? row.options.dtypes[0] : DType::float32;
    for (const Shape& sample : row.samples) inputs.push_back(Input({.shape = sample, .dtype = dtype}));
    const std::shared_ptr<Layer> layer = row.make("");
    const Model model(inputs, layer->connect_one(inputs), {.seed = 5});
    save_model(model, folder / "model.safetensors");
    const Model loaded = load_model(folder / "model.safetensors");
    CHECK(loaded.layer(layer->name()).config() == layer->config());
    RandomStream random(1);
    std::vector<Variable> samples;
    for (const Shape& sample : row.samples) {
      const Shape shape = sample.prepended(3);
      samples.emplace_back(tokens ? random.uniform(shape, 0, 2).to(dtype) : random.normal(shape));
    }
    for (const Mode mode : {Mode::inference, Mode::training}) {
      ForwardPass pass(mode, {.step = 0}), again(mode, {.step = 0});
      CHECK(identical(model.call(samples, pass)[0].value(), loaded.call(samples, again)[0].value()));
    }
  }
}

TEST_CASE("every option in the source is in the list of its Options::fields()") {
  const std::regex options("struct (\\w*Options) \\{([^]*?)\n\\s*\\};"), member("\n +[\\w:<>]+ (\\w+)( = [^;]*)?;");
  std::size_t found = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(test::source_root() / "layers")) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), options), end; match != end; ++match) {
      const std::string body = (*match)[2];
      if (body.find("static void fields") == std::string::npos) continue;  // LayerCheckOptions
      for (std::sregex_iterator name(body.begin(), body.end(), member); name != end; ++name, ++found) {
        INFO(file.path() << ": " << (*name)[1]);
        CHECK(((*name)[1] == "name" || body.find("field(\"" + (*name)[1].str() + "\"") != std::string::npos));
      }
    }
  }
  CHECK(found >= 30);
}

TEST_CASE("every layer in the source has a row in the table") {
  std::set<std::string> known{"InputLayer", "Lambda"};  // Lambda: tests/layers/lambda_test.cpp
  for (const Row& row : rows()) {
    known.insert(row.type);
    CHECK(row.make("")->type() == row.type);
    CHECK(row.make("given")->name() == "given");
    CHECK(builtin_layers().contains(row.type));
  }
  const std::regex type("type\\(\\) const override \\{ return \"(\\w+)\"");
  std::size_t found = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(test::source_root() / "layers")) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), type), end; match != end; ++match, ++found) {
      INFO((*match)[1]);
      CHECK(known.contains((*match)[1]));
    }
  }
  CHECK(found >= 15);
}

TEST_CASE("the layer check rejects a layer whose inferred shape differs from the computed one") {
  class Liar final : public Layer {
   public:
    Liar() : Layer("liar") {}
    std::string type() const override { return "Liar"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
      return {{inputs[0].shape.prepended(1)}};
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return {inputs[0]}; }
  };
  const GradientReport report = check_layer(std::make_shared<Liar>(), {{3}});
  CHECK_FALSE(report);
  CHECK_THAT(to_string(report), Catch::Contains("training, batch 3: the output has shape (3, 3), and the layer infers "
                                                "(3, 1, 3)"));
  class Twice final : public Layer {
   public:
    Twice() : Layer("twice") {}
    std::string type() const override { return "Twice"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override {
      return {inputs[0], inputs[0]};
    }
  };
  CHECK_THAT(to_string(check_layer(std::make_shared<Twice>(), {{3}})),
             Catch::Contains("training, batch 3: there are 2 outputs, and the layer infers 1"));
}

TEST_CASE(
    "the layer check rejects a bias whose gradient is summed wrongly, and a derivative wrong in inference alone") {
  class Scale final : public Layer {
   public:
    explicit Scale(Mode wrong_in) : Layer("scale"), wrong_in_(wrong_in) {}
    std::string type() const override { return "Scale"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
    std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
      return {{"gain", inputs[0].shape, ones()}};
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
      const Variable x = inputs[0], gain = parameter(pass, "gain");
      const bool wrong = pass.mode() == wrong_in_;
      return {
          record("scale", (x.detached() * gain.detached()).value(),
                 {{x, [gain](const Variable& dy) { return dy * gain; }},
                  {gain, [x, wrong](const Variable& dy) { return wrong ? mean(dy * x, {0}) : sum(dy * x, {0}); }}})};
    }

   private:
    Mode wrong_in_;
  };
  CHECK(check_layer(std::make_shared<Scale>(Mode::recalibration), {{3}}));
  const std::string training = to_string(check_layer(std::make_shared<Scale>(Mode::training), {{3}}));
  CHECK_THAT(training, Catch::Contains("training, batch 3: gain: 3 of 3 derivatives are wrong"));
  CHECK_THAT(training, !Catch::Contains("batch 1: gain: ") && !Catch::Contains("inference, batch 3: gain: 3"));
  CHECK_THAT(to_string(check_layer(std::make_shared<Scale>(Mode::inference), {{3}})),
             Catch::Contains("inference, batch 3: gain: 3 of 3 derivatives are wrong"));
}

TEST_CASE("the layer check computes each value from the same state, also if training changes the state") {
  class Moving final : public Layer {
   public:
    Moving() : Layer("moving") {}
    std::string type() const override { return "Moving"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
    std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
      return {{"calls", {}, zeros(), false}};
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
      const Parameter& calls = state("calls");
      if (pass.training()) pass.update(calls, [](const Tensor& old) { return (Variable(old) + 1.0).value(); });
      return {inputs[0] * (1 + calls.value().item())};
    }
  };
  CHECK(check_layer(std::make_shared<Moving>(), {{3}}));
}

TEST_CASE("the layer check reports constant derivatives unless they are declared") {
  const auto check_one = [](std::vector<std::string> constants) {
    return check_layer(BatchNormalization({.epsilon = 0.1}), {{5}},
                       {.modes = {Mode::training}, .batches = {1}, .gradient = {.constant_inputs = constants}});
  };
  CHECK_THAT(to_string(check_one({})), Catch::Contains("training, batch 1: input 0: the derivative is zero"));
  CHECK(check_one({"input 0", "gamma"}));
}

TEST_CASE("the layer check rejects an empty check") {
  const auto error_with = [](std::vector<Mode> modes, std::vector<std::int64_t> batches, std::vector<Shape> samples) {
    return test::error_of(
        [&] { static_cast<void>(check_layer(Dense({.units = 2}), samples, {.modes = modes, .batches = batches})); });
  };
  const std::string expected = "check_layer: expected at least one mode and one batch size, got ";
  CHECK(error_with({}, {1}, {{3}}) == expected + "0 and 1");
  CHECK(error_with({Mode::training}, {}, {{3}}) == expected + "1 and 0");
  CHECK(error_with({Mode::training}, {1}, {}) == "check_layer: expected the shape of at least one input, got none");
  CHECK(test::error_of([] { static_cast<void>(check_layer(nullptr, {{3}})); }) ==
        "check_layer: expected a layer, got a null pointer");
}
