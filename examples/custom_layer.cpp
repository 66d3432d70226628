// A custom layer: a scale for each channel that is computed from the means of all channels, as in a
// squeeze-and-excitation block (Hu, Shen and Sun: Squeeze-and-excitation networks, CVPR 2018). The program uses it in a
// model with Conv2D and Dense.
#include "examples/program.hpp"
using namespace xtape;

/// y = x * sigmoid(relu(mean(x) w1) w2): each channel is multiplied by a gate, which depends on the means of all
/// channels.
class SqueezeExciteLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> units;  ///< size of the vector between the two products
    std::string name = "";
    static void fields(auto& options, auto field) { field("units", options.units); }
  };
  explicit SqueezeExciteLayer(Options options) : Layer(options.name), options_(std::move(options)) {}

  std::string type() const override { return "SqueezeExcite"; }
  LayerConfig config() const override { return config_of(options_); }  // for save_model
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs, 3)}};
  }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
    const Extent channels = inputs[0].shape[2], units = options_.units.value;
    return {{"squeeze", {channels, units}, he_normal()}, {"excite", {units, channels}, glorot_uniform()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    const Variable& x = inputs[0];
    const Variable hidden = relu(matmul(global_average_pool2d(x), parameter(pass, "squeeze")));
    const Variable gate = sigmoid(matmul(hidden, parameter(pass, "excite")));
    return {x * reshape(gate, {x.dim(0), 1, 1, x.dim(3)})};
  }

 private:
  Options options_;
};
using SqueezeExcite = LayerHandle<SqueezeExciteLayer>;

/// Images of noise in which the channel with the number of the class is brighter, so the class depends on channels
/// alone.
Dataset bright_channels(std::int64_t n, std::uint64_t seed) {
  RandomStream random(seed);
  Tensor images = random.uniform({n, 8, 8, 3});
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < n; ++i) {
    classes.push_back(i % 3);
    for (std::int64_t p = 0; p < 64; ++p) images.mutable_data<float>()[(i * 64 + p) * 3 + i % 3] += 0.3F;
  }
  return {images, Tensor::labels(classes), 3};
}

int main(int argc, char** argv) {
  const std::string about = "Defines a layer, checks its derivatives and trains a model with it";
  return run_example(argc, argv, about, [](bool) {
    const GradientReport report = check_layer(SqueezeExcite({.units = 2}), {{4, 3, 5}});
    fmt::print("SqueezeExcite: {}\n\n", to_string(report));

    const auto input = Input({8, 8, 3});
    auto x = Conv2D({.filters = 8, .kernel_size = 3, .activation = relu})(input);
    x = GlobalAveragePooling2D()(SqueezeExcite({.units = 4})(x));
    Model model(input, Dense({.units = 3})(x), {.name = "squeeze_excite", .seed = 1});
    fmt::print("{}\n", model.summary());
    Adam adam(model.parameters(), {.learning_rate = 1e-2});
    fit(model, adam, bright_channels(300, 1), {.epochs = 12, .batch_size = 30});
    const double accuracy = evaluate(model, bright_channels(120, 2))["accuracy"];
    fmt::print("test accuracy {:.3f}\n", accuracy);

    save_model(model, "squeeze_excite.safetensors");
    const Model loaded = load_model("squeeze_excite.safetensors",
                                    {.custom_layers = {{"SqueezeExcite", make_layer<SqueezeExciteLayer>}}});
    const bool same = evaluate(loaded, bright_channels(120, 2))["accuracy"] == accuracy;
    fmt::print("saved as squeeze_excite.safetensors and loaded: {}\n", same ? "the same" : "not the same");
    return report.passed() && accuracy > 0.9 && same;
  });
}
