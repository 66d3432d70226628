// Composite layers: names, files, freezing and counts include the parameters of inner layers.
#include <cmath>
#include <set>

#include "framework/io/safetensors.hpp"
#include "framework/ops/ops.hpp"
#include "gradcheck/layer_check.hpp"
#include "gradcheck/model_check.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/files/weights.hpp"
#include "models/graph/multiply_adds.hpp"
#include "models/graph/plot.hpp"
#include "models/graph/sequential.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::largest_difference;
using xtape::test::output_of;

namespace {

/// y = x + gain * second(relu(first(x)))
class ResidualLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> units;
    std::int64_t hidden = 5;
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("units", options.units);
      field("hidden", options.hidden);
    }
  };
  explicit ResidualLayer(Options options)
      : Layer(options.name),
        options_(std::move(options)),
        first_({.units = options_.hidden, .activation = tanh, .kernel_regularizer = l2(0.5)}),
        second_({.units = options_.units}) {}
  std::string type() const override { return "Residual"; }
  LayerConfig config() const override { return config_of(options_); }
  std::vector<Sublayer> sublayers() const override { return {{"first", first_}, {"second", second_}}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return second_.build(first_.build(inputs));
  }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
    return {{"gain", {options_.units.value}, constant(0.5)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    return {inputs[0] + parameter(pass, "gain") * second_(first_(inputs[0], pass), pass)};
  }

 private:
  Options options_;
  Dense first_, second_;
};
using Residual = LayerHandle<ResidualLayer>;

/// Two ResidualLayers, a model and a normalization: two levels of nesting.
class TowerLayer final : public Layer {
 public:
  struct Options {
    std::int64_t units = 3;
    std::string name = "";
    static void fields(auto& options, auto field) { field("units", options.units); }
  };
  explicit TowerLayer(Options options)
      : Layer(options.name),
        options_(std::move(options)),
        lower_({.units = options_.units}),
        upper_({.units = options_.units, .hidden = 4}),
        head_(head(options_.units)) {}
  std::string type() const override { return "Tower"; }
  LayerConfig config() const override { return config_of(options_); }
  std::vector<Sublayer> sublayers() const override {
    return {{"lower", lower_}, {"norm", norm_}, {"upper", upper_}, {"head", head_}};
  }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return head_.build(upper_.build(norm_.build(lower_.build(inputs))));
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    return {head_(upper_(norm_(lower_(inputs[0], pass), pass), pass), pass)};
  }

 private:
  static Model head(std::int64_t units) {
    const auto input = Input({units});
    return {input, Dense({.units = 2, .name = "out"})(input)};
  }
  Options options_;
  Residual lower_, upper_;
  BatchNormalization norm_;
  Model head_;
};
using Tower = LayerHandle<TowerLayer>;

Model tower_model(std::uint64_t seed = 0) {
  const auto input = Input({3});
  return {input, Dense({.units = 2, .name = "last"})(Tower({.name = "tower"})(input)), {.name = "net", .seed = seed}};
}

std::vector<std::string> paths_of(const Model& model) {
  std::vector<std::string> paths;
  for (const auto& [path, parameter] : model.named_parameters()) paths.push_back(path);
  return paths;
}

const LoadModelOptions known{
    .custom_layers = {{"Tower", make_layer<TowerLayer>}, {"Residual", make_layer<ResidualLayer>}}};

}  // namespace

TEST_CASE("parameters of layers inside are listed, named and found by their paths") {
  const Model model = tower_model();
  CHECK(paths_of(model) ==
        std::vector<std::string>{"tower/lower/gain", "tower/lower/first/kernel", "tower/lower/first/bias",
                                 "tower/lower/second/kernel", "tower/lower/second/bias", "tower/norm/gamma",
                                 "tower/norm/beta", "tower/norm/moving_mean", "tower/norm/moving_variance",
                                 "tower/upper/gain", "tower/upper/first/kernel", "tower/upper/first/bias",
                                 "tower/upper/second/kernel", "tower/upper/second/bias", "tower/head/out/kernel",
                                 "tower/head/out/bias", "last/kernel", "last/bias"});
  for (const auto& [path, parameter] : model.named_parameters()) {
    CHECK(parameter.name() == path);
    CHECK(model.parameter(path) == parameter);
  }
  CHECK(model.layer("tower/upper/first").type() == "Dense");
  CHECK(model.layer("tower/head/out").type() == "Dense");
  CHECK(model.layer("tower").type() == "Tower");
  CHECK(error_of([&] { model.layer("tower/uper"); }) ==
        "Model net: expected the name of one of its layers, got \"tower/uper\"; there are tower/lower, tower/norm, "
        "tower/upper, tower/head");
  CHECK(error_of([&] { model.layer("last/kernel"); }) ==
        "Model net: expected the name of one of its layers, got \"last/kernel\"; there are none in last");
  CHECK_THAT(
      error_of([&] { static_cast<void>(model.parameter("tower/upper/first/kernle")); }),
      Catch::Contains("got \"tower/upper/first/kernle\"; there are ") && Catch::Contains("tower/upper/first/kernel"));
  // the model's own, those of the tower, of lower, upper and head
  CHECK(model.all_layers().size() == 3 + 4 + 2 + 2 + 2);
}

