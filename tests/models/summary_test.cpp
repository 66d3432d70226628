#include "layers/layers.hpp"
#include "models/resnet50.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// A line with runs of blanks as one.
std::string squeezed(const std::string& line) {
  std::string result;
  for (const char c : line) {
    if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
  }
  return result;
}

TEST_CASE("the summary of ResNet-50 has the rows and totals that Keras printed for it") {
  const std::string text = resnet50().summary({.width = 98});
  std::vector<std::string> rows;
  for (const std::string& line : lines_of(text)) rows.push_back(squeezed(line));
  CHECK(rows[0] == "Model: \"resnet50\"");
  CHECK(rows[2] == "Layer (type) Output Shape Param # Connected to");
  CHECK(squeezed(rows[4]) == "input_1 (InputLayer) (None, 64, 64, 3) 0");
  CHECK(rows[5] == "zero_padding2d_1 (ZeroPadding2D) (None, 70, 70, 3) 0 input_1");
  CHECK(rows[6] == "conv1 (Conv2D) (None, 32, 32, 64) 9472 zero_padding2d_1");
  CHECK(rows[7] == "bn_conv1 (BatchNormalization) (None, 32, 32, 64) 256 conv1");
  CHECK_THAT(text,
             Catch::Contains("Total params: 23,600,006\nTrainable params: 23,546,886\nNon-trainable params: 53,120\n"
                             "Memory of parameters: 94.4 MB\n"));
  for (const std::string& line : lines_of(text)) CHECK(line.size() <= 98);
}

TEST_CASE("memory and multiply-adds follow from their definitions") {
  const SymbolicTensor input = Input({4});
  const Model model(input, Dense({.units = 1000})(input));
  // (4 + 1000) activations of 4 bytes for each of 250 samples; 5000 parameters; 4 * 1000 products
  CHECK_THAT(model.summary({.width = 98, .batch_size = 250}),
             Catch::Contains("Memory of parameters: 0.0 MB\nMemory of activations: 1.0 MB at batch size 250") &&
                 Catch::Contains("Multiply-adds: 0.0 million per sample\n"));
  CHECK_THAT(error_of([&] { return model.summary({.width = 39}); }), Catch::Contains("a width of at least 40"));
  CHECK_THAT(error_of([&] { return model.summary({.batch_size = 0}); }), Catch::Contains("a batch size of at least 1"));
}

TEST_CASE("what is too long for its column goes on below, words whole") {
  const SymbolicTensor input = Input({4}, {.name = "in"});
  std::vector<SymbolicTensor> parts;
  for (int i = 0; i < 5; ++i) parts.push_back(Dense({.units = 2, .name = fmt::format("branch_number_{}", i)})(input));
  const Model model(input, Concatenate({.name = "all"})(parts));
  const std::string text = model.summary({.width = 60});
  for (int i = 0; i < 5; ++i) CHECK_THAT(text, Catch::Contains(fmt::format("branch_number_{}", i)));
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 1; i + 7 < lines.size(); ++i) CHECK(lines[i].size() <= 60);
  const auto first = std::ranges::find_if(lines, [](const std::string& line) { return line.starts_with("all "); });
  REQUIRE(first != lines.end());
  CHECK_THAT(*first, Catch::Contains("branch_number_0,") && !Catch::Contains("branch_number_4"));
  CHECK((first + 1)->find_first_not_of(' ') > 30);
}

}  // namespace
}  // namespace xtape
