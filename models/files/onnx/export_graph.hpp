// Writes a graph of ONNX: nodes, constants, and the order of the axes of each value. Internal to models/files/onnx.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "layers/core/activation.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "models/files/axis_order.hpp"
#include "xtape_onnx.pb.h"

namespace xtape::onnx {

/// A value in the graph that is written: the output of a layer, with the batch axis in front.
struct ExportValue {
  std::string name;             ///< its name in the file
  PartialShape shape;           ///< the shape of a sample in xtape
  bool channels_first = false;  ///< whether the last axis of the sample is the first one in the file
  /// For a vector that is a flattened image with the channels first: the shape of the image in xtape.
  std::optional<Shape> flat_of = std::nullopt;
};

/// The value of an attribute of a node.
using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>>;
/// The attributes of a node by name.
using Attributes = std::vector<std::pair<const char*, Attribute>>;

/// The graph that is written. Nodes are in the order of the calls of op().
class ExportGraph {
 public:
  /// Writes into `graph`, for this version of the operator set.
  ExportGraph(xtape_onnx::GraphProto& graph, int opset) : graph_(graph), opset_(opset) {}

  int opset() const { return opset_; }

  /// The nodes that follow belong to the layer with this path: their outputs are named after it.
  void enter(const std::string& path) { path_ = path; }
  /// A name that no value has yet: `wanted`, or `wanted` and a number.
  std::string fresh(const std::string& wanted);

  /// Adds a node with one output; returns the name of the output.
  std::string op(const std::string& type, const std::vector<std::string>& inputs, const Attributes& attributes = {});
  /// Adds a node with several outputs.
  std::vector<std::string> ops(const std::string& type, const std::vector<std::string>& inputs,
                               const Attributes& attributes, int outputs);
  /// Adds a constant with this name, in float32 or int64. A constant that exists with the same elements is used again.
  std::string constant(const std::string& name, const Tensor& value);
  /// A parameter of the layer that was entered, which may have been changed for the file.
  std::string parameter(const std::string& name, const Tensor& value) { return constant(path_ + "/" + name, value); }
  /// A float32 number.
  std::string number(double value);
  /// A list of int64.
  std::string integers(const std::vector<std::int64_t>& values);

  /// The value in the order of the axes of xtape.
  std::string plain(const ExportValue& value);
  /// The value in the order of the axes of xtape, with `rank` axes in the file: a sample with fewer gets axes behind
  /// the batch.
  std::string with_rank(const ExportValue& value, int rank);
  /// The value with the last axis of samples in front. Vectors do not change.
  std::string channels_first(const ExportValue& value);
  /// Ends the nodes of a layer with the value `name`, which other layers may read from now on. If the last node has
  /// made it, and no other layer knows it yet, it gets the name `wanted`, unless that name is taken. Returns its name.
  std::string settled(std::string name, const std::string& wanted);

  /// The mean, sum, ... over axes; `type` is ReduceMean and so on.
  std::string reduce(const std::string& type, const std::string& x, const std::vector<std::int64_t>& axes, bool keep);

 private:
  xtape_onnx::GraphProto& graph_;
  int opset_;
  std::string path_;
  std::set<std::string> names_;
  std::map<std::string, int> repeated_;  // how often a name was wanted again
  std::map<std::string, Tensor> constants_;
  std::map<std::string, std::string> plain_, channels_first_;  // values that have been transposed
  std::set<std::string> settled_;                              // values whose names do not change
};

/// The stored value of a parameter of the layer itself.
Tensor value_of(const Layer& layer, std::string_view name);

/// A call of a layer that is written.
struct ExportCall {
  ExportGraph& graph;
  const Layer& layer;
  std::vector<ExportValue> inputs;
  PartialShape output;                              ///< shape of a sample of the output
  const BatchNormalizationLayer* folded = nullptr;  ///< a following layer whose factors the kernel takes

  const ExportValue& x() const { return inputs.front(); }
  /// The options of the layer, which is a Definition.
  template <class Definition>
  const auto& options() const {
    return static_cast<const Definition&>(layer).options();
  }
  /// The only input, in the order of the axes of xtape.
  std::string plain() const { return graph.plain(x()); }
  /// The only input, with the channels first.
  std::string images() const { return graph.channels_first(x()); }
  /// The value of a parameter of the layer, in float32.
  Tensor value(std::string_view name) const { return value_of(layer, name).to(DType::float32); }
  /// An output in the order of the axes of xtape.
  ExportValue made(std::string name) const { return {std::move(name), output}; }
  /// An output of which samples have the channels first.
  ExportValue made_images(std::string name) const { return {std::move(name), output, output.rank() > 1}; }
  /// An output with the axes of the input x.
  ExportValue as_input(std::string name) const { return {std::move(name), output, x().channels_first, x().flat_of}; }
};

/// Writes a call of a layer. Error when ONNX cannot express it.
using ExportRow = ExportValue (*)(const ExportCall& call);
/// The rows of layers by type().
using ExportRows = std::map<std::string, ExportRow>;

// Each file has the rows of some layers.
void add_activation_rows(ExportRows& rows);
void add_convolution_rows(ExportRows& rows);
void add_normalization_rows(ExportRows& rows);
void add_shape_rows(ExportRows& rows);
void add_image_rows(ExportRows& rows);
void add_operator_rows(ExportRows& rows);

/// x after the activation function. `axis` is the last axis of samples in the file.
std::string activated(ExportGraph& graph, const std::string& x, const ActivationFunction& function, std::int64_t axis,
                      Extent last);
/// activated() for the output of a convolution or a dense layer.
ExportValue activated(const ExportCall& call, ExportValue y, const ActivationFunction& function);

/// The factor and the shift by which batch normalization changes each channel in inference.
struct ChannelFactors {
  Tensor scale, shift;
};
ChannelFactors channel_factors(const BatchNormalizationLayer& layer);

/// The constant of the shape of a sample, or of one axis, in the order of the axes of `value`.
Tensor in_order_of(const ExportValue& value, const Tensor& constant);

}  // namespace xtape::onnx
