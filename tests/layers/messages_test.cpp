// The whole messages about options, inputs and stored options of layers that do not fit.
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/layers/config_errors.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;

}  // namespace

TEST_CASE("layers say which inputs they need") {
  const auto scalar = Input(PartialShape()), row = Input({4}), image = Input({4, 6, 3}), open = Input({any, any, 3});
  const auto numbers = Input({.shape = {4}, .dtype = DType::int64});
  ForwardPass pass(Mode::inference), training(Mode::training, {.step = 0});
  const Cropping2D cropping({.cropping = {1, 2, 3, 1}});
  cropping(open);
  const Dropout dropout({.rate = 0.5, .noise_shape = PartialShape{any, 1, 3}});
  dropout(Input({any, 3}));
  check_messages({
      {"Dense: expected samples with at least one axis, got (None)", [&] { Dense({.units = 2})(scalar); }},
      {"BatchNormalization: expected samples with at least one axis, got (None)",
       [&] { BatchNormalization()(scalar); }},
      {"Normalization: expected samples with at least one axis, got (None)", [&] { Normalization()(scalar); }},
      {"LayerNormalization: expected different axes in [1, 2), not 2, got (None, 4)",
       [&] { LayerNormalization({.axis = {2}})(row); }},
      {"GroupNormalization: expected different axes in [1, 2), not 2, got (None, 4)",
       [&] { GroupNormalization({.groups = 1, .axis = 2})(row); }},
      {"GroupNormalization: expected channels that 3 groups divide, got (None, 4)",
       [&] { GroupNormalization({.groups = 3})(row); }},
      {"RMSNormalization: expected different axes in [1, 4), not 1, -3, got (None, 4, 6, 3)",
       [&] {
         RMSNormalization({.axis = {1, -3}})(image);
       }},
      {"UnitNormalization: expected different axes in [1, 2), not 0, got (None, 4)",
       [&] { UnitNormalization({.axis = {0}})(row); }},
      {"Dot: expected two inputs, got (None, 4)",
       [&] {
         Dot({.axes = {1, 1}})({row});
       }},
      {"Dot: expected floating inputs, got (None, 4) and int64 (None, 4)",
       [&] {
         Dot({.axes = {1, 1}})({row, numbers});
       }},
      {"Concatenate: expected two or more inputs, got (None, 4)", [&] { Concatenate()({row}); }},
      {"Concatenate: expected floating inputs, got int64 (None, 4) and int64 (None, 4)",
       [&] {
         Concatenate()({numbers, numbers});
       }},
      {"InputLayer: expected no input, got (None, 4)",
       [&] { std::make_shared<InputLayer>(InputLayer::Options{.shape = {4}})->connect_one({row}); }},
      {"Dropout: expected an input whose extents are those of noise_shape (None, 1, 2), where these are not 1, got "
       "(None, 4)",
       [&] {
         Dropout({.rate = 0.5, .noise_shape = PartialShape{any, 1, 2}})(row);
       }},
      {"Dropout: expected an input with the extents of noise_shape (None, 1, 3), got (2, 5, 4)",
       [&] {
         dropout(Tensor::ones({2, 5, 4}), training);
       }},
      {"Cropping2D: expected extents larger than 3 x 4, got (None, 3, 6, 3)",
       [&] {
         cropping(Input({3, 6, 3}));
       }},
      {"Cropping2D: expected extents larger than 3 x 4, got (1, 5, 4, 3)",
       [&] {
         cropping(Tensor::ones({1, 5, 4, 3}), pass);
       }},
      {"Permute: expected samples whose axes are 1 to 2, as in dims (2, 1), got (None, 4, 6, 3)",
       [&] {
         Permute({.dims = {2, 1}})(image);
       }},
      {"Reshape: expected a target shape of positive extents with at most one -1, not (-1, -1), got (None, 4)",
       [&] {
         Reshape({.target_shape = {-1, -1}})(row);
       }},
      {"Reshape: expected a target shape of positive extents with at most one -1, not (0, 4), got (None, 4)",
       [&] {
         Reshape({.target_shape = {0, 4}})(row);
       }},
      {"DepthToSpace: expected channels that 4 divides, got (None, 4, 6, 3)",
       [&] { DepthToSpace({.block_size = 2})(image); }},
      {"Concatenate long: expected fewer than 2^62 elements along axis 1, got 4611686018427387904",
       [&] {
         const std::int64_t half = std::int64_t{1} << 61;
         Concatenate({.axis = 1, .name = "long"})({Input({half}), Input({half})});
       }},
      {"Dot: expected one axis for each of two inputs, got 3",
       [] {
         Dot({.axes = {1, 2, 3}});
       }},
      {"Conv2DTranspose: expected output_padding of 0 or more and less than the strides (2, 2), got (1, 2)",
       [] {
         Conv2DTranspose({.filters = 1, .kernel_size = 3, .strides = 2, .output_padding = Extent2D{1, 2}});
       }},
      {"Activation: expected halved to keep the shape (1, 4), got (1, 2)",
       [&] {
         const ActivationFunction halved("halved", [](const Variable& x) { return x[{all(), {0, 2}}]; });
         const Activation activation(halved);
         activation(row);
         activation(Tensor::ones({1, 4}), pass);
       }},
  });
}

