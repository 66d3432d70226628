// General graphs: unknown extents, integer inputs, several inputs and outputs, models made of lists and functions. Each
// model is saved, loaded, summarized, drawn, frozen and checked.
#include "framework/ops/ops.hpp"
#include "gradcheck/layer_check.hpp"
#include "gradcheck/model_check.hpp"
#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "models/graph/multiply_adds.hpp"
#include "models/graph/plot.hpp"
#include "models/graph/sequential.hpp"
#include "tests/models/graph_layers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

std::vector<Tensor> run(const Model& model, const std::vector<Tensor>& inputs, const PassOptions& options = {}) {
  ForwardPass pass(Mode::inference, options);
  std::vector<Tensor> values;
  for (const Variable& y : model.call(std::vector<Variable>(inputs.begin(), inputs.end()), pass)) {
    values.push_back(y.value());
  }
  return values;
}

/// The sum of the squares of all outputs.
Variable all_squares(const std::vector<Variable>& outputs) {
  Variable total = mean(square(outputs[0]));
  for (std::size_t i = 1; i < outputs.size(); ++i) total = total + mean(square(outputs[i]));
  return total;
}

/// `constant`: the parameters on which the loss does not depend.
void check_everything(const Model& model, const std::vector<std::vector<Tensor>>& batches,
                      const std::vector<std::string>& constant = {}) {
  const TemporaryFolder folder;
  save_model(model, folder / "model.safetensors");
  const Model loaded = load_model(folder / "model.safetensors", graph_layers());
  CHECK(graph_to_json(loaded) == graph_to_json(model));
  CHECK(loaded.summary() == model.summary());
  for (const std::vector<Tensor>& inputs : batches) {
    const std::vector<Tensor> before = run(model, inputs), after = run(loaded, inputs);
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(identical(before[i], after[i]));
    CHECK(check_model(model, inputs, all_squares, {.constant_parameters = constant}));
  }
  save_weights(model, folder / "weights.h5");
  CHECK(load_weights(loaded, folder / "weights.h5").complete());
  const std::string picture = dot_text(model);
  for (const ModelNode& node : model.nodes()) {
    CHECK_THAT(model.summary(), Catch::Contains(node.layer->name()));
    CHECK_THAT(picture, Catch::Contains(node.layer->name()));
  }
  const std::int64_t trained = model.trainable_count();
  CHECK(trained > 0);
  model.set_trainable(false);
  CHECK(model.trainable_count() == 0);
  model.set_trainable(true);
  CHECK(model.trainable_count() == trained);
}

Tensor images(std::int64_t n, std::int64_t height, std::int64_t width, std::int64_t channels) {
  return RandomStream(3).normal({n, height, width, channels});
}

}  // namespace

TEST_CASE("a fully convolutional network runs at every image size") {
  const auto input = Input({any, any, 3});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .activation = relu})(input);
  x = MaxPooling2D()(x);
  x = Activation(relu)(BatchNormalization()(Conv2D({.filters = 5, .kernel_size = 3})(x)));
  const auto scores = Conv2D({.filters = 2, .kernel_size = 1, .name = "scores"})(x);
  const Model model(input, {scores}, {.name = "fcn", .seed = 1});
  CHECK(to_string(scores.spec()) == "(None, None, None, 2)");
  CHECK(batch_shape_text(model.input_shape()) == "(None, None, None, 3)");
  for (const auto& [height, width] : {std::pair{8, 8}, std::pair{11, 6}, std::pair{20, 31}}) {
    const Tensor batch = images(2, height, width, 3);
    const Tensor y = run(model, {batch})[0];
    CHECK(y.shape() == Shape{2, height / 2 - 2, width / 2 - 2, 2});
    // the same layers for images of this size only
    const auto fixed = Input({height, width, 3});
    const Model same(fixed, model(fixed));
    CHECK(same.output_shape() == y.shape().without(0));
    CHECK(identical(run(same, {batch})[0], y));
  }
  // removed by the normalization
  check_everything(model, {{images(2, 8, 8, 3)}, {images(1, 11, 6, 3)}}, {"conv2d_2/bias"});
  CHECK_THAT(model.summary(), Catch::Contains("(None, None, None, 4)") &&
                                  Catch::Contains("Memory of activations: not known before") &&
                                  Catch::Contains("in 3 calls of layers that are custom or of unknown extents"));
  CHECK(error_of([&] { run(model, {images(2, 8, 8, 1)}); }) ==
        "Model fcn: expected an input (None, None, None, 3) with at least one sample, got (2, 8, 8, 1)");
  CHECK(error_of([&] { run(model, {images(2, 1, 8, 3)}); }) ==
        "Conv2D conv2d_1: max_pool2d: expected images at least as large as the window, 2 x 2 taps dilated by 1 x 1, "
        "got (2, 1, 8, 4); use Padding::same or larger images");
}

