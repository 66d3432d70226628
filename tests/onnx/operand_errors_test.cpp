// load_onnx(): every operator with operands of every kind. The messages are compared with operand_errors.txt, which has
// been read.
#include <algorithm>
#include <fstream>
#include <set>

#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// One line for each message about operands of any kind, with the first operands that lead to it, and one for the
/// number of operands that each operator reads.
std::vector<std::string> errors_of_operands() {
  const std::vector<std::string> kinds{"x", "numbers", "image", "integers", "shape"};
  std::vector<std::vector<std::string>> operands;
  for (const std::string& first : kinds) {
    operands.push_back({first});
    for (const std::string& second : kinds) {
      operands.push_back({first, second});
      for (const char* third : {"x", "numbers"}) operands.push_back({first, second, third});
    }
  }
  std::vector<std::string> lines;
  for (const auto& [type, row] : onnx::import_rows()) {
    int read = 0;
    std::set<std::string> seen;
    for (const auto& inputs : operands) {
      for (const bool batch_axis : {true, false}) {
        INFO(type << " " << fmt::format("{}", fmt::join(inputs, " ")) << " " << batch_axis);
        const auto file = file_of_node(type, inputs);
        if (is_read(file, batch_axis)) ++read;
        std::string error = error_in(file, batch_axis);
        const std::string title = fmt::format("node \"tested\" ({}, opset 17): ", type);
        if (error.starts_with(title)) error.erase(0, title.size());
        CHECK(error.find(title) == std::string::npos);
        if (error.empty() || !seen.insert(error).second) continue;
        lines.push_back(fmt::format("{} {}, batch axis {}: {}", type, fmt::join(inputs, " "), batch_axis, error));
      }
    }
    lines.push_back(fmt::format("{} is read with {} of {} operands", type, read, 2 * operands.size()));
  }
  return lines;
}

const std::filesystem::path& stored_errors() {
  static const std::filesystem::path path = source_root() / "tests/onnx/operand_errors.txt";
  return path;
}

}  // namespace

TEST_CASE("every operator reads operands of any kind or rejects them with the stored message, which names the node") {
  std::ifstream stream(stored_errors());
  std::vector<std::string> stored;
  for (std::string line; std::getline(stream, line);) stored.push_back(line);
  const std::vector<std::string> lines = errors_of_operands();
  for (std::size_t i = 0; i < std::min(lines.size(), stored.size()); ++i) REQUIRE(lines[i] == stored[i]);
  CHECK(lines.size() == stored.size());
}

// Run it by its name: test_onnx "write the stored messages about operands anew". Then read what has changed.
TEST_CASE("write the stored messages about operands anew", "[.]") {
  std::ofstream stream(stored_errors());
  for (const std::string& line : errors_of_operands()) stream << line << '\n';
}
