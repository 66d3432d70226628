// Properties of graphs that hold for every output of a layer, every level of nesting and every fused step.
#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/fusion.hpp"
#include "models/graph/plot.hpp"
#include "models/graph/segments.hpp"
#include "models/graph/sequential.hpp"
#include "tests/models/graph_layers.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

/// A layer that is another layer under the name "core", or under a given name.
class WrapperLayer final : public Layer {
 public:
  WrapperLayer(std::shared_ptr<Layer> core, std::string name, std::string inner = "core")
      : Layer(std::move(name)), core_(std::move(core)), inner_(std::move(inner)) {}
  std::string type() const override { return "Wrapper"; }
  std::vector<Sublayer> sublayers() const override { return {{inner_, core_}}; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return core_->build(inputs);
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    return core_->run(inputs, pass);
  }

 private:
  std::shared_ptr<Layer> core_;
  std::string inner_;
};

TEST_CASE("a model used as a layer infers the extents of each of its outputs") {
  const auto input = Input({any, 6});
  const std::vector<SymbolicTensor> parts = test::Split({.first = 2, .name = "split"}).call({input});
  const Model model({input}, {parts[1], parts[0], Activation(tanh)(parts[1])}, {.name = "parts"});
  for (const std::int64_t rows : {1, 7}) {
    const std::vector<SymbolicTensor> outputs = model.call({Input({rows, 6})});
    REQUIRE(outputs.size() == 3);
    CHECK(outputs[0].shape() == Shape{rows, 4});
    CHECK(outputs[1].shape() == Shape{rows, 2});
    CHECK(outputs[2].shape() == Shape{rows, 4});
  }
}

TEST_CASE("a model used as a layer takes values of the types of its inputs only") {
  const std::vector<DType> types{DType::float32, DType::int64, DType::uint8};
  for (const DType own : types) {
    const auto first = Input({3}), second = Input({.shape = {3}, .dtype = own});
    const Model model({first, second}, {Flatten()(first), Flatten()(second)}, {.name = "inner"});
    for (const DType given : types) {
      const auto call = [&] { return model.call({Input({3}), Input({.shape = {3}, .dtype = given})}); };
      INFO(to_string(own) << " " << to_string(given));
      if (given == own) {
        CHECK(call()[1].spec().dtype == own);
      } else {
        CHECK_THAT(error_of(call), Catch::StartsWith("Model inner: expected 2 inputs in this order: "));
      }
    }
  }
}

TEST_CASE("an input of another type is named if there are several") {
  const auto left = Input({.shape = {2}, .dtype = DType::int64, .name = "left"}), right = Input({2}, {.name = "right"});
  const Model model({left, right}, {Flatten()(left), Flatten()(right)}, {.name = "two"});
  ForwardPass pass(Mode::inference);
  const Tensor numbers = Tensor::ones({1, 2}), tokens = Tensor::zeros({1, 2}, DType::int64);
  CHECK(error_of([&] {
          model.call({numbers, numbers}, pass);
        }) ==
        "Model two: expected an input int64 (None, 2) for left, got float32 (1, 2); convert it with "
        ".to(DType::int64), in a Dataset too, which takes uint8 for images");
  CHECK(error_of([&] {
          model.call({tokens, tokens}, pass);
        }) ==
        "Model two: expected floating inputs, got int64 for right; predict() and DataLoader scale uint8 images to "
        "[0, 1]");
}

TEST_CASE("a model of layers that keep an activation keeps it") {
  const auto inside = Input({4}), around = Input({4}), deep = Input({4});
  const Model kept(inside, Dropout({.rate = 0.5})(Reshape({.target_shape = {{2, 2}}})(inside)));
  const Model nested(deep, kept(deep)), lost(around, Dense({.units = 4})(kept(around)));
  const auto input = Input({3});
  for (const auto& [activation, name] :
       {std::pair<ActivationFunction, std::string>(softmax, "softmax"), {sigmoid, "sigmoid"}}) {
    const auto y = Dense({.units = 4, .activation = activation})(input);
    CHECK(Model(input, kept(y)).output_activation() == name);
    CHECK(Model(input, nested(y)).output_activation() == name);
    CHECK(Model(input, Flatten()(kept(y))).output_activation() == name);
    CHECK(Model(input, lost(y)).output_activation() != name);
  }
}

