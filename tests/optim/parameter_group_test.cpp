// Groups of parameters: which they select, and what they change.
#include "optim/parameter_group.hpp"

#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/optim/parameters.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::gradients_of;
using test::parameter_of;

TEST_CASE("groups select by name patterns or a predicate, and the first match is used") {
  const std::vector<Parameter> p{parameter_of("a/conv/kernel", {1}), parameter_of("a/conv/bias", {1}),
                                 parameter_of("b/kernel", {1}), parameter_of("b/bias", {1}),
                                 parameter_of("c/gamma", {1})};
  SGD sgd(p, {.learning_rate = 1,
              .weight_decay = 0.5,
              .groups = {{.names = {"a/*/bias"}, .frozen = true},
                         {.names = {"*/bias", "*/gam[am]a"}, .weight_decay = 0},
                         {.predicate = [](const Parameter& q) { return q.name() == "b/kernel"; },
                          .learning_rate_factor = 0.25}}});
  Gradients gradients;
  for (const Parameter& parameter : p) gradients.add(parameter, Tensor::ones({1}, DType::float64));
  sgd.step(gradients);
  CHECK(p[0].value().item() == 1 - 1.5);
  CHECK(p[1].value().item() == 1);
  CHECK(p[2].value().item() == 1 - 0.25 * 1.5);
  CHECK(p[3].value().item() == 0);
  CHECK(p[4].value().item() == 0);
  CHECK(sgd.settings() ==
        "momentum 0, nesterov false, weight_decay 0.5, clip_norm 0, clip_value 0, group a/*/bias: learning_rate_factor "
        "1, frozen true, group */bias */gam[am]a: learning_rate_factor 1, weight_decay 0, frozen false, group "
        "(predicate): learning_rate_factor 0.25, frozen false");
}

TEST_CASE("a frozen group has no slots, and its gradients do not affect clipping") {
  const Parameter a = parameter_of("a", {0}), b = parameter_of("b", {0});
  SGD sgd({a, b}, {.learning_rate = 1, .momentum = 0.5, .clip_norm = 10, .groups = {{.names = {"b"}, .frozen = true}}});
  CHECK(sgd.named_state().size() == 1);
  sgd.step(gradients_of({{a, {3}}, {b, {1000}}}));
  CHECK(sgd.gradient_norm() == 3);
  CHECK(a.value().item() == -3);
  CHECK(b.value().item() == 0);
  CHECK(error_of([&] {
          sgd.step(gradients_of({{b, {1}}}));
        }) == "SGD::step: expected gradients of its parameters, got none for any of the 2");
}

TEST_CASE("one line excludes biases and normalization from weight decay") {
  const Parameter kernel = parameter_of("dense/kernel", {1}), bias = parameter_of("dense/bias", {1});
  AdamW adamw({kernel, bias}, {.weight_decay = 0.1, .groups = {{.names = {"*/bias"}, .weight_decay = 0}}});
  adamw.step(gradients_of({{kernel, {0}}, {bias, {0}}}));
  CHECK(kernel.value().item() == Approx(1 - 1e-3 * 0.1));
  CHECK(bias.value().item() == 1);
}

TEST_CASE("groups that select nothing or have invalid numbers are rejected") {
  const Parameter p = parameter_of("dense/kernel", {1});
  const std::string expected = "SGD: expected each group to select a parameter that no group before it selects, got ";
  const std::string advice = "; names are paths such as dense/kernel";
  const auto error = [&](const std::vector<ParameterGroup>& groups) {
    return error_of([&] { SGD({p}, {.groups = groups}); });
  };
  CHECK(error({{.names = {"kernel"}}}) == expected + "none for group 1 \"kernel\"" + advice);
  CHECK(error({{}}) == expected + "none for group 1 \"\"" + advice);
  CHECK(error({{.names = {"*"}}, {.names = {"dense/*"}}}) == expected + "none for group 2 \"dense/*\"" + advice);
  const Parameter last = parameter_of("last", {1});
  CHECK(error_of([&] {
          SGD({p, last}, {.groups = {{.names = {"kernel"}}}});
        }) == expected + "none for group 1 \"kernel\"" + advice);
  CHECK(error_of([&] { SGD({p}, {.groups = {{.names = {"*"}, .learning_rate_factor = -1}}}); }) ==
        "SGD: expected a finite learning_rate_factor of at least 0 in group 1, got -1");
  CHECK(error_of([&] { SGD({p}, {.groups = {{.names = {"*"}, .weight_decay = -1}}}); }) ==
        "SGD: expected a finite weight_decay of at least 0 in group 1, got -1");
}

}  // namespace
}  // namespace xtape
