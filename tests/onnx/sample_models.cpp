#include "tests/onnx/sample_models.hpp"

#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/graph/sequential.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"

namespace xtape::test {
namespace {

using Symbol = SymbolicTensor;
using Step = std::function<Symbol(const Symbol&)>;

Model one_input(const PartialShape& shape, const Step& step) {
  const Symbol input = Input(shape);
  return Model(input, step(input), {.seed = 3});
}

Model two_inputs(const PartialShape& shape, const std::function<Symbol(const std::vector<Symbol>&)>& merge) {
  const std::vector<Symbol> inputs{Input(shape), Input(shape)};
  return Model(inputs, merge(inputs), {.seed = 3});
}

/// Random values for all parameters; variances stay positive.
void randomize(const Model& model) {
  RandomStream random(11, 1);
  for (const auto& [path, parameter] : model.named_parameters()) {
    Parameter changed = parameter;
    const bool positive = path.ends_with("variance") || path.ends_with("gamma") || path.ends_with("scale");
    const Tensor& value = parameter.value();
    if (path.ends_with("updates")) {
      changed.set_value(Tensor::full(value.shape(), 3, value.dtype()));
    } else {
      changed.set_value(positive ? random.uniform(value.shape(), 1, 1.5) : random.uniform(value.shape(), -0.5, 0.5));
    }
  }
}

Symbol convolutions(const Symbol& input) {
  auto x = Conv2D({.filters = 6, .kernel_size = 3, .strides = 2, .padding = Padding::same, .activation = relu})(input);
  x = BatchNormalization({.bias_correction = true})(x);
  x = Conv2D({.filters = 4,
              .kernel_size = {3, 2},
              .padding = {1, 0, 2, 1},
              .dilation_rate = {2, 1},
              .groups = 2,
              .use_bias = false})(x);
  x = BatchNormalization({.center = false, .scale = false})(x);
  x = DepthwiseConv2D({.kernel_size = 3, .padding = Padding::same, .depth_multiplier = 2, .activation = silu})(x);
  x = SeparableConv2D({.filters = 5,
                       .kernel_size = 3,
                       .strides = 2,
                       .padding = Padding::same,
                       .depth_multiplier = 2,
                       .activation = softmax})(x);
  return Dense({.units = 3, .activation = tanh})(Dropout({.rate = 0.5})(PReLU()(Flatten()(x))));
}

Symbol sequences(const Symbol& input) {
  auto x = Conv1D({.filters = 4, .kernel_size = 3, .padding = Padding1D::causal, .dilation_rate = 2})(input);
  x = Conv1D({.filters = 6, .kernel_size = 4, .strides = 2, .padding = Padding1D::same, .groups = 2})(x);
  x = BatchNormalization()(x);
  x = DepthwiseConv1D({.kernel_size = 3, .padding = {1, 0}, .depth_multiplier = 2, .activation = relu})(x);
  x = SeparableConv1D({.filters = 5, .kernel_size = 2, .padding = Padding1D::same})(x);
  x = Conv1DTranspose({.filters = 3, .kernel_size = 3, .strides = 2, .padding = Padding1D::same})(x);
  x = AveragePooling1D({.pool_size = 2})(MaxPooling1D({.pool_size = 3, .strides = 1, .padding = Padding1D::same})(x));
  return Concatenate()({GlobalMaxPooling1D()(x), GlobalAveragePooling1D()(x)});
}

Symbol volumes(const Symbol& input) {
  auto x = Conv3D({.filters = 4, .kernel_size = {2, 3, 3}, .strides = {1, 2, 1}, .padding = Padding3D::same})(input);
  x = Conv3DTranspose({.filters = 3, .kernel_size = 2, .strides = {2, 1, 2}, .activation = tanh})(x);
  x = AveragePooling3D({.pool_size = 2})(MaxPooling3D({.pool_size = 2, .strides = 1, .padding = Padding3D::same})(x));
  return Concatenate()({GlobalMaxPooling3D()(x), GlobalAveragePooling3D()(x)});
}

Symbol transposed(const Symbol& input) {
  auto x = Conv2DTranspose({.filters = 4, .kernel_size = 3, .strides = 2, .padding = Padding::same})(input);
  x = BatchNormalization()(x);
  x = Conv2DTranspose({.filters = 3, .kernel_size = {2, 3}, .strides = {3, 2}, .output_padding = Extent2D(1, 0)})(x);
  x = Conv2DTranspose({.filters = 3,
                       .kernel_size = 4,
                       .strides = 2,
                       .padding = Padding::same,
                       .output_padding = Extent2D(1),
                       .activation = relu})(x);
  return Conv2DTranspose({.filters = 2, .kernel_size = 1, .strides = 2, .padding = Padding::same})(
      Conv2DTranspose({.filters = 2, .kernel_size = 2, .dilation_rate = 2, .use_bias = false})(x));
}

Symbol residual(const Symbol& input) {
  const auto x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .use_bias = false})(input);
  const auto y = Activation(relu)(BatchNormalization()(x));
  const auto pooled = MaxPooling2D({.pool_size = 3, .strides = 2, .padding = Padding::same})(x + y);
  const auto mean = AveragePooling2D({.pool_size = 3, .strides = 2, .padding = Padding::same})(y);
  const auto both = Concatenate({.axis = -1})({pooled, mean});
  return Dense({.units = 2})(GlobalAveragePooling2D()(both));
}