TEST_CASE("of many names the most similar ones are shown") {
  const auto input = Input({2});
  auto x = input;
  for (int i = 0; i < 30; ++i) x = Dense({.units = 2, .name = fmt::format("layer{}", i)})(x);
  const Model model(input, x);
  CHECK(error_of([&] { model.layer("layr17"); }) ==
        "Model: expected the name of one of its layers, got \"layr17\"; there are layer17, layer1, layer7, layer10, "
        "layer11, and 26 more");
  CHECK(error_of([&] { static_cast<void>(model.parameter("layer3/kernal")); }) ==
        "Model: expected the path of one of its parameters, got \"layer3/kernal\"; there are layer3/kernel, "
        "layer0/kernel, layer1/kernel, layer2/kernel, layer4/kernel, and 55 more");
}

TEST_CASE("no two parameters of inner layers share initial values, which depend on the seed") {
  const Model model = tower_model(1), same = tower_model(1), other = tower_model(2);
  std::set<std::vector<double>> kernels;
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < model.parameters().size(); ++i) {
    CHECK(identical(model.parameters()[i].value(), same.parameters()[i].value()));
    if (!model.parameters()[i].name().ends_with("kernel")) continue;
    const bool of_head = model.parameters()[i].name().starts_with("tower/head/");  // a model with a separate seed
    CHECK(identical(model.parameters()[i].value(), other.parameters()[i].value()) == of_head);
    std::vector<double> first = model.parameters()[i].value().to_vector();
    const double spread = first[0] / first[1];  // constant if both draw from one stream, for any scale
    CHECK(kernels.insert({spread}).second);
    ++drawn;
  }
  CHECK(drawn == 6);
  CHECK(model.parameter("tower/lower/gain").value().to_vector() == std::vector<double>{0.5, 0.5, 0.5});
}

TEST_CASE("a composite layer computes the composition of its layers, with correct derivatives") {
  const Model model = tower_model(3);
  const Tensor x = RandomStream(2).normal({4, 3});
  const auto value = [&](const std::string& path) { return Variable(model.parameter("tower/" + path).value()); };
  const auto residual = [&](const Variable& in, const std::string& p) {
    const Variable hidden = tanh(matmul(in, value(p + "/first/kernel")) + value(p + "/first/bias"));
    return in + value(p + "/gain") * (matmul(hidden, value(p + "/second/kernel")) + value(p + "/second/bias"));
  };
  const Variable normalized = residual(x, "lower") / std::sqrt(1.001);  // moving averages 0 and 1, epsilon 1e-3
  const Variable head = matmul(residual(normalized, "upper"), value("head/out/kernel")) + value("head/out/bias");
  const Variable y = matmul(head, model.parameter("last/kernel").value());
  CHECK(largest_difference(output_of(model, x), y.value()) < 1e-5);
  CHECK(check_layer(Residual({.units = 3}), {{3}}));
  const std::string normalized_away = "lower/second/bias";
  CHECK(
      check_layer(Tower({.units = 3}), {{3}},
                  {.modes = {Mode::training}, .batches = {3, 4}, .gradient = {.constant_inputs = {normalized_away}}}));
  CHECK(check_layer(Tower({.units = 3}), {{3}}, {.modes = {Mode::inference}}));
  CHECK(check_model(model, RandomStream(5).normal({4, 3}), [](const Variable& out) { return mean(square(out)); },
                    {.constant_parameters = {"tower/" + normalized_away}}));
}

