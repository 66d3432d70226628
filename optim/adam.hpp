// Adam and AdamW.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of Adam.
struct AdamOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double beta1 = 0.9;                 ///< decay of the average m of the gradients, in [0, 1)
  double beta2 = 0.999;               ///< decay of the average v of the squared gradients, in [0, 1)
  double epsilon = 1e-7;              ///< added to sqrt(v); at least 0
  double weight_decay = 0;            ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Kingma and Ba, Adam: A method for stochastic optimization, ICLR 2015, with the bias corrections
/// applied to the rate, as before section 2.1 ("epsilon hat") and in Keras. At step t = 1, 2, ...:
///   m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v);  p -= rate_t m / (sqrt(v) + epsilon),
///   rate_t = rate sqrt(1 - beta2^t) / (1 - beta1^t).
/// |g| is limited to 2^63 (float64: 2^511), because the square of a larger number may exceed the range of its type. The
/// slots are m and v. Error unless the betas are in [0, 1) and epsilon is at least 0.
class Adam : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit Adam(std::vector<Parameter> parameters, AdamOptions options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 protected:
  /// For derived classes: `type` is the name of the class; `decoupled_decay` selects the weight decay of AdamW.
  Adam(std::string type, std::vector<Parameter> parameters, AdamOptions options, bool decoupled_decay);

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double beta1_, beta2_, epsilon_;
};

/// Options of AdamW.
struct AdamWOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double beta1 = 0.9;                 ///< decay of the average m of the gradients, in [0, 1)
  double beta2 = 0.999;               ///< decay of the average v of the squared gradients, in [0, 1)
  double epsilon = 1e-7;              ///< added to sqrt(v); at least 0
  double weight_decay = 4e-3;         ///< decoupled: not in the gradient, so not divided by sqrt(v)
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Adam with decoupled weight decay: p -= rate * weight_decay * p precedes each update. As in Keras it applies to every
/// trainable parameter, including biases and normalization; use a group to exclude them (Loshchilov and Hutter,
/// Decoupled weight decay regularization, ICLR 2019, algorithm 2).
class AdamW final : public Adam {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit AdamW(std::vector<Parameter> parameters, AdamWOptions options = {});
};

}  // namespace xtape
