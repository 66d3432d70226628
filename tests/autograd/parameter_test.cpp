// Parameters: writes are counted, and derived values live until the next write.
#include "framework/autograd/parameter.hpp"

#include <thread>
#include <unordered_set>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

/// A derived value: the sum of the parameter's elements.
struct Sum {
  explicit Sum(const Tensor& value) : total(sum(value).value().item()) {}
  double total;
};

struct Doubled {
  explicit Doubled(const Tensor& value) : values((Variable(value) * 2.0).value()) {}
  Tensor values;
};

}  // namespace

TEST_CASE("every write of a parameter increments its version and drops derived values") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  CHECK(w.version() == 0);
  const auto first = w.derived<Sum>();
  CHECK(first->total == 3);
  CHECK(w.derived<Sum>() == first);
  CHECK(Parameter(w).derived<Sum>() == first);
  CHECK(w.derived<Doubled>()->values.to_vector() == std::vector<double>{2, 4});
  CHECK(w.derived<Sum>() == first);  // values of two types are independent
  w.set_value(Tensor::of({2}, {5, 5}));
  CHECK(w.version() == 1);
  CHECK(w.derived<Sum>()->total == 10);
  CHECK(w.derived<Doubled>()->values.to_vector() == std::vector<double>{10, 10});
  CHECK(first->total == 3);  // valid as long as it is held
  w.modify([](Tensor& value) { value.mutable_data<float>()[0] = 1; });
  CHECK(w.version() == 2);
  CHECK(w.derived<Sum>()->total == 6);
  const auto before = w.derived<Sum>();
  w.drop_derived();
  CHECK(w.derived<Sum>() != before);
  CHECK(w.version() == 2);
}

TEST_CASE("modify changes the value in place, and other holders keep the old value") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  const float* const storage = w.value().data<float>();
  w.modify([](Tensor& value) { value.mutable_data<float>()[0] = 7; });
  CHECK(w.value().data<float>() == storage);
  const Tensor held = w.value();
  w.modify([](Tensor& value) { value.mutable_data<float>()[0] = 8; });
  CHECK(held.to_vector() == std::vector<double>{7, 2});
  CHECK(w.value().to_vector() == std::vector<double>{8, 2});
}

TEST_CASE("a parameter is changed in place after the backward pass, while the pass exists") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  const float* const storage = w.value().data<float>();
  ForwardPass pass(Mode::training);
  const Gradients gradients = pass.backward(sum(pass.parameter(w) * 2.0));
  w.modify([](Tensor& value) { value.mutable_data<float>()[0] = 7; });
  CHECK(w.value().data<float>() == storage);
}

TEST_CASE("a write that changes the shape, or the type in place, is rejected") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  CHECK(error_of([&] { w.set_value(Tensor::ones({3})); }) == "Parameter w: expected a value of shape (2,), got (3,)");
  CHECK(error_of([&] { w.modify([](Tensor& value) { value = Tensor::ones({3}); }); }) ==
        "Parameter w: expected modify() to keep float32 (2,), got float32 (3,); use set_value() to change the type");
  CHECK(w.value().to_vector() == std::vector<double>{0, 0});
  CHECK(error_of([&] { w.modify([](Tensor& value) { value = value.to(DType::float64); }); }) ==
        "Parameter w: expected modify() to keep float32 (2,), got float64 (2,); use set_value() to change the type");
  CHECK(error_of([&] { w.modify([](Tensor& value) { value = Tensor(); }); }) ==
        "Parameter w: expected modify() to keep float32 (2,), got undefined; use set_value() to change the type");
  CHECK(error_of([&] { w.modify(nullptr); }) ==
        "Parameter w: expected a function that changes the value, got an empty one");
  w.set_value(Tensor::ones({2}, DType::float64));
  CHECK(w.dtype() == DType::float64);
}

TEST_CASE("copies of a parameter are one key of a hash table, others with equal values are not") {
  const Parameter a("w", Tensor::ones({1})), same = a, b("w", Tensor::ones({1}));
  const std::unordered_set<Parameter> set{a, same, b};
  CHECK(set.size() == 2);
  CHECK(set.contains(same));
}