TEST_CASE("one or all layers inside a composite layer can be frozen") {
  const Model model = tower_model();
  const auto trainable = [&](const std::string& path) { return model.parameter(path).trainable(); };
  model.layer("tower/upper").set_trainable(false);
  CHECK_FALSE(trainable("tower/upper/gain"));
  CHECK_FALSE(trainable("tower/upper/second/kernel"));
  CHECK(trainable("tower/lower/gain"));
  model.layer("tower").set_trainable(false);
  CHECK(model.trainable_count() == 2 * 2 + 2);
  model.layer("tower").set_trainable(true);
  CHECK(trainable("tower/upper/second/kernel"));
  CHECK_FALSE(trainable("tower/norm/moving_mean"));
  model.layer("tower/norm").set_trainable(false);  // so its averages are not updated
  ForwardPass pass(Mode::training);
  model(RandomStream(1).normal({5, 3}), pass);
  CHECK(model.parameter("tower/norm/moving_mean").value().to_vector() == std::vector<double>(3, 0));
}

TEST_CASE("regularizers of inner layers are counted once") {
  const Model model = tower_model();
  ForwardPass pass(Mode::inference);
  double expected = 0;
  for (const std::string path : {"tower/lower/first/kernel", "tower/upper/first/kernel"}) {
    for (const double w : model.parameter(path).value().to_vector()) expected += 0.5 * w * w;
  }
  CHECK(model.regularization(pass).value().value().item() == Approx(expected).epsilon(1e-6));
}

TEST_CASE("a file keeps the flag of each single parameter inside a composite layer") {
  const test::TemporaryFolder folder;
  for (const std::string& changed : paths_of(tower_model())) {
    INFO(changed);
    const Model model = tower_model(4);
    model.layer("tower/lower").set_trainable(false);
    model.parameter(changed).set_trainable(!model.parameter(changed).trainable());
    save_model(model, folder / "model.safetensors");
    const Model loaded = load_model(folder / "model.safetensors", known);
    for (const auto& [path, parameter] : model.named_parameters()) {
      INFO(path);
      CHECK(loaded.parameter(path).trainable() == parameter.trainable());
    }
  }
  SafetensorsFile file = load_safetensors(folder / "model.safetensors");
  const std::string graph = file.metadata["graph"], stored = R"("trainable_parameters":{)";
  REQUIRE(graph.find(stored) != std::string::npos);
  for (const auto& [wrong, message] : std::vector<std::pair<std::string, std::string>>{
           {R"("none":true,)", "got none with true"}, {R"("none":5,)", "got none with 5"}}) {
    file.metadata["graph"] = graph;
    file.metadata["graph"].insert(graph.find(stored) + stored.size(), wrong);
    save_safetensors(folder / "changed.safetensors", file.tensors, file.metadata);
    CHECK_THAT(
        error_of([&] { load_model(folder / "changed.safetensors", known); }),
        Catch::EndsWith("trainable_parameters: expected paths of parameters, each with true or false, " + message));
  }
}

TEST_CASE("a composite layer is restored from a file, with its frozen layers") {
  const test::TemporaryFolder folder;
  const Tensor x = RandomStream(7).normal({4, 3});
  for (const std::string frozen : {"", "tower", "tower/upper", "tower/lower/first", "tower/head/out", "tower/norm"}) {
    INFO(frozen);
    const Model model = tower_model(4);
    if (!frozen.empty()) model.layer(frozen).set_trainable(false);
    save_model(model, folder / "model.safetensors");
    const Model loaded = load_model(folder / "model.safetensors", known);
    CHECK(paths_of(loaded) == paths_of(model));
    CHECK(identical(output_of(loaded, x), output_of(model, x)));
    for (const auto& [path, parameter] : model.named_parameters()) {
      INFO(path);
      CHECK(loaded.parameter(path).trainable() == parameter.trainable());
      CHECK(loaded.parameter(path).name() == path);
    }
  }
  const Model part_trained = tower_model(4);  // the tower itself is frozen, a layer inside is trained
  part_trained.layer("tower").set_trainable(false);
  part_trained.layer("tower/lower/second").set_trainable(true);
  save_model(part_trained, folder / "model.safetensors");
  CHECK(load_model(folder / "model.safetensors", known).trainable_count() == part_trained.trainable_count());
  SafetensorsFile file = load_safetensors(folder / "model.safetensors");
  const std::string graph = file.metadata["graph"];
  for (const std::string wrong : {R"("lower/none")", R"("")", "1"}) {
    const std::string stored = R"("frozen":[)";
    REQUIRE(graph.find(stored) != std::string::npos);
    file.metadata["graph"] = graph;
    file.metadata["graph"].insert(graph.find(stored) + stored.size(), wrong + ",");
    save_safetensors(folder / "changed.safetensors", file.tensors, file.metadata);
    CHECK_THAT(error_of([&] { load_model(folder / "changed.safetensors", known); }),
               Catch::EndsWith("frozen: expected the path of a layer inside, got " + wrong));
  }
  save_weights(part_trained, folder / "weights.safetensors");
  const Model fresh = tower_model(5);
  CHECK(load_weights(fresh, folder / "weights.safetensors").complete());
  CHECK(identical(output_of(fresh, x), output_of(part_trained, x)));
}

