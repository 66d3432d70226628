// The models of ONNX's own tests, with inputs and outputs: Debian's libonnx-testdata.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "models/files/onnx/import_graph.hpp"
#include "models/files/onnx/import_tensor.hpp"
#include "tests/support/support.hpp"

namespace fs = std::filesystem;

using namespace xtape;
using namespace xtape::test;

namespace {

const fs::path data = "/usr/share/libonnx-testdata/data";

using Proto = xtape_onnx::TensorProto;

Proto proto_in(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  Proto proto;
  proto.ParseFromString(bytes);
  return proto;
}

/// The tensors input_0.pb, input_1.pb, ... or those of the outputs.
std::vector<Proto> tensors_in(const fs::path& folder, const std::string& kind) {
  std::vector<Proto> tensors;
  for (int i = 0; fs::exists(folder / fmt::format("{}_{}.pb", kind, i)); ++i) {
    tensors.push_back(proto_in(folder / fmt::format("{}_{}.pb", kind, i)));
  }
  return tensors;
}

/// Whether the numbers agree, to 1e-4 in float32 and to the digits of shorter types.
bool agree(const Tensor& ours, Proto proto) {
  // the data store bfloat16 as uint16
  if (is_floating(ours.dtype()) && proto.data_type() == Proto::UINT16) proto.set_data_type(Proto::BFLOAT16);
  const Tensor expected = onnx::tensor_of(proto, "");
  const bool brain = proto.data_type() == Proto::BFLOAT16, half = proto.data_type() == Proto::FLOAT16;
  const double tolerance = brain ? 1e-2 : half ? 1e-3 : 1e-4;
  if (ours.shape() != expected.shape()) return false;
  const auto a = ours.to_vector<double>(), b = expected.to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    if (!(std::abs(a[i] - b[i]) <= 1e-5 + tolerance * std::abs(b[i]))) return false;
  }
  return true;
}

enum class Result { equal, different, rejected };

struct Outcome {
  Result result;
  std::string reason;
};

/// How a model of the test data is read: what its inputs stand for.
struct Reading {
  bool batch_axis;
  std::size_t variable;  ///< the only input that stays one, while the others become constants; none: all stay
};

constexpr std::size_t all_inputs = 99, no_inputs = 98;

/// The input of a model; the data store bfloat16 as uint16.
Proto typed(Proto proto, const xtape_onnx::ValueInfoProto& info) {
  const bool brain = info.type().tensor_type().elem_type() == Proto::BFLOAT16;
  if (brain && proto.data_type() == Proto::UINT16) proto.set_data_type(Proto::BFLOAT16);
  return proto;
}

/// Writes the model to `target` with the inputs besides one as constants.
void write_with_constants(const fs::path& folder, std::size_t variable, const fs::path& target) {
  xtape_onnx::ModelProto file = onnx::read_file("test", folder / "model.onnx");
  const auto inputs = tensors_in(folder / "test_data_set_0", "input");
  auto& graph = *file.mutable_graph();
  const auto given = graph.input();
  graph.clear_input();
  for (std::size_t i = 0; i < static_cast<std::size_t>(given.size()); ++i) {
    const auto& info = given[static_cast<int>(i)];
    if (i == variable || i >= inputs.size()) {
      *graph.add_input() = info;
    } else {
      *graph.add_initializer() = typed(inputs[i], info);
      graph.mutable_initializer(graph.initializer_size() - 1)->set_name(info.name());
    }
  }
  std::ofstream(target, std::ios::binary) << file.SerializeAsString();
}

/// Computes a model of the test data whose inputs are constants while it is read.
Outcome constant_outcome(const fs::path& folder, const fs::path& scratch) {
  write_with_constants(folder, no_inputs, scratch);
  xtape_onnx::ModelProto file = onnx::read_file("test", scratch);
  auto& unused = *file.mutable_graph()->add_input();
  unused.set_name("an input that no node reads");
  unused.mutable_type()->mutable_tensor_type()->set_elem_type(Proto::FLOAT);
  unused.mutable_type()->mutable_tensor_type()->mutable_shape();
  onnx::ImportGraph graph(file, folder, {.batch_axis = false});
  graph.read();
  const auto expected = tensors_in(folder / "test_data_set_0", "output");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& value = graph.value(file.graph().output(static_cast<int>(i)).name());
    if (!value.constant) return {Result::rejected, "not a constant"};
    if (!agree(*value.constant, expected[i])) return {Result::different, fmt::format("constant output {}", i)};
  }
  return {Result::equal, ""};
}

