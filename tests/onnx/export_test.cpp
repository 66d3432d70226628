// save_onnx(): what it writes, read again by load_onnx() and by onnxruntime.
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "framework/io/safetensors.hpp"
#include "framework/ops/manipulation.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/import_tensor.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/io/python.hpp"
#include "tests/onnx/sample_models.hpp"

namespace fs = std::filesystem;

using namespace xtape;
using namespace xtape::test;

namespace {

/// Operators that save_onnx() writes and load_onnx() does not read.
const std::set<std::string> only_written{"TopK"};

std::vector<Tensor> run(const Model& model, const std::vector<Tensor>& inputs) {
  ForwardPass pass(Mode::inference);
  std::vector<Tensor> outputs;
  for (const Variable& y : model.call({inputs.begin(), inputs.end()}, pass)) outputs.push_back(y.value());
  return outputs;
}

xtape_onnx::ModelProto written(const Model& model, const fs::path& path, const SaveOnnxOptions& options = {}) {
  save_onnx(model, path, options);
  return onnx::read_file("test", path);
}

/// The operators of the nodes, in order.
std::vector<std::string> operators(const xtape_onnx::ModelProto& file) {
  std::vector<std::string> types;
  for (const auto& node : file.graph().node()) types.push_back(node.op_type());
  return types;
}

/// The constants of a file that no node reads.
std::set<std::string> unread_constants(const xtape_onnx::ModelProto& file) {
  std::set<std::string> names;
  for (const auto& constant : file.graph().initializer()) names.insert(constant.name());
  for (const auto& node : file.graph().node()) {
    for (const std::string& input : node.input()) names.erase(input);
  }
  for (const auto& output : file.graph().output()) names.erase(output.name());
  return names;
}

double difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, largest_difference(a[i], b[i]));
  return largest;
}

/// Images with the channels first; other tensors as they are.
Model small_network() {
  const auto input = Input({8, 8, 3}, {.name = "image"});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .use_bias = false, .name = "conv"})(input);
  x = Activation(relu, {.name = "relu"})(BatchNormalization({.name = "norm"})(x));
  x = MaxPooling2D({.pool_size = 2, .name = "pool"})(x);
  const Model model(input, Dense({.units = 2, .name = "logits"})(Flatten({.name = "flat"})(x)), {.name = "net"});
  for (const char* path : {"norm/gamma", "norm/moving_variance"}) {
    model.parameter(path).set_value(Tensor::of({4}, {0.5, 1.5, 2, 0.7}));
  }
  for (const char* path : {"norm/beta", "norm/moving_mean"}) {
    model.parameter(path).set_value(Tensor::of({4}, {0.1, -0.2, 0.3, 0.4}));
  }
  return model;
}

}  // namespace

TEST_CASE("every layer is written, and read again with equal outputs") {
  const TemporaryFolder folder;
  int compared = 0;
  std::set<std::string> types;
  for (const auto& [name, model] : sample_models()) {
    INFO(name);
    for (const auto& layer : model.all_layers()) types.insert(layer->type());
    const auto file = written(model, folder / (name + ".onnx"));
    CHECK(unread_constants(file) == std::set<std::string>());
    const auto nodes = operators(file);
    if (std::ranges::any_of(nodes, [](const auto& type) { return only_written.contains(type); })) continue;
    const auto inputs = sample_inputs(model), outputs = run(model, inputs);
    CHECK(difference(run(load_onnx(folder / (name + ".onnx")), inputs), outputs) < 1e-5);
    for (const int opset : {18, 19, 20, 21}) {
      const auto newer = written(model, folder / "newer.onnx", {.opset = opset, .ir_version = 10});
      CHECK(difference(run(load_onnx(folder / "newer.onnx"), inputs), outputs) < 1e-5);
      for (const auto& node : newer.graph().node()) {  // the axes are an input since opset 18
        for (const auto& attribute : node.attribute()) {
          CHECK_FALSE((node.op_type().starts_with("Reduce") && attribute.name() == "axes"));
        }
      }
    }
    ++compared;
  }
  CHECK(compared > 100);
  for (const auto& [type, factory] : builtin_layers()) {
    INFO(type);
    CHECK(types.contains(type));
  }
}

TEST_CASE("a network is written without a Transpose, with kernels in the order of ONNX") {
  const TemporaryFolder folder;
  const auto file = written(small_network(), folder / "net.onnx");
  CHECK(operators(file) ==
        std::vector<std::string>{"Conv", "BatchNormalization", "Relu", "MaxPool", "Flatten", "Gemm"});
  CHECK(file.ir_version() == 8);
  CHECK(file.opset_import(0).version() == 17);
  const auto& input = file.graph().input(0);
  CHECK(input.name() == "image");
  const auto& shape = input.type().tensor_type().shape();
  CHECK(shape.dim(0).dim_param() == "n");
  CHECK(shape.dim(1).dim_value() == 3);
  CHECK(shape.dim(3).dim_value() == 8);
  CHECK(file.graph().output(0).name() == "logits");
  CHECK(file.graph().initializer(0).name() == "conv/kernel");
  CHECK(std::vector<std::int64_t>(file.graph().initializer(0).dims().begin(),
                                  file.graph().initializer(0).dims().end()) == std::vector<std::int64_t>{4, 3, 3, 3});
}