TEST_CASE("recomputing gives the same gradients when no extent is known") {
  const auto input = Input({any, any, 2});
  auto x = input;
  for (int i = 0; i < 6; ++i)
    x = Conv2D({.filters = 2, .kernel_size = 3, .padding = Padding::same, .activation = tanh})(x);
  const Model model(input, x);
  std::vector<std::vector<double>> gradients;
  for (const bool recompute : {false, true}) {
    ForwardPass pass(Mode::training, {.recompute = recompute});
    const Variable watched = pass.watch(images(2, 7, 5, 2));
    pass.backward(sum(square(model(watched, pass))));
    gradients.push_back(pass.gradient(watched).to_vector());
  }
  CHECK(gradients[0] == gradients[1]);
}

TEST_CASE("tokens are int64 inputs of any length") {
  const auto tokens = Input({.shape = {any}, .dtype = DType::int64, .name = "tokens"});
  const auto embedded = Embedding({.input_dim = 6, .output_dim = 3})(tokens);
  CHECK(to_string(embedded.spec()) == "(None, None, 3)");
  const Model model(tokens, Dense({.units = 2})(embedded), {.name = "tagger", .seed = 2});
  for (const std::int64_t positions : {4, 7}) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < 2 * positions; ++i) numbers.push_back(i * 5 % 6);
    const Tensor batch = Tensor::labels(numbers).reshaped({2, positions});
    CHECK(run(model, {batch})[0].shape() == Shape{2, positions, 2});
    check_everything(model, {{batch}});
  }
  CHECK(error_of([&] {
          run(model, {Tensor::ones({2, 4})});
        }) ==
        "Model tagger: expected an input int64 (None, None), got float32 (2, 4); convert it with .to(DType::int64), in "
        "a Dataset too, which takes uint8 for images");
  CHECK(error_of([] { Embedding({.input_dim = 6, .output_dim = 3})(Input({4})); }) ==
        "Embedding: expected tokens of type int64, got (None, 4)");
  CHECK(error_of([&] {
          run(model, {Tensor::labels({1, 6}).reshaped({2, 1})});
        }) == "Embedding embedding_1: take: expected indices in [-6, 6) for axis 0 of (6, 3), got 6");
}

TEST_CASE("a Siamese model calls one encoder twice") {
  const auto sample = Input({6, 5, 1});
  const Model encoder(
      sample, Dense({.units = 4})(Flatten()(Conv2D({.filters = 2, .kernel_size = 3, .activation = relu})(sample))),
      {.name = "encoder"});
  const auto left = Input({6, 5, 1}, {.name = "left"}), right = Input({6, 5, 1}, {.name = "right"});
  const auto difference = encoder(left) - encoder(right);
  const Model model({left, right}, Dense({.units = 1})(difference * difference), {.name = "siamese", .seed = 3});
  CHECK(model.parameters().size() == 6);
  CHECK(model.parameter("encoder/conv2d_1/kernel").name() == "encoder/conv2d_1/kernel");
  const Tensor a = images(3, 6, 5, 1), b = RandomStream(4).normal({3, 6, 5, 1});
  CHECK(largest_difference(run(model, {a, b})[0], run(model, {b, a})[0]) < 1e-6);
  CHECK(run(model, {a, a})[0].to_vector() == std::vector<double>(3, 0));
  check_everything(model, {{a, b}}, {"encoder/dense_1/bias"});  // the same on both sides, so it cancels
}

