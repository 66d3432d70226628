// load_onnx(): operators on single elements with every combination of their attributes, compared with the formulas of
// ONNX (https://onnx.ai/onnx/operators).
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Formula = std::function<double(double)>;
using Reals = std::vector<std::pair<std::string, double>>;

struct ActivationNode {
  std::string type;
  Formula formula;
  Reals attributes = {};
  Names more = {};  ///< inputs behind x
  int opset = 20;
};

/// Numbers on both sides of every limit of the nodes, and the limits.
const std::vector<float> arguments{-4, -2,     -1.5F, -1,   -0.75F, -0.5F, -0.375F, -0.25F, -0.125F, 0,
                                   3,  0.125F, 0.25F, 0.5F, 0.625F, 1,     1.5F,    2,      5,       7};

Tensor elements_of(const ActivationNode& row) {
  auto file = file_with_input(row.opset);
  auto& graph = *file.mutable_graph();
  add_axes(shape_of_input(graph), {0, 5, 2});
  for (const float number : {-1.0F, 0.0F, 0.5F}) add_floats(graph, fmt::format("{}", number), {}, {number});
  Names inputs{"x"};
  inputs.insert(inputs.end(), row.more.begin(), row.more.end());
  auto& node = add_node(graph, row.type, inputs, "y");
  for (const auto& [name, value] : row.attributes) set_real(node, name, static_cast<float>(value));
  graph.add_output()->set_name("y");
  const Model model = onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model();
  return test::run(model, Tensor::of({2, 5, 2}, arguments))[0].value();
}

Reals given(const char* name, std::optional<double> value) { return value ? Reals{{name, *value}} : Reals{}; }

