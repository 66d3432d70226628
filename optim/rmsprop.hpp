// RMSprop.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of RMSprop.
struct RMSpropOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double rho = 0.9;                   ///< decay of the averages, in [0, 1)
  double momentum = 0;                ///< momentum of the updates, in [0, 1); 0: off
  double epsilon = 1e-7;              ///< added to v under the square root; at least 0
  /// Whether epsilon is added to the square root instead, as in PyTorch and in Keras before 2.11.
  bool epsilon_outside = false;
  bool centered = false;    ///< whether the variance of the gradient replaces the mean square
  double weight_decay = 0;  ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;     ///< largest norm of all gradients together; 0: off
  double clip_value = 0;    ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Tieleman and Hinton, Lecture 6.5 of Neural networks for machine learning, 2012, as in Keras 2.11 and later:
///   v = rho v + (1 - rho) g^2;  d = rate g / sqrt(v + epsilon);  p -= d.
/// With epsilon_outside the divisor is sqrt(v) + epsilon.
/// Centered (Graves, Generating sequences with recurrent neural networks, 2013, eq. 38-45): a = rho a + (1 - rho) g,
/// and max(v - a^2, 0) replaces v in d. |g| is limited to 2^63 (float64: 2^511), because the square of a larger number
/// may exceed the range of its type. With momentum u: b = u b + d, p -= b. The slots are v, then b, then a, if they are
/// used. Error unless rho and momentum are in [0, 1) and epsilon is at least 0.
class RMSprop final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit RMSprop(std::vector<Parameter> parameters, RMSpropOptions options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  template <bool centered, bool has_momentum, class T>
  void update_as(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const;
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double rho_, momentum_, epsilon_;
  bool centered_, epsilon_outside_;
};

}  // namespace xtape
