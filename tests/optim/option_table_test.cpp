// Every option of every optimizer and schedule changes the steps as the formula in its header says.
#include <cmath>
#include <functional>

#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/field_count.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Values = std::vector<double>;

/// Gradients of two parameters in each of six steps, with both signs and absolute values below and above 1.
constexpr double gradients[6][2] = {{0.5, 1.5}, {-2, -6}, {1.5, 4.5}, {0.01, 0.03}, {-0.3, 0.2}, {7, -9}};

/// The values of two parameters, initially 1 and 2, after each step. `update` changes parameter i with its gradient at
/// step t = 1, 2, ...; clipping is done before.
template <class Options>
Values steps(const Options& o, const std::function<void(int i, double& p, double g, int t)>& update) {
  Values values, p{1, 2};
  for (int t = 1; t <= 6; ++t) {
    const double* const g = gradients[t - 1];
    const double norm = std::sqrt(g[0] * g[0] + g[1] * g[1]);
    const double scale = o.clip_norm > 0 && norm > o.clip_norm ? o.clip_norm / norm : 1;
    for (std::size_t i = 0; i < 2; ++i) {
      const double limit = o.clip_value > 0 ? o.clip_value : 1e300;
      update(static_cast<int>(i), p[i], std::min(std::max(scale * g[i], -limit), limit), t);
      values.push_back(p[i]);
    }
  }
  return values;
}

/// The settings of parameter i. The second parameter has those of the group if there is one.
template <class Options>
ParameterGroup settings_of(const Options& o, int i) {
  ParameterGroup settings = o.groups.empty() || i == 0 ? ParameterGroup{} : o.groups.front();
  settings.weight_decay = settings.weight_decay.value_or(o.weight_decay);
  return settings;
}

Values formula(const SGDOptions& o) {
  double v[2] = {0, 0};
  return steps(o, [&](int i, double& p, double g, int t) {
    const ParameterGroup s = settings_of(o, i);
    const double rate = s.learning_rate_factor * o.learning_rate.at(t - 1);
    g += *s.weight_decay * p;
    v[i] = o.momentum * v[i] - rate * g;
    p += o.nesterov ? o.momentum * v[i] - rate * g : v[i];
  });
}

template <class Options>
Values adam_formula(const Options& o, bool decoupled) {
  double m[2] = {0, 0}, v[2] = {0, 0};
  return steps(o, [&](int i, double& p, double g, int t) {
    const ParameterGroup s = settings_of(o, i);
    const double rate = s.learning_rate_factor * o.learning_rate.at(t - 1);
    decoupled ? p -= rate** s.weight_decay* p : g += *s.weight_decay * p;
    m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
    v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
    p -= rate * std::sqrt(1 - std::pow(o.beta2, t)) / (1 - std::pow(o.beta1, t)) * m[i] / (std::sqrt(v[i]) + o.epsilon);
  });
}
Values formula(const AdamOptions& o) { return adam_formula(o, false); }
Values formula(const AdamWOptions& o) { return adam_formula(o, true); }

Values formula(const RMSpropOptions& o) {
  double v[2] = {0, 0}, a[2] = {0, 0}, b[2] = {0, 0};
  return steps(o, [&](int i, double& p, double g, int t) {
    const ParameterGroup s = settings_of(o, i);
    g += *s.weight_decay * p;
    v[i] = o.rho * v[i] + (1 - o.rho) * g * g;
    a[i] = o.rho * a[i] + (1 - o.rho) * g;
    const double spread = o.centered ? v[i] - a[i] * a[i] : v[i];
    b[i] = o.momentum * b[i] + s.learning_rate_factor * o.learning_rate.at(t - 1) * g /
                                   (o.epsilon_outside ? std::sqrt(spread) + o.epsilon : std::sqrt(spread + o.epsilon));
    p -= b[i];
  });
}

