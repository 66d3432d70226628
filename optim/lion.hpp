// Lion.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of Lion.
struct LionOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double beta1 = 0.9;                 ///< share of m in the direction of a step, in [0, 1)
  double beta2 = 0.99;                ///< decay of the average m of the gradients, in [0, 1)
  double weight_decay = 0;            ///< decoupled: p -= rate * weight_decay * p precedes each update
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Chen et al., Symbolic discovery of optimization algorithms, 2023, as in Keras:
///   p -= rate sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g.
/// Steps have the size of the rate, so the rate should be 3 to 10 times smaller than that of Adam. The slot is m. Error
/// unless the betas are in [0, 1).
class Lion final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit Lion(std::vector<Parameter> parameters, const LionOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double beta1_, beta2_;
};

}  // namespace xtape
