#include <set>

#include "framework/ops/ops.hpp"
#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

std::int64_t parameters_of(const Model& model, const std::string& layer) {
  std::int64_t count = 0;
  for (const auto& [path, parameter] : model.layer(layer).named_parameters()) count += parameter.shape().size();
  return count;
}

const ModelNode& node_of(const Model& model, const std::string& layer) {
  for (const ModelNode& node : model.nodes()) {
    if (node.layer->name() == layer) return node;
  }
  fail("no node of {}", layer);
}

/// What a node computes from the node number `x`, with the names of the named layers: 3x3/2 for a kernel and strides.
std::string formula(const Model& model, std::size_t node, std::size_t x) {
  if (node == x) return "x";
  const auto& [layer, inputs, outputs] = model.nodes()[node];
  std::vector<std::string> arguments;
  for (const NodeOutput& input : inputs) arguments.push_back(formula(model, input.node, x));
  if (layer->type() == "Add") return fmt::format("{}", fmt::join(arguments, " + "));
  std::string name = layer->name();
  if (const auto* convolution = dynamic_cast<const Conv2DLayer*>(layer.get())) {
    const auto& o = convolution->options();
    name += fmt::format(" {}x{}/{}", o.kernel_size.height, o.kernel_size.width, o.strides.height);
  }
  if (const auto* activation = dynamic_cast<const ActivationLayer*>(layer.get())) name = activation->function().name();
  return fmt::format("{}({})", name, fmt::join(arguments, ", "));
}

}  // namespace

TEST_CASE("ResNet-50 for 6 classes has the lab's parameters, names and shapes") {
  const Model model = resnet50();
  CHECK(model.parameter_count() == 23600006);
  CHECK(model.trainable_count() == 23546886);
  CHECK(model.parameter_count() - model.trainable_count() == 53120);
  CHECK(parameters_of(model, "conv1") == 9472);
  CHECK(parameters_of(model, "bn_conv1") == 256);
  CHECK(parameters_of(model, "fc6") == 2048 * 6 + 6);
  CHECK(node_of(model, "zero_padding2d_1").shape() == Shape{70, 70, 3});
  CHECK(node_of(model, "conv1").shape() == Shape{32, 32, 64});
  CHECK(node_of(model, "max_pooling2d_1").shape() == Shape{15, 15, 64});
  CHECK(node_of(model, "res2a_branch1").shape() == Shape{15, 15, 256});
  CHECK(node_of(model, "res3d_branch2c").shape() == Shape{8, 8, 512});
  CHECK(node_of(model, "res4f_branch2b").shape() == Shape{4, 4, 256});
  CHECK(node_of(model, "bn5c_branch2c").shape() == Shape{2, 2, 2048});
  CHECK(node_of(model, "average_pooling2d_1").shape() == Shape{1, 1, 2048});
  CHECK(model.output_shape() == Shape{6});
  int convolutions = 0;
  int additions = 0;
  for (const ModelNode& node : model.nodes()) {
    convolutions += node.layer->type() == "Conv2D" ? 1 : 0;
    additions += node.layer->type() == "Add" ? 1 : 0;
  }
  CHECK(convolutions == 53);
  CHECK(additions == 16);
}

TEST_CASE("the blocks of ResNet-50 are those of He et al. 2015, with the strides in their first convolutions") {
  const Model model = resnet50();
  std::vector<std::size_t> ends;  // of the blocks, after the nodes in front of them
  for (std::size_t i = 0; i < model.nodes().size(); ++i) {
    const std::string type = model.nodes()[i].layer->type();
    if (type == "MaxPooling2D") ends.push_back(i);
    if (type == "Add") ends.push_back(i + 1);
  }
  REQUIRE(ends.size() == 17);
  CHECK(formula(model, ends[0], 0) == "max_pooling2d_1(relu(bn_conv1(conv1 7x7/2(zero_padding2d_1(x)))))");
  std::size_t block = 0;
  for (const auto& [stage, last] : {std::pair{2, 'c'}, {3, 'd'}, {4, 'f'}, {5, 'c'}}) {
    for (char letter = 'a'; letter <= last; ++letter) {
      const std::string name = fmt::format("{}{}", stage, letter);
      const int stride = letter == 'a' && stage > 2 ? 2 : 1;
      const std::string path = fmt::format(
          "bn{0}_branch2c(res{0}_branch2c 1x1/1(relu(bn{0}_branch2b(res{0}_branch2b 3x3/1(relu(bn{0}_branch2a("
          "res{0}_branch2a 1x1/{1}(x))))))))",
          name, stride);
      const std::string shortcut =
          letter == 'a' ? fmt::format("bn{0}_branch1(res{0}_branch1 1x1/{1}(x))", name, stride) : "x";
      CHECK(formula(model, ends[block + 1], ends[block]) == fmt::format("relu({} + {})", path, shortcut));
      ++block;
    }
  }
  CHECK(formula(model, model.nodes().size() - 1, ends.back()) == "fc6(flatten_1(average_pooling2d_1(x)))");
}

TEST_CASE("ResNet-50 for ImageNet has the published number of parameters") {
  const Model model = resnet50({.input = {224, 224, 3}, .classes = 1000, .pooling = Pooling::global_average});
  CHECK(model.parameter_count() == 25636712);  // as keras.applications.ResNet50 reports
  CHECK(node_of(model, "bn5c_branch2c").shape() == Shape{7, 7, 2048});
}

