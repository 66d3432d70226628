// What all optimizers share: which parameters they change, clipping, state, and errors.
#include "optim/optimizer.hpp"

#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

Parameter parameter_of(const std::string& name, const std::vector<double>& values, bool trainable = true) {
  return {name, Tensor::of({static_cast<std::int64_t>(values.size())}, values, DType::float64), trainable};
}

void set_gradient(const Parameter& parameter, const std::vector<double>& values) {
  parameter.add_gradient(Tensor::of(parameter.shape(), values, parameter.dtype()));
}

TEST_CASE("a step changes what has a gradient, clears the gradients and counts") {
  const Parameter a = parameter_of("a", {1, 2});
  const Parameter b = parameter_of("b", {5});
  const Parameter fixed = parameter_of("fixed", {7}, false);
  SGD sgd({a, fixed, b}, {.learning_rate = 0.5});
  CHECK(sgd.parameters().size() == 2);
  set_gradient(a, {2, -4});
  sgd.step();
  CHECK(a.value().to_vector() == std::vector<double>{0, 4});
  CHECK(b.value().to_vector() == std::vector<double>{5});
  CHECK(fixed.value().to_vector() == std::vector<double>{7});
  CHECK_FALSE(a.gradient().defined());
  CHECK(sgd.iterations() == 1);
}

TEST_CASE("values handed out before a step stay as they were") {
  const Parameter p = parameter_of("p", {1, 2});
  const Tensor before = p.value();
  p.add_gradient(p.value());  // the gradient may share the value's storage, as that of sum(p^2) / 2 can
  SGD sgd({p}, {.learning_rate = 0.5});
  sgd.step();
  CHECK(before.to_vector() == std::vector<double>{1, 2});
  CHECK(p.value().to_vector() == std::vector<double>{0.5, 1});
}

TEST_CASE("going back and stepping at once gives the numbers of one after the other") {
  for (const double clip_norm : {0.0, 0.1}) {
    const auto train = [&](bool at_once) {
      const Parameter w = parameter_of("w", {1, -2, 0.5});
      const Parameter b = parameter_of("b", {0.25});
      const Parameter unused = parameter_of("unused", {3});
      const Parameter other = parameter_of("other", {4});  // not the optimizer's
      Adam adam({w, b, unused}, {.learning_rate = 0.1, .clip_norm = clip_norm});
      for (int i = 0; i < 4; ++i) {
        if (i == 2) set_gradient(unused, {2});   // of a pass before
        if (i == 3) set_gradient(w, {1, 2, 3});  // adds to this one's
        ForwardPass pass(Mode::training);
        const Variable p = pass.parameter(w);
        const Variable loss = sum(p * p * (pass.parameter(b) + p)) * pass.parameter(other);
        if (at_once) {
          adam.backward_and_step(pass, loss);
        } else {
          pass.backward(loss);
          adam.step();
        }
        CHECK_FALSE(w.gradient().defined());
        CHECK_FALSE(unused.gradient().defined());
        CHECK(other.gradient().defined());
      }
      CHECK(adam.iterations() == 4);
      std::vector<std::vector<double>> all;
      for (const Parameter& parameter : {w, b, unused, other}) all.push_back(parameter.value().to_vector());
      for (const auto& [name, slot] : adam.named_state()) all.push_back(slot.to_vector());
      return all;
    };
    CHECK(train(true) == train(false));
  }
}

TEST_CASE("a loss that none of the optimizer's parameters has a part in is refused") {
  const Parameter a = parameter_of("a", {1}), b = parameter_of("b", {2});
  SGD sgd({a}, {.learning_rate = 1});
  ForwardPass pass(Mode::training);
  const Variable loss = sum(pass.parameter(b));
  CHECK(error_of([&] { sgd.backward_and_step(pass, loss); }) ==
        "SGD::backward_and_step: expected a loss that depends on one of the 1 parameters, got one that does not");
  CHECK(sgd.iterations() == 0);
}

TEST_CASE("gradients are clipped by the norm of all of them together") {
  const Parameter a = parameter_of("a", {0});
  const Parameter b = parameter_of("b", {0, 0});
  SGD sgd({a, b}, {.learning_rate = 1, .clip_norm = 6.5});
  set_gradient(a, {3});
  set_gradient(b, {4, 12});  // norm 13, twice what is allowed
  sgd.step();
  CHECK(sgd.gradient_norm() == 13);
  CHECK(a.value().to_vector() == std::vector<double>{-1.5});
  CHECK(b.value().to_vector() == std::vector<double>{-2, -6});
  set_gradient(b, {0.25, 0});  // short enough: left as it is
  sgd.step();
  CHECK(sgd.gradient_norm() == 0.25);
  CHECK(b.value().to_vector() == std::vector<double>{-2.25, -6});
}

