// load_onnx(): integers that the nodes of a file compute, of constants and of shapes.
#include <cmath>
#include <limits>

#include "tests/onnx/one_node.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// What the node makes of the constants a and b. Throws the Error of a file that is rejected.
Integers results_of_node(const std::string& type, const Integers& a, const Integers& b) {
  auto file = file_of_node(type == "fmod" ? "Mod" : type, {"a", "b"});
  if (type == "fmod") test::set_integers(file, "fmod", {1});
  test::add_constant(*file.mutable_graph(), "a", {std::ssize(a)}, a);
  test::add_constant(*file.mutable_graph(), "b", {std::ssize(b)}, b);
  const LoadOnnxOptions options{.images = ImageAxes::channels_first};
  onnx::ImportGraph graph(file, "", options);
  graph.read();
  return graph.value("y").constant->to_vector<std::int64_t>();
}

/// The definition of ONNX; a quotient, and a power with a negative exponent, are cut off.
double defined_result(const std::string& type, double a, double b) {
  if (type == "Add" || type == "Sum") return a + b;
  if (type == "Sub") return a - b;
  if (type == "Mul") return a * b;
  if (type == "Div") return std::trunc(a / b);
  if (type == "Pow") return std::trunc(std::pow(a, b));
  if (type == "Mod") return a - b * std::floor(a / b);
  if (type == "fmod") return a - b * std::trunc(a / b);
  return type == "Max" ? std::max(a, b) : std::min(a, b);
}

}  // namespace

TEST_CASE("operators of integers are those of ONNX, for both signs and for 0") {
  for (const std::string type : {"Add", "Sum", "Sub", "Mul", "Div", "Pow", "Mod", "fmod", "Max", "Min"}) {
    const bool divides = type == "Div" || type == "Mod" || type == "fmod";
    Integers x, y, expected;
    for (std::int64_t a = -5; a <= 5; ++a) {
      for (std::int64_t b = -4; b <= 4; ++b) {
        if ((divides && b == 0) || (type == "Pow" && a == 0 && b < 0)) continue;
        x.push_back(a), y.push_back(b);
        expected.push_back(
            static_cast<std::int64_t>(defined_result(type, static_cast<double>(a), static_cast<double>(b))));
      }
    }
    INFO(type);
    CHECK(results_of_node(type, x, y) == expected);
  }
}

TEST_CASE("powers of integers have any exponent, and every result below 2^63") {
  constexpr std::int64_t even = std::int64_t{1} << 40;
  CHECK(results_of_node("Pow", {0, 1, -1, -1, 1, -1, -1}, {even, even, even, even + 1, -even, -even, -even - 1}) ==
        Integers{0, 1, 1, -1, 1, 1, -1});
  CHECK(results_of_node("Pow", {2, -2, 3, -3}, {62, 63, 39, 39}) ==
        Integers{std::int64_t{1} << 62, std::numeric_limits<std::int64_t>::min(), 4052555153018976267,
                 -4052555153018976267});
}

TEST_CASE("the smallest integer is divided by every number but 0 and -1") {
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  CHECK(results_of_node("Div", {least, least, least, 6}, {1, 2, -2, -1}) ==
        Integers{least, least / 2, -(least / 2), -6});
  CHECK(results_of_node("Mod", {least, least, least}, {1, -1, 3}) == Integers{0, 0, 1});
}

TEST_CASE("an operator of integers without a result, or with one beyond 2^63, is an Error with both") {
  const std::int64_t half = std::int64_t{1} << 62, least = std::numeric_limits<std::int64_t>::min();
  for (const auto& [type, a, b] :
       std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>{{"Add", half, half},
                                                                        {"Sub", -half, half + 1024},
                                                                        {"Mul", half, 2},
                                                                        {"Div", 1, 0},
                                                                        {"Div", least, -1},
                                                                        {"Mod", 1, 0},
                                                                        {"fmod", 1, 0},
                                                                        {"Pow", 2, 63},
                                                                        {"Pow", 3, 40}}) {
    INFO(type);
    CHECK_THAT(error_of([&, &type = type, &a = a, &b = b] { results_of_node(type, {a}, {b}); }),
               Catch::EndsWith(fmt::format("expected integers without overflow, got {} and {}", a, b)));
  }
}
