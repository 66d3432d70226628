#include "layers/core/lambda.hpp"

#include "framework/ops/matmul.hpp"
#include "framework/ops/reductions.hpp"
#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/graph/model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

Variable mean_over_steps(const Variable& x) { return mean(x, {1}); }

Tensor output_of(const Model& model, const Tensor& x) {
  ForwardPass pass(Mode::inference);
  return model(x, pass).value();
}

}  // namespace

TEST_CASE("a Lambda layer computes its function, whose output may have another shape") {
  const auto input = Input({4, 3});
  const Model model(input, Lambda({.function = mean_over_steps})(input));
  CHECK(model.output_shape() == Shape{3});
  const Tensor x = RandomStream(1).normal({2, 4, 3});
  CHECK(identical(output_of(model, x), mean_over_steps(x).value()));
}

TEST_CASE("a Lambda layer with a name is saved, and loaded with the function of that name") {
  const TemporaryFolder folder;
  const auto input = Input({4, 3});
  const Lambda layer(
      {.function = mean_over_steps, .function_name = "mean_over_steps", .output_shape = PartialShape{3}});
  save_model(Model(input, layer(input)), folder / "model.safetensors");
  const Tensor x = RandomStream(1).normal({2, 4, 3});
  const LayerFactory known = lambda_factory({{"mean_over_steps", mean_over_steps}});
  const Model loaded = load_model(folder / "model.safetensors", {.custom_layers = {{"Lambda", known}}});
  CHECK(identical(output_of(loaded, x), mean_over_steps(x).value()));
  const LayerFactory other = lambda_factory({{"sum", [](const Variable& v) { return sum(v, {1}); }}});
  CHECK_THAT(
      error_of([&] {
        load_model(folder / "model.safetensors", {.custom_layers = {{"Lambda", other}}});
      }),
      Catch::Contains("load_model: ") && Catch::Contains("layers[1] (Lambda lambda_1): function: expected one that "
                                                         "lambda_factory() was given, got \"mean_over_steps\""));
}

TEST_CASE("errors of a Lambda layer say what is missing") {
  const TemporaryFolder folder;
  const auto input = Input({4, 3});
  const Model nameless(input, Lambda({.function = mean_over_steps})(input));
  CHECK_THAT(
      error_of([&] { save_model(nameless, folder / "model.safetensors"); }),
      Catch::Contains("save_model: ") && Catch::Contains("layer lambda_1: Lambda lambda_1: expected a function_name, "
                                                         "under which a file can hold the function, got none"));
  CHECK(error_of([] { Lambda({.function = LambdaLayer::Function()}); }) ==
        "Lambda: expected a function, got an empty one");
  CHECK(error_of([] {
          Lambda({.function = mean_over_steps})(Input({any, 3}));
        }) == "Lambda: expected an output_shape, or an input whose extents are known, got (None, None, 3)");
  CHECK(error_of([&] { Lambda({.function = [](const Variable& x) { return sum(x); }})(input); }) ==
        "Lambda: expected a function that keeps the batch axis, got an output () for a batch of one");
  const auto wide = [](const Variable& x) { return matmul(x, Tensor::zeros({5, 5})); };
  CHECK(error_of([&] { Lambda({.function = wide, .name = "wide"})(input); }) ==
        "Lambda wide: matmul: expected (..., m, k) and (..., k, n), got (1, 4, 3) and (5, 5)");
}
