// Behaviour of all optimizers: which parameters they change, clipping, state, and errors.
#include "optim/optimizer.hpp"

#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/optim/parameters.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::gradients_of;
using test::parameter_of;

TEST_CASE("a step changes the parameters with gradients and is counted") {
  const Parameter a = parameter_of("a", {1, 2});
  const Parameter b = parameter_of("b", {5});
  const Parameter fixed = parameter_of("fixed", {7}, false);
  const Parameter other = parameter_of("other", {8});  // not a parameter of the optimizer
  SGD sgd({a, fixed, b}, {.learning_rate = 0.5});
  CHECK(sgd.parameters().size() == 3);
  CHECK((sgd.has(fixed) && !sgd.has(other)));
  sgd.step(gradients_of({{a, {2, -4}}, {other, {1}}}));
  CHECK(a.value().to_vector() == std::vector<double>{0, 4});
  CHECK(b.value().to_vector() == std::vector<double>{5});
  CHECK(fixed.value().to_vector() == std::vector<double>{7});
  CHECK(other.value().to_vector() == std::vector<double>{8});
  CHECK(sgd.iterations() == 1);
}

TEST_CASE("values returned before a step are unchanged") {
  const Parameter p = parameter_of("p", {1, 2});
  const Tensor before = p.value();
  Gradients gradients;
  gradients.add(p, p.value());  // the gradient may share the value's storage, as that of sum(p^2) / 2 can
  SGD sgd({p}, {.learning_rate = 0.5});
  sgd.step(gradients);
  CHECK(before.to_vector() == std::vector<double>{1, 2});
  CHECK(p.value().to_vector() == std::vector<double>{0.5, 1});
  CHECK(gradients[p].to_vector() == std::vector<double>{1, 2});
}

TEST_CASE("minimize gives the same numbers as a backward pass and a step") {
  const std::vector<AdamOptions> all{
      {.learning_rate = 0.1}, {.learning_rate = 0.1, .clip_norm = 0.1}, {.learning_rate = 0.1, .clip_value = 0.1}};
  for (const AdamOptions& options : all) {
    const auto train = [&](bool streaming) {
      const Parameter w = parameter_of("w", {1, -2, 0.5});
      const Parameter b = parameter_of("b", {0.25});
      const Parameter unused = parameter_of("unused", {3});
      const Parameter other = parameter_of("other", {4});  // not a parameter of the optimizer
      const Parameter count = parameter_of("count", {0}, false);
      Adam adam({w, b, unused}, options);
      for (int i = 0; i < 4; ++i) {
        ForwardPass pass(Mode::training);
        const Variable p = pass.parameter(w);
        const Variable loss = sum(p * p * (pass.parameter(b) + p)) * pass.parameter(other);
        pass.update(count, [](const Tensor& old) { return (Variable(old) + 1.0).value(); });
        if (streaming) {
          adam.minimize(loss, pass);
        } else {
          adam.step(pass.backward(loss));
        }
      }
      CHECK(adam.iterations() == 4);
      CHECK(count.value().item() == 4);
      std::vector<std::vector<double>> numbers;
      for (const Parameter& parameter : {w, b, unused, other}) numbers.push_back(parameter.value().to_vector());
      for (const auto& [name, slot] : adam.named_state()) numbers.push_back(slot.to_vector());
      return numbers;
    };
    CHECK(train(true) == train(false));
  }
}

TEST_CASE("minimize changes a value in place when it has no other holder") {
  const Parameter p = parameter_of("p", {1, 2}), q = parameter_of("q", {3, 4});
  SGD sgd({p, q}, {.learning_rate = 0.5});
  const double* const before = p.value().data<double>();
  ForwardPass pass(Mode::training);
  const Variable loss = sum(pass.parameter(p) * pass.parameter(q));
  sgd.minimize(loss, pass);
  CHECK(p.value().data<double>() == before);
  CHECK(p.value().to_vector() == std::vector<double>{-0.5, 0});
}

