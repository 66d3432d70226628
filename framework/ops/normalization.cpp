#include "framework/ops/normalization.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/batch_norm.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

void check_arguments(std::string_view function, const Variable& x, const Variable& gamma, const Variable& beta,
                     double epsilon, const BatchNormFusion& fusion) {
  check(x.rank() >= 2 && x.size() > 0, "{}: expected x (..., channels) with at least one element, got shape {}",
        function, x.shape());
  const Shape wanted{x.dim(-1)};
  check(gamma.shape() == wanted && beta.shape() == wanted,
        "{}: expected gamma and beta of shape {} for x {}, got {} and {}", function, wanted, x.shape(), gamma.shape(),
        beta.shape());
  check(gamma.dtype() == x.dtype() && beta.dtype() == x.dtype(),
        "{}: expected x, gamma and beta of one type, got {}, {} and {}", function, x.dtype(), gamma.dtype(),
        beta.dtype());
  check(epsilon > 0 && std::isfinite(epsilon), "{}: expected a finite epsilon above 0, got {}", function, epsilon);
  const auto check_like = [&](std::string_view what, const std::optional<Variable>& given, const Shape& shape) {
    check(!given || (given->shape() == shape && given->dtype() == x.dtype()), "{}: expected a {} {} {}, got {} {}",
          function, what, shape, x.dtype(), given ? given->shape() : shape, given ? given->dtype() : x.dtype());
  };
  check_like("bias", fusion.bias, wanted);
  check_like("residual", fusion.residual, x.shape());
}

Tensor inverse_deviation(const Tensor& variance, double epsilon) {
  return map("batch_norm", variance,
             [epsilon](auto v) { return 1 / std::sqrt(v + static_cast<decltype(v)>(epsilon)); });
}

/// The inputs that the op is recorded with, in the order of its derivatives.
std::vector<Variable> inputs_of(const Variable& x, const Variable& gamma, const Variable& beta,
                                const BatchNormFusion& fusion) {
  std::vector<Variable> inputs{x, gamma, beta};
  if (fusion.bias) inputs.push_back(*fusion.bias);
  if (fusion.residual) inputs.push_back(*fusion.residual);
  return inputs;
}

/// gamma (x - mean) * inverse + beta as x * scale + shift, and its way back. The mean is that of x without a bias.
struct Normalization {
  Tensor gamma, mean, inverse, scale, shift;
  bool of_batch;  // mean and deviation are functions of x
  bool has_bias, has_residual, relu;

  Normalization(const Tensor& given_gamma, const Tensor& beta, const Tensor& given_mean, const Tensor& given_inverse,
                bool batch, const BatchNormFusion& fusion)
      : gamma(given_gamma),
        mean(given_mean),
        inverse(given_inverse),
        scale(map("batch_norm", gamma, inverse, [](auto g, auto i) { return g * i; })),
        of_batch(batch),
        has_bias(fusion.bias.has_value()),
        has_residual(fusion.residual.has_value()),
        relu(fusion.relu) {
    const Tensor moved = map("batch_norm", mean, scale, [](auto m, auto s) { return m * s; });
    shift = map("batch_norm", beta, moved, [](auto b, auto m) { return b - m; });
  }

