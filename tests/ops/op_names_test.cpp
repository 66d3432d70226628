// The name of an op begins the messages of its errors, and names it to observers and the profiler.
#include <functional>

#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

TEST_CASE("every op names itself when it is given integers") {
  using Unary = Variable (*)(const Variable&);
  using Reduction = Variable (*)(const Variable&, const std::vector<int>&, bool);
  const Variable x = Tensor::labels({1, 2, 3});
  const std::vector<std::pair<std::string, Unary>> unary{
      {"exp", exp},   {"log", log}, {"expm1", expm1}, {"log1p", log1p}, {"sin", sin},       {"cos", cos},
      {"sqrt", sqrt}, {"abs", abs}, {"erf", erf},     {"tanh", tanh},   {"negate", negate}, {"square", square}};
  for (const auto& [name, op] : unary)
    CHECK_THAT(test::error_of([&, f = op] { f(x); }), Catch::StartsWith(name + ": "));
  const std::vector<std::pair<std::string, Reduction>> reductions{
      {"sum", sum}, {"mean", mean}, {"max", max}, {"min", min}};
  for (const auto& [name, op] : reductions) {
    CHECK_THAT(test::error_of([&, f = op] { f(x, {}, false); }), Catch::StartsWith(name + ": "));
  }
  using Binary = Variable (*)(const Variable&, const Variable&);
  const std::vector<std::pair<std::string, Binary>> binary{
      {"add", add},         {"subtract", subtract}, {"multiply", multiply}, {"divide", divide},
      {"maximum", maximum}, {"minimum", minimum},   {"pow", pow},           {"matmul", matmul}};
  for (const auto& [name, op] : binary)
    CHECK_THAT(test::error_of([&, f = op] { f(x, x); }), Catch::StartsWith(name + ": "));
}