TEST_CASE("layers say what their parameters and sublayers lack") {
  class Parts final : public Layer {
   public:
    explicit Parts(std::vector<Sublayer> parts, ParameterSpec own = {"own", {}, ones()})
        : Layer("parts"), parts_(std::move(parts)), own_(std::move(own)) {}
    std::string type() const override { return "Parts"; }
    std::vector<Sublayer> sublayers() const override { return parts_; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
      return own_.name.empty() ? std::vector<TensorSpec>{} : inputs;
    }
    std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override { return {own_}; }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return inputs; }

   private:
    std::vector<Sublayer> parts_;
    ParameterSpec own_;
  };
  const auto input = Input({3});
  const auto build = [&](std::vector<Sublayer> parts, ParameterSpec own = {"own", {}, ones()}) {
    return error_of([&] { std::make_shared<Parts>(std::move(parts), std::move(own))->connect_one({input}); });
  };
  const auto dense = [] { return std::make_shared<DenseLayer>(DenseLayer::Options{.units = 2}); };
  const auto same = dense();
  CHECK(build({{"a", nullptr}}) == "Parts parts: expected sublayers, got a null pointer for \"a\"");
  class Loop final : public Layer {
   public:
    explicit Loop(std::string name) : Layer(std::move(name)) {}
    std::string type() const override { return "Loop"; }
    std::vector<Sublayer> sublayers() const override {
      return {{"next", next == nullptr ? std::const_pointer_cast<Layer>(shared_from_this()) : next}};
    }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return inputs; }
    std::shared_ptr<Layer> next;  // null: the layer itself
  };
  std::vector<std::function<void(Layer&)>> actions{
      [](Layer& layer) { layer.rename(layer.name()); }, [](Layer& layer) { (void)layer.named_parameters(); },
      [](Layer& layer) { layer.give_values([](auto&&, const auto& spec) { return Tensor::zeros(spec.shape); }); }};
  const auto around = std::make_shared<Loop>("around");
  around->next = std::make_shared<Loop>("loop");
  for (const auto& action : actions) {
    CHECK(error_of([&] { action(*around); }) == "Loop loop: expected sublayers, got the layer itself as \"next\"");
  }
  actions.emplace_back([&](Layer& layer) { layer.connect_one({input}); });
  actions.emplace_back([](Layer& layer) { layer.set_trainable(false); });
  for (const auto& action : actions) {
    CHECK(error_of([&] { action(*std::make_shared<Loop>("loop")); }) ==
          "Loop loop: expected sublayers, got the layer itself as \"next\"");
    const auto first = std::make_shared<Loop>("first");
    const auto second = std::make_shared<Loop>("second");
    first->next = second;
    second->next = first;
    CHECK(error_of([&] { action(*first); }) ==
          "Loop first: expected sublayers, got the layer itself as \"next\" inside Loop second");
    first->next = nullptr;
  }
  for (const char* name : {"", "a/b"}) {
    CHECK(build({{name, dense()}}) ==
          fmt::format("Parts parts: expected different names without \"/\" for its sublayers, got \"{}\" for Dense",
                      name));
  }
  CHECK(build({{"a", same}, {"b", same}}) == "Parts parts: expected each of its sublayers once, got a twice");
  CHECK(build({{"a", dense()}}) ==
        "Parts parts: expected output_specs() to build all sublayers, got Dense \"a\" without build()");
  CHECK(build({}, {"", {}, ones()}) == "Parts parts: expected output_specs() to give at least one output, got none");
  const auto without_function =
      std::make_shared<Parts>(std::vector<Sublayer>{}, ParameterSpec{"w", {2}, {.name = "mine", .make = {}}});
  CHECK(error_of([&] { Model(input, without_function->connect_one({input})); }) ==
        "Parts parts: expected its initializer mine to have a function, got an empty one");
  const auto kernel = [&](const Regularizer& regularizer) {
    return error_of([&] { Dense({.units = 2, .bias_regularizer = regularizer})(input); });
  };
  CHECK(kernel({.l1 = -1}) == "Dense: bias: expected a finite regularizer of at least 0, got -1");
  CHECK(kernel({.orthogonal = 1}) ==
        "Dense: bias: expected a matrix for the orthogonal regularizer, got a parameter of shape (2,)");
}

