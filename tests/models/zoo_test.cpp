// The networks of models/zoo: parameters and outputs of Keras's, published counts, backbones, options, U-Net.
#include <cmath>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/zoo/densenet.hpp"
#include "models/zoo/efficientnet.hpp"
#include "models/zoo/feature_maps.hpp"
#include "models/zoo/mobilenet.hpp"
#include "models/zoo/resnet.hpp"
#include "models/zoo/unet.hpp"
#include "models/zoo/vgg.hpp"
#include "tests/models/numbers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// Sets the parameters to numbers that depend on their names alone.
void set_numbers(const Model& model) {
  for (const auto& [path, parameter] : model.named_parameters()) {
    const std::size_t slash = path.rfind('/');
    std::string kind = path.substr(slash + 1);
    if (kind == "depthwise_kernel") kind = "kernel";  // Keras 3's name
    const Tensor u = numbers(path.substr(0, slash + 1) + kind, parameter.shape());
    double scale = 0.2, shift = 0;
    if (kind == "kernel") {
      const auto fan_in = static_cast<double>(parameter.shape().size() / parameter.shape()[-1]);
      scale = std::sqrt(24.0 / fan_in);
    } else if (kind == "gamma" || kind == "moving_variance") {
      shift = 1;
    }
    std::vector<double> values = u.to_vector();
    for (double& v : values) v = shift + scale * v;
    Parameter(parameter).set_value(Tensor::of(parameter.shape(), values, DType::float64));
  }
}

std::vector<double> output_of(const Model& model, const Shape& image) {
  ForwardPass pass(Mode::inference);
  return model(Variable(numbers("image", image).reshaped(image.prepended(1))), pass).value().to_vector();
}

std::vector<std::string> shapes(const std::vector<SymbolicTensor>& tensors) {
  std::vector<std::string> texts;
  for (const SymbolicTensor& tensor : tensors) texts.push_back(fmt::format("{}", tensor.shape()));
  return texts;
}

const NetworkOptions tiny{.input = {32, 32, 3}, .classes = 3}, small{.input = {64, 64, 3}, .classes = 3},
    odd{.input = {75, 75, 3}, .classes = 3};

}  // namespace

TEST_CASE("networks have the parameters of Keras's and compute what they compute") {
  struct Row {
    Model model;
    std::int64_t parameters, trainable;
    std::vector<double> output;
  };
  // printed by tests/golden/make_keras_networks.py (Keras 3.15)
  const auto rows = [](int part) -> std::vector<Row> {
    switch (part) {
      case 0:
        return {{resnet(50, small), 23593859, 23540739, {-1.06036492413966, 2.24754401549038, -3.92029926871199}}};
      case 1:
        return {{resnet_v2(50, small), 23570947, 23525507, {2.16207686123926, -2.11991861876006, 0.63864202789105}}};
      case 2:
        return {{vgg(16, tiny), 33609539, 33609539, {0.319905842173115, -0.0754431193983277, 0.0384506132047709}}};
      case 3:
        return {{densenet(121, small), 7040579, 6956931, {0.704578127535777, -0.885238412948733, 0.370777992424052}}};
      case 4:
        return {{mobilenet_v1(small), 3231939, 3210051, {0.458227579996631, -0.336392318973188, -0.0202928513319585}}};
      case 5:
        return {
            {mobilenet_v1(small, 0.25), 219315, 213843, {0.181084185884461, -0.190451537166732, 0.058311320857171}}};
      case 6:
        return {{mobilenet_v2(small), 2261827, 2227715, {-0.257596410629901, 0.163889271304506, 0.0061422264572482}}};
      case 7:
        return {
            {mobilenet_v2(small, 0.35), 414051, 399971, {-0.410271436516899, 0.114631712908269, 0.0617842096020925}}};
      case 8:
        return {{mobilenet_v2(odd, 1.3), 3771043, 3726787, {-0.594916420462131, 0.194079073478577, 0.408357907591981}}};
      case 9:
        return {{mobilenet_v3(MobileNetSize::small, small),
                 1533043,
                 1520931,
                 {-0.080822267501979, 0.234215445948913, -0.173551415484539}}};
      case 10:
        return {{mobilenet_v3(MobileNetSize::large, odd),
                 4230275,
                 4205875,
                 {-0.0990889875215385, 0.377777187196673, -0.302635940504208}}};
      case 11:
        return {{mobilenet_v3(MobileNetSize::small, small, 0.75),
                 1029627,
                 1019947,
                 {-0.0554361132132657, 0.30086426453154, -0.396952730240132}}};
      default:
        return {{efficientnet_b0(small),
                 4053407,
                 4011391,
                 {-0.0255897194591111, -0.0424819415968478, -0.0100337000554652}}};
    }
  };
  for (int part = 0; part < 13; ++part) {
    for (Row row : rows(part)) {
      INFO(row.model.name());
      CHECK(row.model.parameter_count() == row.parameters);
      CHECK(row.model.trainable_count() == row.trainable);
      row.model.convert(DType::float64);
      set_numbers(row.model);
      const std::vector<double> output = output_of(row.model, row.model.input_shape());
      REQUIRE(output.size() == row.output.size());
      for (std::size_t i = 0; i < output.size(); ++i) CHECK(output[i] == Approx(row.output[i]).epsilon(1e-10));
    }
  }
}

