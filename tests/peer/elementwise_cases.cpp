// Activations, elementary functions and arithmetic.

#include <ATen/ATen.h>

#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/draw.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;

/// A function and the range of its arguments. `kinks`: some arguments are whole numbers, at which the kinks are; both
/// libraries use the same side there.
struct Row {
  const char* name;
  DifferentiableFunction ours;
  TorchFunction theirs;
  double low = -3, high = 3;
  bool kinks = false;
};

/// All functions of one variable on arrays with up to 5 axes.
Cases unary_cases(std::uint64_t seed, const std::vector<Row>& rows) {
  Draw draw(seed);
  Cases cases;
  for (const Row& row : rows) {
    for (int i = 0; i < 6; ++i) {
      const Shape shape = draw.shape(0, 5, 6);
      const bool whole = row.kinks && i % 2 == 1;
      cases.push_back(
          {fmt::format("{} of {} in [{}, {}]{}", row.name, shape, row.low, row.high, whole ? ", whole" : ""),
           {whole ? draw.whole_numbers(shape, -2, 2) : draw.uniform(shape, row.low, row.high)},
           row.ours,
           row.theirs});
    }
  }
  return cases;
}

/// All functions of two variables on arrays that are broadcast to up to 4 axes.
Cases binary_cases(std::uint64_t seed, const std::vector<Row>& rows) {
  Draw draw(seed);
  Cases cases;
  for (const Row& row : rows) {
    for (int i = 0; i < 12; ++i) {
      const Shape whole = draw.shape(0, 4, 5);
      const Shape a = draw.broadcastable_to(whole);
      const Shape b = draw.broadcastable_to(whole);
      cases.push_back({fmt::format("{} of {} and {}", row.name, a, b),
                       {draw.uniform(a, row.low, row.high), draw.uniform(b, row.low, row.high)},
                       row.ours,
                       row.theirs});
    }
  }
  return cases;
}

void append(Cases& cases, const Cases& more) { cases.insert(cases.end(), more.begin(), more.end()); }

}  // namespace

Cases activation_cases(std::uint64_t seed) {
  constexpr double no_threshold = 700;  // above it, by default above 20, PyTorch's softplus is x itself
  const auto softplus_of = [](T x) { return at::softplus(x, 1, no_threshold); };
  Cases cases = unary_cases(
      seed,
      {{"linear", linear, [](T x) { return x * 1; }},
       {"relu", relu, [](T x) { return at::relu(x); }, -3, 3, true},
       {"sigmoid", sigmoid, [](T x) { return at::sigmoid(x); }},
       {"sigmoid", sigmoid, [](T x) { return at::sigmoid(x); }, -60, 60},
       {"tanh", tanh, [](T x) { return at::tanh(x); }},
       {"softplus", softplus, softplus_of},
       {"softplus", softplus, softplus_of, -60, 60},
       {"elu", [](V x) { return elu(x); }, [](T x) { return at::elu(x); }, -3, 3, true},
       {"elu 0.7", [](V x) { return elu(x, 0.7); }, [](T x) { return at::elu(x, 0.7); }, -3, 3, true},
       {"leaky_relu", [](V x) { return leaky_relu(x, 0.3); }, [](T x) { return at::leaky_relu(x, 0.3); }, -3, 3, true},
       {"leaky_relu 0.01", [](V x) { return leaky_relu(x, 0.01); }, [](T x) { return at::leaky_relu(x, 0.01); }},
       {"gelu", gelu, [](T x) { return at::gelu(x, "none"); }},
       {"gelu", gelu, [](T x) { return at::gelu(x, "none"); }, -12, 12}});
  Draw draw(seed + 1);
  for (int i = 0; i < 40; ++i) {
    const Shape shape = draw.shape(1, 4, 7);
    const int axis = static_cast<int>(draw.integer(-shape.rank(), shape.rank() - 1));
    const bool logarithm = draw.coin();
    const double spread = draw.coin() ? 3 : 200;
    cases.push_back({fmt::format("{}softmax of {} along {}, spread {}", logarithm ? "log_" : "", shape, axis, spread),
                     {draw.normal(shape, 0, spread)},
                     [=](V z) { return logarithm ? log_softmax(z, axis) : softmax(z, axis); },
                     [=](T z) { return logarithm ? at::log_softmax(z, axis) : at::softmax(z, axis); }});
  }
  return cases;
}

