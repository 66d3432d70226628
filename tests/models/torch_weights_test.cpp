// Weights of PyTorch: names and layouts, files that PyTorch wrote, torchvision's networks, and the way out.
#include "models/files/torch_weights.hpp"

#include <algorithm>

#include "framework/io/safetensors.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "models/zoo/densenet.hpp"
#include "models/zoo/efficientnet.hpp"
#include "models/zoo/mobilenet.hpp"
#include "models/zoo/resnet.hpp"
#include "models/zoo/vgg.hpp"
#include "tests/models/numbers.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// The network of tests/golden/make_torchvision_networks.py.
Model torch_layers(std::uint64_t seed = 0) {
  const auto input = Input({6, 6, 4});
  auto x = Conv2D({.filters = 6, .kernel_size = {3, 2}, .groups = 2, .activation = relu, .name = "conv"})(input);
  x = DepthwiseConv2D({.kernel_size = 3, .depth_multiplier = 2, .name = "depthwise"})(x);
  x = Activation(relu)(BatchNormalization({.epsilon = 1e-5, .name = "norm"})(x));
  x = BatchNormalization({.epsilon = 1e-5, .name = "flat_norm"})(Flatten()(x));
  x = Dense({.units = 5, .name = "hidden"})(x);
  Model model(input, Dense({.units = 3, .use_bias = false, .name = "logits"})(x), {.seed = seed});
  model.convert(DType::float64);
  return model;
}

/// Loads numbers that depend on PyTorch's names alone, from a file with PyTorch's shapes.
void load_numbers(const Model& model, const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors = to_torch(model);
  for (auto& [name, tensor] : tensors) {
    if (name.ends_with("num_batches_tracked")) continue;
    double scale = 0.2, shift = 0;
    if (tensor.rank() > 1) {
      scale = std::sqrt(24.0 / static_cast<double>(tensor.size() / tensor.dim(0)));
    } else if (name.ends_with("running_var") || name.ends_with("weight")) {
      shift = 1;
    }
    std::vector<double> values = numbers(name, tensor.shape()).to_vector();
    for (double& v : values) v = shift + scale * v;
    tensor = Tensor::of(tensor.shape(), values, DType::float64);
  }
  save_safetensors(path, tensors);
  CHECK(load_weights(model, path).complete());
}

NetworkOptions torchvision(std::int64_t size) {
  return {.input = {size, size, 3}, .classes = 3, .implementation = Implementation::torchvision};
}

}  // namespace

TEST_CASE("a state_dict that PyTorch saved gives PyTorch's outputs") {
  const std::filesystem::path path = source_root() / "tests/golden/torch_layers.safetensors";
  const SafetensorsFile file = load_safetensors(path);
  const auto tensor = [&](const std::string& name) {
    return std::ranges::find(file.tensors, name, &NamedTensor::name)->tensor;
  };
  const Model model = torch_layers();
  const LoadReport report = load_weights(model, path, {.strict = false});
  CHECK(report.matched.size() == model.parameters().size());
  CHECK(report.unexpected == std::vector<std::string>{"image", "output"});
  CHECK(largest_difference(output_of(model, tensor("image")), tensor("output")) < 1e-12);

  // the way out: the same names, shapes and values as PyTorch's
  const TemporaryFolder folder;
  save_weights(model, folder / "out.safetensors", {.format = WeightsFormat::pytorch});
  const SafetensorsFile written = load_safetensors(folder / "out.safetensors");
  CHECK(written.metadata.at("format") == "pt");
  CHECK(written.tensors.size() + 2 == file.tensors.size());
  for (const auto& [name, value] : written.tensors) {
    INFO(name);
    REQUIRE(value.shape() == tensor(name).shape());
    if (name.ends_with("num_batches_tracked")) continue;
    CHECK(identical(value, tensor(name)));
  }
  const Model other = torch_layers(1);
  CHECK(load_weights(other, folder / "out.safetensors").complete());
  CHECK(identical(output_of(model, tensor("image")), output_of(other, tensor("image"))));
}

