// Options of layers that Keras and xtape store in different forms: every name of every version of Keras, in both
// directions, and the values that are rejected.
#include "models/files/keras/keras_classes.hpp"
#include "tests/support/plain_json.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::error_of;

/// xtape's options of a layer whose input is an image.
nlohmann::json read(const std::string& type, const Json& config, const KerasContext& context = {.rank = 4}) {
  return test::plain(config_to_json(options_from_keras(type, config, context)));
}

nlohmann::json written(const std::string& type, const Json& ours) {
  return test::plain(options_to_keras(type, config_from_json(ours)));
}

TEST_CASE("an option of any version of Keras is the present one of xtape") {
  struct Row {
    std::vector<const char*> types;
    const char *keras, *ours;
  };
  const std::vector<const char*> convolutions{"Conv2D", "DepthwiseConv2D", "SeparableConv2D"};
  const std::vector<const char*> sequence_pooling{"AveragePooling1D", "MaxPooling1D"};
  const std::vector<const char*> sequences{"Conv1D", "Conv1DTranspose", "DepthwiseConv1D", "SeparableConv1D"};
  const std::vector<Row> rows{
      // Keras 1
      {convolutions, R"({"nb_row": 2, "nb_col": 3})", R"({"kernel_size": [2, 3]})"},
      {{"Conv1D"},
       R"({"filter_length": 3, "subsample_length": 2, "atrous_rate": 4, "input_dim": 5, "input_length": 6})",
       R"({"kernel_size": 3, "strides": 2, "dilation_rate": 4})"},
      {{"Conv3D"}, R"({"kernel_dim1": 2, "kernel_dim2": 3, "kernel_dim3": 4})", R"({"kernel_size": [2, 3, 4]})"},
      {{"Conv2D"}, R"({"nb_filter": 5})", R"({"filters": 5})"},
      {{"Conv2D"}, R"({"subsample": [2, 1]})", R"({"strides": [2, 1]})"},
      {{"Conv2D"}, R"({"border_mode": "same"})", R"({"padding": "same"})"},
      {{"Conv2D"}, R"({"dim_ordering": "tf"})", "{}"},
      {{"Conv2D"}, R"({"dim_ordering": "default"})", "{}"},
      {{"Conv2D"}, R"({"atrous_rate": [2, 3]})", R"({"dilation_rate": [2, 3]})"},
      {{"Conv2D"}, R"({"init": "he_normal"})", R"({"kernel_initializer": {"name": "he_normal"}})"},
      {{"Conv2D"},
       R"({"W_regularizer": {"name": "L1L2Regularizer", "l1": 0.5}})",
       R"({"kernel_regularizer": {"l1": 0.5}})"},
      {{"Conv2D"},
       R"({"b_regularizer": {"name": "L1L2Regularizer", "l1": 0.5}})",
       R"({"bias_regularizer": {"l1": 0.5}})"},
      {{"Conv2D"}, R"({"W_constraint": {"name": "NonNeg"}})", R"({"kernel_constraint": {"name": "non_neg"}})"},
      {{"Conv2D"}, R"({"b_constraint": {"name": "NonNeg"}})", R"({"bias_constraint": {"name": "non_neg"}})"},
      {{"Conv2D"}, R"({"bias": false})", R"({"use_bias": false})"},
      {{"Dense"}, R"({"output_dim": 5, "input_dim": 3})", R"({"units": 5})"},
      {sequence_pooling, R"({"pool_length": 3, "stride": 2})", R"({"pool_size": 3, "strides": 2})"},
      {{"AlphaDropout", "Dropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D"},
       R"({"p": 0.25})",
       R"({"rate": 0.25})"},
      {{"GaussianNoise"}, R"({"sigma": 0.25})", R"({"stddev": 0.25})"},
      {{"UpSampling1D"}, R"({"length": 3})", R"({"size": 3})"},
      {{"Embedding"},
       R"({"input_dim": 7, "output_dim": 5, "init": "ones", "W_regularizer": {"name": "L1L2Regularizer", "l1": 0.5},
           "W_constraint": {"name": "NonNeg"}, "dropout": 0.0, "mask_zero": false, "input_length": 9,
           "input_dtype": "int32", "weights": null})",
       R"({"input_dim": 7, "output_dim": 5, "embeddings_initializer": {"name": "ones"},
           "embeddings_regularizer": {"l1": 0.5}, "embeddings_constraint": {"name": "non_neg"}})"},
      {{"PReLU"}, R"({"init": "ones"})", R"({"alpha_initializer": {"name": "ones"}})"},
      {{"BatchNormalization"}, R"({"mode": 0, "beta_init": "zero", "gamma_init": "one", "axis": 3})", "{}"},
      // Keras 2
      {{"Activation"}, R"({"activation": "swish"})", R"({"function": "silu"})"},
      {{"LeakyReLU"}, R"({"alpha": 0.25})", R"({"negative_slope": 0.25})"},
      {{"ReLU"}, R"({"theta": 0.25})", R"({"threshold": 0.25})"},
      {{"BatchNormalization"},
       R"({"axis": [3], "renorm": false, "renorm_clipping": {}, "renorm_momentum": 0.9, "virtual_batch_size": null,
           "fused": true, "moving_mean_initializer": "zeros", "moving_variance_initializer": "ones"})",
       "{}"},
      // Keras 3
      {{"Dense"},
       R"({"name": "d", "trainable": true, "dtype": "float32", "seed": 1, "batch_input_shape": [null, 2],
           "input_dtype": "float32", "autocast": true, "rng_type": "x", "force_generator": true, "lora_rank": null,
           "lora_alpha": null, "quantization_config": null, "activity_regularizer": null,
           "data_format": "channels_last"})",
       "{}"},
      {sequences, R"({"kernel_size": [3], "strides": [2], "dilation_rate": [1]})",
       R"({"kernel_size": 3, "strides": 2, "dilation_rate": 1})"},
      {{"Conv1DTranspose"}, R"({"output_padding": [1]})", R"({"output_padding": 1})"},
      {sequence_pooling, R"({"pool_size": [3], "strides": [2]})", R"({"pool_size": 3, "strides": 2})"},
      {{"Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D",
        "SeparableConv1D", "SeparableConv2D"},
       R"({"groups": 1})",
       "{}"},
      {{"SeparableConv1D", "SeparableConv2D"},
       R"({"kernel_initializer": "zeros", "kernel_regularizer": null, "kernel_constraint": null})",
       "{}"},
      {{"Cropping1D"}, R"({"cropping": 2})", R"({"cropping": [2, 2]})"},
      {{"Cropping1D"}, R"({"cropping": [1, 2]})", R"({"cropping": [1, 2]})"},
      {{"ZeroPadding1D"}, R"({"padding": 2})", R"({"padding": [2, 2]})"},
      {{"ZeroPadding1D"}, R"({"padding": [1, 2]})", R"({"padding": [1, 2]})"},
      {{"Cropping2D"}, R"({"cropping": [1, 2]})", R"({"cropping": [1, 1, 2, 2]})"},
      {{"ZeroPadding2D"}, R"({"padding": [[1, 2], [3, 4]]})", R"({"padding": [1, 2, 3, 4]})"},
      {{"Cropping3D"}, R"({"cropping": [1, 2, 3]})", R"({"cropping": [1, 1, 2, 2, 3, 3]})"},
      {{"ZeroPadding3D"}, R"({"padding": [[1, 2], [3, 4], [5, 6]]})", R"({"padding": [1, 2, 3, 4, 5, 6]})"},
      {{"ZeroPadding3D"}, R"({"padding": 2})", R"({"padding": [2, 2, 2, 2, 2, 2]})"},
      {{"Dot"}, R"({"axes": 2})", R"({"axes": [2, 2]})"},
      {{"Dot"}, R"({"axes": -1})", R"({"axes": [-1, -1]})"},
      {{"Dot"}, R"({"axes": [1, 2]})", R"({"axes": [1, 2]})"},
      {{"Dropout"}, R"({"noise_shape": [null, 1, 3]})", R"({"noise_shape": [-1, 1, 3]})"},
      {{"AlphaDropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D"}, R"({"noise_shape": null})", "{}"},
      {{"LayerNormalization"}, R"({"axis": -1, "rms_scaling": false})", R"({"axis": [-1]})"},
      {{"LayerNormalization", "UnitNormalization"}, R"({"axis": [1, 2]})", R"({"axis": [1, 2]})"},
      {{"RMSNormalization"}, R"({"axis": [3, -2]})", R"({"axis": [3, -2]})"},
      {{"Softmax"}, R"({"axis": [2]})", R"({"axis": 2})"},
      {{"Softmax"}, R"({"axis": 2})", R"({"axis": 2})"},
      {{"Normalization"}, R"({"axis": [-1], "invert": false, "mean": null, "variance": null})", "{}"},
      {{"PReLU"}, R"({"shared_axes": null})", "{}"},
      {{"RandomBrightness", "RandomRotation"}, R"({"factor": 0.5})", R"({"factor": {"low": -0.5, "high": 0.5}})"},
      {{"RandomBrightness", "RandomRotation"},
       R"({"factor": [-0.25, 0.5]})",
       R"({"factor": {"low": -0.25, "high": 0.5}})"},
      {{"RandomContrast"}, R"({"factor": 0.5})", R"({"factor": {"low": -0.5, "high": 0.5}})"},
      {{"RandomContrast"}, R"({"factor": [0.25, 0.5]})", R"({"factor": {"low": -0.25, "high": 0.5}})"},
      {{"RandomBrightness", "RandomContrast"}, R"({"value_range": [1, 5]})", R"({"value_low": 1, "value_high": 5})"},
      {{"RandomTranslation", "RandomZoom"},
       R"({"height_factor": 0.5, "width_factor": [0.25, 0.75]})",
       R"({"height_factor": {"low": -0.5, "high": 0.5}, "width_factor": {"low": 0.25, "high": 0.75}})"},
      {{"Resizing"},
       R"({"crop_to_aspect_ratio": false, "pad_to_aspect_ratio": false, "antialias": false, "fill_mode": "constant",
           "fill_value": 0.5})",
       "{}"},
      {{"InputLayer"},
       R"({"batch_shape": [null, null, 3], "dtype": "int32", "sparse": false, "ragged": false, "optional": false,
           "input_tensor": null})",
       R"({"shape": [-1, 3], "dtype": "int64"})"},
      {{"InputLayer"}, R"({"batch_input_shape": [2, 4], "dtype": "float64"})", R"({"shape": [4], "dtype": "float32"})"},
      {{"InputLayer"}, R"({"batch_shape": [null], "dtype": null})", R"({"shape": [], "dtype": "float32"})"},
      {{"InputLayer"}, R"({"batch_shape": [null], "dtype": "uint8"})", R"({"shape": [], "dtype": "uint8"})"},
  };
  for (const Row& row : rows) {
    for (const char* type : row.types) {
      INFO(type << " " << row.keras);
      CHECK(read(type, Json::parse(row.keras)) == nlohmann::json::parse(row.ours));
    }
  }
  for (const auto& [old, present] :
       std::vector<std::pair<std::string, std::string>>{{"AtrousConvolution1D", "Conv1D"},
                                                        {"AtrousConvolution2D", "Conv2D"},
                                                        {"Convolution1D", "Conv1D"},
                                                        {"Convolution3D", "Conv3D"},
                                                        {"Convolution2D", "Conv2D"},
                                                        {"SeparableConvolution2D", "SeparableConv2D"},
                                                        {"ThresholdedReLU", "ReLU"},
                                                        {"Dense", "Dense"}}) {
    CHECK(present_class(old) == present);
  }
}