TEST_CASE("an image that several layers read in another order is transposed once") {
  const TemporaryFolder folder;
  const auto image = Input({4, 6, 2}), array = Input({3, 4, 4});
  const auto x = MaxPooling2D({.pool_size = 1})(image);
  const std::vector<SymbolicTensor> reshaped{Reshape({.target_shape = std::vector<std::int64_t>{6, 8}})(x),
                                             Reshape({.target_shape = std::vector<std::int64_t>{6, 8}})(x)};
  const auto plain = operators(written(Model(image, Subtract()(reshaped)), folder / "plain.onnx"));
  CHECK(std::ranges::count(plain, "Transpose") == 1);
  const auto y = Reshape({.target_shape = std::vector<std::int64_t>{4, 6, 2}})(array);
  const std::vector<SymbolicTensor> pooled{MaxPooling2D({.pool_size = 2})(y), AveragePooling2D({.pool_size = 2})(y)};
  const Model model(array, Flatten()(Add()(pooled)));
  const auto images = operators(written(model, folder / "images.onnx"));
  CHECK(std::ranges::count(images, "Transpose") == 3);  // of the input, of y, and of the flattened image
}

TEST_CASE("a layer that is left out does not rename a value that other layers read") {
  const TemporaryFolder folder;
  const auto input = Input({4, 5, 2});
  const auto x = ZeroPadding2D({.padding = {1, 0, 2, 1}})(input);
  const std::vector<SymbolicTensor> twice{x, x};
  const Model model(input, Subtract()(std::vector<SymbolicTensor>{Dropout({.rate = 0.5})(x), Multiply()(twice)}));
  save_onnx(model, folder / "net.onnx");
  const auto inputs = sample_inputs(model);
  CHECK(difference(run(load_onnx(folder / "net.onnx"), inputs), run(model, inputs)) == 0);
}

TEST_CASE("files keep the axes, the unknown extents and the single numbers of samples") {
  const TemporaryFolder folder;
  const auto check_copy = [&](const SymbolicTensor& input, const SymbolicTensor& output, ImageAxes images) {
    const Model model(input, output, {.seed = 3});
    save_onnx(model, folder / "net.onnx", {.images = images});
    save_model(model, folder / "net.safetensors");
    const auto inputs = sample_inputs(model), outputs = run(model, inputs);
    CHECK(difference(run(load_onnx(folder / "net.onnx"), inputs), outputs) < 1e-6);
    CHECK(difference(run(load_model(folder / "net.safetensors"), inputs), outputs) == 0);
  };
  const auto image = Input({3, 5, 3}), any_size = Input({any, any, 2}), vector = Input({4});
  for (const ImageAxes images : {ImageAxes::channels_first, ImageAxes::channels_last}) {
    check_copy(image, Activation(sigmoid)(Permute({.dims = {{3, 1, 2}}})(image)), images);
    for (const Padding padding : {Padding::valid, Padding::same}) {
      check_copy(
          any_size,
          Conv2DTranspose({.filters = 3, .kernel_size = {3, 2}, .strides = {2, 3}, .padding = padding})(any_size),
          images);
    }
    check_copy(vector, Operator({.function = std::string("ReduceSum"), .axes = {1}, .keep_dims = false})(vector),
               images);
  }
}

TEST_CASE("with the channels last a file has one Transpose at its input") {
  const TemporaryFolder folder;
  const Model model = small_network();
  const auto file = written(model, folder / "net.onnx", {.images = ImageAxes::channels_last});
  const auto nodes = operators(file);
  CHECK(nodes.front() == "Transpose");
  CHECK(std::ranges::count(nodes, "Transpose") == 1);
  const Model copy = load_onnx(folder / "net.onnx");
  CHECK(copy.input_shape() == PartialShape{8, 8, 3});
  CHECK(copy.nodes().size() == model.nodes().size());  // the transposes cancel
  const auto inputs = sample_inputs(model);
  CHECK(difference(run(copy, inputs), run(model, inputs)) < 1e-6);
}

TEST_CASE("batch normalization is folded into the kernel before it") {
  const TemporaryFolder folder;
  const Model model = small_network();
  const auto file = written(model, folder / "net.onnx", {.fold_batch_norm = true});
  CHECK(operators(file) == std::vector<std::string>{"Conv", "Relu", "MaxPool", "Flatten", "Gemm"});
  const auto inputs = sample_inputs(model);
  CHECK(difference(run(load_onnx(folder / "net.onnx"), inputs), run(model, inputs)) < 1e-5);
}

