// Parts of ONNX files that tests write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "models/graph/model.hpp"
#include "tests/support/support.hpp"
#include "xtape_onnx.pb.h"

namespace xtape::test {

using Names = std::vector<std::string>;

/// Adds a constant: integers, or 0.5 everywhere.
inline void add_constant(xtape_onnx::GraphProto& graph, const std::string& name,
                         const std::vector<std::int64_t>& extents, const std::vector<std::int64_t>& integers = {}) {
  auto& constant = *graph.add_initializer();
  constant.set_name(name);
  constant.set_data_type(integers.empty() ? xtape_onnx::TensorProto::FLOAT : xtape_onnx::TensorProto::INT64);
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) constant.add_dims(extent), count *= extent;
  for (const std::int64_t integer : integers) constant.add_int64_data(integer);
  for (std::int64_t i = 0; i < count && integers.empty(); ++i) constant.add_float_data(0.5F);
}

/// Adds a constant of float32.
inline void add_floats(xtape_onnx::GraphProto& graph, const std::string& name, const std::vector<std::int64_t>& extents,
                       const std::vector<float>& values) {
  auto& constant = *graph.add_initializer();
  constant.set_name(name);
  constant.set_data_type(xtape_onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : extents) constant.add_dims(extent);
  for (const float value : values) constant.add_float_data(value);
}

/// Adds a node without a name, whose output is named.
inline xtape_onnx::NodeProto& add_node(xtape_onnx::GraphProto& graph, const std::string& type,
                                       const std::vector<std::string>& inputs, const std::string& output) {
  auto& node = *graph.add_node();
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

/// A file whose graph has the input x of float32, without axes.
inline xtape_onnx::ModelProto file_with_input(int opset) {
  xtape_onnx::ModelProto file;
  file.set_ir_version(8);
  file.add_opset_import()->set_version(opset);
  auto& input = *file.mutable_graph()->add_input();
  input.set_name("x");
  input.mutable_type()->mutable_tensor_type()->set_elem_type(xtape_onnx::TensorProto::FLOAT);
  return file;
}

inline xtape_onnx::TensorShapeProto& shape_of_input(xtape_onnx::GraphProto& graph) {
  return *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
}

/// Adds axes to a shape. 0 stands for an unknown extent.
inline void add_axes(xtape_onnx::TensorShapeProto& shape, const std::vector<std::int64_t>& extents) {
  for (const std::int64_t extent : extents) {
    auto& dim = *shape.add_dim();
    if (extent > 0) dim.set_dim_value(extent);
    if (extent == 0) dim.set_dim_param("unknown");
  }
}

/// A file with one node; `change` may change it before it is written.
inline std::filesystem::path file_with(
    const TemporaryFolder& folder, const std::string& type,
    const std::function<void(xtape_onnx::ModelProto&)>& change = [](auto&) {}) {
  xtape_onnx::ModelProto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  shape_of_input(graph).add_dim()->set_dim_param("n");
  shape_of_input(graph).add_dim()->set_dim_value(3);
  add_node(graph, type, {"x"}, "y").set_name("only");
  graph.add_output()->set_name("y");
  change(file);
  const std::filesystem::path path = folder / "model.onnx";
  std::ofstream(path, std::ios::binary) << file.SerializeAsString();
  return path;
}

inline void set_number(xtape_onnx::NodeProto& node, const std::string& name, std::int64_t number) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(xtape_onnx::AttributeProto::INT);
  attribute.set_i(number);
}

inline void set_real(xtape_onnx::NodeProto& node, const std::string& name, float number) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(xtape_onnx::AttributeProto::FLOAT);
  attribute.set_f(number);
}

inline void set_list(xtape_onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& numbers) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(xtape_onnx::AttributeProto::INTS);
  for (const std::int64_t number : numbers) attribute.add_ints(number);
}

inline void set_order(xtape_onnx::NodeProto& node, const std::vector<std::int64_t>& order) {
  set_list(node, "perm", order);
}

inline void set_text(xtape_onnx::NodeProto& node, const std::string& name, const std::string& text) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(xtape_onnx::AttributeProto::STRING);
  attribute.set_s(text);
}

/// The outputs of a model in inference.
inline std::vector<Variable> run(const Model& model, const Tensor& input) {
  ForwardPass pass(Mode::inference);
  return model.call({input}, pass);
}

}  // namespace xtape::test