TEST_CASE("a layer of several inputs keeps an activation that all of them have") {
  const auto input = Input({3});
  const auto dense = [&](const ActivationFunction& f) { return Dense({.units = 2, .activation = f})(input); };
  for (const auto& [last, name] : {std::pair<ActivationFunction, std::string>(sigmoid, "sigmoid"), {softmax, ""}}) {
    const std::vector<SymbolicTensor> values{dense(sigmoid), dense(sigmoid), dense(last)};
    CHECK(Model(input, Concatenate()(values)).output_activation() == name);
    CHECK(Model(input, Concatenate()({values[2], values[1], values[0]})).output_activation() == name);
  }
}

TEST_CASE("a model whose first graph was rejected has the inputs and layers of the second alone") {
  bool good = false;
  const Model model([&](const std::vector<SymbolicTensor>& inputs) {
    const auto x = Dense({.units = 2, .name = "a"})(inputs[0]);
    return std::vector{Dense({.units = 2, .name = good ? "b" : "a"})(x)};
  });
  const auto input = Input({3});
  CHECK_THAT(error_of([&] { model(input); }), Catch::Contains("expected layers with different names"));
  good = true;
  CHECK(model(input).shape() == Shape{2});
  CHECK(model.inputs().size() == 1);
  CHECK(model.output_nodes().size() == 1);
  CHECK(model.nodes().size() == 3);
}

TEST_CASE("a model without an Input gets the types of what it is called on") {
  for (const DType type : {DType::float32, DType::int64, DType::uint8}) {
    const Sequential model({Flatten()});
    const auto output = model(Input({.shape = {2, 3}, .dtype = type}));
    CHECK(output.spec().dtype == type);
    CHECK(model.inputs().at(0).spec().dtype == type);
  }
}

TEST_CASE("a name that no file can keep is an error at every depth inside a layer") {
  std::shared_ptr<Layer> layer = std::make_shared<FlattenLayer>(FlattenLayer::Options{});
  layer = std::make_shared<WrapperLayer>(layer, "", "bad\n");
  for (int depth = 1; depth <= 3; ++depth) {
    const auto input = Input({3});
    CHECK_THAT(error_of([&] { Model(input, layer->connect_one({input})); }),
               Catch::StartsWith("Model: expected names that files can keep: ") && Catch::Contains("in \"bad?\""));
    layer = std::make_shared<WrapperLayer>(layer, "");
  }
}

TEST_CASE("a value may be both terms of the sum that follows its layer") {
  const std::vector<std::function<SymbolicTensor(const SymbolicTensor&)>> layers{
      [](const SymbolicTensor& x) { return Conv2D({.filters = 3, .name = "map"})(x); },
      [](const SymbolicTensor& x) { return DepthwiseConv2D({.kernel_size = 2, .name = "map"})(x); },
      [](const SymbolicTensor& x) { return Dense({.units = 2, .name = "map"})(x); },
      [](const SymbolicTensor& x) { return BatchNormalization({.name = "map"})(x); }};
  const Tensor x = RandomStream(2).normal({2, 4, 3, 2}, 0, 1, DType::float64);
  for (const auto& layer : layers) {
    const auto input = Input({4, 3, 2});
    const auto y = layer(input);
    Model twice(input, Activation(relu)(Add()({y, y}))), once(input, y);
    twice.convert(DType::float64);
    for (const Mode mode : {Mode::inference, Mode::training}) {
      ForwardPass pass(mode), other(mode);
      const std::vector<double> sums = twice(x, pass).value().to_vector(), terms = once(x, other).value().to_vector();
      REQUIRE(sums.size() == terms.size());
      for (std::size_t i = 0; i < sums.size(); ++i) CHECK(sums[i] == Approx(2 * std::max(terms[i], 0.0)).margin(1e-12));
    }
  }
}

