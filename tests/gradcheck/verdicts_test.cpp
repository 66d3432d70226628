// The verdicts of the gradient checker from the comparisons of single probes, at the limits of its options, and the
// names and errors of its reports on layers and models.
#include <algorithm>
#include <functional>
#include <limits>

#include "framework/ops/ops.hpp"
#include "gradcheck/gradient_probe.hpp"
#include "gradcheck/layer_check.hpp"
#include "gradcheck/model_check.hpp"
#include "layers/layers.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;

/// The verdict for probes of which some lie at kinks, with this derivative at the others.
Verdict verdict_of(int right, int kinks, double derivative, const GradientCheckOptions& options = {}) {
  Tally tally("x", right + kinks);
  const auto add = [&](int count, double value, Outcome outcome) {
    for (int i = 0; i < count; ++i) {
      tally.add("probe",
                {{.analytic = value, .numeric = value, .tolerance = 1e-9, .rounding = 1e-12, .outcome = outcome}});
    }
  };
  add(right, derivative, Outcome::right);
  add(kinks, 5, Outcome::kink);
  std::vector<std::string> problems;
  const Verdict verdict = tally.report(options, problems).verdict;
  CHECK(problems.empty() == (verdict == Verdict::right || verdict == Verdict::constant));
  return verdict;
}

/// Adds a parameter w with a kink at `distance`.
class Kinked final : public Layer {
 public:
  explicit Kinked(double distance) : Layer("kinked"), distance_(distance) {}
  std::string type() const override { return "Kinked"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
    return {{"w", {1}, zeros()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    const Variable w = parameter(pass, "w");
    return {inputs[0] + w + relu(w - distance_) * 5.0};
  }

 private:
  double distance_;
};

/// Keeps the smallest and the largest input of the training passes on four samples, which move averages.
class Watching final : public Layer {
 public:
  Watching() : Layer("watching") {}
  std::string type() const override { return "Watching"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return inputs; }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>&) const override {
    return {{.name = "moving", .shape = {1}, .initializer = zeros(), .trainable = false}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    if (pass.mode() == Mode::training && inputs[0].shape()[0] == 4) {
      for (const double x : inputs[0].value().to_vector()) least = std::min(least, x), most = std::max(most, x);
    }
    return {inputs[0] * 2.0};
  }
  mutable double least = 1e9, most = -1e9;
};

}  // namespace

TEST_CASE("the text of a report names the worst input, and one whose derivative is NaN is the worst") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto input = [](const std::string& name, double analytic) {
    return InputReport{
        .name = name, .checked = 1, .worst = "probe", .analytic = analytic, .numeric = 1, .tolerance = 0.1};
  };
  const InputReport good = input("good", 1), bad = input("bad", 2), lost = input("lost", nan);
  for (const auto& [inputs, name] : std::vector<std::pair<std::vector<InputReport>, std::string>>{
           {{good, bad}, "bad"}, {{bad, good}, "bad"}, {{bad, lost}, "lost"}, {{lost, bad}, "lost"}}) {
    CHECK_THAT(to_string(GradientReport{inputs, {}}), Catch::Contains("; worst " + name + ", probe: "));
  }
}

TEST_CASE("the layer check moves the averages of a layer with inputs from the upper third of the range") {
  const auto layer = std::make_shared<Watching>();
  CHECK(check_layer(layer, {{50}}, {.batches = {1, 3}, .gradient = {.low = 3, .high = 9}}));
  CHECK((layer->least >= 7 && layer->least < 7.1));
  CHECK((layer->most < 9 && layer->most > 8.9));
}

TEST_CASE("two probes at kinks are always allowed, and a share of many as the options say") {
  CHECK(verdict_of(10, 2, 1) == Verdict::right);
  CHECK(verdict_of(10, 3, 1) == Verdict::kinks);
  CHECK(verdict_of(1, 2, 1) == Verdict::right);
  CHECK(verdict_of(0, 1, 1) == Verdict::kinks);
  CHECK(verdict_of(36, 4, 1) == Verdict::right);
  CHECK(verdict_of(35, 5, 1) == Verdict::kinks);
  CHECK(verdict_of(20, 20, 1, {.skipped_share = 0.5}) == Verdict::right);
  CHECK(verdict_of(19, 21, 1, {.skipped_share = 0.5}) == Verdict::kinks);
  CHECK(verdict_of(38, 2, 1, {.skipped_share = 0}) == Verdict::right);
}

