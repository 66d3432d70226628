// The defaults of layers, initializers and constraints are those of Keras, written out from the signatures of its
// classes.
#include "layers/graph/builtin_layers.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_classes.hpp"
#include "models/files/keras/keras_values.hpp"
#include "tests/support/plain_json.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

struct Row {
  const char* type;
  LayerConfig ours;         ///< of a layer without the options that have a default
  std::string keras;        ///< Keras's arguments and their defaults
  std::string more = "{}";  ///< options that Keras does not have
};

/// The options of a layer, all others with their defaults.
template <class Type>
LayerConfig made(const typename Type::Options& options) {
  return Type(options).config();
}

const std::string bias = R"("activation": null, "use_bias": true, "bias_initializer": "zeros",
    "bias_regularizer": null, "activity_regularizer": null, "bias_constraint": null, )";
const std::string kernel = bias + R"("kernel_initializer": "glorot_uniform", "kernel_regularizer": null,
    "kernel_constraint": null, )";
const std::string depthwise = bias + R"("depth_multiplier": 1, "depthwise_initializer": "glorot_uniform",
    "depthwise_regularizer": null, "depthwise_constraint": null, )";
const std::string separable = depthwise + R"("pointwise_initializer": "glorot_uniform", "pointwise_regularizer": null,
    "pointwise_constraint": null, )";
const std::string scaled = R"("epsilon": 0.001, "center": true, "scale": true, "beta_initializer": "zeros",
    "gamma_initializer": "ones", "beta_regularizer": null, "gamma_regularizer": null, "beta_constraint": null,
    "gamma_constraint": null)";
const std::string moved = R"("fill_mode": "reflect", "interpolation": "bilinear", "fill_value": 0.0)";

}  // namespace