TEST_CASE("a layer inside two others and a block without a graph are restored from a file") {
  class TiedLayer final : public Layer {
   public:
    using Options = OnlyName;
    explicit TiedLayer(const Options& options) : Layer(options.name) {}
    std::string type() const override { return "Tied"; }
    LayerConfig config() const override { return {}; }
    std::vector<Sublayer> sublayers() const override { return {{"tied", tied_}, {"block", block_}}; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
      return block_.build(tied_.build(inputs));
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
      return {block_(tied_(inputs[0], pass), pass)};
    }

   private:
    Dense tied_{{.units = 3}};
    Sequential block_{{tied_, Dense({.units = 2})}};
  };
  const test::TemporaryFolder folder;
  const auto input = Input({3});
  const Model model(input, LayerHandle<TiedLayer>({.name = "t"})(input), {.seed = 5});
  CHECK(model.parameters().size() == 4);
  CHECK(model.named_parameters().size() == 6);
  save_model(model, folder / "model.safetensors");
  const Model loaded = load_model(folder / "model.safetensors", {.custom_layers = {{"Tied", make_layer<TiedLayer>}}});
  const Tensor x = RandomStream(7).normal({4, 3});
  CHECK(identical(output_of(loaded, x), output_of(model, x)));
  CHECK(loaded.parameters().size() == 4);
}

TEST_CASE("summary, picture and counts include the layers inside") {
  const Model model = tower_model();
  const std::string text = model.summary();
  CHECK_THAT(text, Catch::Contains("tower (Tower)"));
  std::int64_t count = 0;
  for (const Parameter& parameter : model.parameters()) count += parameter.shape().size();
  CHECK_THAT(text, Catch::Contains(fmt::format("Total params: {}\n", count)));
  CHECK_THAT(dot_text(model), Catch::Contains("lower/first") && Catch::Contains("head/out"));
  const MultiplyAdds work = multiply_adds(model);
  CHECK(work.forward == (3 * 5 + 5 * 3) + (3 * 4 + 4 * 3) + 3 * 2 + 2 * 2);
  CHECK(work.unknown == 2);  // the two ResidualLayers, which have a parameter
  // the derivative of each kernel, and of each input but that of the first layer
  CHECK(work.backward == 2 * work.forward - 3 * 5);
}

TEST_CASE("a layer that is called on variables before it is built is named") {
  const Dense dense({.units = 2, .name = "d"});
  ForwardPass pass(Mode::inference);
  CHECK(error_of([&] {
          dense(Tensor::ones({1, 2}), pass);
        }) ==
        "Dense d: expected a layer that has parameters, got one that was not built; call it on a symbolic tensor, or "
        "build() it in output_specs() of the layer that holds it");
  class Forgetful final : public Layer {
   public:
    Forgetful() : Layer("f") {}
    std::string type() const override { return "Forgetful"; }
    std::vector<Sublayer> sublayers() const override { return {{"inner", inner_}}; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& p) const override {
      return {inner_(inputs[0], p)};
    }

   private:
    Dense inner_{{.units = 2}};
  };
  CHECK(error_of([] { std::make_shared<Forgetful>()->connect_one({Input({2})}); }) ==
        "Forgetful f: expected output_specs() to build all sublayers, got Dense \"inner\" without build()");
  const Residual shared({.units = 3, .name = "r"});
  shared(Input({3}));
  CHECK(error_of([&] { shared(Input({4})); }) ==
        "Dense first: expected inputs that fit the kernel (3, 5) of its first call, got (None, 4)");
}