TEST_CASE("the norm for clipping is exact over many pieces and in float32") {
  const Parameter p("p", Tensor::zeros({100003}), true);
  p.add_gradient(Tensor::full({100003}, 0.1));
  SGD sgd({p}, {.learning_rate = 1, .clip_norm = 1});
  sgd.step();
  CHECK(sgd.gradient_norm() == Approx(static_cast<double>(0.1F) * std::sqrt(100003.0)).epsilon(1e-12));
  CHECK(p.value().at({99999}) == Approx(-1 / std::sqrt(100003.0)));
}

TEST_CASE("the norm for clipping is right where squares of float64 overflow or underflow") {
  for (const double size : {1e308 / 5, 1e160, 1e-160, 1e-300}) {
    const Parameter a("a", Tensor::of({1}, {1.0}, DType::float64), true);
    const Parameter b("b", Tensor::of({2}, {1.0, 1.0}, DType::float64), true);
    SGD sgd({a, b}, {.learning_rate = 1 / size, .clip_norm = size});
    a.add_gradient(Tensor::of({1}, {3 * size}, DType::float64));
    b.add_gradient(Tensor::of({2}, {0, -4 * size}, DType::float64));
    sgd.step();
    CHECK(sgd.gradient_norm() / size == Approx(5).epsilon(1e-14));
    CHECK(a.value().item() == Approx(1 - 0.6).epsilon(1e-14));
    CHECK(b.value().at({1}) == Approx(1 + 0.8).epsilon(1e-14));
  }
}

TEST_CASE("clipping refuses gradients that are not finite and changes nothing") {
  const Parameter a = parameter_of("a", {1});
  const Parameter b = parameter_of("b", {2, 3});
  SGD sgd({a, b}, {.learning_rate = 1, .clip_norm = 1});
  set_gradient(a, {5});
  set_gradient(b, {0, std::numeric_limits<double>::infinity()});
  CHECK(error_of([&] { sgd.step(); }) ==
        "SGD::step: expected gradients of finite norm, got one of norm inf for b at step 0; nothing was changed; lower "
        "the learning rate, or find the op with PassOptions::check_finite");
  CHECK(a.value().item() == 1);
  CHECK(b.value().to_vector() == std::vector<double>{2, 3});
  CHECK(sgd.iterations() == 0);
  b.clear_gradient();
  set_gradient(b, {std::numeric_limits<double>::quiet_NaN(), 0});
  CHECK_THAT(error_of([&] { sgd.step(); }), Catch::Contains("got one of norm nan for b"));
  b.clear_gradient();
  sgd.step();
  CHECK(a.value().item() == 0);
}

TEST_CASE("L2 weight decay is added to the clipped gradient") {
  const Parameter p = parameter_of("p", {10});
  SGD sgd({p}, {.learning_rate = 0.1, .weight_decay = 0.5, .clip_norm = 1});
  set_gradient(p, {4});
  sgd.step();
  CHECK(p.value().item() == Approx(10 - 0.1 * (1 + 0.5 * 10)));
}

TEST_CASE("the learning rate follows its schedule and can be set") {
  const Parameter p = parameter_of("p", {0});
  SGD sgd({p}, {.learning_rate = schedule::piecewise({0}, {1, 0.25})});
  CHECK(sgd.learning_rate() == 1);
  for (int i = 0; i < 2; ++i) {
    set_gradient(p, {1});
    sgd.step();
  }
  CHECK(p.value().item() == -1.25);
  CHECK(sgd.learning_rate() == 0.25);
  sgd.set_learning_rate(3);
  CHECK(sgd.learning_rate() == 3);
}

TEST_CASE("what an optimizer remembers stays when the parameter is converted") {
  const Parameter p("p", Tensor::scalar(1));
  SGD sgd({p}, {.learning_rate = 0.5, .momentum = 0.5});
  p.add_gradient(Tensor::scalar(1));
  sgd.step();  // v = -0.5
  p.set_value(p.value().to(DType::float64));
  p.add_gradient(Tensor::scalar(1, DType::float64));
  sgd.step();  // v = -0.25 - 0.5
  CHECK(p.value().item() == -0.25);
}

TEST_CASE("a run that is restored goes on as if nothing had happened") {
  const auto run = [](Adam& adam, const Parameter& p, int from, int to) {
    for (int i = from; i < to; ++i) {
      set_gradient(p, {std::sin(i), 0.1 * i});
      adam.step();
    }
  };
  const Parameter whole = parameter_of("p", {1, 2});
  Adam uninterrupted({whole}, {});
  run(uninterrupted, whole, 0, 7);

  const Parameter first = parameter_of("p", {1, 2});
  Adam before({first}, {});
  run(before, first, 0, 3);
  const auto state = before.named_state();
  const Parameter second("p", first.value());
  run(before, first, 3, 5);  // what was saved must not change with what goes on
  Adam after({second}, {});
  after.restore(3, state);
  run(after, second, 3, 7);
  CHECK(identical(whole.value(), second.value()));
  CHECK(after.iterations() == 7);
}

TEST_CASE("state has the parameters' names, once each") {
  Adam adam({parameter_of("conv/kernel", {1}), parameter_of("same", {1}), parameter_of("same", {1})});
  std::vector<std::string> names;
  for (const auto& [name, tensor] : adam.named_state()) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"conv/kernel/m", "conv/kernel/v", "same/m", "same/v", "same_2/m", "same_2/v"});
}

