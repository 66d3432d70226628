// Adam and AdamW.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

struct AdamOptions {
  LearningRate learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 0;  ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;     ///< largest norm of all gradients together; 0: off
  double clip_value = 0;    ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with settings of their own
};

/// Kingma and Ba, Adam: A method for stochastic optimization, ICLR 2015, with the bias corrections in the rate as
/// before section 2.1 ("epsilon hat") and in Keras. At step t = 1, 2, ...:
///   m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v);  p -= rate_t m / (sqrt(v) + epsilon),
///   rate_t = rate sqrt(1 - beta2^t) / (1 - beta1^t).
/// Slots m and v. Error unless the betas are in [0, 1) and epsilon is at least 0.
class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<Parameter> parameters, AdamOptions options = {});
  std::string settings() const override;

 protected:
  Adam(std::string type, std::vector<Parameter> parameters, AdamOptions options, bool decoupled_decay);

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double beta1_, beta2_, epsilon_;
};

struct AdamWOptions {
  LearningRate learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  double weight_decay = 4e-3;  ///< decoupled: not in the gradient, so not divided by sqrt(v)
  double clip_norm = 0;        ///< largest norm of all gradients together; 0: off
  double clip_value = 0;       ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with settings of their own
};

/// Adam after p -= rate * weight_decay * p, for every trainable parameter as in Keras, biases and normalization
/// included; a group leaves them out (Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019,
/// algorithm 2).
class AdamW final : public Adam {
 public:
  explicit AdamW(std::vector<Parameter> parameters, AdamWOptions options = {});
};

}  // namespace xtape