TEST_CASE("a loss that depends on none of the optimizer's parameters is rejected") {
  const Parameter a = parameter_of("a", {1}), b = parameter_of("b", {2}), count = parameter_of("count", {0}, false);
  SGD sgd({a}, {.learning_rate = 1});
  ForwardPass pass(Mode::training);
  pass.update(count, [](const Tensor& old) { return (Variable(old) + 1.0).value(); });
  const Variable loss = sum(pass.parameter(b));
  CHECK(error_of([&] { sgd.minimize(loss, pass); }) ==
        "SGD::minimize: expected a loss that depends on a parameter of the optimizer, got one that does not");
  CHECK(sgd.iterations() == 0);
  CHECK(count.value().item() == 0);
}

TEST_CASE("a step that fails changes no weight, no slot and no state") {
  const Parameter a = parameter_of("a", {1}), b = parameter_of("b", {2}), count = parameter_of("count", {0}, false);
  for (const double clip_norm : {0.0, 1.0}) {
    Adam adam({a, b}, {.learning_rate = 1, .clip_norm = clip_norm});
    const auto unchanged = [&] {
      bool same = a.value().item() == 1 && b.value().item() == 2 && count.value().item() == 0;
      for (const auto& [name, slot] : adam.named_state()) same = same && slot.item() == 0;
      return same && adam.iterations() == 0;
    };
    const auto announce = [&](ForwardPass& pass) {
      pass.update(count, [](const Tensor& old) { return (Variable(old) + 1.0).value(); });
      return sum(pass.parameter(a) * pass.parameter(b));
    };
    {
      ForwardPass pass(Mode::training);  // destroyed without a step, as by an exception in the forward pass
      announce(pass);
    }
    CHECK(unchanged());
    {
      ForwardPass pass(Mode::training);
      const Variable y = announce(pass);
      const Variable loss = record("fails", y.value(), {{y, [](const Tensor&) -> Tensor { fail("not today"); }}});
      CHECK(error_of([&] { adam.step(pass.backward(loss)); }) == "not today");
    }
    CHECK(unchanged());
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      ForwardPass pass(Mode::training);
      const Variable loss = announce(pass) * bad;
      CHECK_THAT(error_of([&] { adam.minimize(loss, pass); }),
                 Catch::Contains("Adam::minimize: expected a finite loss"));
      CHECK(unchanged());
    }
    for (const bool streaming : {true, false}) {
      ForwardPass pass(Mode::training);
      const Variable loss = announce(pass);
      pass.update(count, [](const Tensor&) -> Tensor { fail("no new value"); });
      CHECK(error_of([&] { streaming ? adam.minimize(loss, pass) : adam.step(pass.backward(loss)); }) ==
            "no new value");
      CHECK(unchanged());
    }
    Gradients narrow;
    a.set_value(a.value().to(DType::float32));
    narrow.add(a, Tensor::ones({1}));
    a.set_value(a.value().to(DType::float64));  // converted between the backward pass and the step
    CHECK(error_of([&] { adam.step(narrow); }) ==
          "Gradients: expected a gradient (1,) float64 for a, got (1,) float32");
    CHECK(unchanged());
  }
}

TEST_CASE("state updates are written once, by the first optimizer that steps") {
  const Parameter a = parameter_of("a", {1}), b = parameter_of("b", {2}), count = parameter_of("count", {0}, false);
  SGD first({a}), second({b});
  ForwardPass pass(Mode::training);
  pass.update(count, [](const Tensor& old) { return (Variable(old) + 1.0).value(); });
  const Gradients gradients = pass.backward(sum(pass.parameter(a) * pass.parameter(b)));
  CHECK(count.value().item() == 0);
  first.step(gradients);
  CHECK(count.value().item() == 1);
  second.step(gradients);
  pass.commit();
  CHECK(count.value().item() == 1);
}

