// Loss: a named function that training minimizes.
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

/// What a loss expects of the outputs of a model. fit and evaluate reject a loss of logits for a model that ends in a
/// softmax or sigmoid, and a loss of probabilities for outputs outside of [0, 1].
/// A loss of directions depends on the direction of the outputs of a sample only, so these have to be at least two.
enum class LossOutputs { anything, logits, probabilities, directions };

/// What a loss expects of the targets: numbers with the shape of the outputs; class numbers (n, ...) or distributions
/// (n, ..., k) for outputs (n, ..., k); or anything.
enum class LossTargets { like_outputs, classes, anything };

/// How the loss of a batch follows from those of its parts, which are computed apart with Distributed::shards and
/// FitOptions::accumulate: their mean, weighted by LossOptions::count; their sum; or not at all, as for a ratio of sums
/// over the batch.
enum class LossReduction { mean, sum, whole_batch };

/// The requirements of a loss, and the count of its mean.
struct LossOptions {
  /// What the loss expects of the outputs.
  LossOutputs outputs = LossOutputs::anything;
  /// What the loss expects of the targets. By default the shapes must be equal, because broadcasting outputs (n, 1)
  /// against targets (n) would combine every sample with every other.
  LossTargets targets = LossTargets::like_outputs;
  /// How the losses of parts of a batch are combined. A function that returns a sum must say so; otherwise parts count
  /// too little. Shards and `accumulate` are an Error for whole_batch.
  LossReduction reduction = LossReduction::mean;
  /// Returns the number that the mean over these targets is divided by, so that the means of batches can be combined.
  /// The default is the number of samples; the losses of xtape count samples and positions. Figures of sums are divided
  /// by it too. Parts of a batch for which it is 0 do not count. Error, in fit and evaluate, for other numbers than
  /// finite ones of at least 0.
  std::function<double(const Tensor& targets)> count = {};
  /// Error for targets with values that the loss does not accept. fit and evaluate call it with all targets before they
  /// begin.
  std::function<void(const Tensor& targets)> check_targets = {};
  std::string settings = "";  ///< the options as text, which a checkpoint compares
};

/// A named loss: a function of the outputs of a model and the targets that returns one number, the mean over the batch
/// if LossOptions::reduction does not say otherwise.
/// The losses of xtape are in the namespace loss. A custom loss is made from a name and a function:
///
///   Loss("huber", [](const Variable& outputs, const Tensor& targets) { return mean(...); })
///
/// A function with three arguments also gets the weights of the samples (n), which are undefined when all are 1, and
/// returns sum(w_i l_i) / n, as Keras does. A function with two arguments cannot be used with weights, which is an
/// Error.
class Loss {
 public:
  /// A function of outputs, targets and weights. The weights may be undefined.
  using Function = std::function<Variable(const Variable& outputs, const Tensor& targets, const Tensor& weights)>;

  /// A loss from a function of outputs, targets and weights.
  template <std::invocable<const Variable&, const Tensor&, const Tensor&> F>
  Loss(std::string name, F function, LossOptions options = {})
      : Loss(std::move(name), Function(std::move(function)), true, std::move(options)) {}
  /// A loss from a function of outputs and targets.
  template <std::invocable<const Variable&, const Tensor&> F>
  requires(!std::invocable<F, const Variable&, const Tensor&, const Tensor&>)  //
      Loss(std::string name, F function, LossOptions options = {})
      : Loss(std::move(name),
             without_weights(std::function<Variable(const Variable&, const Tensor&)>(std::move(function))), false,
             std::move(options)) {}

  /// Computes the loss. Error when there are weights but the function has two arguments, or when the result is
  /// undefined.
  Variable operator()(const Variable& outputs, const Tensor& targets, const Tensor& weights = {}) const;

  /// The name, for figures and messages.
  const std::string& name() const { return name_; }
  /// What the loss expects of the outputs.
  LossOutputs outputs() const { return options_.outputs; }
  /// What the loss expects of the targets.
  LossTargets targets() const { return options_.targets; }
  /// The number that the mean over these targets is divided by.
  double count(const Tensor& targets) const;
  /// Error for targets with values that the loss does not accept.
  void check_targets(const Tensor& targets) const {
    if (options_.check_targets) options_.check_targets(targets);
  }
  /// How the losses of parts of a batch are combined.
  LossReduction reduction() const { return options_.reduction; }
  /// The options as text: "label_smoothing 0.1".
  const std::string& settings() const { return options_.settings; }
  /// Whether the function has an argument for weights.
  bool takes_weights() const { return takes_weights_; }

  /// The name and the options: "mean_squared_error", "softmax_cross_entropy (label_smoothing 0.1)".
  friend std::string to_string(const Loss& loss);

 private:
  /// Error when the name or the function is empty.
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

/// The sum over all samples and positions of a loss that is their mean, as Keras's reduction "sum": the mean times
/// Loss::count. Steps then grow with the batch. Figures show the mean. Error for a loss that is a sum already or that
/// is computed over the whole batch.
Loss summed(const Loss& loss);

/// Cross-entropy of class numbers or distributions and logits: one label for each sample, or one for each position.
Loss softmax_cross_entropy(const CrossEntropyOptions& options = {});
/// Cross-entropy of yes-no answers, one or several for each sample, and logits. Targets are in [0, 1] and have the
/// shape of the outputs.
Loss sigmoid_cross_entropy(const BinaryCrossEntropyOptions& options = {});
/// Cross-entropy of class numbers or distributions and probabilities, for models that end in a softmax.
Loss categorical_cross_entropy(const CrossEntropyOptions& options = {});
/// Cross-entropy of yes-no answers and probabilities.
Loss binary_cross_entropy(const BinaryCrossEntropyOptions& options = {});
/// Focal loss of yes-no answers and logits: answers that are already right count less.
Loss sigmoid_focal_cross_entropy(const FocalOptions& options = {});
/// Focal loss of class numbers or distributions and logits: answers that are already right count less.
Loss softmax_focal_cross_entropy(const FocalOptions& options = {});
/// Hinge loss of yes-no answers -1 and 1 (or 0 and 1), as for support vector machines.
Loss hinge();
/// The square of the hinge loss of each element.
Loss squared_hinge();
/// Hinge loss of class numbers or distributions and scores.
Loss categorical_hinge();
/// Kullback-Leibler divergence of the outputs from the targets; both are probabilities.
Loss kl_divergence();
/// One minus the overlap of masks; targets and outputs are probabilities.
Loss dice(const OverlapOptions& options = {});
/// As dice, with weights for what the outputs miss and what they add.
Loss tversky(const OverlapOptions& options = {});
/// Mean of the squared differences from targets that are numbers.
Loss mean_squared_error();
/// Mean of the absolute differences from targets that are numbers.
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
