// LAMB and LARS, whose steps depend on the norms of whole parameters: every option against the formula in its header.
#include <cmath>
#include <functional>

#include "optim/lamb.hpp"
#include "optim/lars.hpp"
#include "tests/support/field_count.hpp"
#include "tests/support/support.hpp"

namespace xtape::layerwise {
namespace {

using Values = std::vector<double>;

/// Gradients of a matrix (1, 2) and a vector (2) in each step.
constexpr double gradients[5][4] = {
    {0.5, 1.5, 0.2, -0.1}, {-2, -6, 0.4, 0.3}, {1.5, 4.5, -0.5, 2}, {0.01, 0.03, 0.1, 1}, {-0.3, 0.2, 3, -1}};

double norm(const double* x) { return std::hypot(x[0], x[1]); }

/// Both parameters after each step. `update` changes one of them, `which` is 0 for the matrix, by its gradient, which
/// is clipped, at step t = 1, 2, ...
template <class Options>
Values steps(const Options& o, const std::function<void(int which, double* p, const double* g, int t)>& update) {
  Values values;
  double p[4] = {1, 2, -1, 0.5};
  for (int t = 1; t <= 5; ++t) {
    const double* const given = gradients[t - 1];
    const double all = std::hypot(norm(given), norm(given + 2));
    double g[4];
    for (int i = 0; i < 4; ++i) {
      g[i] = given[i] * (o.clip_norm > 0 && all > o.clip_norm ? o.clip_norm / all : 1);
      if (o.clip_value > 0) g[i] = std::min(std::max(g[i], -o.clip_value), o.clip_value);
    }
    for (int which = 0; which < 2; ++which) update(which, p + 2 * which, g + 2 * which, t);
    values.insert(values.end(), p, p + 4);
  }
  return values;
}

template <class Options>
double rate_of(const Options& o, int which, int t) {
  return o.learning_rate.at(t - 1) * (which == 1 && !o.groups.empty() ? o.groups[0].learning_rate_factor : 1);
}
template <class Options>
double decay_of(const Options& o, int which) {
  return which == 1 && !o.groups.empty() ? *o.groups[0].weight_decay : o.weight_decay;
}

Values formula(const LAMBOptions& o) {
  double m[4] = {}, v[4] = {};
  return steps(o, [&](int which, double* p, const double* g, int t) {
    double r[2];
    for (int i = 0; i < 2; ++i) {
      const int k = 2 * which + i;
      m[k] = o.beta1 * m[k] + (1 - o.beta1) * g[i];
      v[k] = o.beta2 * v[k] + (1 - o.beta2) * g[i] * g[i];
      r[i] = m[k] / (1 - std::pow(o.beta1, t)) / (std::sqrt(v[k] / (1 - std::pow(o.beta2, t))) + o.epsilon) +
             decay_of(o, which) * p[i];
    }
    const double factor = rate_of(o, which, t) * norm(p) / norm(r);
    for (int i = 0; i < 2; ++i) p[i] -= factor * r[i];
  });
}

Values formula(const LARSOptions& o) {
  double v[4] = {};
  return steps(o, [&](int which, double* p, const double* g, int t) {
    const double decay = decay_of(o, which);
    const bool adapted = which == 0 || o.adapt_vectors;
    const double ratio = adapted ? o.trust_coefficient * norm(p) / (norm(g) + decay * norm(p)) : 1;
    for (int i = 0; i < 2; ++i) {
      double& velocity = v[2 * which + i];
      velocity = o.momentum * velocity + rate_of(o, which, t) * ratio * (g[i] + decay * p[i]);
    }
    for (int i = 0; i < 2; ++i) p[i] -= v[2 * which + i];
  });
}

template <class Type, class Options>
Values trained(const Options& options, bool averages = false) {
  const Parameter matrix("one", test::f64({1, 2}, {1, 2})), vector("two", test::f64({2}, {-1, 0.5}));
  Type optimizer({matrix, vector}, options);
  Values values;
  for (const auto& g : gradients) {
    Gradients now;
    now.add(matrix, test::f64({1, 2}, {g[0], g[1]}));
    now.add(vector, test::f64({2}, {g[2], g[3]}));
    optimizer.step(now);
    if (averages) optimizer.swap_averages();
    for (const Parameter& p : {matrix, vector}) {
      for (const double v : p.value().to_vector()) values.push_back(v);
    }
    if (averages) optimizer.swap_averages();
  }
  return values;
}

/// The elements of a matrix (10, 10) of `value` in float32 after a step with equal gradients.
template <class Type, class Options>
double after_step(const Options& options, double value, float gradient) {
  const Parameter p("p", Tensor::full({10, 10}, value));
  Type optimizer({p}, options);
  Gradients now;
  now.add(p, Tensor::full({10, 10}, gradient));
  optimizer.step(now);
  return p.value().at({3, 4});
}

double largest(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

template <class Options>
struct Row {
  std::string name;
  Options options;
};

/// The rows of the options that both have are added.
template <class Type, class Options>
void check_table(const Options& base, std::vector<Row<Options>> rows) {
  const auto add = [&](const std::string& name, const auto& change) {
    rows.push_back({name, base});
    change(rows.back().options);
  };
  add("learning_rate", [](auto& o) { o.learning_rate = 0.3; });
  add("weight_decay", [](auto& o) { o.weight_decay = 0.3; });
  add("clip_norm", [](auto& o) { o.clip_norm = 1.2; });
  add("clip_value", [](auto& o) { o.clip_value = 0.7; });
  add("groups", [](auto& o) { o.groups = {{.names = {"two"}, .learning_rate_factor = 0.25, .weight_decay = 0.6}}; });
  add("ema_momentum", [](auto& o) { o.ema_momentum = 0.5; });
  test::check_row_for_each_field<Options>(rows);
  CHECK(largest(trained<Type>(Options{}), formula(Options{})) < 1e-12);
  CHECK(largest(trained<Type>(base), formula(base)) < 1e-12);
  for (const Row<Options>& row : rows) {
    INFO(row.name);
    Values expected = formula(row.options);
    const bool averages = row.name == "ema_momentum";
    for (std::size_t i = 4; averages && i < expected.size(); ++i) expected[i] = (expected[i - 4] + expected[i]) / 2;
    CHECK(largest(trained<Type>(row.options, averages), expected) < 1e-12);
    CHECK(largest(expected, formula(base)) > 1e-6);
  }
}

TEST_CASE("every option of LAMB and LARS changes the steps by its formula") {
  const LAMBOptions lamb{.learning_rate = 0.1};
  check_table<LAMB, LAMBOptions>(lamb, {{"beta1", {.learning_rate = 0.1, .beta1 = 0.5}},
                                        {"beta2", {.learning_rate = 0.1, .beta2 = 0.9}},
                                        {"epsilon", {.learning_rate = 0.1, .epsilon = 0.05}}});
  const LARSOptions lars{.trust_coefficient = 0.1};
  check_table<LARS, LARSOptions>(lars, {{"momentum", {.momentum = 0.5, .trust_coefficient = 0.1}},
                                        {"trust_coefficient", {.trust_coefficient = 0.2}},
                                        {"adapt_vectors", {.trust_coefficient = 0.1, .adapt_vectors = true}}});
}

TEST_CASE("trust ratios are right where squares of float64 overflow or underflow") {
  for (const double size : {1e200, 1e-200}) {
    INFO(size);
    const Parameter p("p", test::f64({1, 2}, {3 * size, 4 * size}));
    LARS lars({p}, {.learning_rate = 0.1, .momentum = 0, .trust_coefficient = 0.5});
    Gradients gradients;
    gradients.add(p, test::f64({1, 2}, {0, 2 * size}));
    lars.step(gradients);  // the ratio is 0.5 * 5 / 2
    CHECK(p.value().at({0, 0}) / size == Approx(3));
    CHECK(p.value().at({0, 1}) / size == Approx(4 - 0.1 * 1.25 * 2));
  }
}

TEST_CASE("a parameter or a gradient of norm 0 has the trust ratio 1") {
  const auto zero = [] { return Parameter("p", Tensor::zeros({2, 2}, DType::float64)); };
  const auto step = [&](auto make) {
    const Parameter moved = zero(), still("q", test::f64({1, 2}, {1, 2}));
    auto optimizer = make({moved, still});
    Gradients now;
    now.add(moved, Tensor::ones({2, 2}, DType::float64));
    now.add(still, Tensor::zeros({1, 2}, DType::float64));
    optimizer.step(now);
    CHECK(moved.value().to_vector() == Values(4, -0.5));
    CHECK(still.value().to_vector() == Values{1, 2});
  };
  using All = std::vector<Parameter>;
  step([](const All& all) { return LARS(all, {.learning_rate = 0.5, .momentum = 0}); });
  // m / sqrt(v) of the first gradient is 1
  step([](const All& all) { return LAMB(all, {.learning_rate = 0.5, .beta1 = 0, .beta2 = 0, .epsilon = 1e-300}); });
  CHECK(test::error_of([&] { LARS({zero()}, {.trust_coefficient = 0}); }) ==
        "LARS: expected a finite trust_coefficient above 0, got 0");
  CHECK(test::error_of([&] { LAMB({zero()}, {.beta1 = 1}); }) == "LAMB: expected beta1 in [0, 1), got 1");
}

TEST_CASE("the ratio of the norms of weights and steps may be beyond float32") {
  // The step is the rate times the norm of the weights, in the direction of the gradient: 0.1 * 1, 0.1 * 0.001 * 1.
  const float tiny = std::numeric_limits<float>::denorm_min();
  CHECK(after_step<LARS>(LARSOptions{.learning_rate = 0.1}, 1, 8 * tiny) == Approx(0.9999));
  CHECK(after_step<LAMB>(LAMBOptions{.learning_rate = 0.1, .epsilon = 1}, 1, 8 * tiny) == Approx(0.9));
}

}  // namespace
}  // namespace xtape::layerwise
