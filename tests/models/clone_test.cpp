#include "models/files/clone.hpp"

#include "layers/layers.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

Model normalized_model() {
  const auto input = Input({6, 6, 1});
  auto x = Conv2D({.filters = 3, .kernel_size = 3, .activation = relu, .name = "conv"})(input);
  x = BatchNormalization({.name = "norm"})(x);
  const Model model(input, Dense({.units = 2, .kernel_constraint = max_norm(1), .name = "out"})(Flatten()(x)),
                    {.name = "small", .seed = 3});
  model.layer("conv").set_trainable(false);
  model.parameter("norm/moving_mean").set_value(Tensor::of({3}, {1, 2, 3}));
  return model;
}

}  // namespace

TEST_CASE("a clone has the graph and the values of the model, and parameters of its own") {
  const Model model = normalized_model();
  const Model copy = clone(model);
  CHECK(graph_to_json(copy) == graph_to_json(model));
  const auto ours = copy.named_parameters(), theirs = model.named_parameters();
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(ours[i].first == theirs[i].first);
    CHECK_FALSE(ours[i].second == theirs[i].second);
    CHECK(identical(ours[i].second.value(), theirs[i].second.value()));
    CHECK(ours[i].second.trainable() == theirs[i].second.trainable());
  }
  CHECK(static_cast<bool>(copy.parameter("out/kernel").constraint()));
  const Tensor before = model.parameter("out/bias").value();
  copy.parameter("out/bias").set_value(Tensor::of({2}, {7, 8}));
  CHECK(identical(model.parameter("out/bias").value(), before));
}

TEST_CASE("clones and files keep the flags of parameters that are not those of their layers") {
  const Model model = normalized_model();
  model.parameter("conv/bias").set_trainable(true);  // in a frozen layer
  model.parameter("out/kernel").set_trainable(false);
  model.parameter("norm/moving_mean").set_trainable(true);
  const auto inside = Input({6, 6, 1});
  const Model outer(inside, model(inside), {.name = "outer"});
  const TemporaryFolder folder;
  save_model(outer, folder / "m.safetensors");
  for (const Model& copy : {clone(outer), load_model(folder / "m.safetensors")}) {
    CHECK(copy.trainable_count() == outer.trainable_count());
    for (const auto& [path, parameter] : outer.named_parameters()) {
      INFO(path);
      CHECK(copy.parameter(path).trainable() == parameter.trainable());
    }
  }
  CHECK_THAT(graph_to_json(model), Catch::Contains(R"("trainable_parameters":{"bias":true})"));
  CHECK_THAT(error_of([&] { save_keras_model(model, folder / "m.keras"); }),
             Catch::EndsWith("layer conv: expected parameters that are trainable or frozen with their layer, got bias, "
                             "which was set apart; Keras has one flag for a layer: call set_trainable() of the layer"));
}

TEST_CASE("a clone with a seed has new initial values") {
  const Model model = normalized_model();
  const Model copy = clone(model, {.seed = 5}), again = clone(model, {.seed = 5}), other = clone(model, {.seed = 6});
  CHECK(identical(copy.parameter("norm/moving_mean").value(), Tensor::zeros({3})));
  CHECK_FALSE(identical(copy.parameter("out/kernel").value(), model.parameter("out/kernel").value()));
  CHECK(identical(copy.parameter("out/kernel").value(), again.parameter("out/kernel").value()));
  CHECK_FALSE(identical(copy.parameter("out/kernel").value(), other.parameter("out/kernel").value()));
  // kernels of one shape do not share numbers
  const auto input = Input({4});
  const Model chain(input, Dense({.units = 4, .name = "b"})(Dense({.units = 4, .name = "a"})(input)));
  const Model two = clone(chain, {.seed = 5});
  CHECK_FALSE(identical(two.parameter("a/kernel").value(), two.parameter("b/kernel").value()));
}

TEST_CASE("a model that no file can hold cannot be cloned, and the error names the layer") {
  const auto input = Input({3});
  const Model model(input, Lambda({.function = [](const Variable& x) { return x; }, .name = "l"})(input));
  CHECK(error_of([&] { clone(model); }) ==
        "clone: layer l: Lambda l: expected a function_name, under which a file can hold the function, got none");
}