/// Stores the parts of the names of layers, which fused layers share: "conv + norm".
struct NameParts final : Observer {
  std::set<std::string> parts;
  void layer_begins(std::string_view layer) override {
    std::string_view left = layer;
    for (std::size_t end = left.find(" + "); end != left.npos; end = left.find(" + ")) {
      parts.emplace(left.substr(0, end));
      left.remove_prefix(end + 3);
    }
    parts.emplace(left);
  }
};

TEST_CASE("observers get the name of every layer, of fused ones together") {
  const auto input = Input({8, 8, 2}, {.name = "image"});
  auto x =
      Activation(relu, {.name = "a"})(BatchNormalization({.name = "b"})(Conv2D({.filters = 4, .name = "c"})(input)));
  x = MaxPooling2D({.name = "d"})(Activation(relu, {.name = "e"})(Conv2D({.filters = 4, .name = "f"})(x)));
  const auto y = ReLU({.max_value = 6, .name = "g"})(
      BatchNormalization({.name = "h"})(DepthwiseConv2D({.kernel_size = 3, .padding = Padding::same, .name = "i"})(x)));
  x = Add({.name = "j"})({x, BatchNormalization({.name = "k"})(Conv2D({.filters = 4, .name = "l"})(y))});
  x = Activation(relu, {.name = "m"})(Add({.name = "n"})({x, y}));
  const Model model(input, Activation(tanh, {.name = "o"})(Dense({.units = 2, .name = "p"})(x)));
  std::set<std::string> names;
  for (char name = 'a'; name <= 'p'; ++name) names.emplace(1, name);
  for (const Mode mode : {Mode::training, Mode::inference}) {
    NameParts found;
    ForwardPass pass(mode, {.observers = {&found}});
    model(RandomStream(1).normal({2, 8, 8, 2}), pass);
    CHECK(found.parts == names);
  }
}

TEST_CASE("a chain of layers with several outputs is divided by the sizes of all outputs") {
  // Blocks of the same width that split it at different places and join it again: 2 * width elements each.
  constexpr std::int64_t width = 12;
  const std::vector<std::int64_t> places{1, 1, 1, 1, 11, 11, 11, 1, 1};
  const auto input = Input({width});
  auto x = SymbolicTensor(input);
  for (const std::int64_t place : places) x = Concatenate()(test::Split({.first = place}).call({x}));
  const Model model(input, x);
  const std::vector<FusedStep> steps = plan_steps(model.nodes(), model.output_nodes());
  REQUIRE(steps.size() == 1 + 2 * places.size());
  std::vector<std::size_t> last_use;
  for (std::size_t i = 0; i < steps.size(); ++i) last_use.push_back(i + 1);
  const auto memory = [](const std::vector<std::size_t>& ends) {  // in values of `width` elements
    std::size_t most = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      most = std::max(most, i == 0 ? 1 + 2 * ends[0] : i + 2 * (ends[i] - ends[i - 1]));  // 1: the input of the model
    }
    return most;
  };
  std::size_t least = 2 * places.size() + 1;
  for (unsigned cuts = 0; cuts < 1U << (places.size() - 1); ++cuts) {
    std::vector<std::size_t> ends;
    for (std::size_t i = 1; i <= places.size(); ++i) {
      if (i == places.size() || (cuts >> (i - 1) & 1U) != 0) ends.push_back(i);
    }
    least = std::min(least, memory(ends));
  }
  std::vector<std::size_t> ends;
  for (const Segment& segment : plan_segments(steps, model.nodes(), last_use)) ends.push_back((segment.end - 1) / 2);
  CHECK(ends.back() == places.size());
  CHECK(memory(ends) == least);
}

