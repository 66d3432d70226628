// The layers of the networks of models/zoo: names, feature maps, constants, widths, and the limits of the options.
#include <algorithm>
#include <cmath>
#include <functional>

#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/zoo/densenet.hpp"
#include "models/zoo/efficientnet.hpp"
#include "models/zoo/feature_maps.hpp"
#include "models/zoo/mobilenet.hpp"
#include "models/zoo/resnet.hpp"
#include "models/zoo/unet.hpp"
#include "models/zoo/vgg.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

using Names = std::vector<std::string>;

const NetworkOptions of_32{.input = {32, 32, 3}, .classes = 3};

NetworkOptions backbone_of(std::int64_t size, Implementation implementation = Implementation::keras) {
  return {.input = {size, size, 3}, .include_top = false, .implementation = implementation};
}

/// The names of the layers in their order, but for inputs and layers that only reshape.
Names layers_of(const Model& model) {
  Names names;
  for (const auto& layer : model.all_layers()) {
    const std::string type = layer->type();
    if (type != "InputLayer" && type != "Reshape" && layer->name() != "flatten_1") names.push_back(layer->name());
  }
  return names;
}

/// prefix + each of the words, appended.
void add_names(Names& names, const std::string& prefix, const Names& words) {
  for (const std::string& word : words) names.push_back(prefix + word);
}

void check_names(const Model& model, Names wanted) {
  INFO(model.name());
  Names found = layers_of(model);
  std::ranges::sort(found), std::ranges::sort(wanted);
  CHECK(found == wanted);
}

Names feature_shapes(const Model& model) {
  Names texts;
  for (const SymbolicTensor& map : feature_maps(model)) texts.push_back(fmt::format("{}", map.shape()));
  return texts;
}

/// The shapes of maps of square images whose size is halved from one to the next.
Names halved(std::int64_t size, const std::vector<std::int64_t>& channels) {
  Names texts;
  for (const std::int64_t c : channels) {
    texts.push_back(fmt::format("({}, {}, {})", size, size, c));
    size /= 2;
  }
  return texts;
}

}  // namespace