TEST_CASE("gradients are clipped by the norm of all of them together") {
  const Parameter a = parameter_of("a", {0});
  const Parameter b = parameter_of("b", {0, 0});
  SGD sgd({a, b}, {.learning_rate = 1, .clip_norm = 6.5});
  sgd.step(gradients_of({{a, {3}}, {b, {4, 12}}}));  // norm 13, twice the limit
  CHECK(sgd.gradient_norm() == 13);
  CHECK(a.value().to_vector() == std::vector<double>{-1.5});
  CHECK(b.value().to_vector() == std::vector<double>{-2, -6});
  sgd.step(gradients_of({{b, {0.25, 0}}}));  // below the limit: unchanged
  CHECK(sgd.gradient_norm() == 0.25);
  CHECK(b.value().to_vector() == std::vector<double>{-2.25, -6});
}

TEST_CASE("the elements of gradients are clipped by clip_value") {
  const Parameter p = parameter_of("p", {0, 0, 0, 10});
  SGD sgd({p}, {.learning_rate = 1, .weight_decay = 0.5, .clip_value = 2});
  sgd.step(gradients_of({{p, {3, -5, 1.5, -2}}}));
  CHECK(p.value().to_vector() == std::vector<double>{-2, 2, -1.5, 10 + 2 - 5});
  CHECK(sgd.gradient_norm() == 0);
  CHECK(error_of([&] { SGD({p}, {.clip_norm = 1, .clip_value = 1}); }) ==
        "SGD: expected clip_norm or clip_value, got both");
  CHECK(error_of([&] { SGD({p}, {.clip_value = -1}); }) == "SGD: expected a finite clip_value of at least 0, got -1");
}

TEST_CASE("the norm for clipping is exact over many pieces and in float32") {
  const Parameter p("p", Tensor::zeros({100003}), true);
  Gradients gradients;
  gradients.add(p, Tensor::full({100003}, 0.1));
  SGD sgd({p}, {.learning_rate = 1, .clip_norm = 1});
  sgd.step(gradients);
  CHECK(sgd.gradient_norm() == Approx(static_cast<double>(0.1F) * std::sqrt(100003.0)).epsilon(1e-12));
  CHECK(p.value().at({99999}) == Approx(-1 / std::sqrt(100003.0)));
}

TEST_CASE("the norm for clipping is right where squares of float64 overflow or underflow") {
  for (const double size : {1e308 / 5, 1e160, 1e-160, 1e-300}) {
    const Parameter a("a", Tensor::of({1}, {1.0}, DType::float64), true);
    const Parameter b("b", Tensor::of({2}, {1.0, 1.0}, DType::float64), true);
    SGD sgd({a, b}, {.learning_rate = 1 / size, .clip_norm = size});
    sgd.step(gradients_of({{a, {3 * size}}, {b, {0, -4 * size}}}));
    CHECK(sgd.gradient_norm() / size == Approx(5).epsilon(1e-14));
    CHECK(a.value().item() == Approx(1 - 0.6).epsilon(1e-14));
    CHECK(b.value().at({1}) == Approx(1 + 0.8).epsilon(1e-14));
  }
}

TEST_CASE("float32 gradients are clipped by factors below the normal numbers of float32") {
  for (const double norm : {1e-3, 1e-5, 1e-7}) {
    const Parameter p("p", Tensor::zeros({2}));
    SGD sgd({p}, {.learning_rate = 1 / norm, .clip_norm = norm});
    Gradients gradients;
    gradients.add(p, Tensor::full({2}, 3e38));
    sgd.step(gradients);
    CHECK(p.value().at({0}) == Approx(-std::sqrt(0.5)).epsilon(1e-6));
  }
}

TEST_CASE("clipping rejects gradients that are not finite and changes nothing") {
  const Parameter a = parameter_of("a", {1});
  const Parameter b = parameter_of("b", {2, 3});
  SGD sgd({a, b}, {.learning_rate = 1, .clip_norm = 1});
  const auto step = [&](double bad) { sgd.step(gradients_of({{a, {5}}, {b, {0, bad}}})); };
  CHECK(error_of([&] { step(std::numeric_limits<double>::infinity()); }) ==
        "SGD, step 0: expected gradients of finite norm, got one of norm inf for b; nothing was changed; lower the "
        "learning rate, or find the op with FiniteCheck");
  CHECK(a.value().item() == 1);
  CHECK(b.value().to_vector() == std::vector<double>{2, 3});
  CHECK(sgd.iterations() == 0);
  CHECK(error_of([&] { step(std::numeric_limits<double>::quiet_NaN()); }) ==
        "SGD, step 0: expected gradients of finite norm, got one of norm nan for b; nothing was changed; lower the "
        "learning rate, or find the op with FiniteCheck");
  sgd.step(gradients_of({{a, {5}}}));
  CHECK(a.value().item() == 0);
}

