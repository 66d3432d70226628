#include "models/graph/model.hpp"

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::largest_difference;

namespace {

Tensor run(const Model& model, const Tensor& x) {
  ForwardPass pass(Mode::inference);
  return model(x, pass).value();
}

}  // namespace

TEST_CASE("models and layers from which one was moved can still be used") {
  Dense dense({.units = 2, .name = "d"});
  const Dense moved = std::move(dense);
  const auto input = Input({3});
  Model model(input, dense(input));
  CHECK(moved->name() == "d");
  const Model other = std::move(model);
  ForwardPass pass(Mode::inference);
  const Tensor x = Tensor::ones({1, 3});
  CHECK(model(x, pass).value().to_vector() == other(x, pass).value().to_vector());
}

TEST_CASE("layers without a name get one from their type, and parameters get theirs from the layer") {
  const auto input = Input({8, 8, 3});
  auto x = Conv2D({.filters = 2})(input);
  x = Conv2D({.filters = 2, .name = "conv2d_1"})(x);  // the name that the first one would get
  x = MaxPooling2D()(x);
  Model model(input, Dense({.units = 3})(Flatten()(x)));
  std::vector<std::string> names;
  for (const ModelNode& node : model.nodes()) names.push_back(node.layer->name());
  CHECK(names ==
        std::vector<std::string>{"input_1", "conv2d_2", "conv2d_1", "max_pooling2d_1", "flatten_1", "dense_1"});
  CHECK(model.named_parameters()[0].first == "conv2d_2/kernel");
  CHECK(model.parameters()[0].name() == "conv2d_2/kernel");
  CHECK(&model.layer("flatten_1") == model.nodes()[4].layer.get());
  CHECK(error_of([&] { model.layer("flatten"); }) ==
        "Model: expected the name of one of its layers, got \"flatten\"; there are input_1, conv2d_2, conv2d_1, "
        "max_pooling2d_1, flatten_1, dense_1");
}

TEST_CASE("a model without a name is called model") {
  const auto input = Input({2});
  CHECK(Model(input, Flatten()(input)).name() == "model");
  CHECK(Model(input, Flatten()(input), {.name = "mine"}).name() == "mine");
}

TEST_CASE("a model computes its layers, and a shared layer has one set of parameters") {
  const auto input = Input({3});
  const Dense shared({.units = 3, .kernel_initializer = constant(0.5), .bias_initializer = constant(1)});
  Model model(input, shared(shared(input)));
  CHECK(model.parameters().size() == 2);
  CHECK(model.parameter_count() == 12);
  // x (1, 2, 3): 0.5 * 6 + 1 = 4 each; then 0.5 * 12 + 1 = 7
  CHECK(run(model, Tensor::of({1, 3}, {1, 2, 3})).to_vector() == std::vector<double>{7, 7, 7});
  ForwardPass pass(Mode::training);
  const Gradients found = pass.backward(sum(model(Tensor::of({1, 3}, {1, 2, 3}), pass)));
  // 1 from the second use, and 3 * 0.5 through its kernel from the first
  CHECK(found[model.parameters()[1]].to_vector() == std::vector<double>{2.5, 2.5, 2.5});
}