TEST_CASE("an operator names the options that do not fit its function") {
  const auto row = Input({4}), rows = Input({3, 4});
  using Options = OperatorLayer::Options;
  const auto error = [](const Options& options, const std::vector<SymbolicTensor>& inputs) {
    return error_of([&] { std::make_shared<OperatorLayer>(options)->connect_one(inputs); });
  };
  CHECK(error({.function = std::string("None"), .name = "o"}, {row}) ==
        "Operator o: function: expected one of Operator's, got \"None\"");
  CHECK(error({.function = std::string("Exp"), .constant_shape = std::vector<std::int64_t>{4}}, {row}) ==
        "Operator: expected no constant_shape for Exp, got one");
  CHECK(error({.function = std::string("Add"), .constant_shape = std::vector<std::int64_t>{4, 0}}, {row}) ==
        "Operator: constant_shape: expected fewer than 8 extents of at least 1, got (4, 0)");
  CHECK(error({.function = std::string("Add"), .constant_shape = std::vector<std::int64_t>(8, 1)}, {row}) ==
        "Operator: constant_shape: expected fewer than 8 extents of at least 1, got (1, 1, 1, 1, 1, 1, 1, 1)");
}

TEST_CASE("stored options of another form are rejected with what was expected") {
  const ConfigValue text = std::string("x"), integers = std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7};
  const std::string most = " of at most 2147483647, got \"x\"";
  CHECK(read_error<std::int64_t>(text) == "expected an integer" + most);
  CHECK(read_error<double>(text) == "expected a number, got \"x\"");
  CHECK(read_error<std::string>(integers) == "expected a text, got [1, 2, 3, 4, 5, 6, 7]");
  CHECK(read_error<std::vector<std::int64_t>>(text) == "expected a list of integers" + most);
  CHECK(read_error<PartialShape>(text) == "expected a shape of extents" + most);
  CHECK(read_error<DType>(text) == "expected float32, float64, int64 or uint8, got \"x\"");
  CHECK(read_error<Extent2D>(text, Extent2D{1, 1}) == "expected a height and a width" + most);
  CHECK(read_error<Extent3D>(text, Extent3D{1, 1, 1}) == "expected a depth, a height and a width" + most);
  CHECK(read_error<Padding>(text, Padding::valid) == "expected \"valid\", \"same\" or four amounts" + most);
  CHECK(read_error<Padding1D>(text, Padding1D::valid) ==
        "expected \"valid\", \"same\", \"causal\" or two amounts" + most);
  CHECK(read_error<Padding3D>(text, Padding3D::valid) == "expected \"valid\", \"same\" or six amounts" + most);
  for (const auto& error :
       {read_error<Extent2D>(integers, Extent2D{1, 1}), read_error<Extent3D>(integers, Extent3D{1, 1, 1}),
        read_error<Padding>(integers, Padding::valid), read_error<Padding1D>(integers, Padding1D::valid),
        read_error<Padding3D>(integers, Padding3D::valid)}) {
    CHECK_THAT(error, Catch::EndsWith("of at most 2147483647, got [1, 2, 3, 4, 5, 6, 7]"));
  }
  CHECK(read_error<FactorRange>(text) == "expected the numbers \"low\" and \"high\", got \"x\"");
  CHECK(read_error<Constraint>(text) == "expected null or a constraint's name and numbers, got \"x\"");
  CHECK(read_error<Initializer>(text) == "expected an initializer's name and numbers, got \"x\"");
  CHECK(read_error<Initializer>(LayerConfig()) == "name: expected a value, got none");
  CHECK(read_error<Initializer>(LayerConfig{{{"name", std::int64_t{3}}}}) == "name: expected a text, got 3");
  CHECK(read_error<Initializer>(named("zeros", {{"name", std::string("ones")}})) ==
        "name: expected one value, got several");
  CHECK(read_error<Initializer>(named("zeros", {{"stream", text}})) == "stream: expected an integer, got \"x\"");
  CHECK(read_error<Initializer>(named("zeros", {{"stream", std::int64_t{1}}, {"stream", std::int64_t{2}}})) ==
        "stream: expected one value, got several");
}

}  // namespace xtape
