// Inputs, sublayers, stored options and extents that layers refuse, each beside what they accept.
#include <functional>
#include <limits>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/layers/config_errors.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;

/// The layers that it is given, one after another; refuses samples with more axes than one, after it has built them.
class Chain final : public Layer {
 public:
  explicit Chain(std::vector<Sublayer> parts) : Layer("chain"), parts_(std::move(parts)) {}
  std::string type() const override { return "Chain"; }
  std::vector<Sublayer> sublayers() const override { return parts_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    std::vector<TensorSpec> specs = inputs;
    for (const auto& [name, layer] : parts_) specs = layer->build(specs);
    if (inputs[0].shape.rank() != 1) reject("rows", inputs);
    return specs;
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    std::vector<Variable> values = inputs;
    for (const auto& [name, layer] : parts_) values = layer->run(values, pass);
    return values;
  }

 private:
  std::vector<Sublayer> parts_;
};

std::shared_ptr<Layer> dense_of(std::int64_t units) { return Dense({.units = units}); }

}  // namespace

TEST_CASE("sublayers have different names, also if they are equal layers") {
  const auto built = [](const std::string& first, const std::string& second) {
    std::make_shared<Chain>(std::vector<Sublayer>{{first, dense_of(2)}, {second, dense_of(2)}})
        ->connect_one({Input({3})});
  };
  built("a", "b");
  CHECK(error_of([&] { built("a", "a"); }) ==
        "Chain chain: expected different names without \"/\" for its sublayers, got \"a\" for Dense");
  CHECK(error_of([&] { built("a", "b/"); }) ==
        "Chain chain: expected different names without \"/\" for its sublayers, got \"b/\" for Dense");
}

TEST_CASE("values that are given several times are all asked for, and the last ones are used") {
  const auto inner = dense_of(2);
  const auto first = std::make_shared<Chain>(std::vector<Sublayer>{{"one", inner}});
  const auto second = std::make_shared<Chain>(std::vector<Sublayer>{{"two", inner}});
  std::vector<std::string> asked;
  for (const auto& [layer, value] : {std::pair(first, 3.0), {second, 5.0}}) {
    layer->give_values([&asked, v = value](const std::string& path, const ParameterSpec& spec) {
      asked.push_back(path);
      return Tensor::full(spec.shape, v);
    });
  }
  CHECK(asked.empty());  // the parameters do not exist yet
  first->build({{{3}}});
  CHECK(asked == std::vector<std::string>{"one/kernel", "two/kernel", "one/bias", "two/bias"});
  for (const auto& [path, parameter] : first->named_parameters()) {
    CHECK(identical(parameter.value(), Tensor::full(parameter.shape(), 5)));
  }
}

TEST_CASE("a layer that refuses its first inputs keeps the values for its sublayers, and creates none") {
  const auto inner = dense_of(2);
  const auto chain = std::make_shared<Chain>(std::vector<Sublayer>{{"one", inner}});
  chain->give_values([](const std::string&, const ParameterSpec& spec) { return Tensor::full(spec.shape, 7); });
  CHECK(error_of([&] { chain->build({{{4, 3}}}); }) == "Chain chain: expected rows, got (None, 4, 3)");
  CHECK(chain->named_parameters().empty());
  CHECK(inner->outputs().empty());
  chain->build({{{5}}});
  REQUIRE(chain->named_parameters().size() == 2);
  CHECK(identical(chain->named_parameters()[0].second.value(), Tensor::full({5, 2}, 7)));
}

TEST_CASE("a layer that is frozen before it is built has frozen parameters, until it is trained again") {
  for (const bool nested : {false, true}) {
    const auto inner = std::shared_ptr<Layer>(BatchNormalization());
    const auto layer = nested ? std::make_shared<Chain>(std::vector<Sublayer>{{"inner", inner}}) : inner;
    layer->set_trainable(false);
    layer->build({{{3}}});
    const auto trained = [&] {
      std::vector<bool> all;
      for (const auto& [path, parameter] : layer->named_parameters()) all.push_back(parameter.trainable());
      return all;
    };
    CHECK(trained() == std::vector<bool>{false, false, false, false});
    layer->set_trainable(true);
    CHECK(trained() == std::vector<bool>{true, true, false, false});  // never the moving averages
  }
}

