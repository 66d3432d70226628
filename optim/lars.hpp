// LARS.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of LARS.
struct LARSOptions {
  LearningRate learning_rate = 0.1;  ///< learning rate, a number or a schedule
  double momentum = 0.9;             ///< momentum of the updates, in [0, 1)
  double trust_coefficient = 1e-3;   ///< size of a step relative to the parameter, above 0
  bool adapt_vectors =
      false;                ///< whether parameters of at most one axis (biases, normalization) have a trust ratio too
  double weight_decay = 0;  ///< added to the gradient, before the trust ratio: d = g + weight_decay * p
  double clip_norm = 0;     ///< largest norm of all gradients together; 0: off
  double clip_value = 0;    ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// You, Gitman and Ginsburg, Large batch training of convolutional networks, 2017. With d = g + weight_decay p:
///   ratio = trust_coefficient |p| / (|g| + weight_decay |p|);  v = momentum v + rate ratio d;  p -= v,
/// with the norms of the whole parameter; the ratio is 1 where one of them is 0, and for parameters of at most one axis
/// unless adapt_vectors is set. The slot is v. Error unless momentum is in [0, 1) and trust_coefficient is above 0.
class LARS final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit LARS(std::vector<Parameter> parameters, const LARSOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double momentum_, trust_coefficient_;
  bool adapt_vectors_;
};

}  // namespace xtape
