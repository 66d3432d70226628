// Adagrad.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of Adagrad.
struct AdagradOptions {
  LearningRate learning_rate = 1e-3;       ///< learning rate, a number or a schedule
  double initial_accumulator_value = 0.1;  ///< initial value of v, at least 0
  double epsilon = 1e-7;                   ///< added to v under the square root; at least 0
  /// Whether epsilon is added to the square root instead, as in PyTorch and in Keras before 2.11.
  bool epsilon_outside = false;
  double weight_decay = 0;  ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;     ///< largest norm of all gradients together; 0: off
  double clip_value = 0;    ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic optimization, JMLR 2011, as
/// in Keras: v += g^2, p -= rate g / sqrt(v + epsilon), or rate g / (sqrt(v) + epsilon) with epsilon_outside. |g| is
/// limited to 2^63 (float64: 2^511), because the square of a larger number may exceed the range of its type. The slot
/// is v. Error unless initial_accumulator_value and epsilon are at least 0.
class Adagrad final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit Adagrad(std::vector<Parameter> parameters, const AdagradOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double initial_accumulator_value_, epsilon_;
  bool epsilon_outside_;
};

}  // namespace xtape