TEST_CASE("a model that is converted takes its optimizer along") {
  const Parameter p("p", Tensor::of({1}, {1}));
  Adam adam({p}, {.learning_rate = 0.1});
  p.set_value(p.value().to(DType::float64));
  set_gradient(p, {2});
  adam.step();
  CHECK(p.value().dtype() == DType::float64);
  CHECK(p.value().item() == Approx(0.9).epsilon(1e-6));
  CHECK(adam.named_state()[0].second.dtype() == DType::float64);
}

TEST_CASE("a parameter that is unfrozen after the optimizer was made is no silent loss") {
  const Parameter p = parameter_of("p", {1}), frozen = parameter_of("frozen", {1}, false);
  SGD sgd({p, frozen});
  set_gradient(p, {1});
  sgd.step();
  frozen.set_trainable(true);
  set_gradient(p, {1});
  sgd.step();  // nobody asked for the derivative of the other one
  set_gradient(p, {1});
  set_gradient(frozen, {1});
  const std::string expected =
      "SGD: expected parameters that were trainable when it was made, got frozen, which was frozen then and is not "
      "now; "
      "make a new optimizer after set_trainable()";
  CHECK(error_of([&] { sgd.step(); }) == expected);
  CHECK(sgd.iterations() == 2);
  for (const double clip_norm : {0.0, 1.0}) {
    frozen.set_trainable(false);
    SGD other({p, frozen}, {.clip_norm = clip_norm});
    frozen.set_trainable(true);
    ForwardPass pass(Mode::training);
    const Variable loss = sum(pass.parameter(p) * pass.parameter(frozen));
    CHECK(error_of([&] { other.backward_and_step(pass, loss); }) == expected);
    CHECK(other.iterations() == 0);
  }
  frozen.set_trainable(false);
  CHECK(error_of([&] { SGD({frozen}); }) ==
        "SGD: expected at least one trainable parameter, got 1 that are all frozen; call set_trainable(true) first");
}

TEST_CASE("a custom loop may give what was unfrozen to a second optimizer, in any order") {
  const Parameter head = parameter_of("head", {1}), backbone = parameter_of("backbone", {2}, false);
  SGD of_head({head, backbone}, {.learning_rate = 1});
  backbone.set_trainable(true);
  const auto all = [&] {
    set_gradient(head, {1});
    set_gradient(backbone, {1});
  };
  {
    SGD of_backbone({backbone}, {.learning_rate = 1});
    all();
    of_head.step();
    of_backbone.step();
    ForwardPass pass(Mode::training);
    of_head.backward_and_step(pass, sum(pass.parameter(head) + pass.parameter(backbone)));
    of_backbone.step();
    CHECK(head.value().item() == -1);  // 1 - 1 - 1
    CHECK(backbone.value().item() == 0);
    CHECK_THAT(error_of([&] { of_head.check_unfrozen(); }), Catch::Contains("got backbone"));  // as fit asks
  }
  all();  // the second one has gone
  CHECK_THAT(error_of([&] { of_head.step(); }), Catch::Contains("got backbone"));
  CHECK_THAT(error_of([&] { SGD({backbone}, {.momentum = 2}); }), Catch::Contains("momentum"));
  CHECK_THAT(error_of([&] { of_head.step(); }), Catch::Contains("got backbone"));
}

TEST_CASE("what optimizers refuse") {
  const Parameter p = parameter_of("p", {1, 2});
  CHECK(error_of([&] { SGD({}, {}); }) ==
        "SGD: expected at least one trainable parameter, got none; pass model.parameters()");
  CHECK(error_of([&] { SGD({p, p}, {}); }) == "SGD: expected each parameter once, got p twice");
  CHECK(error_of([&] { SGD({p}, {.clip_norm = -1}); }) == "SGD: expected a finite clip_norm of at least 0, got -1");
  CHECK(error_of([&] { SGD({p}, {.weight_decay = -1}); }) ==
        "SGD: expected a finite weight_decay of at least 0, got -1");
  Adam adam({p});
  CHECK(error_of([&] { adam.step(); }) ==
        "Adam::step: expected gradients, got none in any of the 1 parameters; did backward run?");
  CHECK(adam.iterations() == 0);
  auto state = adam.named_state();
  CHECK(error_of([&] { adam.restore(-1, state); }) == "Adam::restore: expected at least 0 iterations, got -1");
  CHECK(error_of([&] { adam.restore(0, {}); }) == "Adam::restore: expected 2 tensors, got 0");
  state[1].first = "q/v";
  CHECK(error_of([&] { adam.restore(0, state); }) ==
        "Adam::restore: expected a tensor p/v, got none; is it the state of another model?");
  state[1] = {"p/v", Tensor::zeros({3})};
  CHECK(error_of([&] { adam.restore(0, state); }) ==
        "Adam::restore: expected floating p/v of shape (2,), got float32 (3,)");
}

}  // namespace
}  // namespace xtape
