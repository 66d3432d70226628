// Normalization of samples against its definition in long double, at sizes on both sides of every cut of the work: rows
// of 16 and 32 partial sums, chunks of 16 channels, blocks of outer indices (at most 64, of 16384 elements).
#include "framework/ops/group_normalization.hpp"

#include <cmath>
#include <functional>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Long = long double;

/// The largest error of y and dx, by the definition for each group of x (outer, positions, groups, size).
double largest_error(const Tensor& x, const Tensor& dy, std::int64_t groups, double epsilon) {
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(x);
  const Variable y = group_norm(v, std::nullopt, std::nullopt, groups, epsilon);
  pass.backward(y, dy);
  const Tensor dx = pass.gradient(v);
  const std::int64_t outer = x.dim(0), positions = x.dim(1), channels = x.dim(2), size = channels / groups;
  Long most = 0;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t g = 0; g < groups; ++g) {
      const auto sum = [&](const auto& f) {
        Long total = 0;
        for (std::int64_t p = 0; p < positions; ++p) {
          for (std::int64_t c = g * size; c < (g + 1) * size; ++c) total += f(p, c);
        }
        return total / static_cast<Long>(positions * size);
      };
      const auto in = [&](std::int64_t p, std::int64_t c) { return static_cast<Long>(x.at({o, p, c})); };
      const auto slope = [&](std::int64_t p, std::int64_t c) { return static_cast<Long>(dy.at({o, p, c})); };
      const Long mean = sum(in);
      const auto square = [&](std::int64_t p, std::int64_t c) { return (in(p, c) - mean) * (in(p, c) - mean); };
      const Long inverse = 1 / std::sqrt(sum(square) + epsilon);
      const auto hat = [&](std::int64_t p, std::int64_t c) { return (in(p, c) - mean) * inverse; };
      const Long of_slope = sum(slope);
      const Long of_product = sum([&](std::int64_t p, std::int64_t c) { return slope(p, c) * hat(p, c); });
      static_cast<void>(sum([&](std::int64_t p, std::int64_t c) -> Long {
        const Long expected = inverse * (slope(p, c) - of_slope - hat(p, c) * of_product);
        most = std::max(most, std::abs(static_cast<Long>(y.value().at({o, p, c})) - hat(p, c)));
        most = std::max(most, std::abs(static_cast<Long>(dx.at({o, p, c})) - expected) / (1 + inverse));
        return 0;
      }));
    }
  }
  return static_cast<double>(most);
}

TEST_CASE("group normalization is that of its definition wherever its work is cut") {
  struct Sizes {
    std::int64_t outer, positions, groups, size;
  };
  for (const auto& [outer, positions, groups, size] : std::vector<Sizes>{
           {1, 1, 1, 1},   {3, 1, 1, 7},    {3, 1, 1, 8},   {3, 1, 1, 9},    {3, 1, 1, 15},    {3, 1, 1, 16},
           {3, 1, 1, 31},  {3, 1, 1, 32},   {3, 1, 1, 33},  {40, 1, 1, 768}, {2, 1, 1, 16400}, {130, 1, 1, 5},
           {65, 2, 1, 17}, {2, 3, 15, 1},   {2, 3, 16, 1},  {2, 3, 17, 1},   {1, 40, 33, 1},   {2, 3, 5, 4},
           {2, 4, 3, 8},   {1, 1200, 2, 9}, {70, 16, 4, 4}, {1, 1, 40, 3}}) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      INFO(outer << " " << positions << " " << groups << " " << size << " " << to_string(dtype));
      RandomStream random(7);
      const Shape shape{outer, positions, groups * size};
      const Tensor x = random.normal(shape, 0.5, 1, dtype), dy = random.normal(shape, 0, 1, dtype);
      CHECK(largest_error(x, dy, groups, 1e-3) < (dtype == DType::float32 ? 3e-6 : 1e-13));
    }
  }
}

TEST_CASE("a first element far from the mean costs no digits") {
  std::vector<double> values;
  for (int i = 0; i < 50000; ++i) values.push_back(i == 0 ? 1e6 : i % 11);
  const Tensor x = Tensor::of({1, 1, 50000}, values), dy = RandomStream(7).normal(x.shape(), 0, 1, DType::float64);
  CHECK(largest_error(x.to(DType::float64), dy, 1, 1e-3) < 1e-11);
  for (std::int64_t rows = 1; rows <= 5; ++rows) {  // short rows, of which several are computed at once
    for (std::int64_t far = 0; far < rows; ++far) {
      RandomStream random(7);
      Tensor values_of_rows = random.normal({rows, 1, 128}, 0, 1, DType::float64);
      values_of_rows.mutable_data<double>()[far * 128] = 1e6;
      const Tensor slopes = random.normal(values_of_rows.shape(), 0, 1, DType::float64);
      INFO("row " << far << " of " << rows);
      CHECK(largest_error(values_of_rows, slopes, 1, 1e-3) < 1e-14);
    }
  }
}

