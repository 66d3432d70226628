// Loss: what training minimizes, as a named value.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "framework/autograd/variable.hpp"
#include "framework/ops/classification_losses.hpp"
#include "framework/ops/losses.hpp"
#include "framework/ops/regression_losses.hpp"

namespace xtape {

/// What the outputs of a model have to be for a loss. fit and evaluate refuse a model that ends in a softmax or sigmoid
/// together with a loss of logits, and outputs outside of [0, 1] with a loss of probabilities.
enum class LossOutputs { anything, logits, probabilities };

/// What the targets have to be: numbers of the outputs' shape; class numbers (n, ...) or distributions (n, ..., k) for
/// outputs (n, ..., k); or whatever the loss makes of them.
enum class LossTargets { like_outputs, classes, anything };

/// What a loss requires, and the count that its mean divides by.
struct LossOptions {
  /// What the outputs have to be.
  LossOutputs outputs = LossOutputs::anything;
  /// Arithmetic on outputs (n, 1) and targets (n) compares every sample with every other, so other shapes than the
  /// outputs' are refused unless the loss says that it takes them.
  LossTargets targets = LossTargets::like_outputs;
  /// The number that the loss of these targets is a mean over, so that means of batches can be averaged; by default the
  /// number of samples.
  std::function<double(const Tensor& targets)> count = {};
  std::string settings = "";  ///< its options, for the settings that a checkpoint compares
};

/// A named loss: one number from the outputs of a model and the targets, the mean over the batch. Those of xtape are in
/// the namespace loss; a custom one is made of a name and a function:
///
///   Loss("huber", [](const Variable& outputs, const Tensor& targets) { return mean(...); })
///
/// A function of three arguments also gets the samples' weights (n), undefined when all are 1, and returns
/// sum(w_i l_i) / n, as Keras does; one of two arguments can't be used with weights, which is an Error.
class Loss {
 public:
  /// Loss of outputs, targets and weights; weights may be undefined.
  using Function = std::function<Variable(const Variable& outputs, const Tensor& targets, const Tensor& weights)>;

  /// From a function of outputs, targets and weights.
  template <std::invocable<const Variable&, const Tensor&, const Tensor&> F>
  Loss(std::string name, F function, LossOptions options = {})
      : Loss(std::move(name), Function(std::move(function)), true, std::move(options)) {}
  /// From a function of outputs and targets.
  template <std::invocable<const Variable&, const Tensor&> F>
  requires(!std::invocable<F, const Variable&, const Tensor&, const Tensor&>)  //
      Loss(std::string name, F function, LossOptions options = {})
      : Loss(std::move(name),
             without_weights(std::function<Variable(const Variable&, const Tensor&)>(std::move(function))), false,
             std::move(options)) {}

  /// Error when it takes two arguments and there are weights, and when the result is undefined.
  Variable operator()(const Variable& outputs, const Tensor& targets, const Tensor& weights = {}) const;

  /// The name, as figures and messages show it.
  const std::string& name() const { return name_; }
  /// What the outputs have to be.
  LossOutputs outputs() const { return options_.outputs; }
  /// What the targets have to be.
  LossTargets targets() const { return options_.targets; }
  /// The number that the mean for these targets divides by.
  double count(const Tensor& targets) const;
  /// Whether the function takes weights.
  bool takes_weights() const { return takes_weights_; }

  /// "mean_squared_error", "softmax_cross_entropy (label_smoothing 0.1)".
  friend std::string to_string(const Loss& loss);

 private:
  /// Error when the name is empty or the function is.
  Loss(std::string name, Function function, bool takes_weights, LossOptions options);
  static Function without_weights(std::function<Variable(const Variable&, const Tensor&)> function);

  std::string name_;
  Function function_;
  bool takes_weights_;
  LossOptions options_;
};

/// The losses of framework/ops: losses.hpp, classification_losses.hpp and regression_losses.hpp have the formulas and
/// the errors for options out of range.
namespace loss {

/// For class numbers and distributions, from logits: one label per sample, or one at each position.
Loss softmax_cross_entropy(const CrossEntropyOptions& options = {});
/// For yes-no answers, one or several per sample, from logits: targets in [0, 1] of the outputs' shape.
Loss sigmoid_cross_entropy(const BinaryCrossEntropyOptions& options = {});
/// The same from probabilities.
Loss binary_cross_entropy(const BinaryCrossEntropyOptions& options = {});
/// For yes-no answers from logits, most of which are easy: those that are right already count less.
Loss sigmoid_focal_cross_entropy(const FocalOptions& options = {});
/// For class numbers and distributions from logits, most of which are easy.
Loss softmax_focal_cross_entropy(const FocalOptions& options = {});
/// For yes-no answers -1 and 1 (or 0 and 1), as support vector machines use it.
Loss hinge();
/// The square of the hinge loss of each element.
Loss squared_hinge();
/// For class numbers and distributions, from scores.
Loss categorical_hinge();
/// Divergence between distributions: targets and outputs are probabilities.
Loss kl_divergence();
/// One minus the overlap of masks: targets and outputs are probabilities.
Loss dice(const OverlapOptions& options = {});
/// The same with weights for what the outputs miss and what they add.
Loss tversky(const OverlapOptions& options = {});
/// For numbers.
Loss mean_squared_error();
/// Mean of the absolute differences, for numbers.
Loss mean_absolute_error();
/// Squares of small differences and absolute values of large ones, for numbers with outliers.
Loss huber(const HuberOptions& options = {});
/// Mean of the absolute differences in percent of the targets.
Loss mean_absolute_percentage_error();
/// Mean of the squared differences of logarithms, for numbers of different magnitudes.
Loss mean_squared_logarithmic_error();
/// Mean of the logarithm of the hyperbolic cosine of the differences, a smooth absolute value.
Loss log_cosh();
/// For counts.
Loss poisson();
/// Minus the cosine of the angle between vectors along the last axis.
Loss cosine_similarity();

}  // namespace loss
}  // namespace xtape
