#include "optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/error.hpp"

namespace xtape {
namespace {

bool is_rate(double rate) { return std::isfinite(rate) && rate >= 0; }

}  // namespace

LearningRate::LearningRate(double rate)
    : schedule_([rate](std::int64_t) { return rate; }), text_(fmt::format("{}", rate)) {
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
  const std::string text =
      fmt::format("piecewise (boundaries {}, values {})", fmt::join(boundaries, " "), fmt::join(values, " "));
  const auto rate = [boundaries = std::move(boundaries), values = std::move(values)](std::int64_t i) {
    const auto passed = std::ranges::lower_bound(boundaries, i) - boundaries.begin();
    return values[static_cast<std::size_t>(passed)];
  };
  return {rate, text};
}

LearningRate exponential(double initial, std::int64_t decay_steps, double rate, bool staircase) {
  check(is_rate(initial), "schedule::exponential: expected a finite initial rate of at least 0, got {}", initial);
  check(decay_steps > 0, "schedule::exponential: expected decay_steps above 0, got {}", decay_steps);
  check(std::isfinite(rate) && rate > 0, "schedule::exponential: expected a finite decay rate above 0, got {}", rate);
  const auto rate_at = [=](std::int64_t i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(decay_steps);
    return initial * std::pow(rate, staircase ? std::floor(exponent) : exponent);
  };
  return {rate_at, fmt::format("exponential (initial {}, decay_steps {}, rate {}, staircase {})", initial, decay_steps,
                               rate, staircase)};
}

LearningRate cosine(double initial, std::int64_t steps, CosineOptions options) {
  check(is_rate(initial), "schedule::cosine: expected a finite initial rate of at least 0, got {}", initial);
  check(is_rate(options.final_rate), "schedule::cosine: expected a finite final_rate of at least 0, got {}",
        options.final_rate);
  check(options.warmup_steps >= 0 && options.warmup_steps < steps,
        "schedule::cosine: expected 0 <= warmup_steps < steps, got {} and {}", options.warmup_steps, steps);
  check(is_rate(options.warmup_from.value_or(0)),
        "schedule::cosine: expected a finite warmup_from of at least 0, got {}", options.warmup_from.value_or(0));
  const auto rate = [=](std::int64_t i) {
    const auto warmup = static_cast<double>(options.warmup_steps);
    if (i < options.warmup_steps && options.warmup_from) {
      return *options.warmup_from + (initial - *options.warmup_from) * static_cast<double>(i) / warmup;
    }
    if (i < options.warmup_steps) return initial * static_cast<double>(i + 1) / warmup;
    const double progress = std::min(1.0, (static_cast<double>(i) - warmup) / (static_cast<double>(steps) - warmup));
    return options.final_rate + (initial - options.final_rate) * (1 + std::cos(std::numbers::pi * progress)) / 2;
  };
  std::string text = fmt::format("cosine (initial {}, steps {}, warmup_steps {}, final_rate {}", initial, steps,
                                 options.warmup_steps, options.final_rate);
  if (options.warmup_from) text += fmt::format(", warmup_from {}", *options.warmup_from);
  return {rate, text + ")"};
}

LearningRate cosine_restarts(double initial, std::int64_t steps, CosineRestartsOptions options) {
  check(is_rate(initial), "schedule::cosine_restarts: expected a finite initial rate of at least 0, got {}", initial);
  check(steps > 0, "schedule::cosine_restarts: expected steps above 0, got {}", steps);
  check(options.period_factor >= 1 && std::isfinite(options.period_factor),
        "schedule::cosine_restarts: expected a finite period_factor of at least 1, got {}", options.period_factor);
  check(options.rate_factor > 0 && std::isfinite(options.rate_factor),
        "schedule::cosine_restarts: expected a finite rate_factor above 0, got {}", options.rate_factor);
  check(is_rate(options.final_rate), "schedule::cosine_restarts: expected a finite final_rate of at least 0, got {}",
        options.final_rate);
  check(options.rate_factor <= 1 || initial >= options.final_rate,
        "schedule::cosine_restarts: expected a final_rate of at most the initial rate with a rate_factor above 1, or "
        "rates become negative, got {} and {}",
        options.final_rate, initial);
  const auto rate = [=](std::int64_t i) {
    auto left = static_cast<double>(i), period = static_cast<double>(steps);
    double factor = 1;
    if (options.period_factor == 1) {
      factor = std::pow(options.rate_factor, std::floor(left / period));
      left = std::fmod(left, period);
    }
    for (; left >= period; period *= options.period_factor, factor *= options.rate_factor) left -= period;
    const double share = factor * (1 + std::cos(std::numbers::pi * left / period)) / 2;
    return options.final_rate + (initial - options.final_rate) * share;
  };
  return {rate, fmt::format("cosine_restarts (initial {}, steps {}, period_factor {}, rate_factor {}, final_rate {})",
                            initial, steps, options.period_factor, options.rate_factor, options.final_rate)};
}

LearningRate polynomial(double initial, std::int64_t steps, PolynomialOptions options) {
  check(is_rate(initial), "schedule::polynomial: expected a finite initial rate of at least 0, got {}", initial);
  check(steps > 0, "schedule::polynomial: expected steps above 0, got {}", steps);
  check(is_rate(options.final_rate), "schedule::polynomial: expected a finite final_rate of at least 0, got {}",
        options.final_rate);
  check(options.power > 0 && std::isfinite(options.power),
        "schedule::polynomial: expected a finite power above 0, got {}", options.power);
  const auto rate = [=](std::int64_t i) {
    const auto at = static_cast<double>(i), period = static_cast<double>(steps);
    const double whole = options.cycle ? period * std::max(1.0, std::ceil(at / period)) : period;
    return options.final_rate +
           (initial - options.final_rate) * std::pow(1 - std::min(at, whole) / whole, options.power);
  };
  return {rate, fmt::format("polynomial (initial {}, steps {}, final_rate {}, power {}, cycle {})", initial, steps,
                            options.final_rate, options.power, options.cycle)};
}

LearningRate inverse_time(double initial, std::int64_t decay_steps, double rate, bool staircase) {
  check(is_rate(initial), "schedule::inverse_time: expected a finite initial rate of at least 0, got {}", initial);
  check(decay_steps > 0, "schedule::inverse_time: expected decay_steps above 0, got {}", decay_steps);
  check(is_rate(rate), "schedule::inverse_time: expected a finite decay rate of at least 0, got {}", rate);
  const auto rate_at = [=](std::int64_t i) {
    const double done = static_cast<double>(i) / static_cast<double>(decay_steps);
    return initial / (1 + rate * (staircase ? std::floor(done) : done));
  };
  return {rate_at, fmt::format("inverse_time (initial {}, decay_steps {}, rate {}, staircase {})", initial, decay_steps,
                               rate, staircase)};
}

LearningRate warmup(LearningRate after, std::int64_t steps) {
  check(steps >= 0, "schedule::warmup: expected steps of at least 0, got {}", steps);
  return [after = std::move(after), steps](std::int64_t i) {
    if (i >= steps) return after.at(i - steps);
    return after.at(0) * static_cast<double>(i + 1) / static_cast<double>(steps);
  };
}

}  // namespace schedule
}  // namespace xtape