Cases elementary_cases(std::uint64_t seed) {
  std::vector<Row> rows{{"exp", [](V x) { return exp(x); }, [](T x) { return at::exp(x); }},
                        {"log", [](V x) { return log(x); }, [](T x) { return at::log(x); }, 0.05, 4},
                        {"sqrt", [](V x) { return sqrt(x); }, [](T x) { return at::sqrt(x); }, 0.05, 4},
                        {"abs", [](V x) { return abs(x); }, [](T x) { return at::abs(x); }, -3, 3, true},
                        {"square", [](V x) { return square(x); }, [](T x) { return at::square(x); }}};
  for (const double p : {0., 1., 2., 3., 5.}) {
    rows.push_back({"pow (whole)", [p](V x) { return pow(x, p); }, [p](T x) { return at::pow(x, p); }, -3, 3, p >= 1});
  }
  for (const double p : {-2., -0.5, 0.5, 1.7}) {
    rows.push_back({"pow", [p](V x) { return pow(x, p); }, [p](T x) { return at::pow(x, p); }, 0.3, 3});
  }
  Cases cases = unary_cases(seed, rows);
  append(cases, binary_cases(seed + 1, {{"pow", [](V x, V y) { return pow(x, y); },
                                         [](T x, T y) { return at::pow(x, y); }, 0.3, 3}}));
  return cases;
}

Cases arithmetic_cases(std::uint64_t seed) {
  Cases cases = unary_cases(
      seed, {{"x + 1.5", [](V x) { return x + 1.5; }, [](T x) { return x + 1.5; }},
             {"1.5 - x", [](V x) { return 1.5 - x; }, [](T x) { return 1.5 - x; }},
             {"x - 1.5", [](V x) { return x - 1.5; }, [](T x) { return x - 1.5; }},
             {"1.5 x", [](V x) { return 1.5 * x; }, [](T x) { return 1.5 * x; }},
             {"x / 1.5", [](V x) { return x / 1.5; }, [](T x) { return x / 1.5; }},
             {"1.5 / x", [](V x) { return 1.5 / x; }, [](T x) { return 1.5 / x; }, 0.3, 3},
             {"-x", [](V x) { return -x; }, [](T x) { return -x; }},
             {"clip", [](V x) { return clip(x, -1, 2); }, [](T x) { return at::clamp(x, -1, 2); }, -3, 3, true},
             {"x x", [](V x) { return x * x; }, [](T x) { return x * x; }}});
  append(cases,
         binary_cases(seed + 1, {{"a + b", [](V a, V b) { return a + b; }, [](T a, T b) { return a + b; }},
                                 {"a - b", [](V a, V b) { return a - b; }, [](T a, T b) { return a - b; }},
                                 {"a b", [](V a, V b) { return a * b; }, [](T a, T b) { return a * b; }},
                                 {"a / b", [](V a, V b) { return a / b; }, [](T a, T b) { return a / b; }, 0.3, 3},
                                 {"a / -b", [](V a, V b) { return a / -b; }, [](T a, T b) { return a / -b; }, 0.3, 3},
                                 {"maximum", maximum, [](T a, T b) { return at::maximum(a, b); }},
                                 {"minimum", minimum, [](T a, T b) { return at::minimum(a, b); }},
                                 {"a b + a / b - b", [](V a, V b) { return a * b + a / b - b; },
                                  [](T a, T b) { return a * b + a / b - b; }, 0.3, 3}}));
  Draw draw(seed + 2);
  for (int i = 0; i < 24; ++i) {
    const Shape large = draw.shape(0, 4, 5);
    const Shape small = draw.broadcastable_to(large);
    const std::vector<std::int64_t> to(small.begin(), small.end());
    const std::vector<std::int64_t> back(large.begin(), large.end());
    cases.push_back({fmt::format("sum_to {} of {}", small, large),
                     {draw.normal(large)},
                     [small](V x) { return sum_to(x, small); },
                     [to](T x) { return x.sum_to_size(to); }});
    cases.push_back({fmt::format("broadcast_to {} of {}", large, small),
                     {draw.normal(small)},
                     [large](V x) { return broadcast_to(x, large); },
                     [back](T x) { return at::broadcast_to(x, back); }});
  }
  return cases;
}

}  // namespace xtape::peer
