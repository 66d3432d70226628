#include "training/report/profile.hpp"

#include <set>
#include <thread>

#include "framework/autograd/profiler.hpp"
#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"
#include "training/fit.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

struct Small {
  Model model;
  Dataset data;
};

Small small(std::int64_t samples) {
  const auto input = Input({8, 8, 3});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .name = "conv"})(input);
  x = Activation(relu, {.name = "act"})(BatchNormalization({.name = "norm"})(x));
  Model model(input, Dense({.units = 2, .name = "logits"})(Flatten({.name = "flat"})(x)), {.seed = 1});
  return {model, Dataset(RandomStream(1).uniform({samples, 8, 8, 3}), Tensor::zeros({samples}, DType::int64), 2)};
}

const StepProfile::Row& row(const std::vector<StepProfile::Row>& rows, const std::string& name) {
  for (const auto& r : rows) {
    if (r.name == name) return r;
  }
  fail("no row {}", name);
}

}  // namespace

TEST_CASE("a profiler attributes all time to the current activity") {
  Profiler profiler;
  const auto nap = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  nap();
  profiler.start("a");
  nap();
  profiler.start("b");
  profiler.start_backward("a");
  nap();
  nap();
  profiler.stop();
  nap();
  REQUIRE(profiler.activities().size() == 2);
  const auto& [name, forward, backward, kept] = profiler.activities()[0];
  CHECK(name == "a");
  CHECK(forward >= 0.02);
  CHECK(backward >= 0.04);
  CHECK(profiler.activities()[1].name == "b");
  CHECK(profiler.activities()[1].backward == 0);
}

TEST_CASE("a profile lists the layers in order, with joined names for fused layers, and other activities") {
  auto [model, data] = small(10);
  SGD sgd(model.parameters());
  const StepProfile measured = profile(model, sgd, data, {.batch_size = 4, .steps = 3});
  std::vector<std::string> names, rest;
  for (const auto& r : measured.layers) names.push_back(r.name);
  for (const auto& r : measured.rest) rest.push_back(r.name);
  CHECK(names == std::vector<std::string>{"conv", "norm + act", "flat", "logits"});
  CHECK(std::set(rest.begin(), rest.end()) ==
        std::set<std::string>{"data", "loss", "metrics", "optimizer", "progress"});
  double sum = 0;
  for (const auto& rows : {measured.layers, measured.rest}) {
    for (const auto& r : rows) sum += r.forward + r.backward;
  }
  CHECK(std::abs(measured.seconds - sum) <= 1e-9 * sum);
  for (const std::string trained : {"conv", "norm + act", "logits"}) {
    CHECK(row(measured.layers, trained).forward > 0);
    CHECK(row(measured.layers, trained).backward > 0);
  }
  CHECK(row(measured.rest, "loss").backward > 0);
  CHECK(row(measured.rest, "optimizer").forward > 0);
}

TEST_CASE("a profiler of a run lists its activities in their order, also of steps of several batches") {
  const std::vector<std::string> layers{"data", "conv", "norm + act", "flat", "logits", "loss", "metrics"};
  for (const int accumulate : {1, 2}) {
    auto [model, data] = small(8);
    SGD sgd(model.parameters());
    Profiler profiler;
    fit(model, sgd, data, {.batch_size = 4, .accumulate = accumulate, .profiler = &profiler, .show_progress = false});
    std::vector<std::string> names, expected = layers;
    for (const Profiler::Activity& activity : profiler.activities()) names.push_back(activity.name);
    if (accumulate > 1) expected.emplace_back("reduction");
    expected.insert(expected.end(), {"optimizer", "progress"});
    CHECK(names == expected);
  }
}