TEST_CASE("a derivative of 0 is an error unless it is declared, and unknown beside kinks") {
  CHECK(verdict_of(4, 0, 0) == Verdict::zero);
  CHECK(verdict_of(4, 1, 0) == Verdict::kinks);
  for (const GradientCheckOptions& declared :
       {GradientCheckOptions{.constant_inputs = {"y", "x"}}, GradientCheckOptions{.may_be_constant = true}}) {
    CHECK(verdict_of(4, 0, 0, declared) == Verdict::constant);
    CHECK(verdict_of(4, 1, 0, declared) == Verdict::constant);
    CHECK(verdict_of(4, 0, 5e-10, declared) == Verdict::right);
    CHECK(verdict_of(0, 0, 0, declared) == Verdict::unchecked);
  }
  CHECK(verdict_of(4, 0, 0, {.constant_inputs = {"y"}}) == Verdict::zero);
  // the noise is absolute_tolerance + rounding: 1.1e-11
  CHECK(verdict_of(4, 0, 1.0e-11) == Verdict::zero);
  CHECK(verdict_of(4, 0, 1.2e-11) == Verdict::rounding);
  CHECK(verdict_of(4, 0, -1.0e-8) == Verdict::rounding);
  CHECK(verdict_of(4, 0, -1.2e-8) == Verdict::right);
}

TEST_CASE("inputs of up to full_up_to elements are checked one by one, and larger ones by directions and samples") {
  const auto report = [](std::int64_t size, const GradientCheckOptions& options) {
    return check_gradient([](const Variable& x) { return x * 2.0; }, {{size}}, options).inputs[0];
  };
  for (const std::int64_t most : {20, 30}) {
    const GradientCheckOptions options{.full_up_to = most, .directions = 3, .sampled_elements = 5};
    CHECK(report(most, options).checked == most);
    CHECK(report(most + 1, options).checked == 3 + 5);
  }
  CHECK(report(4, {.full_up_to = 3, .directions = 3, .sampled_elements = 50}).checked == 3 + 4);
}

TEST_CASE("the table of a report has a line for each input and each problem") {
  GradientReport report;
  report.inputs.push_back({.name = "weights",
                           .elements = 12,
                           .checked = 10,
                           .skipped = 2,
                           .worst = "element 7",
                           .analytic = 1.5,
                           .numeric = 2,
                           .estimate = 1e-9,
                           .tolerance = 1e-8,
                           .verdict = Verdict::wrong});
  report.inputs.push_back(
      {.name = "x", .elements = 3, .checked = 3, .worst = "element 0", .verdict = Verdict::constant});
  report.problems = {"weights: something", "x: another"};
  CHECK(
      table(report) ==
      "input     elements checked skipped  worst              analytic           numeric  rel.err estimate  verdict\n"
      "weights         12      10       2  element 7               1.5                 2  2.5e-01  1.0e-09  WRONG\n"
      "x                3       3       0  element 0                 0                 0  0.0e+00  0.0e+00  constant\n"
      "problem: weights: something\n"
      "problem: x: another\n");
}