TEST_CASE("networks have the published numbers of parameters") {
  const NetworkOptions torchvision{.implementation = Implementation::torchvision};
  const auto trainable = [](const Model& model) { return model.trainable_count(); };
  const auto total = [](const Model& model) { return model.parameter_count(); };
  // torchvision.models, the sum of parameter.numel()
  CHECK(trainable(resnet(18, torchvision)) == 11689512);
  CHECK(trainable(resnet(34, torchvision)) == 21797672);
  CHECK(trainable(resnet(50, torchvision)) == 25557032);
  CHECK(trainable(resnet(101, torchvision)) == 44549160);
  CHECK(trainable(mobilenet_v2(torchvision)) == 3504872);
  CHECK(trainable(mobilenet_v3(MobileNetSize::small, torchvision)) == 2542856);
  CHECK(trainable(mobilenet_v3(MobileNetSize::large, torchvision)) == 5483032);
  CHECK(trainable(efficientnet_b0(torchvision)) == 5288548);
  CHECK(trainable(densenet(121, torchvision)) == 7978856);
  // keras.applications, count_params()
  CHECK(total(resnet(50)) == 25636712);
  CHECK(total(resnet(152)) == 60419944);
  CHECK(total(resnet_v2(101)) == 44675560);
  CHECK(total(mobilenet_v1()) == 4253864);
  CHECK(total(mobilenet_v2()) == 3538984);
  CHECK(total(mobilenet_v3(MobileNetSize::small)) == 2554968);
  CHECK(total(mobilenet_v3(MobileNetSize::large)) == 5507432);
  CHECK(total(efficientnet_b0()) == 5330571 - 7);
  CHECK(total(densenet(169)) == 14307880);
  CHECK(total(densenet(201)) == 20242984);
  CHECK(trainable(vgg(11, {.include_top = false, .implementation = Implementation::torchvision})) == 9220480);
  CHECK(trainable(vgg(13, {.include_top = false, .implementation = Implementation::torchvision})) == 9404992);
  CHECK(total(vgg(16, {.include_top = false})) == 14714688);
  CHECK(total(vgg(19, {.include_top = false})) == 20024384);
  // Keras's example of ResNet-20 for CIFAR, and MLPerf Tiny's ResNet-8
  CHECK(total(cifar_resnet(20)) == 274442);
  CHECK(total(cifar_resnet(8)) == 78666);
}

