// SGD: stochastic gradient descent with momentum.
#pragma once

#include "optim/optimizer.hpp"

namespace xtape {

/// Options of SGD.
struct SGDOptions {
  LearningRate learning_rate = 0.01;  ///< learning rate, a number or a schedule
  double momentum = 0;                ///< momentum of the updates, in [0, 1); 0: off
  bool nesterov = false;              ///< whether to use Nesterov's momentum; requires momentum
  double weight_decay = 0;            ///< L2: weight_decay * p is added to the gradient of every trainable parameter
  double clip_norm = 0;               ///< largest norm of all gradients together; 0: off
  double clip_value = 0;  ///< largest absolute value of an element of a gradient, instead of clip_norm; 0: off
  std::vector<ParameterGroup> groups = {};  ///< parameters with separate settings
  double ema_momentum = 0;  ///< share that is kept by the moving averages of the parameters, in [0, 1); 0: no averages
};

/// Stochastic gradient descent: p -= rate * g. With momentum u, as in Keras: v = u v - rate g, p += v, and with
/// `nesterov` p += u v - rate g (Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum
/// in deep learning, ICML 2013). With momentum there is one slot, v; without there is none. Error unless `0 <= momentum
/// < 1`, or if nesterov is set without momentum.
class SGD final : public Optimizer {
 public:
  /// An optimizer of these parameters. Error if an option is out of its range; see also Optimizer.
  explicit SGD(std::vector<Parameter> parameters, SGDOptions options = {});
  /// The options except the learning rate as text.
  std::string settings() const override;

 private:
  void update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const override;

  double momentum_;
  bool nesterov_;
};

}  // namespace xtape