Symbol shared(const Symbol& input) {
  const Conv2D conv({.filters = 3, .kernel_size = 3, .padding = Padding::same, .name = "shared"});
  return Flatten()(GlobalMaxPooling2D({.keepdims = true})(conv(conv(input))));
}

Model several_outputs() {
  const Symbol image = Input({6, 6, 3}), vector = Input(PartialShape{5});
  const auto features = Conv2D({.filters = 4, .kernel_size = 3})(image);
  const auto joined = Concatenate()({Flatten()(features), vector});
  const auto head = Dense({.units = 2})(joined);
  return Model({image, vector}, {head, features, vector}, {.seed = 3});
}

Model nested() {
  const Symbol inside = Input({8, 8, 2});
  const Model block(inside,
                    Activation(relu)(Conv2D({.filters = 2, .kernel_size = 3, .padding = Padding::same})(inside)),
                    {.name = "block"});
  const Symbol input = Input({8, 8, 2});
  return Model(input, Dense({.units = 3})(Flatten()(block(block(input)))), {.seed = 3});
}

void add_activations(std::vector<SampleModel>& models) {
  const std::vector<std::pair<const char*, ActivationFunction>> functions{{"linear", linear},
                                                                          {"relu", relu},
                                                                          {"sigmoid", sigmoid},
                                                                          {"tanh", tanh},
                                                                          {"softplus", softplus},
                                                                          {"gelu", gelu},
                                                                          {"elu", elu},
                                                                          {"leaky_relu", leaky_relu},
                                                                          {"softmax", softmax},
                                                                          {"log_softmax", log_softmax},
                                                                          {"silu", silu},
                                                                          {"mish", mish},
                                                                          {"gelu_tanh", gelu_tanh},
                                                                          {"celu", celu},
                                                                          {"selu", selu},
                                                                          {"softsign", softsign},
                                                                          {"squareplus", squareplus},
                                                                          {"exponential", exponential},
                                                                          {"log_sigmoid", log_sigmoid},
                                                                          {"tanh_shrink", tanh_shrink},
                                                                          {"sparse_plus", sparse_plus},
                                                                          {"relu6", relu6},
                                                                          {"hard_sigmoid", hard_sigmoid},
                                                                          {"hard_silu", hard_silu},
                                                                          {"hard_tanh", hard_tanh},
                                                                          {"hard_shrink", hard_shrink},
                                                                          {"soft_shrink", soft_shrink},
                                                                          {"sparse_sigmoid", sparse_sigmoid},
                                                                          {"sparsemax", sparsemax}};
  for (const auto& [name, function] : functions) {
    const ActivationFunction f = function;
    models.push_back({std::string("activation_") + name, one_input({4, 5, 3}, [&](const Symbol& x) {
                        return Activation(f)(Rescaling({.scale = 4})(x));
                      })});
  }
}