TEST_CASE("all layers of the networks have the names of keras.applications") {
  Names vgg16;
  for (const auto& [block, convolutions] : {std::pair{1, 2}, {2, 2}, {3, 3}, {4, 3}, {5, 3}}) {
    for (int i = 1; i <= convolutions; ++i) {
      add_names(vgg16, fmt::format("block{}_conv{}", block, i), {"", "_relu"});  // Keras's have the activation inside
    }
    add_names(vgg16, fmt::format("block{}", block), {"_pool"});
  }
  check_names(vgg(16, backbone_of(32)), vgg16);

  Names mobile1{"conv1", "conv1_bn", "conv1_relu", "avg_pool", "dropout", "conv_preds"};
  for (int i = 1; i <= 13; ++i) {
    for (const char* kind : {"dw", "pw"}) add_names(mobile1, fmt::format("conv_{}_{}", kind, i), {"", "_bn", "_relu"});
  }
  check_names(mobilenet_v1(of_32), mobile1);

  Names mobile2{"Conv1", "bn_Conv1", "Conv1_relu", "Conv_1", "Conv_1_bn", "out_relu", "avg_pool", "predictions"};
  const Names depthwise{"depthwise", "depthwise_BN", "depthwise_relu", "project", "project_BN"};
  add_names(mobile2, "expanded_conv_", depthwise);
  for (int i = 1; i <= 16; ++i) {
    const std::string block = fmt::format("block_{}_", i);
    add_names(mobile2, block, depthwise);
    add_names(mobile2, block, {"expand", "expand_BN", "expand_relu"});
    const bool adds = i != 1 && i != 3 && i != 6 && i != 10 && i != 13 && i != 16;
    if (adds) add_names(mobile2, block, {"add"});
  }
  check_names(mobilenet_v2(of_32), mobile2);

  Names mobile3{"conv",     "conv_bn", "conv_activation",   "conv_1",  "conv_1_bn", "conv_1_activation",
                "avg_pool", "conv_2",  "conv_2_activation", "dropout", "logits"};
  for (int i = 0; i <= 10; ++i) {  // MobileNetV3Small
    const std::string block = i == 0 ? "expanded_conv_" : fmt::format("expanded_conv_{}_", i);
    add_names(mobile3, block, {"depthwise", "depthwise_bn", "depthwise_activation", "project", "project_bn"});
    if (i > 0) add_names(mobile3, block, {"expand", "expand_bn", "expand_activation"});
    if (i != 1 && i != 2) {
      add_names(mobile3, block + "squeeze_excite_", {"avg_pool", "conv", "conv_1", "mul"});
    }
    if (i == 2 || i == 4 || i == 5 || i == 7 || i == 9 || i == 10) add_names(mobile3, block, {"add"});
  }
  check_names(mobilenet_v3(MobileNetSize::small, of_32), mobile3);

  Names dense{"conv1_conv", "conv1_bn", "conv1_relu", "pool1", "bn", "relu", "avg_pool", "predictions"};
  for (const auto& [stage, blocks] : {std::pair{2, 6}, {3, 12}, {4, 24}, {5, 16}}) {
    for (int i = 1; i <= blocks; ++i) {
      add_names(dense, fmt::format("conv{}_block{}_", stage, i),
                {"0_bn", "0_relu", "1_conv", "1_bn", "1_relu", "2_conv", "concat"});
    }
    if (stage < 5) add_names(dense, fmt::format("pool{}_", stage), {"bn", "relu", "conv", "pool"});
  }
  check_names(densenet(121, of_32), dense);

  Names first{"conv1_conv", "conv1_bn", "conv1_relu", "pool1_pool", "avg_pool", "predictions"};
  Names second{"conv1_conv", "pool1_pad", "pool1_pool", "post_bn", "post_relu", "avg_pool", "predictions"};
  for (const auto& [stage, blocks] : {std::pair{2, 3}, {3, 4}, {4, 6}, {5, 3}}) {
    for (int i = 1; i <= blocks; ++i) {
      const std::string block = fmt::format("conv{}_block{}_", stage, i);
      add_names(first, block, {"1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "2_relu", "3_conv", "3_bn", "add", "out"});
      if (i == 1) add_names(first, block, {"0_conv", "0_bn"});
      add_names(second, block,
                {"preact_bn", "preact_relu", "1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "2_relu", "3_conv", "out"});
      if (i == 1) add_names(second, block, {"0_conv"});
      if (i == blocks && stage < 5) add_names(second, block, {"0_pool"});  // Keras numbers these
    }
  }
  check_names(resnet(50, of_32), first);
  check_names(resnet_v2(50, of_32), second);

  Names efficient{"stem_conv",      "stem_bn",  "stem_activation", "top_conv",   "top_bn",
                  "top_activation", "avg_pool", "top_dropout",     "predictions"};
  for (const auto& [stage, blocks] : {std::pair{1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 3}, {6, 4}, {7, 1}}) {
    for (int i = 0; i < blocks; ++i) {
      const std::string block = fmt::format("block{}{}_", stage, static_cast<char>('a' + i));
      add_names(efficient, block,
                {"dwconv", "bn", "activation", "se_squeeze", "se_reduce", "se_expand", "se_excite", "project_conv",
                 "project_bn"});
      if (stage > 1) add_names(efficient, block, {"expand_conv", "expand_bn", "expand_activation"});
      if (i > 0) add_names(efficient, block, {"drop", "add"});
    }
  }
  check_names(efficientnet_b0(of_32), efficient);
}

TEST_CASE("layers without parameters have the same names in every implementation") {
  const auto plain = [](const Model& model) {
    Names names;
    for (const auto& layer : model.all_layers()) {
      const bool numbered = layer->type() == "Reshape" || layer->name() == "flatten_1";
      if (layer->named_parameters().empty() && layer->type() != "Dropout" && !numbered) names.push_back(layer->name());
    }
    return names;
  };
  NetworkOptions torchvision = of_32;
  torchvision.implementation = Implementation::torchvision;
  CHECK(plain(densenet(121, torchvision)) == plain(densenet(121, of_32)));
  CHECK(plain(mobilenet_v2(torchvision)) == plain(mobilenet_v2(of_32)));
  CHECK(plain(mobilenet_v3(MobileNetSize::small, torchvision)) == plain(mobilenet_v3(MobileNetSize::small, of_32)));
  CHECK(plain(efficientnet_b0(torchvision)) == plain(efficientnet_b0(of_32)));
}

TEST_CASE("the feature maps of the networks have the extents and channels of the papers") {
  for (const Implementation implementation : {Implementation::keras, Implementation::torchvision}) {
    const NetworkOptions options = backbone_of(224, implementation), cifar = backbone_of(32, implementation);
    CHECK(feature_shapes(vgg(11, options)) == halved(224, {64, 128, 256, 512, 512, 512}));
    CHECK(feature_shapes(resnet(18, options)) == halved(112, {64, 64, 128, 256, 512}));
    // torchvision's second convolution has the stride, so the first one of a stage is the last map of its resolution
    CHECK(feature_shapes(resnet(50, options)) == (implementation == Implementation::keras
                                                      ? halved(112, {64, 256, 512, 1024, 2048})
                                                      : halved(112, {64, 128, 256, 512, 2048})));
    CHECK(feature_shapes(cifar_resnet(20, cifar)) == halved(32, {16, 32, 64}));
    // a transition halves the channels before the pooling
    CHECK(feature_shapes(densenet(121, options)) == halved(112, {64, 128, 256, 512, 1024}));
    // the expansion of a block with stride 2 is the last map of its resolution
    CHECK(feature_shapes(mobilenet_v2(options)) == halved(112, {6 * 16, 6 * 24, 6 * 32, 6 * 96, 1280}));
    CHECK(feature_shapes(mobilenet_v3(MobileNetSize::large, options)) ==
          halved(112, {4 * 16, 3 * 24, 6 * 40, 6 * 112, 960}));
    CHECK(feature_shapes(efficientnet_b0(options)) == halved(112, {6 * 16, 6 * 24, 6 * 40, 6 * 112, 1280}));
  }
  CHECK(feature_shapes(mobilenet_v1(backbone_of(224))) == halved(112, {64, 128, 256, 512, 1024}));
  CHECK(feature_shapes(resnet_v2(50, backbone_of(224))).back() == "(7, 7, 2048)");
}

TEST_CASE("feature maps are those of one image, and means over the rows by any number of their axis are none") {
  const auto image = Input({16, 16, 3});
  const auto map = Conv2D({.filters = 4, .kernel_size = 3, .strides = 2, .padding = Padding::same})(image);
  for (const std::vector<std::int64_t>& axes : std::vector<std::vector<std::int64_t>>{{1}, {-3}, {2, 1}, {-2, -3}}) {
    const auto mean = Operator({.function = std::string("ReduceMean"), .axes = axes, .keep_dims = true})(map);
    CHECK(feature_shapes(Model(image, Multiply()({map, mean}))) == Names{"(8, 8, 4)"});
    CHECK(feature_shapes(Model(image, Conv2D({.filters = 5})(mean))).back() == "(8, 8, 4)");
  }
  const auto other = Input({8, 8, 4});
  CHECK(error_of([&] {
          feature_maps(Model({image, other}, {Add()({map, other})}));
        }) ==
        "feature_maps: expected a model with one image (height, width, channels) as input, got 2 input(s), the first "
        "(16, 16, 3)");
}

TEST_CASE("batch normalizations have the momentum and the epsilon of the implementation") {
  struct Row {
    Model keras;
    std::optional<Model> torchvision;
    double momentum, epsilon;                                       // of Keras
    double torchvision_momentum = 0.9, torchvision_epsilon = 1e-5;  // PyTorch's momentum is 1 - 0.9
  };
  NetworkOptions torch = of_32;
  torch.implementation = Implementation::torchvision;
  const std::vector<Row> rows{
      {resnet(18, of_32), resnet(18, torch), 0.99, 1.001e-5},
      {resnet_v2(50, of_32), std::nullopt, 0.99, 1.001e-5},
      {cifar_resnet(8, of_32), cifar_resnet(8, torch), 0.99, 1e-3},
      {densenet(121, of_32), densenet(121, torch), 0.99, 1.001e-5},
      {mobilenet_v1(of_32), std::nullopt, 0.99, 1e-3},
      {mobilenet_v2(of_32), mobilenet_v2(torch), 0.999, 1e-3},
      {mobilenet_v3(MobileNetSize::small, of_32), mobilenet_v3(MobileNetSize::small, torch), 0.999, 1e-3, 0.99, 1e-3},
      {efficientnet_b0(of_32), efficientnet_b0(torch), 0.99, 1e-3},
  };
  const auto check_all = [](const Model& model, double momentum, double epsilon) {
    INFO(model.name());
    int count = 0;
    for (const auto& layer : model.all_layers()) {
      const auto* normalization = dynamic_cast<const BatchNormalizationLayer*>(layer.get());
      if (normalization == nullptr) continue;
      ++count;
      CHECK(normalization->options().momentum == momentum);
      CHECK(normalization->options().epsilon == epsilon);
      CHECK_FALSE(normalization->options().bias_correction);
    }
    CHECK(count > 5);
  };
  for (const Row& row : rows) {
    check_all(row.keras, row.momentum, row.epsilon);
    if (row.torchvision) check_all(*row.torchvision, row.torchvision_momentum, row.torchvision_epsilon);
  }
}

TEST_CASE("a dropout of 0 leaves no layer, and stochastic depth drops the branches of whole samples") {
  for (const Implementation implementation : {Implementation::keras, Implementation::torchvision}) {
    NetworkOptions options = of_32;
    options.implementation = implementation;
    options.dropout = 0;
    const auto kept = [](const Model& model) {
      Names names;
      for (const auto& layer : model.all_layers()) {
        if (layer->type() == "Dropout") names.push_back(layer->name());
      }
      return names;
    };
    const Model dense = vgg(11, implementation == Implementation::keras ? of_32 : options);
    CHECK(kept(dense).empty());
    if (implementation == Implementation::keras) {
      const Names names = layers_of(dense);
      CHECK(Names(names.end() - 4, names.end()) == Names{"flatten", "fc1", "fc2", "predictions"});
    }
    CHECK(kept(mobilenet_v2(options)).empty());
    CHECK(kept(mobilenet_v3(MobileNetSize::small, options)).empty());
    if (implementation == Implementation::keras) CHECK(kept(mobilenet_v1(options)).empty());
    const Model efficient = efficientnet_b0(options);
    CHECK(kept(efficient) == Names{"block2b_drop", "block3b_drop", "block4b_drop", "block4c_drop", "block5b_drop",
                                   "block5c_drop", "block6b_drop", "block6c_drop", "block6d_drop"});
    for (const auto& layer : efficient.all_layers()) {
      const auto* dropout = dynamic_cast<const DropoutLayer*>(layer.get());
      if (dropout != nullptr) CHECK(dropout->options().noise_shape == PartialShape{any, 1, 1, 1});
    }
  }
}

TEST_CASE("the width multiplier of MobileNets gives multiples of 8 that are at most a tenth too small") {
  // the next multiple, halves up; at least 8, and the one above if it is below 0.9 of the wanted number
  const auto rounded = [](double wanted) {
    std::int64_t best = 8;
    for (std::int64_t m = 16; static_cast<double>(m) <= wanted + 4; m += 8) best = m;
    return static_cast<double>(best) < 0.9 * wanted ? best + 8 : best;
  };
  CHECK((rounded(8.6) == 8 && rounded(8.9) == 16 && rounded(12) == 16 && rounded(1) == 8 && rounded(35) == 32));
  const auto channels = [](const Model& model, const std::string& layer) {
    return model.parameter(layer + "/kernel").shape()[-1];
  };
  for (const double alpha : {0.1, 0.35, 0.5, 0.5375, 0.5575, 0.75, 1.0, 1.1, 1.4}) {
    INFO(alpha);
    NetworkOptions options = backbone_of(32);
    const Model v2 = mobilenet_v2(options, alpha), v3 = mobilenet_v3(MobileNetSize::small, options, alpha),
                v1 = mobilenet_v1(options, alpha);
    const std::vector<std::pair<std::string, double>> of_v2{
        {"Conv1", 32},           {"expanded_conv_project", 16}, {"block_1_project", 24},   {"block_3_project", 32},
        {"block_6_project", 64}, {"block_10_project", 96},      {"block_13_project", 160}, {"block_16_project", 320}};
    for (const auto& [layer, filters] : of_v2) CHECK(channels(v2, layer) == rounded(alpha * filters));
    CHECK(channels(v2, "Conv_1") == (alpha > 1 ? rounded(alpha * 1280) : 1280));
    const std::vector<std::pair<std::string, double>> of_v3{{"expanded_conv_project", 16},
                                                            {"expanded_conv_1_project", 24},
                                                            {"expanded_conv_3_project", 40},
                                                            {"expanded_conv_6_project", 48},
                                                            {"expanded_conv_8_project", 96}};
    for (const auto& [layer, filters] : of_v3) CHECK(channels(v3, layer) == rounded(alpha * filters));
    CHECK(channels(v3, "conv_1") == rounded(6.0 * static_cast<double>(rounded(alpha * 96))));
    // V1 cuts off, without multiples
    CHECK(channels(v1, "conv1") == static_cast<std::int64_t>(alpha * 32));
    CHECK(channels(v1, "conv_pw_13") == static_cast<std::int64_t>(alpha * 1024));
  }
  CHECK(channels(mobilenet_v1(backbone_of(32), 0.01), "conv1") == 1);
}

TEST_CASE("networks accept options up to their limits") {
  const std::string alpha = ": expected a width multiplier alpha in (0, 100], got ";
  const NetworkOptions row{.input = {32, 3}};  // is refused after alpha, before a large network is made
  const std::vector<std::function<void(double)>> makers{[&](double a) { mobilenet_v1(row, a); },
                                                        [&](double a) { mobilenet_v2(row, a); },
                                                        [&](double a) { mobilenet_v3(MobileNetSize::large, row, a); }};
  for (std::size_t i = 0; i < makers.size(); ++i) {
    for (const double wrong : {-1.0, 0.0, 100.5}) {
      CHECK(error_of([&] { makers[i](wrong); }) == fmt::format("mobilenet_v{}{}{}", i + 1, alpha, wrong));
    }
    for (const double right : {1e-9, 100.0}) {
      CHECK(error_of([&] { makers[i](right); }) ==
            "expected images (height, width, channels) as input of the network, got (32, 3)");
    }
  }
  CHECK(error_of([] { mobilenet_v1({.implementation = Implementation::torchvision}); }) ==
        "mobilenet_v1: expected Implementation::keras, got torchvision, which has no such network");
  for (const int depth : {-4, 2, 7, 9, 19}) {
    CHECK(error_of([&] { cifar_resnet(depth); }) ==
          fmt::format("cifar_resnet: expected a depth of 6 n + 2 with n >= 1, such as 20, got {}", depth));
  }
  for (const int depth : {8, 14}) CHECK(cifar_resnet(depth).output_shape() == PartialShape{10});
  for (const std::int64_t classes : {-1, 0}) {
    CHECK(error_of([&] {
            cifar_resnet(8, {.input = {32, 32, 3}, .classes = classes});
          }) == fmt::format("expected at least 1 class, got {}", classes));
  }
  CHECK(cifar_resnet(8, {.input = {32, 32, 3}, .classes = 1}).output_shape() == PartialShape{1});
  const auto levels = [](std::size_t count) { return std::vector<std::int64_t>(count, 1); };
  for (const std::size_t count : {0U, 1U, 21U}) {
    CHECK(error_of([&] { unet({.filters = levels(count)}); }) ==
          fmt::format("unet: expected the channels of 2 to 20 levels, got {}", count));
  }
  for (const std::size_t count : {2U, 20U}) CHECK(unet({.filters = levels(count)}).output_shape()[-1] == 2);
  for (const PartialShape& input : {PartialShape{16, 3}, PartialShape{16, 16, 16, 3}}) {
    CHECK(error_of([&] { unet({.input = input}); }) ==
          fmt::format("unet: expected images (height, width, channels) as input, got {}", input));
  }
  const std::string multiples = "unet: expected a height and width that 5 levels divide, that is multiples of 16, got ";
  for (const PartialShape& input : {PartialShape{30, 32, 3}, {32, 30, 3}, {any, 30, 3}, {30, any, 3}}) {
    CHECK(error_of([&] { unet({.input = input}); }) == fmt::format("{}{}", multiples, input));
  }
}

TEST_CASE("U-Net has the documented layers with the documented options, and no others") {
  for (const bool normal : {true, false}) {
    const auto twice = [&](SymbolicTensor x, std::int64_t filters, const std::string& name) {
      for (const std::string number : {"_1", "_2"}) {
        x = Conv2D({.filters = filters,
                    .kernel_size = 3,
                    .padding = Padding::same,
                    .use_bias = !normal,
                    .kernel_initializer = he_normal(),
                    .name = name + number + "_conv"})(x);
        if (normal) x = BatchNormalization({.momentum = 0.75, .name = name + number + "_bn"})(x);
        x = Activation(relu, {.name = name + number + "_relu"})(x);
      }
      return x;
    };
    const auto larger = [](const SymbolicTensor& x, std::int64_t filters, const std::string& name) {
      return Conv2D({.filters = filters,
                     .kernel_size = 2,
                     .padding = Padding::same,
                     .activation = relu,
                     .kernel_initializer = he_normal(),
                     .name = name + "_conv"})(UpSampling2D({.size = 2, .name = name + "_upsampling"})(x));
    };
    const auto input = Input({any, 12, 2});
    const auto fine = twice(input, 4, "down1");
    const auto middle = twice(MaxPooling2D({.pool_size = 2, .name = "down1_pool"})(fine), 5, "down2");
    auto x = twice(MaxPooling2D({.pool_size = 2, .name = "down2_pool"})(middle), 6, "down3");
    x = Dropout({.rate = 0.25, .name = "dropout"})(x);
    x = twice(Concatenate({.name = "up2_concat"})({middle, larger(x, 5, "up2")}), 5, "up2");
    x = twice(Concatenate({.name = "up1_concat"})({fine, larger(x, 4, "up1")}), 4, "up1");
    const Model expected(input, Conv2D({.filters = 3, .name = "logits"})(x), {.name = "unet"});
    const Model found = unet({.input = {any, 12, 2},
                              .classes = 3,
                              .filters = {4, 5, 6},
                              .batch_normalization = normal,
                              .momentum = 0.75,
                              .dropout = 0.25});
    CHECK(graph_to_json(found) == graph_to_json(expected));
  }
}
