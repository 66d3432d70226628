// Adamax.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of Adamax.
struct AdamaxOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double beta1 = 0.9;                 ///< decay of the average m of the gradients, in [0, 1)
  double beta2 = 0.999;               ///< decay of the largest absolute gradient u, in [0, 1)
  double epsilon = 1e-7;              ///< added to the denominator; at least 0
  double weight_decay = 0;            ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Kingma and Ba, Adam: A method for stochastic optimization, ICLR 2015, section 7.1. At step t = 1, 2, ...:
///   m += (1 - beta1) (g - m);  u = max(beta2 u, |g|);  p -= rate m / ((1 - beta1^t) (u + epsilon)).
/// The slots are m and u. Error unless the betas are in [0, 1) and epsilon is at least 0.
class Adamax final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit Adamax(std::vector<Parameter> parameters, const AdamaxOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double beta1_, beta2_, epsilon_;
};

}  // namespace xtape
