#include "layers/layers.hpp"

#include <cmath>
#include <limits>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/regression_losses.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

/// Draws initial values for a layer that is not in a model.
void initialize(Layer& layer, std::uint64_t seed) {
  InitialStreams taken;
  layer.initialize(seed, 0, taken);
}

}  // namespace

TEST_CASE("output shapes are known when a layer is called") {
  const auto image = Input({64, 48, 3});
  CHECK(image.shape() == Shape{64, 48, 3});
  CHECK(Conv2D({.filters = 8, .kernel_size = 3})(image).shape() == Shape{62, 46, 8});
  CHECK(Conv2D({.filters = 8, .kernel_size = 3, .strides = 2, .padding = Padding::same})(image).shape() ==
        Shape{32, 24, 8});
  CHECK(Conv2D({.filters = 8, .kernel_size = {3, 5}, .padding = {1, 0, 2, 2}})(image).shape() == Shape{63, 48, 8});
  CHECK(MaxPooling2D()(image).shape() == Shape{32, 24, 3});
  CHECK(MaxPooling2D({.pool_size = 3, .strides = 2})(image).shape() == Shape{31, 23, 3});
  CHECK(ZeroPadding2D({.padding = {1, 2, 3, 4}})(image).shape() == Shape{67, 55, 3});
  CHECK(Flatten()(image).shape() == Shape{9216});
  CHECK(GlobalAveragePooling2D()(image).shape() == Shape{3});
  CHECK(Dense({.units = 5})(image).shape() == Shape{64, 48, 5});
  CHECK(Reshape({.target_shape = {-1, 3}})(image).shape() == Shape{3072, 3});
  CHECK(Concatenate()({image, image}).shape() == Shape{64, 48, 6});
}

TEST_CASE("a layer rejects an invalid input at the call, with its name and the shapes") {
  const auto vector = Input({10});
  const auto image = Input({8, 8, 3});
  CHECK(error_of([&] { Conv2D({.filters = 4, .name = "conv1"})(vector); }) ==
        "Conv2D conv1: expected images (None, height, width, channels), got (None, 10)");
  CHECK(error_of([&] { Conv2D({.filters = 4, .kernel_size = 9, .name = "wide"})(image); }) ==
        "Conv2D wide: expected images at least as large as the window, 9 x 9 taps dilated by 1 x 1, got (None, 8, 8, "
        "3); use Padding::same or larger images");
  CHECK(error_of([&] {
          Add({.name = "sum"})({image, vector});
        }) == "Add sum: expected inputs of equal extents, or 1, got (None, 8, 8, 3) and (None, 10)");
  CHECK(error_of([&] { Add()(image); }) == "Add: expected two or more inputs, got (None, 8, 8, 3)");
  CHECK(error_of([&] {
          Dense({.units = 2})({vector, vector});
        }) == "Dense: expected one input, got (None, 10) and (None, 10)");
  CHECK(error_of([&] {
          Concatenate({.axis = 2})({image, Input({8, 9, 3}), Input({7, 9, 3})});
        }) ==
        "Concatenate: expected inputs that differ in axis 2 only, got (None, 8, 8, 3) and (None, 8, 9, 3) and (None, "
        "7, 9, 3)");
  CHECK(error_of([&] {
          Concatenate({.axis = 0})({image, image});
        }) == "Concatenate: expected an axis in [1, 4) for its axis 0, got (None, 8, 8, 3) and (None, 8, 8, 3)");
  CHECK(error_of([&] { Reshape({.target_shape = {7}})(vector); }) ==
        "Reshape: expected as many elements as the target shape (7) has, got (None, 10)");
  for (const std::vector<std::int64_t>& target : {std::vector<std::int64_t>{-1, -1}, {-1, 0}, {0}, {0, 10}, {-2, -5}}) {
    CAPTURE(target);
    CHECK_THAT(error_of([&] { Reshape({.target_shape = target})(vector); }),
               Catch::Contains("positive extents with at most one -1"));
  }
  CHECK(error_of([&] { Softmax({.axis = 0})(vector); }) ==
        "Softmax: expected an axis in [1, 2) for its axis 0, got (None, 10)");
  CHECK(error_of([&] { GlobalMaxPooling2D()(vector); }) ==
        "GlobalMaxPooling2D: expected images (None, height, width, channels), got (None, 10)");
}