TEST_CASE("L2 weight decay is added to the clipped gradient") {
  const Parameter p = parameter_of("p", {10});
  SGD sgd({p}, {.learning_rate = 0.1, .weight_decay = 0.5, .clip_norm = 1});
  sgd.step(gradients_of({{p, {4}}}));
  CHECK(p.value().item() == Approx(10 - 0.1 * (1 + 0.5 * 10)));
}

TEST_CASE("the learning rate follows its schedule and can be set") {
  const Parameter p = parameter_of("p", {0});
  SGD sgd({p}, {.learning_rate = schedule::piecewise({0}, {1, 0.25})});
  CHECK(sgd.learning_rate() == 1);
  for (int i = 0; i < 2; ++i) sgd.step(gradients_of({{p, {1}}}));
  CHECK(p.value().item() == -1.25);
  CHECK(sgd.learning_rate() == 0.25);
  sgd.set_learning_rate(3);
  CHECK(sgd.learning_rate() == 3);
}

TEST_CASE("a schedule is called once for each step, and its failure changes nothing") {
  const Parameter a = parameter_of("a", {1}), b = parameter_of("b", {2});
  int calls = 0;
  SGD sgd({a, b}, {.learning_rate = LearningRate([&calls](std::int64_t i) {
                     ++calls;
                     return i < 1 ? 0.5 : -1;  // a rate below 0 is an Error
                   })});
  const auto minimize = [&] {
    ForwardPass pass(Mode::training);
    sgd.minimize(sum(pass.parameter(a) + pass.parameter(b)), pass);
  };
  minimize();
  CHECK(calls == 1);
  CHECK(error_of([&] {
          sgd.step(gradients_of({{a, {1}}, {b, {1}}}));
        }) == "LearningRate: expected the schedule to give a finite number of at least 0, got -1 at iteration 1");
  CHECK(error_of([&] { minimize(); }) ==
        "LearningRate: expected the schedule to give a finite number of at least 0, got -1 at iteration 1");
  CHECK((a.value().item() == 0.5 && b.value().item() == 1.5));
}

TEST_CASE("the state of an optimizer is kept when a parameter is converted") {
  const Parameter p("p", Tensor::scalar(1));
  SGD sgd({p}, {.learning_rate = 0.5, .momentum = 0.5});
  sgd.step(gradients_of({{p, {1}}}));  // v = -0.5
  p.set_value(p.value().to(DType::float64));
  sgd.step(gradients_of({{p, {1}}}));  // v = -0.25 - 0.5
  CHECK(p.value().item() == -0.25);
}

TEST_CASE("a restored run continues exactly as without interruption") {
  const auto run = [](Adam& adam, const Parameter& p, int from, int to) {
    for (int i = from; i < to; ++i) adam.step(gradients_of({{p, {std::sin(i), 0.1 * i}}}));
  };
  const Parameter whole = parameter_of("p", {1, 2});
  Adam uninterrupted({whole}, {});
  run(uninterrupted, whole, 0, 7);

  const Parameter first = parameter_of("p", {1, 2});
  Adam before({first}, {});
  run(before, first, 0, 3);
  const auto state = before.named_state();
  const Parameter second("p", first.value());
  run(before, first, 3, 5);  // saved state must not change with later steps
  Adam after({second}, {});
  after.restore(3, state);
  run(after, second, 3, 7);
  CHECK(identical(whole.value(), second.value()));
  CHECK(after.iterations() == 7);
}

