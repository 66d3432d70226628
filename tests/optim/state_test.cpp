// The state of optimizers that is restored into parameters of another type.
#include <cmath>
#include <functional>
#include <memory>

#include "optim/adam.hpp"
#include "optim/lamb.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

template <class Rule, class Options>
std::function<std::unique_ptr<Optimizer>(const Parameter&)> rule_of(const Options& options) {
  return [options](const Parameter& p) { return std::make_unique<Rule>(std::vector{p}, options); };
}

}  // namespace

TEST_CASE("a restored state has the type of its parameters, and the steps go on in this type") {
  const std::function<std::unique_ptr<Optimizer>(const Parameter&)> makers[] = {
      rule_of<SGD>(SGDOptions{.momentum = 0.5, .ema_momentum = 0.5}), rule_of<Adam>(AdamOptions{.ema_momentum = 0.5}),
      rule_of<Nadam>(NadamOptions{}), rule_of<LAMB>(LAMBOptions{}),
      rule_of<RMSprop>(RMSpropOptions{.momentum = 0.5, .centered = true})};
  for (const auto& make : makers) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      const DType other = dtype == DType::float32 ? DType::float64 : DType::float32;
      const Parameter p("p", Tensor::of({3}, {1, 2, -4}, dtype)), q("p", Tensor::of({3}, {1, 2, -4}, other));
      const auto first = make(p), second = make(q);
      const auto step = [](Optimizer& optimizer, const Parameter& parameter) {
        Gradients gradients;
        gradients.add(parameter, Tensor::of({3}, {0.5, -2, 0.25}, parameter.dtype()));
        optimizer.step(gradients);
      };
      step(*first, p);
      q.set_value(p.value().to(other));
      second->restore(first->iterations(), first->named_state());
      INFO(first->type() << " " << to_string(dtype));
      const auto state = first->named_state(), restored = second->named_state();
      REQUIRE(restored.size() == state.size());
      for (std::size_t i = 0; i < state.size(); ++i) {
        CHECK(restored[i].second.dtype() == other);
        CHECK(identical(restored[i].second, state[i].second.to(other)));
      }
      CHECK(second->state_bytes() == std::ssize(state) * 3 * (other == DType::float32 ? 4 : 8));
      step(*first, p);
      step(*second, q);
      CHECK(test::largest_difference(p.value().to(DType::float64), q.value().to(DType::float64)) < 1e-6);
    }
  }
}

TEST_CASE("an optimizer that gets back its whole state changes all of its parameters again") {
  const Parameter a("a", Tensor::of({2}, {1, 2})), b("b", Tensor::of({1}, {3}));
  const auto both = [&](double slope) {
    Gradients gradients;
    gradients.add(a, Tensor::full({2}, slope));
    gradients.add(b, Tensor::full({1}, slope));
    return gradients;
  };
  SGD sgd({a, b}, {.learning_rate = 1, .momentum = 0.5});
  const auto whole = sgd.named_state();
  sgd.keep_slots_of({a});
  CHECK_FALSE(sgd.complete());
  CHECK(sgd.state_bytes() == 8);
  sgd.step_kept(both(1));
  CHECK((a.value().at({0}) == 0 && b.value().item() == 3));
  sgd.restore(1, whole);
  CHECK(sgd.complete());
  CHECK(sgd.state_bytes() == 12);
  sgd.step(both(1));
  CHECK((a.value().at({0}) == -1 && b.value().item() == 2));
}

TEST_CASE("a state for a frozen group is refused, and the norm of zero gradients is 0") {
  const Parameter a("a", Tensor::of({1}, {1})), b("b", Tensor::of({1}, {1}));
  SGD all({a, b}, {.momentum = 0.5});
  SGD sgd({a, b}, {.momentum = 0.5, .clip_norm = 1, .groups = {{.names = {"b"}, .frozen = true}}});
  CHECK(test::error_of([&] { sgd.restore(0, all.named_state()); }) ==
        "SGD::restore: expected the state of its parameters, got a tensor b/v");
  for (const double slope : {3.0, 0.0, -4.0, 0.0}) {
    Gradients gradients;
    gradients.add(a, Tensor::of({1}, {slope}));
    sgd.step(gradients);
    CHECK(sgd.gradient_norm() == std::abs(slope));
  }
}

}  // namespace xtape
