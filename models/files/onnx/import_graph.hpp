// Reads a graph of ONNX: values with the order of their axes, and the layers that nodes become. Internal to
// models/files/onnx.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "layers/layers.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "xtape_onnx.pb.h"

namespace xtape::onnx {

/// An integer in the arithmetic of shapes.
struct Number {
  enum class Kind { known, batch, unknown };
  std::int64_t value = 0;  ///< of a known number; for the batch its factor; for an unknown extent its axis
  Kind kind = Kind::known;
  std::string of = "";  ///< for an unknown extent the name of the value that has it; "" if it was computed from others
  bool known() const { return kind == Kind::known; }
  /// Whether it is the unknown extent of a value of the file.
  bool named() const { return kind == Kind::unknown && !of.empty(); }
};

/// Rows of a value whose batch axis in the file is the product of the batch and an axis of samples: rows of a matrix or
/// heads of an attention, which are computed separately. They are the first axis of samples of the tensor.
enum class Rows {
  none,
  before,  ///< (rows, batch)
  behind,  ///< (batch, rows)
};

/// Where the file has the batch, which is the first axis of the tensor.
struct BatchAxis {
  int at = 0;  ///< the axis of the file
  Rows rows = Rows::none;
  bool merged() const { return rows != Rows::none; }
  bool operator==(const BatchAxis&) const = default;
};

/// Integers (n, ...) that grow with the number of the sample: positions of its elements in a flattened batch.
struct SamplePositions {
  Tensor of_first;        ///< those of the first sample, (1, ...)
  std::int64_t step = 1;  ///< how much larger those of the next sample are
};

/// A value of the file: a constant, integers of a shape, positions of samples, or a tensor of the layer graph.
struct ImportValue {
  std::optional<Tensor> constant = std::nullopt;              ///< float32 or int64
  bool parameter = false;                                     ///< whether the constant is a weight, not a number
  std::optional<std::vector<Number>> numbers = std::nullopt;  ///< a list of integers, some of which depend on inputs
  std::optional<SamplePositions> positions = std::nullopt;    ///< positions in a flattened batch
  std::optional<SymbolicTensor> tensor = std::nullopt;
  bool channels_last = false;  ///< whether the first axis of samples in the file is the last one of the tensor
  /// For a vector: the shape of the channels-last image that was flattened, where the file has the channels first.
  std::optional<Shape> flat_of = std::nullopt;
  BatchAxis batch = {};
};

/// The values of the parameters of a layer by name.
using Values = std::map<std::string, Tensor>;

class ImportNode;

/// The graph that is read.
class ImportGraph {
 public:
  ImportGraph(const xtape_onnx::ModelProto& file, std::filesystem::path folder, const LoadOnnxOptions& options);
  Model model();

  int opset() const { return opset_; }
  /// The number of axes in front of a sample in the file: 1 with a batch axis.
  int lead() const { return options_.batch_axis ? 1 : 0; }
  /// The extent of the batch in the file; nothing if it is symbolic.
  std::optional<std::int64_t> batch() const { return batch_; }
  const std::filesystem::path& folder() const { return folder_; }

  /// An input of the model, which has the number of samples.
  const SymbolicTensor& any_input() const { return inputs_.front(); }

  /// Reads all nodes, for value().
  void read();
  const ImportValue& value(const std::string& name) const;
  const ImportValue* find(const std::string& name) const;
  void set(const std::string& name, ImportValue value);
  /// The only node that reads a value, if the value is not an output of the graph and the node is in the graph or
  /// branch that computes it; null if there is no such node.
  const xtape_onnx::NodeProto* only_reader(const std::string& name) const;
  /// The node that computes a value; null for inputs and constants.
  const xtape_onnx::NodeProto* maker(const std::string& name) const;
  /// Whether a node reads the value, or it is an output of the graph.
  bool is_read(const std::string& name) const { return readers_.contains(name) || outputs_.contains(name); }
  /// Reads the nodes of the branch that the condition of an If selects. The outputs of the node are those of the
  /// branch. Protobuf limits the depth of branches within branches.
  void read_branch(const xtape_onnx::GraphProto& branch, const xtape_onnx::NodeProto& node);
  /// The node has been computed together with an earlier one.
  void skip(const xtape_onnx::NodeProto& node) { skipped_.insert(&node); }

  /// Calls a layer, named after the wanted name, with the values of its parameters.
  SymbolicTensor apply(const std::shared_ptr<Layer>& layer, const std::vector<SymbolicTensor>& inputs,
                       const Values& values, const std::string& wanted);

 private:
  void find_readers(const xtape_onnx::GraphProto& graph);
  const xtape_onnx::GraphProto& renamed(const xtape_onnx::GraphProto& branch, const xtape_onnx::NodeProto& node);
  void read_constants(const xtape_onnx::GraphProto& graph);
  void read_inputs();
  void find_images(const xtape_onnx::GraphProto& graph);
  void read_nodes(const xtape_onnx::GraphProto& graph);
  void read_node(const xtape_onnx::NodeProto& node);
  bool is_constant(const xtape_onnx::NodeProto& node) const;
  void compute(const xtape_onnx::NodeProto& node);

