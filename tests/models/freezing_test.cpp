#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "models/graph/multiply_adds.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

Model images_to_logits() {
  const SymbolicTensor input = Input({6, 6, 2});
  auto x = Conv2D({.filters = 3, .kernel_size = 3, .name = "conv"})(input);
  x = Activation(relu)(BatchNormalization({.name = "norm"})(x));
  return {input, Dense({.units = 2, .name = "head"})(Flatten({.name = "features"})(x)), {.seed = 2}};
}

TEST_CASE("nothing is recorded before the first trained layer") {
  const Model model = images_to_logits();
  const Tensor images = RandomStream(1).uniform({2, 6, 6, 2});
  for (const char* name : {"conv", "norm"}) model.layer(name).set_trainable(false);
  ForwardPass pass(Mode::training);
  const Variable loss = sum(model(images, pass));
  CHECK(pass.operations() == std::vector<std::string>{"matmul", "add", "sum"});
  const Gradients found = pass.backward(loss);
  for (const auto& [path, parameter] : model.named_parameters()) {
    CHECK(found.contains(parameter) == path.starts_with("head/"));
  }
  // the convolution computes no gradient, the dense layer that of its kernel
  CHECK(multiply_adds(model).backward == 2 * 4 * 4 * 3);
}

TEST_CASE("a frozen batch normalization computes as in inference and keeps its averages") {
  const Model model = images_to_logits();
  const Tensor images = RandomStream(1).uniform({2, 6, 6, 2});
  const auto averages = [&] { return model.named_parameters()[4].second.value(); };
  CHECK(model.named_parameters()[4].first == "norm/moving_mean");
  ForwardPass warm_up(Mode::training);
  model(images, warm_up);
  warm_up.commit();
  const Tensor before = averages();
  model.layer("norm").set_trainable(false);
  ForwardPass inference(Mode::inference), training(Mode::training);
  CHECK(test::largest_difference(model(images, inference).value(), model(images, training).value()) < 1e-6);
  training.commit();
  CHECK(identical(averages(), before));
  model.layer("norm").set_trainable(true);
  ForwardPass moving(Mode::training);
  model(images, moving);
  moving.commit();
  CHECK_FALSE(identical(averages(), before));
}

TEST_CASE("freezing a model freezes all its layers, nested ones too, and moving averages are never trained") {
  const Model inner = images_to_logits();
  const SymbolicTensor input = Input({6, 6, 2});
  const Model model(input, Dense({.units = 1, .name = "top"})(inner(input)));
  const std::int64_t all = model.trainable_count();
  inner.set_trainable(false);
  CHECK(model.trainable_count() == 3);
  CHECK_FALSE(model.layer(inner.name()).trainable());
  inner.layer("conv").set_trainable(true);  // one of its layers is enough
  CHECK(model.layer(inner.name()).trainable());
  inner.set_trainable(false);
  CHECK(SGD(model.parameters(), {.momentum = 0.5}).named_state().size() == 2);
  model.set_trainable(false);
  CHECK(model.trainable_count() == 0);
  CHECK_FALSE(model.layer("top").trainable());
  CHECK(SGD(model.parameters(), {.momentum = 0.5}).named_state().empty());
  model.set_trainable(true);
  CHECK(model.trainable_count() == all);
  CHECK_FALSE(inner.named_parameters()[4].second.trainable());
}

TEST_CASE("a model that ends at a layer of another model shares its layers") {
  const Model model = images_to_logits();
  const Model part(model.inputs(), model.layer_output("features"));
  CHECK(part.output_shape() == Shape{48});
  CHECK(part.parameters()[0] == model.parameters()[0]);
  CHECK(&part.layer("conv") == &model.layer("conv"));
  CHECK(error_of([&] { model.layer_output("none"); }) ==
        "Model: expected the name of one of its layers, got \"none\"; there are input_1, conv, norm, activation_1, "
        "features, head");
  const SymbolicTensor input = Input({3});
  const Dense shared({.units = 3, .name = "shared"});
  CHECK(error_of([&] { Model(input, shared(shared(input))).layer_output("shared"); }) ==
        "Model: expected the name of a layer that is called once, got \"shared\", called several times");
  CHECK_FALSE(Model::from_layer(model.nodes()[1].layer).has_value());
  CHECK(Model::from_layer(model.definition())->parameters()[0] == model.parameters()[0]);
}

}  // namespace
}  // namespace xtape
