// Learning rates: a number, or a function of the iteration.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xtape {

/// The learning rate at each iteration (0, 1, 2, ...; one iteration is one step of the optimizer). Made from a number,
/// from a schedule below, or from any function double(std::int64_t iteration). Error when that function is empty.
class LearningRate {
 public:
  /// The same rate at every iteration. Error unless it is finite and at least 0.
  LearningRate(double rate);  // NOLINT(google-explicit-constructor): a number is a learning rate
  /// A rate that the function computes from the iteration.
  template <std::invocable<std::int64_t> Function>
  requires std::convertible_to < std::invoke_result_t<Function, std::int64_t>,
  double > LearningRate(Function schedule, std::string text = "")  // NOLINT(google-explicit-constructor)
      : schedule_(std::move(schedule)),
  text_(std::move(text)) {
    check_schedule();
  }

  /// The rate at an iteration. Error unless the result of the schedule is finite and at least 0.
  double at(std::int64_t iteration) const;
  /// The number or the schedule with its options as text, such as "exponential (initial 0.1, decay_steps 10, rate 0.5,
  /// staircase false)"; "" for another function. Files of other programs are written from it.
  const std::string& text() const { return text_; }

 private:
  void check_schedule() const;
  std::function<double(std::int64_t)> schedule_;
  std::string text_;
};

/// Learning-rate schedules. They depend only on the iteration i, so resuming a run needs no further state.
namespace schedule {

/// `rate` at every iteration.
LearningRate constant(double rate);

/// values[0] up to and including iteration boundaries[0], then values[1] up to and including boundaries[1], and so on
/// (Keras's PiecewiseConstantDecay). Error unless the boundaries are at least 0 and increase strictly, and there is one
/// value more than boundaries.
LearningRate piecewise(std::vector<std::int64_t> boundaries, std::vector<double> values);

/// initial * rate^(i / decay_steps); with `staircase` the exponent is rounded down, so the rate falls every decay_steps
/// iterations. Keras's ExponentialDecay. Error unless decay_steps and rate are above 0.
LearningRate exponential(double initial, std::int64_t decay_steps, double rate, bool staircase = false);

/// Options of the schedule `cosine`.
struct CosineOptions {
  std::int64_t warmup_steps = 0;  ///< number of iterations in which the rate rises linearly
  double final_rate = 0;          ///< rate at the end of the schedule and after it
  /// Rate of the first iteration of the warm-up, which then rises linearly and reaches the initial rate after it, as in
  /// Keras; if it is not set, the rates are initial * (i + 1) / warmup_steps.
  std::optional<double> warmup_from = std::nullopt;
};

/// A cosine decay with warm-up. With w warm-up steps and final rate f, the rate is initial * (i + 1) / w while i < w
/// (Goyal et al., Accurate, large minibatch SGD, 2017), or with warmup_from = a (Keras's CosineDecay) a + (initial - a)
/// * i / w; then f + (initial - f) * (1 + cos(pi * (i - w) / (steps - w)))
/// / 2 (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts); f from iteration `steps` on. Error unless 0 <= w <
/// steps.
LearningRate cosine(double initial, std::int64_t steps, CosineOptions options = {});

/// Options of the schedule `cosine_restarts`.
struct CosineRestartsOptions {
  double period_factor = 2;  ///< each period is so many times as long as the one before, at least 1; Keras's t_mul
  double rate_factor = 1;    ///< each period begins with so many times the rate, above 0; Keras's m_mul
  double final_rate = 0;     ///< rate at the end of each period
};

/// Cosine decays one after another (Loshchilov and Hutter, SGDR, ICLR 2017; Keras's CosineDecayRestarts): the first
/// from `initial` to the final rate in `steps` iterations, the following ones with their periods and rates multiplied.
/// Error unless steps > 0 and the options are in their ranges, or if rates would become negative: with a rate_factor
/// above 1 and a final rate above the initial one.
LearningRate cosine_restarts(double initial, std::int64_t steps, CosineRestartsOptions options = {});

/// Options of the schedule `polynomial`.
struct PolynomialOptions {
  double final_rate = 1e-4;  ///< rate at the end
  double power = 1;          ///< exponent, above 0; 1: the rate falls linearly
  bool cycle = false;        ///< at the end continue with a period of 2, 3, ... times `steps` from the initial rate
};

/// final_rate + (initial - final_rate) (1 - i / steps)^power, and final_rate from iteration `steps` on (Keras's
/// PolynomialDecay). Error unless steps > 0 and the options are in their ranges.
LearningRate polynomial(double initial, std::int64_t steps, PolynomialOptions options = {});

/// initial / (1 + rate i / decay_steps); with `staircase` i / decay_steps is rounded down (Keras's InverseTimeDecay).
/// Error unless decay_steps > 0 and rate >= 0.
LearningRate inverse_time(double initial, std::int64_t decay_steps, double rate, bool staircase = false);

/// Precedes a schedule by a linear warm-up: the first rate of `after` times (i + 1) / steps while i < steps, then
/// after.at(i - steps). Error unless steps >= 0.
LearningRate warmup(LearningRate after, std::int64_t steps);

}  // namespace schedule
}  // namespace xtape