TEST_CASE("a model with two inputs and two outputs computes, also as a layer") {
  const auto image = Input({5, 4, 2}, {.name = "image"});
  const auto numbers = Input({3}, {.name = "numbers"});
  const auto seen = Flatten()(Conv2D({.filters = 2, .kernel_size = 2, .activation = tanh})(image));
  const auto both = Concatenate()({seen, Dense({.units = 4, .activation = tanh})(numbers)});
  const auto classes = Dense({.units = 3, .name = "class"})(both), amount = Dense({.units = 1, .name = "amount"})(both);
  const Model model({image, numbers}, {classes, amount}, {.name = "two_tasks", .seed = 4});
  const std::vector<Tensor> inputs{images(4, 5, 4, 2), RandomStream(5).normal({4, 3})};
  const std::vector<Tensor> outputs = run(model, inputs);
  CHECK(outputs[0].shape() == Shape{4, 3});
  CHECK(outputs[1].shape() == Shape{4, 1});
  check_everything(model, {inputs});

  const auto outer_image = Input({5, 4, 2}), outer_numbers = Input({3});
  const std::vector<SymbolicTensor> inner = model.call({outer_image, outer_numbers});
  REQUIRE(inner.size() == 2);
  const Model outer({outer_image, outer_numbers}, {Dense({.units = 2})(inner[0]), inner[1] + inner[1]},
                    {.name = "outer"});
  const std::vector<Tensor> twice = run(outer, inputs);
  CHECK(largest_difference(twice[1], (Variable(outputs[1]) * 2.0).value()) < 1e-6);
  check_everything(outer, {inputs});
  CHECK(error_of([&] {
          model(std::vector{outer_image, outer_numbers});
        }) == "Model two_tasks: expected a layer of one output here, got 2; call() gives all of them");
}

TEST_CASE("a U-Net runs at two image sizes") {
  const auto block = [](const SymbolicTensor& x, std::int64_t filters) {
    return Conv2D({.filters = filters, .kernel_size = 3, .padding = Padding::same, .activation = relu})(x);
  };
  const auto input = Input({any, any, 1});
  const auto fine = block(input, 3);
  const auto coarse = block(MaxPooling2D()(fine), 4);
  const auto deep = block(MaxPooling2D()(coarse), 5);
  const auto up = block(Concatenate()({Upsampling()(deep), coarse}), 4);
  const auto top = block(Concatenate()({Upsampling()(up), fine}), 3);
  const Model model(input, Conv2D({.filters = 2, .kernel_size = 1})(top), {.name = "unet", .seed = 5});
  CHECK(run(model, {images(2, 8, 12, 1)})[0].shape() == Shape{2, 8, 12, 2});
  CHECK(run(model, {images(1, 16, 4, 1)})[0].shape() == Shape{1, 16, 4, 2});
  check_everything(model, {{images(2, 8, 12, 1)}, {images(1, 16, 4, 1)}});
  CHECK(error_of([&] { run(model, {images(1, 6, 4, 1)}); }) ==
        "Concatenate concatenate_1: concatenate: expected shapes that agree but for axis 3, got (1, 2, 2, 5) and (1, "
        "3, 2, 4)");
  const auto small = Input({8, 8, 1});
  CHECK(model(small).shape() == Shape{8, 8, 2});
  CHECK(error_of([&] {
          model(Input({6, 4, 1}));
        }) ==
        "Concatenate concatenate_1: expected inputs that differ in axis -1 only, got (None, 2, 2, 5) and (None, 3, 2, "
        "4)");
}

TEST_CASE("the outputs of a layer with two outputs may have different readers or none") {
  const auto input = Input({5});
  const Split split({.first = 2, .name = "split"});
  const std::vector<SymbolicTensor> parts = split.call({Dense({.units = 5, .activation = tanh})(input)});
  REQUIRE(parts.size() == 2);
  CHECK_FALSE(parts[0] == parts[1]);
  CHECK(parts[1].shape() == Shape{3});
  const auto y = Concatenate()({Dense({.units = 2})(parts[1]), parts[0]});
  const Model model({input}, {y, parts[1]}, {.name = "splitting", .seed = 6});
  const Tensor x = RandomStream(6).normal({3, 5});
  check_everything(model, {{x}});
  CHECK_THAT(model.summary(), Catch::Contains("(None, 2), (None, 3)") && Catch::Contains("split:1"));
  CHECK_THAT(dot_text(model), Catch::Contains("(2), (3)"));
  const Model first_only(input, Activation(tanh)(parts[0]), {.name = "first_only"});
  const Tensor first = run(first_only, {x})[0], whole = run(model, {x})[0];
  for (std::int64_t i = 0; i < 3; ++i) CHECK(first.at({i, 0}) == Approx(std::tanh(whole.at({i, 2}))));
  CHECK(check_layer(Split({.first = 2}), {{5}}));
  CHECK(error_of([&] { split(input); }) ==
        "Split split: expected a layer of one output here, got 2; call() gives all of them");
  CHECK(error_of([&] { static_cast<void>(model.layer_output("split")); }) ==
        "Model splitting: expected the name of a layer of one output, got \"split\", which has 2");
  std::vector<std::vector<double>> gradients;
  for (const bool recompute : {false, true}) {
    ForwardPass pass(Mode::training, {.recompute = recompute});
    const Variable watched = pass.watch(x);
    pass.backward(all_squares(model.call({watched}, pass)));
    gradients.push_back(pass.gradient(watched).to_vector());
  }
  CHECK(gradients[0] == gradients[1]);
}