TEST_CASE("inputs that a layer cannot compute are rejected when it is called in the graph") {
  const auto image = Input({8, 8, 3});
  for (const auto& [padding, text] : {std::pair<Padding, std::string>{{2, 0, 0, 0}, "(2, 0, 0, 0)"},
                                      {{0, 2, 0, 0}, "(0, 2, 0, 0)"},
                                      {{0, 0, 2, 0}, "(0, 0, 2, 0)"},
                                      {{0, 0, 0, 2}, "(0, 0, 0, 2)"}}) {
    CHECK(error_of([&, &p = padding] { MaxPooling2D({.pool_size = 2, .padding = p, .name = "m"})(image); }) ==
          "MaxPooling2D m: expected less padding than the window is long, 2 x 2, got " + text);
  }
  CHECK(error_of([&] {
          AveragePooling2D({.pool_size = {3, 1}, .padding = {0, 0, 0, 1}})(image);
        }) == "AveragePooling2D: expected less padding than the window is long, 3 x 1, got (0, 0, 0, 1)");
  CHECK(error_of([&] {
          MaxPooling2D({.pool_size = 9, .name = "m"})(image);
        }).starts_with("MaxPooling2D m: expected images at least as large as the window"));
  CHECK(error_of([&] {
          Reshape({.target_shape = {8, 8, 3, 1, 1, 1, 1, 1}})(image);
        }) == "Reshape: expected an output of at most 7 axes besides the batch, got (8, 8, 3, 1, 1, 1, 1, 1)");
  CHECK(error_of([&] {
          Input({1, 1, 1, 1, 1, 1, 1, 1});
        }) == "InputLayer: expected an output of at most 7 axes besides the batch, got (1, 1, 1, 1, 1, 1, 1, 1)");
  CHECK(error_of([&] {
          ZeroPadding2D({.padding = {std::int64_t{1} << 62, std::int64_t{1} << 62, 0, 0}});
        }) ==
        "ZeroPadding2D: expected a padding of 0 to 2^30 elements at each border, got (4611686018427387904, "
        "4611686018427387904, 0, 0)");
}

