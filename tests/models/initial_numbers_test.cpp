// The random streams of initial values: one for each parameter, in any number of models.
#include <functional>
#include <map>
#include <set>
#include <unordered_set>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// Uniform in [0, 1) for any shape, so that a stream that is used twice is visible in parameters of different shapes.
Initializer unit() {
  return {"unit", [](const Shape& shape, RandomStream& random) { return random.uniform(shape); }};
}

SymbolicTensor dense(const SymbolicTensor& x, std::int64_t units) {
  return Dense({.units = units, .kernel_initializer = unit(), .bias_initializer = unit()})(x);
}

/// Two layers with four random parameters.
Model tower(std::uint64_t seed = 0) {
  const auto input = Input({4});
  return {input, dense(dense(input, 4), 4), {.seed = seed}};
}

/// The parameters whose first four numbers are also those of another parameter.
std::vector<std::string> shared_numbers(const Model& model) {
  std::map<std::vector<double>, std::vector<std::string>> owners;
  std::unordered_set<Parameter> seen;
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (!seen.insert(parameter).second) continue;
    std::vector<double> values = parameter.value().to_vector();
    REQUIRE(values.size() >= 4);
    values.resize(4);
    owners[values].push_back(path);
  }
  std::vector<std::string> found;
  for (const auto& [values, paths] : owners) {
    if (paths.size() > 1) found.insert(found.end(), paths.begin(), paths.end());
  }
  return found;
}

const std::vector<std::string> none;

}  // namespace

TEST_CASE("parameter i of layer k draws from stream 1024 k + i of the model's seed") {
  const auto input = Input({4});
  const Model model(input, dense(Flatten()(dense(input, 5)), 6), {.seed = 7});
  const std::vector<Tensor> values = xtape::test::values_of(model);
  const std::vector<std::uint64_t> streams{1024, 1025, 3072, 3073};
  REQUIRE(values.size() == streams.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(identical(values[i], RandomStream(7, streams[i]).uniform(values[i].shape())));
  }
}

TEST_CASE("a nested model and its outer models share no initial values at any depth") {
  const auto input = Input({4});
  const Model inner = tower();
  const std::vector<Tensor> before = xtape::test::values_of(inner);
  const Model outer(input, dense(inner(dense(input, 4)), 4));
  CHECK(shared_numbers(outer) == none);
  CHECK(std::ranges::equal(xtape::test::values_of(inner), before, identical));  // the others were drawn again

  const auto again = Input({4});
  const Model outermost(again, dense(outer(dense(dense(again, 4), 4)), 4));
  CHECK(shared_numbers(outermost) == none);
  CHECK(outermost.parameters().size() == 4 + 8 + 2);
}

TEST_CASE("two models of the same code and seed share no initial values in an outer model") {
  const auto input = Input({4});
  Model a = tower(3), b = tower(3);
  const std::vector<Tensor> first = xtape::test::values_of(a);
  REQUIRE(std::ranges::equal(first, xtape::test::values_of(b), identical));
  const Model pair(input, Add()({a(input), b(input)}), {.seed = 3});
  CHECK(shared_numbers(pair) == none);
  CHECK(std::ranges::equal(xtape::test::values_of(a), first, identical));

  const auto make_pair = [] {
    const auto x = Input({4});
    return Model(x, dense(Add()({tower()(dense(x, 4)), tower()(x)}), 4));
  };
  const auto x = Input({4});
  const Model pairs(x, Add()({make_pair()(x), make_pair()(x), make_pair()(x)}));
  CHECK(shared_numbers(pairs) == none);
  const auto y = Input({4});
  const Model same(y, Add()({make_pair()(y), make_pair()(y), make_pair()(y)}));
  CHECK(std::ranges::equal(xtape::test::values_of(pairs), xtape::test::values_of(same),
                           identical));  // the same code gives the same numbers
}

TEST_CASE("two float64 models of the same seed share no initial values") {
  const auto input = Input({4});
  Model a = tower(), b = tower();
  a.convert(DType::float64);
  b.convert(DType::float64);
  const Model pair(input, Add()({a(input), b(input)}));
  CHECK(shared_numbers(pair) == none);
  CHECK(b.dtype() == DType::float64);
}

TEST_CASE("a model from a file keeps its values, and shares none with outer and neighbouring models") {
  const test::TemporaryFolder folder;
  const auto read_again = [&](const Model& model) {
    save_model(model, folder / "model.safetensors");
    return load_model(folder / "model.safetensors");
  };
  const auto nested = [](const Model& inner, std::uint64_t seed) {
    const auto input = Input({4});
    return Model(input, dense(inner(dense(input, 4)), 4), {.seed = seed});
  };
  for (const std::uint64_t seed : {0, 3}) {
    const Model loaded = read_again(tower(seed));
    const std::vector<Tensor> before = xtape::test::values_of(loaded);
    REQUIRE(std::ranges::equal(before, xtape::test::values_of(tower(seed)), identical));
    const Model outer = nested(loaded, seed);
    CHECK(shared_numbers(outer) == none);
    CHECK(shared_numbers(nested(read_again(outer), seed)) == none);
    const auto input = Input({4});
    for (const bool loaded_first : {true, false}) {
      const Model fresh = tower(seed), first = loaded_first ? loaded : fresh, second = loaded_first ? fresh : loaded;
      const Model pair(input, Add()({first(input), second(input)}), {.seed = seed});
      CHECK(shared_numbers(pair) == none);
    }
    CHECK(std::ranges::equal(xtape::test::values_of(loaded), before, identical));
  }
}

