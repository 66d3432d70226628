// load_onnx(): networks of other software, training, and files that are rejected.
#include <fstream>
#include <functional>
#include <limits>
#include <map>

#include "framework/io/safetensors.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"
#include "gradcheck/model_check.hpp"
#include "layers/layers.hpp"
#include "models/files/clone.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/import_tensor.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "optim/sgd.hpp"
#include "tests/onnx/file_parts.hpp"
#include "tests/support/support.hpp"

namespace fs = std::filesystem;

using namespace xtape;
using namespace xtape::test;

namespace {

const fs::path goldens = source_root() / "tests/onnx";

std::map<std::string, Tensor> arrays_of(const std::string& name) {
  std::map<std::string, Tensor> arrays;
  for (const auto& [key, tensor] : load_safetensors(goldens / (name + ".safetensors")).tensors) arrays[key] = tensor;
  return arrays;
}

Tensor channels_last(const Tensor& images) { return transpose(Variable(images), {0, 2, 3, 1}).value(); }

/// Adds a bias of three numbers, whose data `fill` gives, as the second operand of the node.
void add_bias(xtape_onnx::ModelProto& file, const std::function<void(xtape_onnx::TensorProto&)>& fill) {
  auto& bias = *file.mutable_graph()->add_initializer();
  bias.set_name("b");
  bias.set_data_type(xtape_onnx::TensorProto::FLOAT);
  bias.add_dims(3);
  fill(bias);
  file.mutable_graph()->mutable_node(0)->add_input("b");
}

void set_external(xtape_onnx::TensorProto& tensor, const std::string& location) {
  tensor.set_data_location(xtape_onnx::TensorProto::EXTERNAL);
  auto& entry = *tensor.add_external_data();
  entry.set_key("location");
  entry.set_value(location);
}

bool has(const std::string& message, const std::string& part) {
  INFO(message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a text recognition network gives the outputs of onnxruntime") {
  auto arrays = arrays_of("text_recognition");
  const Model model = load_onnx(goldens / "text_recognition.onnx");
  CHECK(model.input_shape() == PartialShape{16, any, 3});
  CHECK(largest_difference(run(model, channels_last(arrays["input_0"]))[0].value(), arrays["output_0"]) < 1e-5);
  const Model same_axes = load_onnx(goldens / "text_recognition.onnx", {.images = ImageAxes::channels_first});
  CHECK(largest_difference(run(same_axes, arrays["input_0"])[0].value(), arrays["output_0"]) < 1e-5);
}

TEST_CASE("a network with branches and a fixed batch gives the outputs of onnxruntime, for any batch") {
  auto arrays = arrays_of("branches");
  const Model model = load_onnx(goldens / "branches.onnx");
  const Tensor image = channels_last(arrays["input_0"]);
  auto outputs = run(model, image);
  CHECK(largest_difference(outputs[0].value(), arrays["output_0"]) < 1e-5);
  CHECK(largest_difference(outputs[1].value(), arrays["output_1"]) < 1e-5);
  outputs = run(model, concatenate({image, image}, 0).value());
  CHECK(largest_difference(outputs[0].value().rows(1, 2), arrays["output_0"]) < 1e-5);
  for (const auto& layer : model.all_layers()) CHECK(layer->type() != "Permute");  // all transposes cancel
}

TEST_CASE("windows, paddings and resizings with every option give the outputs of onnxruntime") {
  const TemporaryFolder folder;
  for (const std::string name : {"windows", "opset_9", "attention"}) {
    auto arrays = arrays_of(name);
    const Model model = load_onnx(goldens / (name + ".onnx"), {.images = ImageAxes::channels_first});
    std::vector<Variable> inputs;
    for (std::size_t i = 0; i < model.inputs().size(); ++i) inputs.emplace_back(arrays[fmt::format("input_{}", i)]);
    save_onnx(model, folder / (name + ".onnx"), {.images = ImageAxes::channels_last});
    const Model copy = load_onnx(folder / (name + ".onnx"), {.images = ImageAxes::channels_first});
    for (const Model& each : {model, copy}) {
      ForwardPass pass(Mode::inference);
      const auto outputs = each.call(inputs, pass);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        INFO(name << ", output " << i);
        CHECK(largest_difference(outputs[i].value(), arrays[fmt::format("output_{}", i)]) < 1e-5);
      }
      CHECK(arrays.size() == inputs.size() + outputs.size());
    }
    // every parameter that is trainable gets a gradient
    ForwardPass pass(Mode::training, {.step = 0});
    std::optional<Variable> loss;
    for (const Variable& y : model.call(inputs, pass)) loss = loss ? *loss + mean(y * y) : mean(y * y);
    const Gradients gradients = pass.backward(*loss);
    std::size_t trainable = 0;
    for (const Parameter& parameter : model.parameters()) trainable += parameter.trainable() ? 1 : 0;
    CHECK(gradients.size() == trainable);
    CHECK(trainable > 0);
  }
}

TEST_CASE("rows of several samples are computed separately") {
  auto arrays = arrays_of("rows");
  const Model model = load_onnx(goldens / "rows.onnx", {.images = ImageAxes::channels_first});
  const auto outputs = run(model, arrays["input_0"]);
  // the first output has the batch on its second axis in the file
  CHECK(largest_difference(transpose(outputs[0], {1, 0, 2}).value(), arrays["output_0"]) < 1e-5);
  CHECK(largest_difference(outputs[1].value(), arrays["output_1"]) < 1e-5);
  CHECK(largest_difference(outputs[2].value(), arrays["output_2"]) < 1e-5);
}

TEST_CASE("a model of a file can be trained, cloned, saved and written again") {
  const TemporaryFolder folder;
  auto arrays = arrays_of("text_recognition");
  const Tensor image = channels_last(arrays["input_0"]);
  Model model = load_onnx(goldens / "text_recognition.onnx");
  const Model copy = clone(model);
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  for (int step = 0; step < 2; ++step) {
    ForwardPass pass(Mode::training, {.step = step});
    const Variable y = model(image, pass);
    sgd.minimize(mean(y * y), pass);
  }
  for (const auto& [path, parameter] : model.named_parameters()) {
    INFO(path);
    CHECK_FALSE(identical(parameter.value(), copy.parameter(path).value()));
  }
  const Tensor trained = run(model, image)[0].value();
  CHECK(largest_difference(run(copy, image)[0].value(), arrays["output_0"]) < 1e-5);
  save_model(model, folder / "model.safetensors");
  CHECK(identical(run(load_model(folder / "model.safetensors"), image)[0].value(), trained));
  save_onnx(model, folder / "model.onnx");
  CHECK(largest_difference(run(load_onnx(folder / "model.onnx"), image)[0].value(), trained) < 1e-5);
}

TEST_CASE("an Error names the node, the operator and the opset") {
  const TemporaryFolder folder;
  const auto error = [&](const fs::path& path) { return error_of([&] { load_onnx(path); }); };
  CHECK(has(error(file_with(folder, "LSTM")),
            "node \"only\" (LSTM, opset 17): expected an operator that xtape supports, "
            "got a recurrent one; there are no recurrent layers"));
  // also behind nodes that are an Error, such as those that select the initial state of as many samples
  const auto behind = [](auto& file) {
    auto& node = *file.mutable_graph()->add_node();
    node.set_name("recurrent");
    node.set_op_type("GRU");
    node.add_input("y");
    node.add_output("z");
  };
  CHECK(has(error(file_with(folder, "Flatten",
                            [&](auto& file) {
                              file.mutable_graph()->mutable_node(0)->add_attribute()->set_name("color");
                              behind(file);
                            })),
            "node \"recurrent\" (GRU, opset 17): expected an operator that xtape supports, got a recurrent one"));
  CHECK(
      has(error(file_with(folder, "Det")), "node \"only\" (Det, opset 17): expected an operator that xtape supports"));
  CHECK(
      has(error(file_with(folder, "Relu", [](auto& file) { file.mutable_graph()->mutable_node(0)->set_domain("me"); })),
          "expected an operator of ONNX, got one of me"));
  CHECK(has(
      error(file_with(folder, "Relu",
                      [](auto& file) { file.mutable_graph()->mutable_node(0)->add_attribute()->set_name("color"); })),
      "expected attributes that xtape supports, got color"));
  CHECK(has(error(file_with(folder, "Relu", [](auto& file) { file.mutable_opset_import(0)->set_version(99); })),
            "expected an opset of"));
  CHECK(has(
      error(file_with(folder, "Relu", [](auto& file) { file.mutable_graph()->mutable_node(0)->set_input(0, "z"); })),
      "got the input \"z\" before it is computed"));
  CHECK(has(error(file_with(folder, "ReduceSum",
                            [](auto& file) {
                              auto& axes = *file.mutable_graph()->add_initializer();
                              axes.set_name("a");
                              axes.set_data_type(xtape_onnx::TensorProto::INT64);
                              axes.add_dims(1);
                              axes.add_int64_data(0);
                              file.mutable_graph()->mutable_node(0)->add_input("a");
                            })),
            "the model computes each sample separately"));
}

TEST_CASE("functions with their usual constants become one layer, others are composed") {
  const TemporaryFolder folder;
  const auto layers = [&](const char* type, const std::vector<std::pair<const char*, float>>& numbers) {
    const Model model = load_onnx(file_with(folder, type, [&](auto& file) {
      for (const auto& [name, value] : numbers) {
        auto& attribute = *file.mutable_graph()->mutable_node(0)->add_attribute();
        attribute.set_name(name);
        attribute.set_type(xtape_onnx::AttributeProto::FLOAT);
        attribute.set_f(value);
      }
    }));
    return model.nodes().size() - 1;  // without the input
  };
  CHECK(layers("Selu", {}) == 1);
  CHECK(layers("Selu", {{"alpha", 1.6732632F}, {"gamma", 1.0507010F}}) == 1);
  CHECK(layers("Selu", {{"alpha", 1.7F}}) == 2);
  CHECK(layers("Selu", {{"gamma", 1.1F}}) == 2);
  CHECK(layers("Elu", {}) == 1);
  CHECK(layers("Celu", {}) == 1);
  CHECK(layers("Celu", {{"alpha", 2}}) == 3);
  CHECK(layers("HardSigmoid", {{"alpha", 1.0F / 6}}) == 1);
  CHECK(layers("HardSigmoid", {}) == 2);
  CHECK(layers("HardSigmoid", {{"alpha", 1.0F / 6}, {"beta", 0.4F}}) == 2);
}

TEST_CASE("Where selects by a constant mask") {
  const TemporaryFolder folder;
  const Tensor x = Tensor::of({2, 3}, {1.0, 2, 3, 4, 5, 6}).to(DType::float32);
  const auto outputs = [&](const std::string& second, const std::string& third) {
    const Model model = load_onnx(file_with(folder, "Where", [&](xtape_onnx::ModelProto& file) {
      add_bias(file, [](auto& bias) {
        for (const float value : {7.0F, 8.0F, 9.0F}) bias.add_float_data(value);
      });
      auto& mask = *file.mutable_graph()->add_initializer();
      mask.set_name("mask");
      mask.set_data_type(xtape_onnx::TensorProto::BOOL);
      mask.add_dims(3);
      for (const int value : {1, 0, 0}) mask.add_int32_data(value);
      auto& least = *file.mutable_graph()->add_initializer();
      least.set_name("least");
      least.set_data_type(xtape_onnx::TensorProto::FLOAT);
      least.add_float_data(-std::numeric_limits<float>::infinity());
      auto& node = *file.mutable_graph()->mutable_node(0);
      node.clear_input();
      for (const std::string& input : {std::string("mask"), second, third}) node.add_input(input);
    }));
    const auto y = run(model, x)[0].value().to_vector<double>();
    save_model(model, folder / "again.safetensors");
    save_onnx(model, folder / "again.onnx");
    CHECK(run(load_model(folder / "again.safetensors"), x)[0].value().to_vector<double>() == y);
    CHECK(run(load_onnx(folder / "again.onnx"), x)[0].value().to_vector<double>() == y);
    return y;
  };
  const double least = -std::numeric_limits<double>::infinity();
  CHECK(outputs("x", "least") == std::vector<double>{1, least, least, 4, least, least});
  CHECK(outputs("least", "x") == std::vector<double>{least, 2, 3, least, 5, 6});
  CHECK(outputs("b", "x") == std::vector<double>{7, 2, 3, 7, 5, 6});
}

TEST_CASE("Gemm adds one number to its only unit") {
  const TemporaryFolder folder;
  const Model model = load_onnx(file_with(folder, "Gemm", [](xtape_onnx::ModelProto& file) {
    auto& node = *file.mutable_graph()->mutable_node(0);
    for (const char* name : {"kernel", "bias"}) {
      auto& tensor = *file.mutable_graph()->add_initializer();
      tensor.set_name(name);
      tensor.set_data_type(xtape_onnx::TensorProto::FLOAT);
      node.add_input(name);
    }
    auto& kernel = *file.mutable_graph()->mutable_initializer(0);
    kernel.add_dims(3);
    kernel.add_dims(1);
    for (const float value : {1.0F, 10.0F, 100.0F}) kernel.add_float_data(value);
    file.mutable_graph()->mutable_initializer(1)->add_float_data(0.5F);
  }));
  const Tensor x = Tensor::of({1, 3}, {1.0, 2, 3}).to(DType::float32);
  CHECK(run(model, x)[0].value().to_vector<double>() == std::vector<double>{321.5});
}

TEST_CASE("Add behind a product is its bias, or is computed separately") {
  struct Row {
    std::vector<std::string> inputs;
    std::int64_t units;
    std::vector<double> expected;  // of the sample 1, 2, 3
    std::size_t layers;
  };
  const std::vector<Row> rows{
      {{"product", "bias"}, 2, {3 + 7, 3 + 8}, 1}, {{"bias", "product"}, 2, {3 + 7, 3 + 8}, 1},
      {{"product", "number"}, 1, {3 + 9}, 2},      {{"number", "product"}, 2, {3 + 9, 3 + 9}, 2},
      {{"product", "same"}, 1, {3 + 1}, 3},        {{"same", "product"}, 1, {3 + 1}, 3}};
  for (const Row& row : rows) {
    INFO(row.inputs[0] << " + " << row.inputs[1] << ", " << row.units);
    const TemporaryFolder folder;
    const Model model = load_onnx(file_with(folder, "MatMul", [&](xtape_onnx::ModelProto& file) {
      auto& graph = *file.mutable_graph();
      add_constant(graph, "kernel", {3, row.units});
      add_floats(graph, "bias", {2}, {7, 8});
      add_floats(graph, "number", {}, {9});
      add_constant(graph, "first", {1}, {0});
      graph.mutable_node(0)->add_input("kernel");
      graph.mutable_node(0)->set_output(0, "product");
      add_constant(graph, "one", {1}, {1});
      auto& slice = *graph.mutable_node()->Add();
      slice.set_op_type("Slice");
      for (const char* input : {"x", "first", "one", "one"}) slice.add_input(input);
      slice.add_output("same");
      add_node(graph, "Add", row.inputs, "y");
    }));
    CHECK(run(model, Tensor::of({1, 3}, {1.0, 2, 3}).to(DType::float32))[0].value().to_vector() == row.expected);
    std::size_t layers = 0;
    for (const ModelNode& node : model.nodes()) layers += node.layer->type() == "InputLayer" ? 0 : 1;
    CHECK(layers == row.layers);
  }
}

TEST_CASE("results have at most 8 axes") {
  const TemporaryFolder folder;
  const auto unsqueezed = [&](int more) {
    return file_with(folder, "Unsqueeze", [more](auto& file) {
      auto& axes = *file.mutable_graph()->add_initializer();
      axes.set_name("a");
      axes.set_data_type(xtape_onnx::TensorProto::INT64);
      axes.add_dims(more);
      for (int i = 0; i < more; ++i) axes.add_int64_data(i + 1);
      file.mutable_graph()->mutable_node(0)->add_input("a");
    });
  };
  CHECK(load_onnx(unsqueezed(6)).output_shape().rank() == 7);  // without the batch axis
  CHECK(has(error_of([&] { load_onnx(unsqueezed(7)); }), "expected at most 8 axes, got 9"));
}

TEST_CASE("a pooling of extents that no memory holds is read at once") {
  const TemporaryFolder folder;
  const fs::path path = file_with(folder, "MaxPool", [](auto& file) {
    auto& shape = *file.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.add_dim()->set_dim_value(std::int64_t{1} << 40);
    auto& attribute = *file.mutable_graph()->mutable_node(0)->add_attribute();
    attribute.set_name("kernel_shape");
    attribute.set_type(xtape_onnx::AttributeProto::INTS);
    attribute.add_ints(4);
  });
  CHECK(load_onnx(path).output_shape()[1] == Extent((std::int64_t{1} << 40) - 3));
}

TEST_CASE("without a batch axis the whole array is one sample") {
  const TemporaryFolder folder;
  const fs::path path = file_with(folder, "ReduceSum");
  const Model model = load_onnx(path, {.batch_axis = false});
  CHECK(model.input_shape() == PartialShape{any, 3});
  const Tensor sums = run(model, Tensor::of({1, 2, 3}, {1, 2, 3, 4, 5, 6}))[0].value();
  CHECK(sums.to_vector<double>() == std::vector<double>{21});
}

TEST_CASE("data in other files are read from the folder of the model alone") {
  const TemporaryFolder folder;
  const float numbers[] = {1, 2, 3};
  const std::string bytes(reinterpret_cast<const char*>(numbers), sizeof numbers);
  fs::create_directory(folder / "inside");
  std::ofstream(folder / "inside/data", std::ios::binary) << bytes;
  const auto with = [&](const std::string& location) {
    return file_with(folder, "Add",
                     [&](auto& file) { add_bias(file, [&](auto& bias) { set_external(bias, location); }); });
  };
  const Model model = load_onnx(with("inside/data"));
  CHECK(run(model, Tensor::zeros({1, 3}))[0].value().to_vector<double>() == std::vector<double>{1, 2, 3});
  fs::create_symlink("/etc", folder / "link");
  for (const char* location : {"../data", "/etc/hostname", "link/hostname", "", "."}) {
    INFO(location);
    const fs::path path = with(location);
    CHECK(has(error_of([&] { load_onnx(path); }), "external data: expected a file in the folder of the model"));
  }
  const fs::path missing = with("inside/none");
  CHECK(has(error_of([&] { load_onnx(missing); }), "inside/none"));
}

TEST_CASE("damaged data are an Error before memory is allocated") {
  const TemporaryFolder folder;
  const auto error = [&](const std::function<void(xtape_onnx::TensorProto&)>& fill) {
    const fs::path path = file_with(folder, "Add", [&](auto& file) { add_bias(file, fill); });
    return error_of([&] { load_onnx(path); });
  };
  CHECK(has(error([](auto& bias) { bias.set_raw_data("abc"); }), "expected 12 bytes for the shape (3,), got 3"));
  CHECK(has(error([](auto& bias) { bias.add_float_data(1); }), "expected 3 values for the shape (3,), got 1"));
  CHECK(has(error([](auto& bias) { bias.set_dims(0, std::int64_t{1} << 39); }), "values for the shape"));
  CHECK(has(error([](auto& bias) { bias.set_dims(0, std::int64_t{1} << 62); }), "at most 2^40 elements"));
  CHECK(has(error([](auto& bias) { bias.set_dims(0, -1); }), "at most 2^40 elements"));
  CHECK(has(error([](auto& bias) {  // their product is 0 in 64 bits
              bias.set_dims(0, std::int64_t{1} << 40);
              bias.add_dims(std::int64_t{1} << 40);
            }),
            "at most 2^40 elements, got (1099511627776, 1099511627776)"));
  CHECK(has(error([](auto& bias) { bias.set_data_type(8); }), "elements that are numbers"));
  std::ofstream(folder / "text.onnx") << "no model";
  CHECK(has(error_of([&] { load_onnx(folder / "text.onnx"); }), "expected an undamaged ONNX model"));
  CHECK(has(error_of([&] { load_onnx(folder / "none.onnx"); }), "none.onnx"));
}