  /// Writes y over x when x is nobody else's.
  Tensor forward(Tensor x, const BatchNormFusion& fusion) const {
    const Shape shape = x.shape();
    Tensor y;
    with_floating("batch_norm", x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* in = x.data<T>();
      y = x.replaced();
      const kernels::Epilogue<T> epilogue{has_residual ? fusion.residual->value().data<T>() : nullptr, relu};
      kernels::scale_and_shift(shape.size() / shape[-1], shape[-1], in, scale.data<T>(), shift.data<T>(), epilogue,
                               y.mutable_data<T>());
    });
    return y;
  }

  /// The derivatives of inputs_of. In two passes: the sums, and dx. With a residual and relu the first writes the part
  /// of dy that passes relu, which is the residual's derivative, and the second reads it. Results go over dy and x
  /// where nobody else holds them.
  template <class T>
  std::vector<Tensor> backward(Tensor x, const Tensor& y, Tensor dy) const {
    const Shape shape = x.shape();
    const std::int64_t channels = shape[-1];
    const std::int64_t rows = shape.size() / channels;
    Tensor dgamma = Tensor::empty({channels}, x.dtype());
    Tensor dbeta = Tensor::empty({channels}, x.dtype());
    const T* in = x.data<T>();
    const T* d = dy.data<T>();
    const bool separate = has_residual && relu;
    kernels::Passing<T> passing;
    if (separate) passing.output = y.data<T>();
    if (relu && !separate) passing.scale = scale.data<T>(), passing.shift = shift.data<T>();
    Tensor passed = separate ? dy.replaced() : Tensor();
    T* const passed_data = separate ? passed.mutable_data<T>() : nullptr;
    kernels::batch_norm_sums(rows, channels, in, d, passing, mean.data<T>(), inverse.data<T>(),
                             dgamma.mutable_data<T>(), dbeta.mutable_data<T>(), passed_data);
    if (separate) d = passed_data, passing = {};
    const auto [slope, offset] = input_slopes<T>(rows, dgamma, dbeta);
    Tensor dx = (has_residual || !dy.sole_owner() ? x : dy).replaced();
    kernels::batch_norm_input_gradient(rows, channels, in, d, passing, mean.data<T>(), scale.data<T>(),
                                       slope.template data<T>(), offset.template data<T>(), dx.mutable_data<T>());
    std::vector<Tensor> derivatives{std::move(dx), dgamma, dbeta};
    if (has_bias) derivatives.push_back(bias_derivative(dbeta));
    if (has_residual) derivatives.push_back(separate ? std::move(passed) : std::move(dy));
    return derivatives;
  }

 private:
  struct Slopes {
    Tensor slope, offset;
  };

  /// What dx depends on through the statistics of the batch:
  /// dx = scale dy + slope (x - mean) + offset, slope = -scale inverse dgamma / rows, offset = -scale dbeta / rows.
  template <class T>
  Slopes input_slopes(std::int64_t rows, const Tensor& dgamma, const Tensor& dbeta) const {
    Slopes slopes{Tensor::zeros(scale.shape(), scale.dtype()), Tensor::zeros(scale.shape(), scale.dtype())};
    if (!of_batch) return slopes;
    const T share = T{1} / static_cast<T>(rows);
    T* slope = slopes.slope.mutable_data<T>();
    T* offset = slopes.offset.mutable_data<T>();
    for (std::int64_t c = 0; c < scale.size(); ++c) {
      const T factor = -scale.data<T>()[c] * share;
      slope[c] = factor * inverse.data<T>()[c] * dgamma.data<T>()[c];
      offset[c] = factor * dbeta.data<T>()[c];
    }
    return slopes;
  }

  Tensor bias_derivative(const Tensor& dbeta) const {
    if (of_batch) return Tensor::zeros(dbeta.shape(), dbeta.dtype());
    return map("batch_norm", scale, dbeta, [](auto s, auto d) { return s * d; });
  }
};

/// The pullback; saves x, and y where it is needed.
JointPullback way_back(const Normalization& normalization, Tensor x, const Tensor& y) {
  const Tensor output = normalization.relu && normalization.has_residual ? y : Tensor();
  return [normalization, x = std::move(x), output](Tensor dy) mutable {
    return with_floating("batch_norm", x.dtype(), [&](auto zero) {
      return normalization.backward<decltype(zero)>(std::move(x), output, std::move(dy));
    });
  };
}

}  // namespace

BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon,
                           const BatchNormFusion& fusion) {
  check_arguments("batch_norm", x, gamma, beta, epsilon, fusion);
  const std::int64_t channels = x.dim(-1);
  Tensor mean = Tensor::empty({channels}, x.dtype());
  Tensor variance = Tensor::empty({channels}, x.dtype());
  with_floating("batch_norm", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::channel_moments(x.size() / channels, channels, x.value().data<T>(), mean.mutable_data<T>(),
                             variance.mutable_data<T>());
  });
  const Normalization normalization(gamma.value(), beta.value(), mean, inverse_deviation(variance, epsilon), true,
                                    fusion);
  Tensor y = normalization.forward(x.value(), fusion);
  if (fusion.bias) mean = map("batch_norm", mean, fusion.bias->value(), [](auto m, auto b) { return m + b; });
  JointPullback pullback = way_back(normalization, x.value(), y);
  return {record("batch_norm", std::move(y), inputs_of(x, gamma, beta, fusion), std::move(pullback)), mean, variance};
}

Variable batch_norm_inference(Variable x, const Variable& gamma, const Variable& beta, const Tensor& mean,
                              const Tensor& variance, double epsilon, const BatchNormFusion& fusion) {
  check_arguments("batch_norm_inference", x, gamma, beta, epsilon, fusion);
  check(mean.shape() == gamma.shape() && variance.shape() == gamma.shape(),
        "batch_norm_inference: expected a mean and a variance of shape {}, got {} and {}", gamma.shape(), mean.shape(),
        variance.shape());
  const Tensor of_x =
      fusion.bias ? map("batch_norm_inference", mean, fusion.bias->value(), [](auto m, auto b) { return m - b; })
                  : mean;
  const Normalization normalization(gamma.value(), beta.value(), of_x, inverse_deviation(variance, epsilon), false,
                                    fusion);
  const bool tracked = std::ranges::any_of(inputs_of(x, gamma, beta, fusion), &Variable::tracked);
  Tensor input = x.value();
  if (!tracked) {
    x = Tensor();  // what the caller has given away is now ours alone
    return normalization.forward(std::move(input), fusion);
  }
  Tensor y = normalization.forward(input, fusion);
  JointPullback pullback = way_back(normalization, input, y);
  return record("batch_norm_inference", std::move(y), inputs_of(x, gamma, beta, fusion), std::move(pullback));
}

}  // namespace xtape
