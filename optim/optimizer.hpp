// Optimizer: what all optimizers share. Each one adds the formula of its update.
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
#include "framework/kernels/parallel.hpp"
#include "framework/tensor/elementwise.hpp"
#include "optim/parameter_group.hpp"
#include "optim/schedule.hpp"

namespace xtape {

/// Changes parameters in place, against the gradients that passes give. Holds, for each trainable parameter, the
/// tensors of its update rule ("slots", such as Adam's m and v), zero at first; for one that is frozen when the
/// optimizer is made from its first gradient on, so that it can be unfrozen at any time.
class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// One update of each of its parameters that has a gradient; the others are left alone, their slots too. Then writes
  /// the state updates of the passes that the gradients are from. Error, with nothing changed, when none of its
  /// parameters has a gradient, a gradient does not fit its parameter, or the norm that clip_norm asks for is not
  /// finite (it would make every parameter NaN).
  void step(const Gradients& gradients);

  /// step(pass.backward(loss)) with less memory and the same numbers: each parameter is changed as soon as its gradient
  /// is complete, whose memory the next one gets, so that the gradients of a whole model never exist together. With
  /// clip_norm, which needs all of them first, it is just that. Errors of the two; also, with nothing changed, when the
  /// loss is not finite. When the backward pass itself ends in an error, such as that of a FiniteCheck, parameters may
  /// have been changed already; use step() where a step has to be done as a whole or not at all.
  void minimize(const Variable& loss, ForwardPass& pass);

  /// The learning rate of the next step.
  double learning_rate() const { return learning_rate_at(iterations_); }
  /// That of the step after so many.
  double learning_rate_at(std::int64_t iteration) const { return options_.learning_rate.at(iteration); }
  /// The rate of every step, and to change it.
  const LearningRate& schedule() const { return options_.learning_rate; }
  void set_learning_rate(LearningRate rate) { options_.learning_rate = std::move(rate); }

  /// Number of steps done.
  std::int64_t iterations() const { return iterations_; }
  /// The number that fit's next epoch has, which its order and augmentation follow from: one above the last one with
  /// this optimizer. Kept by fit.
  std::int64_t next_order() const { return next_order_; }
  void set_next_order(std::int64_t order) { next_order_ = order; }
  /// The parameters given.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Whether a parameter is one of these.
  bool has(const Parameter& parameter) const { return places_.contains(parameter); }
  /// "Adam".
  const std::string& type() const { return type_; }
  /// The options but the learning rate as text, by which a checkpoint knows its run: "weight_decay 0, clip_norm 1, ..."
  /// and what a class adds.
  virtual std::string settings() const;
  /// Norm of all gradients together at the last step, before clipping; only known when clip_norm is set, else 0.
  double gradient_norm() const { return gradient_norm_; }

  /// The slots that exist by name, e.g. "conv1/kernel/m". With iterations() and the parameters' values it is all that a
  /// run needs to resume as if it had not been interrupted.
  std::vector<std::pair<std::string, Tensor>> named_state() const;
  /// Sets a saved state. Error, with nothing changed, unless it has each slot of the parameters that were trainable
  /// when the optimizer was made, of the others all slots or none, and of other names none.
  void restore(std::int64_t iterations, const std::vector<std::pair<std::string, Tensor>>& state);

 protected:
  /// What all optimizers understand. Gradients are clipped first, then weight_decay times the parameter is added to
  /// them, unless the decay is decoupled.
  struct CommonOptions {
    LearningRate learning_rate;
    double weight_decay = 0;       ///< weight of the penalty weight_decay / 2 * sum(p^2) on every trainable parameter
    double clip_norm = 0;          ///< largest norm of all gradients together; 0: no clipping
    double clip_value = 0;         ///< largest absolute value of an element of a gradient; 0: no clipping
    bool decoupled_decay = false;  ///< p -= rate * weight_decay * p instead
    std::vector<ParameterGroup> groups = {};
  };

  /// One step of one parameter as the update rules see it.
  struct Step {
    double rate;          ///< learning rate
    double decay;         ///< weight decay that is decoupled from the gradient
    std::int64_t number;  ///< 1 for the first step
    double scale;         ///< factor for the gradient from clip_norm
    double limit;         ///< from clip_value; infinite without
    double l2;            ///< times the parameter is added to the gradient
  };

  /// Error when a parameter is given twice, none is given, or an option is out of its range.
  Optimizer(std::string type, std::vector<Parameter> parameters, CommonOptions options, std::vector<std::string> slots);

  /// Updates the value from its gradient. The slots are in the order given to the constructor and have the value's
  /// type.
  virtual void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const = 0;

  /// Calls f(i, p, g) for every element i, with p the value to change and g its gradient, clipped and with the l2 term.
  /// One pass over memory; pieces run in parallel.
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

  /// A gradient whose square is in the range of its type: 2^63 of float32 and 2^511 of float64 stand for what is
  /// larger. What is not finite stays.
  template <class T>
  static T squarable(T g) {
    constexpr T most = std::is_same_v<T, float> ? T(0x1p63) : T(0x1p511), finite = std::numeric_limits<T>::max();
    if (g > most && g <= finite) return most;
    return g < -most && g >= -finite ? -most : g;
  }

  /// Error "Adam: expected beta1 in [0, 1), got 1.5".
  void check_fraction(std::string_view option, double value) const;
  /// Error "Adam: expected a finite epsilon of at least 0, got -1".
  void check_not_negative(std::string_view option, double value) const;

 private:
  /// What the optimizer keeps for a parameter.
  struct Entry {
    double rate_factor = 1, weight_decay = 0;
    bool frozen = false;                            ///< by its group
    bool always_has_slots = false;                  ///< it was trainable when the optimizer was made
    std::optional<std::vector<Tensor>> slots = {};  ///< each with a storage of its own, to be written in place
  };

  /// Everything by value: the compiler vectorizes the loop only when it sees that no store changes what f captured.
  template <class T, class F>
  static void update_piece(F f, T* p, const T* g, T scale, T limit, T l2, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      f(begin + i, p[i], std::clamp(scale * g[i], -limit, limit) + l2 * p[i]);
    }
  }

  /// Number of the parameter, if this optimizer changes it.
  std::optional<std::size_t> place_of(const Parameter& parameter) const;
  void update_one(std::size_t place, const Tensor& gradient, double rate, double scale);
  std::vector<Tensor> zero_slots(const Parameter& parameter) const;
  /// The parameters' names, with a number behind those that occur several times.
  std::vector<std::string> unique_names() const;

  std::string type_;
  CommonOptions options_;
  std::vector<std::string> slot_names_;
  std::vector<Parameter> parameters_;
  std::vector<Entry> entries_;  // of the parameters
  std::unordered_map<Parameter, std::size_t> places_;
  std::int64_t iterations_ = 0;
  std::int64_t next_order_ = 0;
  double gradient_norm_ = 0;
};

}  // namespace xtape