TEST_CASE("state is stored by parameter name, each once") {
  Adam adam({parameter_of("conv/kernel", {1}), parameter_of("same", {1}), parameter_of("same", {1})});
  std::vector<std::string> names;
  for (const auto& [name, tensor] : adam.named_state()) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"conv/kernel/m", "conv/kernel/v", "same/m", "same/v", "same_2/m", "same_2/v"});
  Adam numbered({parameter_of("w", {1}), parameter_of("w", {1}), parameter_of("w_2", {1}), parameter_of("w", {1})});
  names.clear();
  for (const auto& [name, tensor] : numbered.named_state()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"w/m", "w/v", "w_3/m", "w_3/v", "w_2/m", "w_2/v", "w_4/m", "w_4/v"});
  const Parameter other = parameter_of("other", {1});
  CHECK(error_of([&] { adam.state_names(other); }) == "Adam::state_names: expected one of its parameters, got other");
  CHECK(error_of([&] { adam.keep_slots_of({other}); }) == "Adam::keep_slots_of: expected its parameters, got other");
}

TEST_CASE("converting a model converts its optimizer") {
  const Parameter p("p", Tensor::of({1}, {1}));
  Adam adam({p}, {.learning_rate = 0.1});
  p.set_value(p.value().to(DType::float64));
  adam.step(gradients_of({{p, {2}}}));
  CHECK(p.value().dtype() == DType::float64);
  CHECK(p.value().item() == Approx(0.9).epsilon(1e-6));
  CHECK(adam.named_state()[0].second.dtype() == DType::float64);
}

TEST_CASE("a parameter that is unfrozen after the optimizer was made is trained from then on") {
  const auto run = [](bool streaming) {
    const Parameter p = parameter_of("p", {1}), late = parameter_of("late", {1}, false);
    Adam adam({p, late}, {.learning_rate = 0.5});
    const auto step = [&] {
      ForwardPass pass(Mode::training);
      const Variable loss = sum(pass.parameter(p) * pass.parameter(late) * 2.0);
      streaming ? adam.minimize(loss, pass) : adam.step(pass.backward(loss));
    };
    step();
    CHECK(late.value().item() == 1);
    CHECK(adam.named_state().size() == 2);
    late.set_trainable(true);
    step();
    CHECK(late.value().item() != 1);
    CHECK(adam.named_state().size() == 4);
    // its moments begin with its first gradient, at the optimizer's second step: m = 0.1 g, v = 0.001 g^2
    const double g = adam.named_state()[2].second.item() / 0.1;
    CHECK(adam.named_state()[3].second.item() == Approx(0.001 * g * g));
    const double rate = 0.5 * std::sqrt(1 - 0.999 * 0.999) / (1 - 0.9 * 0.9);
    CHECK(late.value().item() == Approx(1 - rate * 0.1 * g / (std::sqrt(0.001) * std::abs(g) + 1e-7)));
  };
  run(true);
  run(false);
}

TEST_CASE("restoring adds or removes the state of unfrozen parameters as it was saved") {
  const auto make = [] { return std::vector{parameter_of("p", {1}), parameter_of("late", {1}, false)}; };
  const std::vector<Parameter> first = make(), second = make();
  SGD sgd(first, {.momentum = 0.5}), other(second, {.momentum = 0.5});
  sgd.step(gradients_of({{first[0], {1}}}));
  const auto early = sgd.named_state();
  sgd.step(gradients_of({{first[0], {1}}, {first[1], {3}}}));
  const auto later = sgd.named_state();
  REQUIRE(later.size() == 2);
  other.restore(2, later);
  REQUIRE(other.named_state().size() == 2);
  CHECK(identical(other.named_state()[1].second, later[1].second));
  other.restore(1, early);
  CHECK(other.named_state().size() == 1);
  CHECK(error_of([&] { other.restore(1, {later[1]}); }) ==
        "SGD::restore: expected a tensor p/v, got none; is it the state of another model?");
  auto more = later;
  more.emplace_back("q/v", Tensor::zeros({1}));
  CHECK(error_of([&] { other.restore(1, more); }) ==
        "SGD::restore: expected the state of its parameters, got a tensor q/v");
  CHECK(other.named_state().size() == 1);
}