TEST_CASE("the default of every option of a layer is Keras's") {
  const std::vector<Row> rows{
      {"AlphaDropout", made<AlphaDropoutLayer>({.rate = 0.5}), R"({"rate": 0.5})"},
      {"AveragePooling1D", made<AveragePooling1DLayer>({}), R"({"pool_size": 2, "strides": null, "padding": "valid"})"},
      {"AveragePooling2D", made<AveragePooling2DLayer>({}),
       R"({"pool_size": [2, 2], "strides": null, "padding": "valid"})"},
      {"AveragePooling3D", made<AveragePooling3DLayer>({}),
       R"({"pool_size": [2, 2, 2], "strides": null, "padding": "valid"})"},
      {"BatchNormalization", made<BatchNormalizationLayer>({}),
       R"({"axis": -1, "momentum": 0.99, "synchronized": false, )" + scaled + "}", R"({"bias_correction": false})"},
      {"CenterCrop", made<CenterCropLayer>({.height = 2, .width = 3}), R"({"height": 2, "width": 3})"},
      {"Concatenate", made<ConcatenateLayer>({}), R"({"axis": -1})"},
      {"Conv1D", made<Conv1DLayer>({.filters = 2, .kernel_size = 3}),
       "{" + kernel +
           R"("filters": 2, "kernel_size": 3, "strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1})"},
      {"Conv1DTranspose", made<Conv1DTransposeLayer>({.filters = 2, .kernel_size = 3}),
       "{" + kernel +
           R"("filters": 2, "kernel_size": 3, "strides": 1, "padding": "valid", "output_padding": null,
              "dilation_rate": 1})"},
      {"Conv2D", made<Conv2DLayer>({.filters = 2, .kernel_size = 3}),
       "{" + kernel +
           R"("filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "dilation_rate": [1, 1],
              "groups": 1})"},
      {"Conv2DTranspose", made<Conv2DTransposeLayer>({.filters = 2, .kernel_size = 3}),
       "{" + kernel +
           R"("filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "output_padding": null,
              "dilation_rate": [1, 1]})"},
      {"Conv3D", made<Conv3DLayer>({.filters = 2, .kernel_size = 3}),
       "{" + kernel +
           R"("filters": 2, "kernel_size": [3, 3, 3], "strides": [1, 1, 1], "padding": "valid",
              "dilation_rate": [1, 1, 1], "groups": 1})"},
      {"Conv3DTranspose", made<Conv3DTransposeLayer>({.filters = 2, .kernel_size = 3}),
       "{" + kernel +
           R"("filters": 2, "kernel_size": [3, 3, 3], "strides": [1, 1, 1], "padding": "valid",
              "output_padding": null, "dilation_rate": [1, 1, 1]})"},
      {"Cropping1D", made<Cropping1DLayer>({}), R"({"cropping": [1, 1]})"},
      {"Cropping2D", made<Cropping2DLayer>({}), R"({"cropping": [[0, 0], [0, 0]]})"},
      {"Cropping3D", made<Cropping3DLayer>({}), R"({"cropping": [[1, 1], [1, 1], [1, 1]]})"},
      {"Dense", made<DenseLayer>({.units = 2}), "{" + kernel + R"("units": 2})"},
      {"DepthwiseConv1D", made<DepthwiseConv1DLayer>({.kernel_size = 3}),
       "{" + depthwise + R"("kernel_size": 3, "strides": 1, "padding": "valid", "dilation_rate": 1})"},
      {"DepthwiseConv2D", made<DepthwiseConv2DLayer>({.kernel_size = 3}),
       "{" + depthwise + R"("kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "dilation_rate": [1, 1]})"},
      {"Dot", made<DotLayer>({.axes = {1, 1}}), R"({"axes": 1, "normalize": false})"},
      {"Dropout", made<DropoutLayer>({.rate = 0.5}), R"({"rate": 0.5, "noise_shape": null})"},
      {"ELU", made<ELULayer>({}), R"({"alpha": 1.0})"},
      {"Embedding", made<EmbeddingLayer>({.input_dim = 5, .output_dim = 2}),
       R"({"input_dim": 5, "output_dim": 2, "embeddings_initializer": "uniform", "embeddings_regularizer": null,
           "embeddings_constraint": null})"},
      {"GaussianDropout", made<GaussianDropoutLayer>({.rate = 0.5}), R"({"rate": 0.5})"},
      {"GaussianNoise", made<GaussianNoiseLayer>({.stddev = 0.5}), R"({"stddev": 0.5})"},
      {"GlobalAveragePooling1D", made<GlobalAveragePooling1DLayer>({}), R"({"keepdims": false})"},
      {"GlobalAveragePooling2D", made<GlobalAveragePooling2DLayer>({}), R"({"keepdims": false})"},
      {"GlobalAveragePooling3D", made<GlobalAveragePooling3DLayer>({}), R"({"keepdims": false})"},
      {"GlobalMaxPooling1D", made<GlobalMaxPooling1DLayer>({}), R"({"keepdims": false})"},
      {"GlobalMaxPooling2D", made<GlobalMaxPooling2DLayer>({}), R"({"keepdims": false})"},
      {"GlobalMaxPooling3D", made<GlobalMaxPooling3DLayer>({}), R"({"keepdims": false})"},
      {"GroupNormalization", made<GroupNormalizationLayer>({}), R"({"groups": 32, "axis": -1, )" + scaled + "}"},
      {"LayerNormalization", made<LayerNormalizationLayer>({}), R"({"axis": -1, )" + scaled + "}"},
      {"LeakyReLU", made<LeakyReLULayer>({}), R"({"negative_slope": 0.3})"},
      {"MaxPooling1D", made<MaxPooling1DLayer>({}), R"({"pool_size": 2, "strides": null, "padding": "valid"})"},
      {"MaxPooling2D", made<MaxPooling2DLayer>({}), R"({"pool_size": [2, 2], "strides": null, "padding": "valid"})"},
      {"MaxPooling3D", made<MaxPooling3DLayer>({}), R"({"pool_size": [2, 2, 2], "strides": null, "padding": "valid"})"},
      {"PReLU", made<PReLULayer>({}),
       R"({"alpha_initializer": "zeros", "alpha_regularizer": null, "alpha_constraint": null})",
       R"({"shared_axes": []})"},
      {"RMSNormalization", made<RMSNormalizationLayer>({}), R"({"axis": -1, "epsilon": 1e-6})"},
      {"RandomBrightness", made<RandomBrightnessLayer>({.factor = 0.5}), R"({"factor": 0.5, "value_range": [0, 255]})"},
      {"RandomContrast", made<RandomContrastLayer>({.factor = 0.5}), R"({"factor": 0.5, "value_range": [0, 255]})"},
      {"RandomFlip", made<RandomFlipLayer>({}), R"({"mode": "horizontal_and_vertical"})"},
      {"RandomRotation", made<RandomRotationLayer>({.factor = 0.5}), R"({"factor": 0.5, )" + moved + "}"},
      {"RandomTranslation", made<RandomTranslationLayer>({.height_factor = 0.5, .width_factor = 0.25}),
       R"({"height_factor": 0.5, "width_factor": 0.25, )" + moved + "}"},
      {"RandomZoom", made<RandomZoomLayer>({.height_factor = 0.5}),
       R"({"height_factor": 0.5, "width_factor": null, )" + moved + "}"},
      {"ReLU", made<ReLULayer>({}), R"({"max_value": null, "negative_slope": 0.0, "threshold": 0.0})"},
      {"Rescaling", made<RescalingLayer>({.scale = 0.5}), R"({"scale": 0.5, "offset": 0.0})"},
      {"Resizing", made<ResizingLayer>({.height = 2, .width = 3}),
       R"({"height": 2, "width": 3, "interpolation": "bilinear"})", R"({"align_corners": false})"},
      {"SeparableConv1D", made<SeparableConv1DLayer>({.filters = 2, .kernel_size = 3}),
       "{" + separable + R"("filters": 2, "kernel_size": 3, "strides": 1, "padding": "valid", "dilation_rate": 1})"},
      {"SeparableConv2D", made<SeparableConv2DLayer>({.filters = 2, .kernel_size = 3}),
       "{" + separable +
           R"("filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "dilation_rate": [1, 1]})"},
      {"Softmax", made<SoftmaxLayer>({}), R"({"axis": -1})"},
      {"SpatialDropout1D", made<SpatialDropout1DLayer>({.rate = 0.5}), R"({"rate": 0.5})"},
      {"SpatialDropout2D", made<SpatialDropout2DLayer>({.rate = 0.5}), R"({"rate": 0.5})"},
      {"UnitNormalization", made<UnitNormalizationLayer>({}), R"({"axis": -1})"},
      {"UpSampling1D", made<UpSampling1DLayer>({}), R"({"size": 2})"},
      {"UpSampling2D", made<UpSampling2DLayer>({}), R"({"size": [2, 2], "interpolation": "nearest"})",
       R"({"align_corners": false})"},
      {"UpSampling3D", made<UpSampling3DLayer>({}), R"({"size": [2, 2, 2]})"},
      {"ZeroPadding1D", made<ZeroPadding1DLayer>({}), R"({"padding": 1})"},
      {"ZeroPadding2D", made<ZeroPadding2DLayer>({}), R"({"padding": [1, 1]})"},
      {"ZeroPadding3D", made<ZeroPadding3DLayer>({}), R"({"padding": [[1, 1], [1, 1], [1, 1]]})"},
  };
  const auto factories = builtin_layers();
  for (const Row& row : rows) {
    INFO(row.type);
    auto expected = test::plain(config_to_json(options_from_keras(row.type, Json::parse(row.keras), {.rank = 4})));
    expected.update(nlohmann::json::parse(row.more));
    const auto ours = test::plain(config_to_json(row.ours));
    for (const auto& item : expected.items()) CHECK(ours.contains(item.key()));
    CHECK(ours.size() == expected.size());  // so no option has its default from the code
    const std::shared_ptr<Layer> layer = factories.at(row.type)(config_from_json(Json::parse(expected.dump())));
    CHECK(layer->type() == row.type);
    CHECK(layer->config() == row.ours);
  }
}

