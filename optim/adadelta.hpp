// Adadelta.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of Adadelta.
struct AdadeltaOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double rho = 0.95;                  ///< decay of the averages, in [0, 1)
  double epsilon = 1e-7;              ///< added to the denominator; at least 0
  double weight_decay = 0;            ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Zeiler, Adadelta: An adaptive learning rate method, 2012, as in Keras:
///   v = rho v + (1 - rho) g^2;  d = g sqrt(u + epsilon) / sqrt(v + epsilon);  u = rho u + (1 - rho) d^2;  p -= rate d.
/// |g| is limited to 2^63 (float64: 2^511), because the square of a
/// larger number may exceed the range of its type.
/// The slots are v and u. Error unless rho is in [0, 1) and epsilon is at least 0.
class Adadelta final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit Adadelta(std::vector<Parameter> parameters, const AdadeltaOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double rho_, epsilon_;
};

}  // namespace xtape
