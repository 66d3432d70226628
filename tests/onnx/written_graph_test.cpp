// save_onnx(): names, types and attributes of the nodes in a file, and the values of operators that load_onnx() does
// not read, by the definitions of ONNX (https://onnx.ai/onnx/operators).
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "framework/tensor/random.hpp"
#include "framework/version.hpp"
#include "layers/layers.hpp"
#include "models/files/onnx/import_tensor.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/sample_models.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using GraphFile = xtape_onnx::GraphProto;
using NodeOfFile = xtape_onnx::NodeProto;
using TypeOf = xtape_onnx::TensorProto;

xtape_onnx::ModelProto file_of(const Model& model, const SaveOnnxOptions& options = {}) {
  const TemporaryFolder folder;
  save_onnx(model, folder / "net.onnx", options);
  return onnx::read_file("test", folder / "net.onnx");
}

const xtape_onnx::AttributeProto& attribute_of(const NodeOfFile& node, const std::string& name) {
  const auto found = std::ranges::find(node.attribute(), name, &xtape_onnx::AttributeProto::name);
  if (found == node.attribute().end()) FAIL(node.op_type() << " without the attribute " << name);
  return *found;
}

/// The nodes of an operator.
std::vector<NodeOfFile> nodes_of(const GraphFile& graph, const std::string& type) {
  std::vector<NodeOfFile> nodes;
  for (const auto& node : graph.node()) {
    if (node.op_type() == type) nodes.push_back(node);
  }
  return nodes;
}

/// The sample models, and models that use a name twice, or a value in two orders of its axes.
std::vector<SampleModel> models_and_names() {
  std::vector<SampleModel> models;
  const auto vector = Input({3}, {.name = "number_1"}), image = Input({4, 3, 2});
  const auto y = Rescaling({.scale = 2, .name = "first"})(Rescaling({.scale = 1, .offset = 1, .name = "zero"})(vector));
  models.push_back({"a layer with the name of a constant", Model(vector, Activation(relu, {.name = "number_2"})(y))});
  const auto dense = Dense({.units = 3, .name = "twice"});
  models.push_back({"a layer that is called twice", Model(vector, dense(dense(vector)))});
  const auto x = Dense({.units = 2})(vector);
  models.push_back({"an output that is there twice", Model(std::vector{vector}, std::vector{x, x, x})});
  models.push_back({"an input that is an output twice", Model(std::vector{vector}, std::vector{vector, vector})});
  const auto flat = Flatten()(image);
  const auto same = Permute({.dims = std::vector<std::int64_t>{1}})(flat);
  models.push_back({"a flattened image that two layers read",
                    Model(std::vector{image}, std::vector{same, RepeatVector({.n = 2})(flat)})});
  for (const SampleModel& sample : sample_models()) models.push_back(sample);
  return models;
}

/// What breaks the rules of ONNX for names: each value is made once and before it is read, and nodes have different
/// names. "" if nothing does.
std::string wrong_name(const GraphFile& graph) {
  std::set<std::string> made, nodes, outputs;
  const auto make = [&](const std::string& name) { return !name.empty() && made.insert(name).second; };
  for (const auto& input : graph.input()) {
    if (!make(input.name())) return "input " + input.name();
  }
  const std::set<std::string> inputs = made;
  for (const auto& constant : graph.initializer()) {
    if (!make(constant.name())) return "constant " + constant.name();
  }
  for (const auto& node : graph.node()) {
    if (node.name().empty() || !nodes.insert(node.name()).second) return "node " + node.name();
    for (const std::string& input : node.input()) {
      if (!input.empty() && !made.contains(input)) return "unknown " + input;
    }
    for (const std::string& output : node.output()) {
      if (!make(output)) return "value " + output;
    }
  }
  for (const auto& output : graph.output()) {
    if (!made.contains(output.name()) || inputs.contains(output.name()) || !outputs.insert(output.name()).second) {
      return "output " + output.name();
    }
  }
  return "";
}

