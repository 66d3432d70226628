#include "optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/error.hpp"

namespace xtape {
namespace {

bool is_rate(double rate) { return std::isfinite(rate) && rate >= 0; }

}  // namespace

LearningRate::LearningRate(double rate) : schedule_([rate](std::int64_t) { return rate; }) {
  check(is_rate(rate), "LearningRate: expected a finite number of at least 0, got {}", rate);
}

void LearningRate::check_schedule() const {
  check(static_cast<bool>(schedule_),
        "LearningRate: expected a number or a function of the iteration, got an empty function");
}

double LearningRate::at(std::int64_t iteration) const {
  const double rate = schedule_(iteration);
  check(is_rate(rate),
        "LearningRate: expected the schedule to give a finite number of at least 0, got {} at iteration {}", rate,
        iteration);
  return rate;
}

namespace schedule {

LearningRate constant(double rate) { return rate; }

LearningRate piecewise(std::vector<std::int64_t> boundaries, std::vector<double> values) {
  check(values.size() == boundaries.size() + 1,
        "schedule::piecewise: expected one value more than boundaries, got {} boundaries and {} values",
        boundaries.size(), values.size());
  check(std::ranges::adjacent_find(boundaries, std::greater_equal()) == boundaries.end() &&
            (boundaries.empty() || boundaries[0] >= 0),
        "schedule::piecewise: expected boundaries of at least 0 that increase, got {}", fmt::join(boundaries, ", "));
  check(std::ranges::all_of(values, is_rate), "schedule::piecewise: expected finite rates of at least 0, got {}",
        fmt::join(values, ", "));
  return [boundaries = std::move(boundaries), values = std::move(values)](std::int64_t i) {
    const auto passed = std::ranges::lower_bound(boundaries, i) - boundaries.begin();
    return values[static_cast<std::size_t>(passed)];
  };
}

LearningRate exponential(double initial, std::int64_t decay_steps, double rate, bool staircase) {
  check(is_rate(initial), "schedule::exponential: expected a finite initial rate of at least 0, got {}", initial);
  check(decay_steps > 0, "schedule::exponential: expected decay_steps above 0, got {}", decay_steps);
  check(std::isfinite(rate) && rate > 0, "schedule::exponential: expected a finite decay rate above 0, got {}", rate);
  return [=](std::int64_t i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(decay_steps);
    return initial * std::pow(rate, staircase ? std::floor(exponent) : exponent);
  };
}

LearningRate cosine(double initial, std::int64_t steps, CosineOptions options) {
  check(is_rate(initial), "schedule::cosine: expected a finite initial rate of at least 0, got {}", initial);
  check(is_rate(options.final_rate), "schedule::cosine: expected a finite final_rate of at least 0, got {}",
        options.final_rate);
  check(options.warmup_steps >= 0 && options.warmup_steps < steps,
        "schedule::cosine: expected 0 <= warmup_steps < steps, got {} and {}", options.warmup_steps, steps);
  return [=](std::int64_t i) {
    const auto warmup = static_cast<double>(options.warmup_steps);
    if (i < options.warmup_steps) return initial * static_cast<double>(i + 1) / warmup;
    const double progress = std::min(1.0, (static_cast<double>(i) - warmup) / (static_cast<double>(steps) - warmup));
    return options.final_rate + (initial - options.final_rate) * (1 + std::cos(std::numbers::pi * progress)) / 2;
  };
}

}  // namespace schedule
}  // namespace xtape
