// Observers are notified of layers, ops and derivatives, in order.
#include "framework/autograd/observer.hpp"

#include "framework/autograd/finite_check.hpp"
#include "framework/autograd/forward_pass.hpp"
#include "framework/autograd/profiler.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

/// Records its notifications.
class Scribe final : public Observer {
 public:
  void layer_begins(std::string_view layer) override { lines.push_back(fmt::format("layer {}", layer)); }
  void op_recorded(const ObservedOp& op, const Tensor& value, const std::vector<Variable>& inputs) override {
    lines.push_back(fmt::format("{}/{} of {} gives {}", op.layer, op.name, inputs.size(), value.shape()));
  }
  void backward_begins(const ObservedOp& op) override {
    lines.push_back(fmt::format("{}/{} begins", op.layer, op.name));
  }
  void derivative_computed(const ObservedOp& op, std::size_t which, const Tensor& derivative) override {
    lines.push_back(fmt::format("{}/{} derivative {}: {}", op.layer, op.name, which, derivative.at({0})));
  }
  void backward_ends(const ObservedOp& op) override { lines.push_back(fmt::format("{}/{} ends", op.layer, op.name)); }

  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("observers see layers, ops and derivatives in the order in which they run") {
  Scribe one, two;
  ForwardPass pass(Mode::training, {.observers = {&one, &two}});
  const Variable x = pass.watch(Tensor::of({2}, {3, 4}));
  const Variable constant = Tensor::of({2}, {1, 1});
  static_cast<void>(exp(constant));  // an op on constants is not recorded
  pass.begin_layer("first");
  const Variable y = multiply(x, constant);
  pass.begin_layer("second");
  const Variable loss = sum(multiply(y, x));
  pass.backward(loss);
  const std::vector<std::string> expected{"layer first",
                                          "first/multiply of 2 gives (2,)",
                                          "layer second",
                                          "second/multiply of 2 gives (2,)",
                                          "second/sum of 1 gives ()",
                                          "second/sum begins",
                                          "second/sum derivative 0: 1",
                                          "second/sum ends",
                                          "second/multiply begins",
                                          "second/multiply derivative 0: 3",
                                          "second/multiply derivative 1: 3",
                                          "second/multiply ends",
                                          "first/multiply begins",
                                          "first/multiply derivative 0: 3",
                                          "first/multiply ends"};
  CHECK(one.lines == expected);
  CHECK(two.lines == expected);
}

TEST_CASE("a profiler and a finite check observe one pass together") {
  Profiler profiler;
  FiniteCheck finite(3);
  ForwardPass pass(Mode::training, {.observers = {&profiler, &finite}});
  const Variable x = pass.watch(Tensor::zeros({2}));
  pass.begin_layer("root");
  const Variable y = sqrt(x);
  CHECK(error_of([&] { pass.backward(sum(y)); }) ==
        "step 3, layer root, sqrt: expected a finite derivative number 0, got (2,): none of 2 finite");
  REQUIRE(profiler.activities().size() == 1);
  CHECK(profiler.activities()[0].name == "root");
}

TEST_CASE("a null observer is rejected") {
  CHECK(error_of([] { ForwardPass(Mode::training, {.observers = {nullptr}}); }) ==
        "ForwardPass: expected observers, got a null pointer");
}

TEST_CASE("a profiler counts the memory that the forward parts of a layer keep, not that of its backward parts") {
  constexpr std::int64_t n = 1 << 18;
  Profiler profiler;
  profiler.start("a");
  Tensor first = Tensor::zeros({n});
  profiler.start_backward("a");
  const Tensor of_backward = Tensor::zeros({16 * n});
  profiler.start("b");
  const Tensor second = Tensor::zeros({4 * n});
  profiler.stop();
  const Tensor unseen = Tensor::zeros({16 * n});
  profiler.start("a");
  first = Tensor();
  profiler.start("c");
  profiler.stop();
  const auto kept = [&](std::size_t i) { return static_cast<double>(profiler.activities()[i].kept) / (4 * n); };
  REQUIRE(profiler.activities().size() == 3);
  CHECK(kept(0) == Approx(0).margin(0.1));  // 1 - 1
  CHECK(kept(1) == Approx(4).margin(0.1));
  CHECK(kept(2) == Approx(0).margin(0.1));
}