TEST_CASE("the metadata have class names and preprocessing") {
  const TemporaryFolder folder;
  save_onnx(small_network(), folder / "net.onnx",
            {.class_names = {"cat", "dog"}, .preprocessing = "RGB, values / 255", .metadata = {{"author", "me"}}});
  const std::map<std::string, std::string> expected{{"author", "me"},
                                                    {"class_names", R"(["cat","dog"])"},
                                                    {"image_axes", "channels_first"},
                                                    {"preprocessing", "RGB, values / 255"}};
  CHECK(load_onnx_metadata(folder / "net.onnx") == expected);
  CHECK(load_class_names(folder / "net.onnx") == std::vector<std::string>{"cat", "dog"});
  save_onnx(small_network(), folder / "plain.onnx");
  CHECK(load_class_names(folder / "plain.onnx").empty());
}

TEST_CASE("a layer that ONNX cannot express is an Error with its name, and no file is written") {
  const TemporaryFolder folder;
  const auto input = Input({4});
  const Model custom(input, Lambda({.function = [](const Variable& x) { return x; }, .name = "mine"})(input));
  const std::string message = error_of([&] { save_onnx(custom, folder / "a.onnx"); });
  CHECK(message.find("mine: expected a layer that ONNX can express, got a Lambda") != std::string::npos);
  const Model function(input, Activation(ActivationFunction("wave", [](const Variable& x) { return x; }))(input));
  CHECK(error_of([&] { save_onnx(function, folder / "a.onnx"); }).find("custom function \"wave\"") !=
        std::string::npos);
  const auto middle = Input({4, 6, 3});
  CHECK_THAT(error_of([&] {
               save_onnx(Model(middle, GroupNormalization({.groups = 2, .axis = 2, .name = "norm"})(middle)),
                         folder / "a.onnx");
             }),
             Catch::EndsWith("norm: expected the channels on the first or the last axis of samples, got axis 2"));
  const Model good = small_network();
  CHECK(error_of([&] { save_onnx(good, folder / "a.onnx", {.opset = 16}); }).find("opset: expected 17 to 21") !=
        std::string::npos);
  CHECK(error_of([&] { save_onnx(good, folder / "a.onnx", {.opset = 21}); }).find("ir_version") != std::string::npos);
  CHECK(error_of([&] { save_onnx(good, folder / "a.txt"); }).find(".onnx") != std::string::npos);
  CHECK(error_of([&] { save_onnx(good, folder / "a.onnx", {.class_names = {"one"}}); }).find("class_names") !=
        std::string::npos);
  CHECK(error_of([&] {
          save_onnx(good, folder / "a.onnx", {.metadata = {{"class_names", ""}}});
        }).find("metadata") != std::string::npos);
  CHECK(fs::is_empty(folder.path()));
}

// tools/witnesses numpy safetensors onnx onnxruntime openvino
TEST_CASE("onnxruntime and OpenVINO accept the files and give equal outputs", "[.witness]") {
  const std::string python = python_with("onnxruntime, onnx, safetensors");
  auto samples = sample_models();
  samples.push_back({"resnet50", resnet50()});
  struct Version {
    int opset, ir_version;
    bool fold;
    ImageAxes images;
  };
  const ImageAxes first = ImageAxes::channels_first, last = ImageAxes::channels_last;
  for (const Version& version : {Version{17, 8, false, first}, {21, 10, true, first}, {18, 8, false, last}}) {
    const TemporaryFolder folder;
    for (const auto& [name, model] : samples) {
      const auto file = written(model, folder / (name + ".onnx"),
                                {.opset = version.opset,
                                 .ir_version = version.ir_version,
                                 .images = version.images,
                                 .fold_batch_norm = version.fold});
      const auto inputs = sample_inputs(model);
      const auto outputs = run(model, inputs);
      const auto named = [&](const std::vector<Tensor>& tensors, const auto& infos) {
        std::vector<NamedTensor> result;
        for (std::size_t i = 0; i < tensors.size(); ++i) {
          result.push_back(
              {infos[static_cast<int>(i)].name(), version.images == first ? in_file_order(tensors[i]) : tensors[i]});
        }
        return result;
      };
      save_safetensors(folder / (name + ".inputs.safetensors"), named(inputs, file.graph().input()));
      save_safetensors(folder / (name + ".outputs.safetensors"), named(outputs, file.graph().output()));
    }
    const std::string script = (source_root() / "tests/onnx/run_elsewhere.py").string();
    std::cout << output_of(python + " " + script + " " + folder.path().string() + " 2>&1");
  }
}
