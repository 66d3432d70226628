#include "framework/autograd/forward_pass.hpp"

#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/ops/ops.hpp"
#include "framework/tensor/xarray.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::f64;

TEST_CASE("after the backward pass a pass holds no parameter, so an optimizer updates in place") {
  const Parameter w("w", f64({1, 2}));
  ForwardPass pass(Mode::training);
  const double* before = w.value().data<double>();
  pass.backward(sum(square(pass.parameter(w))));
  w.modify([](Tensor& value) { value.mutable_data<double>()[0] = 5; });
  CHECK(w.value().data<double>() == before);
}

TEST_CASE("the gradient of a small formula equals the derived formula") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2, 3}));
  const Variable y = pass.watch(f64({4, 5, 6}));
  pass.backward(sum(x * x * y));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{8, 20, 36});
  CHECK(pass.gradient(y).to_vector() == std::vector<double>{1, 4, 9});
}

TEST_CASE("gradients add up over all uses of one variable") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({3}));
  const Variable twice = x + x;
  pass.backward(sum(twice * x + x));  // 2x^2 + x
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{13});
}

TEST_CASE("gradients of several passes add up in Gradients") {
  const Parameter w("w", f64({2}));
  Gradients gradients;
  for (int round = 1; round <= 3; ++round) {
    ForwardPass pass(Mode::training);
    const Variable v = pass.parameter(w);
    gradients += pass.backward(sum(v * v));
    CHECK(gradients[w].to_vector() == std::vector<double>{4.0 * round});
  }
}

TEST_CASE("a parameter's gradient is always of its shape and type") {
  const Parameter w("w", Tensor::ones({2}));
  Gradients gradients;
  CHECK(error_of([&] { gradients.add(w, Tensor::ones({2}, DType::float64)); }) ==
        "Gradients: expected a gradient (2,) float32 for w, got (2,) float64");
  CHECK(error_of([&] { gradients.add(w, Tensor::ones({3})); }) ==
        "Gradients: expected a gradient (2,) float32 for w, got (3,) float32");
  CHECK(error_of([&] {
          w.set_value(Tensor::ones({1, 2}));
        }) == "Parameter w: expected a value of shape (2,), got (1, 2)");
  CHECK(gradients.empty());
}

TEST_CASE("parameters of every rank add up their own gradients, also if an op returns one gradient for several") {
  for (const DType type : {DType::float32, DType::float64}) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{1, 2, 1, 3}}) {
      const Parameter a("a", Tensor::ones(shape, type)), b("b", Tensor::ones(shape, type));
      Gradients gradients;
      for (int round = 1; round <= 3; ++round) {
        ForwardPass pass(Mode::training);
        gradients += pass.backward(sum(pass.parameter(a) + pass.parameter(b)) * round);
      }
      CHECK(identical(gradients[a], Tensor::full(shape, 6, type)));
      CHECK(identical(gradients[b], Tensor::full(shape, 6, type)));
    }
  }
}

TEST_CASE("adding to a gradient that several ops share changes only one of them") {
  for (const DType type : {DType::float32, DType::float64}) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{50, 40}, Shape{4, 5, 60}, Shape{2, 3, 1, 3}}) {
      ForwardPass pass(Mode::training);
      const Variable x = pass.watch(Tensor::ones(shape, type)), z = pass.watch(Tensor::ones(shape, type));
      const Variable y = x + z, w = y + x;  // one dy for both
      pass.backward(sum(w + y) + sum(z));
      CHECK(identical(pass.gradient(x), Tensor::full(shape, 3, type)));
      CHECK(identical(pass.gradient(z), Tensor::full(shape, 3, type)));
    }
  }
}

TEST_CASE("a parameter used twice in a pass is one variable; a frozen one and any in inference are constants") {
  const Parameter w("w", f64({2}));
  const Parameter frozen("frozen", f64({5}), false);
  ForwardPass pass(Mode::training);
  const Gradients gradients = pass.backward(sum(pass.parameter(w) * pass.parameter(w) * pass.parameter(frozen)));
  CHECK(gradients[w].to_vector() == std::vector<double>{20});
  CHECK_FALSE(gradients.contains(frozen));
  ForwardPass inference(Mode::inference);
  CHECK_FALSE(inference.parameter(w).tracked());
  CHECK_FALSE((inference.parameter(w) * 2.0).tracked());
  ForwardPass recorded(Mode::inference, {.record = true});
  CHECK(recorded.parameter(w).tracked());
}