TEST_CASE("residual networks that Keras does not have use the layer names of those that it has") {
  const auto names = [](const Model& model) {
    std::vector<std::string> found;
    for (const auto& layer : model.all_layers()) {
      if (layer->name().starts_with("conv") || !layer->named_parameters().empty()) found.push_back(layer->name());
    }
    std::ranges::sort(found);
    return found;
  };
  const auto wanted = [](int stages, int blocks, bool normalized_shortcuts) {
    std::vector<std::string> all{"conv1_conv", "conv1_bn", "conv1_relu", "predictions"};
    for (int stage = 2; stage < 2 + stages; ++stage) {
      for (int block = 1; block <= blocks; ++block) {
        const std::string name = fmt::format("conv{}_block{}_", stage, block);
        for (const char* layer : {"1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "add", "out"}) {
          all.push_back(name + layer);
        }
        if (block > 1 || stage == 2) continue;
        all.push_back(name + "0_conv");
        if (normalized_shortcuts) all.push_back(name + "0_bn");
      }
    }
    std::ranges::sort(all);
    return all;
  };
  CHECK(names(resnet(18, tiny)) == wanted(4, 2, true));
  CHECK(names(cifar_resnet(14)) == wanted(3, 2, false));
  CHECK(resnet(18, tiny).name() == "resnet18");
  CHECK(cifar_resnet(14).name() == "resnet14_cifar");
  const Model second = resnet_v2(50, tiny);
  CHECK(second.name() == "resnet50v2");
  for (const char* name :
       {"conv1_conv", "pool1_pad", "pool1_pool", "conv2_block1_preact_bn", "conv2_block1_preact_relu",
        "conv2_block1_0_conv", "conv2_block3_out", "post_bn", "post_relu"}) {
    CHECK(second.layer(name).name() == name);
  }
}

TEST_CASE("a backbone has the feature maps of each resolution, for images of any size") {
  const NetworkOptions backbone{.input = {any, any, 3}, .include_top = false};
  CHECK(shapes(feature_maps(resnet(18, {.include_top = false}))) ==
        std::vector<std::string>{"(112, 112, 64)", "(56, 56, 64)", "(28, 28, 128)", "(14, 14, 256)", "(7, 7, 512)"});
  const Model mobile = mobilenet_v3(MobileNetSize::small, backbone);
  CHECK(mobile.output_shape() == PartialShape{any, any, 576});
  const std::vector<SymbolicTensor> maps = feature_maps(mobile);
  REQUIRE(shapes(maps) == std::vector<std::string>{"(None, None, 16)", "(None, None, 72)", "(None, None, 96)",
                                                   "(None, None, 288)", "(None, None, 576)"});
  const Model pyramid(mobile.inputs(), maps);
  for (const std::int64_t size : {64, 96}) {
    ForwardPass pass(Mode::inference);
    const std::vector<Variable> values = pyramid.call({Tensor::ones({1, size, 2 * size, 3})}, pass);
    for (std::size_t i = 0; i < values.size(); ++i) {
      CHECK(values[i].dim(1) == size >> (i + 1));
      CHECK(values[i].dim(2) == size >> i);
    }
  }
  // the padding layer of ResNet V2 has a size of its own, but is no feature map
  CHECK(shapes(feature_maps(resnet_v2(50, {.include_top = false})))[0] == "(112, 112, 64)");
  // means over the whole image are no feature map, although they may have three axes
  const auto image = Input({16, 16, 3});
  const auto map = Conv2D({.filters = 4, .kernel_size = 3, .strides = 2, .padding = Padding::same})(image);
  const auto pooled = GlobalAveragePooling2D({.keepdims = true})(map);
  const auto reduced = Operator({.function = std::string("ReduceMean"), .axes = {1, 2}, .keep_dims = true})(map);
  const auto factors = Conv2D({.filters = 4})(Add()({pooled, reduced}));
  CHECK(shapes(feature_maps(Model(image, Multiply()({map, factors})))) == std::vector<std::string>{"(8, 8, 4)"});
  // a mean over the channels has a value for each pixel
  const auto of_pixels = Operator({.function = std::string("ReduceMean"), .axes = {3}, .keep_dims = true})(map);
  CHECK(shapes(feature_maps(Model(image, of_pixels))) == std::vector<std::string>{"(8, 8, 1)"});
  const auto vector = Input({3});
  const Model dense(vector, Dense({.units = 2})(vector));
  CHECK(error_of([&] { feature_maps(dense); }) ==
        "feature_maps: expected a model with one image (height, width, channels) as input, got 1 input(s), the first "
        "(3,)");
}

TEST_CASE("the options of a network reach its layers") {
  const auto only_dropout = [](const Model& model) {
    std::vector<double> rates;
    for (const auto& layer : model.all_layers()) {
      if (const auto* dropout = dynamic_cast<const DropoutLayer*>(layer.get()))
        rates.push_back(dropout->options().rate);
    }
    return rates;
  };
  const auto constants = [](const Model& model) {
    std::vector<double> found;
    for (const auto& layer : model.all_layers()) {
      if (const auto* normalization = dynamic_cast<const BatchNormalizationLayer*>(layer.get())) {
        const auto& options = normalization->options();
        found = {options.momentum, options.epsilon, options.synchronized ? 1.0 : 0.0};
      }
    }
    return found;
  };
  using Rates = std::vector<double>;
  CHECK(only_dropout(mobilenet_v1(tiny)) == Rates{1e-3});
  CHECK(only_dropout(mobilenet_v2(tiny)).empty());
  CHECK(only_dropout(mobilenet_v3(MobileNetSize::small, tiny)) == Rates{0.2});
  NetworkOptions changed = tiny;
  changed.dropout = 0.5;
  changed.momentum = 0.75;
  changed.synchronized = true;
  changed.seed = 1;
  const Model model = mobilenet_v2(changed);
  CHECK(only_dropout(model) == Rates{0.5});
  CHECK(constants(model) == std::vector<double>{0.75, 1e-3, 1});
  CHECK(constants(mobilenet_v2(tiny)) == std::vector<double>{0.999, 1e-3, 0});
  CHECK(constants(resnet(18, tiny)) == std::vector<double>{0.99, 1.001e-5, 0});
  NetworkOptions torchvision = tiny;
  torchvision.implementation = Implementation::torchvision;
  CHECK(only_dropout(mobilenet_v2(torchvision)) == Rates{0.2});
  CHECK(only_dropout(vgg(11, torchvision)) == Rates{0.5, 0.5});
  CHECK(constants(resnet(18, torchvision)) == std::vector<double>{0.9, 1e-5, 0});
  CHECK(constants(mobilenet_v3(MobileNetSize::small, torchvision)) == std::vector<double>{0.99, 1e-3, 0});
  const auto kernel = [](const Model& of) { return of.parameter("predictions/kernel").value(); };
  CHECK_FALSE(identical(kernel(model), kernel(mobilenet_v2(tiny))));
  // the width of the hidden layer grows with alpha, and does not shrink
  for (const auto& [alpha, small, large] : {std::tuple(0.75, 1024, 1280), {1, 1024, 1280}, {1.25, 1280, 1600}}) {
    CHECK(mobilenet_v3(MobileNetSize::small, tiny, alpha).parameter("conv_2/bias").shape() == Shape{small});
    CHECK(mobilenet_v3(MobileNetSize::large, tiny, alpha).parameter("conv_2/bias").shape() == Shape{large});
  }
  // stochastic depth rises from 0 to 0.2 over the 16 blocks; the 9 blocks with a shortcut have it
  const Rates depth = only_dropout(efficientnet_b0(tiny));
  REQUIRE(depth.size() == 10);
  CHECK(depth.front() == Approx(0.2 * 2 / 16));
  CHECK(depth[8] == Approx(0.2 * 14 / 16));
  CHECK(depth.back() == 0.2);
}

TEST_CASE("torchvision's ResNet-50 has the stride in the 3x3 convolution and no biases") {
  NetworkOptions options = small;
  const auto strides = [](const Model& model, const std::string& name) {
    return dynamic_cast<const Conv2DLayer&>(model.layer(name)).options().strides;
  };
  const Model keras = resnet(50, options);
  options.implementation = Implementation::torchvision;
  const Model torchvision = resnet(50, options);
  CHECK(strides(keras, "conv3_block1_1_conv") == Extent2D(2));
  CHECK(strides(keras, "conv3_block1_2_conv") == Extent2D(1));
  CHECK(strides(torchvision, "layer2.0.conv1") == Extent2D(1));
  CHECK(strides(torchvision, "layer2.0.conv2") == Extent2D(2));
  CHECK(keras.layer("conv1_conv").named_parameters().size() == 2);
  CHECK(torchvision.layer("conv1").named_parameters().size() == 1);
  // equal padding: a strided 3x3 convolution of an even size drops the last column, Keras's the first
  const auto padding = [](const Model& model, const std::string& name) {
    return dynamic_cast<const DepthwiseConv2DLayer&>(model.layer(name)).options().padding;
  };
  CHECK(padding(mobilenet_v2(options), "features.2.conv.1.0").amounts() == std::array<std::int64_t, 4>{1, 1, 1, 1});
  CHECK(padding(mobilenet_v2(small), "block_1_depthwise").is_same());
}

TEST_CASE("a network of the zoo is saved, loaded and trained") {
  const TemporaryFolder folder;
  for (const Model& model : {mobilenet_v3(MobileNetSize::small, tiny), efficientnet_b0(tiny), cifar_resnet(8)}) {
    INFO(model.name());
    save_model(model, folder / "network.safetensors");
    const Model loaded = load_model(folder / "network.safetensors");
    ForwardPass first(Mode::inference), second(Mode::inference);
    const Variable images = RandomStream(1).uniform({2, 32, 32, 3});
    CHECK(identical(model(images, first).value(), loaded(images, second).value()));
    ForwardPass pass(Mode::training, {.step = 1});
    const Gradients found = pass.backward(softmax_cross_entropy(model(images, pass), Tensor::labels({0, 1})));
    for (const Parameter& parameter : model.parameters()) {
      INFO(parameter.name());
      CHECK(found.contains(parameter) == parameter.trainable());
    }
  }
}

TEST_CASE("networks reject options that do not fit") {
  const auto message = [](const auto& make) { return error_of(make); };
  CHECK(message([] { resnet(20); }) == "resnet: expected a depth among 18, 34, 50, 101, 152, got 20");
  CHECK(message([] { resnet_v2(18); }) == "resnet_v2: expected a depth among 50, 101, 152, got 18");
  CHECK(message([] { resnet_v2(50, {.implementation = Implementation::torchvision}); }) ==
        "resnet_v2: expected Implementation::keras, got torchvision, which has no such network");
  CHECK(message([] { cifar_resnet(18); }) ==
        "cifar_resnet: expected a depth of 6 n + 2 with n >= 1, such as 20, got 18");
  CHECK(message([] { vgg(17); }) == "vgg: expected a depth of 11, 13, 16 or 19, got 17");
  CHECK(message([] { densenet(120); }) == "densenet: expected a depth of 121, 169 or 201, got 120");
  CHECK(message([] { mobilenet_v1({}, 0); }) == "mobilenet_v1: expected a width multiplier alpha in (0, 100], got 0");
  CHECK(message([] { mobilenet_v2({}, std::nan("")); }) ==
        "mobilenet_v2: expected a width multiplier alpha in (0, 100], got nan");
  CHECK(message([] {
          resnet(18, {.input = {32, 32}});
        }) == "expected images (height, width, channels) as input of the network, got (32, 32)");
  CHECK(message([] { resnet(18, {.classes = 0}); }) == "expected at least 1 class, got 0");
  CHECK(message([] {
          vgg(11, {.input = {any, any, 3}});
        }) == "Dense fc1: expected inputs that give axis 0 of its kernel (None, 4096) an extent, got (None, None)");
  CHECK(message([] {
          resnet(18, {.input = {32, 32, any}});
        }) ==
        "Conv2D conv1_conv: expected inputs that give axis 2 of its kernel (7, 7, None, 64) an extent, got (None, 32, "
        "32, None)");
}

TEST_CASE("U-Net is that of the paper with same padding, and segments images of any size") {
  // the paper's network with 2 classes: 31,030,658 + 1,024 parameters with padded 2x2 convolutions of one channel
  const Model paper = unet({.input = {any, any, 1}, .batch_normalization = false});
  std::int64_t expected = 0;
  const std::vector<std::int64_t> filters{64, 128, 256, 512, 1024};
  std::int64_t channels = 1;
  for (const std::int64_t f : filters) {
    expected += 9 * channels * f + f + 9 * f * f + f;
    channels = f;
  }
  for (std::size_t i = 4; i-- > 0;) {
    const std::int64_t f = filters[i];
    expected += 4 * 2 * f * f + f + 9 * 2 * f * f + f + 9 * f * f + f;
  }
  expected += 64 * 2 + 2;
  CHECK(paper.parameter_count() == expected);
  CHECK(paper.output_shape() == PartialShape{any, any, 2});

  const Model model = unet({.classes = 4, .filters = {4, 8, 16}});
  for (const std::int64_t size : {8, 20}) {
    ForwardPass pass(Mode::inference);
    CHECK(model(Variable(Tensor::ones({2, size, 12, 3})), pass).shape() == Shape{2, size, 12, 4});
  }
  CHECK(error_of([] {
          unet({.input = {30, 32, 3}});
        }) == "unet: expected a height and width that 5 levels divide, that is multiples of 16, got (30, 32, 3)");
  CHECK(error_of([&] {
          ForwardPass pass(Mode::inference);
          model(Variable(Tensor::ones({1, 10, 12, 3})), pass);
        }) ==
        "Concatenate up2_concat: concatenate: expected shapes that agree but for axis 3, got (1, 5, 6, 8) and (1, 4, "
        "6, 8)");
  CHECK(error_of([] { unet({.filters = {4}}); }) == "unet: expected the channels of 2 to 20 levels, got 1");

  CHECK(model.name() == "unet");
  std::vector<std::string> names{"logits"}, found;
  for (const std::string stage : {"down1", "down2", "down3", "up2", "up1"}) {
    for (const char* layer : {"_1_conv", "_1_bn", "_2_conv", "_2_bn"}) names.push_back(stage + layer);
    if (stage.starts_with("up")) names.push_back(stage + "_conv");
  }
  for (const auto& layer : model.all_layers()) {
    if (!layer->named_parameters().empty()) found.push_back(layer->name());
  }
  std::ranges::sort(names), std::ranges::sort(found);
  CHECK(found == names);
  // the dropout is between the way down and the way up
  for (const double rate : {0.0, 0.25}) {
    const Model dropped = unet({.input = {8, 8, 3}, .filters = {4, 8}, .dropout = rate});
    std::vector<std::string> around;
    for (const ModelNode& node : dropped.nodes()) {
      const auto* dropout = dynamic_cast<const DropoutLayer*>(node.layer.get());
      if (dropout == nullptr) continue;
      CHECK(dropout->options().rate == rate);
      around.push_back(dropped.nodes()[node.inputs[0].node].layer->name());
      CHECK(node.shape() == PartialShape{4, 4, 8});
    }
    CHECK(around.size() == (rate > 0 ? 1 : 0));
    for (const std::string& before : around) CHECK_THAT(before, Catch::StartsWith("down2"));
  }
  const UNetOptions defaults;
  CHECK(std::tuple(defaults.classes, defaults.batch_normalization, defaults.momentum, defaults.dropout) ==
        std::tuple(2, true, 0.9, 0));
}

TEST_CASE("the initial kernels of a network have the variance and the distribution of its implementation") {
  enum class Fan { in, out, mean };
  enum class Draw { normal, truncated, uniform };
  struct Row {
    const Model& model;
    const char* kernel;
    double scale;  // the variance is scale / fan
    Fan fan;
    Draw draw;
  };
  NetworkOptions options = tiny;
  options.implementation = Implementation::torchvision;
  const Model resnet_keras = resnet(18, tiny), resnet_torch = resnet(18, options);
  const Model v2_keras = mobilenet_v2(tiny), v2_torch = mobilenet_v2(options);
  const Model v3_keras = mobilenet_v3(MobileNetSize::small, tiny),
              v3_torch = mobilenet_v3(MobileNetSize::small, options);
  const Model b0_keras = efficientnet_b0(tiny), b0_torch = efficientnet_b0(options);
  const Model vgg_keras = vgg(11, {.input = {32, 32, 3}, .include_top = false}), cifar = cifar_resnet(8);
  const Model u = unet({.filters = {16, 32}});
  const std::vector<Row> rows{
      {resnet_keras, "conv5_block2_2_conv/kernel", 1, Fan::mean, Draw::uniform},
      {resnet_torch, "layer4.1.conv2/kernel", 2, Fan::out, Draw::normal},
      {v2_keras, "Conv_1/kernel", 1, Fan::mean, Draw::uniform},
      {v2_keras, "block_16_depthwise/depthwise_kernel", 1, Fan::mean, Draw::uniform},
      {v2_torch, "features.18.0/kernel", 2, Fan::out, Draw::normal},
      {v2_torch, "features.17.conv.1.0/depthwise_kernel", 2, Fan::out, Draw::normal},
      {v3_keras, "expanded_conv_10_squeeze_excite_conv/kernel", 1, Fan::mean, Draw::uniform},
      {v3_keras, "expanded_conv_10_squeeze_excite_conv_1/kernel", 1, Fan::mean, Draw::uniform},
      {v3_torch, "features.11.block.2.fc1/kernel", 2, Fan::out, Draw::normal},
      {v3_torch, "features.11.block.2.fc2/kernel", 2, Fan::out, Draw::normal},
      {b0_keras, "top_conv/kernel", 2, Fan::out, Draw::truncated},
      {b0_keras, "block6b_dwconv/depthwise_kernel", 2, Fan::out, Draw::truncated},
      {b0_keras, "block6b_se_reduce/kernel", 2, Fan::out, Draw::truncated},
      {b0_keras, "block6b_se_expand/kernel", 2, Fan::out, Draw::truncated},
      {b0_keras, "predictions/kernel", 1.0 / 3, Fan::out, Draw::uniform},
      {b0_torch, "features.8.0/kernel", 2, Fan::out, Draw::normal},
      {b0_torch, "features.6.1.block.2.fc1/kernel", 2, Fan::out, Draw::normal},
      {b0_torch, "classifier.1/kernel", 1.0 / 3, Fan::out, Draw::uniform},
      {vgg_keras, "block5_conv2/kernel", 1, Fan::mean, Draw::uniform},
      {cifar, "conv4_block1_2_conv/kernel", 2, Fan::in, Draw::truncated},
      {u, "up1_conv/kernel", 2, Fan::in, Draw::truncated},
      {u, "down2_2_conv/kernel", 2, Fan::in, Draw::truncated},
  };
  for (const Row& row : rows) {
    INFO(row.model.name() << " " << row.kernel);
    const Tensor kernel = row.model.parameter(row.kernel).value();
    const auto size = static_cast<double>(kernel.size());
    const double in = size / static_cast<double>(kernel.dim(-1)), out = size / static_cast<double>(kernel.dim(-2));
    const double fan = row.fan == Fan::in ? in : row.fan == Fan::out ? out : (in + out) / 2;
    double squares = 0, largest = 0;
    for (const double v : kernel.to_vector()) squares += v * v, largest = std::max(largest, std::abs(v));
    CHECK(squares / size == Approx(row.scale / fan).epsilon(0.1));
    // in standard deviations: sqrt(3) for uniform values; 2 of a normal distribution of which 0.88 are left
    largest /= std::sqrt(row.scale / fan);
    CHECK(largest > (row.draw == Draw::normal ? 3 : row.draw == Draw::truncated ? 2.2 : 1.7));
    CHECK(largest < (row.draw == Draw::normal ? 6 : row.draw == Draw::truncated ? 2.28 : 1.7321));
  }
}