Reals operator+(Reals a, const Reals& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<ActivationNode> activation_nodes() {
  const std::optional<double> none;
  std::vector<ActivationNode> rows{
      {"Relu", [](double x) { return std::max(x, 0.0); }},
      {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"Tanh", [](double x) { return std::tanh(x); }},
      {"Softplus", [](double x) { return std::log(1 + std::exp(x)); }},
      {"Softsign", [](double x) { return x / (1 + std::abs(x)); }},
      {"HardSwish", [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {"Mish", [](double x) { return x * std::tanh(std::log(1 + std::exp(x))); }},
      {"Gelu", [](double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }},
      {"Abs", [](double x) { return std::abs(x); }},
      {"Neg", [](double x) { return -x; }},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Erf", [](double x) { return std::erf(x); }},
      {"Sin", [](double x) { return std::sin(x); }},
      {"Cos", [](double x) { return std::cos(x); }},
      {"Sqrt", [](double x) { return std::sqrt(x); }},
      {"Log", [](double x) { return std::log(x); }},
      {"Reciprocal", [](double x) { return 1 / x; }},
  };
  const auto elu = [](double x, double alpha) { return x < 0 ? alpha * (std::exp(x) - 1) : x; };
  for (const auto& alpha : {none, std::optional(1.0), std::optional(0.5), std::optional(2.0)}) {
    const double a = alpha.value_or(1);
    rows.push_back({"Elu", [=](double x) { return elu(x, a); }, given("alpha", alpha)});
    rows.push_back({"Celu", [=](double x) { return a * elu(x / a, 1); }, given("alpha", alpha)});
    rows.push_back({"ThresholdedRelu", [=](double x) { return x > a ? x : 0; }, given("alpha", alpha)});
  }
  for (const auto& alpha : {none, std::optional(0.2), std::optional(0.0), std::optional(2.0)}) {
    const double a = alpha.value_or(0.01);
    rows.push_back({"LeakyRelu", [=](double x) { return x < 0 ? a * x : x; }, given("alpha", alpha)});
  }
  const double usual_alpha = 1.6732632423543772, usual_gamma = 1.0507009873554805;
  for (const auto& alpha : {none, std::optional(usual_alpha), std::optional(0.5)}) {
    for (const auto& gamma : {none, std::optional(usual_gamma), std::optional(2.0)}) {
      const double a = alpha.value_or(usual_alpha), g = gamma.value_or(usual_gamma);
      rows.push_back({"Selu", [=](double x) { return g * elu(x, a); }, given("alpha", alpha) + given("gamma", gamma)});
    }
  }
  for (const auto& alpha : {none, std::optional(1.0 / 6), std::optional(0.5), std::optional(-0.25)}) {
    for (const auto& beta : {none, std::optional(0.5), std::optional(0.25), std::optional(-0.5)}) {
      const double a = alpha.value_or(0.2), b = beta.value_or(0.5);
      rows.push_back({"HardSigmoid", [=](double x) { return std::clamp(a * x + b, 0.0, 1.0); },
                      given("alpha", alpha) + given("beta", beta)});
    }
  }
  for (const auto& lambda : {none, std::optional(0.5), std::optional(0.25), std::optional(1.5)}) {
    for (const auto& bias : {none, std::optional(0.5), std::optional(0.25), std::optional(1.5), std::optional(-1.0)}) {
      const double l = lambda.value_or(0.5), b = bias.value_or(0);
      rows.push_back({"Shrink", [=](double x) { return x < -l  ? x + b
                                                       : x > l ? x - b
                                                               : 0; },
                      given("lambd", lambda) + given("bias", bias)});
    }
  }
  const std::vector<std::pair<std::string, std::optional<double>>> limits{
      {"", none}, {"0", 0.0}, {"-1", -1.0}, {"0.5", 0.5}};
  for (const auto& [low_name, low] : limits) {
    for (const auto& [high_name, high] : limits) {  // also a lower limit above the upper one
      const auto infinity = std::numeric_limits<double>::infinity();
      const double least = low.value_or(-infinity), most = high.value_or(infinity);
      const Formula clipped = [=](double x) { return std::min(std::max(x, least), most); };
      rows.push_back({"Clip", clipped, {}, {low_name, high_name}});
      rows.push_back({"Clip", clipped, given("min", low) + given("max", high), {}, 10});
    }
  }
  const double largest = std::numeric_limits<float>::max();  // stands for no limit in old files
  rows.push_back({"Clip", [](double x) { return std::max(x, 0.0); }, {{"min", 0}, {"max", largest}}, {}, 6});
  rows.push_back({"Clip", [](double x) { return std::min(x, 0.5); }, {{"min", -largest}, {"max", 0.5}}, {}, 6});
  for (const int opset : {6, 7, 16}) {
    rows.push_back({"PRelu", [](double x) { return x < 0 ? 0.5 * x : x; }, {}, {"0.5"}, opset});
  }
  return rows;
}

}  // namespace

TEST_CASE("operators on single elements are their formulas, with every combination of attributes") {
  for (const ActivationNode& row : activation_nodes()) {
    std::string text = fmt::format("{} {} opset {}", row.type, fmt::join(row.more, " "), row.opset);
    for (const auto& [name, value] : row.attributes) text += fmt::format(" {} {}", name, value);
    INFO(text);
    const std::vector<double> y = elements_of(row).to_vector();
    REQUIRE(y.size() == arguments.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      INFO(arguments[i]);
      const double expected = row.formula(static_cast<double>(arguments[i]));
      if (std::isfinite(expected)) {
        CHECK(y[i] == Approx(expected).epsilon(1e-5).margin(2e-6));
      } else {
        CHECK((std::isnan(expected) ? std::isnan(y[i]) : y[i] == expected));
      }
    }
  }
}

TEST_CASE("the slope of a PRelu below opset 7 is along the channels, and broadcast from the right since then") {
  for (const int opset : {6, 7}) {
    auto file = file_with_input(opset);
    auto& graph = *file.mutable_graph();
    add_axes(shape_of_input(graph), {0, 3, 3, 3});
    add_floats(graph, "slope", {3}, {0.5F, 2, -1});
    add_node(graph, "PRelu", {"x", "slope"}, "y");
    graph.add_output()->set_name("y");
    const Model model = onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model();
    const Tensor y = test::run(model, Tensor::full({1, 3, 3, 3}, -2))[0].value();
    const double slopes[] = {0.5, 2, -1};
    for (std::int64_t i = 0; i < 27; ++i) {
      CHECK(y.to_vector()[static_cast<std::size_t>(i)] == -2 * slopes[opset < 7 ? i / 9 : i % 3]);
    }
  }
}

TEST_CASE("training_mode of a Dropout has no effect if nothing is dropped") {
  for (const auto& [rate, training, read] :
       {std::tuple(0.0F, 1, true), {0.0F, 0, true}, {0.5F, 0, true}, {0.5F, 1, false}}) {
    auto file = file_with_input(13);
    auto& graph = *file.mutable_graph();
    add_axes(shape_of_input(graph), {0, 3});
    add_floats(graph, "ratio", {}, {rate});
    add_constant(graph, "training", {}, {training});
    add_node(graph, "Dropout", {"x", "ratio", "training"}, "y");
    graph.add_output()->set_name("y");
    const auto model_of = [&] { return onnx::ImportGraph(file, "", {}).model(); };
    if (read) {
      const Tensor x = Tensor::of({2, 3}, {1, -2, 3, 4, 5, -6}, DType::float32);
      CHECK(identical(test::run(model_of(), x)[0].value(), x));
    } else {
      CHECK_THAT(error_of(model_of), Catch::EndsWith("training_mode: expected false, got true"));
    }
  }
}