TEST_CASE("layers name the types, extents and names that they refuse") {
  const auto bytes = Input({.shape = {4}, .dtype = DType::uint8}), numbers = Input({4});
  const Lambda same({.function = [](const Variable& x) { return x * 2.0; }, .output_shape = PartialShape{3}});
  const Lambda first({.function =
                          [](const Variable& x) {
                            return x.rank() > 1 ? x[{{0, 1}}] : x;
                          },
                      .output_shape = PartialShape{4}});
  const Lambda nothing(
      {.function = [](const Variable&) { return Variable(Tensor()); }, .output_shape = PartialShape{4}});
  for (const Lambda& layer : {same, first, nothing}) layer(numbers);
  ForwardPass pass(Mode::inference);
  const Variable x = Tensor::ones({2, 4});
  check_messages({
      {"Embedding: expected tokens of type int64, got uint8 (None, 4)",
       [&] { Embedding({.input_dim = 3, .output_dim = 2})(bytes); }},
      {"Embedding: expected tokens of type int64, got (None, 4)",
       [&] { Embedding({.input_dim = 3, .output_dim = 2})(numbers); }},
      {"Input x: expected a sample shape without zeros, got (0, 3)",
       [] {
         Input({.shape = {0, 3}, .name = "x"});
       }},
      {"Input x: expected float32, int64 or uint8, got float64; float32 stands for the type that the model computes "
       "in, "
       "see Model::convert()",
       [] { Input({.shape = {3}, .dtype = DType::float64, .name = "x"}); }},
      {"Lambda: expected an output of shape (2, ...), got (2, 4)", [&] { same(x, pass); }},
      {"Lambda: expected an output of shape (2, ...), got (1, 4)", [&] { first(x, pass); }},
      {"Lambda: expected an output of shape (2, ...), got ()", [&] { nothing(x, pass); }},
      {"DepthToSpace: expected channels that 4 divides, got (None, 2, 2, None)",
       [] {
         DepthToSpace({.block_size = 2})(Input({2, 2, any}));
       }},
      {"Dense: expected one input, got no input", [] { Dense({.units = 2})(std::vector<SymbolicTensor>{}); }},
  });
}

TEST_CASE("numbers of transposed convolutions are accepted up to their limits, and same padding counts dilated taps") {
  constexpr std::int64_t beyond = std::int64_t{1} << 31;
  using Options = Conv1DTranspose::Options;
  for (const auto& [name, option] : {std::pair("kernel_size", &Options::kernel_size),
                                     {"strides", &Options::strides},
                                     {"dilation_rate", &Options::dilation_rate}}) {
    integer_limits(
        fmt::format("Conv1DTranspose: expected {} from 1 to 2^31 - 1, got (", name),
        [member = option](auto n) {
          Options options{.filters = 1, .kernel_size = 1};
          options.*member = n;
          Conv1DTranspose{options};
        },
        {1, beyond - 1}, {0, -1, beyond}, ")");
  }
  for (const std::int64_t size : {1, 2, 3, 4}) {
    for (const std::int64_t rate : {1, 2, 3}) {
      for (const std::int64_t more : {0, 1}) {
        const Options options{.filters = 1,
                              .kernel_size = size,
                              .strides = 2,
                              .padding = Padding1D::same,
                              .output_padding = more,
                              .dilation_rate = rate};
        // Keras: (n - 1) strides + span - 2 floor(span / 2) + output_padding, with the span of the dilated taps
        const std::int64_t span = (size - 1) * rate + 1, length = 4 * 2 + span - 2 * (span / 2) + more;
        INFO(size << " taps, rate " << rate << ", padding " << more);
        if ((length + 1) / 2 == 5) {
          CHECK(Conv1DTranspose(options)(Input({5, 1})).shape() == PartialShape{length, 1});
        } else {
          CHECK_THROWS_AS(Conv1DTranspose(options)(Input({5, 1})), Error);
        }
      }
    }
  }
}

TEST_CASE("sums, differences and products of extents that no integer holds are errors") {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(Extent(most - 1) + 1 == most);
  CHECK(Extent(most) - most == 0);
  CHECK(Extent(most / 7) * 7 == most);
  check_messages({
      {fmt::format("Extent: expected extents below 2^63, got {} and 1", most), [&] { (void)(Extent(most) + 1); }},
      {fmt::format("Extent: expected extents below 2^63, got 1 and {}", most), [&] { (void)(1 + Extent(most)); }},
      {fmt::format("Extent: expected extents below 2^63, got {} and 2", most), [&] { (void)(Extent(most) * 2); }},
      {"Extent: expected 0 or more, got -1", [] { (void)(Extent(0) - 1); }},
      {"Shape: expected extents of 0 or more, got -1 for axis 1",
       [] {
         (void)Shape{2, -1};
       }},
  });
}