/// Runs a model of the test data on its inputs. It is rejected if load_onnx() throws an Error.
Outcome outcome(const fs::path& folder, const Reading& reading, const fs::path& scratch) {
  try {
    if (reading.variable == no_inputs) return constant_outcome(folder, scratch);
    fs::path path = folder / "model.onnx";
    const xtape_onnx::ModelProto file = onnx::read_file("test", path);
    if (reading.variable != all_inputs) {
      path = scratch;
      write_with_constants(folder, reading.variable, path);
    }
    const Model model = load_onnx(path, {.images = ImageAxes::channels_first, .batch_axis = reading.batch_axis});
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_directory()) continue;
      const auto given = tensors_in(entry.path(), "input");
      std::vector<Variable> inputs;
      for (std::size_t i = 0; i < given.size(); ++i) {
        if (reading.variable != all_inputs && i != reading.variable) continue;
        const Tensor value = onnx::tensor_of(typed(given[i], file.graph().input(static_cast<int>(i))), "");
        inputs.emplace_back(reading.batch_axis ? value
                                               : value.reshaped(Shape(PartialShape(value.shape()).prepended(1))));
      }
      ForwardPass pass(Mode::inference);
      const auto outputs = model.call(inputs, pass);
      const auto expected = tensors_in(entry.path(), "output");
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        Tensor ours = outputs[i].value();
        if (!reading.batch_axis) ours = ours.reshaped(ours.shape().without(0));
        if (!agree(ours, expected[i])) return {Result::different, fmt::format("output {}", i)};
      }
    }
    return {Result::equal, ""};
  } catch (const Error& error) {
    return {Result::rejected, error.what()};
  }
}

std::string operator_of(const fs::path& folder) {
  const xtape_onnx::ModelProto file = onnx::read_file("test", folder / "model.onnx");
  for (const auto& node : file.graph().node()) {
    if (!onnx::import_rows().contains(node.op_type())) return "";
  }
  return file.graph().node_size() == 0 ? "" : file.graph().node(0).op_type();
}

/// What is not read of operators that are read, by parts of the names of models; docs/formats.md lists it.
const std::vector<std::pair<std::string, std::vector<std::string>>> unread{
    {"strings, sequences and optional values", {"STRING", "identity_opt", "identity_sequence"}},
    {"conditions that are inputs", {"test_if_"}},
    {"statistics of the batch", {"batchnorm_epsilon_training_mode", "batchnorm_example_training_mode"}},
    {"random numbers, and the mask of Dropout", {"dropout_default_mask", "training_dropout"}},
    {"the indices of MaxPool", {"maxpool_with_argmax"}},
    {"letters that an operand has twice", {"einsum_batch_diagonal"}},
    {"empty arrays", {"reshape_allowzero_reordered", "split_zero_size_splits"}},
    {"extrapolation_value other than 0", {"resize_tf_crop_and_resize"}}};

bool is_unread(const std::string& name) {
  return std::ranges::any_of(unread, [&](const auto& row) {
    return std::ranges::any_of(row.second, [&](const auto& part) { return name.find(part) != std::string::npos; });
  });
}

}  // namespace

TEST_CASE("the models of ONNX's tests give the outputs of their authors") {
  if (!fs::exists(data)) skip("no libonnx-testdata");
  const TemporaryFolder scratch;
  int models = 0, claimed = 0, equal = 0;
  std::vector<std::string> rejected;
  std::map<std::string, int> equal_by_operator;
  std::vector<std::string> different;
  const bool verbose = std::getenv("XTAPE_ONNX_VERBOSE") != nullptr;
  for (const char* kind : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    for (const auto& entry : fs::directory_iterator(data / kind)) {
      ++models;
      const std::string type = operator_of(entry.path()), name = entry.path().filename().string();
      if (type.empty()) continue;
      ++claimed;
      bool passed = false;
      std::string reasons;
      for (const Reading& reading : {Reading{true, all_inputs},
                                     {false, all_inputs},
                                     {true, 0},
                                     {false, 0},
                                     {true, 1},
                                     {false, 1},
                                     {false, no_inputs}}) {
        const bool moves = type == "Transpose" || name == "test_unsqueeze_axis_0" || name == "test_einsum_transpose";
        if (reading.batch_axis && moves) continue;  // the model puts the batch in front
        const Outcome found = outcome(entry.path(), reading, scratch / "model.onnx");
        const bool window = name.find("window") != std::string::npos;  // the outputs were computed with pi = 3.1415
        if (found.result == Result::different && !window) different.push_back(name + ": " + found.reason);
        passed = passed || found.result == Result::equal;
        reasons += "    " + found.reason + "\n";
      }
      equal += passed ? 1 : 0;
      equal_by_operator[type] += passed ? 1 : 0;
      if (passed || name.find("window") != std::string::npos) continue;
      rejected.push_back(name);
      if (verbose) std::cout << entry.path().filename().string() << "\n" << reasons;
    }
  }
  std::cout << fmt::format("{} models, {} of operators that xtape knows: {} equal, {} rejected with an Error\n", models,
                           claimed, equal, rejected.size());
  for (const std::string& name : rejected) std::cout << "  " << name << "\n";
  CHECK(different == std::vector<std::string>());
  CHECK(equal >= 674);  // with ONNX 1.12
  for (const std::string& name : rejected) {
    INFO(name);
    CHECK(is_unread(name));
  }
  std::vector<std::string> without;
  for (const auto& [type, row] : onnx::import_rows()) {
    if (equal_by_operator[type] == 0) without.push_back(type);
  }
  std::cout << "operators without a model in the data: " << fmt::format("{}", fmt::join(without, " ")) << "\n";
}
