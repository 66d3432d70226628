// The order and the names of weights in Keras files, as Keras 3.15 with TensorFlow writes them and h5py shows them.
#include <algorithm>

#include "layers/layers.hpp"
#include "models/files/keras_names.hpp"
#include "tests/models/keras_file.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::check_numbered;
using test::KerasFile;
using test::output_of;
using test::script;

Model normalized_model() {
  const SymbolicTensor input = Input({2});
  auto x = Dense({.units = 4, .name = "hidden"})(Normalization({.name = "scale"})(input));
  return {input, Dense({.units = 3, .name = "logits"})(x), {.name = "normalized"}};
}

/// A model with layers whose weights are not trained before and between other layers.
Model nested_model() {
  const SymbolicTensor inside = Input({3});
  auto x = Dense({.units = 3, .name = "a"})(Normalization({.name = "scale"})(inside));
  x = Dense({.units = 3, .name = "b"})(BatchNormalization({.name = "bn"})(x));
  const Model base(inside, x, {.name = "base"});
  const SymbolicTensor input = Input({3});
  return {input, Dense({.units = 2, .name = "logits"})(base(input)), {.name = "whole"}};
}

const std::vector<std::string> nested_paths{
    "base/a/kernel", "base/a/bias",     "base/bn/gamma",       "base/bn/beta",        "base/b/kernel",
    "base/b/bias",   "base/scale/mean", "base/scale/variance", "base/bn/moving_mean", "base/bn/moving_variance",
    "logits/kernel", "logits/bias"};

TEST_CASE("Keras's Normalization, with its count, is loaded strictly from every layout") {
  for (const auto& [layout, variant] : {std::pair<std::string, std::string>{"model", "normalized"},
                                        {"legacy", "normalized"},
                                        {"keras3", "normalized"}}) {
    INFO(layout);
    const Model model = normalized_model();
    const KerasFile file(layout, variant);
    CHECK(file.load(model).text() == "6 of 6 parameters matched");
    check_numbered(model,
                   {"scale/mean", "scale/variance", "hidden/kernel", "hidden/bias", "logits/kernel", "logits/bias"});
    if (layout == "keras3") continue;
    const Model other = normalized_model();
    CHECK(file.load(other, {.match = Match::order}).complete());
    check_numbered(other,
                   {"scale/mean", "scale/variance", "hidden/kernel", "hidden/bias", "logits/kernel", "logits/bias"});
  }
}

TEST_CASE("a shared layer is as far from the outputs as its furthest call that is found first, as in Keras") {
  const auto order = [](bool long_path_first) {
    const auto dense = [](const char* name) { return Dense({.units = 2, .name = name}); };
    const SymbolicTensor in = Input({2}, {.name = "in"}), other = Input({2}, {.name = "other"});
    const Dense shared = dense("s");
    const SymbolicTensor p = dense("p")(in), q = dense("q")(other);
    const SymbolicTensor a = dense("m2")(dense("m1")(shared(p))), b = shared(q);
    const std::vector<SymbolicTensor> terms = long_path_first ? std::vector{a, b} : std::vector{b, a};
    std::vector<std::string> names;
    for (const KerasNode& node : keras_nodes(Model({in, other}, Add({.name = "sum"})(terms))))
      names.push_back(node.name);
    return names;
  };
  // model.layers of Keras 3.15
  CHECK(order(true) == std::vector<std::string>{"in", "p", "s", "other", "m1", "q", "m2", "sum"});
  CHECK(order(false) == std::vector<std::string>{"other", "in", "q", "p", "s", "m1", "m2", "sum"});
}

