// Gradients: order, sums, scaling, clipping, and their state updates.
#include "framework/autograd/gradients.hpp"

#include <cmath>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

using Values = std::vector<double>;

Parameter parameter_of(const std::string& name, const Values& values, bool trainable = true) {
  return {name, Tensor::of({static_cast<std::int64_t>(values.size())}, values, DType::float64), trainable};
}

Gradients gradients_of(const std::vector<std::pair<Parameter, Values>>& values) {
  Gradients gradients;
  for (const auto& [parameter, elements] : values) {
    gradients.add(parameter, Tensor::of(parameter.shape(), elements, parameter.dtype()));
  }
  return gradients;
}

Tensor plus_one(const Tensor& old) { return (Variable(old) + 1.0).value(); }
Tensor twice(const Tensor& old) { return (Variable(old) * 2.0).value(); }

}  // namespace

TEST_CASE("gradients are listed in the order in which the pass first used the parameters") {
  const Parameter a = parameter_of("a", {1}), b = parameter_of("b", {2}), c = parameter_of("c", {3});
  const Parameter unused = parameter_of("unused", {4});
  ForwardPass pass(Mode::training);
  const Variable vb = pass.parameter(b), va = pass.parameter(a), ignored = pass.parameter(unused);
  const Gradients gradients = pass.backward(sum(pass.parameter(c) * vb * va * pass.parameter(b)));
  std::vector<std::string> names;
  for (const auto& [parameter, gradient] : gradients) names.push_back(parameter.name());
  CHECK(names == std::vector<std::string>{"b", "a", "c"});
  CHECK(gradients.size() == 3);
  CHECK_FALSE(gradients.contains(unused));
  CHECK(gradients[b].item() == 2 * 1 * 2 * 3);
  CHECK(gradients[Parameter(a)].item() == 4 * 3);
  CHECK(error_of([&] { gradients[unused]; }) ==
        "Gradients: expected a parameter that the loss depends on, got unused; contains() says whether there is a "
        "gradient");
}

TEST_CASE("a sum of gradients has the parameters of both and leaves the terms as they are") {
  const Parameter a = parameter_of("a", {0, 0}), b = parameter_of("b", {0}), c = parameter_of("c", {0});
  Gradients x = gradients_of({{a, {1, 2}}, {b, {3}}});
  const Gradients y = gradients_of({{c, {5}}, {a, {10, 20}}}), before = x;
  x += y;
  CHECK(x[a].to_vector() == Values{11, 22});
  CHECK(x[b].to_vector() == Values{3});
  CHECK(x[c].to_vector() == Values{5});
  x *= 0.5;
  CHECK(x[a].to_vector() == Values{5.5, 11});
  CHECK(x[c].to_vector() == Values{2.5});
  CHECK(before[a].to_vector() == Values{1, 2});
  CHECK(y[a].to_vector() == Values{10, 20});
  CHECK(y[c].to_vector() == Values{5});
  x += x;
  CHECK(x[a].to_vector() == Values{11, 22});
  Gradients none;
  none += y;
  none += Gradients();
  CHECK(none[a].to_vector() == Values{10, 20});
  CHECK((Gradients().empty() && !none.empty()));
}

TEST_CASE("gradients that do not match are rejected, and a failed sum changes nothing") {
  const Parameter a = parameter_of("a", {0, 0}), b = parameter_of("b", {0});
  Gradients x = gradients_of({{b, {1}}});
  CHECK(error_of([&] { x.add(a, Tensor::ones({2})); }) ==
        "Gradients: expected a gradient (2,) float64 for a, got (2,) float32");
  CHECK(error_of([&] { x.add(a, Tensor::ones({3}, DType::float64)); }) ==
        "Gradients: expected a gradient (2,) float64 for a, got (3,) float64");
  const Gradients y = gradients_of({{b, {1}}, {a, {1, 2}}});
  a.set_value(Tensor::ones({2}));  // converted after the gradients were computed
  CHECK(error_of([&] { x += y; }) == "Gradients: expected a gradient (2,) float32 for a, got (2,) float64");
  CHECK(x[b].item() == 1);
  CHECK_FALSE(x.contains(a));
}

