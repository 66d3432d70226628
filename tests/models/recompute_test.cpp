// Recomputed activations (gradient checkpointing): the backward pass computes parts of a model again. The results are
// the same, with less memory.
#include <optional>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/graph/fusion.hpp"
#include "models/graph/model.hpp"
#include "models/graph/segments.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/models/one_step.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::largest_difference;
using xtape::test::one_step;
using xtape::test::OneStep;

namespace {

void check_same(const Model& model, const Tensor& images, double tolerance, bool watch = true) {
  const auto step = [&](bool recompute) {
    return one_step(model, images, {.seed = 3, .step = 5, .recompute = recompute}, Mode::training, watch);
  };
  const OneStep plain = step(false), again = step(true);
  CHECK(std::ranges::count(plain.operations, "recomputed") == 0);
  CHECK(std::ranges::count(again.operations, "recomputed") > 0);
  CHECK(again.operations.size() < plain.operations.size());
  CHECK(largest_difference(plain.output, again.output) == 0);
  if (watch) CHECK(largest_difference(plain.input_gradient, again.input_gradient) <= tolerance);
  for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
    INFO(model.parameters()[i].name());
    CHECK(largest_difference(plain.state[i], again.state[i]) == 0);  // the averages were updated once
    REQUIRE(plain.gradients[i].defined() == again.gradients[i].defined());
    if (plain.gradients[i].defined()) CHECK(largest_difference(plain.gradients[i], again.gradients[i]) <= tolerance);
  }
}

/// Blocks with dropout, whose results depend on random streams.
SymbolicTensor block(SymbolicTensor x, const BatchNormalization& norm) {
  const auto before = x;
  x = Conv2D({.filters = 8, .kernel_size = 3, .padding = Padding::same})(x);
  x = Activation(relu)(norm(x));
  x = Dropout({.rate = 0.3})(x);
  return Activation(relu)(Add()({Conv2D({.filters = 8})(x), before}));
}

}  // namespace

TEST_CASE("recomputed blocks give the same bits") {
  const auto input = Input({7, 6, 3});
  auto x = Conv2D({.filters = 8, .kernel_size = 3})(input);
  for (int i = 0; i < 5; ++i) x = block(x, BatchNormalization({.momentum = 0.5}));
  Model model(input, Dense({.units = 3})(Flatten()(x)), {.seed = 2});
  check_same(model, RandomStream(1).normal({4, 7, 6, 3}), 0);
  check_same(model, RandomStream(1).normal({4, 7, 6, 3}), 0, false);  // the gradient of the images is not needed
  model.convert(DType::float64);
  check_same(model, RandomStream(1).normal({4, 7, 6, 3}, 0, 1, DType::float64), 0);
}

TEST_CASE("recomputed blocks give the same bits when later layers read the model's input again") {
  for (int again = 1; again <= 9; ++again) {
    INFO(again);
    const auto input = Input({6});
    auto x = SymbolicTensor(input);
    for (int i = 1; i <= 9; ++i) {
      x = Dense({.units = 6, .activation = tanh})(x);
      if (i == again) x = Add()({x, input});
    }
    check_same(Model(input, Dense({.units = 2})(x), {.seed = 2}), RandomStream(1).normal({4, 6}), 0);
  }
}

TEST_CASE("chains of a convolution with a bias and batch normalization are recomputed with biases away from 0") {
  const auto input = Input({6, 5, 3});
  auto x = SymbolicTensor(input);
  for (int i = 0; i < 6; ++i) {
    x = Conv2D({.filters = 4, .kernel_size = 2, .padding = Padding::same})(x);
    x = BatchNormalization({.momentum = 0.5})(x);
    if (i % 2 == 0) x = Activation(relu)(x);
  }
  Model model(input, Dense({.units = 3})(Flatten()(x)), {.seed = 2});
  model.convert(DType::float64);
  std::uint64_t stream = 0;
  for (const Parameter& parameter : model.parameters()) {
    parameter.set_value(RandomStream(11, stream++).uniform(parameter.shape(), 0.5, 2, DType::float64));
  }
  const Tensor images = RandomStream(1).normal({4, 6, 5, 3}, 0, 1, DType::float64);
  check_same(model, images, 0);
  model.layer("batch_normalization_2").set_trainable(false);  // the bias does not cancel there
  model.layer("conv2d_5").set_trainable(false);
  check_same(model, images, 0);
  // the gradient of the bias before a frozen normalization equals differences
  const Parameter bias = model.parameters()[7];
  REQUIRE(bias.name() == "conv2d_2/bias");
  const auto loss = [&](ForwardPass& pass) { return sum(square(model(images, pass))); };
  ForwardPass whole(Mode::training, {.step = 0, .recompute = true});
  const double gradient = whole.backward(loss(whole))[bias].at({1}), step = 1e-6;
  const auto moved = [&](double by) {
    bias.modify([by](Tensor& value) { value.mutable_data<double>()[1] += by; });
    ForwardPass pass(Mode::training, {.step = 0, .recompute = true});
    return loss(pass).value().item();
  };
  const double ahead = moved(step), behind = moved(-2 * step);
  CHECK(gradient == Approx((ahead - behind) / (2 * step)).epsilon(1e-5));
}

TEST_CASE("layers that are shared between blocks get the sum of their gradients") {
  const auto input = Input({7, 6, 8});
  const BatchNormalization shared({.momentum = 0.5});
  auto x = SymbolicTensor(input);
  for (int i = 0; i < 5; ++i) x = block(x, shared);
  Model model(input, Dense({.units = 3})(Flatten()(x)), {.seed = 2});
  model.convert(DType::float64);
  check_same(model, RandomStream(1).normal({4, 7, 6, 8}, 0, 1, DType::float64), 1e-12);  // another order of sums
}