TEST_CASE("a constant gets no gradient and records nothing; a variable that the loss ignores gets zeros") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  const Variable unused = pass.watch(f64({1, 2}));
  const Variable constant = f64({3, 4});
  CHECK_FALSE((constant * constant).tracked());
  CHECK(pass.operations().empty());
  pass.backward(sum(x * constant) + sum(unused.detached()));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{3, 4});
  CHECK(pass.gradient(unused).to_vector() == std::vector<double>{0, 0});
}

TEST_CASE("backward takes a cotangent for an output of several elements") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  pass.backward(x * x, f64({10, 100}));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{20, 400});
}

TEST_CASE("wrong use of a pass gives a clear error") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  const Variable y = x * 2.0;
  CHECK(error_of([&] { pass.backward(y); }) ==
        "ForwardPass::backward: expected a loss of one element, got shape (2,); reduce it with mean() or sum(), or "
        "give a cotangent");
  CHECK(error_of([&] { pass.backward(y, f64({1})); }) ==
        "ForwardPass::backward: expected a cotangent like the output, (2,) float64, got (1,) float64");
  CHECK(error_of([&] { pass.backward(y, Tensor::ones({2})); }) ==
        "ForwardPass::backward: expected a cotangent like the output, (2,) float64, got (2,) float32");
  const std::string needed =
      "ForwardPass::backward: expected an output computed in this pass from a watched input or a parameter, got ";
  CHECK(error_of([&] { pass.backward(Variable(f64({1}))); }) ==
        needed + "a constant (in inference nothing is recorded: use Mode::training, or .record = true)");
  CHECK(error_of([&] { pass.gradient(x); }) ==
        "ForwardPass::gradient: expected a pass that has run backward, got one that has not");
  CHECK(error_of([&] { pass.watch(Tensor::labels({1})); }) ==
        "ForwardPass::watch: expected a floating tensor, got int64 of shape (1,)");

  ForwardPass other(Mode::training);
  const Variable z = other.watch(f64({1, 2}));
  CHECK(error_of([&] { x + z; }) ==
        "add: expected inputs of one ForwardPass, got variables of two; use detached() to take one as a constant");
  CHECK(error_of([&] { other.backward(sum(y)); }) == needed + "one of another pass");

  pass.backward(sum(y));
  CHECK(error_of([&] { x + 1.0; }) ==
        "add: expected a variable of a pass that is still recording, got one whose pass has run backward; start a new "
        "ForwardPass, or call detached() to use its value");
  CHECK(error_of([&] { pass.backward(sum(Variable(y.value()))); }) ==
        "ForwardPass::backward: expected a pass that has not run backward, got one that has; start a new ForwardPass");
  CHECK(error_of([&] { pass.watch(f64({1})); }) ==
        "ForwardPass: expected a pass that has not run backward, got one that has");
  CHECK(error_of([&] { pass.gradient(y); }) ==
        "ForwardPass::gradient: expected a variable that watch() of this pass gave, got another");
}

TEST_CASE("a failed backward pass makes the pass unusable, with a clear error") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  const Variable y = record("fails", x.value(), {{x, [](const Tensor&) -> Tensor { fail("no derivative today"); }}});
  CHECK(error_of([&] { pass.backward(sum(y)); }) == "no derivative today");
  CHECK(error_of([&] { x + 1.0; }) ==
        "add: expected a variable of a pass that is still recording, got one whose pass has run backward; start a new "
        "ForwardPass, or call detached() to use its value");
}

TEST_CASE("random numbers of a training pass require its step number") {
  ForwardPass pass(Mode::training);
  CHECK_THAT(error_of([&] { dropout(Tensor::ones({4}), 0.5, pass); }),
             Catch::Equals("ForwardPass: expected PassOptions::step for random numbers (dropout), so that every step "
                           "draws others, got none; make the pass with {.step = optimizer.iterations()}"));
  CHECK(error_of([&] { dropout(Tensor::labels({4}), 0.5, pass); }) ==
        "dropout: expected float32 or float64, got int64");
  ForwardPass inference(Mode::inference);
  CHECK(dropout(Tensor::ones({4}), 0.5, inference).value().at({0}) == 1);
}

TEST_CASE("a variable that outlives its pass keeps its value and is rejected by ops") {
  Variable x = f64({0});
  {
    ForwardPass pass(Mode::training);
    x = pass.watch(f64({1, 2})) * 3.0;
  }
  CHECK(x.value().to_vector() == std::vector<double>{3, 6});
  CHECK(error_of([&] { x + 1.0; }) ==
        "add: expected a variable of a living ForwardPass, got one whose pass has ended; keep the pass in scope, or "
        "call detached() to use its value");
  CHECK((x.detached() + 1.0).value().to_vector() == std::vector<double>{4, 7});
}

