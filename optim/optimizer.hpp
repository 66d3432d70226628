// Optimizer: the base class of all optimizers. Each derived class implements its update rule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/elementwise.hpp"
#include "optim/parameter_group.hpp"
#include "optim/schedule.hpp"

namespace xtape {

/// Updates parameters in place from the gradients of passes. The optimizer holds, for each trainable parameter, the
/// tensors of its update rule ("slots", such as Adam's m and v), which are zero initially. A parameter that is not
/// trainable when the optimizer is made gets its slots with its first gradient, so it can be unfrozen at any time.
///
/// After each step the constraint of each parameter is applied (see Constraint in layers/). With ema_momentum the
/// optimizer also keeps an exponential moving average of each parameter, which often generalizes better than the
/// parameter itself (Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992):
///   average = ema_momentum average + (1 - ema_momentum) parameter,
/// and the parameter itself at its first step. The averages are slots, so that a checkpoint holds them. The average of
/// a parameter that has not been changed yet is NaN.
class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// Updates each parameter that has a gradient. Parameters without a gradient and their slots do not change. Then
  /// writes the state updates of the passes that computed the gradients. Error, with nothing changed, if none of the
  /// parameters has a gradient, a gradient does not fit its parameter, or an element of a gradient is not finite.
  /// clip_value limits infinite elements, so that with it only NaN is an Error.
  void step(const Gradients& gradients);

  /// Does the same as step(pass.backward(loss)), with identical results and less memory: each parameter is updated as
  /// soon as its gradient is complete, and the next gradient reuses the memory, so that the gradients of a whole model
  /// never exist at the same time. clip_norm needs all gradients first; with it this function calls backward() and
  /// step(). Error as in these two functions and, with nothing changed, if the loss is not finite. If the backward pass
  /// itself throws an error, or reaches a gradient that is not finite, the parameters of later layers may already have
  /// changed, by finite gradients; use step() if a step must be done completely or not at all.
  void minimize(const Variable& loss, ForwardPass& pass);

  /// The learning rate of the next step.
  double learning_rate() const { return learning_rate_at(iterations_); }
  /// The learning rate of the step after `iteration` steps.
  double learning_rate_at(std::int64_t iteration) const { return options_.learning_rate.at(iteration); }
  /// The learning rate as a function of the iteration.
  const LearningRate& schedule() const { return options_.learning_rate; }
  /// Replaces the learning rate of every following step.
  void set_learning_rate(LearningRate rate) { options_.learning_rate = std::move(rate); }

  /// The number of steps done so far.
  std::int64_t iterations() const { return iterations_; }
  /// The number of the next traversal of the data by fit(), which determines the order of the samples and their
  /// augmentation. It is one above the number of the last traversal with this optimizer. fit() maintains it.
  std::int64_t next_traversal() const { return next_traversal_; }
  /// Sets the number of the next traversal of the data; see next_traversal().
  void set_next_traversal(std::int64_t number) { next_traversal_ = number; }
  /// The parameters given to the constructor.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Whether the parameter is one of parameters().
  bool has(const Parameter& parameter) const { return places_.contains(parameter); }
  /// Whether a step changes this parameter if it has a gradient: false for one of a frozen group, and if not has().
  bool changes(const Parameter& parameter) const { return place_of(parameter).has_value(); }
  /// The name of the class, such as "Adam".
  const std::string& type() const { return type_; }
  /// The options except the learning rate as text: "weight_decay 0, clip_norm 1, ..." and the options of the derived
  /// class. A checkpoint identifies its run by this text.
  virtual std::string settings() const;
  /// The norm of all gradients together at the last step, before clipping. 0 if clip_norm is not set.
  double gradient_norm() const { return gradient_norm_; }

  /// Keeps the slots of these parameters alone and frees the others, which other processes keep (the first stage of
  /// ZeRO: Rajbhandari et al., ZeRO: Memory optimizations toward training trillion parameter models, SC 2020). From
  /// then on step_kept() does the steps, until restore() gives all slots back. Error if one is not in parameters().
  void keep_slots_of(const std::vector<Parameter>& kept);
  /// Whether all slots are here, as they are before keep_slots_of() and after restore().
  bool complete() const { return complete_; }
  /// Does the part of step() that concerns the parameters whose slots are kept, with the same bits. `gradients` are
  /// those of all parameters, because clip_norm needs them. Error as step().
  void step_kept(const Gradients& gradients);
  /// The size of all existing slots in bytes.
  std::int64_t state_bytes() const;

  /// The names of a parameter's slots in named_state(), whether they exist or not. Error if it is not in parameters().
  std::vector<std::string> state_names(const Parameter& parameter) const;
  /// Exchanges every parameter with its moving average: afterwards the model computes with the averages. A second call
  /// restores the parameters, so that training can continue:
  ///   adam.swap_averages();  evaluate(model, test);  adam.swap_averages();
  /// Parameters that have not been changed yet keep their values. Error if ema_momentum is 0.
  void swap_averages();

  /// The existing slots with their names, such as "conv1/kernel/m". Together with iterations() and the values of the
  /// parameters, they suffice to resume a run with the results of an uninterrupted one.
  std::vector<std::pair<std::string, Tensor>> named_state() const;
  /// Restores a saved state. Error, with nothing changed, unless it contains every slot of the parameters that were
  /// trainable when the optimizer was made, all slots or none of each other parameter, and no other names.
  void restore(std::int64_t iterations, const std::vector<std::pair<std::string, Tensor>>& state);

