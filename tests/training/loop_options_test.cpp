// Options of fit that change the loop: penalties of regularizers, recomputed activations, frozen layers.
#include <cstring>

#include "layers/convolution/conv.hpp"
#include "layers/core/activation.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "layers/shape/merge.hpp"
#include "layers/shape/reshaping.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"

namespace xtape {
namespace {

TEST_CASE("fit adds the penalties of regularizers to the loss and their derivatives to the step") {
  const auto train = [](double l2_weight) {
    const auto input = Input({2});
    const auto regularizer = l2_weight > 0 ? l2(l2_weight) : Regularizer{};
    Model model(input, Dense({.units = 2, .kernel_regularizer = regularizer, .name = "logits"})(input), {.seed = 3});
    model.convert(DType::float64);
    const Tensor before = model.parameters()[0].value();
    SGD sgd(model.parameters(), {.learning_rate = 0.25});
    const History history = fit(model, sgd, test::quadrants(16), {.batch_size = 16, .show_progress = false});
    return std::tuple(before, model.parameters()[0].value(), history.last()["loss"]);
  };
  const auto [w, plain, plain_loss] = train(0);
  const auto [same_w, penalized, loss] = train(0.1);
  REQUIRE(test::largest_difference(w, same_w) == 0);
  double squares = 0;
  for (const double value : w.to_vector()) squares += value * value;
  CHECK(loss == Approx(plain_loss + 0.1 * squares).epsilon(1e-12));
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t j = 0; j < 2; ++j) {
      CHECK(penalized.at({i, j}) == Approx(plain.at({i, j}) - 0.25 * 2 * 0.1 * w.at({i, j})).epsilon(1e-12));
    }
  }
}

/// Blocks, each with a normalization and a sum.
Model blocks() {
  const auto input = Input({6, 6, 4});
  auto x = SymbolicTensor(input);
  for (int i = 0; i < 4; ++i) {
    auto y = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same})(x);
    y = Dropout({.rate = 0.2})(Activation(relu)(BatchNormalization()(y)));
    x = Activation(relu)(Add()({Conv2D({.filters = 4})(y), x}));
  }
  return {input, Dense({.units = 3})(Flatten()(x)), {.seed = 2}};
}

TEST_CASE("a run with recomputed activations ends with the same bits") {
  const Dataset data(RandomStream(1).normal({24, 6, 6, 4}), Tensor::labels(std::vector<std::int64_t>(24, 1)), 3);
  const auto train = [&](bool recompute, bool check_finite) {
    Model model = blocks();
    Adam adam(model.parameters());
    fit(model, adam, data,
        {.epochs = 2, .batch_size = 8, .check_finite = check_finite, .recompute = recompute, .show_progress = false});
    return model;
  };
  Model kept = train(false, false);
  for (Model other : {train(true, false), train(true, true), train(false, true)}) {
    for (std::size_t i = 0; i < kept.parameters().size(); ++i) {
      INFO(kept.parameters()[i].name());
      CHECK(identical(kept.parameters()[i].value(), other.parameters()[i].value()));
    }
  }
}

TEST_CASE("fit does not change frozen layers, nor their averages") {
  Model model = blocks();
  const Dataset data(RandomStream(1).normal({24, 6, 6, 4}), Tensor::labels(std::vector<std::int64_t>(24, 1)), 3);
  std::vector<std::pair<Parameter, Tensor>> frozen;
  for (const std::string name : {"conv2d_1", "batch_normalization_1", "conv2d_2"}) {
    model.layer(name).set_trainable(false);
    for (const auto& [path, parameter] : model.layer(name).named_parameters()) {
      frozen.emplace_back(parameter, parameter.value());
    }
  }
  REQUIRE(frozen.size() == 8);
  Adam adam(model.parameters());
  const Tensor last = model.parameters().back().value();
  fit(model, adam, data, {.batch_size = 8, .show_progress = false});
  for (const auto& [parameter, before] : frozen) {
    INFO(parameter.name());
    CHECK(identical(parameter.value(), before));
  }
  CHECK_FALSE(identical(model.parameters().back().value(), last));
}

}  // namespace
}  // namespace xtape