/// tanh, which stores the largest memory in use at its calls.
class MemoryWatchLayer final : public Layer {
 public:
  explicit MemoryWatchLayer(std::size_t& most) : Layer(""), most_(most) {}
  std::string type() const override { return "MemoryWatch"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override {
    most_ = std::max(most_, kernels::pool_usage().in_use);
    return {tanh(inputs[0])};
  }

 private:
  std::size_t& most_;
};

TEST_CASE("a recomputed pass without derivatives holds only values that are still needed") {
  constexpr std::int64_t width = 1 << 14;
  std::size_t most = 0;
  const auto input = Input({width});
  auto x = SymbolicTensor(input);
  for (int i = 0; i < 100; ++i) x = std::make_shared<MemoryWatchLayer>(most)->connect_one({x});
  const Model model(input, x);
  const Tensor data = Tensor::ones({1, width});
  const auto used = [&](bool recompute) {
    most = 0;
    const std::size_t before = kernels::pool_usage().in_use;
    ForwardPass pass(Mode::training, {.recompute = recompute});
    model(data, pass);
    return (most - before) / (sizeof(float) * static_cast<std::size_t>(width));
  };
  CHECK(used(true) <= used(false) + 3);  // of about 14 blocks
}

TEST_CASE("arrows leave a nested model from the layer that computes the value") {
  const auto inside = Input({2});
  const auto first = Activation(relu, {.name = "first"})(inside), second = Activation(tanh, {.name = "second"})(inside);
  const Model inner({inside}, {first, second, inside}, {.name = "inner"});
  const auto between = Input({2});
  const Model middle({between}, inner.call({between}), {.name = "middle"});
  const std::vector<NodeOutput>& ends = inner.output_nodes();
  REQUIRE(ends.size() == 3);
  for (std::size_t output = 0; output < ends.size(); ++output) {
    const auto input = Input({2});
    const auto value = [&](const Model& model) { return Flatten()(model.call({input})[output]); };
    INFO(output);
    CHECK_THAT(dot_text(Model(input, value(inner))),
               Catch::Contains(fmt::format("\"n1_{}\" -> \"n2\";", ends[output].node)));
    CHECK_THAT(dot_text(Model(input, value(middle))),
               Catch::Contains(fmt::format("\"n1_1_{}\" -> \"n2\";", ends[output].node)));
  }
}

TEST_CASE("a label has the whole path of each layer inside a layer") {
  std::shared_ptr<Layer> layer = std::make_shared<DenseLayer>(DenseLayer::Options{.units = 2});
  std::string path, text;
  for (int depth = 1; depth <= 4; ++depth) {
    layer = std::make_shared<WrapperLayer>(layer, depth == 4 ? "outer" : "");
    path += path.empty() ? "core" : "/core";
    text +=
        fmt::format("<tr><td><font point-size=\"10\">{}  {}</font></td></tr>", depth == 4 ? "Dense" : "Wrapper", path);
  }
  const auto input = Input({3});
  const Model model(input, layer->connect_one({input}));
  CHECK_THAT(dot_text(model), Catch::Contains(text + "</table>"));
  CHECK(error_of([&] { model.layer("outer/core/core/other"); }) ==
        "Model: expected the name of one of its layers, got \"outer/core/core/other\"; there are outer/core/core/core");
}

TEST_CASE("multiply-adds of which none is known are not counted as 0") {
  const auto input = Input({any, any, 3});
  const auto y = Conv2D({.filters = 2})(input);
  CHECK_THAT(Model(input, y).summary(),
             Catch::Contains("Multiply-adds: none counted, and an unknown number in 1 call of layers that are custom "
                             "or of unknown extents\n"));
  CHECK_THAT(Model(input, Dense({.units = 2})(GlobalAveragePooling2D()(y))).summary(),
             Catch::Contains("Multiply-adds: 4 per sample, and an unknown number in 1 call of layers that are custom "
                             "or of unknown extents\n"));
  const auto row = Input({3});
  CHECK_THAT(Model(row, Flatten()(row)).summary(), Catch::Contains("Multiply-adds: 0 per sample\n"));
}

}  // namespace
}  // namespace xtape