TEST_CASE("gradients are clipped by their norm and by value") {
  const Parameter a = parameter_of("a", {0}), b = parameter_of("b", {0, 0});
  Gradients g = gradients_of({{a, {3}}, {b, {4, 12}}});
  CHECK(g.norm() == 13);
  CHECK(g.clip_norm(26) == 13);
  CHECK(g[b].to_vector() == Values{4, 12});
  const Gradients copy = g;
  CHECK(g.clip_norm(6.5) == 13);
  CHECK(g[a].to_vector() == Values{1.5});
  CHECK(g[b].to_vector() == Values{2, 6});
  CHECK(copy[a].to_vector() == Values{3});
  g.clip_value(1.75);
  CHECK(g[a].to_vector() == Values{1.5});
  CHECK(g[b].to_vector() == Values{1.75, 1.75});
  g *= -1;
  g.clip_value(1.625);
  CHECK(g[b].to_vector() == Values{-1.625, -1.625});
  CHECK(error_of([&] { g.clip_norm(0); }) == "Gradients::clip_norm: expected a norm above 0, got 0");
  CHECK(error_of([&] { g.clip_value(-1); }) == "Gradients::clip_value: expected a value above 0, got -1");
  CHECK(error_of([&] { g.clip_norm(std::nan("")); }) == "Gradients::clip_norm: expected a norm above 0, got nan");
}

TEST_CASE("the norm of gradients is correct if squares overflow or underflow, and over many pieces") {
  for (const double size : {1e308 / 5, 1e160, 1.0, 1e-160, 1e-300}) {
    const Parameter a = parameter_of("a", {0}), b = parameter_of("b", {0, 0});
    CHECK(gradients_of({{a, {3 * size}}, {b, {0, -4 * size}}}).norm() / size == Approx(5).epsilon(1e-14));
  }
  const Parameter many("many", Tensor::zeros({100003}));
  Gradients g;
  g.add(many, Tensor::full({100003}, 0.1));
  CHECK(g.norm() == Approx(static_cast<double>(0.1F) * std::sqrt(100003.0)).epsilon(1e-12));
  CHECK(Gradients().norm() == 0);
}

TEST_CASE("gradients that are not finite are not clipped by their norm, and keep NaN when clipped by value") {
  const Parameter a = parameter_of("a", {0}), b = parameter_of("b", {0, 0});
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Gradients g = gradients_of({{a, {3}}, {b, {4, bad}}});
    CHECK_FALSE(std::isfinite(g.norm()));
    CHECK_THAT(error_of([&] { g.clip_norm(1); }),
               Catch::Contains("Gradients::clip_norm: expected gradients of finite norm") && Catch::Contains("for b"));
    CHECK(g[a].item() == 3);
    g.clip_value(2);
    CHECK(g[a].item() == 2);
    CHECK((std::isnan(bad) ? std::isnan(g[b].at({1})) : g[b].at({1}) == 2));
  }
}

TEST_CASE("finite gradients whose norm is beyond float64 are not clipped by it") {
  const Parameter a = parameter_of("a", {0}), b = parameter_of("b", {0});
  for (const Parameter& p : {a, b}) p.set_value(p.value().to(DType::float64));
  Gradients g;
  g.add(a, test::f64({1.5e308})), g.add(b, test::f64({1.5e308}));
  CHECK(
      error_of([&] { g.clip_norm(1); }) ==
      "Gradients::clip_norm: expected gradients of finite norm, got 2 gradients whose norm is beyond float64; nothing "
      "was changed; scale the loss down");
  CHECK(g[a].item() == 1.5e308);
}

TEST_CASE("gradients of parts of a batch add up to those of the whole batch") {
  const Parameter w("w", RandomStream(1).normal({4, 3}, 0, 1, DType::float64));
  const Tensor x = RandomStream(2).normal({10, 4}, 0, 1, DType::float64);
  const auto loss = [&](ForwardPass& pass, const Tensor& part) { return sum(square(matmul(part, pass.parameter(w)))); };
  ForwardPass whole(Mode::training);
  Gradients expected = whole.backward(loss(whole, x));
  Gradients found;
  for (const auto& [begin, end] : {std::pair(0, 3), std::pair(3, 9), std::pair(9, 10)}) {
    ForwardPass pass(Mode::training);
    found += pass.backward(loss(pass, x.rows(begin, end)));
  }
  found *= 0.1;
  expected *= 0.1;
  CHECK(test::largest_difference(found[w], expected[w]) < 1e-13);
}

TEST_CASE("state updates are deferred until commit, composed in order and written once") {
  const Parameter state = parameter_of("state", {3}, false);
  ForwardPass pass(Mode::training, {.record = false});
  pass.update(state, plus_one);
  pass.update(state, twice);
  CHECK(pass.parameter(state).value().item() == 3);  // the value is unchanged within the pass
  CHECK(state.value().item() == 3);
  pass.commit();
  CHECK(state.value().item() == 8);
  pass.commit();
  CHECK(state.value().item() == 8);
  CHECK(error_of([&] { pass.update(state, plus_one); }) ==
        "ForwardPass::update: expected a pass whose updates are not written yet, got another for state");
  { ForwardPass(Mode::training).update(state, plus_one); }
  CHECK(state.value().item() == 8);
}