TEST_CASE("an option of xtape is written in the form of Keras 3") {
  struct Row {
    const char *type, *ours, *keras;
  };
  const std::vector<Row> rows{
      {"Activation", R"({"function": "silu"})", R"({"activation": "silu"})"},
      {"BatchNormalization", R"({"bias_correction": false})", R"({"axis": -1})"},
      {"Normalization", "{}", R"({"axis": -1})"},
      {"Conv1D", R"({"kernel_size": 3, "strides": 2, "dilation_rate": 1, "padding": "causal"})",
       R"({"kernel_size": [3], "strides": [2], "dilation_rate": [1], "padding": "causal",
           "data_format": "channels_last"})"},
      {"Conv1DTranspose", R"({"output_padding": 1})", R"({"output_padding": [1], "data_format": "channels_last"})"},
      {"Conv2D", R"({"padding": "same"})", R"({"padding": "same", "data_format": "channels_last"})"},
      {"MaxPooling1D", R"({"pool_size": 3, "strides": null})",
       R"({"pool_size": [3], "strides": null, "data_format": "channels_last"})"},
      {"Cropping1D", R"({"cropping": [1, 2]})", R"({"cropping": [1, 2]})"},
      {"ZeroPadding1D", R"({"padding": "valid"})", R"({"padding": [0, 0], "data_format": "channels_last"})"},
      {"ZeroPadding2D", R"({"padding": [1, 2, 3, 4]})",
       R"({"padding": [[1, 2], [3, 4]], "data_format": "channels_last"})"},
      {"Cropping3D", R"({"cropping": [1, 2, 3, 4, 5, 6]})",
       R"({"cropping": [[1, 2], [3, 4], [5, 6]], "data_format": "channels_last"})"},
      {"Dropout", R"({"noise_shape": [-1, 1, 3]})", R"({"noise_shape": [null, 1, 3]})"},
      {"LayerNormalization", R"({"axis": [-1]})", R"({"axis": -1})"},
      {"UnitNormalization", R"({"axis": [1, 2]})", R"({"axis": [1, 2]})"},
      {"PReLU", R"({"shared_axes": []})", R"({"shared_axes": null})"},
      {"PReLU", R"({"shared_axes": [1]})", R"({"shared_axes": [1]})"},
      {"RandomRotation", R"({"factor": {"low": -0.25, "high": 0.5}})",
       R"({"factor": [-0.25, 0.5], "data_format": "channels_last"})"},
      {"RandomZoom", R"({"height_factor": {"low": -0.25, "high": 0.5}, "width_factor": null})",
       R"({"height_factor": [-0.25, 0.5], "width_factor": null, "data_format": "channels_last"})"},
      {"RandomContrast", R"({"factor": {"low": -0.25, "high": 0.5}, "value_low": 1.5, "value_high": 5.5})",
       R"({"factor": [0.25, 0.5], "value_range": [1.5, 5.5]})"},
      {"RandomContrast", R"({"factor": {"low": -1, "high": 1}, "value_low": 0, "value_high": 1})",
       R"({"factor": [1.0, 1.0], "value_range": [0, 1]})"},
      {"GaussianNoise", R"({"stddev": 1})", R"({"stddev": 1})"},
      {"Resizing", R"({"align_corners": false})", R"({"data_format": "channels_last"})"},
      {"InputLayer", R"({"shape": [-1, 3], "dtype": "int64"})",
       R"({"batch_shape": [null, null, 3], "dtype": "int64"})"},
  };
  for (const Row& row : rows) {
    INFO(row.type << " " << row.ours);
    CHECK(written(row.type, Json::parse(row.ours)) == nlohmann::json::parse(row.keras));
  }
}