  const xtape_onnx::ModelProto& file_;
  const xtape_onnx::GraphProto& graph_;
  std::filesystem::path folder_;
  const LoadOnnxOptions& options_;
  int opset_ = 0;
  bool reorders_;            // whether images at inputs and outputs get the channels last
  bool all_images_ = false;  // save_onnx() wrote all samples with three axes as images
  std::optional<std::int64_t> batch_;
  std::map<std::string, ImportValue> values_;
  std::map<std::string, std::vector<const xtape_onnx::NodeProto*>> readers_;
  std::map<std::string, const xtape_onnx::NodeProto*> makers_;
  std::map<const xtape_onnx::NodeProto*, const xtape_onnx::GraphProto*> graphs_;  // the graph or branch of each node
  std::deque<xtape_onnx::GraphProto> renamed_;                                    // copies of branches
  std::set<std::string> outputs_, names_, images_;
  std::map<std::string, int> repeated_;  // how often a name was wanted again
  std::set<const xtape_onnx::NodeProto*> skipped_;
  std::vector<SymbolicTensor> inputs_;
};

/// A node that is read. Attributes that no function has asked for are an Error.
class ImportNode {
 public:
  ImportNode(ImportGraph& in_graph, const xtape_onnx::NodeProto& of_node) : graph(in_graph), node(of_node) {}

  ImportGraph& graph;
  const xtape_onnx::NodeProto& node;

  // Attributes.
  std::int64_t integer(const char* name, std::int64_t otherwise);
  double number(const char* name, double otherwise);
  std::string text(const char* name, const std::string& otherwise);
  std::optional<std::vector<std::int64_t>> integers(const char* name);
  std::optional<std::vector<double>> reals(const char* name);
  std::optional<Tensor> tensor_attribute(const char* name);
  /// Error if there is no such attribute.
  const xtape_onnx::GraphProto& graph_attribute(const char* name);
  bool has(const char* name) const;
  /// Ignores an attribute that has no effect.
  void ignore(const char* name) { read_.insert(name); }
  void check_all_read() const;

  // Inputs.
  bool has_input(int i) const { return i < node.input_size() && !node.input(i).empty(); }
  /// Error if the batch is not on its first axis, unless allow_moved_batch() was called.
  const ImportValue& input(int i) const;
  /// The function can read inputs, by default the first one, whose batch is on another axis than the first or merged
  /// with rows. axis_of() takes the batch of the first input into account.
  void allow_moved_batch(int inputs = 1) { moved_inputs_ = inputs; }
  /// The batch axis of the first input.
  BatchAxis batch() const { return has_input(0) ? input(0).batch : BatchAxis(); }
  /// The batch axis of inputs that are tensors. Error unless it is the same for all.
  BatchAxis common_batch() const;
  bool is_tensor(int i) const { return has_input(i) && input(i).tensor.has_value(); }
  /// The constant input. Error if it is not a constant.
  Tensor constant(int i) const;
  /// The constant list of integers. Error if it is not constant.
  std::vector<std::int64_t> constant_integers(int i) const;
  /// An attribute in old opsets, an input in new ones; nothing if neither is there.
  std::optional<std::vector<std::int64_t>> integers_of(const char* name, int i);
  /// The list of integers of a shape, if the input has one.
  std::optional<std::vector<Number>> numbers(int i) const;
  /// The tensor in the order of the axes of the file.
  SymbolicTensor plain(int i) { return plain(input(i)); }
  SymbolicTensor plain(const ImportValue& value);
  /// The tensor with the channels last. Error unless samples have `rank` axes (-1: at least 2).
  SymbolicTensor images(int i, int rank = -1);
  SymbolicTensor images(const ImportValue& value);
  /// Number of axes of an input in the file.
  int rank(int i) const { return tensor(i).shape().rank() + graph.lead() - (input(i).batch.merged() ? 1 : 0); }
  /// The input. Error if it is a constant.
  const SymbolicTensor& tensor(int i) const;
  /// The extents of a sample of the input in the order of the file, without rows that are merged with the batch.
  std::vector<Extent> extents(int i) const;

  /// A constant (without a batch axis) as a tensor that has it in each sample.
  SymbolicTensor for_each_sample(const Tensor& constant, bool trainable);
  /// The same for the first elements of axis `axis`, as many as the unknown extent says.
  SymbolicTensor for_each_sample(const Tensor& constant, bool trainable, const Number& extent, std::int64_t axis);
  /// The sample in another shape. Error unless at most one extent is unknown, unknown extents keep their order, or they
  /// are those of one value of the file, which `numbers`, one for each extent, name. If they name all unknown extents
  /// of the input, -1 is the known number of the other elements.
  SymbolicTensor reshaped(const SymbolicTensor& x, const std::vector<Extent>& extents,
                          const std::vector<Number>& numbers = {});