TEST_CASE("the reverse pass frees what ops saved, and a pass that is dropped frees everything") {
  const std::int64_t n = 1 << 16;
  const std::size_t before = kernels::pool_usage().in_use;
  {
    ForwardPass pass(Mode::training);
    const auto leaf = pass.watch(Tensor::ones({n}, DType::float64));
    Variable x = leaf;
    for (int i = 0; i < 20; ++i) x = exp(x * 0.5);
    const Variable loss = sum(x);
    x = loss;
    const std::size_t recorded = kernels::pool_usage().in_use - before;
    CHECK(recorded >= 20 * n * sizeof(double));
    pass.backward(loss);
    CHECK(kernels::pool_usage().in_use - before < 4 * n * sizeof(double));
  }
  CHECK(kernels::pool_usage().in_use == before);
  {
    ForwardPass dropped(Mode::training);
    Variable x = dropped.watch(Tensor::ones({n}, DType::float64));
    for (int i = 0; i < 5; ++i) x = x * x;
  }
  CHECK(kernels::pool_usage().in_use == before);
}

TEST_CASE("an op whose derivative has the wrong shape is named in the backward pass") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  const Variable y =
      record("broken", x.value(), {{x, [](const Tensor&) { return Tensor::zeros({3}, DType::float64); }}});
  CHECK(error_of([&] { pass.backward(sum(y)); }) ==
        "broken: expected its derivative number 0 to have the shape and type of that input, (2,) float64, got (3,) "
        "float64");
}

TEST_CASE("users write a custom op from xtensor expressions") {
  const auto softsign = [](const Variable& x) {  // y = x / (1 + |x|), dx = dy / (1 + |x|)^2
    const Tensor y = apply([](const auto& v) { return v / (1.0 + xt::abs(v)); }, x.value());
    return record("softsign", y, {{x, [x = x.value()](const Tensor& dy) {
                                     return apply(
                                         [](const auto& v, const auto& d) { return d / xt::square(1.0 + xt::abs(v)); },
                                         x, dy);
                                   }}});
  };
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, -3}));
  pass.backward(sum(softsign(x)));
  CHECK(pass.gradient(x).to_vector() == std::vector<double>{0.25, 0.0625});
}

