// RMSprop.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

struct RMSpropOptions {
  LearningRate learning_rate = 1e-3;
  double rho = 0.9;
  double momentum = 0;
  double epsilon = 1e-7;
  bool centered = false;
  double weight_decay = 0;  ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;     ///< largest norm of all gradients together; 0: off
  double clip_value = 0;    ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with settings of their own
};

/// Tieleman and Hinton, Lecture 6.5 of Neural networks for machine learning, 2012, as Keras 2.11 and later has it:
///   v = rho v + (1 - rho) g^2;  d = rate g / sqrt(v + epsilon);  p -= d.
/// Centered (Graves, Generating sequences with recurrent neural networks, 2013, eq. 38-45): a = rho a + (1 - rho) g,
/// and max(v - a^2, 0) takes the place of v in d. With momentum u: b = u b + d, p -= b. Slots v, then b, then a where
/// they are used. Error unless rho and momentum are in [0, 1) and epsilon is at least 0.
class RMSprop final : public Optimizer {
 public:
  explicit RMSprop(std::vector<Parameter> parameters, RMSpropOptions options = {});
  std::string settings() const override;

 private:
  template <bool centered, bool has_momentum, class T>
  void update_as(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const;
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double rho_, momentum_, epsilon_;
  bool centered_;
};

}  // namespace xtape
