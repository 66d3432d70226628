// A training step that fails leaves weights, optimizer and moving averages as they were after the previous step.
#include <cmath>
#include <functional>
#include <limits>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "tests/support/support.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

using test::error_of;

/// Returns its input, and calls a function in the forward pass.
class Probe final : public Layer {
 public:
  explicit Probe(std::function<void()> called) : Layer("probe"), called_(std::move(called)) {}
  std::string type() const override { return "Probe"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override {
    called_();
    return {inputs[0]};
  }

 private:
  std::function<void()> called_;
};

struct Training {
  explicit Training(std::function<void()> in_forward = [] {})
      : model([&] {
          const auto input = Input({3});
          const auto x = BatchNormalization({.momentum = 0.5, .bias_correction = true})(Dense({.units = 4})(input));
          const auto probed = std::make_shared<Probe>(std::move(in_forward))->connect_one({Activation(tanh)(x)});
          return Model(input, Dense({.units = 2})(probed), {.seed = 4});
        }()),
        adam(model.parameters(), {.learning_rate = 0.1}) {}

  std::vector<Tensor> everything() const {
    std::vector<Tensor> all{Tensor::scalar(static_cast<double>(adam.iterations()))};
    for (const Parameter& parameter : model.parameters()) all.push_back(parameter.value());
    for (const auto& [name, slot] : adam.named_state()) all.push_back(slot);
    return all;
  }

  Model model;
  Adam adam;
};

/// Two batches of four.
Dataset data(double last = 0.5) {
  Tensor x = RandomStream(2).normal({8, 3});
  x.mutable_data<float>()[23] = static_cast<float>(last);
  return {x, Tensor::labels({0, 1, 1, 0, 0, 1, 0, 1}), 2};
}

FitOptions options(FitOptions changed = {}) {
  changed.batch_size = 4;
  changed.shuffle = false;
  changed.show_progress = false;
  return changed;
}

std::vector<Tensor> after_one_step() {
  Training training;
  fit(training.model, training.adam, data().rows(0, 4), options());
  return training.everything();
}

void check_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  CHECK(std::ranges::equal(a, b, identical));
}

}  // namespace

TEST_CASE("a loss that is not finite changes nothing") {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Training training;
    CHECK_THAT(error_of([&] { fit(training.model, training.adam, data(bad), options()); }),
               Catch::Contains("expected a finite loss"));
    check_same(training.everything(), after_one_step());
  }
}

TEST_CASE("an exception in the forward pass, in the loss or in the backward pass changes nothing") {
  for (const std::string where : {"forward", "loss", "derivative"}) {
    INFO(where);
    bool fails = false;  // from the second batch on
    const auto fail_in = [&](const std::string& place) {
      if (fails && place == where) fail("not in the {}", place);
    };
    Training training([&] { fail_in("forward"); });
    const Loss probed = test::custom_loss([&](const Variable& y, const Tensor& labels) {
      const Variable value = softmax_cross_entropy(y, labels);
      fail_in("loss");
      return record("probe", value.value(), {{value, [&](const Variable& dy) {
                                                fail_in("derivative");
                                                return dy;
                                              }}});
    });
    const auto first_batch_ends = test::at_batch_end([&](TrainingState&) { fails = true; });
    CHECK_THAT(error_of([&] {
                 fit(training.model, training.adam, data(), options({.loss = probed, .callbacks = {first_batch_ends}}));
               }),
               Catch::Contains("not in the " + where));
    check_same(training.everything(), after_one_step());
  }
}

TEST_CASE("a derivative that is not finite changes nothing when the finite check is on") {
  bool fails = false;
  Training training;
  const Loss probed = test::custom_loss([&](const Variable& y, const Tensor& labels) {
    const Variable value = softmax_cross_entropy(y, labels);
    return record(
        "probe", value.value(),
        {{y, [&fails, y](const Tensor&) { return Tensor::full(y.shape(), fails ? std::nan("") : 0, y.dtype()); }},
         {value, [](const Variable& dy) { return dy; }}});
  });
  const auto first_batch_ends = test::at_batch_end([&](TrainingState&) { fails = true; });
  CHECK(error_of([&] {
          fit(training.model, training.adam, data(),
              options({.loss = probed, .callbacks = {first_batch_ends}, .check_finite = true}));
        }) == "step 1, layer loss, probe: expected a finite derivative number 0, got (4, 2): none of 8 finite");
  check_same(training.everything(), after_one_step());
}

TEST_CASE("an exception of a callback does not undo completed steps") {
  Training training;
  const auto thrower = test::at_batch_end([](TrainingState& run) {
    if (run.batch == 1) fail("callback");
  });
  CHECK(error_of([&] { fit(training.model, training.adam, data(), options({.callbacks = {thrower}})); }) == "callback");
  check_same(training.everything(), after_one_step());
}

TEST_CASE("moving averages change with the step and not before") {
  Training training;
  ForwardPass pass(Mode::training);
  const std::vector<Tensor> before = training.everything();
  const Variable loss =
      softmax_cross_entropy(training.model(data().rows(0, 4).input(), pass), Tensor::labels({0, 1, 1, 0}));
  const Gradients gradients = pass.backward(loss);
  check_same(training.everything(), before);
  training.adam.step(gradients);
  check_same(training.everything(), after_one_step());
}

}  // namespace xtape
