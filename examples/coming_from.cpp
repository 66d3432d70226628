// The xtape code of docs/coming_from_keras.md and docs/coming_from_pytorch.md: ten tasks, one function each.
#include <cmath>

#include "examples/program.hpp"
using namespace xtape;

/// Random images (n, 8, 8, 3) of three classes; channel number c is brighter in images of class c.
Dataset bright_channels(std::int64_t n, std::uint64_t seed) {
  Tensor images = RandomStream(seed).uniform({n, 8, 8, 3});
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < n; ++i) {
    classes.push_back(i % 3);
    for (std::int64_t p = 0; p < 64; ++p) images.mutable_data<float>()[(i * 64 + p) * 3 + i % 3] += 0.5F;
  }
  return {images, Tensor::labels(classes), 3};
}

Model define_model() {
  return Sequential({Input({8, 8, 3}), Conv2D({.filters = 8, .kernel_size = 3, .activation = relu, .name = "conv"}),
                     GlobalAveragePooling2D(), Dense({.units = 3, .name = "head"})},
                    {.seed = 1});
}

/// y = x * scale, with one factor per channel.
class ScaleLayer final : public Layer {
 public:
  struct Options {
    std::string name = "";
    static void fields(auto& /*options*/, auto /*field*/) {}
  };
  explicit ScaleLayer(const Options& options) : Layer(options.name) {}

  std::string type() const override { return "Scale"; }
  LayerConfig config() const override { return {}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs, 3)}};
  }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{"scale", {inputs[0].shape[2]}, glorot_uniform()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    return {inputs[0] * parameter(pass, "scale")};
  }
};
using Scale = LayerHandle<ScaleLayer>;

bool custom_layer() {
  const auto input = Input({8, 8, 3});
  const Model model(input, Dense({.units = 3})(Flatten()(Scale()(input))), {.seed = 1});
  return model.parameter_count() == 3 + 192 * 3 + 3;
}

double train_model(Model& model, const Dataset& train, const Dataset& test) {
  Adam adam(model.parameters(), {.learning_rate = 1e-2});
  fit(model, adam, train, {.epochs = 10, .batch_size = 30, .validation = test});
  return evaluate(model, test)["accuracy"];
}

bool custom_loop(const Dataset& train) {
  Model model = define_model();
  Adam adam(model.parameters(), {.learning_rate = 1e-2});
  const DataLoader loader(train, {.batch_size = 30});
  double last = 0;
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (const Batch& batch : loader.epoch(epoch)) {
      ForwardPass pass(Mode::training, {.step = adam.iterations()});
      const Variable loss = softmax_cross_entropy(model(batch.input(), pass), batch.target());
      Gradients gradients = pass.backward(loss);
      gradients.clip_norm(1);
      adam.step(gradients);
      last = loss.value().item();
    }
  }
  return std::isfinite(last);
}

bool several_inputs_and_outputs(const Dataset& train) {
  const auto image = Input({8, 8, 3}), size = Input({1});
  const auto features = GlobalAveragePooling2D()(Conv2D({.filters = 8, .kernel_size = 3, .activation = relu})(image));
  const auto kind = Dense({.units = 3, .name = "kind"})(features);
  const auto price = Dense({.units = 1, .name = "price"})(Concatenate()({features, size}));
  Model model({image, size}, {kind, price}, {.seed = 1});

  const Tensor sizes = RandomStream(3).uniform({train.size(), 1});
  const Dataset data({train.input(), sizes}, {{.values = train.target(), .classes = 3}, {.values = sizes}});
  Adam adam(model.parameters());
  const History history = fit(model, adam, data,
                              {.epochs = 1,
                               .loss = Losses{{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0.5}},
                               .metrics = {{metric::accuracy(), "kind"}, {metric::r2(), "price"}}});
  return history.epochs().size() == 1;
}

bool metrics(const Model& model, const Dataset& test) {
  const Figures figures = evaluate(model, test, {.metrics = {metric::accuracy(), metric::top_k_accuracy({.k = 2})}});
  fmt::print("{}\n", to_string(figures));
  return figures["accuracy"] >= 0 && figures.size() == 3;
}

bool callbacks(const Dataset& train) {
  Model model = define_model();
  Adam adam(model.parameters());
  fit(model, adam, train,
      {.epochs = 3,
       .validation_split = 0.2,
       .callbacks = {EarlyStopping({.patience = 2, .restore_best = true}), ReduceLROnPlateau({.patience = 1}),
                     LambdaCallback({.epoch_end = [](TrainingState& run) { fmt::print("epoch {}\n", run.epoch); }})}});
  return adam.iterations() > 0;
}

bool save_and_load(const Model& model, const Dataset& test) {
  save_model(model, "coming_from.safetensors");
  const Model loaded = load_model("coming_from.safetensors");
  return identical(predict(model, test), predict(loaded, test));
}

bool exchange_with_keras(const Model& model, const Dataset& test) {
  save_keras_model(model, "coming_from.keras");
  const Model loaded = load_keras_model("coming_from.keras");
  return identical(predict(model, test), predict(loaded, test));
}

bool freeze_and_fine_tune(const Model& base, const Dataset& train) {
  base.layer("conv").set_trainable(false);
  Adam adam(base.parameters(), {.learning_rate = 1e-3});
  Model model = base;  // the same model
  fit(model, adam, train, {.epochs = 1});
  model.set_trainable(true);
  adam.set_learning_rate(1e-4);
  fit(model, adam, train, {.epochs = 1});
  return model.trainable_count() == model.parameter_count();
}

/// y = x^3; dx = 3 x^2 dy.
Variable cube(const Variable& x) {
  Tensor y = (x * x * x).value();
  return record("cube", std::move(y), {{x, [x](const Variable& dy) { return 3.0 * x * x * dy; }}});
}

bool custom_op() { return check_gradient(cube, {{3, 4}}).passed(); }

bool logits_and_probabilities(const Model& model, const Dataset& test) {
  const Tensor logits = predict(model, test);
  const Tensor probabilities = softmax(Variable(logits)).value();
  return probabilities.shape() == logits.shape();
}

int main(int argc, char** argv) {
  return run_example(argc, argv, "Runs the ten tasks of the pages for users of Keras and PyTorch", [](bool) {
    const Dataset train = bright_channels(300, 1), test = bright_channels(60, 2);
    Model model = define_model();
    const double accuracy = train_model(model, train, test);
    return accuracy > 0.5 && custom_layer() && custom_loop(train) && several_inputs_and_outputs(train) &&
           metrics(model, test) && callbacks(train) && save_and_load(model, test) && exchange_with_keras(model, test) &&
           freeze_and_fine_tune(model, train) && custom_op() && logits_and_probabilities(model, test);
  });
}