/// The rate of parameter i at step t, and its gradient with the L2 term.
template <class Options>
double rate_of(const Options& o, int i, int t) {
  return settings_of(o, i).learning_rate_factor * o.learning_rate.at(t - 1);
}
template <class Options>
double with_decay(const Options& o, int i, double p, double g) {
  return g + *settings_of(o, i).weight_decay * p;
}

Values formula(const AdagradOptions& o) {
  double v[2] = {o.initial_accumulator_value, o.initial_accumulator_value};
  return steps(o, [&](int i, double& p, double g, int t) {
    g = with_decay(o, i, p, g);
    v[i] += g * g;
    p -= rate_of(o, i, t) * g / (o.epsilon_outside ? std::sqrt(v[i]) + o.epsilon : std::sqrt(v[i] + o.epsilon));
  });
}

Values formula(const AdadeltaOptions& o) {
  double v[2] = {0, 0}, u[2] = {0, 0};
  return steps(o, [&](int i, double& p, double g, int t) {
    g = with_decay(o, i, p, g);
    v[i] = o.rho * v[i] + (1 - o.rho) * g * g;
    const double d = std::sqrt(u[i] + o.epsilon) / std::sqrt(v[i] + o.epsilon) * g;
    u[i] = o.rho * u[i] + (1 - o.rho) * d * d;
    p -= rate_of(o, i, t) * d;
  });
}

Values formula(const NadamOptions& o) {
  double m[2] = {0, 0}, v[2] = {0, 0};
  const auto momentum = [&](int t) { return o.beta1 * (1 - 0.5 * std::pow(0.96, o.momentum_decay * t)); };
  return steps(o, [&](int i, double& p, double g, int t) {
    g = with_decay(o, i, p, g);
    m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
    v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
    double product = 1;
    for (int s = 1; s <= t; ++s) product *= momentum(s);
    const double ahead =
        momentum(t + 1) * m[i] / (1 - product * momentum(t + 1)) + (1 - momentum(t)) * g / (1 - product);
    p -= rate_of(o, i, t) * ahead / (std::sqrt(v[i] / (1 - std::pow(o.beta2, t))) + o.epsilon);
  });
}

Values formula(const AdamaxOptions& o) {
  double m[2] = {0, 0}, u[2] = {0, 0};
  return steps(o, [&](int i, double& p, double g, int t) {
    g = with_decay(o, i, p, g);
    m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
    u[i] = std::max(o.beta2 * u[i], std::abs(g));
    p -= rate_of(o, i, t) / (1 - std::pow(o.beta1, t)) * m[i] / (u[i] + o.epsilon);
  });
}

Values formula(const LionOptions& o) {
  double m[2] = {0, 0};
  return steps(o, [&](int i, double& p, double g, int t) {
    const double direction = o.beta1 * m[i] + (1 - o.beta1) * g, rate = rate_of(o, i, t);
    p -= rate * *settings_of(o, i).weight_decay * p;
    p -= rate * (direction > 0 ? 1 : -1);
    m[i] = o.beta2 * m[i] + (1 - o.beta2) * g;
  });
}

/// The moving averages after each step.
template <class Options>
Values averages_of(const Options& o) {
  Values averages = formula(o);
  for (std::size_t i = 2; i < averages.size(); ++i) {
    averages[i] = o.ema_momentum * averages[i - 2] + (1 - o.ema_momentum) * averages[i];
  }
  return averages;
}

template <class Type, class Options>
Values trained(const Options& options, bool averages = false) {
  const Parameter one("one", Tensor::scalar(1, DType::float64)), two("two", Tensor::scalar(2, DType::float64));
  Type optimizer({one, two}, options);
  Values values;
  for (const auto& g : gradients) {
    Gradients now;
    now.add(one, Tensor::scalar(g[0], DType::float64));
    now.add(two, Tensor::scalar(g[1], DType::float64));
    optimizer.step(now);
    if (averages) optimizer.swap_averages();
    values.insert(values.end(), {one.value().item(), two.value().item()});
    if (averages) optimizer.swap_averages();
  }
  return values;
}