void add_shapes(std::vector<SampleModel>& models) {
  const auto add = [&](const char* name, const PartialShape& shape, const Step& step) {
    models.push_back({name, one_input(shape, step)});
  };
  add("reshape", {4, 6, 2}, [](const Symbol& x) {
    return Reshape({.target_shape = std::vector<std::int64_t>{6, -1}})(x);
  });
  add("permute", {4, 6, 2}, [](const Symbol& x) { return Permute({.dims = std::vector<std::int64_t>{3, 1, 2}})(x); });
  add("permute_vectors", {4, 6}, [](const Symbol& x) { return Permute({.dims = std::vector<std::int64_t>{2, 1}})(x); });
  add("repeat_vector", PartialShape{5}, [](const Symbol& x) { return RepeatVector({.n = 3})(x); });
  add("cropping_1d", {7, 3}, [](const Symbol& x) { return Cropping1D({.cropping = {1, 0}})(x); });
  add("zero_padding_1d", {7, 3}, [](const Symbol& x) { return ZeroPadding1D({.padding = {1, 2}})(x); });
  add("cropping_2d", {7, 6, 3}, [](const Symbol& x) { return Cropping2D({.cropping = {1, 2, 0, 1}})(x); });
  add("zero_padding_2d", {7, 6, 3}, [](const Symbol& x) { return ZeroPadding2D({.padding = {1, 2, 0, 1}})(x); });
  add("up_sampling_1d", {4, 3}, [](const Symbol& x) { return UpSampling1D({.size = 3})(x); });
  add("borders_3d", {3, 4, 3, 2}, [](const Symbol& x) {
    return Cropping3D({.cropping = {1, 0, 0, 2, 1, 1}})(ZeroPadding3D({.padding = {0, 2, 1, 0, 3, 1}})(x));
  });
  add("up_sampling_3d", {2, 3, 2, 2}, [](const Symbol& x) { return UpSampling3D({.size = {2, 1, 3}})(x); });
  add("up_sampling_nearest", {4, 3, 2}, [](const Symbol& x) { return UpSampling2D({.size = {2, 3}})(x); });
  add("up_sampling_bilinear", {4, 3, 2},
      [](const Symbol& x) { return UpSampling2D({.size = 2, .interpolation = Interpolation::bilinear})(x); });
  add("resizing_nearest", {5, 7, 2},
      [](const Symbol& x) { return Resizing({.height = 8, .width = 3, .interpolation = Interpolation::nearest})(x); });
  add("resizing_bilinear", {5, 7, 2}, [](const Symbol& x) { return Resizing({.height = 8, .width = 3})(x); });
  add("resizing_corners", {5, 7, 2},
      [](const Symbol& x) { return Resizing({.height = 8, .width = 3, .align_corners = true})(x); });
  add("center_crop", {7, 8, 2}, [](const Symbol& x) { return CenterCrop({.height = 4, .width = 5})(x); });
  add("center_crop_larger", {7, 8, 2}, [](const Symbol& x) { return CenterCrop({.height = 9, .width = 5})(x); });
  add("depth_to_space", {3, 4, 12}, [](const Symbol& x) { return DepthToSpace({.block_size = 2})(x); });
  add("random_layers", {8, 8, 3}, [](const Symbol& x) {
    auto y = RandomFlip()(RandomTranslation({.height_factor = 0.1})(RandomRotation({.factor = 0.1})(x)));
    y = RandomZoom({.height_factor = 0.1})(RandomContrast({.factor = 0.1})(RandomBrightness({.factor = 0.1})(y)));
    y = GaussianNoise({.stddev = 0.1})(GaussianDropout({.rate = 0.1})(AlphaDropout({.rate = 0.1})(y)));
    return RandomCrop({.height = 6, .width = 5})(SpatialDropout2D({.rate = 0.1})(y));
  });
}

