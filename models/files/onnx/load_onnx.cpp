#include "framework/io/with_place.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "models/files/onnx/import_tensor.hpp"
#include "models/files/onnx/onnx_file.hpp"

namespace xtape {

Model load_onnx(const std::filesystem::path& path, const LoadOnnxOptions& options) {
  const xtape_onnx::ModelProto file = onnx::read_file("load_onnx", path);
  return with_place("load_onnx", path.string(),
                    [&] { return onnx::ImportGraph(file, path.parent_path(), options).model(); });
}

std::map<std::string, std::string> load_onnx_metadata(const std::filesystem::path& path) {
  const xtape_onnx::ModelProto file = onnx::read_file("load_onnx_metadata", path);
  std::map<std::string, std::string> metadata;
  for (const auto& entry : file.metadata_props()) metadata[entry.key()] = entry.value();
  return metadata;
}

std::vector<OnnxNode> list_onnx_nodes(const std::filesystem::path& path) {
  const xtape_onnx::ModelProto file = onnx::read_file("list_onnx_nodes", path);
  std::vector<OnnxNode> nodes;
  for (const auto& node : file.graph().node()) nodes.push_back({node.name(), node.op_type()});
  return nodes;
}

}  // namespace xtape