TEST_CASE("invalid optimizer options are rejected") {
  const Parameter p = parameter_of("p", {1, 2});
  CHECK(error_of([&] { SGD({}, {}); }) == "SGD: expected at least one parameter, got none; pass model.parameters()");
  CHECK(error_of([&] { SGD({p, p}, {}); }) == "SGD: expected each parameter once, got p twice");
  CHECK(error_of([&] { SGD({p}, {.clip_norm = -1}); }) == "SGD: expected a finite clip_norm of at least 0, got -1");
  CHECK(error_of([&] { SGD({p}, {.weight_decay = -1}); }) ==
        "SGD: expected a finite weight_decay of at least 0, got -1");
  Adam adam({p});
  CHECK(error_of([&] { adam.step(Gradients()); }) ==
        "Adam::step: expected gradients of its parameters, got none for any of the 1");
  CHECK(adam.iterations() == 0);
  auto state = adam.named_state();
  CHECK(error_of([&] { adam.restore(-1, state); }) == "Adam::restore: expected at least 0 iterations, got -1");
  CHECK(error_of([&] { adam.restore(0, {}); }) ==
        "Adam::restore: expected a tensor p/m, got none; is it the state of another model?");
  state[1].first = "q/v";
  CHECK(error_of([&] { adam.restore(0, state); }) ==
        "Adam::restore: expected a tensor p/v, got none; is it the state of another model?");
  state[1] = {"p/v", Tensor::zeros({3})};
  CHECK(error_of([&] { adam.restore(0, state); }) ==
        "Adam::restore: expected floating p/v of shape (2,), got float32 (3,)");
}

TEST_CASE("a gradient that is not finite is an Error and is never written") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const std::string advice =
      "; lower the learning rate, look for a function without a finite derivative, such as sqrt at 0, or find the op "
      "with check_finite (FiniteCheck in a custom loop)";
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const double wrong : {nan, inf, -inf}) {
      const Parameter a("a", Tensor::ones({3}, dtype)), b("b", Tensor::ones({3}, dtype));
      Adam adam({a, b}, {.learning_rate = 0.1});
      Gradients gradients;
      gradients.add(a, Tensor::ones({3}, dtype));
      gradients.add(b, Tensor::of({3}, {1, wrong, 1}, dtype));
      CHECK(error_of([&] { adam.step(gradients); }) ==
            "Adam, step 0: expected finite gradients, got b with (3,): min 1, mean 1, max 1, 1 of 3 not finite" +
                advice);
      CHECK(a.value().to_vector() == std::vector<double>{1, 1, 1});
      CHECK(adam.iterations() == 0);
      ForwardPass pass(Mode::training);  // the loss is finite: the factor is of the derivative alone
      const Variable x = pass.parameter(b);
      const Variable y = record("wrong", x.value(), {{x, [wrong](const Variable& dy) { return dy * wrong; }}});
      CHECK(error_of([&] { adam.minimize(sum(y), pass); }) ==
            "Adam, step 0: expected finite gradients, got b with (3,): none of 3 finite" + advice);
      CHECK(b.value().to_vector() == std::vector<double>{1, 1, 1});
      for (const bool minimizes : {false, true}) {
        const Parameter c("c", Tensor::ones({3}, dtype));
        SGD limited({c}, {.learning_rate = 1, .clip_value = 0.5});
        const auto update = [&] {
          ForwardPass own(Mode::training);
          const Variable v = own.parameter(c);
          const Variable u = record("wrong", v.value(), {{v, [wrong](const Variable& dy) { return dy * wrong; }}});
          minimizes ? limited.minimize(sum(u), own) : limited.step(own.backward(sum(u)));
        };
        if (std::isnan(wrong)) {
          CHECK_THROWS_AS(update(), Error);
        } else {
          update();
          CHECK(c.value().to_vector() == std::vector<double>(3, wrong > 0 ? 0.5 : 1.5));
        }
      }
    }
  }
}

}  // namespace
}  // namespace xtape