TEST_CASE("a profile has the multiply-adds and bytes of each layer") {
  auto [model, data] = small(10);
  SGD sgd(model.parameters());
  const StepProfile measured = profile(model, sgd, data, {.batch_size = 4, .steps = 5});
  // 4 images, 6x6 positions, 3x3x3 taps, 4 filters; forward pass and kernel gradient; the gradient of the images is not
  // computed
  CHECK(row(measured.layers, "conv").multiply_adds == 4 * 36 * 27 * 4 * 2);
  CHECK(row(measured.layers, "logits").multiply_adds == 4 * 144 * 2 * 3);
  CHECK(measured.parameter_bytes == 4 * (27 * 4 + 4 + 4 * 4 + 144 * 2 + 2));
  CHECK(row(measured.layers, "conv").kept >= 4 * 36 * 4 * 4);  // its output, which the normalization saves
  CHECK(measured.between_steps >= measured.parameter_bytes);
  CHECK(measured.peak >= measured.between_steps);
  const std::string text = table(measured);
  const StepProfile small{
      .layers = {}, .rest = {}, .seconds = 2e-6, .parameter_bytes = 40, .between_steps = 4500, .peak = 1'500'000'000};
  CHECK_THAT(table(small),
             Catch::Contains("a step: 0.002 ms; memory: parameters 40 B, in use between steps 4.5 kB, at most 1.5 GB"));
  CHECK_THAT(text, Catch::Contains("norm + act") && Catch::Contains("GFLOP/s") && Catch::Contains("a step: "));
}

TEST_CASE("the table of a profile has every number in its column, and sums over the layers") {
  const StepProfile made{.layers = {{"a long layer's name + relu_1", 0.002, 0.004, 4e6, 500'000},
                                    {.name = "b", .forward = 0.001, .backward = 0.001, .kept = 700'000}},
                         .rest = {{.name = "loss", .forward = 0.001, .backward = 0.001}},
                         .seconds = 0.010,
                         .parameter_bytes = 4'000'000,
                         .between_steps = 50'000,
                         .peak = 123'456'789};
  CHECK(table(made) ==
        "layer                           ms fwd    ms bwd      %  GFLOP/s  MB kept\n"
        "-------------------------------------------------------------------------\n"
        "a long layer's name + relu_1     2.000     4.000   60.0      1.3      0.5\n"
        "b                                1.000     1.000   20.0               0.7\n"
        "-------------------------------------------------------------------------\n"
        "all layers                       3.000     5.000   80.0      1.0      1.2\n"
        "loss                             1.000     1.000   20.0               0.0\n"
        "-------------------------------------------------------------------------\n"
        "a step: 10.0 ms; memory: parameters 4.0 MB, in use between steps 50.0 kB, at most 123.5 MB\n");
  for (const auto& [bytes, text] :
       {std::pair(0, " 0.0\n"), {4'000, " 0.004\n"}, {70'000, " 0.07\n"}, {99'000, " 0.099\n"}, {100'000, " 0.1\n"}}) {
    StepProfile small;
    small.layers = {{.name = "b", .kept = bytes}};
    CHECK_THAT(table(small), Catch::Contains(text));
  }
  for (const auto& [seconds, text] : {std::pair(0.00007, "a step: 0.07 ms;"), {0.0001, "a step: 0.1 ms;"}}) {
    StepProfile fast;
    fast.seconds = seconds;
    CHECK_THAT(table(fast), Catch::Contains(text));
  }
  StepProfile none;
  CHECK_THAT(table(none), Catch::Contains("all layers     0.000     0.000    0.0               0.0\n"));
}

TEST_CASE("a profile trains the given number of steps and rejects invalid options") {
  auto [model, data] = small(10);
  SGD sgd(model.parameters());
  profile(model, sgd, data, {.batch_size = 4, .steps = 3});
  CHECK(sgd.iterations() == 2 + 4);  // the data has two batches: three steps are two passes over it
  profile(model, sgd, data, {.batch_size = 10, .steps = 1});  // all samples in one batch
  CHECK(sgd.iterations() == 2 + 4 + 2 + 1);
  int calls = 0;
  const Loss counted("counted",
                     [&](const Variable& outputs, const Tensor& targets) {
                       ++calls;
                       return softmax_cross_entropy(outputs, targets);
                     },
                     {.targets = LossTargets::classes});
  profile(model, sgd, data, {.batch_size = 4, .steps = 2, .loss = counted});
  CHECK(calls == 2 + 2);  // the first pass over the data is not measured
  CHECK(error_of([&, &m = model, &d = data] { profile(m, sgd, d, {.steps = 0}); }) ==
        "profile: expected at least 1 step, got 0");
  CHECK(error_of([&, &m = model, &d = data] { profile(m, sgd, d, {.batch_size = 11}); }) ==
        "profile: expected a batch_size in [1, 10], the number of samples, got 11");
}
