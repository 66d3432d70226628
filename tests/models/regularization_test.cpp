#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

TEST_CASE("regularizers add l2 * sum(w^2) of their parameters, and its derivative 2 l2 w") {
  const SymbolicTensor input = Input({2});
  const auto x = Dense({.units = 1,
                        .kernel_initializer = constant(3),
                        .bias_initializer = constant(2),
                        .kernel_regularizer = l2(0.5),
                        .bias_regularizer = l2(0.25),
                        .name = "a"})(input);
  const Model inner(input, x, {.name = "inner"});
  const SymbolicTensor images = Input({1, 1, 1});
  const auto y =
      Conv2D({.filters = 2, .kernel_initializer = constant(4), .kernel_regularizer = l2(0.125), .name = "b"})(images);
  const Model model(images, inner(Flatten()(y)));
  ForwardPass pass(Mode::training);
  const auto penalty = model.regularization(pass);
  REQUIRE(penalty.has_value());
  CHECK(penalty->value().item() == 0.5 * 2 * 9 + 0.25 * 4 + 0.125 * 2 * 16);
  const Gradients found = pass.backward(*penalty);
  CHECK(found[model.parameters()[0]].to_vector() == std::vector<double>{1, 1});  // 2 * 0.125 * 4
  CHECK_FALSE(found.contains(model.parameters()[1]));                            // the bias of b
  CHECK(found[model.parameters()[2]].to_vector() == std::vector<double>{3, 3});  // 2 * 0.5 * 3
  CHECK(found[model.parameters()[3]].to_vector() == std::vector<double>{1});     // 2 * 0.25 * 2
  inner.set_trainable(false);                                                    // frozen parameters have no penalty
  ForwardPass frozen(Mode::training);
  CHECK(model.regularization(frozen)->value().item() == 0.125 * 2 * 16);
}

TEST_CASE("a penalty is finite if its value is, also if squares of weights overflow") {
  const SymbolicTensor input = Input({1});
  const Model model(input,
                    Dense({.units = 1, .kernel_initializer = constant(1e20), .kernel_regularizer = l2(1e-10)})(input));
  ForwardPass pass(Mode::training);
  const auto penalty = model.regularization(pass);
  CHECK(penalty->value().item() == Approx(1e30));
  CHECK(pass.backward(*penalty)[model.parameters()[0]].item() == Approx(2e10));
}

TEST_CASE("a model without regularizers adds nothing and records nothing") {
  const SymbolicTensor input = Input({2});
  const Model model(input, Dense({.units = 1, .kernel_regularizer = l2(0)})(input));
  ForwardPass pass(Mode::training);
  CHECK_FALSE(model.regularization(pass).has_value());
  CHECK(pass.operations().empty());
  CHECK(error_of([] { l2(-1); }) == "l2: expected a finite factor of at least 0, got -1");
  Regularizer read;
  CHECK(error_of([&] { from_config(true, read); }) ==
        "expected null or factors \"l1\", \"l2\" or \"orthogonal\", got true");
  CHECK(error_of([&] {
          from_config(LayerConfig{{{"l3", 0.5}}}, read);
        }) == "expected the options l1, l2, orthogonal, vectors, got \"l3\"");
}

TEST_CASE("a layer that a model shares with an inner model is counted once") {
  const SymbolicTensor input = Input({2}), inner_input = Input({2});
  const Dense shared({.units = 2, .kernel_initializer = constant(3), .kernel_regularizer = l2(0.5), .name = "shared"});
  const Model inner(inner_input, shared(inner_input), {.name = "inner"});
  const Model model(input, inner(shared(input)));
  CHECK(model.named_parameters().size() == 4);
  REQUIRE(model.parameters().size() == 2);
  CHECK(model.parameter_count() == 4 + 2);
  ForwardPass pass(Mode::training);
  const auto penalty = model.regularization(pass);
  CHECK(penalty.value().value().item() == 0.5 * 4 * 9);
  SGD sgd(model.parameters(), {.learning_rate = 0.25});
  sgd.minimize(*penalty, pass);
  CHECK(model.parameters()[0].value().to_vector() == std::vector<double>(4, 3 - 0.25 * 3));  // 2 * 0.5 * 3
}

}  // namespace
}  // namespace xtape