TEST_CASE("ResNet-50 computes logits and a gradient for every trainable parameter") {
  const Model model = resnet50({.input = {32, 32, 3}, .classes = 4, .pooling = Pooling::global_average});
  RandomStream random(1);
  ForwardPass pass(Mode::training);
  const Variable logits = model(random.uniform({4, 32, 32, 3}), pass);
  CHECK(logits.shape() == Shape{4, 4});
  const Gradients found = pass.backward(softmax_cross_entropy(logits, Tensor::labels({0, 1, 2, 3})));
  for (const Parameter& parameter : model.parameters()) {
    INFO(parameter.name());
    CHECK(found.contains(parameter) == parameter.trainable());
  }
}

TEST_CASE("ResNet-50 rejects images that are too small and names the layer") {
  CHECK(error_of([] {
          resnet50({.input = {16, 16, 3}});
        }) ==
        "AveragePooling2D: expected images at least as large as the window, 2 x 2 taps dilated by 1 x 1, got (None, 1, "
        "1, 2048); use Padding::same or larger images");
  CHECK(error_of([] {
          identity_block(Input({8, 8, 64}), 3, {16, 16, 32}, {2, 'b'});
        }) == "Add: expected inputs of equal extents, or 1, got (None, 8, 8, 32) and (None, 8, 8, 64)");
}

TEST_CASE("the ConvNet is the lab's by default and fits small images with its other options") {
  const Model lab = conv_net();
  CHECK(lab.parameter_count() == 4 * 4 * 3 * 8 + 2 * 2 * 8 * 16 + 64 * 6 + 6);
  CHECK(node_of(lab, "flatten_1").shape() == Shape{64});
  const Model small = conv_net(small_image_options());
  CHECK(small.input_shape() == Shape{28, 28, 1});
  CHECK(small.output_shape() == Shape{10});
  CHECK(error_of([] { conv_net({.classes = 0}); }) == "Dense: expected units >= 1, got 0");
}

TEST_CASE("the ConvNet has the documented layers with the documented options, and no others") {
  const auto stage = [](const SymbolicTensor& x, std::int64_t filters, Extent2D kernel, Extent2D pool, bool biased) {
    return MaxPooling2D({.pool_size = pool, .padding = Padding::same})(
        Activation(relu)(Conv2D({.filters = filters,
                                 .kernel_size = kernel,
                                 .padding = Padding::same,
                                 .use_bias = biased,
                                 .kernel_initializer = biased ? he_normal() : glorot_uniform()})(x)));
  };
  const auto photograph = Input({64, 64, 3}), picture = Input({28, 28, 1}), other = Input({9, 7, 2});
  const Model lab(photograph, Dense({.units = 6})(Flatten()(stage(stage(photograph, 8, 4, 8, false), 16, 2, 4, false))),
                  {.name = "conv_net"});
  const auto hidden =
      Dense({.units = 128, .activation = relu})(Flatten()(stage(stage(picture, 32, 3, 2, true), 64, 3, 2, true)));
  const Model small(picture, Dense({.units = 10})(Dropout({.rate = 0.3})(hidden)), {.name = "conv_net"});
  const auto normal = BatchNormalization({.momentum = 0.9})(
      Conv2D({.filters = 5, .kernel_size = {3, 2}, .padding = Padding::same, .use_bias = false})(other));
  const auto pooled = MaxPooling2D({.pool_size = {2, 3}, .padding = Padding::same})(Activation(relu)(normal));
  const Model normalized(other, Dense({.units = 4})(Flatten()(pooled)), {.name = "conv_net"});
  CHECK(graph_to_json(conv_net()) == graph_to_json(lab));
  CHECK(graph_to_json(conv_net(small_image_options())) == graph_to_json(small));
  CHECK(graph_to_json(conv_net(
            {.input = {9, 7, 2}, .classes = 4, .stages = {{5, {3, 2}, {2, 3}}}, .batch_normalization = true})) ==
        graph_to_json(normalized));
}

TEST_CASE("options of ResNet-50 reach every batch normalization, and the seed every weight") {
  const auto fields = [](const Model& model) {
    std::set<std::string> found;
    for (const auto& layer : model.all_layers()) {
      if (layer->type() != "BatchNormalization") continue;
      const LayerConfig config = layer->config();
      std::string text;
      for (const char* name : {"momentum", "epsilon", "bias_correction", "synchronized"}) {
        text += fmt::format("{} ", config_text(*find_field(config, name)));
      }
      found.insert(text);
    }
    return found;
  };
  const ResNet50Options changed{
      .residual = {.momentum = 0.75, .epsilon = 0.125, .bias_correction = true, .synchronized = true}, .seed = 1};
  const Model model = resnet50(), other = resnet50(changed);
  CHECK(fields(model) == std::set<std::string>{"0.99 0.001 false false "});
  CHECK(fields(other) == std::set<std::string>{"0.75 0.125 true true "});
  const auto kernel = [](const Model& of) { return of.layer("fc6").named_parameters()[0].second.value(); };
  CHECK(identical(kernel(other), kernel(resnet50({.seed = 1}))));
  CHECK_FALSE(identical(kernel(other), kernel(model)));
}

TEST_CASE("users build other residual networks from the blocks") {
  const auto input = Input({16, 16, 3});
  auto x = convolutional_block(input, 3, {4, 4, 16}, 2, {2, 'a'});
  x = identity_block(x, 5, {4, 4, 16}, {2, 'b'});
  const Model model(input, Dense({.units = 2})(GlobalAveragePooling2D()(x)));
  CHECK(node_of(model, "res2b_branch2b").shape() == Shape{8, 8, 4});
  ForwardPass pass(Mode::inference);
  CHECK(model(Tensor::ones({1, 16, 16, 3}), pass).shape() == Shape{1, 2});
}