double largest(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

/// An option with a value other than the default, and the options that it needs.
template <class Options>
struct Row {
  std::string name;
  Options options;
  Options base = {};  ///< the options without this one
};

template <class Type, class Options>
void check_table(const std::vector<Row<Options>>& rows) {
  test::check_row_for_each_field<Options>(rows);
  CHECK(largest(trained<Type>(Options{}), formula(Options{})) < 1e-12);
  for (const Row<Options>& row : rows) {
    INFO(row.name);
    const bool averages = row.name == "ema_momentum";
    if (averages) CHECK(largest(trained<Type>(row.options, true), averages_of(row.options)) < 1e-12);
    const Values values = trained<Type>(row.options, averages);
    if (averages) {
      CHECK(largest(trained<Type>(row.options), formula(row.base)) < 1e-12);
      CHECK(largest(values, trained<Type>(row.base)) > 1e-6);
      continue;
    }
    CHECK(largest(values, formula(row.options)) < 1e-12);
    CHECK(largest(values, trained<Type>(row.base)) > 1e-6);
  }
}

LearningRate falling() {
  return LearningRate([](std::int64_t i) { return 0.1 / static_cast<double>(i + 1); });
}

/// The rows of the options that all optimizers have, for options that are otherwise `base`, and those of its own.
template <class Options>
std::vector<Row<Options>> with_common_rows(std::vector<Row<Options>> rows, const Options& base = {}) {
  const auto add = [&](const std::string& name, const auto& change) {
    Options options = base;
    change(options);
    rows.push_back({name, options, base});
  };
  add("learning_rate", [](auto& o) { o.learning_rate = falling(); });
  add("weight_decay", [](auto& o) { o.weight_decay = 0.3; });
  add("clip_norm", [](auto& o) { o.clip_norm = 1.2; });
  add("clip_value", [](auto& o) { o.clip_value = 0.7; });
  add("groups", [](auto& o) { o.groups = {{.names = {"two"}, .learning_rate_factor = 0.25, .weight_decay = 0.6}}; });
  add("ema_momentum", [](auto& o) { o.ema_momentum = 0.5; });
  return rows;
}

/// Adam and others have the same options.
template <class Options>
std::vector<Row<Options>> rows_of_adam(const Options& base = {}) {
  std::vector<Row<Options>> rows;
  for (const auto& [name, member, value] : {std::tuple("beta1", &Options::beta1, 0.5),
                                            {"beta2", &Options::beta2, 0.9},
                                            {"epsilon", &Options::epsilon, 0.05}}) {
    rows.push_back({name, base, base});
    rows.back().options.*member = value;
  }
  return with_common_rows<Options>(rows, base);
}

TEST_CASE("every option of every optimizer changes the steps by its formula") {
  check_table<SGD, SGDOptions>(with_common_rows<SGDOptions>(
      {{"momentum", {.momentum = 0.7}}, {"nesterov", {.momentum = 0.7, .nesterov = true}, {.momentum = 0.7}}}));
  check_table<Adam, AdamOptions>(rows_of_adam<AdamOptions>());
  check_table<AdamW, AdamWOptions>(rows_of_adam<AdamWOptions>());
  check_table<RMSprop, RMSpropOptions>(with_common_rows<RMSpropOptions>(
      {{"rho", {.rho = 0.6}},
       {"momentum", {.momentum = 0.7}},
       {"epsilon", {.epsilon = 0.05}},
       {"epsilon_outside", {.epsilon = 0.05, .epsilon_outside = true}, {.epsilon = 0.05}},
       {"centered", {.centered = true}}}));
  std::vector<Row<NadamOptions>> nadam = rows_of_adam<NadamOptions>();
  nadam.push_back({"momentum_decay", {.momentum_decay = 0.004}});
  check_table<Nadam, NadamOptions>(nadam);
  check_table<Adamax, AdamaxOptions>(rows_of_adam<AdamaxOptions>({.learning_rate = 0.1}));
  check_table<Lion, LionOptions>(with_common_rows<LionOptions>(
      {{"beta1", {.beta1 = 0.999}}, {"beta2", {.beta1 = 0.99, .beta2 = 0.1}, {.beta1 = 0.99}}},
      {.learning_rate = 0.1, .beta1 = 0.999}));
  check_table<Adagrad, AdagradOptions>(with_common_rows<AdagradOptions>(
      {{"initial_accumulator_value", {.initial_accumulator_value = 0.5}},
       {"epsilon", {.epsilon = 0.05}},
       {"epsilon_outside", {.epsilon = 0.05, .epsilon_outside = true}, {.epsilon = 0.05}}},
      {.learning_rate = 0.1}));
  check_table<Adadelta, AdadeltaOptions>(with_common_rows<AdadeltaOptions>(
      {{"rho", {.learning_rate = 1, .rho = 0.6}, {.learning_rate = 1}}, {"epsilon", {.epsilon = 0.05}}},
      {.learning_rate = 1, .epsilon = 1e-3}));
}

TEST_CASE("all options of an optimizer at once are those of the formula") {
  const std::vector<ParameterGroup> groups{{.names = {"two"}, .learning_rate_factor = 0.25, .weight_decay = 0.6}};
  const SGDOptions sgd{falling(), 0.7, true, 0.3, 1.2, 0, groups};
  CHECK(largest(trained<SGD>(sgd), formula(sgd)) < 1e-12);
  const AdamOptions adam{falling(), 0.5, 0.9, 0.05, 0.3, 1.2, 0, groups};
  CHECK(largest(trained<Adam>(adam), formula(adam)) < 1e-12);
  const AdamWOptions adamw{falling(), 0.5, 0.9, 0.05, 0.3, 1.2, 0, groups};
  CHECK(largest(trained<AdamW>(adamw), formula(adamw)) < 1e-12);
  const RMSpropOptions rmsprop{falling(), 0.6, 0.7, 0.05, true, true, 0.3, 1.2, 0, groups};
  CHECK(largest(trained<RMSprop>(rmsprop), formula(rmsprop)) < 1e-12);
}

// Values of keras.optimizers in Keras 3.15 (float32): both parameters after the first three of the steps above, where
// clip_norm is global_clipnorm.
TEST_CASE("optimizers give the same numbers as Keras") {
  const auto check = [](const Values& values, const Values& keras) {
    CHECK(largest({values.begin(), values.begin() + 6}, keras) < 1e-6);
  };
  check(trained<SGD>(SGDOptions{.learning_rate = 0.1}), {0.95, 1.85, 1.15, 2.45, 1, 2});
  check(trained<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.9}), {0.95, 1.85, 1.105, 2.315, 1.0945, 2.2835});
  check(trained<SGD>(SGDOptions{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}),
        {0.905, 1.715, 1.2445, 2.7335, 1.08505, 2.25515});
  check(trained<SGD>(SGDOptions{.learning_rate = 0.1, .clip_norm = 1}),
        {0.96837723, 1.90513170, 1, 2, 0.96837723, 1.90513170});
  check(trained<Adam>(AdamOptions{.learning_rate = 0.1}),
        {0.90000129, 1.90000093, 0.95595098, 1.95595074, 0.95331919, 1.95331895});
  check(trained<Adam>(AdamOptions{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 0.01}),
        {0.90594834, 1.90206468, 0.98299956, 1.97990215, 0.95940495, 1.95610619});
  check(trained<AdamW>(AdamWOptions{.learning_rate = 0.1, .epsilon = 0.1, .weight_decay = 0.1, .clip_norm = 1}),
        {0.98090917, 1.95692325, 0.97175205, 1.93892145, 0.95707917, 1.90805387});
  check(trained<RMSprop>(RMSpropOptions{.learning_rate = 0.1}),
        {0.68377286, 1.68377233, 0.99146509, 1.99146461, 0.79865766, 1.79865718});
  check(trained<RMSprop>(
            RMSpropOptions{.learning_rate = 0.1, .rho = 0.7, .momentum = 0.5, .epsilon = 0.01, .centered = true}),
        {0.80000001, 1.78405523, 0.89827508, 1.87522972, 0.82697004, 1.80002785});
}