TEST_CASE("the order of axes is written for the classes that have it in Keras 3, whatever other options they have") {
  std::vector<std::string> types{"CenterCrop", "Flatten", "RandomCrop", "RandomFlip", "Resizing", "SpatialDropout2D"};
  for (const char* name : {"Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
                           "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"}) {
    types.emplace_back(name);
  }
  for (const int axes : {1, 2, 3}) {
    for (const char* name : {"MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling"}) {
      types.push_back(fmt::format("{}{}D", name, axes));
    }
    if (axes == 1) continue;
    for (const char* name : {"Cropping", "UpSampling", "ZeroPadding"})
      types.push_back(fmt::format("{}{}D", name, axes));
  }
  for (const std::string& type : types) {
    INFO(type);
    for (const Json& ours : {Json::object(), Json{{"keepdims", true}}}) {
      nlohmann::json expected = test::plain(ours);
      expected["data_format"] = "channels_last";
      CHECK(written(type, ours) == expected);
    }
  }
}

TEST_CASE("a value that only Keras or only xtape has is an error that names the option") {
  const std::vector<std::tuple<std::vector<const char*>, const char*, const char*>> rows{
      {{"Conv2D", "Dense"},
       R"({"lora_rank": 3})",
       "lora_rank: expected [null], got 3; xtape has no such option, so change the layer in Keras"},
      {{"Dense"},
       R"({"lora_alpha": 3})",
       "lora_alpha: expected [null], got 3; xtape has no such option, so change the layer in Keras"},
      {{"Embedding"},
       R"({"mask_zero": true})",
       "mask_zero: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"Embedding"},
       R"({"dropout": 0.5})",
       "dropout: expected [0], got 0.5; xtape has no such option, so change the layer in Keras"},
      {{"Dense"},
       R"({"quantization_config": {}})",
       "quantization_config: expected [null], got {}; xtape has no such option, so change the layer in Keras"},
      {{"Dense"},
       R"({"activity_regularizer": "l1"})",
       "activity_regularizer: expected [null], got \"l1\"; xtape has no such option, so change the layer in Keras"},
      {{"Flatten", "CenterCrop"},
       R"({"data_format": "channels_first"})",
       "data_format: expected [\"channels_last\",\"tf\",\"default\",null], got \"channels_first\"; xtape has no such "
       "option, so change the layer in Keras"},
      {{"Conv2D"}, R"({"bias": true, "use_bias": true})", "expected one of bias and use_bias, got both"},
      {{"Conv1DTranspose", "Conv2DTranspose", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D",
        "SeparableConv2D"},
       R"({"groups": 2})",
       "groups: expected [1], got 2; xtape has no such option, so change the layer in Keras"},
      {{"SeparableConv1D", "SeparableConv2D"},
       R"({"kernel_regularizer": "l1"})",
       "kernel_regularizer: expected [null], got \"l1\"; xtape has no such option, so change the layer in Keras"},
      {{"SeparableConv1D", "SeparableConv2D"},
       R"({"kernel_constraint": "x"})",
       "kernel_constraint: expected [null], got \"x\"; xtape has no such option, so change the layer in Keras"},
      {{"AlphaDropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D"},
       R"({"noise_shape": [1, 1]})",
       "noise_shape: expected [null], got [1,1]; xtape has no such option, so change the layer in Keras"},
      {{"BatchNormalization"},
       R"({"mode": 1})",
       "mode: expected [0], got 1; xtape has no such option, so change the layer in Keras"},
      {{"BatchNormalization"},
       R"({"virtual_batch_size": 8})",
       "virtual_batch_size: expected [null], got 8; xtape has no such option, so change the layer in Keras"},
      {{"BatchNormalization", "Normalization"},
       R"({"axis": 2})",
       "axis: expected -1, the last axis, got 2; xtape normalizes the last axis only"},
      {{"BatchNormalization", "Normalization"},
       R"({"axis": [2, 3]})",
       "axis: expected -1, the last axis, got [2,3]; xtape normalizes the last axis only"},
      {{"LayerNormalization"},
       R"({"rms_scaling": true})",
       "rms_scaling: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"Normalization"},
       R"({"invert": true})",
       "invert: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"Resizing"},
       R"({"pad_to_aspect_ratio": true})",
       "pad_to_aspect_ratio: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"Resizing"},
       R"({"antialias": true})",
       "antialias: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"RandomBrightness", "RandomContrast"}, R"({"value_range": [1]})", "value_range: expected two numbers, got [1]"},
      {{"RandomBrightness", "RandomContrast"}, R"({"value_range": 1})", "value_range: expected two numbers, got 1"},
      {{"InputLayer"},
       R"({"batch_shape": [null, 2], "sparse": true})",
       "sparse: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"InputLayer"},
       R"({"batch_shape": [null, 2], "ragged": true})",
       "ragged: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"InputLayer"},
       R"({"batch_shape": [null, 2], "optional": true})",
       "optional: expected [false], got true; xtape has no such option, so change the layer in Keras"},
      {{"InputLayer"},
       R"({"batch_shape": [null, 2], "input_tensor": 1})",
       "input_tensor: expected [null], got 1; xtape has no such option, so change the layer in Keras"},
      {{"InputLayer"}, "{}", "batch_shape: expected the shape of the input, got none"},
      {{"InputLayer"}, R"({"batch_shape": []})", "batch_shape: expected a list that begins with the batch, got []"},
  };
  for (const auto& [types, config, message] : rows) {
    for (const char* type : types) {
      INFO(type << " " << config);
      CHECK_THAT(error_of([&, &c = config] { read(type, Json::parse(c)); }), Contains(message));
    }
  }
  CHECK_NOTHROW(read("RMSNormalization", {{"axis", {1, 2}}}, {.rank = 3}));
  CHECK(error_of([&] {
          read("RMSNormalization", {{"axis", {1, 2}}});
        }) == "axis: expected the last axes, got [1,2]; Keras multiplies by the scale along the last axes");
  const std::vector<std::tuple<const char*, const char*, const char*>> ours{
      {"Conv2D", R"({"padding": [1, 0, 0, 0]})", "padding: expected a name of a padding"},
      {"MaxPooling1D", R"({"padding": [1, 0]})", "padding: expected a name of a padding"},
      {"GaussianNoise", R"({"stddev": 1.5})", "stddev: expected at most 1, as in Keras, got 1.5"},
      {"BatchNormalization", R"({"bias_correction": true})",
       "bias_correction: expected false, got true; Keras has no such option"},
      {"Resizing", R"({"align_corners": true})", "align_corners: expected false, got true"},
      {"UpSampling2D", R"({"align_corners": true})", "align_corners: expected false, got true"},
      {"RandomContrast", R"({"factor": {"low": 0.25, "high": 0.5}})",
       "factor: expected a range in [-1, 1] that contains 0 and is wider above it, as Keras needs, got [0.25, 0.5]"},
      {"RandomContrast", R"({"factor": {"low": -0.75, "high": 0.5}})", "factor: expected a range in [-1, 1]"},
      {"RandomContrast", R"({"factor": {"low": -0.5, "high": 1.5}})", "factor: expected a range in [-1, 1]"},
  };
  for (const auto& [type, config, message] : ours) {
    INFO(type << " " << config);
    CHECK_THAT(error_of([&, &t = type, &c = config] { written(t, Json::parse(c)); }), Contains(message));
  }
}

}  // namespace
}  // namespace xtape