TEST_CASE("Normalization is written with the count that Keras expects") {
  const test::TemporaryFolder folder;
  const Model model = normalized_model();
  KerasFile("legacy", "normalized").load(model);
  save_weights(model, folder / "w.h5");
  CHECK_THAT(output_of(script() + "read legacy " + (folder / "w.h5").string()),
             Contains("scale\nscale/mean:0 [2] float32 0.0\nscale/variance:0 [2] float32 1.0\n"
                      "scale/count:0 [] int64 0.0\nhidden\n"));
  save_weights(model, folder / "w.weights.h5");
  CHECK_THAT(output_of(script() + "read keras3 " + (folder / "w.weights.h5").string()),
             Contains("normalization/vars/0 [2] float32 0.0\nnormalization/vars/1 [2] float32 1.0\n"
                      "normalization/vars/2 [] int64 0.0\n"));
  for (const std::string name : {"w.h5", "w.weights.h5"}) {
    const Model other = normalized_model();
    CHECK(load_weights(other, folder / name).text() == "6 of 6 parameters matched");
    CHECK(identical(other.parameters()[1].value(), model.parameters()[1].value()));
  }
}

TEST_CASE("a model used as a layer has its trained weights first, then the others, layer by layer") {
  const KerasFile file("legacy", "nested order");
  for (const Match match : {Match::name, Match::order}) {
    const Model model = nested_model();
    CHECK(file.load(model, {.match = match}).complete());
    check_numbered(model, nested_paths);
  }
  const test::TemporaryFolder folder;
  const Model model = nested_model();
  file.load(model);
  save_weights(model, folder / "w.h5");
  CHECK_THAT(output_of(script() + "read legacy " + (folder / "w.h5").string()),
             Contains("base\nbase/a/kernel:0 [3, 3] float32 0.0\nbase/a/bias:0 [3] float32 1.0\n"
                      "base/bn/gamma:0 [3] float32 2.0\nbase/bn/beta:0 [3] float32 3.0\n"
                      "base/b/kernel:0 [3, 3] float32 4.0\nbase/b/bias:0 [3] float32 5.0\n"
                      "base/scale/mean:0 [3] float32 6.0\nbase/scale/variance:0 [3] float32 7.0\n"
                      "base/scale/count:0 [] int64 0.0\nbase/bn/moving_mean:0 [3] float32 8.0\n"
                      "base/bn/moving_variance:0 [3] float32 9.0\nlogits\n"));
}

TEST_CASE("a split list of names may have its longest name anywhere") {
  for (const int longest : {0, 120, 249}) {
    INFO(longest);
    const test::TemporaryFolder folder;
    const SymbolicTensor input = Input({1});
    SymbolicTensor x = input;
    for (int i = 0; i < 250; ++i) {
      x = Dense({.units = 1, .name = std::string(i == longest ? 700 : 200, 'a') + fmt::format("{:03}", i)})(x);
    }
    const Model model(input, x, {.name = "long"}), other(input, x, {.name = "other", .seed = 5});
    save_weights(model, folder / "w.h5");
    const std::string lines = output_of(script() + "read legacy " + (folder / "w.h5").string());
    CHECK_THAT(lines, Contains("'layer_names0', 'layer_names1', 'layer_names2']"));  // 91 names of 703 bytes in each
    CHECK(std::ranges::count(lines, '\n') == 1 + 251 + 500);
    CHECK(load_weights(model, folder / "w.h5").text() == "500 of 500 parameters matched");
    SymbolicTensor y = input;  // by order, where no name is the same
    for (int i = 0; i < 250; ++i) y = Dense({.units = 1, .name = fmt::format("renamed_{}", i)})(y);
    const Model renamed(input, y, {.seed = 5});
    CHECK(load_weights(renamed, folder / "w.h5", {.match = Match::order}).complete());
    for (std::size_t i = 0; i < 500; ++i) {
      REQUIRE(identical(renamed.parameters()[i].value(), model.parameters()[i].value()));
    }
  }
}

TEST_CASE("layers at equal distance from the outputs are in the order of the traversal from there") {
  // Keras's map_graph by hand: `twice` is visited at the output, before `once`; its first call is as far away as `once`
  const SymbolicTensor input = Input({2}, {.name = "in"});
  const Dense twice({.units = 2, .name = "twice"}), once({.units = 2, .name = "once"});
  const Model model(input, twice(Add({.name = "sum"})({once(input), twice(input)})));
  std::vector<std::string> names;
  for (const KerasNode& node : keras_nodes(model)) names.push_back(node.name);
  CHECK(names == std::vector<std::string>{"in", "twice", "once", "sum"});
}

