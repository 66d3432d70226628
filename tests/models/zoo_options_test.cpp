// Every option that the networks of models/zoo have in common has its effect on every network.
#include "layers/layers.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/densenet.hpp"
#include "models/zoo/efficientnet.hpp"
#include "models/zoo/mobilenet.hpp"
#include "models/zoo/resnet.hpp"
#include "models/zoo/resnet50.hpp"
#include "models/zoo/unet.hpp"
#include "models/zoo/vgg.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// What the test sets of the options of a network; without value: the default.
struct Choice {
  std::uint64_t seed = 0;
  std::optional<double> momentum = std::nullopt, dropout = std::nullopt;
  std::int64_t classes = 3, channels = 3;
  bool synchronized = false;
};

struct Network {
  const char* name;
  bool normalizes, drops;  ///< whether it has batch normalization, and dropout that the options set
  std::function<Model(const Choice&)> make;
};

NetworkOptions options_of(const Choice& c) {
  return {.input = {32, 32, c.channels},
          .classes = c.classes,
          .momentum = c.momentum,
          .synchronized = c.synchronized,
          .dropout = c.dropout,
          .seed = c.seed};
}

const std::vector<Network>& networks() {
  static const std::vector<Network> all{
      {"vgg", false, true, [](const Choice& c) { return vgg(11, options_of(c)); }},
      {"resnet", true, false, [](const Choice& c) { return resnet(18, options_of(c)); }},
      {"resnet_v2", true, false, [](const Choice& c) { return resnet_v2(50, options_of(c)); }},
      {"cifar_resnet", true, false, [](const Choice& c) { return cifar_resnet(20, options_of(c)); }},
      {"densenet", true, false, [](const Choice& c) { return densenet(121, options_of(c)); }},
      {"mobilenet_v1", true, true, [](const Choice& c) { return mobilenet_v1(options_of(c), 0.25); }},
      {"mobilenet_v2", true, true, [](const Choice& c) { return mobilenet_v2(options_of(c), 0.35); }},
      {"mobilenet_v3", true, true, [](const Choice& c) { return mobilenet_v3(MobileNetSize::small, options_of(c)); }},
      {"efficientnet_b0", true, true, [](const Choice& c) { return efficientnet_b0(options_of(c)); }},
      {"unet", true, true,
       [](const Choice& c) {
         UNetOptions o{.input = {32, 32, c.channels}, .classes = c.classes, .filters = {4, 8}, .seed = c.seed};
         if (c.momentum) o.momentum = *c.momentum;
         if (c.dropout) o.dropout = *c.dropout;
         return unet(o);
       }},
      {"resnet50", true, false,
       [](const Choice& c) {
         ResNet50Options o{.input = Shape{64, 64, c.channels}, .classes = c.classes, .seed = c.seed};
         if (c.momentum) o.residual.momentum = *c.momentum;
         o.residual.synchronized = c.synchronized;
         return resnet50(o);
       }},
      {"conv_net", true, true,
       [](const Choice& c) {
         return conv_net({.input = Shape{64, 64, c.channels},
                          .classes = c.classes,
                          .batch_normalization = true,
                          .hidden_units = 5,
                          .dropout = c.dropout.value_or(0),
                          .seed = c.seed});
       }},
  };
  return all;
}

/// The options of all layers of a class.
template <class Definition>
std::vector<typename Definition::Options> options_in(const Model& model) {
  std::vector<typename Definition::Options> found;
  for (const auto& layer : model.all_layers()) {
    if (const auto* one = dynamic_cast<const Definition*>(layer.get())) found.push_back(one->options());
  }
  return found;
}

}  // namespace

TEST_CASE("the seed of a network decides the initial values of all its random parameters") {
  for (const Network& network : networks()) {
    INFO(network.name);
    const Model model = network.make({.seed = 5}), same = network.make({.seed = 5}), other = network.make({.seed = 6});
    int random = 0;
    for (const auto& [path, parameter] : model.named_parameters()) {
      const Tensor value = parameter.value();
      CHECK(identical(value, same.parameter(path).value()));
      if (!path.ends_with("kernel")) continue;
      ++random;
      CHECK_FALSE(identical(value, other.parameter(path).value()));
    }
    CHECK(random >= 3);
  }
}

TEST_CASE("momentum, synchronization and dropout reach the layers of a network") {
  for (const Network& network : networks()) {
    INFO(network.name);
    const std::string name = network.name;
    const Model model = network.make({.momentum = 0.75, .dropout = 0.4375, .synchronized = true}),
                usual = network.make({});
    const auto normalizations = options_in<BatchNormalizationLayer>(model);
    CHECK(normalizations.empty() == !network.normalizes);
    for (const auto& o : normalizations) {
      if (name != "conv_net") CHECK(o.momentum == 0.75);
      if (name != "conv_net" && name != "unet") CHECK(o.synchronized);
    }
    for (const auto& o : options_in<BatchNormalizationLayer>(usual)) {
      CHECK(o.momentum != 0.75);
      CHECK_FALSE(o.synchronized);
    }
    const auto dropped = options_in<DropoutLayer>(model), before = options_in<DropoutLayer>(usual);
    const auto is_set = [](const DropoutLayer::Options& o) { return o.rate == 0.4375; };
    CHECK(std::ranges::any_of(dropped, is_set) == network.drops);
    CHECK(std::ranges::none_of(before, is_set));
  }
}

TEST_CASE("a network has the outputs and the channels of images that its options name") {
  for (const Network& network : networks()) {
    INFO(network.name);
    const Model model = network.make({.classes = 7, .channels = 1});
    CHECK(model.output_shape()[-1] == 7);
    CHECK(model.input_shape()[-1] == 1);
  }
}