TEST_CASE("every argument of an initializer, a regularizer and a constraint, and its default, is Keras's") {
  const auto same = [](const ConfigValue& ours, Json (*to_keras)(const Json&), const char* keras) {
    LayerConfig config;
    config.fields.push_back({"value", ours});
    const auto written = test::plain(to_keras(config_to_json(config).at("value")));
    CHECK(nlohmann::json::array({written.at("class_name"), written.at("config")}) == nlohmann::json::parse(keras));
  };
  const auto initializer = [&](const Initializer& ours, const char* keras) {
    same(to_config(ours), initializer_to_keras, keras);
  };
  initializer(random_uniform(), R"(["RandomUniform", {"minval": -0.05, "maxval": 0.05}])");
  initializer(random_normal(), R"(["RandomNormal", {"mean": 0.0, "stddev": 0.05}])");
  initializer(truncated_normal(), R"(["TruncatedNormal", {"mean": 0.0, "stddev": 0.05}])");
  initializer(variance_scaling(),
              R"(["VarianceScaling", {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"}])");
  initializer(orthogonal(), R"(["Orthogonal", {"gain": 1.0}])");
  initializer(identity(), R"(["Identity", {"gain": 1.0}])");
  initializer(constant(0.5), R"(["Constant", {"value": 0.5}])");
  initializer(random_uniform(-2, 3), R"(["RandomUniform", {"minval": -2.0, "maxval": 3.0}])");
  initializer(random_normal(2, 3), R"(["RandomNormal", {"mean": 2.0, "stddev": 3.0}])");
  initializer(truncated_normal(2, 3), R"(["TruncatedNormal", {"mean": 2.0, "stddev": 3.0}])");
  initializer(orthogonal(2), R"(["Orthogonal", {"gain": 2.0}])");
  initializer(identity(2), R"(["Identity", {"gain": 2.0}])");
  const auto regularizer = [&](const Regularizer& ours, const char* keras) {
    same(to_config(ours), regularizer_to_keras, keras);
  };
  regularizer(l1_l2(), R"(["L1L2", {"l1": 0.01, "l2": 0.01}])");
  regularizer(l1_l2(0.5, 0.25), R"(["L1L2", {"l1": 0.5, "l2": 0.25}])");
  regularizer(l1(0.5), R"(["L1L2", {"l1": 0.5, "l2": 0.0}])");
  regularizer(l2(0.5), R"(["L1L2", {"l1": 0.0, "l2": 0.5}])");
  regularizer(orthogonal_regularizer(), R"(["OrthogonalRegularizer", {"factor": 0.01, "mode": "rows"}])");
  regularizer(orthogonal_regularizer(0.5, Vectors::columns),
              R"(["OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}])");
  const auto constraint = [&](const Constraint& ours, const char* keras) {
    same(to_config(ours), constraint_to_keras, keras);
  };
  constraint(max_norm(), R"(["MaxNorm", {"max_value": 2.0, "axis": [0]}])");
  constraint(unit_norm(), R"(["UnitNorm", {"axis": [0]}])");
  constraint(min_max_norm(), R"(["MinMaxNorm", {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": [0]}])");
  constraint(max_norm(3, {0, 1}), R"(["MaxNorm", {"max_value": 3.0, "axis": [0, 1]}])");
  constraint(unit_norm({1}), R"(["UnitNorm", {"axis": [1]}])");
  constraint(min_max_norm({.min_value = 0.25, .max_value = 0.75, .rate = 0.5, .axes = {1}}),
             R"(["MinMaxNorm", {"min_value": 0.25, "max_value": 0.75, "rate": 0.5, "axis": [1]}])");
}

}  // namespace xtape
