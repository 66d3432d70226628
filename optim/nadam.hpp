// Nadam.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of Nadam.
struct NadamOptions {
  LearningRate learning_rate = 1e-3;  ///< learning rate, a number or a schedule
  double beta1 = 0.9;                 ///< decay of the average m of the gradients, in [0, 1)
  double beta2 = 0.999;               ///< decay of the average v of the squared gradients, in [0, 1)
  double epsilon = 1e-7;              ///< added to the denominator; at least 0
  double momentum_decay = 1;          ///< factor of t in b_t, at least 0; 0.004 in PyTorch and in Keras before 2.11
  double weight_decay = 0;            ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Dozat, Incorporating Nesterov momentum into Adam, 2016, as in Keras. At step t = 1, 2, ..., with
/// b_t = beta1 (1 - 0.96^(momentum_decay t) / 2) and B_t = b_1 ... b_t:
///   m += (1 - beta1) (g - m);  v += (1 - beta2) (g^2 - v);
///   p -= rate (b_(t+1) m / (1 - B_(t+1)) + (1 - b_t) g / (1 - B_t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
/// |g| is limited to 2^63 (float64: 2^511), because the square of a
/// larger number may exceed the range of its type.
/// The slots are m and v. Error unless the betas are in [0, 1) and epsilon is at least 0.
class Nadam final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit Nadam(std::vector<Parameter> parameters, const NadamOptions& options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  /// b_t
  double momentum_at(std::int64_t t) const;
  void begin_step(std::int64_t number) override;
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double beta1_, beta2_, epsilon_, momentum_decay_;
  std::int64_t step_ = 0;  // the t of product_
  double product_ = 1;     // B_t, which follows from t alone
};

}  // namespace xtape