TEST_CASE("stored options that have too many or unknown names or numbers are refused, and long ones shortened") {
  const ConfigValue text = std::string("cubic"), number = 1.0;
  const std::vector<std::int64_t> many(40, 1);
  CHECK(read_error<Constraint>(named("non_neg", {{"max_value", number}})) == "expected no options, got \"max_value\"");
  CHECK(read_error<Constraint>(named("spectral_norm", {{"axes", many}})) == "expected no options, got \"axes\"");
  CHECK(read_error<Constraint>(named("unit_norm", {{"rate", number}})) == "expected the options axes, got \"rate\"");
  for (const char* factor : {"l1", "l2", "orthogonal"}) {
    CHECK(read_error<Regularizer>(LayerConfig{{{factor, -1.0}}}) ==
          "regularizer: expected a finite factor of at least 0, got -1");
  }
  CHECK(read_error<Interpolation>(text) == "expected one of nearest, bilinear, got \"cubic\"");
  CHECK(read_error<FillMode>(text) == "expected one of constant, nearest, reflect, wrap, got \"cubic\"");
  CHECK(read_error<FlipMode>(text) == "expected one of horizontal, vertical, horizontal_and_vertical, got \"cubic\"");
  CHECK(read_error<Interpolation>(number) == "expected one of nearest, bilinear, got 1");
  CHECK(config_text(many) ==
        "[" + std::string("1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ").substr(0, 60) + "]");
  CHECK(config_text(std::string(70, 'x')) == "\"" + std::string(60, 'x') + "\"");
  CHECK(config_text(std::vector<std::int64_t>{-1, 2}) == "[-1, 2]");
  CHECK(config_text(LayerConfig{{{"a", true}, {"b", nullptr}}}) == "an object of 2 fields");
}

TEST_CASE("enumerators are stored with the names that Keras uses") {
  const auto check_names = []<class E>(E, const std::vector<std::pair<E, std::string>>& names) {
    for (const auto& [value, name] : names) {
      CHECK(config_text(to_config(value)) == "\"" + name + "\"");
      E read{};
      from_config(name, read);
      CHECK(read == value);
    }
  };
  check_names(Interpolation(), {{Interpolation::nearest, "nearest"}, {Interpolation::bilinear, "bilinear"}});
  check_names(FillMode(), {{FillMode::constant, "constant"},
                           {FillMode::nearest, "nearest"},
                           {FillMode::reflect, "reflect"},
                           {FillMode::wrap, "wrap"}});
  check_names(FlipMode(), {{FlipMode::horizontal, "horizontal"},
                           {FlipMode::vertical, "vertical"},
                           {FlipMode::horizontal_and_vertical, "horizontal_and_vertical"}});
  check_names(
      DType(),
      {{DType::float32, "float32"}, {DType::float64, "float64"}, {DType::int64, "int64"}, {DType::uint8, "uint8"}});
}

TEST_CASE("a parameter for each sample is as long as the input where the options say so, and no longer") {
  using Options = OperatorLayer::Options;
  const auto shape_of = [](std::vector<std::int64_t> axes, std::vector<std::int64_t> numbers,
                           const PartialShape& sample) {
    const OperatorLayer layer(Options{.function = std::string("Constant"),
                                      .axes = std::move(axes),
                                      .numbers = std::move(numbers),
                                      .constant_shape = std::vector<std::int64_t>{5, 2}});
    return layer.output_specs({{sample}})[0].shape;
  };
  CHECK(shape_of({}, {}, {3}) == PartialShape{5, 2});
  CHECK(shape_of({1}, {0}, {3}) == PartialShape{3, 2});
  CHECK(shape_of({1}, {0}, {5}) == PartialShape{5, 2});
  CHECK(shape_of({-1}, {1}, {7, 1}) == PartialShape{5, 1});
  CHECK(shape_of({1}, {0}, {any}) == PartialShape{any, 2});
  const std::string title = "Operator: Constant: ";
  check_messages({
      {title + "expected an input with at most 5 elements on axis 1, as the parameter has, got 6",
       [&] { shape_of({1}, {0}, {6}); }},
      {title + "expected axes of the parameter (5, 2) in numbers, got 2", [&] { shape_of({1}, {2}, {1}); }},
      {title + "expected axes of the parameter (5, 2) in numbers, got -1", [&] { shape_of({1}, {-1}, {1}); }},
      {title + "expected 1 numbers, got 0", [&] { shape_of({1}, {}, {1}); }},
  });
}

}  // namespace xtape