TEST_CASE("errors of ops name the layers that lead to them") {
  const Model model = tower_model();
  CHECK(error_of([&] {
          output_of(model, RandomStream(1).normal({4, 3}).to(DType::float64));
        }) ==
        "Tower tower: Residual lower: Dense first: matmul: expected matrices of one type, got float64 and float32; "
        "convert with .to()");
}

namespace {

/// Two dense layers, of which sublayers() lists the first `listed`. It accepts outputs of 4 numbers only.
class PartlyListedLayer final : public Layer {
 public:
  struct Options {
    int listed = 2;
    std::int64_t units = 4;
    std::string name = "";
  };
  explicit PartlyListedLayer(Options options)
      : Layer(options.name), options_(options), first_({.units = 4}), second_({.units = options.units}) {}
  std::string type() const override { return "PartlyListed"; }
  std::vector<Sublayer> sublayers() const override {
    std::vector<Sublayer> all{{"first", first_}, {"second", second_}};
    all.resize(static_cast<std::size_t>(options_.listed));
    return all;
  }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    auto outputs = second_.build(first_.build(inputs));
    if (outputs != inputs) reject("inputs like the outputs", inputs);
    return outputs;
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    return {second_(first_(inputs[0], pass), pass)};
  }

 private:
  Options options_;
  Dense first_, second_;
};
using PartlyListed = LayerHandle<PartlyListedLayer>;

}  // namespace

TEST_CASE("a sublayer that is not listed is an Error instead of zeros that are never trained") {
  for (const int listed : {0, 1}) {
    const auto input = Input({4});
    const Model model(input, PartlyListed({.listed = listed})(input), {.seed = 1});
    for (const Mode mode : {Mode::training, Mode::inference}) {
      ForwardPass pass(mode);
      CHECK_THAT(error_of([&] {
                   model(Tensor::ones({2, 4}), pass);
                 }),
                 Catch::Contains("PartlyListed partly_listed_1: Dense") &&
                     Catch::Contains("with an initial value, got none; list this layer in "
                                     "sublayers() of the layer that computes with it"));
    }
  }
  const auto input = Input({4});
  ForwardPass pass(Mode::training);
  CHECK(Model(input, PartlyListed()(input))(Tensor::ones({2, 4}), pass).shape() == Shape{2, 4});
}

TEST_CASE("parameters of a layer without a model have the values that are given") {
  const Dense given({.units = 2}), set({.units = 2});
  given->give_values([](const std::string&, const ParameterSpec& spec) { return Tensor::ones(spec.shape); });
  given.build({{{3}}});
  set.build({{{3}}});
  ForwardPass pass(Mode::inference);
  CHECK(given(Tensor::ones({1, 3}), pass).value().to_vector() == std::vector<double>{4, 4});
  CHECK_THROWS_AS(set(Tensor::ones({1, 3}), pass), Error);
  for (const auto& [path, parameter] : set->named_parameters()) parameter.set_value(Tensor::ones(parameter.shape()));
  CHECK(set(Tensor::ones({1, 3}), pass).value().to_vector() == std::vector<double>{4, 4});
}

TEST_CASE("after a rejected call a composite layer can be called on other inputs") {
  const PartlyListed layer({.name = "pair"});
  layer->give_values([](const std::string&, const ParameterSpec& spec) { return Tensor::full(spec.shape, 0.5); });
  CHECK(error_of([&] { layer(Input({5})); }) == "PartlyListed pair: expected inputs like the outputs, got (None, 5)");
  CHECK(layer->named_parameters().empty());
  const auto input = Input({4});
  const Model model(input, layer(input), {.seed = 1});
  CHECK(model.parameter("pair/first/kernel").shape() == Shape{4, 4});
  for (const Parameter& parameter : model.parameters()) {  // the given values were kept for the second call
    CHECK(parameter.value().to_vector() ==
          std::vector<double>(static_cast<std::size_t>(parameter.value().size()), 0.5));
  }
  const Dense kept({.units = 4});  // built before: the rejected call does not concern it
  kept.build({{{4}}});
  CHECK(kept->named_parameters().size() == 2);
}

TEST_CASE("a layer that no shared_ptr holds is an Error") {
  DenseLayer layer({.units = 2});
  CHECK(error_of([&] { layer.connect({Input({3})}); }) ==
        "Dense: expected a layer that a std::shared_ptr holds, got another; make it with std::make_shared, or as a "
        "LayerHandle, such as Dense({.units = 2})");
}
