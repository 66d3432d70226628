// Every network of models/zoo as an ONNX file: read again by load_onnx(), and run by onnxruntime and OpenVINO.
#include <iostream>

#include "framework/io/safetensors.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/densenet.hpp"
#include "models/zoo/efficientnet.hpp"
#include "models/zoo/feature_maps.hpp"
#include "models/zoo/mobilenet.hpp"
#include "models/zoo/resnet.hpp"
#include "models/zoo/resnet50.hpp"
#include "models/zoo/unet.hpp"
#include "models/zoo/vgg.hpp"
#include "tests/io/python.hpp"
#include "tests/onnx/sample_models.hpp"
#include "tests/support/support.hpp"

namespace fs = std::filesystem;

using namespace xtape;
using namespace xtape::test;

namespace {

/// Statistics and factors of batch normalizations other than their initial values.
void change_normalizations(const Model& model) {
  RandomStream random(7, 1);
  for (const auto& [path, parameter] : model.named_parameters()) {
    Parameter changed = parameter;
    const Shape& shape = parameter.shape();
    if (path.ends_with("variance") || path.ends_with("gamma")) changed.set_value(random.uniform(shape, 0.8, 1.2));
    if (path.ends_with("mean") || path.ends_with("beta")) changed.set_value(random.uniform(shape, -0.1, 0.1));
  }
}

/// All families of networks, both implementations; backbones with all feature maps, and images of any size.
std::vector<std::pair<std::string, std::function<Model()>>> zoo() {
  std::vector<std::pair<std::string, std::function<Model()>>> all;
  const auto add = [&](const std::string& name, const std::function<Model()>& make) { all.emplace_back(name, make); };
  for (const Implementation implementation : {Implementation::keras, Implementation::torchvision}) {
    const bool keras = implementation == Implementation::keras;
    const std::string of = keras ? "_keras" : "_torchvision";
    const NetworkOptions small{.input = {32, 32, 3}, .classes = 5, .implementation = implementation};
    const NetworkOptions backbone{
        .input = {any, any, 3}, .classes = 5, .include_top = false, .implementation = implementation};
    NetworkOptions open = small;
    open.input = {any, any, 3};
    add("resnet18" + of, [=] { return resnet(18, small); });
    add("resnet50" + of, [=] { return resnet(50, open); });
    add("cifar_resnet" + of, [=] { return cifar_resnet(8, small); });
    add("mobilenet_v2" + of, [=] { return mobilenet_v2(small, 0.35); });
    add("mobilenet_v3_small" + of, [=] { return mobilenet_v3(MobileNetSize::small, small); });
    add("mobilenet_v3_large" + of, [=] { return mobilenet_v3(MobileNetSize::large, open); });
    add("efficientnet_b0" + of, [=] { return efficientnet_b0(small); });
    add("densenet121" + of, [=] { return densenet(121, small); });
    add("vgg11" + of, [=] { return vgg(11, small); });
    if (keras) add("resnet50_v2", [=] { return resnet_v2(50, small); });
    if (keras) add("mobilenet_v1", [=] { return mobilenet_v1(small, 0.25); });
    const std::vector<std::pair<std::string, std::function<Model(const NetworkOptions&)>>> backbones{
        {"resnet18", [](const NetworkOptions& o) { return resnet(18, o); }},
        {"mobilenet_v2", [](const NetworkOptions& o) { return mobilenet_v2(o, 0.35); }},
        {"mobilenet_v3_small", [](const NetworkOptions& o) { return mobilenet_v3(MobileNetSize::small, o); }},
        {"efficientnet_b0", [](const NetworkOptions& o) { return efficientnet_b0(o); }}};
    for (const auto& [name, make] : backbones) {
      for (const bool unknown : {true, false}) {
        NetworkOptions options = backbone;
        if (!unknown) options.input = {32, 64, 3};
        add(name + (unknown ? "_maps_any" : "_maps") + of, [=, backbone_of = make] {
          const Model model = backbone_of(options);
          return Model(model.inputs(), feature_maps(model));
        });
      }
    }
  }
  for (const bool unknown : {true, false}) {
    const PartialShape input = unknown ? PartialShape{any, any, 3} : PartialShape{32, 32, 3};
    add(unknown ? "unet_any" : "unet", [=] { return unet({.input = input, .classes = 3, .filters = {4, 8, 16}}); });
  }
  add("conv_net", [] { return conv_net({.hidden_units = 7, .dropout = 0.5}); });
  add("conv_net_normalized", [] { return conv_net({.use_bias = true, .batch_normalization = true}); });
  add("resnet50_small", [] { return resnet50({.classes = 3}); });
  return all;
}

/// Images; unknown extents are 32 and 64.
Tensor images_for(const Model& model, std::int64_t batch) {
  const PartialShape& shape = model.input_shape();
  const std::int64_t height = shape[0].known() ? shape[0].value() : 32,
                     width = shape[1].known() ? shape[1].value() : 64;
  RandomStream random(static_cast<std::uint64_t>(batch), 2);
  return random.uniform({batch, height, width, 3}, -1, 1);
}

std::vector<Tensor> outputs_for(const Model& model, const Tensor& images) {
  ForwardPass pass(Mode::inference);
  std::vector<Tensor> outputs;
  for (const Variable& y : model.call({images}, pass)) outputs.push_back(y.value());
  return outputs;
}

}  // namespace

