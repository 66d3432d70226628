// LAMB.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of LAMB.
struct LAMBOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double beta1 = 0.9;                 ///< decay of the average m of the gradients, in [0, 1)
  double beta2 = 0.999;               ///< decay of the average v of the squared gradients, in [0, 1)
  double epsilon = 1e-7;              ///< added to the denominator; at least 0
  double weight_decay = 0;  ///< added to the direction of each step, before the trust ratio: r += weight_decay * p
  double clip_norm = 0;     ///< largest norm of all gradients together; 0: off
  double clip_value = 0;    ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// You et al., Large batch optimization for deep learning: Training BERT in 76 minutes, ICLR 2020, algorithm 2. At step
/// t = 1, 2, ...:
///   m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v);
///   r = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + weight_decay p;  p -= rate |p| / |r| r,
/// with the norms |p| and |r| of the whole parameter; the ratio is 1 where one of them is 0. Without weight decay it is
/// Keras's Lamb. |g| is limited to 2^63 (float64: 2^511), because the square of a
/// larger number may exceed the range of its type. The
/// slots are m and v. Error unless the betas are in [0, 1) and epsilon is at least 0.
class LAMB final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit LAMB(std::vector<Parameter> parameters, const LAMBOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double beta1_, beta2_, epsilon_;
};

}  // namespace xtape