/// What breaks the types that ONNX demands of operands; "" if nothing does.
std::string wrong_type(const GraphFile& graph) {
  std::map<std::string, int> types{{"", 0}};
  for (const auto& input : graph.input()) types[input.name()] = input.type().tensor_type().elem_type();
  for (const auto& constant : graph.initializer()) types[constant.name()] = constant.data_type();
  // operators whose inputs from the given one on are int64
  const std::map<std::string, int> lists{{"Reshape", 1}, {"Unsqueeze", 1}, {"Squeeze", 1}, {"Tile", 1},
                                         {"Expand", 1},  {"Slice", 1},     {"TopK", 1},    {"CumSum", 1},
                                         {"Gather", 1},  {"Resize", 3}};
  const std::set<std::string> any_type{"Identity", "Concat", "Shape", "Cast"};
  for (const auto& node : graph.node()) {
    const std::string& type = node.op_type();
    std::vector<int> given;
    for (const std::string& input : node.input()) given.push_back(types.at(input));
    const auto list = lists.find(type);
    const int first_list = list != lists.end() ? list->second : type == "Pad" || type.starts_with("Reduce") ? 1 : 99;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (node.input(static_cast<int>(i)).empty()) continue;
      const bool of_list = std::cmp_greater_equal(i, first_list) && !(type == "Pad" && i == 2);
      const int wanted = of_list                     ? TypeOf::INT64
                         : type == "Where" && i == 0 ? TypeOf::BOOL
                         : any_type.contains(type)   ? given[0]
                         : type == "Slice" && i == 0 ? given[0]
                                                     : TypeOf::FLOAT;
      if (given[i] != wanted) return fmt::format("input {} of {}: {}", i, node.name(), given[i]);
    }
    int made = any_type.contains(type) || type == "Slice" ? given[0] : int{TypeOf::FLOAT};
    if (type == "Shape") made = TypeOf::INT64;
    if (type == "Greater" || type == "Less") made = TypeOf::BOOL;
    if (type == "Cast") made = static_cast<int>(attribute_of(node, "to").i());
    for (const std::string& output : node.output()) types[output] = made;
    if (type == "TopK") types[node.output(1)] = TypeOf::INT64;
  }
  for (const auto& output : graph.output()) {
    if (types.at(output.name()) != output.type().tensor_type().elem_type()) return "output " + output.name();
  }
  return "";
}

/// The names of the nodes.
std::vector<std::string> names_in(const GraphFile& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.node()) names.push_back(node.name());
  return names;
}

/// Rows of numbers, with one column or one row where they are the same for all.
struct RowsOfNumbers {
  std::size_t rows = 1, columns = 1;
  std::vector<double> values = {0};
  double at(std::size_t row, std::size_t column) const {
    return values[(rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column)];
  }
};

template <class F>
RowsOfNumbers for_each_place(const std::vector<RowsOfNumbers>& x, const F& f) {
  RowsOfNumbers y;
  for (const RowsOfNumbers& each : x) {
    y.rows = std::max(y.rows, each.rows), y.columns = std::max(y.columns, each.columns);
  }
  y.values.clear();
  for (std::size_t i = 0; i < y.rows; ++i) {
    for (std::size_t j = 0; j < y.columns; ++j) {
      y.values.push_back(f([&](std::size_t operand) { return x[operand].at(i, j); }));
    }
  }
  return y;
}

/// A row of y for each row of x, made by f.
template <class F>
RowsOfNumbers for_each_row(const RowsOfNumbers& x, const F& f) {
  RowsOfNumbers y{x.rows, 0, {}};
  for (std::size_t i = 0; i < x.rows; ++i) {
    const auto begin = x.values.begin() + static_cast<std::ptrdiff_t>(i * x.columns);
    const std::vector<double> row = f(std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(x.columns)));
    y.columns = row.size();
    y.values.insert(y.values.end(), row.begin(), row.end());
  }
  return y;
}