TEST_CASE("networks of the zoo load torchvision's weights and compute what torchvision computes") {
  const TemporaryFolder folder;
  // printed by tests/golden/make_torchvision_networks.py
  const auto check_row = [&](const Model& made, const std::vector<double>& output) {
    Model model = made;
    INFO(model.name());
    model.convert(DType::float64);
    load_numbers(model, folder / "numbers.safetensors");
    const Shape image = model.input_shape();
    const std::vector<double> found =
        output_of(model, numbers("image", image).reshaped(image.prepended(1))).to_vector();
    REQUIRE(found.size() == output.size());
    for (std::size_t i = 0; i < output.size(); ++i) CHECK(found[i] == Approx(output[i]).epsilon(1e-10));
  };
  check_row(resnet(18, torchvision(64)), {-0.484586891471883, 1.81559965693556, -2.14206174183475});
  check_row(resnet(50, torchvision(64)), {4.17958195327127, -3.58991235487481, -1.08711732538472});
  check_row(densenet(121, torchvision(64)), {1.34482175022607, 0.757652838168931, -0.0828185519682441});
  check_row(mobilenet_v2(torchvision(75)), {-0.732703378412843, 1.17440867627536, 0.53012502505733});
  check_row(mobilenet_v3(MobileNetSize::small, torchvision(64)),
            {0.180561158058823, 0.804740821422859, 0.567912540799955});
  check_row(mobilenet_v3(MobileNetSize::large, torchvision(75)),
            {0.238598955079541, -0.557066123912907, -0.130832013031187});
  check_row(efficientnet_b0(torchvision(75)), {-1.54026558312729, -2.30114967575772, -1.5703033426753});
}

TEST_CASE("VGG has torchvision's names") {
  // those of torchvision.models.vgg11() to vgg19(): convolutions, rectifiers and poolings are counted
  const std::vector<std::pair<int, std::vector<int>>> rows{
      {11, {0, 3, 6, 8, 11, 13, 16, 18}},
      {13, {0, 2, 5, 7, 10, 12, 15, 17, 20, 22}},
      {16, {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28}},
      {19, {0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34}}};
  for (const auto& [depth, convolutions] : rows) {
    NetworkOptions options = torchvision(32);
    options.include_top = depth == 11;
    std::vector<std::string> expected, found;
    for (const int number : convolutions) expected.push_back(fmt::format("features.{}", number));
    if (options.include_top) expected.insert(expected.end(), {"classifier.0", "classifier.3", "classifier.6"});
    for (const auto& layer : vgg(depth, options).all_layers()) {
      if (!layer->named_parameters().empty()) found.push_back(layer->name());
    }
    CHECK(found == expected);
  }
}

TEST_CASE("a dense layer behind a flattened feature map has PyTorch's order of rows, also behind dropout") {
  const Model model = vgg(11, {.input = {64, 64, 3}, .classes = 2, .implementation = Implementation::torchvision});
  const Tensor kernel = model.parameter("classifier.0/kernel").value();  // rows (2, 2, 512)
  for (const auto& [name, tensor] : to_torch(model)) {
    if (name != "classifier.0.weight") continue;
    REQUIRE(tensor.shape() == Shape{4096, 2048});
    CHECK(tensor.at({7, 4 * 100 + 2 * 1 + 0}) == kernel.at({(2 * 1 + 0) * 512 + 100, 7}));
  }
}

TEST_CASE("a 1x1 convolution loads the weights of a linear layer of PyTorch, as well as those of a convolution") {
  const TemporaryFolder folder;
  const auto input = Input({1, 1, 3});
  const Model model(input, Conv2D({.filters = 2, .kernel_size = 1, .use_bias = false, .name = "fc"})(input));
  const Tensor weight = Tensor::of({2, 3}, {1, 2, 3, 4, 5, 6}), image = Tensor::of({1, 1, 1, 3}, {1, 10, 100});
  for (const Tensor& stored : {weight, weight.reshaped({2, 3, 1, 1})}) {
    for (const Parameter& parameter : model.parameters()) parameter.set_value(Tensor::zeros(parameter.shape()));
    save_safetensors(folder / "a.safetensors", {{"fc.weight", stored}});
    CHECK(load_weights(model, folder / "a.safetensors").complete());
    CHECK(output_of(model, image).to_vector() == std::vector<double>{321, 654});
  }
  save_safetensors(folder / "a.safetensors", {{"fc.weight", Tensor::zeros({3, 2})}});
  CHECK(load_weights(model, folder / "a.safetensors", {.strict = false}).mismatched.size() == 1);
}

TEST_CASE("layers of a model in a model and layers that are called twice have their weights in a state_dict once") {
  const TemporaryFolder folder;
  const auto model_of = [](std::uint64_t seed) {
    const auto inside = Input({3}), input = Input({3});
    const Dense twice({.units = 3, .name = "twice"});
    const Model deepest(inside, BatchNormalization({.name = "norm"})(inside), {.name = "deepest"});
    const Model block(inside, deepest(twice(twice(inside))), {.name = "block"});
    return Model(input, Dense({.units = 2, .name = "head"})(block(block(input))), {.seed = seed});
  };
  const Model model = model_of(1);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : to_torch(model)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"block.twice.weight", "block.twice.bias", "block.deepest.norm.weight",
                                          "block.deepest.norm.bias", "block.deepest.norm.running_mean",
                                          "block.deepest.norm.running_var", "block.deepest.norm.num_batches_tracked",
                                          "head.weight", "head.bias"});
  save_weights(model, folder / "a.safetensors", {.format = WeightsFormat::pytorch});
  const Model copy = model_of(2);
  CHECK(load_weights(copy, folder / "a.safetensors").complete());
  const Tensor x = RandomStream(1).normal({4, 3});
  CHECK(identical(output_of(copy, x), output_of(model, x)));
}

