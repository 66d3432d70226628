// Optimizer: what all optimizers share. Each one adds the formula of its update.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/tensor/elementwise.hpp"
#include "optim/schedule.hpp"

namespace xtape {

/// Changes parameters in place, against the gradients that backward passes have added up in them. Holds, for each
/// trainable parameter, the tensors of its update rule ("slots", such as Adam's m and v), zero at first.
class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer();

  /// One update of every parameter that has a gradient; the others are left alone, their slots too. Clears the
  /// gradients. Error, with nothing changed, when no parameter has one, when a parameter has one that was frozen when
  /// the optimizer was made and that no other optimizer changes, or when the norm that clip_norm asks for is not finite
  /// (it would make every parameter NaN).
  void step();

  /// pass.backward(loss) and step() in one, with the same numbers: each parameter is changed as soon as its gradient is
  /// complete, whose memory the next one gets, so that the gradients of a whole model never exist together. With
  /// clip_norm, which needs all of them first, one comes after the other. Error as those two; when the way back itself
  /// ends in one, such as that of check_finite, parameters may have been changed already.
  void backward_and_step(ForwardPass& pass, const Variable& loss);

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
  /// The trainable ones of the parameters given, as they were when it was made.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Error when one of the parameters given was frozen when the optimizer was made and can be trained now: no step of
  /// this optimizer would change it. fit asks for this; step() leaves out parameters that other living optimizers
  /// change, so that a custom loop may have several.
  void check_unfrozen() const;
  /// "Adam".
  const std::string& type() const { return type_; }
  /// The options but the learning rate as text, by which a checkpoint knows its run: "weight_decay 0, clip_norm 1" and
  /// what a class adds.
  virtual std::string settings() const;
  /// Norm of all gradients together at the last step, before clipping; only known when clip_norm is set, else 0.
  double gradient_norm() const { return gradient_norm_; }

  /// The slots by name, e.g. "conv1/kernel/m". With iterations() and the parameters' values it is all that a run needs
  /// to go on as if it had not been interrupted.
  std::vector<std::pair<std::string, Tensor>> named_state() const;
  /// Takes up a saved state. Error, with nothing changed, unless names and shapes are those of named_state().
  void restore(std::int64_t iterations, const std::vector<std::pair<std::string, Tensor>>& state);

 protected:
  /// What all optimizers understand. Gradients are clipped first, then `l2` times the parameter is added to them.
  struct CommonOptions {
    LearningRate learning_rate;
    double l2 = 0;         ///< weight of the penalty l2/2 * sum(p^2) on every trainable parameter
    double clip_norm = 0;  ///< largest norm of all gradients together; 0: no clipping
  };

  /// One step as the update rules see it.
  struct Step {
    double rate;          ///< learning rate
    double scale;         ///< factor for the gradients from clipping
    std::int64_t number;  ///< 1 for the first step
  };

  /// Error when a parameter is given twice, none is trainable, or an option is out of its range.
  Optimizer(std::string type, std::vector<Parameter> parameters, CommonOptions options, std::vector<std::string> slots);

  /// Updates the parameter from its gradient. The slots are in the order given to the constructor and have the
  /// parameter's type.
  virtual void update(const Parameter& parameter, std::span<Tensor> slots, const Step& step) = 0;

  /// Calls f(i, p, g) for every element i, with p the value to change and g its gradient, clipped and with the l2 term.
  /// One pass over memory; pieces run in parallel.
  template <class T, class F>
  void update_elements(const Parameter& parameter, const Step& step, F f) const {
    // a second owner: the value may share its storage
    const Tensor gradient = parameter.gradient();  // NOLINT(performance-unnecessary-copy-initialization)
    const T* g = gradient.data<T>();
    T* p = parameter.mutable_value().mutable_data<T>();
    const auto scale = static_cast<T>(step.scale);
    const auto l2 = static_cast<T>(options_.l2);
    kernels::parallel_for(gradient.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      update_piece(f, p + begin, g + begin, scale, l2, begin, end - begin);
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
  /// Everything by value: the compiler vectorizes the loop only when it sees that no store changes what f captured.
  template <class T, class F>
  static void update_piece(F f, T* p, const T* g, T scale, T l2, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) f(begin + i, p[i], scale * g[i] + l2 * p[i]);
  }

  /// Factor for the gradients so that their norm is at most clip_norm.
  double clip();
  void check_all_changed(bool by_this_one) const;
  void update_one(std::size_t parameter, const Step& step);
  void update_all(const Step& step);

  std::string type_;
  std::vector<Parameter> parameters_;
  std::vector<Parameter> frozen_;  // those given that were not trainable
  CommonOptions options_;
  std::vector<std::string> slot_names_;
  std::vector<std::vector<Tensor>> slots_;  // of each parameter
  std::int64_t iterations_ = 0;
  std::int64_t next_order_ = 0;
  double gradient_norm_ = 0;
};

}  // namespace xtape