TEST_CASE("a nested model keeps values that differ from its initial ones") {
  const auto input = Input({4});
  Model a = tower(), b = tower();
  const Tensor trained = Tensor::full({4, 4}, 0.25);
  b.parameters()[0].set_value(trained);
  b.parameters()[1].modify([](Tensor& value) { value.mutable_data<float>()[3] += 1; });
  const std::vector<Tensor> before = xtape::test::values_of(b);
  const Model pair(input, Add()({a(input), b(input)}));
  CHECK(identical(b.parameters()[0].value(), before[0]));
  CHECK(identical(b.parameters()[1].value(), before[1]));
  CHECK_FALSE(identical(b.parameters()[2].value(), before[2]));
}

TEST_CASE("layers shared by models draw once, and new layers draw other values") {
  const auto input = Input({4});
  const Dense shared({.units = 4, .kernel_initializer = unit(), .bias_initializer = unit()});
  const auto inner_input = Input({4});
  const Model inner(inner_input, dense(shared(inner_input), 4));
  const std::vector<Tensor> before = xtape::test::values_of(inner);
  const Model outer(input, dense(inner(shared(dense(input, 4))), 4));
  CHECK(shared_numbers(outer) == none);
  CHECK(std::ranges::equal(xtape::test::values_of(inner), before, identical));

  const auto second = Input({4});  // the new layer comes first, where the known layers were before
  const Model extended({second, inner.inputs()[0]}, Add()({dense(dense(second, 4), 4), inner.layer_output("dense_2")}));
  CHECK(shared_numbers(extended) == none);
  CHECK(std::ranges::equal(xtape::test::values_of(inner), before, identical));
}

TEST_CASE("an additional layer at the end does not change the initial values of others") {
  const auto build = [](bool longer) {
    const auto input = Input({4});
    auto x = dense(tower()(dense(tower()(input), 4)), 4);
    if (longer) x = dense(dense(x, 4), 4);
    return Model(input, x);
  };
  const std::vector<Tensor> shorter = xtape::test::values_of(build(false));
  std::vector<Tensor> longer = xtape::test::values_of(build(true));
  REQUIRE(longer.size() == shorter.size() + 4);
  longer.resize(shorter.size());
  CHECK(std::ranges::equal(longer, shorter, identical));
}

TEST_CASE("a layer with many parameters shares no initial values with the next layer") {
  class Many final : public Layer {
   public:
    Many() : Layer("many") {}
    std::string type() const override { return "Many"; }
    std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
      return {{only_input(inputs)}};
    }
    std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
      std::vector<ParameterSpec> specs;
      for (int i = 0; i < 1100; ++i) specs.push_back({fmt::format("p{}", i), {4}, unit()});
      return specs;
    }
    std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return {inputs[0]}; }
  };
  const auto input = Input({4});
  auto x = std::make_shared<Many>()->connect_one({input});
  for (int i = 0; i < 3; ++i) x = dense(x, 4);
  CHECK(shared_numbers(Model(input, x)) == none);
}

TEST_CASE("an initializer draws from its given stream, which no other initializer uses") {
  const auto input = Input({4});
  const auto asked = [](const SymbolicTensor& x) {
    return Dense({.units = 4, .kernel_initializer = unit().with_stream(1024), .bias_initializer = unit()})(x);
  };
  const Model model(input, asked(asked(dense(input, 4))), {.seed = 2});
  const Tensor expected = RandomStream(2, 1024).uniform({4, 4});
  CHECK(identical(model.parameters()[2].value(), expected));
  CHECK(identical(model.parameters()[4].value(), expected));
  CHECK(shared_numbers(model) == std::vector<std::string>{"dense_2/kernel", "dense_3/kernel"});
}

TEST_CASE("dropout in nested models draws a mask for each layer and call, recomputed or not") {
  const auto dropping = [] {
    const auto input = Input({64});
    return Model(input, Dropout({.rate = 0.5})(input));
  };
  const auto input = Input({64});
  Model a = dropping(), b = dropping();
  const Dropout own({.rate = 0.5});
  const Model nested(input, Concatenate()({own(input), a(input), b(input), a(input), own(input)}));
  const auto outer_input = Input({64});
  const Model outer(outer_input, Concatenate()({nested(outer_input), Dropout({.rate = 0.5})(outer_input)}));
  std::vector<Tensor> results;
  for (const bool recompute : {false, true}) {
    ForwardPass pass(Mode::training, {.step = 0, .recompute = recompute});
    results.push_back(outer(Tensor::ones({1, 64}), pass).value());
  }
  CHECK(identical(results[0], results[1]));
  const std::vector<double> all = results[0].to_vector();
  std::set<std::vector<double>> masks;
  for (auto first = all.begin(); first != all.end(); first += 64) masks.insert(std::vector(first, first + 64));
  CHECK(masks.size() == 6);
}
