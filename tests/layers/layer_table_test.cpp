// One row a layer: derivatives with respect to inputs and parameters, in training and in inference, and the output's
// shape against the one inferred, at two batch sizes.

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "layers/layer_check.hpp"
#include "layers/layers.hpp"
#include "models/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

struct Row {
  std::string type;
  std::function<std::shared_ptr<Layer>()> make;
  std::vector<Shape> samples;
  bool batch_of_one_is_constant = false;  ///< normalizing one sample of one pixel gives zero whatever it was
};

template <class Handle>
std::function<std::shared_ptr<Layer>()> make(typename Handle::Options options) {
  return [options] { return Handle(options).definition(); };
}

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {"Dense", make<Dense>({.units = 3}), {{4}}},
      {"Dense", make<Dense>({.units = 2, .activation = tanh, .use_bias = false}), {{3, 4}}},
      {"Conv2D",
       make<Conv2D>({.filters = 3, .kernel_size = {3, 2}, .strides = {1, 2}, .padding = Padding::same}),
       {{4, 5, 2}}},
      {"Conv2D",
       make<Conv2D>({.filters = 2, .kernel_size = 2, .dilation_rate = 2, .activation = sigmoid}),
       {{5, 4, 1}}},
      {"MaxPooling2D", make<MaxPooling2D>({.pool_size = {2, 3}, .strides = 2, .padding = Padding::same}), {{5, 4, 2}}},
      {"AveragePooling2D", make<AveragePooling2D>({.pool_size = 3, .padding = Padding::same}), {{5, 4, 2}}},
      {"GlobalAveragePooling2D", make<GlobalAveragePooling2D>({}), {{3, 2, 4}}},
      {"GlobalMaxPooling2D", make<GlobalMaxPooling2D>({}), {{3, 2, 4}}},
      {"BatchNormalization", make<BatchNormalization>({}), {{3, 2, 4}}},
      {"BatchNormalization", make<BatchNormalization>({.epsilon = 0.1, .center = false, .scale = false}), {{4, 3, 2}}},
      {"BatchNormalization", make<BatchNormalization>({.epsilon = 0.1, .bias_correction = true}), {{5}}, true},
      {"Activation", make<LayerHandle<ActivationLayer>>({.function = ActivationFunction(gelu)}), {{3, 4}}},
      {"Add", make<Add>({}), {{3, 2}, {3, 2}, {3, 2}}},
      {"Multiply", make<Multiply>({}), {{3, 2}, {3, 2}}},
      {"Concatenate", make<Concatenate>({.axis = 1}), {{2, 3}, {4, 3}}},
      {"Flatten", make<Flatten>({}), {{3, 2, 2}}},
      {"Reshape", make<Reshape>({.target_shape = std::vector<std::int64_t>{3, -1}}), {{2, 6}}},
      {"ZeroPadding2D", make<ZeroPadding2D>({.padding = {1, 0, 2, 3}}), {{3, 2, 2}}},
      {"Dropout", make<Dropout>({.rate = 0.3}), {{40}}},
      {"Softmax", make<Softmax>({}), {{3, 4}}},
  };
  return rows;
}

}  // namespace

TEST_CASE("every layer's derivatives agree with central differences, in both modes, at two batch sizes") {
  for (const Row& row : table()) {
    for (const Mode mode : {Mode::training, Mode::inference}) {
      for (const std::int64_t batch : {1, 4}) {
        INFO(row.type << (mode == Mode::training ? " training" : " inference") << ", batch " << batch);
        LayerCheckOptions options{.mode = mode, .batch = batch};
        options.gradient.may_be_constant = row.batch_of_one_is_constant && batch == 1;
        CHECK(check_layer(row.make(), row.samples, options));
      }
    }
  }
}

TEST_CASE("every layer in the source has a row in the table") {
  std::set<std::string> known{"InputLayer"};
  for (const Row& row : table()) {
    known.insert(row.type);
    CHECK(row.make()->type() == row.type);
  }
  const std::regex type("type\\(\\) const override \\{ return \"(\\w+)\"");
  std::size_t found = 0;
  for (const auto& file : std::filesystem::directory_iterator(XTAPE_SOURCE_ROOT "/layers")) {
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), type), end; match != end; ++match, ++found) {
      INFO((*match)[1]);
      CHECK(known.contains((*match)[1]));
    }
  }
  CHECK(found >= 15);
}

TEST_CASE("the layer check rejects a layer that infers another shape than it computes") {
  class Liar final : public Layer {
   public:
    Liar() : Layer("liar") {}
    std::string type() const override { return "Liar"; }
    Shape output_shape(const std::vector<Shape>& inputs) const override { return inputs[0].prepended(1); }
    Variable call(const std::vector<Variable>& inputs, ForwardPass&) const override { return inputs[0]; }
  };
  const GradientReport report = check_layer(std::make_shared<Liar>(), {{3}});
  CHECK_FALSE(report);
  CHECK_THAT(to_string(report), Catch::Contains("the output has shape (3, 3), and the layer infers (3, 1, 3)"));
}