  /// Whether the number is the unknown extent of this axis of the samples of the first input.
  bool is_extent(const Number& number, std::int64_t axis) const {
    return number.named() && origin(number.of, number.value) == origin(node.input(0), axis);
  }
  /// Whether the number and this axis of the samples of the first input are different extents of inputs of the file.
  bool is_other_extent(const Number& number, std::int64_t axis) const {
    if (!number.named()) return false;
    const auto given = origin(number.of, number.value), own = origin(node.input(0), axis);
    return given != own && graph.maker(given.first) == nullptr && graph.maker(own.first) == nullptr;
  }

  /// An axis of the file as an axis of the tensor, counted with the batch axis 0. Error for the batch axis.
  std::int64_t axis_of(std::int64_t axis, int rank, bool channels_last) const {
    return axis_of(axis, rank, channels_last, batch());
  }
  std::int64_t axis_of(std::int64_t axis, int rank, bool channels_last, BatchAxis batch) const;

  // Outputs.
  template <class Definition>
  SymbolicTensor layer(typename Definition::Options options, const std::vector<SymbolicTensor>& inputs,
                       const Values& values = {}) {
    return graph.apply(std::make_shared<Definition>(std::move(options)), inputs, values, name());
  }
  SymbolicTensor function(const ActivationFunction& function, const SymbolicTensor& x) {
    return layer<ActivationLayer>({function}, {x});
  }
  SymbolicTensor operation(OperatorLayer::Options options, const std::vector<SymbolicTensor>& inputs,
                           const Values& values = {}) {
    return layer<OperatorLayer>(std::move(options), inputs, values);
  }
  /// The part of a tensor along one axis, which is counted with the batch axis 0, by the rules of NumPy.
  SymbolicTensor slice(const SymbolicTensor& x, std::int64_t axis, std::int64_t start, std::int64_t end,
                       std::int64_t step = 1) {
    return operation({.function = std::string("Slice"), .axes = {axis}, .numbers = {start, end, step}}, {x});
  }
  /// The end of a slice that leaves out some elements at the end.
  static std::int64_t from_end(std::int64_t elements) { return elements == 0 ? largest : -elements; }
  static constexpr std::int64_t largest = (std::int64_t{1} << 31) - 1;  ///< the largest integer of a model file
  /// Whether a node or the model reads this output.
  bool is_read(int output) const { return output < node.output_size() && graph.is_read(node.output(output)); }
  void set(const SymbolicTensor& tensor, bool channels_last = false, int output = 0, BatchAxis batch = {});
  /// An output with the order of the axes of an input, which has the same shape.
  void set_like(const SymbolicTensor& tensor, int i);
  /// The first input as the output.
  void copy_input();
  void set_constant(Tensor tensor);
  void set_numbers(std::vector<Number> numbers);

 private:
  std::string name() const;
  const xtape_onnx::AttributeProto* attribute(const char* name, int type);
  /// The value and its axis of samples from which an axis of samples comes through elementwise operators and Transpose.
  std::pair<std::string, std::int64_t> origin(std::string name, std::int64_t axis) const;
  /// Replaces the -1 of a target whose other unknown extents are all those of the first input, of shape `x`: in (-1,
  /// width) for samples (channels, 2, width) by 2 channels.
  void fill_rest(const PartialShape& x, const std::vector<Number>& numbers, std::vector<std::int64_t>& target) const;
  /// The tensor and its axis, counted with the batch axis 0, that have an unknown extent.
  std::pair<SymbolicTensor, std::int64_t> axis_with(const Number& extent) const;
  std::set<std::string> read_;
  int moved_inputs_ = 0;
};

/// Combines two operands by the operator of the node, with broadcasting.
void combine_operands(ImportNode& n);

/// Reads a node of one operator.
using ImportRow = void (*)(ImportNode& node);
/// The rows of operators by name.
using ImportRows = std::map<std::string, ImportRow>;

// Each file has the rows of some operators.
void add_elementwise_rows(ImportRows& rows);
void add_arithmetic_rows(ImportRows& rows);
void add_window_rows(ImportRows& rows);
void add_normalization_rows(ImportRows& rows);
void add_resizing_rows(ImportRows& rows);
void add_product_rows(ImportRows& rows);
void add_einsum_rows(ImportRows& rows);
void add_reshape_rows(ImportRows& rows);
void add_shape_rows(ImportRows& rows);
void add_selection_rows(ImportRows& rows);
void add_reduction_rows(ImportRows& rows);
void add_constant_rows(ImportRows& rows);
const ImportRows& import_rows();

/// Whether the row of an operator computes constants itself. The others are computed by their layers.
bool computes_constants(const std::string& type);
/// Whether an operator needs the channels on the first axis of samples.
bool needs_channels_first(const std::string& type);
/// Whether an operator computes each element of its output from one of each input, with broadcasting.
bool is_elementwise(const std::string& type);
/// Whether an operator accepts any order of the axes, and its output has the order of its inputs.
bool keeps_axes(const std::string& type);

/// The extents of the samples of a value that is a tensor, in the order of the file, without rows that are merged with
/// the batch.
std::vector<Extent> extents_of(const ImportValue& value);
/// The constant of the file, broadcast from the right to samples, as a constant of channels-last samples.
Tensor channels_last_constant(const Tensor& constant, int sample_rank);

}  // namespace xtape::onnx