TEST_CASE("centered RMSprop treats a variance that is negative by rounding as 0") {
  const Parameter p("p", Tensor::scalar(1));
  RMSprop optimizer({p}, {.learning_rate = 1e-6, .rho = 0.5, .centered = true});
  Gradients now;
  now.add(p, Tensor::scalar(333.3));
  for (int i = 0; i < 200; ++i) {
    optimizer.step(now);
    REQUIRE(std::isfinite(p.value().item()));
  }
}

// Values of keras.optimizers.schedules in Keras 3.15.
TEST_CASE("schedules have the values of Keras on both sides of every boundary") {
  const LearningRate piecewise = schedule::piecewise({10, 20}, {1, 0.1, 0.01});
  const std::pair<int, double> expected[] = {{0, 1}, {9, 1}, {10, 1}, {11, 0.1}, {20, 0.1}, {21, 0.01}};
  for (const auto& [i, rate] : expected) CHECK(piecewise.at(i) == rate);
  CHECK(schedule::piecewise({0}, {1, 0.1}).at(0) == 1);
  CHECK(schedule::piecewise({0}, {1, 0.1}).at(1) == 0.1);
  const LearningRate stairs = schedule::exponential(0.8, 10, 0.25, true);
  const std::pair<int, double> stair[] = {{0, 0.8}, {9, 0.8}, {10, 0.2}, {19, 0.2}, {20, 0.05}, {25, 0.05}};
  for (const auto& [i, rate] : stair) CHECK(stairs.at(i) == Approx(rate).epsilon(1e-6));
  const LearningRate cosine = schedule::cosine(1, 100, {.final_rate = 0.2});
  const std::pair<int, double> wave[] = {{0, 1}, {1, 0.99980259}, {50, 0.6}, {99, 0.20019738}, {100, 0.2}, {101, 0.2}};
  for (const auto& [i, rate] : wave) CHECK(cosine.at(i) == Approx(rate).epsilon(1e-6));
}