TEST_CASE("passes of two threads do not interfere") {
  std::vector<Tensor> gradients(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    threads.emplace_back([&, i] {
      ForwardPass pass(Mode::training);
      const Variable x = pass.watch(Tensor::full({1000}, static_cast<double>(i), DType::float64));
      Variable y = x;
      for (int k = 0; k < 10; ++k) y = y + x;
      pass.backward(sum(y));
      gradients[i] = pass.gradient(x);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& gradient : gradients) CHECK(identical(gradient, Tensor::full({1000}, 11, DType::float64)));
}

TEST_CASE("dropout's gradient is its mask, in both types and for small and large arrays") {
  for (const DType type : {DType::float32, DType::float64}) {
    for (const double rate : {0.1, 0.5, 0.8}) {
      for (const std::int64_t size : {7, 40000}) {
        ForwardPass pass(Mode::training, {.seed = 3, .step = 0});
        const Variable x = pass.watch(Tensor::ones({size}, type));
        const Variable y = dropout(x, rate, pass);  // the mask itself
        for (const double m : y.value().to_vector()) {
          if (m != 0 && m != Tensor::scalar(1 / (1 - rate), type).item()) FAIL("in the mask " << m);
        }
        const Tensor dy = RandomStream(1).normal({size}, 0, 1, type);
        pass.backward(y, dy);
        CHECK(identical(pass.gradient(x), multiply(y.detached(), dy).value()));
      }
    }
  }
}

TEST_CASE("undefined tensors and invalid steps are rejected by name") {
  const Tensor none;
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(Tensor::ones({2, 3}));
  CHECK(error_of([&] { pass.watch(none); }) ==
        "ForwardPass::watch: expected a floating tensor, got float32 of shape undefined");
  CHECK(error_of([&] {
          record("mine", none, {{x, [](const Tensor& dy) { return dy; }}});
        }) == "mine: expected a value to record, got an undefined tensor");
  CHECK(error_of([&] { Gradients().add(Parameter("w", Tensor::ones({2})), none); }) ==
        "Gradients: expected a gradient (2,) float32 for w, got undefined float32");
  CHECK(error_of([&] { relu(none); }) ==
        "relu: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  CHECK(error_of([&] { x + Variable(none); }) ==
        "add: expected two arrays, got shapes (2, 3) and undefined (was one moved from, or never set?)");
  CHECK(error_of([&] { matmul(none, x); }) ==
        "matmul: expected arrays of 2 axes or more, got undefined and (2, 3); reshape a vector to (1, k) or (k, 1)");
  for (const std::int64_t step : {std::int64_t{-1}, std::int64_t{1} << 42}) {
    ForwardPass dropping(Mode::training, {.step = step});
    CHECK_THAT(error_of([&] { dropout(Tensor::ones({2}), 0.5, dropping); }),
               Catch::Contains(fmt::format("got step {} and call 1", step)));
  }
}

TEST_CASE("dropout draws from streams of the pass: the same for the same seed and step, new for each call") {
  const auto drop = [](std::uint64_t seed, std::int64_t step, int calls) {
    ForwardPass pass(Mode::training, {.seed = seed, .step = step});
    Variable y = Tensor();
    for (int i = 0; i < calls; ++i) y = dropout(Tensor::ones({1000}), 0.25, pass);
    return y.value();
  };
  CHECK(identical(drop(1, 0, 1), drop(1, 0, 1)));
  CHECK_FALSE(identical(drop(1, 0, 1), drop(1, 0, 2)));
  CHECK_FALSE(identical(drop(1, 0, 1), drop(1, 1, 1)));
  CHECK_FALSE(identical(drop(1, 0, 1), drop(2, 0, 1)));
}

TEST_CASE("a pass records in training unless the option record differs, and only training drops derived values") {
  struct Sum {
    explicit Sum(const Tensor& value) : total(sum(value).value().item()) {}
    double total;
  };
  for (const Mode mode : {Mode::inference, Mode::training, Mode::recalibration}) {
    for (const std::optional<bool> record : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
      CAPTURE(static_cast<int>(mode), record.has_value(), record.value_or(false));
      const Parameter w("w", Tensor::ones({2}));
      const std::weak_ptr<const Sum> derived = w.derived<Sum>();
      ForwardPass pass(mode, {.record = record});
      const bool expected = record.value_or(mode == Mode::training);
      CHECK(pass.records() == expected);
      CHECK(pass.parameter(w).tracked() == expected);
      CHECK(derived.expired() == (expected && mode == Mode::training));
    }
  }
}

TEST_CASE("a pass gives as many random streams as there are for a step, and no more") {
  ForwardPass pass(Mode::training, {.step = (std::int64_t{1} << 42) - 1});
  for (int call = 0; call < 1 << 20; ++call) static_cast<void>(pass.random_stream());
  CHECK(error_of([&] { static_cast<void>(pass.random_stream()); }) ==
        "ForwardPass: expected a step in [0, 4398046511104) with at most 1048576 calls that draw random numbers, got "
        "step 4398046511103 and call 1048577");
}

TEST_CASE("derivatives of another type or number than the inputs are named in the backward pass") {
  const auto backward = [](const JointPullback& pullback) {
    ForwardPass pass(Mode::training);
    const Variable x = pass.watch(f64({1, 2})), y = pass.watch(f64({3, 4}));
    const Variable z = record("both", x.value(), {x, y}, pullback);
    return error_of([&] { pass.backward(z, f64({1, 1})); });
  };
  CHECK(backward([](const Tensor& dy) { return std::vector{dy}; }) ==
        "both: expected 2 derivatives, one an input, got 1");
  CHECK(backward([](const Tensor& dy) {
          return std::vector{dy, dy, dy};
        }) == "both: expected 2 derivatives, one an input, got 3");
  CHECK(backward([](const Tensor& dy) {
          return std::vector{dy, dy.to(DType::float32)};
        }) ==
        "both: expected its derivative number 1 to have the shape and type of that input, (2,) float64, got (2,) "
        "float32");
  CHECK(backward([](const Tensor& dy) {
          return std::vector{dy, Tensor()};
        }) ==
        "both: expected its derivative number 1 to have the shape and type of that input, (2,) float64, got undefined "
        "float32");
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2}));
  const Variable y = record("narrow", x.value(), {{x, [](const Tensor& dy) { return dy.to(DType::float32); }}});
  CHECK(error_of([&] { pass.backward(sum(y)); }) ==
        "narrow: expected its derivative number 0 to have the shape and type of that input, (2,) float64, got (2,) "
        "float32");
}

TEST_CASE("a variable prints as its value, and an undefined one has no elements to select") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({1, 2.5}));
  std::ostringstream stream;
  stream << x;
  CHECK(stream.str() == "[1.  2.5] float64 (2,)");
  CHECK(to_string(x) == stream.str());
  CHECK(error_of([] { Variable{Tensor()}[0]; }) ==
        "index: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
}