TEST_CASE("passes use derived values in inference without recording, and of the parameter's own value alone") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  ForwardPass inference(Mode::inference);
  REQUIRE(inference.derived<Sum>(w) != nullptr);
  CHECK(inference.derived<Sum>(w) == w.derived<Sum>());
  CHECK(ForwardPass(Mode::inference, {.keep_derived = false}).derived<Sum>(w) == nullptr);
  CHECK(ForwardPass(Mode::inference, {.record = true}).derived<Sum>(w) == nullptr);
  CHECK(ForwardPass(Mode::training).derived<Sum>(w) == nullptr);
  CHECK(ForwardPass(Mode::training, {.record = false}).derived<Sum>(w) == nullptr);
  CHECK(ForwardPass(Mode::recalibration).derived<Sum>(w) == nullptr);
  ForwardPass bound(Mode::inference);
  bound.bind(w, Tensor::ones({2}));
  CHECK(bound.derived<Sum>(w) == nullptr);
}

TEST_CASE("a training pass frees values derived from trained parameters, but not from frozen ones") {
  const Parameter w("w", Tensor::ones({2})), frozen("frozen", Tensor::ones({2}), false);
  const std::weak_ptr<const Sum> of_w = w.derived<Sum>(), of_frozen = frozen.derived<Sum>();
  ForwardPass pass(Mode::training);
  pass.parameter(w), pass.parameter(frozen);
  CHECK(of_w.expired());
  CHECK_FALSE(of_frozen.expired());
}

TEST_CASE("several threads derive from one parameter at the same time and see one value") {
  const Parameter w("w", Tensor::ones({1000}));
  for (int round = 1; round <= 20; ++round) {
    std::vector<std::shared_ptr<const Doubled>> found(4);
    {
      std::vector<std::jthread> threads;
      for (auto& mine : found) threads.emplace_back([&] { mine = w.derived<Doubled>(); });
    }
    for (const auto& one : found) {
      CHECK(one == found[0]);
      CHECK(one->values.at({999}) == 2.0 * round);
    }
    w.modify([](Tensor& value) {
      for (int i = 0; i < 1000; ++i) value.mutable_data<float>()[i] += 1;
    });
  }
}

TEST_CASE("a change that fails is a change: derived values are computed anew, and the version is another") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  const std::vector<std::function<void(Tensor&)>> failures{[](Tensor& value) {
                                                             value.mutable_data<float>()[0] = 7;
                                                             throw std::runtime_error("in the middle");
                                                           },
                                                           [](Tensor& value) { value = Tensor::ones({3}); },
                                                           [](Tensor& value) { value = Tensor(); }};
  for (const auto& failure : failures) {
    const std::weak_ptr<const Doubled> before = w.derived<Doubled>();
    const std::uint64_t version = w.version();
    CHECK_THROWS(w.modify(failure));
    CHECK(before.expired());
    CHECK(w.version() > version);
    CHECK(identical(w.derived<Doubled>()->values, (Variable(w.value()) * 2).value()));
  }
}

TEST_CASE("a parameter stays floating, and a change that fails leaves it defined") {
  const Parameter w("w", Tensor::of({2}, {1, 2}));
  CHECK(error_of([&] { w.set_value(Tensor::zeros({2}, DType::int64)); }) ==
        "Parameter w: expected a value of float32 or float64, got int64; convert it with .to()");
  CHECK_THROWS_AS(w.set_value(Tensor::zeros({2}, DType::uint8)), Error);
  CHECK(w.value().to_vector() == std::vector<double>{1, 2});
  ForwardPass pass(Mode::training);
  CHECK(error_of([&] { pass.bind(w, Tensor::zeros({2}, DType::int64)); }) ==
        "ForwardPass::bind: expected a floating variable for w, got int64");
  const Parameter count("count", Tensor::zeros({1}, DType::int64), false);
  count.set_value(Tensor::full({1}, 3, DType::int64));
  CHECK(error_of([&] { count.set_value(Tensor::zeros({1})); }) ==
        "Parameter count: expected a value of int64, got float32; convert it with .to()");
  CHECK_THROWS_AS(w.modify([](Tensor& value) {
    const Tensor moved = std::move(value);
    throw std::runtime_error("after the value was moved");
  }),
                  std::runtime_error);
  CHECK(w.value().defined());
  CHECK(w.shape() == Shape{2});
}