TEST_CASE("layer names are derived from class names as in Keras") {
  const std::vector<std::pair<std::string, std::string>> known{
      {"Activation", "activation"},
      {"ActivityRegularization", "activity_regularization"},
      {"AdaptiveAveragePooling1D", "adaptive_average_pooling1d"},
      {"AdaptiveAveragePooling2D", "adaptive_average_pooling2d"},
      {"AdaptiveAveragePooling3D", "adaptive_average_pooling3d"},
      {"AdaptiveMaxPooling1D", "adaptive_max_pooling1d"},
      {"AdaptiveMaxPooling2D", "adaptive_max_pooling2d"},
      {"AdaptiveMaxPooling3D", "adaptive_max_pooling3d"},
      {"Add", "add"},
      {"AdditiveAttention", "additive_attention"},
      {"AlphaDropout", "alpha_dropout"},
      {"Attention", "attention"},
      {"AugMix", "aug_mix"},
      {"AutoContrast", "auto_contrast"},
      {"Average", "average"},
      {"AveragePooling1D", "average_pooling1d"},
      {"AveragePooling2D", "average_pooling2d"},
      {"AveragePooling3D", "average_pooling3d"},
      {"BatchNormalization", "batch_normalization"},
      {"Bidirectional", "bidirectional"},
      {"CategoryEncoding", "category_encoding"},
      {"CenterCrop", "center_crop"},
      {"Concatenate", "concatenate"},
      {"ContrastLimitedAdaptiveHistogramEqualization", "contrast_limited_adaptive_histogram_equalization"},
      {"Conv1D", "conv1d"},
      {"Conv1DTranspose", "conv1d_transpose"},
      {"Conv2D", "conv2d"},
      {"Conv2DTranspose", "conv2d_transpose"},
      {"Conv3D", "conv3d"},
      {"Conv3DTranspose", "conv3d_transpose"},
      {"ConvLSTM1D", "conv_lstm1d"},
      {"ConvLSTM2D", "conv_lstm2d"},
      {"ConvLSTM3D", "conv_lstm3d"},
      {"Cropping1D", "cropping1d"},
      {"Cropping2D", "cropping2d"},
      {"Cropping3D", "cropping3d"},
      {"CutMix", "cut_mix"},
      {"Dense", "dense"},
      {"DepthwiseConv1D", "depthwise_conv1d"},
      {"DepthwiseConv2D", "depthwise_conv2d"},
      {"Discretization", "discretization"},
      {"Dot", "dot"},
      {"Dropout", "dropout"},
      {"ELU", "elu"},
      {"EinsumDense", "einsum_dense"},
      {"Embedding", "embedding"},
      {"Equalization", "equalization"},
      {"Flatten", "flatten"},
      {"FlaxLayer", "flax_layer"},
      {"GRU", "gru"},
      {"GRUCell", "gru_cell"},
      {"GaussianDropout", "gaussian_dropout"},
      {"GaussianNoise", "gaussian_noise"},
      {"GlobalAveragePooling1D", "global_average_pooling1d"},
      {"GlobalAveragePooling2D", "global_average_pooling2d"},
      {"GlobalAveragePooling3D", "global_average_pooling3d"},
      {"GlobalMaxPooling1D", "global_max_pooling1d"},
      {"GlobalMaxPooling2D", "global_max_pooling2d"},
      {"GlobalMaxPooling3D", "global_max_pooling3d"},
      {"GroupNormalization", "group_normalization"},
      {"GroupedQueryAttention", "grouped_query_attention"},
      {"HashedCrossing", "hashed_crossing"},
      {"Hashing", "hashing"},
      {"Identity", "identity"},
      {"InputLayer", "input_layer"},
      {"IntegerLookup", "integer_lookup"},
      {"JaxLayer", "jax_layer"},
      {"LSTM", "lstm"},
      {"LSTMCell", "lstm_cell"},
      {"Lambda", "lambda"},
      {"Layer", "layer"},
      {"LayerNormalization", "layer_normalization"},
      {"LeakyReLU", "leaky_re_lu"},
      {"Masking", "masking"},
      {"MaxNumBoundingBoxes", "max_num_bounding_boxes"},
      {"MaxPooling1D", "max_pooling1d"},
      {"MaxPooling2D", "max_pooling2d"},
      {"MaxPooling3D", "max_pooling3d"},
      {"Maximum", "maximum"},
      {"MelSpectrogram", "mel_spectrogram"},
      {"Minimum", "minimum"},
      {"MixUp", "mix_up"},
      {"MultiHeadAttention", "multi_head_attention"},
      {"Multiply", "multiply"},
      {"Normalization", "normalization"},
      {"PReLU", "p_re_lu"},
      {"Permute", "permute"},
      {"Pipeline", "pipeline"},
      {"RMSNormalization", "rms_normalization"},
      {"RNN", "rnn"},
      {"RandAugment", "rand_augment"},
      {"RandomBrightness", "random_brightness"},
      {"RandomColorDegeneration", "random_color_degeneration"},
      {"RandomColorJitter", "random_color_jitter"},
      {"RandomContrast", "random_contrast"},
      {"RandomCrop", "random_crop"},
      {"RandomElasticTransform", "random_elastic_transform"},
      {"RandomErasing", "random_erasing"},
      {"RandomFlip", "random_flip"},
      {"RandomGaussianBlur", "random_gaussian_blur"},
      {"RandomGrayscale", "random_grayscale"},
      {"RandomHue", "random_hue"},
      {"RandomInvert", "random_invert"},
      {"RandomPerspective", "random_perspective"},
      {"RandomPosterization", "random_posterization"},
      {"RandomRotation", "random_rotation"},
      {"RandomSaturation", "random_saturation"},
      {"RandomSharpness", "random_sharpness"},
      {"RandomShear", "random_shear"},
      {"RandomTranslation", "random_translation"},
      {"RandomZoom", "random_zoom"},
      {"ReLU", "re_lu"},
      {"RepeatVector", "repeat_vector"},
      {"Rescaling", "rescaling"},
      {"Reshape", "reshape"},
      {"Resizing", "resizing"},
      {"ReversibleEmbedding", "reversible_embedding"},
      {"STFTSpectrogram", "stft_spectrogram"},
      {"SeparableConv1D", "separable_conv1d"},
      {"SeparableConv2D", "separable_conv2d"},
      {"SimpleRNN", "simple_rnn"},
      {"SimpleRNNCell", "simple_rnn_cell"},
      {"Softmax", "softmax"},
      {"Solarization", "solarization"},
      {"SpatialDropout1D", "spatial_dropout1d"},
      {"SpatialDropout2D", "spatial_dropout2d"},
      {"SpatialDropout3D", "spatial_dropout3d"},
      {"SpectralNormalization", "spectral_normalization"},
      {"StackedRNNCells", "stacked_rnn_cells"},
      {"StringLookup", "string_lookup"},
      {"Subtract", "subtract"},
      {"TFSMLayer", "tfsm_layer"},
      {"TextVectorization", "text_vectorization"},
      {"TimeDistributed", "time_distributed"},
      {"TorchModuleWrapper", "torch_module_wrapper"},
      {"UnitNormalization", "unit_normalization"},
      {"UpSampling1D", "up_sampling1d"},
      {"UpSampling2D", "up_sampling2d"},
      {"UpSampling3D", "up_sampling3d"},
      {"Wrapper", "wrapper"},
      {"ZeroPadding1D", "zero_padding1d"},
      {"ZeroPadding2D", "zero_padding2d"},
      {"ZeroPadding3D", "zero_padding3d"},
      {"Conv2DTransposeV2", "conv2d_transpose_v2"},
      {"HTTPServer", "http_server"},
      {"A", "a"},
      {"Block2aB", "block2a_b"},
      {"My_Layer", "my__layer"},
      {"Naïve Bayes", "naïve_bayes"},
      {"层Norm2", "层_norm2"},
      {"already_snake", "already_snake"},
      {"My-Layer", "my_layer"},  // other characters than letters, digits and underscores are removed first
      {"My Fine: Layer2D.", "my_fine_layer2d"},
  };
  for (const auto& [type, name] : known) CHECK(snake_case(type) == name);
}

}  // namespace
}  // namespace xtape