TEST_CASE("the numbers of batches that PyTorch counts are left out, wherever their layers are") {
  const TemporaryFolder folder;
  const Model model = torch_layers();
  std::vector<NamedTensor> tensors = to_torch(model);
  for (const char* name : {"num_batches_tracked", "a.num_batches_tracked", "a.b.c.num_batches_tracked"}) {
    tensors.push_back({name, Tensor::full({1}, 7, DType::int64)});
  }
  save_safetensors(folder / "counts.safetensors", tensors);
  const LoadReport report = load_weights(model, folder / "counts.safetensors");
  CHECK(report.complete());
  CHECK(report.text().find("a.") == std::string::npos);
  tensors.back().name = "a.b.num_batches_tracked.c";
  save_safetensors(folder / "counts.safetensors", tensors);
  CHECK_THAT(load_weights(model, folder / "counts.safetensors", {.strict = false}).text(),
             Catch::Contains("a.b.num_batches_tracked.c"));
}

TEST_CASE("weights that do not fit PyTorch's names or shapes are reported") {
  const TemporaryFolder folder;
  const Model model = torch_layers();
  save_safetensors(folder / "a.safetensors", {{"conv.weight", Tensor::zeros({6, 4, 3, 2})}});
  const LoadReport report = load_weights(model, folder / "a.safetensors", {.strict = false});
  REQUIRE(report.mismatched.size() == 1);  // without groups the kernel would have this shape
  CHECK(report.mismatched[0].parameter == "conv/kernel");
  CHECK(report.mismatched[0].stored == "conv.weight");
  CHECK_THAT(error_of([&] { save_weights(model, folder / "x.h5", {.format = WeightsFormat::pytorch}); }),
             Contains("save_weights: expected a name that ends in .safetensors for PyTorch's format, got "));
  const auto input = Input({4});
  const Model other(input, UnitNormalization()(PReLU({.name = "p"})(input)));
  CHECK(error_of([&] { save_weights(other, folder / "x.safetensors", {.format = WeightsFormat::pytorch}); }) ==
        "save_weights: expected parameters that PyTorch has too, got p/alpha of a layer PReLU; leave out .format to "
        "save xtape's names");
}

TEST_CASE("the flattened form of a sequence has the channels in front behind convolutions and poolings") {
  const auto input = Input({5, 3});
  const auto tokens = Input({.shape = {5}, .dtype = DType::int64});
  const auto conv = [](SymbolicTensor x) { return Conv1D({.filters = 4, .kernel_size = 2})(x); };
  const auto positive = [](SymbolicTensor x) { return Activation(relu)(x); };
  const auto dense = [](SymbolicTensor x) { return Dense({.units = 4})(x); };
  struct Row {
    std::string name;
    SymbolicTensor input, x;
    bool in_front;
  };
  const Row rows[] = {
      {"input", input, input, false},
      {"input, activation", input, positive(input), false},
      {"embedding, activation", tokens, positive(Embedding({.input_dim = 9, .output_dim = 4})(tokens)), false},
      {"dense", input, dense(input), false},
      {"dense, activation", input, positive(dense(input)), false},
      {"convolution", input, conv(input), true},
      {"convolution, activation", input, positive(conv(input)), true},
      {"convolution, two layers", input, positive(BatchNormalization()(conv(input))), true},
      {"pooling, activation", input, positive(MaxPooling1D()(input)), true},
      {"convolution, dense", input, dense(conv(input)), false},
      {"convolution, dense, activation", input, positive(dense(conv(input))), false},
      {"convolution, permuted, activation", input, positive(Permute({.dims = {2, 1}})(conv(input))), false},
      {"convolution, reshaped, activation", input, positive(Reshape({.target_shape = {2, 8}})(conv(input))), false},
      {"convolution, normalized steps", input, LayerNormalization()(conv(input)), false},
      {"convolution, normalized steps, activation", input, positive(LayerNormalization()(conv(input))), false},
      {"convolution, dot", input, Dot({.axes = {2, 2}})({conv(input), conv(input)}), false},
      {"dense, convolution", input, conv(dense(input)), true},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const Model model({row.input}, {Dense({.units = 2, .name = "logits"})(Flatten()(row.x))}, {.seed = 1});
    const Tensor kernel = model.parameter("logits/kernel").value();
    const std::int64_t steps = row.x.shape()[0].value(), channels = row.x.shape()[1].value();
    const std::vector<NamedTensor> stored = to_torch(model);
    const auto weight = std::ranges::find(stored, "logits.weight", &NamedTensor::name);
    REQUIRE(weight != stored.end());
    for (std::int64_t step = 0; step < steps; ++step) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        const std::int64_t place = row.in_front ? channel * steps + step : step * channels + channel;
        CHECK(weight->tensor.at({1, place}) == kernel.at({step * channels + channel, 1}));
      }
    }
  }
}