TEST_CASE("a model used as a layer is recomputed block by block, also with several inputs") {
  const auto inner_input = Input({6, 6, 8});
  auto x = SymbolicTensor(inner_input);
  for (int i = 0; i < 4; ++i) x = block(x, BatchNormalization());
  const Model inner(inner_input, x, {.seed = 2});
  const auto a = Input({6, 6, 8}), b = Input({6, 6, 8});
  x = inner(a);
  for (int i = 0; i < 3; ++i) x = block(x, BatchNormalization());
  Model model({a, b}, Flatten()(Add()({x, b})), {.seed = 2});
  const Tensor first = RandomStream(1).normal({2, 6, 6, 8}), second = RandomStream(2).normal({2, 6, 6, 8});
  std::vector<Tensor> results[2];
  for (const bool recompute : {false, true}) {
    ForwardPass pass(Mode::training, {.step = 0, .recompute = recompute});
    const Variable u = pass.watch(first), v = pass.watch(second);
    const Variable y = model.call({u, v}, pass)[0];
    if (recompute) CHECK(std::ranges::count(pass.operations(), "recomputed") >= 2);
    const Gradients of_parameters = pass.backward(y, RandomStream(8).normal(y.shape()));
    std::vector<Tensor>& found = results[recompute ? 1 : 0];
    found = {y.value(), pass.gradient(u), pass.gradient(v)};
    for (const Parameter& parameter : model.parameters()) {
      if (parameter.trainable()) found.push_back(of_parameters[parameter]);
    }
  }
  REQUIRE(results[0].size() == results[1].size());
  for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(largest_difference(results[0][i], results[1][i]) == 0);
}

TEST_CASE("recomputing keeps fewer values, and none when nothing is recorded") {
  Model model = resnet50({.input = {64, 64, 3}, .classes = 6});
  const Tensor images = RandomStream(1).normal({2, 64, 64, 3});
  const auto kept = [&](const PassOptions& options, Mode mode) {
    const auto before = kernels::pool_usage().in_use;
    ForwardPass pass(mode, options);
    const Variable y = model(images, pass);
    return kernels::pool_usage().in_use - before;
  };
  CHECK(kept({.recompute = true}, Mode::training) * 5 < kept({}, Mode::training) * 2);
  const PassOptions plain{.keep_derived = false}, recomputing{.keep_derived = false, .recompute = true};
  CHECK(kept(recomputing, Mode::inference) == kept(plain, Mode::inference));
}

TEST_CASE("a chain is divided so that the kept values and the largest block need the least memory") {
  for (const int layers : {2, 3, 6, 12}) {
    const auto input = Input({1});
    auto x = SymbolicTensor(input);
    for (int i = 0; i < layers; ++i) x = Dense({.units = 1})(x);
    Model model(input, x);
    const std::vector<FusedStep> steps = plan_steps(model.nodes(), model.output_nodes());
    REQUIRE(std::ssize(steps) == layers + 1);  // the input, and one value a layer
    std::vector<std::size_t> last_use;
    for (std::size_t i = 0; i < steps.size(); ++i) last_use.push_back(i + 1);
    const auto memory = [](const std::vector<std::size_t>& ends) {  // one value a step, one kept for each segment
      std::size_t most = 0;
      for (std::size_t i = 0; i < ends.size(); ++i) most = std::max(most, i + ends[i] - (i > 0 ? ends[i - 1] : 0));
      return most;
    };
    std::size_t least = steps.size();
    for (unsigned cuts = 0; cuts < 1U << (layers - 1); ++cuts) {
      std::vector<std::size_t> ends;
      for (int i = 0; i < layers; ++i) {
        if (i == layers - 1 || (cuts >> i & 1U) != 0) ends.push_back(static_cast<std::size_t>(i) + 2);
      }
      least = std::min(least, memory(ends));
    }
    std::vector<std::size_t> ends;
    for (const Segment& segment : plan_segments(steps, model.nodes(), last_use)) {
      ends.push_back(segment.end);
      const std::size_t inside = segment.end - std::max<std::size_t>(segment.begin, 1);
      CHECK(segment.worth_recomputing == (inside > 1 && segment.end < steps.size()));
    }
    CHECK(memory(ends) == least);
  }
}

TEST_CASE("recomputed blocks reject a second derivative with a clear error") {
  ForwardPass pass(Mode::training, {.step = 0});
  const Variable x = pass.watch(Tensor::ones({3}));
  const auto cube = [](const std::vector<Variable>& inputs, ForwardPass&) { return inputs[0] * inputs[0] * inputs[0]; };
  const Variable y = recomputed({x}, {}, cube, pass);
  CHECK(error_of([&] { gradients(sum(y), {x}); }) ==
        "gradients: recomputed has a derivative that can't be differentiated again");
  pass.backward(sum(y));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{3, 3, 3});
}

TEST_CASE("recomputed blocks that detach their output have derivatives of zero") {
  const Tensor ones = Tensor::ones({3});
  ForwardPass pass(Mode::training, {.step = 0});
  const Variable x = pass.watch(ones);
  const auto detached = [](const std::vector<Variable>& inputs, ForwardPass&) {
    return Variable(inputs[0].detached()) * Variable(inputs[0].value());
  };
  const Variable y = recomputed({x}, {}, detached, pass);
  pass.backward(sum(x * x + y));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{2, 2, 2});
}