TEST_CASE("the added state updates of several passes equal those of consecutive passes") {
  const Parameter w = parameter_of("w", {1}), state = parameter_of("state", {3}, false);
  Gradients sums;
  for (const auto update : {plus_one, twice, plus_one}) {
    ForwardPass pass(Mode::training);
    pass.update(state, update);
    sums += pass.backward(sum(pass.parameter(w)));
  }
  sums += sums;
  const Gradients copy = sums;
  sums += copy;  // each pass counts once
  Gradients from_both = copy;
  from_both += sums;
  from_both.commit();
  CHECK(state.value().item() == 9);
  sums.commit();
  CHECK(state.value().item() == 9);
  copy.commit();
  CHECK(state.value().item() == 9);
}

TEST_CASE("a new value of another shape or type, or none, is rejected, and nothing is written") {
  const Parameter first = parameter_of("first", {1}, false), state = parameter_of("state", {3}, false);
  for (const Tensor& wrong : {Tensor(), Tensor::ones({2}, DType::float64), Tensor::ones({1})}) {
    ForwardPass pass(Mode::training);
    pass.update(first, plus_one);
    pass.update(state, [wrong](const Tensor&) { return wrong; });
    CHECK_THAT(error_of([&] { pass.commit(); }),
               Catch::Contains("ForwardPass::update: expected a new value (1,) float64"
                               " for state"));
    CHECK((first.value().item() == 1 && state.value().item() == 3));
  }
  ForwardPass pass(Mode::training);
  CHECK(error_of([&] { pass.update(state, nullptr); }) ==
        "ForwardPass::update: expected a function of the old value of state, got an empty one");
}

TEST_CASE("state updates of a recomputed block are applied once") {
  const Parameter w = parameter_of("w", {2}), state = parameter_of("state", {0}, false);
  int calls = 0;
  const SegmentFunction part = [&](const std::vector<Variable>& inputs, ForwardPass& pass) {
    ++calls;
    pass.update(state, plus_one);
    return inputs[0] * pass.parameter(w);
  };
  ForwardPass pass(Mode::training, {.step = 0});
  const Variable x = pass.watch(Tensor::of({1}, {3}, DType::float64));
  const Gradients gradients = pass.backward(sum(recomputed({x}, {w}, part, pass)));
  CHECK(calls == 2);
  gradients.commit();
  CHECK(state.value().item() == 1);
  CHECK(gradients[w].item() == 3);
  CHECK(pass.gradient(x).item() == 2);

  ForwardPass forgetful(Mode::training, {.step = 0});
  const Variable y = forgetful.watch(Tensor::of({1}, {3}, DType::float64));
  const Variable loss = sum(recomputed({y}, {}, part, forgetful));
  CHECK(error_of([&] { forgetful.backward(loss); }) ==
        "recomputed: expected all trainable parameters that its function uses, got none for w; list it among the "
        "parameters");
}

TEST_CASE("updates are computed before a change, written after it, and kept if it fails") {
  const Parameter state = parameter_of("state", {3}, false);
  ForwardPass pass(Mode::training);
  pass.update(state, plus_one);
  Gradients gradients = pass.state_updates();
  gradients.update(state, twice);  // after those of the pass
  const auto next = gradients.next_state();
  REQUIRE(next.size() == 1);
  CHECK(next[0].second.item() == 8);
  CHECK_THROWS_AS(gradients.commit_after([] { throw std::runtime_error("no change"); }), std::runtime_error);
  CHECK(state.value().item() == 3);
  double seen = 0;
  gradients.commit_after([&] { seen = state.value().item(); });
  CHECK(seen == 3);
  CHECK(state.value().item() == 8);
  CHECK(gradients.next_state().empty());
}

TEST_CASE("a sum of gradients is rejected as a whole if the type of an own gradient is no longer the parameter's") {
  const Parameter a = parameter_of("a", {0}), b = parameter_of("b", {0});
  Gradients x = gradients_of({{b, {1}}, {a, {2}}});
  a.set_value(Tensor::zeros({1}));
  const Gradients y = gradients_of({{b, {10}}, {a, {20}}});
  CHECK(error_of([&] { x += y; }) == "Gradients: expected a gradient (1,) float32 for a, got (1,) float64");
  CHECK((x[b].item() == 1 && x[a].item() == 2));
}
