// Names of weights in Keras files, which h5py writes as the source of Keras does.
#include "models/files/keras_names.hpp"

#include "layers/layers.hpp"
#include "models/files/clone.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/models/keras_file.hpp"

namespace xtape {
namespace {

using test::check_numbered;
using test::KerasFile;

/// A layer with parameters called W and b.
class OwnNames final : public Layer {
 public:
  using Options = OnlyName;
  explicit OwnNames(const Options& options) : Layer(options.name) {}
  std::string type() const override { return "OwnNames"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{"W", only_input(inputs), ones()}, {"b", only_input(inputs), zeros()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return {inputs[0]}; }
};

TEST_CASE("a weight is found by its names in Keras 1, 2 and 3, and by no other name") {
  const std::set<std::string> paths{"conv1/kernel", "conv1/bias", "bn/moving_variance",
                                    "m/x/kernel",   "m/y/bias",   "own/W"};
  struct Row {
    const char *layer, *weight, *path;
  };
  const std::vector<Row> rows = {
      {"conv1", "conv1/kernel:0", "conv1/kernel"},    // tf.keras
      {"conv1", "kernel", "conv1/kernel"},            // Keras 3
      {"conv1", "conv1_1/kernel:0", "conv1/kernel"},  // of a layer that was made twice
      {"conv1", "outer/conv1/bias:0", "conv1/bias"},  // in a name scope
      {"conv1", "conv1_W", "conv1/kernel"},           // Keras 1
      {"conv1", "conv1_W_1:0", "conv1/kernel"},
      {"conv1", "conv1_b", "conv1/bias"},
      {"bn", "bn_running_std", "bn/moving_variance"},
      {"own", "own/W:0", "own/W"},
      {"own", "own_W", "own/W"},          // its own name takes precedence over Keras 1's
      {"m", "x/kernel:0", "m/x/kernel"},  // of a model inside the model
      {"m", "m/y/bias:0", "m/y/bias"},
      {"m", "kernel:0", "m/kernel:0"},          // none, so unchanged
      {"m", "x/kernel_1:0", "m/x/kernel_1:0"},  // Keras 1 has no such names
      {"conv1", "conv2_W", "conv1/conv2_W"},
      {"conv1", "conv1/gamma:0", "conv1/conv1/gamma:0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.layer, row.weight);
    CHECK(keras_weight_path(paths, row.layer, row.weight) == row.path);
  }
}

TEST_CASE("weights of models nested twice are found, also with an inner layer named like its model") {
  const SymbolicTensor input = Input({2}), hidden = Input({3});
  const Model inner(input, Dense({.units = 3, .name = "c"})(input), {.name = "inner"});
  const Model mid(input, inner(input), {.name = "mid"});
  const Model whole(input, Dense({.units = 2, .name = "logits"})(mid(input)));
  const KerasFile nested("legacy", "inner");
  CHECK(nested.load(whole).complete());
  check_numbered(whole, {"mid/inner/c/kernel", "mid/inner/c/bias", "logits/kernel", "logits/bias"});

  const Model twin(hidden, Dense({.units = 3, .name = "c"})(hidden), {.name = "twin"});
  const Model two(input, twin(inner(input)), {.name = "mid"});
  const Model ambiguous(input, Dense({.units = 2, .name = "logits"})(two(input)));
  const LoadReport report = nested.load(ambiguous, {.strict = false});
  CHECK(report.missing.size() == 4);
  CHECK(report.unexpected == std::vector<std::string>{"mid/c/kernel:0", "mid/c/bias:0"});

  const Model encoder(input, Dense({.units = 3, .name = "encoder_1"})(input), {.name = "encoder"});
  const Model around(input, encoder(input));
  CHECK(KerasFile("legacy", "suffix").load(around).complete());
  check_numbered(around, {"encoder/encoder_1/kernel", "encoder/encoder_1/bias"});
}

TEST_CASE("a long name of a layer is written and read in every format of Keras") {
  const test::TemporaryFolder folder;
  const std::string name(5000, 'x');
  const auto input = Input({2});
  const Model inner(input, Dense({.units = 2, .name = name})(input), {.name = name + "i"});
  const Model model(input, inner(input), {.seed = 5});
  const std::string path = name + "i/" + name + "/kernel";
  for (const std::string file : {"n.h5", "n.keras"}) {
    INFO(file);
    save_keras_model(model, folder / file);
    CHECK(identical(load_keras_model(folder / file).parameter(path).value(), model.parameter(path).value()));
  }
  for (const std::string file : {"n.weights.h5", "nw.h5"}) {
    INFO(file);
    save_weights(model, folder / file);
    const Model again = clone(model, {.seed = 6});
    load_weights(again, folder / file);
    CHECK(identical(again.parameter(path).value(), model.parameter(path).value()));
  }
}

TEST_CASE("a custom layer may use the parameter names of Keras 1") {
  const SymbolicTensor input = Input({2});
  const Model model(input, LayerHandle<OwnNames>({.name = "sc"})(input));
  const KerasFile file("legacy", "own");
  CHECK(file.load(model).complete());
  check_numbered(model, {"sc/W", "sc/b"});
}

}  // namespace
}  // namespace xtape
