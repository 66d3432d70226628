#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <optional>

#include "framework/tensor/size_text.hpp"
#include "layers/layers.hpp"
#include "models/graph/multiply_adds.hpp"
#include "models/graph/names_near.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/models/everything.hpp"
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

/// A line in which each sequence of spaces is one space.
std::string squeezed(const std::string& line) {
  std::string result;
  for (const char c : line) {
    if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
  }
  return result;
}

TEST_CASE("the parameters of a layer that is called twice are in the row of its first call and counted once") {
  const SymbolicTensor input = Input({3}, {.name = "in"});
  const Dense twice({.units = 3, .name = "twice"});
  const std::string text = Model(input, twice(twice(input))).summary({.width = 98});
  std::vector<std::string> rows;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("twice")) rows.push_back(squeezed(line));
  }
  CHECK(rows == std::vector<std::string>{"twice (Dense) (None, 3) 12 in", "twice (Dense) (None, 3) shared twice"});
  CHECK_THAT(text, Catch::Contains("Total params: 12\n"));
}

TEST_CASE("the summary of ResNet-50 has the rows and totals of Keras's summary") {
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

TEST_CASE("the summary of a model with every kind of connection, in two widths") {
  const Model model = test::model_with_everything();
  // multiply-adds: 2 * 3 * 2 in the two calls of the shared layer, 3 * 3 in the first
  CHECK(model.summary({.width = 98}) ==
        "Model: \"net\"\n"
        "________________________________________________________________________________\n"
        "Layer (type)                   Output Shape        Param #  Connected to\n"
        "================================================================================\n"
        "tokens (InputLayer)            int64 (None, None)  0\n"
        "numbers (InputLayer)           (None, 3)           0\n"
        "embedding (Embedding)          (None, None, 2)     10       tokens\n"
        "inner (Model)                  (None, None, 2)     6        embedding\n"
        "mean (GlobalAveragePooling1D)  (None, 2)           0        inner\n"
        "shared (Dense)                 (None, 2)           8        numbers\n"
        "first (Dense)                  (None, 3)           12       numbers\n"
        "shared (Dense)                 (None, 2)           shared   first\n"
        "sum (Add)                      (None, 2)           0        mean, shared, shared\n"
        "kind (Activation)              (None, 2)           0        sum\n"
        "================================================================================\n"
        "Total params: 36\n"
        "Trainable params: 28\n"
        "Non-trainable params: 8\n"
        "Memory of parameters: 144 B\n"
        "Memory of activations: not known before the extents of the inputs\n"
        "Multiply-adds: 21 per sample, and an unknown number in 1 call of layers that are custom or of unknown "
        "extents\n");
  CHECK(model.summary({.width = 60, .batch_size = 3}) ==
        "Model: \"net\"\n"
        "____________________________________________________________\n"
        "Layer (type)              Output Shape    Param #  Connected\n"
        "                                                   to\n"
        "============================================================\n"
        "tokens (InputLayer)       int64 (None,    0\n"
        "                          None)\n"
        "numbers (InputLayer)      (None, 3)       0\n"
        "embedding (Embedding)     (None, None,    10       tokens\n"
        "                          2)\n"
        "inner (Model)             (None, None,    6        embedding\n"
        "                          2)\n"
        "mean                      (None, 2)       0        inner\n"
        "(GlobalAveragePooling1D)\n"
        "shared (Dense)            (None, 2)       8        numbers\n"
        "first (Dense)             (None, 3)       12       numbers\n"
        "shared (Dense)            (None, 2)       shared   first\n"
        "sum (Add)                 (None, 2)       0        mean,\n"
        "                                                   shared,\n"
        "                                                   shared\n"
        "kind (Activation)         (None, 2)       0        sum\n"
        "============================================================\n"
        "Total params: 36\n"
        "Trainable params: 28\n"
        "Non-trainable params: 8\n"
        "Memory of parameters: 144 B\n"
        "Memory of activations: not known before the extents of the inputs\n"
        "Multiply-adds: 21 per sample, and an unknown number in 1 call of layers that are custom or of unknown "
        "extents\n");
}

/// The text of f() while standard output is a terminal with some columns, or a device that is no terminal. The test is
/// skipped if the system has no pseudo-terminals.
std::string text_in(std::optional<unsigned short> columns, const std::function<std::string()>& f) {
  int terminal = -1, end = -1;
  const winsize size{.ws_row = 24, .ws_col = columns.value_or(0), .ws_xpixel = 0, .ws_ypixel = 0};
  if (columns && openpty(&terminal, &end, nullptr, nullptr, &size) != 0) test::skip("no pseudo-terminals (/dev/pts)");
  if (!columns) end = open("/dev/null", O_WRONLY | O_CLOEXEC);  // NOLINT(cppcoreguidelines-pro-type-vararg)
  std::fflush(stdout);
  const int before = dup(STDOUT_FILENO);
  dup2(end, STDOUT_FILENO);
  const std::string text = f();
  std::fflush(stdout);
  dup2(before, STDOUT_FILENO);
  for (const int descriptor : {terminal, end, before}) close(descriptor);
  return text;
}

TEST_CASE("a summary is as wide as the terminal, at least 40 characters, and 98 characters in a file") {
  const Model model = test::model_with_everything();
  for (const auto& [columns, width] : std::vector<std::pair<std::optional<unsigned short>, int>>{
           {std::nullopt, 98}, {60, 60}, {41, 41}, {40, 40}, {39, 40}, {1, 40}, {0, 80}}) {
    const std::string found = text_in(columns, [&] { return model.summary(); });
    INFO(width);
    CHECK(found == model.summary({.width = width}));
  }
}

TEST_CASE("memory and multiply-adds equal their definitions") {
  const SymbolicTensor input = Input({4});
  Model model(input, Dense({.units = 1000})(input));
  // (4 + 1000) activations of 4 bytes for each of 250 samples; 5000 parameters; 4 * 1000 products
  CHECK_THAT(model.summary({.width = 98, .batch_size = 250}),
             Catch::Contains("Memory of parameters: 20.0 kB\nMemory of activations: 1.0 MB at batch size 250") &&
                 Catch::Contains("Multiply-adds: 4,000 per sample\n"));
  model.convert(DType::float64);
  CHECK_THAT(model.summary({.width = 98, .batch_size = 250}),
             Catch::Contains("Memory of parameters: 40.0 kB\nMemory of activations: 2.0 MB at batch size 250"));
  CHECK(error_of([&] { return model.summary({.width = 39}); }) ==
        "Model::summary: expected a width of at least 40 and a batch size of at least 1, got 39 and 32");
  CHECK(error_of([&] { return model.summary({.width = 98, .batch_size = 0}); }) ==
        "Model::summary: expected a width of at least 40 and a batch size of at least 1, got 98 and 0");
}

TEST_CASE("each element of a kernel is multiplied at each output, or at each input of a transposed convolution") {
  const auto products = [](const SymbolicTensor& input, const SymbolicTensor& output) {
    return multiply_adds(Model(input, output)).forward;
  };
  const auto sequence = Input({9, 4}), image = Input({3, 4, 2}), volume = Input({2, 3, 4, 2});
  CHECK(products(sequence, Conv1D({.filters = 6, .kernel_size = 3, .strides = 2, .groups = 2})(sequence)) ==
        4 * 3 * 2 * 6);
  CHECK(products(volume, Conv3D({.filters = 3, .kernel_size = {2, 1, 3}, .padding = Padding3D::same})(volume)) ==
        24 * 6 * 2 * 3);
  // the depthwise kernel (1, 4, 2, 2) and the pointwise one (1, 1, 4, 5), each at the 3 outputs
  CHECK(products(image, SeparableConv2D({.filters = 5, .kernel_size = {1, 4}, .depth_multiplier = 2})(image)) ==
        3 * (4 * 2 * 2 + 4 * 5));
  for (const Padding& padding : {Padding::valid, Padding::same}) {
    const auto y = Conv2DTranspose({.filters = 5, .kernel_size = {3, 2}, .strides = 2, .padding = padding})(image);
    CHECK(products(image, y) == 12 * 6 * 2 * 5);
  }
}

TEST_CASE("a message lists up to 20 names in their order, of more the five that are most alike") {
  std::vector<std::string> names;
  std::string listed;
  for (int i = 19; i >= 0; --i) {
    names.push_back(fmt::format("n{}", i));
    listed += fmt::format("{}n{}", i == 19 ? "" : ", ", i);
  }
  CHECK(names_near("n7", {}).empty());
  CHECK(names_near("n7", names) == listed);
  names.push_back("another");
  CHECK(names_near("n7", names) == "n7, n17, n9, n8, n6, and 16 more");
}

TEST_CASE("small sizes are printed in smaller units, never as 0.0") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1000) == "1.0 kB");
  CHECK(bytes_text(999'949) == "999.9 kB");
  CHECK(bytes_text(999'950) == "1.0 MB");
  CHECK(bytes_text(94'400'024) == "94.4 MB");
  CHECK(bytes_text(999'949'999) == "999.9 MB");
  CHECK(bytes_text(1'500'000'000) == "1.5 GB");
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(4000) == "4,000");
  CHECK(count_text(999'999) == "999,999");
  CHECK(count_text(1'000'000) == "1.0 million");
  CHECK(count_text(1.5e9) == "1500.0 million");
  CHECK(thousands(1'234'567) == "1,234,567");
  for (const auto& [count, text] : {std::pair(0, "0"),
                                    {7, "7"},
                                    {999, "999"},
                                    {1'000, "1,000"},
                                    {12'345, "12,345"},
                                    {123'456, "123,456"},
                                    {12'345'678, "12,345,678"},
                                    {123'456'789, "123,456,789"}}) {
    CHECK(thousands(count) == text);
  }
}

/// A custom layer with a parameter of the same name as in Dense.
class Custom final : public Layer {
 public:
  Custom() : Layer("") {}
  std::string type() const override { return "Custom"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
    return {{"kernel", {7, 7}, zeros()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return {inputs[0]}; }
};

TEST_CASE("multiply-adds report the number of uncounted calls of custom layers, in nested models too") {
  const auto inner_input = Input({4});
  const Model inner(inner_input, std::make_shared<Custom>()->connect_one({Dense({.units = 4})(inner_input)}));
  const auto input = Input({4});
  CHECK(multiply_adds(inner).unknown == 1);
  CHECK_THAT(inner.summary(), Catch::Contains("Multiply-adds: 16 per sample, and an unknown number in 1 call of custom "
                                              "layers\n"));
  Model model(input, std::make_shared<Custom>()->connect_one({inner(inner(input))}));
  CHECK(multiply_adds(model).forward == 32);
  CHECK(multiply_adds(model).unknown == 3);
  CHECK_THAT(model.summary(),
             Catch::Contains("Multiply-adds: 32 per sample, and an unknown number in 3 calls of custom "
                             "layers\n"));
}

TEST_CASE("the count of a nested model after trained layers includes the gradient of its input") {
  const auto inner_input = Input({5, 5, 2});
  const Model inner(inner_input, Conv2D({.filters = 3, .kernel_size = 2})(inner_input));  // 16 positions * 2*2*2*3
  const double work = 16 * 24;
  const auto of_inner = [&](const Model& model) {
    for (std::size_t i = 0; i < model.nodes().size(); ++i) {
      if (model.nodes()[i].layer == inner.definition()) return multiply_adds_of_nodes(model)[i];
    }
    return MultiplyAdds();
  };
  const auto behind = [&](bool front_trained, bool inner_trained) {
    const auto input = Input({5, 5, 2});
    const Conv2D front({.filters = 2});
    Model model(input, inner(front(input)));
    front->set_trainable(front_trained);
    inner.set_trainable(inner_trained);
    CHECK(of_inner(model).forward == work);
    CHECK(multiply_adds(model).forward == work + 25 * 4);
    return of_inner(model).backward;
  };
  CHECK(behind(true, true) == 2 * work);
  CHECK(behind(true, false) == work);
  CHECK(behind(false, true) == work);
  CHECK(behind(false, false) == 0);
  inner.set_trainable(true);
  const auto twice_input = Input({5, 5, 2});  // also in a nested model, at its first call and at a later one
  const auto deep_input = Input({5, 5, 2});
  const Model deep(deep_input, inner(deep_input));
  const auto of_deep = [&](const SymbolicTensor& before) {
    return multiply_adds(Model(twice_input, deep(before))).backward;
  };
  CHECK(of_deep(twice_input) == work);
  CHECK(of_deep(Conv2D({.filters = 2})(twice_input)) == 2 * work + 25 * 4);
}

TEST_CASE("the count of a layer after partly trained layers includes the gradient of its input") {
  const auto input = Input({4});
  const Dense frozen({.units = 3});
  Model model(input, frozen(BatchNormalization()(input)));  // the moving variance comes after gamma and beta
  frozen->set_trainable(false);
  CHECK(multiply_adds(model).backward == 12);
}

TEST_CASE("activations are counted in nested models, layer by layer, for a whole batch") {
  const auto inner_input = Input({4});
  const Model inner(inner_input, Dense({.units = 5})(Dense({.units = 100})(inner_input)));
  const auto input = Input({4});
  Model model(input, Dense({.units = 3})(inner(input)));
  const std::string of_one = bytes_text(4.0 * (4 + 4 + 100 + 5 + 3)), of_ten = bytes_text(40.0 * (4 + 4 + 100 + 5 + 3));
  CHECK_THAT(model.summary({.batch_size = 1}), Catch::Contains("activations: " + of_one + " at batch size 1,"));
  CHECK_THAT(model.summary({.batch_size = 10}), Catch::Contains("activations: " + of_ten + " at batch size 10,"));
}

TEST_CASE("text that is too long for its column continues on the next line, broken between words") {
  const SymbolicTensor input = Input({4}, {.name = "in"});
  std::vector<SymbolicTensor> parts;
  for (int i = 0; i < 5; ++i) parts.push_back(Dense({.units = 2, .name = fmt::format("branch_number_{}", i)})(input));
  Model model(input, Concatenate({.name = "all"})(parts));
  const std::string text = model.summary({.width = 60});
  for (int i = 0; i < 5; ++i) CHECK_THAT(text, Catch::Contains(fmt::format("branch_number_{}", i)));
  const std::vector<std::string> lines = lines_of(text);
  for (int width = 50; width < 110; ++width) {
    INFO(width);
    const std::vector<std::string> all = lines_of(model.summary({.width = width}));
    for (std::size_t i = 1; i + 7 < all.size(); ++i) CHECK(all[i].size() <= static_cast<std::size_t>(width));
  }
  const auto first = std::ranges::find_if(lines, [](const std::string& line) { return line.starts_with("all "); });
  REQUIRE(first != lines.end());
  CHECK_THAT(*first, Catch::Contains("branch_number_0,") && !Catch::Contains("branch_number_4"));
  CHECK((first + 1)->find_first_not_of(' ') > 30);
}

}  // namespace
}  // namespace xtape