TEST_CASE("every option of a schedule changes its rates by its formula") {
  struct CosineRow {
    std::string name;
    schedule::CosineOptions options;
    std::function<double(double i)> rate;
  };
  const auto fall = [](double done, double steps) { return (1 + std::cos(M_PI * std::min(1.0, done / steps))) / 2; };
  const std::vector<CosineRow> rows{
      {"warmup_steps", {.warmup_steps = 4}, [&](double i) { return i < 4 ? (i + 1) / 4 : fall(i - 4, 100); }},
      {"warmup_from",
       {.warmup_steps = 4, .warmup_from = 0.2},
       [&](double i) { return i < 4 ? 0.2 + 0.8 * i / 4 : fall(i - 4, 100); }},
      {"final_rate", {.final_rate = 0.2}, [&](double i) { return 0.2 + 0.8 * fall(i, 104); }}};
  test::check_row_for_each_field<schedule::CosineOptions>(rows);
  for (const CosineRow& row : rows) {
    INFO(row.name);
    for (const int i : {0, 3, 4, 5, 54, 103, 104, 105}) {
      CHECK(schedule::cosine(1, 104, row.options).at(i) == Approx(row.rate(i)).margin(1e-12));
    }
  }
  CHECK(schedule::exponential(0.8, 10, 0.25).at(5) == Approx(0.4));        // initial, decay_steps, rate
  CHECK(schedule::exponential(0.8, 10, 0.25, true).at(5) == Approx(0.8));  // staircase
  CHECK(schedule::constant(0.3).at(5) == 0.3);
}

}  // namespace
}  // namespace xtape