TEST_CASE("invalid options are rejected when the layer is made") {
  CHECK(error_of([] { Conv2D({.filters = 0, .name = "c"}); }) == "Conv2D c: expected filters >= 1, got 0");
  CHECK(error_of([] { Dense({.units = -1}); }) == "Dense: expected units >= 1, got -1");
  CHECK(error_of([] { Dropout({.rate = 1.0}); }) == "Dropout: expected a rate in [0, 1), got 1");
  CHECK(error_of([] { BatchNormalization({.momentum = 1.0}); }) ==
        "BatchNormalization: expected a momentum in [0, 1), got 1");
  CHECK(error_of([] { BatchNormalization({.epsilon = 0}); }) ==
        "BatchNormalization: expected a finite epsilon above 0, got 0");
  CHECK(error_of([] { ZeroPadding2D({.padding = Padding::same}); }) ==
        "ZeroPadding2D: expected a padding of 0 to 2^30 elements at each border, got same");
  CHECK(error_of([] {
          ZeroPadding2D({.padding = {1, -1, 0, 0}});
        }) == "ZeroPadding2D: expected a padding of 0 to 2^30 elements at each border, got (1, -1, 0, 0)");
  CHECK(error_of([] { Input({0, 3}); }) == "Input: expected a sample shape without zeros, got (0, 3)");
  CHECK(l2(0).l2 == 0);
  for (const double factor : {-1e-300, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    CHECK(error_of([&] { l2(factor); }) == fmt::format("l2: expected a finite factor of at least 0, got {}", factor));
  }
  CHECK(error_of([] {
          Conv2D({.filters = 1, .kernel_size = 0})(Input({4, 4, 1}));
        }) == "Conv2D: expected a window size from 1 to 2^30, got (0, 0)");
  CHECK(error_of([] {
          Conv2D({.filters = 1, .strides = 0})(Input({4, 4, 1}));
        }) == "Conv2D: expected strides from 1 to 2^30, got (0, 0)");
  CHECK(error_of([] {
          MaxPooling2D({.strides = Extent2D(1, -1)})(Input({4, 4, 1}));
        }) == "MaxPooling2D: expected strides from 1 to 2^30, got (1, -1)");
}

TEST_CASE("a layer reads the stored values of its state only, because weights read so would get no gradient") {
  class Reader final : public Layer {
   public:
    explicit Reader(std::string which) : Layer("reader"), which_(std::move(which)) {}
    std::string type() const override { return "Reader"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
    std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
      return {{"scale", {}, ones()}, {"offset", {}, ones(), false}};
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override {
      return {inputs[0] + state(which_).value()};
    }

   private:
    std::string which_;
  };
  const auto result = [](const std::string& which) {
    const auto input = Input({1});
    const Model model(input, std::make_shared<Reader>(which)->connect_one({input}));
    ForwardPass pass(Mode::inference);
    return model(Tensor::ones({1, 1}), pass).value().item();
  };
  CHECK(result("offset") == 2);
  CHECK(error_of([&] { result("scale"); }) ==
        "Reader reader: expected state, a parameter with trainable = false in parameter_specs(), got scale, whose "
        "stored value would get no gradient; use parameter(pass, \"scale\")");
  CHECK(error_of([&] { result("shift"); }) ==
        "Reader reader: expected the name of one of its parameters, got shift; parameter_specs() lists them");
}

TEST_CASE("a layer with parameters accepts only values of their shapes") {
  const auto input = Input({3});
  Dense dense({.units = 2, .name = "d"});
  dense(input);
  dense->give_values([](const std::string&, const ParameterSpec& spec) { return Tensor::full(spec.shape, 3); });
  CHECK(dense->named_parameters()[1].second.value().to_vector() == std::vector<double>{3, 3});
  CHECK(error_of([&] {
          dense->give_values([](const std::string&, const ParameterSpec&) { return Tensor::zeros({4}); });
        }) == "Dense d: expected a kernel of shape (3, 2), got (4,)");
}

TEST_CASE("an activation has the name of its function, and custom ones have no name of a built-in function") {
  CHECK(ActivationFunction(tanh).name() == "tanh");
  CHECK(ActivationFunction([](const Variable& x) { return x; }).name() == "custom");
  CHECK(ActivationFunction(+[](const Variable& x) { return x; }).name() == "custom");
}

TEST_CASE("an initializer makes a float32 tensor of the parameter's shape") {
  const auto error_with = [](Tensor made) {
    const Initializer mine{"mine", [=](const Shape&, RandomStream&) { return made; }};
    const auto x = Input({3});
    const auto y = Dense({.units = 2, .kernel_initializer = mine, .name = "d"})(x);
    return error_of([&] { Model(x, y); });
  };
  CHECK(error_with(Tensor::ones({3, 2}, DType::float64)) ==
        "Dense d: expected its initializer mine to make (3, 2) float32, got (3, 2) float64");
  CHECK(error_with(Tensor::ones({2, 3})) ==
        "Dense d: expected its initializer mine to make (3, 2) float32, got (2, 3) float32");
}

TEST_CASE("a layer called twice keeps its parameters and rejects inputs that do not match them") {
  const Dense dense({.units = 2, .name = "shared"});
  dense(Input({3}));
  dense(Input({3}));
  CHECK(dense->named_parameters().size() == 2);
  CHECK(error_of([&] { dense(Input({4})); }) ==
        "Dense shared: expected inputs that fit the kernel (3, 2) of its first call, got (None, 4)");
}

TEST_CASE("a layer with a parameter for each input rejects another number of inputs and duplicate names") {
  class PerInput final : public Layer {
   public:
    explicit PerInput(bool same_names) : Layer("p"), same_names_(same_names) {}
    std::string type() const override { return "PerInput"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
    std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
      std::vector<ParameterSpec> specs;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        specs.push_back({same_names_ ? "k" : fmt::format("k{}", i), {1}, ones()});
      }
      return specs;
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return {inputs[0]}; }

   private:
    bool same_names_;
  };
  const auto x = Input({3});
  const auto layer = std::make_shared<PerInput>(false);
  layer->connect({x, x});
  CHECK(error_of([&] {
          layer->connect({x, x, x});
        }) ==
        "PerInput p: expected inputs that need the 2 parameters of its first call, not 3, got (None, 3) and (None, 3) "
        "and (None, 3)");
  CHECK(error_of([&] { layer->connect({x}); }) ==
        "PerInput p: expected inputs that need the 2 parameters of its first call, not 1, got (None, 3)");
  const auto twice = std::make_shared<PerInput>(true);
  CHECK(error_of([&] {
          twice->connect({x, x});
        }) == "PerInput p: expected parameters with different names, got two named k");
}

TEST_CASE("a graph of a million calls can be destroyed, with and without branches") {
  const Activation keep(linear);
  const auto input = Input({1});
  auto chain = keep(input);
  for (int i = 0; i < 1000000; ++i) chain = keep(chain);
  CHECK(chain.shape() == Shape{1});
  const Add both;
  auto ladder = keep(input);
  for (int i = 0; i < 200000; ++i) ladder = both({ladder, ladder});
  const auto rung = ladder;  // still valid when the rest of the graph is destroyed
  ladder = input;
  CHECK(rung.call().inputs.size() == 2);
  CHECK(rung.call().inputs[0] == rung.call().inputs[1]);
}

TEST_CASE("activations are made from named functions, functions with default arguments and lambdas") {
  const auto x = Input({4});
  CHECK(Activation(elu)->function().name() == "elu");
  CHECK(Activation(leaky_relu)->function().name() == "leaky_relu");
  CHECK(Dense({.units = 2, .activation = softmax})->output_activation() == "softmax");
  const Activation doubled([](const Variable& v) { return v * 2.0; });
  CHECK(doubled->function().name() == "custom");
  CHECK(doubled(x).shape() == x.shape());
  CHECK(error_of([] { ActivationFunction("none", nullptr); }) ==
        "ActivationFunction none: expected a function, got an empty one");
}

TEST_CASE("the activation is applied after the bias, or after the product without a bias") {
  const Tensor x = RandomStream(2).normal({5, 1, 1, 3}), rows = x.reshaped({5, 3});
  for (const bool biased : {false, true}) {
    for (const ActivationFunction& activation : {ActivationFunction(relu), ActivationFunction(tanh)}) {
      const auto dense = Dense({.units = 4, .activation = activation, .use_bias = biased}).definition();
      const auto conv = Conv2D({.filters = 4, .activation = activation, .use_bias = biased}).definition();
      for (const auto& layer : {std::shared_ptr<Layer>(dense), std::shared_ptr<Layer>(conv)}) {
        const Tensor& input = layer == dense ? rows : x;
        layer->connect({Input(input.shape().without(0))});
        initialize(*layer, 3);
        const auto parameters = layer->named_parameters();
        REQUIRE(parameters.size() == (biased ? 2 : 1));
        Variable y = matmul(rows, parameters[0].second.value().reshaped({3, 4}));
        if (biased) {
          parameters[1].second.set_value(Tensor::of({4}, {-1, -0.5, 0.5, 1}));
          y = y + parameters[1].second.value();
        }
        ForwardPass pass(Mode::training);
        const Tensor got = layer->call({input}, pass)[0].value().reshaped({5, 4});
        CHECK(test::largest_difference(got, activation(y).value()) < 1e-6);
      }
    }
  }
}

TEST_CASE("means and norms in layers and losses are correct if their sums overflow") {
  const auto output = [](const auto& layer, const std::vector<Tensor>& inputs) {
    ForwardPass pass(Mode::inference);
    const std::vector<Variable> variables(inputs.begin(), inputs.end());
    std::vector<TensorSpec> specs;
    for (const Tensor& input : inputs) specs.push_back({input.shape().without(0)});
    layer.build(specs);
    return layer(variables, pass).value();
  };
  const auto agrees = [](const Tensor& y, const std::vector<double>& wanted) {
    const std::vector<double> values = y.to_vector();
    REQUIRE(values.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(values[i] == Approx(wanted[i]));
  };
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double size = dtype == DType::float32 ? 1e38 : 5e307;  // the largest numbers are 3.4e38 and 1.8e308
    const Tensor x = Tensor::of({1, 2}, {3 * size, -3 * size}, dtype), row = Tensor::of({1, 1}, {3 * size}, dtype);
    agrees(output(Average(), {x, x}), {3 * size, -3 * size});
    agrees(output(Average(), {x, row, x}), {3 * size, -size});
    agrees(output(Dot({.axes = {1, 1}, .normalize = true}), {x, x}), {1});
    agrees(output(UnitNormalization(), {x}), {std::sqrt(0.5), -std::sqrt(0.5)});
    agrees(cosine_similarity(x, x).value(), {-1});
    agrees(penalty(orthogonal_regularizer(1), Tensor::of({2, 2}, {size, 0, size, size}, dtype)).value(),
           {std::sqrt(0.5)});
  }
}

TEST_CASE("Dot adds up the products along one axis of samples with any number of axes") {
  // a (n, 3, k, 2) along axis 2, b (n, 4, 2, k) along axis 3: y[n, p, q, r, s] = sum over k of a[n, p, k, q] b[n, r, s,
  // k]
  const auto a = Input({3, 5, 2}), b = Input({4, 2, 5});
  const Model model(std::vector{a, b}, Dot({.axes = {2, -1}})({a, b}));
  CHECK(model.output_shape() == Shape{3, 2, 4, 2});
  RandomStream random(4);
  const Tensor x = random.normal({2, 3, 5, 2}, 0, 1, DType::float64),
               z = random.normal({2, 4, 2, 5}, 0, 1, DType::float64);
  ForwardPass pass(Mode::inference);
  const Tensor y = model.call({x, z}, pass)[0].value();
  REQUIRE(y.shape() == Shape{2, 3, 2, 4, 2});
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t n = i / 48, p = i / 16 % 3, q = i / 8 % 2, r = i / 2 % 4, s = i % 2;
    double wanted = 0;
    for (std::int64_t k = 0; k < 5; ++k) wanted += x.at({n, p, k, q}) * z.at({n, r, s, k});
    CHECK(y.at({n, p, q, r, s}) == Approx(wanted));
  }
  CHECK(Dot({.axes = {1, 2}})({Input({3}), Input({any, 3, 2})}).shape() == PartialShape{any, 2});
}