TEST_CASE("gradients() of the definition in ops equal those of the kernel") {
  using Inputs = std::vector<Variable>;
  const auto check_equal = [](const std::function<Variable(const Inputs&)>& f, const std::vector<Shape>& shapes) {
    RandomStream random(3);
    std::vector<Tensor> values;
    for (const Shape& shape : shapes) values.push_back(random.normal(shape, 1, 2, DType::float64));
    ForwardPass pass(Mode::training);
    Inputs inputs;
    for (const Tensor& value : values) inputs.push_back(pass.watch(value));
    const Variable y = f(inputs);
    const Tensor dy = random.normal(y.shape(), 0, 1, DType::float64);
    const std::vector<Variable> found = gradients(y, inputs, dy);
    pass.backward(y, dy);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      INFO("input " << i);
      CHECK(test::largest_difference(found[i].value(), pass.gradient(inputs[i])) < 1e-13);
    }
  };
  check_equal([](const Inputs& v) { return layer_norm(v[0], v[1], v[2], 1e-3); }, {{4, 6}, {6}, {6}});
  check_equal([](const Inputs& v) { return layer_norm(v[0], std::nullopt, v[1], 1e-3, 2); }, {{2, 3, 6}, {3, 6}});
  check_equal([](const Inputs& v) { return rms_norm(v[0], v[1], 1e-3); }, {{4, 6}, {6}});
  check_equal([](const Inputs& v) { return group_norm(v[0], v[1], v[2], 3, 1e-3); }, {{2, 5, 6}, {6}, {6}});
  check_equal([](const Inputs& v) { return layer_norm(v[0], v[0] * 2, v[0], 1e-3); }, {{6}});  // dependent inputs
}

TEST_CASE("a large common offset costs no digits") {
  RandomStream random(7);
  const Tensor dy = random.normal({2, 3, 8}, 0, 1, DType::float64);
  std::vector<double> values;
  for (int i = 0; i < 48; ++i) values.push_back(1e7 + i * i % 11);  // whole numbers, exact in float32
  const Tensor x = Tensor::of({2, 3, 8}, values);
  CHECK(largest_error(x, dy.to(DType::float32), 2, 1e-3) < 3e-6);
  CHECK(largest_error(x.to(DType::float64), dy, 2, 1e-3) < 1e-8);
  for (const std::int64_t size : {8, 13, 128, 129, 300}) {  // rows, short and long
    const Tensor rows = random.uniform({5, 1, size}, 0, 11, DType::float64).to(DType::int64).to(DType::float64);
    const Tensor offset = Tensor::full(rows.shape(), 1e7, DType::float64), slopes = random.normal(rows.shape());
    INFO("rows of " << size);
    CHECK(largest_error((Variable(rows) + Variable(offset)).value().to(DType::float32), slopes, 1, 1e-3) < 3e-6);
  }
  const Tensor same = layer_norm(Tensor::full({2, 5}, 3e7), std::nullopt, std::nullopt, 1e-3).value();
  CHECK(same.to_vector() == std::vector<double>(10, 0));
}

TEST_CASE("values whose squares leave the range of float64 are normalized, beside groups of other sizes") {
  RandomStream random(7);
  const Tensor dy = random.normal({2, 3, 8}, 0, 1, DType::float64),
               small = random.normal({2, 3, 8}, 0, 1, DType::float64);
  std::vector<double> values = small.to_vector();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= i % 8 < 4 ? 0x1p660 : 1;  // of the first of two groups
  const Tensor x = test::f64({2, 3, 8}, values);
  CHECK(largest_error(x, dy, 2, 1e-3) < 1e-13);
  using Normalization = std::function<Variable(const Variable& x, double epsilon)>;
  for (const Normalization& normalized :
       {Normalization([](const Variable&v, double epsilon) { return layer_norm(v, {}, {}, epsilon); }),
        Normalization([](const Variable&v, double epsilon) { return layer_norm(v, {}, {}, epsilon, 2); }),
        Normalization([](const Variable&v, double epsilon) { return rms_norm(v, {}, epsilon); }),
        Normalization([](const Variable&v, double epsilon) { return group_norm(v, {}, {}, 2, epsilon); })}) {
    const auto of = [&](double factor, double epsilon) {
      ForwardPass pass(Mode::training);
      const Variable v = pass.watch((Variable(small) * factor).value());
      const Variable y = normalized(v, epsilon);
      pass.backward(y, dy);
      return std::pair(y.value(), (Variable(pass.gradient(v)) * factor).value());
    };
    const auto [y, dx] = of(1, 0);
    const auto [large_y, large_dx] = of(0x1p660, 1e-3);
    CHECK(test::largest_difference(y, large_y) < 1e-14);
    CHECK(test::largest_difference(dx, large_dx) < 1e-13);
    const auto [tiny_y, tiny_dx] = of(0x1p-660, 0);  // epsilon would be more than the variance
    CHECK(test::largest_difference(y, tiny_y) < 1e-14);
    CHECK(test::largest_difference(dx, tiny_dx) < 1e-13);
  }
}

TEST_CASE("arguments of sample normalization that do not fit are errors") {
  const Tensor x = test::f64({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(test::error_of([&] { group_norm(x, std::nullopt, std::nullopt, 3, 1e-3); }) ==
        "group_norm: expected a number of groups that divides the 4 channels, got 3");
  CHECK(test::error_of([&] {
          layer_norm(x, test::f64({2}, {1, 2}), std::nullopt, 1e-3);
        }) == "layer_norm: expected gamma and beta (4,) float64 for x (2, 4), got (2,) float64");
  CHECK(test::error_of([&] { layer_norm(x, std::nullopt, std::nullopt, 1e-3, 3); }) ==
        "layer_norm: expected 1 to 2 axes for x (2, 4), got 3");
  CHECK(test::error_of([&] { rms_norm(x, std::nullopt, -1); }) ==
        "rms_norm: expected a finite epsilon of at least 0, got -1");
}

}  // namespace
}  // namespace xtape
