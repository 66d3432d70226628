// The same seed gives the same bits for any number of threads. A run reports where values are not finite.

#include "framework/autograd/finite_check.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"
#include "optim/adam.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"
#include "training/fit.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

Dataset random_images(const Shape& sample, std::int64_t n, std::int64_t classes) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i % classes);
  return {RandomStream(11).uniform(sample.prepended(n)), Tensor::labels(labels), classes};
}

Model small_resnet() {
  const auto input = Input({20, 20, 3});
  auto x = Activation(relu)(BatchNormalization()(Conv2D({.filters = 16, .kernel_size = 7, .strides = 2})(input)));
  x = convolutional_block(x, 3, {8, 8, 32}, 1, {2, 'a'});
  x = identity_block(x, 3, {8, 8, 32}, {2, 'b'});
  x = convolutional_block(x, 3, {16, 16, 64}, 2, {3, 'a'});
  x = Dropout({.rate = 0.3})(GlobalAveragePooling2D()(x));
  return Model(input, Dense({.units = 4})(x), {.seed = 3});
}

Model dropped_conv_net() {
  return conv_net({.input = {16, 16, 3}, .classes = 4, .stages = {{8, 4, 2}, {16, 2, 2}}, .dropout = 0.2, .seed = 2});
}

std::vector<Tensor> weights_after_training(Model model, int threads) {
  const test::KernelSettings scope(threads);
  Adam adam(model.parameters(), {.learning_rate = 1e-3});
  fit(model, adam, random_images(model.input_shape(), 50, 4),
      {.epochs = 3, .batch_size = 16, .seed = 9, .show_progress = false});
  std::vector<Tensor> weights;
  for (const Parameter& parameter : model.parameters()) weights.push_back(parameter.value());
  return weights;
}

}  // namespace

TEST_CASE("three epochs give the same bits with 1, 2 and 4 threads, and on a second run") {
  for (const auto build : {dropped_conv_net, small_resnet}) {
    const auto first = weights_after_training(build(), 1);
    for (const int threads : {2, 4, 1}) {
      const auto again = weights_after_training(build(), threads);
      for (std::size_t i = 0; i < first.size(); ++i) {
        INFO(threads << " threads, parameter " << i);
        CHECK(identical(first[i], again[i]));
      }
    }
  }
}

TEST_CASE("check_finite names the step, the layer and the op of the first value that is not finite") {
  const auto input = Input({4});
  const auto x = Dense({.units = 3, .name = "first"})(input);
  Model model(input, Dense({.units = 2, .name = "second"})(Activation(exp, {.name = "grow"})(x)));
  Tensor images = Tensor::ones({8, 4});
  for (std::int64_t i = 0; i < 32; ++i) images.mutable_data<float>()[i] = 1000;
  model.parameters()[0].set_value(Tensor::ones({4, 3}));
  const Dataset data(images, Tensor::labels({0, 1, 0, 1, 0, 1, 0, 1}), 2);
  Adam adam(model.parameters());
  const std::string message = error_of([&] { fit(model, adam, data, {.check_finite = true, .show_progress = false}); });
  CHECK(message ==
        "Activation grow: step 0, layer grow, exp: expected a finite value, got (8, 3): none of 24 finite; input 0 (8, "
        "3): min 4000, mean 4000, max 4000, 0 of 24 not finite");
  CHECK(message ==
        "Activation grow: step 0, layer grow, exp: expected a finite value, got (8, 3): none of 24 finite; input 0 (8, "
        "3): min 4000, mean 4000, max 4000, 0 of 24 not finite");
}

TEST_CASE("a finite check also checks derivatives, and reports nothing if all are finite") {
  FiniteCheck finite(7);
  ForwardPass pass(Mode::training, {.observers = {&finite}});
  const Variable zero = pass.watch(Tensor::zeros({2}));
  const Variable root = sqrt(zero);  // the value is 0, the derivative infinite
  CHECK(error_of([&] { pass.backward(sum(root)); }) ==
        "step 7, layer (none), sqrt: expected a finite derivative number 0, got (2,): none of 2 finite");
  ForwardPass fine(Mode::training, {.observers = {&finite}});
  const Variable one = fine.watch(Tensor::ones({2}));
  fine.backward(sum(sqrt(one)));
  CHECK(fine.gradient(one).at({0}) == Approx(0.5));
}