TEST_CASE("batch normalization updates its averages in training and uses them in inference") {
  const BatchNormalization layer({.momentum = 0.75, .epsilon = 1e-9});
  layer(Input({1}));
  initialize(*layer.definition(), 0);
  const Tensor x = Tensor::of({4, 1}, {1, 2, 3, 6});  // mean 3, squared deviations 4 + 1 + 0 + 9 = 14
  {
    ForwardPass pass(Mode::training);
    const Tensor y = layer->call({x}, pass)[0].value();
    CHECK(y.at({0, 0}) == Approx(-2 / std::sqrt(14.0 / 4)));
    pass.commit();
  }
  const auto parameters = layer->named_parameters();
  CHECK(parameters[2].second.value().item() == Approx(0.25 * 3));
  CHECK(parameters[3].second.value().item() == Approx(0.75 + 0.25 * 14.0 / 3));  // unbiased
  ForwardPass pass(Mode::inference);
  CHECK(layer->call({x}, pass)[0].value().at({1, 0}) == Approx((2 - 0.75) / std::sqrt(0.75 + 0.25 * 14.0 / 3)));
}

TEST_CASE("the moving variance is unbiased for batches of every size, with bias correction too") {
  for (const bool corrected : {false, true}) {
    for (const std::int64_t n : {2, 3, 600}) {
      const BatchNormalization layer({.momentum = 0, .bias_correction = corrected});
      layer(Input({1}));
      initialize(*layer.definition(), 0);
      const Tensor x = RandomStream(3).normal({n, 1}, 5, 2);
      double mean = 0, squares = 0;
      for (const double v : x.to_vector()) mean += v / static_cast<double>(n);
      for (const double v : x.to_vector()) squares += (v - mean) * (v - mean);
      ForwardPass pass(Mode::training);
      layer->call({x}, pass);
      pass.commit();
      CHECK(layer->named_parameters()[2].second.value().item() == Approx(mean).epsilon(1e-5));
      CHECK(layer->named_parameters()[3].second.value().item() ==
            Approx(squares / static_cast<double>(n - 1)).epsilon(1e-4));
    }
  }
}