TEST_CASE("a layer whose outputs differ in number or type from the inferred ones is named") {
  class Odd final : public Layer {
   public:
    explicit Odd(std::vector<Variable> gives) : Layer("odd"), gives_(std::move(gives)) {}
    std::string type() const override { return "Odd"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
    std::vector<Variable> call(const std::vector<Variable>&, ForwardPass&) const override { return gives_; }

   private:
    std::vector<Variable> gives_;
  };
  const auto message = [](std::vector<Variable> gives) {
    const auto input = Input({2});
    const Model model(input, std::make_shared<Odd>(std::move(gives))->connect_one({input}));
    return error_of([&] { run(model, {Tensor::ones({1, 2})}); });
  };
  CHECK(message({}) == "Odd odd: expected as many outputs as it infers, 1, got 0");
  CHECK(message({Tensor::ones({1, 2}), Tensor::ones({1, 2})}) ==
        "Odd odd: expected as many outputs as it infers, 1, got 2");
  CHECK(message({Tensor::zeros({1, 2}, DType::int64)}) ==
        "Odd odd: expected an output of the type it infers, float32, got int64");
}

TEST_CASE("a Sequential with an Input is the model of its layers") {
  const auto layers = [] {
    return Sequential(
        {Input({8, 8, 1}), Conv2D({.filters = 2, .kernel_size = 3}), Activation(relu), Flatten(), Dense({.units = 3})},
        {.name = "net", .seed = 7});
  };
  const Sequential model = layers();
  const auto input = Input({8, 8, 1});
  const auto x = Activation(relu)(Conv2D({.filters = 2, .kernel_size = 3})(input));
  const Model same(input, Dense({.units = 3})(Flatten()(x)), {.name = "net", .seed = 7});
  const Tensor batch = images(2, 8, 8, 1);
  CHECK(identical(run(model, {batch})[0], run(same, {batch})[0]));
  CHECK(graph_to_json(model) == graph_to_json(same));
  check_everything(model, {{batch}});
  CHECK(error_of([] { Sequential({}); }) == "Sequential: expected at least one layer that is no Input, got none");
  CHECK(error_of([] {
          Sequential({Input({3}), std::shared_ptr<Layer>()});
        }) == "Sequential: expected layers, got a null pointer");
  CHECK(error_of([] {
          Sequential({Flatten(), Input({3})});
        }) == "Sequential: expected an Input as the first layer only, got InputLayer later");
  CHECK(error_of([] {
          Sequential({Input({3}), MaxPooling2D()});
        }) == "MaxPooling2D: expected images (None, height, width, channels), got (None, 3)");
}

TEST_CASE("a Sequential without an Input gets its graph at the first call") {
  const Sequential body({Dense({.units = 4, .activation = tanh}), Dense({.units = 2})}, {.name = "body"});
  CHECK(error_of([&] { static_cast<void>(body.parameters()); }) ==
        "Model body: expected a model with known inputs, got one that was not called yet; begin it with an Input, or "
        "call it on a symbolic tensor");
  CHECK(error_of([&] {
          run(body, {Tensor::ones({1, 3})});
        }) ==
        "Model body: expected a model with known inputs, got one that was not called yet; begin it with an Input, or "
        "call it on a symbolic tensor");
  const auto input = Input({3});
  const Model model(input, body(input) + body(input), {.name = "whole", .seed = 1});
  CHECK(model.parameters().size() == 4);
  CHECK(body.parameters()[0] == model.parameter("body/dense_1/kernel"));
  CHECK(error_of([&] { body(Input({4})); }) == "Model body: expected (None, 3), got (None, 4)");
  check_everything(model, {{RandomStream(8).normal({3, 3})}});
}

TEST_CASE("a model made by a function has the initial values of its seed") {
  const auto initial = [](std::uint64_t seed, bool by_function) {
    const auto make = [](const SymbolicTensor& x) { return Dense({.units = 4, .name = "d"})(x); };
    const auto input = Input({3});
    if (!by_function) return Model(input, make(input), {.seed = seed}).parameter("d/kernel").value();
    const Model model([&](const std::vector<SymbolicTensor>& x) { return std::vector{make(x[0])}; }, {.seed = seed});
    model(input);
    return model.parameter("d/kernel").value();
  };
  for (const std::uint64_t seed : {0, 7}) CHECK(identical(initial(seed, true), initial(seed, false)));
  CHECK_FALSE(identical(initial(0, true), initial(7, true)));
}

TEST_CASE("a block written as a function of symbolic tensors is a layer") {
  const auto residual = [](std::int64_t units) {
    return Model(
        [units](const std::vector<SymbolicTensor>& x) {
          return std::vector{Dense({.units = units, .activation = tanh})(x[0]) * x[0] - x[0]};
        },
        {.name = "", .seed = 1});
  };
  const auto input = Input({3});
  const Model model(input, residual(3)(residual(3)(input)), {.name = "blocks", .seed = 1});
  std::vector<std::string> paths;
  for (const auto& [path, parameter] : model.named_parameters()) paths.push_back(path);
  CHECK(paths == std::vector<std::string>{"model_1/dense_1/kernel", "model_1/dense_1/bias", "model_2/dense_1/kernel",
                                          "model_2/dense_1/bias"});
  // drawn from one seed, then drawn again
  CHECK_FALSE(identical(model.parameters()[0].value(), model.parameters()[2].value()));
  check_everything(model, {{RandomStream(8).normal({3, 3})}});
  CHECK(error_of([] { Model{GraphFunction()}; }) == "Model: expected a function that makes a graph, got an empty one");
}

TEST_CASE("merge layers broadcast extents of 1 and missing axes of a sample, alone and fused") {
  const auto images = Input({2, 2, 2}), channels = Input({2}), column = Input({2, 1, 1});
  const auto batch_norm = BatchNormalization({.name = "bn"});
  const Model model({images, channels, column},
                    std::vector{images * channels, channels - column, Activation(relu)(images + channels),
                                Activation(relu)(Add()({channels, column, images})),
                                Activation(relu)(batch_norm(images) + channels)});
  const Tensor x = Tensor::of({1, 2, 2, 2}, {1, -2, 3, -4, 5, -6, 7, -8});
  const std::vector<Tensor> y = run(model, {x, Tensor::of({1, 2}, {10, 1}), Tensor::of({1, 2, 1, 1}, {100, 200})});
  CHECK(y[0].to_vector() == std::vector<double>{10, -2, 30, -4, 50, -6, 70, -8});
  CHECK(y[1].shape() == Shape{1, 2, 1, 2});
  CHECK(y[1].to_vector() == std::vector<double>{-90, -99, -190, -199});
  CHECK(y[2].to_vector() == std::vector<double>{11, 0, 13, 0, 15, 0, 17, 0});
  CHECK(y[3].to_vector() == std::vector<double>{111, 99, 113, 97, 215, 195, 217, 193});
  const std::vector<double> normalized = y[4].to_vector();
  CHECK(normalized[0] == Approx(10 + 1 / std::sqrt(1.001)));
  CHECK(normalized[7] == 0);
  CHECK(error_of([&] {
          run(model, {x, Tensor::ones({2, 2}), Tensor::ones({1, 2, 1, 1})});
        }) ==
        "Model: expected inputs of one batch size, got (1, 2, 2, 2) and (2, 2)");  // the batch axis is not broadcast
}

TEST_CASE("symbolic tensors are added, subtracted and multiplied") {
  const auto a = Input({2}), b = Input({2});
  const Model model({a, b}, std::vector{a + b, a - b, a * b});
  const std::vector<Tensor> results = run(model, {Tensor::of({1, 2}, {5, 7}), Tensor::of({1, 2}, {2, 3})});
  CHECK(results[0].to_vector() == std::vector<double>{7, 10});
  CHECK(results[1].to_vector() == std::vector<double>{3, 4});
  CHECK(results[2].to_vector() == std::vector<double>{10, 21});
  CHECK(error_of([&] { static_cast<void>(a + Input({3})); }) ==
        "Add: expected inputs of equal extents, or 1, got (None, 2) and (None, 3)");
  const auto open = Input({any}), other = Input({any});
  const Model sums({open, other}, Activation(relu)(open + other));
  CHECK(run(sums, {Tensor::ones({1, 4}), Tensor::ones({1, 4})})[0].to_vector() == std::vector<double>(4, 2));
  CHECK(error_of([&] {
          run(sums, {Tensor::ones({1, 4}), Tensor::ones({1, 3})});
        }) == "Add add_1: expected inputs of equal extents, or 1, got (1, 4) and (1, 3)");
}
