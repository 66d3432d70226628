#include "layers/graph/layer_config.hpp"

#include "framework/ops/arithmetic.hpp"
#include "layers/layers.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

TEST_CASE("options are written with the names that Keras uses") {
  const Conv2D conv({.filters = 8,
                     .kernel_size = {3, 5},
                     .padding = Padding::same,
                     .activation = relu,
                     .kernel_initializer = he_normal().with_stream(7),
                     .bias_initializer = constant(0.5)});
  const LayerConfig config = conv->config();
  const auto text = [&](const char* name) { return config_text(*find_field(config, name)); };
  CHECK(config.fields.front().name == "filters");
  CHECK(text("filters") == "8");
  CHECK(text("kernel_size") == "[3, 5]");
  CHECK(text("padding") == "\"same\"");
  CHECK(text("activation") == "\"relu\"");
  CHECK(text("use_bias") == "true");
  CHECK(*find_field(config, "kernel_initializer") ==
        ConfigValue(LayerConfig{{{"name", "he_normal"}, {"stream", std::int64_t{7}}}}));
  CHECK(*find_field(config, "bias_initializer") == ConfigValue(LayerConfig{{{"name", "constant"}, {"value", 0.5}}}));
  CHECK(config_text(*find_field(MaxPooling2D()->config(), "strides")) == "null");
}

TEST_CASE("an initializer is restored with its numbers") {
  Initializer read;
  from_config(to_config(constant(0.25).with_stream(3)), read);
  RandomStream random(1);
  CHECK(read.make({2}, random).to_vector() == std::vector<double>{0.25, 0.25});
  CHECK(read.stream == 3U);
  for (const std::uint64_t stream : {std::uint64_t{1} << 31, std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
    from_config(to_config(zeros().with_stream(stream)), read);
    CHECK(read.stream == stream);
  }
  from_config(LayerConfig{{{"name", "mine"}}}, read);
  CHECK(read.name == "mine");
  CHECK(error_of([&] { read.make({2}, random); }) ==
        "initializer mine: expected one of xtape's, got one that only the program that saved the layer has");
}

TEST_CASE("integers from -(2^31 - 1) to 2^31 - 1 are accepted, and no others") {
  const std::int64_t most = 2147483647;
  const auto read = [](std::int64_t value) {
    std::int64_t result = 0;
    from_config(ConfigValue(value), result);
    return result;
  };
  CHECK(read(most) == most);
  CHECK(read(-most) == -most);
  for (const std::int64_t value : {most + 1, -most - 1}) {
    CHECK_THAT(error_of([&] { read(value); }), Catch::Contains("an integer of at most 2147483647"));
  }
}

TEST_CASE("invalid options are rejected by name") {
  const auto conv = [](std::vector<ConfigField> fields) {
    return error_of([&] { make_layer<Conv2DLayer>(LayerConfig{std::move(fields)}); });
  };
  const ConfigField filters{"filters", std::int64_t{2}};
  CHECK(conv({}) == "filters: expected a value, got none");
  CHECK(conv({{"filters", "two"}}) == "filters: expected an integer of at most 2147483647, got \"two\"");
  CHECK(conv({{"filters", std::int64_t{1} << 40}}) ==
        "filters: expected an integer of at most 2147483647, got 1099511627776");
  CHECK(conv({filters, {"kernel_size", std::int64_t{3}}}) ==
        "kernel_size: expected a height and a width of at most 2147483647, got 3");
  CHECK(conv({filters, {"padding", "full"}}) ==
        "padding: expected \"valid\", \"same\" or four amounts of at most 2147483647, got \"full\"");
  CHECK(conv({filters, {"use_bias", 0.5}}) == "use_bias: expected true or false, got 0.5");
  CHECK(conv({filters, {"activation", "swish"}}) ==
        "activation: expected the name of an activation function, got \"swish\"");
  CHECK(conv({filters, {"kernel_initializer", nullptr}}) ==
        "kernel_initializer: expected an initializer's name and numbers, got null");
  const auto initializer = [&](const std::string& name) {
    const LayerConfig given{{{"name", name}, {"value", 0.5}, {"shift", 0.5}}};
    return conv({filters, {"kernel_initializer", given}});
  };
  CHECK(initializer("zeros") == "kernel_initializer: expected no options, got \"value\"");
  CHECK(initializer("he_normal") == "kernel_initializer: expected no options, got \"value\"");
  CHECK(initializer("constant") == "kernel_initializer: expected the options value, got \"shift\"");
  CHECK(conv({filters, {"kernel_initializer", LayerConfig{{{"name", "constant"}}}}}) ==
        "kernel_initializer: value: expected a value, got none");
  const LayerConfig streamed{{{"name", "zeros"}, {"stream", 0.5}}};
  CHECK(conv({filters, {"kernel_initializer", streamed}}) ==
        "kernel_initializer: stream: expected an integer, got 0.5");
  const LayerConfig of_lines{{{"orthogonal", 0.5}, {"vectors", "lines"}}};
  CHECK(conv({filters, {"kernel_regularizer", of_lines}}) ==
        "kernel_regularizer: vectors: expected \"rows\" or \"columns\", got \"lines\"");
  CHECK(conv({filters, {"kernel_regularizer", LayerConfig{}}}) ==
        "kernel_regularizer: expected null or factors \"l1\", \"l2\" or \"orthogonal\", got an object of 0 fields");
  CHECK(conv({filters, {"stride", std::int64_t{2}}}) ==
        "expected the options filters, kernel_size, strides, padding, dilation_rate, groups, activation, use_bias, "
        "kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, "
        "bias_constraint, got \"stride\"");
  CHECK(conv({filters, filters}) == "filters: expected one value, got several");
  CHECK(conv({{"filters", std::int64_t{-1}}}) == "Conv2D: expected filters >= 1, got -1");
  CHECK(error_of([] {
          make_layer<DropoutLayer>(LayerConfig{{{"rate", true}}});
        }) == "rate: expected a number, got true");
  CHECK(error_of([] {
          make_layer<InputLayer>(LayerConfig{{{"shape", std::vector<std::int64_t>{2, -2}}}});
        }) == "shape: Extent: expected 0 or more, got -2");
}

TEST_CASE("options that a file cannot hold are rejected") {
  CHECK(error_of([] { Activation([](const Variable& x) { return 2.0 * x; })->config(); }) ==
        "expected an activation function of xtape's, got custom; make it a layer, which a file can name");
  class Mute final : public Layer {
   public:
    Mute() : Layer("mute") {}
    std::string type() const override { return "Mute"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return {inputs[0]}; }
  };
  CHECK(error_of([] { Mute().config(); }) ==
        "Mute mute: expected a class that overrides config(), so that a file can contain its options, got one without; "
        "see LayerConfig");
}

}  // namespace
}  // namespace xtape