TEST_CASE("bias correction removes the start values from the moving averages") {
  const BatchNormalization layer({.momentum = 0.99, .epsilon = 1e-9, .bias_correction = true});
  layer(Input({1}));
  initialize(*layer.definition(), 0);
  const Tensor x = Tensor::of({4, 1}, {11, 12, 13, 16});
  for (int step = 0; step < 30; ++step) {
    {
      ForwardPass pass(Mode::training);
      layer->call({x}, pass);
      pass.commit();
    }
    ForwardPass pass(Mode::inference);  // all batches are equal, so the averages are those of the batch
    const Tensor y = layer->call({x}, pass)[0].value();
    CHECK(y.at({0, 0}) == Approx(-2 / std::sqrt(14.0 / 3)).epsilon(5e-4));
    CHECK(y.at({3, 0}) == Approx(3 / std::sqrt(14.0 / 3)).epsilon(5e-4));
  }
}

TEST_CASE("dropout preserves the mean in training and is the identity in inference") {
  const Dropout layer({.rate = 0.25});
  const Tensor x = Tensor::ones({100000});
  ForwardPass training(Mode::training, {.seed = 1, .step = 0});
  const auto values = layer->call({x}, training)[0].value().to_vector();
  double sum = 0;
  bool all_dropped_or_scaled = true;
  for (const double v : values) {
    all_dropped_or_scaled = all_dropped_or_scaled && (v == 0 || std::abs(v - 1 / 0.75) < 1e-6);
    sum += v;
  }
  CHECK(all_dropped_or_scaled);
  CHECK(sum / 100000 == Approx(1).margin(0.01));
  ForwardPass inference(Mode::inference);
  CHECK(identical(layer->call({x}, inference)[0].value(), x));
}