TEST_CASE("a model is a layer of another model and shares its parameters with it") {
  const auto inner_input = Input({4});
  const Model inner(inner_input, Dense({.units = 2})(inner_input), {.name = "inner", .seed = 5});
  const auto input = Input({4});
  const Model outer(input, Dense({.units = 1})(Add()({inner(input), inner(input)})));
  CHECK(outer.named_parameters()[0].first == "inner/dense_1/kernel");
  CHECK(outer.parameters().size() == 4);
  CHECK(outer.parameters()[0] == inner.parameters()[0]);
  const Tensor x = Tensor::of({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor features = run(inner, x);
  const Tensor doubled = (Variable(features) + Variable(features)).value();
  CHECK(largest_difference(run(outer, x), matmul(doubled, outer.parameters()[2].value()).value()) < 1e-5);
  CHECK(error_of([&] { inner(Input({5})); }) == "Model inner: expected (None, 4), got (None, 5)");
}

TEST_CASE("models may have several inputs and outputs") {
  const auto a = Input({2});
  const auto b = Input({2});
  Model model(std::vector{a, b}, std::vector{Add()({a, b}), Multiply()({a, b})});
  ForwardPass pass(Mode::inference);
  const auto outputs = model.call({Tensor::of({1, 2}, {1, 2}), Tensor::of({1, 2}, {3, 5})}, pass);
  CHECK(outputs[0].value().to_vector() == std::vector<double>{4, 7});
  CHECK(outputs[1].value().to_vector() == std::vector<double>{3, 10});
  CHECK(
      error_of([&] {
        model(Tensor::ones({1, 2}), pass);
      }) ==
      "Model: expected a model of one input and one output here, got 2 and 2; call it with all inputs by call(), in a "
      "custom loop: fit(), evaluate() and predict() take models of one input and one output");
  CHECK(error_of([&] {
          model.call({Tensor::ones({1, 2})}, pass);
        }) == "Model: expected 2 inputs in this order: input_1 (None, 2) and input_2 (None, 2), got 1 input");
  CHECK(error_of([&] {
          model.call({Tensor::ones({1, 2}), Tensor::ones({2, 2})}, pass);
        }) == "Model: expected inputs of one batch size, got (1, 2) and (2, 2)");
}

TEST_CASE("inputs of another order or number are rejected with the names of the expected ones") {
  const auto left = Input({4}, {.name = "left"}), right = Input({2, 3}, {.name = "right"});
  const Model two({left, right}, Concatenate()({left, Flatten()(right)}), {.name = "two"});
  ForwardPass pass(Mode::inference);
  const std::string both = "2 inputs in this order: left (None, 4) and right (None, 2, 3)";
  CHECK(error_of([&] {
          two.call({Tensor::ones({5, 2, 3}), Tensor::ones({5, 4})}, pass);
        }) ==
        "Model two: expected an input (None, 4) for left with at least one sample, got (5, 2, 3); the model has " +
            both);
  CHECK(error_of([&] { two.call({}, pass); }) == "Model two: expected " + both + ", got 0 inputs");
  CHECK(error_of([&] { two({right, left}); }) == "Model two: expected " + both + ", got (None, 2, 3) and (None, 4)");
  CHECK(error_of([&] { two(left); }) == "Model two: expected " + both + ", got (None, 4)");
}

TEST_CASE("messages describe a model without a name, a single sample and an undefined tensor") {
  const auto input = Input({4});
  Model model(input, Dense({.units = 2})(input));
  ForwardPass pass(Mode::inference);
  CHECK(error_of([&] {
          model(Tensor::ones({2, 5}), pass);
        }) == "Model: expected an input (None, 4) with at least one sample, got (2, 5)");
  CHECK(error_of([&] { model(Tensor::ones({4}), pass); }) ==
        "Model: expected an input (None, 4) with at least one sample, got (4,); reshape one sample to (1, 4)");
  CHECK(error_of([&] { model(Tensor(), pass); }) ==
        "Model: expected an input (None, 4) with at least one sample, got undefined");
  CHECK(error_of([&] { model.layer("none"); }) ==
        "Model: expected the name of one of its layers, got \"none\"; there are input_1, dense_1");
  CHECK(error_of([&] { Model(Input({3}), model.layer_output("dense_1")); }) ==
        "Model: expected every Input that an output depends on among the model's inputs, got none for InputLayer "
        "input_1 (None, 4)");
}

TEST_CASE("a graph that is not a model is rejected with the reason") {
  const auto input = Input({4});
  const auto other = Input({4});
  const Dense one({.units = 4, .name = "a"}), two({.units = 4, .name = "a"});
  const auto x = one(input);
  for (const bool turned : {false, true}) {  // the memory of either layer may come first
    CHECK(error_of([&] { Model(input, turned ? two(one(input)) : one(two(input))); }) ==
          "Model: expected layers with different names, got two named \"a\" (Dense and Dense); layers without a name "
          "were named by the first Model that used them: give one of the two a .name");
  }
  CHECK(error_of([&] {
          Model(input, Add()({input, other}));
        }) ==
        "Model: expected every Input that an output depends on among the model's inputs, got none for InputLayer "
        "(None, 4)");
  CHECK(error_of([&] { Model(x, x); }) == "Model: expected inputs made by Input, got the output of Dense a");
  CHECK(error_of([&] { Model({input, input}, x); }) == "Model: expected different inputs, got (None, 4) twice");
}

TEST_CASE("a layer whose computed shape differs from the inferred one, or whose op fails, is named") {
  class Odd final : public Layer {
   public:
    explicit Odd(bool fails) : Layer("odd"), fails_(fails) {}
    std::string type() const override { return "Odd"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>&) const override { return {{{2}}}; }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override {
      return {fails_ ? matmul(inputs[0], Tensor::ones({9, 9})) : inputs[0]};
    }

   private:
    bool fails_;
  };
  const auto input = Input({5});
  ForwardPass pass(Mode::inference);
  CHECK(error_of([&] {
          Model(input, std::make_shared<Odd>(false)->connect_one({input}))(Tensor::ones({3, 5}), pass);
        }) == "Odd odd: expected an output of the shape it infers, (3, 2), got (3, 5)");
  CHECK(error_of([&] {
          Model(input, std::make_shared<Odd>(true)->connect_one({input}))(Tensor::ones({3, 5}), pass);
        }) == "Odd odd: matmul: expected (..., m, k) and (..., k, n), got (3, 5) and (9, 9)");
}

TEST_CASE("models nested without a name are numbered, and their parameters have different names") {
  const auto inner_input = Input({2});
  const Model a(inner_input, Dense({.units = 2})(inner_input));
  const auto other_input = Input({2});
  const Model b(other_input, Dense({.units = 2})(other_input));
  const auto input = Input({2});
  const Model outer(input, b(a(input)));
  CHECK(outer.parameters()[0].name() == "model_1/dense_1/kernel");
  CHECK(outer.parameters()[2].name() == "model_2/dense_1/kernel");
  CHECK(outer.named_parameters()[2].first == "model_2/dense_1/kernel");
  CHECK(outer.all_layers().size() == 7);
}

TEST_CASE("a layer's name must not look like a path") {
  const auto input = Input({2});
  CHECK(error_of([&] { Model(input, Dense({.units = 2, .name = "a/b"})(input), {.name = "net"}); }) ==
        "Model net: expected layer names without \"/\", which separates the parts of a parameter's path, got \"a/b\"");
}

TEST_CASE("a name that a file cannot store is rejected when the model is made") {
  const auto input = Input({2});
  const std::string expected = "expected names that files can keep: expected text ";
  for (const std::string bad : {"a\xff", "a\n", "a\x7f"}) {
    CHECK_THAT(error_of([&] { Model(input, Dense({.units = 2, .name = bad})(input), {.name = "net"}); }),
               Catch::Contains("Model net: " + expected) && Catch::Contains("in \"a?\"; choose another name"));
    CHECK_THAT(error_of([&] { Model(input, Dense({.units = 2})(input), {.name = bad}); }),
               Catch::Contains("Model: " + expected));
  }
}

TEST_CASE("a batch of another shape is rejected with both shapes") {
  const auto input = Input({4, 4, 3});
  Model model(input, Flatten()(input), {.name = "net"});
  ForwardPass pass(Mode::inference);
  CHECK(error_of([&] {
          model(Tensor::ones({2, 4, 4, 1}), pass);
        }) == "Model net: expected an input (None, 4, 4, 3) with at least one sample, got (2, 4, 4, 1)");
  CHECK(error_of([&] {
          model(Tensor::ones({4, 4, 3}), pass);
        }) ==
        "Model net: expected an input (None, 4, 4, 3) with at least one sample, got (4, 4, 3); reshape one sample to "
        "(1, 4, 4, 3)");
  CHECK(error_of([&] {
          model(Tensor::ones({0, 4, 4, 3}), pass);
        }) == "Model net: expected an input (None, 4, 4, 3) with at least one sample, got (0, 4, 4, 3)");
  CHECK(error_of([&] {
          model(Tensor::zeros({2, 4, 4, 3}, DType::uint8), pass);
        }) == "Model net: expected floating inputs, got uint8; predict() and DataLoader scale uint8 images to [0, 1]");
}

TEST_CASE("equal seeds give equal weights, other seeds other weights, and each parameter has its own values") {
  const auto build = [](std::uint64_t seed) {
    const auto input = Input({6});
    return Model(input, Dense({.units = 6})(Dense({.units = 6})(input)), {.seed = seed});
  };
  const Model one = build(1);
  CHECK(identical(one.parameters()[0].value(), build(1).parameters()[0].value()));
  CHECK_FALSE(identical(one.parameters()[0].value(), build(2).parameters()[0].value()));
  CHECK_FALSE(identical(one.parameters()[0].value(), one.parameters()[2].value()));
}

TEST_CASE("a model converted to float64 computes in it") {
  const auto input = Input({3});
  Model model(input, Dense({.units = 2})(input));
  const Tensor x = Tensor::of({1, 3}, {1, 2, 3});
  const Tensor single = run(model, x);
  model.convert(DType::float64);
  CHECK(model.dtype() == DType::float64);
  const Tensor result = run(model, x.to(DType::float64));
  CHECK(result.dtype() == DType::float64);
  CHECK(largest_difference(single, result) < 1e-6);
  CHECK(error_of([&] { run(model, x); }) ==
        "Dense dense_1: matmul: expected matrices of one type, got float32 and float64; convert with .to()");
  CHECK(error_of([&] { model.convert(DType::int64); }) == "Model::convert: expected float32 or float64, got int64");
}

TEST_CASE("in inference a model holds only activations that are still needed") {
  const auto input = Input({1 << 16});
  auto x = input;
  for (int i = 0; i < 20; ++i) x = Activation(tanh)(x);
  Model model(input, x);
  const Tensor data = Tensor::ones({1, 1 << 16});
  const std::size_t before = kernels::pool_usage().in_use;
  ForwardPass pass(Mode::inference);
  const std::size_t peak_before = kernels::pool_usage().peak;
  model(data, pass);
  CHECK(kernels::pool_usage().in_use == before);
  CHECK(kernels::pool_usage().peak <= std::max(peak_before, before + 4 * (std::size_t{1} << 18)));
}

TEST_CASE("the summary has a row for each layer, inputs by name and the totals") {
  const auto input = Input({4, 4, 1});
  const auto x = BatchNormalization({.name = "bn"})(Conv2D({.filters = 2, .name = "conv"})(input));
  Model model(input, Add({.name = "sum"})({x, x}), {.name = "tiny"});
  const std::string text = model.summary();
  CHECK_THAT(text, Catch::Contains("Model: \"tiny\"") && Catch::Contains("Layer (type)") &&
                       Catch::Contains("Output Shape") && Catch::Contains("Param #") &&
                       Catch::Contains("Connected to"));
  CHECK_THAT(text, Catch::Contains("conv (Conv2D)") && Catch::Contains("(None, 4, 4, 2)") && Catch::Contains("bn, bn"));
  CHECK_THAT(text, Catch::Contains("Total params: 12\nTrainable params: 8\nNon-trainable params: 4\n"));
}
