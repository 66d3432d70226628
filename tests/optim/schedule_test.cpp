#include "optim/schedule.hpp"

#include <cmath>
#include <limits>

#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using test::error_of;

TEST_CASE("a number is a learning rate, and so is any function of the iteration") {
  CHECK(LearningRate(0.5).at(1000) == 0.5);
  CHECK(LearningRate(1).at(0) == 1);
  CHECK(schedule::constant(0.5).at(7) == 0.5);
  CHECK(LearningRate([](std::int64_t i) { return 1.0 / static_cast<double>(i + 1); }).at(3) == 0.25);
}

TEST_CASE("the rate after each restart is the initial one times the factor, for periods of any length") {
  for (const double period_factor : {1.0, 1.5, 2.0, 3.25}) {
    for (const double rate_factor : {1.0, 0.5}) {
      const double initial = 0.8, last = 0.1;
      const LearningRate rate = schedule::cosine_restarts(
          initial, 4, {.period_factor = period_factor, .rate_factor = rate_factor, .final_rate = last});
      double begin = 0, period = 4, factor = 1;
      for (std::int64_t i = 0; i < 200; ++i) {
        if (static_cast<double>(i) >= begin + period) begin += period, period *= period_factor, factor *= rate_factor;
        const double share = (static_cast<double>(i) - begin) / period;
        INFO("step " << i << " of periods that grow by " << period_factor);
        CHECK(rate.at(i) == Approx(last + (initial - last) * factor * (1 + std::cos(std::acos(-1.0) * share)) / 2));
      }
    }
  }
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

TEST_CASE("warmup rises to the first rate of a schedule, which then counts from its own start") {
  const LearningRate rate = schedule::warmup(schedule::piecewise({1}, {0.5, 0.25}), 4);
  for (const auto& [iteration, expected] : {std::pair{0, 0.125},
                                            {1, 0.25},
                                            {2, 0.375},
                                            {3, 0.5},  // rising
                                            {4, 0.5},
                                            {5, 0.5},
                                            {6, 0.25},
                                            {100, 0.25}}) {
    INFO(iteration);
    CHECK(rate.at(iteration) == expected);
  }
  CHECK(schedule::warmup(0.5, 0).at(0) == 0.5);
}

TEST_CASE("an empty function is rejected as a schedule") {
  double (*const null)(std::int64_t) = nullptr;
  const std::string expected = "LearningRate: expected a number or a function of the iteration, got an empty function";
  CHECK(error_of([&] { LearningRate{null}; }) == expected);
  CHECK(error_of([] { LearningRate{std::function<double(std::int64_t)>()}; }) == expected);
  CHECK(error_of([] { LearningRate{std::function<float(int)>()}; }) == expected);
}

TEST_CASE("arguments of schedules are accepted up to their limits, and messages say what was expected") {
  using namespace test;
  const auto rates = [](const std::string& message, const std::function<void(double)>& make) {
    number_limits(message, make, {0, greatest_finite}, {below_zero, infinite});
  };
  rates("LearningRate: expected a finite number of at least 0, got ", [](double r) { schedule::constant(r); });
  rates("schedule::exponential: expected a finite initial rate of at least 0, got ",
        [](double r) { schedule::exponential(r, 1, 1); });
  integer_limits("schedule::exponential: expected decay_steps above 0, got ",
                 [](auto n) { schedule::exponential(1, n, 1); }, {1}, {0, -1});
  number_limits("schedule::exponential: expected a finite decay rate above 0, got ",
                [](double r) { schedule::exponential(1, 1, r); }, {above_zero, greatest_finite}, {0, infinite});
  rates("schedule::cosine: expected a finite initial rate of at least 0, got ",
        [](double r) { schedule::cosine(r, 1); });
  rates("schedule::cosine: expected a finite final_rate of at least 0, got ",
        [](double r) { schedule::cosine(1, 1, {.final_rate = r}); });
  rates("schedule::cosine: expected a finite warmup_from of at least 0, got ",
        [](double r) { schedule::cosine(1, 2, {.warmup_steps = 1, .warmup_from = r}); });
  integer_limits(
      "schedule::cosine: expected 0 <= warmup_steps < steps, got ",
      [](auto n) { schedule::cosine(1, 10, {.warmup_steps = n}); }, {0, 9}, {-1, 10}, " and 10");
  integer_limits("schedule::cosine: expected 0 <= warmup_steps < steps, got 0 and ",
                 [](auto n) { schedule::cosine(1, n); }, {1}, {0});
  rates("schedule::cosine_restarts: expected a finite initial rate of at least 0, got ",
        [](double r) { schedule::cosine_restarts(r, 1); });
  integer_limits("schedule::cosine_restarts: expected steps above 0, got ",
                 [](auto n) { schedule::cosine_restarts(1, n); }, {1}, {0});
  number_limits("schedule::cosine_restarts: expected a finite period_factor of at least 1, got ",
                [](double f) { schedule::cosine_restarts(1, 1, {.period_factor = f}); }, {1, greatest_finite},
                {std::nextafter(1, 0), infinite});
  number_limits("schedule::cosine_restarts: expected a finite rate_factor above 0, got ",
                [](double f) { schedule::cosine_restarts(1, 1, {.rate_factor = f}); }, {above_zero, greatest_finite},
                {0, infinite});
  rates("schedule::cosine_restarts: expected a finite final_rate of at least 0, got ",
        [](double r) { schedule::cosine_restarts(1, 1, {.final_rate = r}); });
  schedule::cosine_restarts(1, 1, {.rate_factor = 2, .final_rate = 1});
  schedule::cosine_restarts(1, 1, {.rate_factor = 1, .final_rate = 2});
  CHECK(error_of([] { schedule::cosine_restarts(1, 1, {.rate_factor = 1.25, .final_rate = 1.5}); }) ==
        "schedule::cosine_restarts: expected a final_rate of at most the initial rate with a rate_factor above 1, or "
        "rates become negative, got 1.5 and 1");
  rates("schedule::polynomial: expected a finite initial rate of at least 0, got ",
        [](double r) { schedule::polynomial(r, 1); });
  integer_limits("schedule::polynomial: expected steps above 0, got ", [](auto n) { schedule::polynomial(1, n); }, {1},
                 {0});
  rates("schedule::polynomial: expected a finite final_rate of at least 0, got ",
        [](double r) { schedule::polynomial(1, 1, {.final_rate = r}); });
  number_limits("schedule::polynomial: expected a finite power above 0, got ",
                [](double p) { schedule::polynomial(1, 1, {.power = p}); }, {above_zero, greatest_finite},
                {0, infinite});
  rates("schedule::inverse_time: expected a finite initial rate of at least 0, got ",
        [](double r) { schedule::inverse_time(r, 1, 1); });
  integer_limits("schedule::inverse_time: expected decay_steps above 0, got ",
                 [](auto n) { schedule::inverse_time(1, n, 1); }, {1}, {0});
  rates("schedule::inverse_time: expected a finite decay rate of at least 0, got ",
        [](double r) { schedule::inverse_time(1, 1, r); });
  integer_limits("schedule::warmup: expected steps of at least 0, got ", [](auto n) { schedule::warmup(1, n); }, {0},
                 {-1});
  rates("schedule::piecewise: expected finite rates of at least 0, got 1, ", [](double r) {
    schedule::piecewise({0}, {1, r});
  });
  integer_limits("schedule::piecewise: expected boundaries of at least 0 that increase, got 5, ",
                 [](auto n) {
                   schedule::piecewise({5, n}, {1, 1, 1});
                 },
                 {6}, {5, 4, -1});
}

TEST_CASE("the text of a schedule has every argument, by which a checkpoint recognizes it") {
  CHECK(schedule::constant(0.5).text() == "0.5");
  CHECK(schedule::piecewise({10, 20}, {1, 0.5, 0.25}).text() == "piecewise (boundaries 10 20, values 1 0.5 0.25)");
  CHECK(schedule::exponential(0.5, 7, 0.25, true).text() ==
        "exponential (initial 0.5, decay_steps 7, rate 0.25, staircase true)");
  CHECK(schedule::cosine(0.5, 7, {.warmup_steps = 2, .final_rate = 0.25}).text() ==
        "cosine (initial 0.5, steps 7, warmup_steps 2, final_rate 0.25)");
  CHECK(schedule::cosine(0.5, 7, {.warmup_steps = 2, .final_rate = 0.25, .warmup_from = 0.125}).text() ==
        "cosine (initial 0.5, steps 7, warmup_steps 2, final_rate 0.25, warmup_from 0.125)");
  CHECK(schedule::cosine_restarts(0.5, 7, {.period_factor = 3, .rate_factor = 0.75, .final_rate = 0.25}).text() ==
        "cosine_restarts (initial 0.5, steps 7, period_factor 3, rate_factor 0.75, final_rate 0.25)");
  CHECK(schedule::polynomial(0.5, 7, {.final_rate = 0.25, .power = 3, .cycle = true}).text() ==
        "polynomial (initial 0.5, steps 7, final_rate 0.25, power 3, cycle true)");
  CHECK(schedule::inverse_time(0.5, 7, 0.25, true).text() ==
        "inverse_time (initial 0.5, decay_steps 7, rate 0.25, staircase true)");
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