TEST_CASE("names lose the prefixes of PyTorch's wrappers, in any order, unless they are those of a layer") {
  const TemporaryFolder folder;
  const auto input = Input({3});
  const Model plain(input, Dense({.units = 2, .name = "fc"})(input), {.seed = 1});
  const auto report_of = [&](const Model& model, const std::string& prefix) {
    std::vector<NamedTensor> tensors = to_torch(model);
    for (NamedTensor& tensor : tensors) tensor.name.insert(0, prefix);
    save_safetensors(folder / "w.safetensors", tensors);
    return load_weights(model, folder / "w.safetensors", {.strict = false}).text();
  };
  for (const char* prefix : {"", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."}) {
    INFO(prefix);
    CHECK(report_of(plain, prefix) == "2 of 2 parameters matched");
  }
  CHECK_THAT(report_of(plain, "other."), Contains("0 of 2 parameters matched"));
  CHECK_THAT(report_of(plain, "module"), Contains("0 of 2 parameters matched"));
  for (const char* name : {"module", "_orig_mod"}) {
    const Model inner(input, Dense({.units = 2, .name = "fc"})(input), {.name = name});
    const Model outer(input, inner(input));
    CHECK(report_of(outer, "") == "2 of 2 parameters matched");
  }
  // all names have the prefix, or none loses it
  std::vector<NamedTensor> tensors = to_torch(plain);
  tensors[0].name.insert(0, "module.");
  save_safetensors(folder / "w.safetensors", tensors);
  CHECK_THAT(load_weights(plain, folder / "w.safetensors", {.strict = false}).text(),
             Contains("1 of 2 parameters matched"));
}

TEST_CASE("the rows of a dense layer are in another order behind layers that keep a flattened image, and only there") {
  const auto input = Input({2, 2, 3});
  const auto reshaped = [](const SymbolicTensor& x) { return Reshape({.target_shape = {12}})(x); };
  struct Row {
    std::string name;
    SymbolicTensor x;
    bool image;
  };
  const Row rows[] = {
      {"flattened", Flatten()(input), true},
      {"reshaped", reshaped(input), true},
      {"activation", Activation(relu)(Flatten()(input)), true},
      {"normalization and dropout", Dropout({.rate = 0.5})(BatchNormalization()(reshaped(input))), true},
      {"dense layer of as many units", Dense({.units = 12})(Flatten()(input)), false},
      {"dense layer and activation", Activation(relu)(Dense({.units = 12})(Flatten()(input))), false},
      {"sum of two", Add()({Flatten()(input), Flatten()(input)}), false},
      {"pooled", GlobalAveragePooling2D()(Conv2D({.filters = 12, .kernel_size = 1})(input)), false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const Model model(input, Dense({.units = 2, .name = "logits"})(row.x), {.seed = 1});
    const Tensor kernel = model.parameter("logits/kernel").value();
    const std::vector<NamedTensor> stored = to_torch(model);
    const Tensor weight = std::ranges::find(stored, "logits.weight", &NamedTensor::name)->tensor;
    for (std::int64_t pixel = 0; pixel < 4; ++pixel) {
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const std::int64_t place = row.image ? 4 * channel + pixel : 3 * pixel + channel;
        CHECK(weight.at({1, place}) == kernel.at({3 * pixel + channel, 1}));
      }
    }
  }
}

TEST_CASE("a batch normalization is saved for PyTorch with a count of 0 batches, an integer") {
  const auto input = Input({3});
  const std::vector<NamedTensor> stored = to_torch(Model(input, BatchNormalization({.name = "norm"})(input)));
  const auto count = std::ranges::find(stored, "norm.num_batches_tracked", &NamedTensor::name);
  REQUIRE(count != stored.end());
  CHECK(count->tensor.shape() == Shape{});
  CHECK(count->tensor.dtype() == DType::int64);
  CHECK(count->tensor.item() == 0);
}