TEST_CASE("the layer check names the mode and the batch of a problem, and rejects numbers below 1") {
  const auto check_with = [](const LayerCheckOptions& options) {
    return error_of([&] { static_cast<void>(check_layer(Dense({.units = 2}), {{3}}, options)); });
  };
  integer_limits(
      "check_layer: expected integers below 1 or more, got ",
      [](auto n) { static_cast<void>(check_layer(Dense({.units = 2}), {{3}}, {.batches = {1}, .integers = n})); }, {1},
      {0, -1});
  CHECK(check_with({.batches = {2, 0}}) == "check_layer: expected batches of 1 or more, got 0");
  for (const auto& [mode, name] : {std::pair(Mode::training, "training"),
                                   {Mode::inference, "inference"},
                                   {Mode::recalibration, "recalibration"}}) {
    const GradientReport report = check_layer(Activation([](const Variable& x) { return x.detached(); }), {{3}},
                                              {.modes = {mode}, .batches = {2}});
    REQUIRE(report.inputs.size() == 1);
    CHECK(report.inputs[0].name == fmt::format("{}, batch 2: input 0", name));
    CHECK_THAT(report.problems.at(0), Catch::StartsWith(fmt::format("{}, batch 2: input 0: ", name)));
  }
}

TEST_CASE("the model check numbers the floating ones of several inputs, and calls a single one images") {
  const auto values = Input({3}), tokens = Input({.shape = {3}, .dtype = DType::int64}), more = Input({3});
  const auto summed = [](const std::vector<Variable>& y) { return sum(square(y[0])); };
  const auto embedded = Flatten()(Embedding({.input_dim = 4, .output_dim = 1, .name = "words"})(tokens));
  const Model three(std::vector{values, tokens, more}, Add()({Multiply()({values, embedded}), more}), {.seed = 1});
  const auto names = [](const GradientReport& report) {
    std::vector<std::string> all;
    for (const InputReport& input : report.inputs) all.push_back(input.name);
    return all;
  };
  const Tensor x = RandomStream(1).normal({2, 3}), z = RandomStream(2).normal({2, 3});
  const GradientReport several =
      check_model(three, std::vector{x, Tensor::of({2, 3}, {0, 1, 2, 3, 0, 1}, DType::int64), z}, summed);
  CHECK(several);
  CHECK(names(several) == std::vector<std::string>{"all at once", "input 0", "input 2", "words/embeddings"});
  const Model one(values, Dense({.units = 2, .name = "d"})(values), {.seed = 1});
  const GradientReport single = check_model(one, std::vector{x}, summed);
  CHECK(names(single) == std::vector<std::string>{"all at once", "images", "d/kernel", "d/bias"});
}

TEST_CASE("each step and number of directions of a model check is checked") {
  const auto input = Input({2});
  const Model model(input, Dense({.units = 1})(input), {.seed = 1});
  const auto with = [&](const ModelCheckOptions& options) {
    static_cast<void>(check_model(
        model, Tensor::ones({1, 2}), [](const Variable& y) { return sum(y); }, options));
  };
  const std::string steps = "check_model: expected steps above 0, got ";
  number_limits(
      steps, [&](double step) { with({.change = step}); }, {1e-7}, {0, -1}, ", 1e-06 and 0.001");
  number_limits(
      steps + "3e-07, ", [&](double step) { with({.largest_step = step}); }, {1e-6}, {0, -1}, " and 0.001");
  number_limits(steps + "3e-07, 1e-06 and ", [&](double step) { with({.constant_step = step}); }, {1e-3}, {0, -1});
  const std::string directions = "check_model: expected at least one direction, got ";
  integer_limits(
      directions, [&](auto n) { with({.directions = static_cast<int>(n)}); }, {0, 1}, {-1}, " and 1");
  integer_limits(directions + "4 and ", [&](auto n) { with({.directions_each = static_cast<int>(n)}); }, {0, 1}, {-1});
}

TEST_CASE("up to two more directions are tried if all of a parameter's meet a kink") {
  const auto input = Input({1});
  int right = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    // a step along a normal number meets the kink in one of three cases
    const Model model(input, std::make_shared<Kinked>(1e-3)->connect_one({input}), {.seed = 1});
    const GradientReport report =
        check_model(model, Tensor::full({1, 1}, 0.5, DType::float64), [](const Variable& y) { return sum(y); },
                    {.seed = seed, .directions = 0, .change = 1e-3, .largest_step = 1e-3, .float32_tolerance = 0});
    right += report.passed() ? 1 : 0;
  }
  CHECK(right >= 34);  // 27 of one direction alone
}

}  // namespace xtape
