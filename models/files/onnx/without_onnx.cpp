// Replaces the functions for ONNX files in a build without protobuf.
#include "models/files/onnx/onnx_file.hpp"

namespace xtape {
namespace {

[[noreturn]] void no_protobuf(const char* function, const std::filesystem::path& path) {
  fail(
      "{}: expected a build with protobuf for {}, got one without; install libprotobuf-dev, protobuf-compiler and "
      "libonnx-dev, and configure again",
      function, path.string());
}

}  // namespace

void save_onnx(const Model& /*model*/, const std::filesystem::path& path, const SaveOnnxOptions& /*options*/) {
  no_protobuf("save_onnx", path);
}

Model load_onnx(const std::filesystem::path& path, const LoadOnnxOptions& /*options*/) {
  no_protobuf("load_onnx", path);
}

std::map<std::string, std::string> load_onnx_metadata(const std::filesystem::path& path) {
  no_protobuf("load_onnx_metadata", path);
}

std::vector<OnnxNode> list_onnx_nodes(const std::filesystem::path& path) { no_protobuf("list_onnx_nodes", path); }

}  // namespace xtape