void add_normalizations(std::vector<SampleModel>& models) {
  const auto add = [&](const char* name, const PartialShape& shape, const Step& step) {
    models.push_back({name, one_input(shape, step)});
  };
  add("normalization", {4, 3, 2}, [](const Symbol& x) { return Normalization()(x); });
  add("batch_normalization_vectors", PartialShape{5}, [](const Symbol& x) { return BatchNormalization()(x); });
  add("batch_normalization_steps", {4, 5}, [](const Symbol& x) { return BatchNormalization()(x); });
  add("batch_normalization_flat", {4, 3, 2}, [](const Symbol& x) { return BatchNormalization()(Flatten()(x)); });
  add("layer_normalization", {4, 5}, [](const Symbol& x) { return LayerNormalization()(x); });
  add("layer_normalization_axes", {4, 3, 2}, [](const Symbol& x) { return LayerNormalization({.axis = {3, 1}})(x); });
  add("layer_normalization_plain", {4, 3, 2}, [](const Symbol& x) {
    return LayerNormalization({.axis = {2, 3}, .center = false, .scale = false})(x);
  });
  add("group_normalization", {4, 3, 6}, [](const Symbol& x) { return GroupNormalization({.groups = 3})(x); });
  add("group_normalization_first", {4, 3, 6},
      [](const Symbol& x) { return GroupNormalization({.groups = 2, .axis = 1})(x); });
  add("instance_normalization", {4, 3, 2}, [](const Symbol& x) { return GroupNormalization({.groups = -1})(x); });
  add("rms_normalization", {4, 5}, [](const Symbol& x) { return RMSNormalization()(x); });
  add("unit_normalization", {4, 5}, [](const Symbol& x) { return UnitNormalization()(x); });
}

void add_rectifiers(std::vector<SampleModel>& models) {
  const auto add = [&](const char* name, const Step& step) { models.push_back({name, one_input({4, 3, 2}, step)}); };
  add("relu_limited", [](const Symbol& x) { return ReLU({.max_value = 0.5})(x); });
  add("relu_general",
      [](const Symbol& x) { return ReLU({.max_value = 0.8, .negative_slope = 0.1, .threshold = 0.2})(x); });
  add("leaky_relu", [](const Symbol& x) { return LeakyReLU()(x); });
  add("elu", [](const Symbol& x) { return ELU({.alpha = 0.7})(x); });
  add("prelu_flat", [](const Symbol& x) { return PReLU({.shared_axes = {1}})(Flatten()(x)); });
  add("prelu", [](const Symbol& x) { return PReLU({.shared_axes = {1, 2}})(x); });
  add("softmax_axis", [](const Symbol& x) { return Softmax({.axis = 1})(x); });
  add("softmax_last", [](const Symbol& x) { return Softmax()(x); });
}

void add_merges(std::vector<SampleModel>& models) {
  const auto add = [&](const char* name, const std::function<Symbol(const std::vector<Symbol>&)>& merge) {
    models.push_back({name, two_inputs({4, 3, 2}, merge)});
  };
  add("add", [](const auto& x) { return Add()(x); });
  add("subtract", [](const auto& x) { return Subtract()(x); });
  add("multiply", [](const auto& x) { return Multiply()(x); });
  add("average", [](const auto& x) { return Average()(x); });
  add("maximum", [](const auto& x) { return Maximum()(x); });
  add("minimum", [](const auto& x) { return Minimum()(x); });
  add("concatenate_rows", [](const auto& x) { return Concatenate({.axis = 1})(x); });
  add("flat_sum", [](const auto& x) { return Dense({.units = 2})(Flatten()(x[0]) + Flatten()(x[1])); });
  for (const PartialShape& shape : {PartialShape{2}, PartialShape{3, 2}}) {
    const std::vector<Symbol> inputs{Input({4, 3, 2}), Input(shape)};
    const std::string name = fmt::format("ranks_3_and_{}", shape.rank());
    models.push_back({"add_" + name, Model(inputs, Add()(inputs), {.seed = 3})});
    const Symbol image = Conv2D({.filters = 2, .kernel_size = 1})(inputs[0]);
    models.push_back({"maximum_" + name, Model(inputs, Maximum()({inputs[1], image}), {.seed = 3})});
  }
  models.push_back({"dot", two_inputs({4, 3}, [](const auto& x) {
                      return Dot({.axes = {1, 1}, .normalize = true})(x);
                    })});
  models.push_back({"dot_vectors", two_inputs(PartialShape{4}, [](const auto& x) { return Dot()(x); })});
  models.push_back({"dot_images", two_inputs({4, 3, 2}, [](const auto& x) {
                      return Dot({.axes = {-3, 1}, .normalize = true})(x);
                    })});
  for (const PartialShape& shape : {PartialShape{3}, PartialShape{5, 3}}) {
    const std::vector<Symbol> inputs{Input({4, 3, 2}), Input(shape)};
    models.push_back({fmt::format("dot_image_{}", shape.rank()), Model(inputs, Dot({.axes = {2, -1}})(inputs))});
  }
}