/// The output of a graph on rows, which are along `axis`, by the definitions of the operators.
RowsOfNumbers computed_rows(const GraphFile& graph, const RowsOfNumbers& input, std::int64_t axis) {
  const std::map<std::string, std::function<double(double, double)>> binary{
      {"Add", std::plus<>()},
      {"Sub", std::minus<>()},
      {"Mul", std::multiplies<>()},
      {"Div", std::divides<>()},
      {"Greater", [](double a, double b) { return a > b ? 1.0 : 0.0; }}};
  std::map<std::string, RowsOfNumbers> values{{graph.input(0).name(), input}};
  std::map<std::string, std::vector<std::int64_t>> lists;
  for (const auto& constant : graph.initializer()) {
    const Tensor tensor = onnx::tensor_of(constant, "");
    if (!is_floating(tensor.dtype())) lists[constant.name()] = tensor.to_vector<std::int64_t>();
    values[constant.name()] = {1, static_cast<std::size_t>(tensor.size()), tensor.to_vector()};
  }
  for (const auto& node : graph.node()) {
    const std::string& type = node.op_type();
    std::vector<RowsOfNumbers> x;
    for (const std::string& name : node.input()) x.push_back(values.at(name));
    const std::vector<std::int64_t> list = node.input_size() > 1 ? lists[node.input(1)] : std::vector<std::int64_t>();
    RowsOfNumbers y;
    if (binary.contains(type)) {
      y = for_each_place(x, [&](auto at) { return binary.at(type)(at(0), at(1)); });
    } else if (type == "Relu") {
      y = for_each_place(x, [](auto at) { return std::max(at(0), 0.0); });
    } else if (type == "Where") {
      y = for_each_place(x, [](auto at) { return at(0) != 0 ? at(1) : at(2); });
    } else if (type == "TopK") {
      CHECK(attribute_of(node, "axis").i() == axis);
      CHECK(list == std::vector{static_cast<std::int64_t>(input.columns)});
      y = for_each_row(x[0], [](auto row) { return std::ranges::sort(row, std::greater<>()), row; });
    } else if (type == "CumSum") {
      CHECK(list == std::vector{axis});
      y = for_each_row(x[0], [](auto row) { return std::partial_sum(row.begin(), row.end(), row.begin()), row; });
    } else if (type == "ReduceSum") {
      CHECK(list == std::vector{axis});
      CHECK(attribute_of(node, "keepdims").i() == 1);
      y = for_each_row(x[0], [](auto row) { return std::vector{std::accumulate(row.begin(), row.end(), 0.0)}; });
    } else {
      FAIL("an operator without a definition here: " << type);
    }
    values[node.output(0)] = y;
  }
  return values.at(graph.output(0).name());
}

}  // namespace

TEST_CASE("names and types of the values in a file are those that ONNX demands") {
  for (const auto& [name, model] : models_and_names()) {
    INFO(name);
    const auto file = file_of(model);
    CHECK(wrong_name(file.graph()) == "");
    CHECK(wrong_type(file.graph()) == "");
  }
}

TEST_CASE("nodes of a file are named after their layer and operator, and values after their layer") {
  const TemporaryFolder folder;
  const auto input = Input({4}, {.name = "x"});
  const auto inside = Input({3}, {.name = "inside"});
  const Model inner(inside, Dense({.units = 3, .name = "second"})(inside), {.name = "inner"});
  const auto y = Activation(gelu, {.name = "gate"})(Dense({.units = 3, .name = "first"})(input));
  const Model model(input, inner(y), {.name = "net"});
  save_onnx(model, folder / "net.onnx");
  std::vector<std::string> nodes;
  for (const OnnxNode& node : list_onnx_nodes(folder / "net.onnx")) nodes.push_back(node.name + " " + node.type);
  // gelu is x (1 + erf(x / 2^(1/2))) / 2
  CHECK(nodes == std::vector<std::string>{"first/Gemm Gemm", "gate/Mul Mul", "gate/Erf Erf", "gate/Add Add",
                                          "gate/Mul_1 Mul", "gate/Mul_2 Mul", "inner/second/Gemm Gemm"});
  const auto file = onnx::read_file("test", folder / "net.onnx");
  CHECK(file.graph().node(0).output(0) == "first");
  CHECK(file.graph().node(5).output(0) == "gate");
  CHECK(file.graph().output(0).name() == "inner/second");
}

TEST_CASE("the Transpose in front of an output is named after the layer of the output") {
  const auto vector = Input({6});
  const auto image = Reshape({.target_shape = std::vector<std::int64_t>{1, 2, 3}, .name = "image"})(vector);
  const auto other = Dense({.units = 2, .name = "other"})(vector);
  const auto file = file_of(Model(std::vector{vector}, std::vector{image, other}));
  CHECK(names_in(file.graph()) == std::vector<std::string>{"image/Reshape", "other/Gemm", "image/Transpose"});
  CHECK(file.graph().output(0).name() == "image/Transpose");
}

