// An axis that is counted from the end is the same axis as one counted from the beginning, in every op.
#include <functional>

#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("an axis of an op may be counted from the end") {
  struct Row {
    const char* name;
    std::function<Variable(const Variable& x, int axis)> compute;
    int added = 0;  ///< axes that the output has more than x, of which one may be named
  };
  const Tensor order = Tensor::labels({1, 0, 1});
  const std::vector<Row> rows{
      {"sum", [](const Variable& x, int a) { return sum(x, {a}); }},
      {"mean", [](const Variable& x, int a) { return mean(x, {a}, true); }},
      {"max", [](const Variable& x, int a) { return max(x, {a}); }},
      {"min", [](const Variable& x, int a) { return min(x, {a}); }},
      {"prod", [](const Variable& x, int a) { return prod(x, {a}); }},
      {"var", [](const Variable& x, int a) { return var(x, {a}, false, 1); }},
      {"stddev", [](const Variable& x, int a) { return stddev(x, {a}); }},
      {"cumsum", [](const Variable& x, int a) { return cumsum(x, a); }},
      {"argmax", [](const Variable& x, int a) { return Variable(argmax(x, a)); }},
      {"argmin", [](const Variable& x, int a) { return Variable(argmin(x, a, true)); }},
      {"softmax", [](const Variable& x, int a) { return softmax(x, a); }},
      {"log_softmax", [](const Variable& x, int a) { return log_softmax(x, a); }},
      {"sparsemax", [](const Variable& x, int a) { return sparsemax(x, a); }},
      {"concatenate",
       [](const Variable& x, int a) {
         return concatenate({x, x * 2.0}, a);
       }},
      {"stack",
       [](const Variable& x, int a) {
         return stack({x, x * 2.0}, a);
       },
       1},
      {"split", [](const Variable& x, int a) { return split(x, 2, a)[1]; }},
      {"split by sizes",
       [](const Variable& x, int a) {
         return split(x, {1, x.dim(a) - 1}, a)[1];
       }},
      {"expand_dims", [](const Variable& x, int a) { return expand_dims(x, a); }, 1},
      {"squeeze", [](const Variable& x, int a) { return squeeze(sum(x, {a}, true), {a}); }},
      {"flip", [](const Variable& x, int a) { return flip(x, {a}); }},
      {"repeat", [](const Variable& x, int a) { return repeat(x, 2, a); }},
      {"take", [&](const Variable& x, int a) { return take(x, order, a); }},
  };
  const Tensor x = RandomStream(1).normal({2, 4, 6}, 0, 1, DType::float64);
  for (const Row& row : rows) {
    const int rank = 3 + row.added;
    for (int axis = 0; axis < rank; ++axis) {
      INFO(row.name << ", axis " << axis);
      ForwardPass pass(Mode::training), other(Mode::training);
      const Variable a = pass.watch(x), b = other.watch(x);
      const Variable from_start = row.compute(a, axis), from_end = row.compute(b, axis - rank);
      REQUIRE(from_start.shape() == from_end.shape());
      CHECK(identical(from_start.value(), from_end.value()));
      if (!from_start.tracked()) continue;
      const Tensor dy = RandomStream(2).normal(from_start.shape(), 0, 1, DType::float64);
      pass.backward(from_start, dy), other.backward(from_end, dy);
      CHECK(identical(pass.gradient(a), other.gradient(b)));
    }
    INFO(row.name);
    CHECK_THROWS_AS(row.compute(x, rank), Error);
    CHECK_THROWS_AS(row.compute(x, -rank - 1), Error);
  }
}
