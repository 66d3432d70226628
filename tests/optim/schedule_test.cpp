#include "optim/schedule.hpp"

#include <cmath>
#include <limits>

#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

TEST_CASE("a number is a learning rate, and so is any function of the iteration") {
  CHECK(LearningRate(0.5).at(1000) == 0.5);
  CHECK(LearningRate(1).at(0) == 1);
  CHECK(schedule::constant(0.5).at(7) == 0.5);
  CHECK(LearningRate([](std::int64_t i) { return 1.0 / static_cast<double>(i + 1); }).at(3) == 0.25);
}

TEST_CASE("piecewise changes at its boundaries") {
  const LearningRate rate = schedule::piecewise({10, 20}, {1, 0.1, 0.01});
  CHECK(rate.at(0) == 1);
  CHECK(rate.at(9) == 1);
  CHECK(rate.at(10) == 1);  // at a boundary the rate is still the one before it, as in Keras
  CHECK(rate.at(11) == 0.1);
  CHECK(rate.at(20) == 0.1);
  CHECK(rate.at(21) == 0.01);
  CHECK(rate.at(1000000) == 0.01);
  CHECK(schedule::piecewise({}, {0.3}).at(5) == 0.3);
}

TEST_CASE("exponential decays smoothly or in steps") {
  const LearningRate smooth = schedule::exponential(0.8, 10, 0.25);
  CHECK(smooth.at(0) == 0.8);
  CHECK(smooth.at(5) == Approx(0.4));
  CHECK(smooth.at(10) == Approx(0.2));
  CHECK(smooth.at(205) == Approx(0.8 * std::pow(0.5, 41)));
  const LearningRate stairs = schedule::exponential(0.8, 10, 0.25, true);
  CHECK(stairs.at(9) == 0.8);
  CHECK(stairs.at(10) == Approx(0.2));
  CHECK(stairs.at(25) == Approx(0.05));
}

TEST_CASE("cosine warms up, falls along half a cosine wave and stays constant") {
  const LearningRate plain = schedule::cosine(1, 100);
  CHECK(plain.at(0) == 1);
  CHECK(plain.at(25) == Approx(0.853553390593));  // (1 + cos 45 degrees) / 2
  CHECK(plain.at(50) == Approx(0.5));
  CHECK(plain.at(100) == Approx(0).margin(1e-15));
  CHECK(plain.at(101) == Approx(0).margin(1e-15));
  const LearningRate warm = schedule::cosine(1, 104, {.warmup_steps = 4, .final_rate = 0.2});
  CHECK(warm.at(0) == 0.25);
  CHECK(warm.at(3) == 1);
  CHECK(warm.at(4) == 1);
  CHECK(warm.at(54) == Approx(0.6));
  CHECK(warm.at(104) == Approx(0.2));
  CHECK(warm.at(5000) == Approx(0.2));
}

TEST_CASE("an empty function is rejected as a schedule") {
  double (*const null)(std::int64_t) = nullptr;
  const std::string expected = "LearningRate: expected a number or a function of the iteration, got an empty function";
  CHECK(error_of([&] { LearningRate{null}; }) == expected);
  CHECK(error_of([] { LearningRate{std::function<double(std::int64_t)>()}; }) == expected);
  CHECK(error_of([] { LearningRate{std::function<float(int)>()}; }) == expected);
}

TEST_CASE("invalid learning rates are rejected") {
  CHECK(error_of([] { LearningRate(-0.1); }) == "LearningRate: expected a finite number of at least 0, got -0.1");
  CHECK(error_of([] { LearningRate{std::numeric_limits<double>::quiet_NaN()}; }) ==
        "LearningRate: expected a finite number of at least 0, got nan");
  CHECK(error_of([] { LearningRate([](std::int64_t) { return -1.0; }).at(3); }) ==
        "LearningRate: expected the schedule to give a finite number of at least 0, got -1 at iteration 3");
  CHECK(error_of([] { schedule::piecewise({1}, {1}); }) ==
        "schedule::piecewise: expected one value more than boundaries, got 1 boundaries and 1 values");
  CHECK(error_of([] {
          schedule::piecewise({5, 5}, {1, 2, 3});
        }) == "schedule::piecewise: expected boundaries of at least 0 that increase, got 5, 5");
  CHECK(error_of([] {
          schedule::piecewise({-1}, {1, 2});
        }) == "schedule::piecewise: expected boundaries of at least 0 that increase, got -1");
  CHECK(error_of([] {
          schedule::piecewise({5}, {1, -2});
        }) == "schedule::piecewise: expected finite rates of at least 0, got 1, -2");
  CHECK(error_of([] { schedule::exponential(-1, 10, 0.5); }) ==
        "schedule::exponential: expected a finite initial rate of at least 0, got -1");
  CHECK(error_of([] { schedule::exponential(1, 0, 0.5); }) ==
        "schedule::exponential: expected decay_steps above 0, got 0");
  CHECK(error_of([] { schedule::exponential(1, 10, 0); }) ==
        "schedule::exponential: expected a finite decay rate above 0, got 0");
  CHECK(error_of([] { schedule::cosine(-1, 10); }) ==
        "schedule::cosine: expected a finite initial rate of at least 0, got -1");
  CHECK(error_of([] { schedule::cosine(1, 10, {.final_rate = -1}); }) ==
        "schedule::cosine: expected a finite final_rate of at least 0, got -1");
  CHECK(error_of([] { schedule::cosine(1, 10, {.warmup_steps = 10}); }) ==
        "schedule::cosine: expected 0 <= warmup_steps < steps, got 10 and 10");
}

}  // namespace
}  // namespace xtape