 protected:
  /// The options of all optimizers. Gradients are clipped first, then weight_decay times the parameter is added to
  /// them, unless the decay is decoupled.
  struct CommonOptions {
    LearningRate learning_rate;    ///< learning rate, a number or a schedule
    double weight_decay = 0;       ///< weight of the penalty weight_decay / 2 * sum(p^2) on every trainable parameter
    double clip_norm = 0;          ///< largest norm of all gradients together; 0: no clipping
    double clip_value = 0;         ///< largest absolute value of an element of a gradient; 0: no clipping
    bool decoupled_decay = false;  ///< whether the decay is p -= rate * weight_decay * p instead
    std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
    double ema_momentum = 0;                  ///< share that the moving averages of parameters keep; 0: no averages
  };
  /// CommonOptions from the options of a derived class.
  template <class Options>
  static CommonOptions common_options(const Options& options, bool decoupled_decay = false) {
    return {.learning_rate = options.learning_rate,
            .weight_decay = options.weight_decay,
            .clip_norm = options.clip_norm,
            .clip_value = options.clip_value,
            .decoupled_decay = decoupled_decay,
            .groups = options.groups,
            .ema_momentum = options.ema_momentum};
  }

  /// The numbers that an update rule needs for one step of one parameter.
  struct Step {
    double rate;          ///< learning rate
    double decay;         ///< decoupled weight decay; 0: none
    std::int64_t number;  ///< 1 for the first step
    double scale;         ///< factor for the gradient from clip_norm
    double limit;         ///< largest absolute value of a gradient element, from clip_value; infinite if it is off
    double l2;            ///< factor of the parameter in the term that is added to the gradient
  };

  /// `type` is the name of the class, `slots` the names of the slots of each parameter, `initial_value` that of their
  /// elements. Error if a parameter is given twice, no parameter is given, or an option is out of its range.
  Optimizer(std::string type, std::vector<Parameter> parameters, CommonOptions options, std::vector<std::string> slots,
            double initial_value = 0);

  /// Called before the updates of step `number`, 1 for the first. A rule with a quantity that all parameters share
  /// computes it here.
  virtual void begin_step(std::int64_t /*number*/) {}

  /// Updates the value from its gradient. The slots are in the order given to the constructor and have the value's
  /// type.
  virtual void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const = 0;

  /// Calls f(i, p, g) for every element i, with p the value to change and g its gradient, clipped and with the l2 term.
  /// One loop over memory; pieces run in parallel.
  template <class T, class F>
  static void update_elements(Tensor& value, const Tensor& gradient, const Step& step, F f) {
    const T* g = gradient.data<T>();
    T* p = value.mutable_data<T>();
    const auto scale = static_cast<T>(step.scale);
    const auto limit = static_cast<T>(step.limit);
    const auto l2 = static_cast<T>(step.l2);
    kernels::parallel_for(gradient.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      update_piece(f, p + begin, g + begin, scale, limit, l2, begin, end - begin);
    });
  }

  /// Limits a gradient so that its square is in the range of its type: |g| is at most 2^63 for float32 and 2^511 for
  /// float64. Infinity and NaN do not change.
  template <class T>
  static T squarable(T g) {
    constexpr T most = std::is_same_v<T, float> ? T(0x1p63) : T(0x1p511), finite = std::numeric_limits<T>::max();
    if (g > most && g <= finite) return most;
    return g < -most && g >= -finite ? -most : g;
  }

  /// Checks that an option is in [0, 1). Error such as "Adam: expected beta1 in [0, 1), got 1.5".
  void check_fraction(std::string_view option, double value) const;
  /// Checks that an option is finite and at least 0. Error such as "Adam: expected a finite epsilon of at least 0, got
  /// -1".
  void check_not_negative(std::string_view option, double value) const;

 private:
  /// What the optimizer keeps for a parameter.
  struct Entry {
    double rate_factor = 1, weight_decay = 0;
    bool frozen = false;                            ///< whether its group is frozen
    bool always_has_slots = false;                  ///< whether it was trainable when the optimizer was made
    bool elsewhere = false;                         ///< whether another process keeps its slots
    std::optional<std::vector<Tensor>> slots = {};  ///< each with separate storage, so that it is written in place
  };

  /// All arguments are passed by value: the compiler vectorizes the loop only if no store can change the captures of f.
  template <class T, class F>
  static void update_piece(F f, T* p, const T* g, T scale, T limit, T l2, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      f(begin + i, p[i], std::clamp(scale * g[i], -limit, limit) + l2 * p[i]);
    }
  }

  void check_complete(std::string_view function) const;
  void step_of(const Gradients& gradients);
  /// The index of the parameter, if this optimizer updates it.
  std::optional<std::size_t> place_of(const Parameter& parameter) const;
  void update_one(std::size_t place, const Tensor& gradient, double rate, double scale);
  std::vector<Tensor> initial_slots(const Parameter& parameter) const;
  /// The names of the parameters; names that occur several times get a number appended.
  std::vector<std::string> unique_names() const;

  std::string type_;
  CommonOptions options_;
  std::vector<std::string> slot_names_;  // of the rule, then that of the average
  std::size_t rule_slots_;               // number of slots of the rule
  double initial_value_;                 // of the rule's slots
  std::vector<Parameter> parameters_;
  std::vector<Entry> entries_;  // one per parameter
  std::unordered_map<Parameter, std::size_t> places_;
  std::int64_t iterations_ = 0;
  std::int64_t next_traversal_ = 0;
  double gradient_norm_ = 0;
  bool complete_ = true;
};

}  // namespace xtape