void add_operators(std::vector<SampleModel>& models) {
  using Numbers = std::vector<std::int64_t>;
  const auto add = [&](const OperatorLayer::Options& options, const PartialShape& shape = {4, 3, 2}) {
    OperatorLayer::Options named = options;
    models.push_back({"operator_" + options.function.value + std::to_string(models.size()),
                      one_input(shape, [&](const Symbol& x) { return Operator(named)(x); })});
  };
  for (const char* function : {"Abs", "Cos", "Erf", "Exp", "Neg", "Reciprocal", "Sin"})
    add({.function = std::string(function)});
  for (const char* function : {"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"}) {
    add({.function = std::string(function), .constant_shape = Numbers{3, 2}});
  }
  add({.function = std::string("Sub"), .value = 0.3, .value_first = true});
  add({.function = std::string("Pow"), .value = 2.0});
  add({.function = std::string("MatMul"), .constant_shape = Numbers{2, 5}});
  add({.function = std::string("MatMul"), .value_first = true, .constant_shape = Numbers{5, 3}});
  for (const char* function : {"ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
                               "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
    add({.function = std::string(function), .axes = {1, -1}, .keep_dims = true});
  }
  add({.function = std::string("ReduceMean"), .axes = {2}});
  add({.function = std::string("Slice"), .axes = {1, 2}, .numbers = {0, -1, 3, -9, 2, -1}});
  add({.function = std::string("Gather"), .axes = {1}, .numbers = {2, 0, -1}});
  add({.function = std::string("Reshape"), .numbers = {0, -1}});
  add({.function = std::string("Expand"), .numbers = {2, 4, 3, 1}});
  add({.function = std::string("Tile"), .numbers = {1, 2, 3}});
  add({.function = std::string("Pad"), .numbers = {0, 1, 0, 2, 0, 1}, .value = 0.5});
  add({.function = std::string("Softmax"), .axes = {2}});
  add({.function = std::string("LogSoftmax"), .axes = {2}});
  add({.function = std::string("CumSum"), .axes = {2}});
  add({.function = std::string("Greater"), .value = 0.1});
  add({.function = std::string("Less"), .constant_shape = Numbers{3, 2}});
  for (const bool first : {false, true}) {
    models.push_back({first ? "operator_Where_first" : "operator_Where", one_input({4, 3, 2}, [&](const Symbol& x) {
                        const auto above = Operator({.function = std::string("Greater"), .value = 0.2})(x);
                        const OperatorLayer::Options where{
                            .function = std::string("Where"), .value = 0.7, .value_first = first};
                        return Operator({.function = std::string("Where")})({above, x, Operator(where)({above, x})});
                      })});
  }
  for (const PartialShape& shape : {PartialShape{4, 2}, PartialShape{any, 2}}) {  // tokens and positions
    models.push_back(
        {fmt::format("operator_Constant_{}", models.size()), one_input(shape, [&](const Symbol& x) {
           const auto token = Operator({.function = std::string("Constant"), .constant_shape = Numbers{1, 2}})(x);
           const auto places = Operator(
               {.function = std::string("Constant"), .axes = {1}, .numbers = {0}, .constant_shape = Numbers{9, 2}})(x);
           return Concatenate({.axis = 1})({token, Operator({.function = std::string("Add")})({x, places})});
         })});
  }
  models.push_back({"operator_ReshapeLike", one_input({any, any, 2}, [](const Symbol& x) {
                      const auto pixels = Reshape({.target_shape = Numbers{-1, 2}})(x);
                      const OperatorLayer::Options columns{
                          .function = std::string("ReshapeLike"), .axes = {2}, .numbers = {2, 0, -1}};
                      return Operator(columns)({pixels, Activation(tanh)(x)});
                    })});
  models.push_back(
      {"operator_negative_axes", one_input({any, any, 2}, [](const Symbol& x) {
         const auto pixels = Reshape({.target_shape = Numbers{-1, 2}})(x);
         const OperatorLayer::Options columns{
             .function = std::string("ReshapeLike"), .axes = {-2}, .numbers = {2, 0, -1}};
         const OperatorLayer::Options places{
             .function = std::string("Constant"), .axes = {-2}, .numbers = {1}, .constant_shape = Numbers{1, 9, 1}};
         return Operator({.function = std::string("Add")})({Operator(columns)({pixels, x}), Operator(places)(x)});
       })});
  const Symbol matrix = Input({3, 2}), pair = Input(PartialShape{2});
  models.push_back(
      {"dilated_unknown_extents", one_input({any, any, 3}, [](const Symbol& x) {
         return Conv2D({.filters = 4, .kernel_size = {2, 3}, .padding = Padding::same, .dilation_rate = {3, 2}})(x);
       })});
  const auto rescaled = [](double scale, double offset) {
    return one_input({2, 3, 2}, [=](const Symbol& x) { return Rescaling({.scale = scale, .offset = offset})(x); });
  };
  models.push_back({"rescaled", rescaled(0.5, 3)});
  models.push_back({"rescaled_down", rescaled(-2, -1)});
  models.push_back({"shifted", rescaled(1, -1)});
  models.push_back(
      {"upsampled_unknown_extent", one_input({any, 4}, [](const Symbol& x) { return UpSampling1D({.size = 3})(x); })});
  models.push_back({"upsampled_volume", one_input({any, 2, any, 2}, [](const Symbol& x) {
                      return UpSampling3D({.size = {2, 1, 3}})(x);
                    })});
  models.push_back({"dot_matrix_vector", Model({matrix, pair}, Dot({.axes = {2, 1}})({matrix, pair}))});
  models.push_back({"dot_vector_matrix", Model({pair, matrix}, Dot({.axes = {1, 2}})({pair, matrix}))});
  const Symbol tokens = Input({.shape = PartialShape{5}, .dtype = DType::int64});
  models.push_back({"embedding", Model(tokens, Embedding({.input_dim = 9, .output_dim = 4})(tokens))});
}

/// Options of layers in combinations that the models above do not have.
void add_combinations(std::vector<SampleModel>& models) {
  const auto add = [&](const std::string& name, const PartialShape& shape, const Step& step) {
    models.push_back({name, one_input(shape, step)});
  };
  const PartialShape image{4, 3, 6};
  const std::vector<ReLULayer::Options> rectifiers{{.threshold = 0.3},
                                                   {.max_value = 0.8, .threshold = 0.3},
                                                   {.negative_slope = 0.2},
                                                   {.max_value = 0.4, .negative_slope = 0.2}};
  for (std::size_t i = 0; i < rectifiers.size(); ++i) {
    add(fmt::format("relu_options_{}", i), image, [&](const Symbol& x) { return ReLU(rectifiers[i])(x); });
  }
  for (const int axis : {-3, -2, -1, 2}) {
    add(fmt::format("softmax_axis_{}", axis), image, [&](const Symbol& x) { return Softmax({.axis = axis})(x); });
    models.push_back({fmt::format("concatenate_axis_{}", axis), two_inputs(image, [&](const auto& x) {
                        return Concatenate({.axis = axis})({x[0], x[1], x[0]});
                      })});
  }
  for (const int axis : {-3, -1, 3}) {
    add(fmt::format("group_normalization_axis_{}", axis), {4, 3, 4},
        [&](const Symbol& x) { return GroupNormalization({.groups = 2, .axis = axis})(x); });
  }
  add("group_normalization_vectors", PartialShape{6},
      [](const Symbol& x) { return GroupNormalization({.groups = 2})(x); });
  add("group_normalization_steps", {5, 6}, [](const Symbol& x) {
    return GroupNormalization({.groups = 3, .center = false})(GroupNormalization({.groups = 2, .scale = false})(x));
  });
  for (const std::vector<std::int64_t>& axes : {std::vector<std::int64_t>{1, 3}, {3, 1}, {-2, -1}, {2}, {-3}}) {
    const std::string name = fmt::format("_of_{}", fmt::join(axes, "_"));
    add("unit_normalization" + name, image, [&](const Symbol& x) { return UnitNormalization({.axis = axes})(x); });
    add("rms_normalization" + name, image, [&](const Symbol& x) { return RMSNormalization({.axis = axes})(x); });
    for (const auto& [center, scale] : {std::pair(false, false), {true, false}, {false, true}}) {
      add(fmt::format("layer_normalization{}_{}_{}", name, center, scale), image,
          [&axes, shifts = center, scales = scale](const Symbol& x) {
            return LayerNormalization({.axis = axes, .center = shifts, .scale = scales})(x);
          });
    }
  }
  const auto of_three = [&](const std::string& name, const auto& layer) {
    models.push_back({name + "_of_three", two_inputs(image, [&](const auto& x) {
                        return layer({x[0], x[1], Activation(sigmoid)(x[0])});
                      })});
  };
  of_three("add", Add()), of_three("multiply", Multiply()), of_three("average", Average());
  of_three("maximum", Maximum()), of_three("minimum", Minimum());
  add("resizing_nearest_halved", {8, 6, 2},
      [](const Symbol& x) { return Resizing({.height = 4, .width = 3, .interpolation = Interpolation::nearest})(x); });
}

}  // namespace