TEST_CASE("every network is read from the ONNX file that it was written to") {
  const TemporaryFolder folder;
  bool fold = false;
  for (const auto& [name, make] : zoo()) {
    INFO(name);
    const Model model = make();
    change_normalizations(model);
    fold = !fold;  // every second network, to save time
    save_onnx(model, folder / "net.onnx", {.fold_batch_norm = fold});
    const Model copy = load_onnx(folder / "net.onnx");
    CHECK(copy.input_shape() == model.input_shape());
    if (!fold) CHECK(copy.parameter_count() == model.parameter_count());
    const Tensor images = images_for(model, 2);
    const auto expected = outputs_for(model, images), outputs = outputs_for(copy, images);
    REQUIRE(outputs.size() == expected.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const double size = largest_difference(expected[i], Tensor::zeros(expected[i].shape()));
      CHECK(largest_difference(outputs[i], expected[i]) < 1e-4 * std::max(size, 1.0));
    }
  }
}

// tools/witnesses numpy safetensors onnx onnxruntime openvino
TEST_CASE("onnxruntime and OpenVINO run every network with equal outputs", "[.witness]") {
  const std::string python = python_with("onnxruntime, onnx, safetensors");
  const std::string script = (source_root() / "tests/onnx/run_elsewhere.py").string();
  std::vector<std::vector<std::pair<std::string, std::function<Model()>>>> parts(1);
  for (const auto& network : zoo()) {  // a few at a time, because their files are large
    if (parts.back().size() == 8) parts.emplace_back();
    parts.back().push_back(network);
  }
  for (const auto& part : parts) {
    const TemporaryFolder folder;
    for (const auto& [name, make] : part) {
      const Model model = make();
      change_normalizations(model);
      save_onnx(model, folder / (name + ".onnx"));
      for (const std::int64_t batch : {1, 2, 3}) {
        const Tensor images = images_for(model, batch);
        const auto outputs = outputs_for(model, images);
        std::vector<NamedTensor> expected;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          expected.push_back({fmt::format("{}", i), in_file_order(outputs[i])});
        }
        const std::string file = fmt::format("{}.{}.", name, batch);
        save_safetensors(folder / (file + "inputs.safetensors"), {{"0", in_file_order(images)}});
        save_safetensors(folder / (file + "outputs.safetensors"), expected);
      }
    }
    std::cout << output_of(python + " " + script + " " + folder.path().string() + " 1e-4 2>&1");
  }
}
