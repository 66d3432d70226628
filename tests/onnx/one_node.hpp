// ONNX files with one node, and whether load_onnx() reads them.
#pragma once

#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/file_parts.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

using Integers = std::vector<std::int64_t>;

/// A graph with the input "x" (2, 4, 4, 3), constants, the shape of x "shape", and one node of the given
/// type, which reads `inputs` and writes "y".
inline xtape_onnx::ModelProto file_of_node(const std::string& type, const std::vector<std::string>& inputs) {
  xtape_onnx::ModelProto file = file_with_input(17);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {2, 4, 4, 3});
  add_constant(graph, "numbers", {4});
  add_constant(graph, "image", {2, 4, 4, 3});
  add_constant(graph, "kernel", {4, 4, 1, 1});
  add_constant(graph, "integers", {4}, {0, 1, 0, 1});
  add_node(graph, "Shape", {"x"}, "shape");
  add_node(graph, type, inputs, "y").set_name("tested");
  graph.add_output()->set_name("y");
  return file;
}

inline void set_text(xtape_onnx::ModelProto& file, const std::string& name, const std::string& value) {
  set_text(*file.mutable_graph()->mutable_node(1), name, value);
}

inline void set_integers(xtape_onnx::ModelProto& file, const std::string& name, const Integers& values) {
  auto& attribute = *file.mutable_graph()->mutable_node(1)->add_attribute();
  attribute.set_name(name);
  const bool list = values.size() > 1 || name == "strides";
  attribute.set_type(list ? xtape_onnx::AttributeProto::INTS : xtape_onnx::AttributeProto::INT);
  attribute.set_i(values[0]);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

/// The message of the Error if a file is rejected.
inline std::string error_in(const xtape_onnx::ModelProto& file, bool batch_axis = true) {
  try {
    onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first, .batch_axis = batch_axis}).model();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Whether a file is read. Fails the test if it is rejected without the name of the node or of its output.
inline bool is_read(const xtape_onnx::ModelProto& file, bool batch_axis) {
  const std::string error = error_in(file, batch_axis);
  const bool named =
      error.empty() || error.find("\"tested\"") != std::string::npos || error.find("output \"y\"") != std::string::npos;
  if (!named) FAIL(error);
  return error.empty();
}

}  // namespace xtape::test