TEST_CASE("a file says which program wrote it, for which operators, and how images are stored") {
  const auto input = Input({4});
  const Model model(input, Dense({.units = 3})(input), {.name = "my net"});
  for (const ImageAxes images : {ImageAxes::channels_first, ImageAxes::channels_last}) {
    const auto file = file_of(model, {.opset = 19, .ir_version = 9, .images = images});
    CHECK(file.producer_name() == "xtape");
    CHECK(file.producer_version() == std::string(version()));
    CHECK(file.ir_version() == 9);
    REQUIRE(file.opset_import_size() == 1);
    CHECK(file.opset_import(0).domain() == "");
    CHECK(file.opset_import(0).version() == 19);
    CHECK(file.graph().name() == "my net");
    REQUIRE(file.metadata_props_size() == 1);
    CHECK(file.metadata_props(0).key() == "image_axes");
    CHECK(file.metadata_props(0).value() == (images == ImageAxes::channels_first ? "channels_first" : "channels_last"));
  }
}

TEST_CASE("a batch normalization has its epsilon and its momentum in the file") {
  for (const double momentum : {0.75, 0.125}) {
    const auto image = Input({4, 3, 2});
    const Model model(image, BatchNormalization({.momentum = momentum, .epsilon = 0.0625})(image));
    const auto file = file_of(model);
    const auto nodes = nodes_of(file.graph(), "BatchNormalization");
    REQUIRE(nodes.size() == 1);
    // the running mean is momentum times the old one plus (1 - momentum) times that of the batch, as in xtape
    CHECK(attribute_of(nodes[0], "momentum").f() == static_cast<float>(momentum));
    CHECK(attribute_of(nodes[0], "epsilon").f() == 0.0625F);
  }
}

TEST_CASE("sparsemax is written as operators that project each row onto the simplex") {
  const Tensor x = RandomStream(2).uniform({4, 3, 5}, -1, 1.5);
  for (const bool vectors : {true, false}) {
    const auto input = vectors ? Input({5}) : Input({3, 5});
    const Model model(input, Activation(sparsemax)(input));
    const auto file = file_of(model);
    const RowsOfNumbers rows{12, 5, x.to_vector()};
    const RowsOfNumbers y = computed_rows(file.graph(), rows, vectors ? 1 : 2);
    REQUIRE(y.values.size() == 60);
    for (std::size_t i = 0; i < 12; ++i) {
      // max(x - t, 0) has the sum 1: t by bisection
      double low = -3, high = 3;
      for (int step = 0; step < 60; ++step) {
        const double t = (low + high) / 2;
        double sum = 0;
        for (std::size_t j = 0; j < 5; ++j) sum += std::max(rows.at(i, j) - t, 0.0);
        (sum > 1 ? low : high) = t;
      }
      for (std::size_t j = 0; j < 5; ++j) CHECK(y.at(i, j) == Approx(std::max(rows.at(i, j) - low, 0.0)).margin(1e-7));
    }
  }
}

TEST_CASE("files that are no ONNX models are errors of the function that reads them") {
  const TemporaryFolder folder;
  const auto path = folder / "net.onnx";
  std::ofstream(path) << "no model";
  const auto messages = [&] {
    return std::vector<std::string>{error_of([&] { load_onnx(path); }), error_of([&] { load_onnx_metadata(path); }),
                                    error_of([&] { list_onnx_nodes(path); })};
  };
  const std::vector<std::string> functions{"load_onnx", "load_onnx_metadata", "list_onnx_nodes"};
  const auto expected = [&](const std::string& reason) {
    std::vector<std::string> all;
    for (const std::string& function : functions) all.push_back(function + ": " + path.string() + ": " + reason);
    return all;
  };
  CHECK(messages() == expected("expected an undamaged ONNX model, got other data"));
  std::ofstream(path, std::ios::binary) << xtape_onnx::ModelProto().SerializeAsString();  // without a graph
  CHECK(messages() == expected("expected an undamaged ONNX model, got other data"));
  std::filesystem::resize_file(path, std::uintmax_t{1} << 31);
  CHECK(messages() == expected("expected a file below 2 GiB, got 2147483648 bytes"));
  const auto input = Input({4});
  CHECK(error_of([&] { save_onnx(Model(input, Dense({.units = 3})(input)), "net.pb"); }) ==
        "save_onnx: expected a name that ends in .onnx, got net.pb");
}