std::vector<SampleModel> sample_models() {
  std::vector<SampleModel> models;
  models.push_back({"convolutions", one_input({13, 12, 4}, convolutions)});
  models.push_back({"sequences", one_input({17, 4}, sequences)});
  models.push_back({"volumes", one_input({5, 6, 4, 2}, volumes)});
  models.push_back({"transposed", one_input({4, 5, 3}, transposed)});
  models.push_back({"residual", one_input({9, 10, 3}, residual)});
  models.push_back({"unknown_extents", one_input({any, any, 3}, residual)});
  models.push_back({"shared", one_input({6, 6, 3}, shared)});
  models.push_back({"dense_steps", one_input({4, 5}, [](const Symbol& x) {
                      return Dense({.units = 3, .activation = softmax})(SpatialDropout1D({.rate = 0.1})(x));
                    })});
  models.push_back({"several_outputs", several_outputs()});
  models.push_back({"nested", nested()});
  add_activations(models);
  add_shapes(models);
  add_normalizations(models);
  add_rectifiers(models);
  add_merges(models);
  add_operators(models);
  add_combinations(models);
  for (const SampleModel& sample : models) randomize(sample.model);
  return models;
}

std::vector<Tensor> sample_inputs(const Model& model) {
  std::vector<Tensor> inputs;
  RandomStream random(5, 2);
  for (const SymbolicTensor& input : model.inputs()) {
    std::vector<std::int64_t> extents{2};
    for (const Extent extent : input.shape()) extents.push_back(extent.known() ? extent.value() : 7);
    const Shape shape{extents};
    if (input.dtype() == DType::int64) {
      std::vector<std::int64_t> tokens(static_cast<std::size_t>(shape.size()));
      for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int64_t>(i * 5 % 9);
      inputs.push_back(Tensor::of(shape, tokens));
    } else {
      inputs.push_back(random.uniform(shape, -1, 1));
    }
  }
  return inputs;
}

}  // namespace xtape::test
