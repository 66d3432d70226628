#include "framework/ops/normalization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/normalization/batch_norm.hpp"
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
  check(fusion.max_value > 0, "{}: expected a max_value above 0, got {}", function, fusion.max_value);
  check(!fusion.relu || !fusion.function, "{}: expected relu or another function, got both", function);
}

/// The inputs with which the op is recorded, in the order of its derivatives.
std::vector<Variable> inputs_of(const Variable& x, const Variable& gamma, const Variable& beta,
                                const BatchNormFusion& fusion) {
  std::vector<Variable> inputs{x, gamma, beta};
  if (fusion.bias) inputs.push_back(*fusion.bias);
  if (fusion.residual) inputs.push_back(*fusion.residual);
  return inputs;
}

/// Batch normalization gamma (x + bias - mean) inverse + beta and its backward pass. Statistics are float64, because
/// they may exceed the range of float32.
struct Normalization {
  Tensor gamma, beta, bias, mean, mean_rest, inverse;  // bias and mean_rest may be undefined
  bool of_batch;  // mean and deviation depend on x; the mean does not include the bias
  bool has_bias, has_residual, relu;
  double max_value;
  std::optional<ElementFunction> function;
  Tensor residual;                   // defined if there are a residual and a function
  SumOverBatch sum_over_batch = {};  // empty: x is the whole batch
  double share = 1;                  // of x in the batch

  Normalization(const Tensor& given_gamma, const Tensor& given_beta, const Tensor& given_mean,
                const Tensor& inverse_deviation, bool batch, const BatchNormFusion& fusion)
      : gamma(given_gamma),
        beta(given_beta),
        bias(fusion.bias && !batch ? fusion.bias->value() : Tensor()),
        mean(given_mean),
        inverse(inverse_deviation),
        of_batch(batch),
        has_bias(fusion.bias.has_value()),
        has_residual(fusion.residual.has_value()),
        relu(fusion.relu),
        max_value(fusion.max_value),
        function(fusion.function),
        residual(fusion.residual && fusion.function ? fusion.residual->value() : Tensor()) {}

  /// Computes y, in the storage of x if no other tensor uses it.
  Tensor forward(Tensor x, const BatchNormFusion& fusion) const {
    const Shape shape = x.shape();
    Tensor y;
    with_floating("batch_norm", x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* in = x.data<T>();
      y = x.replaced();
      const auto apply = [&](T* values, std::int64_t count) { (*function)(values, count); };
      const kernels::InPlaceFunction<T> in_place(apply);
      const kernels::Epilogue<T> epilogue{has_residual ? fusion.residual->value().data<T>() : nullptr, relu,
                                          static_cast<T>(max_value), function ? &in_place : nullptr};
      kernels::normalize(shape.size() / shape[-1], shape[-1], in, in_kernel<T>(), epilogue, y.mutable_data<T>());
    });
    return y;
  }

  /// Computes the derivatives with respect to inputs_of() in two loops over memory: first the sums, then dx. With a
  /// residual and relu, the first loop writes the part of dy that passes relu, which is the derivative of the residual,
  /// and the second pass reads it. Results overwrite dy and x if no other tensor uses their storage.
  template <class T>
  std::vector<Tensor> backward(Tensor x, const Tensor& y, Tensor dy) const {
    using Mask = typename kernels::Passing<T>::Mask;
    constexpr DType type = dtype_of<T>;
    const Shape shape = x.shape();
    const std::int64_t channels = shape[-1];
    const std::int64_t rows = shape.size() / channels;
    Tensor dgamma = Tensor::empty({channels}, DType::float64), dbeta = Tensor::empty({channels}, DType::float64);
    const T* in = x.data<T>();
    const T* d = dy.data<T>();
    const bool separate = has_residual && relu;
    kernels::Passing<T> passing{.most = static_cast<T>(max_value)};
    if (separate) passing.mask = Mask::output, passing.output = y.data<T>();
    if (relu && !separate) passing.mask = Mask::again;
    Tensor passed = separate || function ? dy.replaced() : Tensor();
    T* const passed_data = separate || function ? passed.mutable_data<T>() : nullptr;
    if (function) {
      const auto differentiate = [&](const T* z, T* dz, std::int64_t count) { function->differentiate(z, dz, count); };
      kernels::derivative_of_function(rows, channels, in, in_kernel<T>(),
                                      residual.defined() ? residual.data<T>() : nullptr,
                                      kernels::InPlaceDerivative<T>(differentiate), d, passed_data);
      d = passed_data;
    }
    kernels::batch_norm_sums(rows, channels, in, d, passing, in_kernel<T>(), dgamma.mutable_data<double>(),
                             dbeta.mutable_data<double>(), separate ? passed_data : nullptr);
    if (separate) d = passed_data, passing = {};
    const auto [dgamma_of_batch, dbeta_of_batch] = in_batch(dgamma, dbeta);
    Tensor dx = (has_residual ? x : passed.defined() ? passed : dy.sole_owner() ? dy : x).replaced();
    kernels::batch_norm_input_gradient(rows, channels, in, d, passing, in_kernel<T>(),
                                       of_batch ? dgamma_of_batch.data<double>() : nullptr,
                                       of_batch ? dbeta_of_batch.data<double>() : nullptr, dx.mutable_data<T>());
    std::vector<Tensor> derivatives{std::move(dx), dgamma.to(type), dbeta.to(type)};
    if (has_bias) derivatives.push_back(bias_derivative(dbeta).to(type));
    if (has_residual) derivatives.push_back(passed.defined() ? std::move(passed) : std::move(dy));
    return derivatives;
  }

 private:
  /// The two sums over the whole batch, times the share of x: the kernel divides by the rows of x.
  std::pair<Tensor, Tensor> in_batch(const Tensor& dgamma, const Tensor& dbeta) const {
    if (!sum_over_batch) return {dgamma, dbeta};
    const auto channels = static_cast<std::size_t>(dgamma.size());
    std::vector<double> sums = dgamma.to_vector();
    sums.insert(sums.end(), dbeta.data<double>(), dbeta.data<double>() + channels);
    sum_over_batch(sums);
    for (double& sum : sums) sum *= share;
    const std::span all(sums);
    return {Tensor::of(dgamma.shape(), all.first(channels)), Tensor::of(dbeta.shape(), all.last(channels))};
  }

  template <class T>
  kernels::Normalization<T> in_kernel() const {
    return {mean.data<double>(),
            inverse.data<double>(),
            gamma.data<T>(),
            beta.data<T>(),
            bias.defined() ? bias.data<T>() : nullptr,
            mean_rest.defined() ? mean_rest.data<double>() : nullptr};
  }

  Tensor bias_derivative(const Tensor& dbeta) const {
    if (of_batch) return Tensor::zeros(dbeta.shape(), dbeta.dtype());
    const Tensor scale = map("batch_norm", gamma.to(DType::float64), inverse, [](auto g, auto i) { return g * i; });
    return map("batch_norm", scale, dbeta, [](auto s, auto d) { return s * d; });
  }
};

/// The pullback of the op. Saves x, and with a residual and relu also y.
JointPullback way_back(const Normalization& normalization, Tensor x, const Tensor& y) {
  const Tensor output = normalization.relu && normalization.has_residual ? y : Tensor();
  return [normalization, x = std::move(x), output](Tensor dy) mutable {
    return with_floating("batch_norm", x.dtype(), [&](auto zero) {
      return normalization.backward<decltype(zero)>(std::move(x), output, std::move(dy));
    });
  };
}

}  // namespace

namespace {

/// Replaces the mean and the standard deviation of each channel of a part with `count` elements by those of the whole
/// batch, and returns the number of its elements. The mean squared deviation of a part from the batch's mean is its
/// variance plus the square of the difference of the means (Chan, Golub and LeVeque, Algorithms for computing the
/// sample variance, 1983).
double combine_moments(double count, Tensor& mean, Tensor& deviation, const SumOverBatch& sum_over_batch) {
  const auto channels = static_cast<std::size_t>(mean.size());
  auto* const m = mean.mutable_data<double>();
  auto* const d = deviation.mutable_data<double>();
  std::vector<double> sums(channels + 1, count);
  for (std::size_t c = 0; c < channels; ++c) sums[c] = count * m[c];
  sum_over_batch(sums);
  const double all = sums.back();
  std::vector<double> squares(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double difference = m[c] - sums[c] / all;
    m[c] = sums[c] / all;
    squares[c] = count * (d[c] * d[c] + difference * difference);
  }
  sum_over_batch(squares);
  for (std::size_t c = 0; c < channels; ++c) d[c] = std::sqrt(squares[c] / all);
  return all;
}

}  // namespace

BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon,
                           const BatchNormFusion& fusion) {
  PartialBatchNormResult whole = batch_norm_of_part(x, gamma, beta, epsilon, fusion, {});
  return {std::move(whole.y), std::move(whole.mean), std::move(whole.variance)};
}

PartialBatchNormResult batch_norm_of_part(const Variable& x, const Variable& gamma, const Variable& beta,
                                          double epsilon, const BatchNormFusion& fusion,
                                          const SumOverBatch& sum_over_batch) {
  check_arguments("batch_norm", x, gamma, beta, epsilon, fusion);
  const std::int64_t channels = x.dim(-1), rows = x.size() / channels;
  Tensor mean = Tensor::empty({channels}, DType::float64), deviation = Tensor::empty({channels}, DType::float64);
  Tensor rest = Tensor::empty({channels}, DType::float64);
  with_floating("batch_norm", x.dtype(), [&](auto zero) {
    kernels::channel_moments(rows, channels, x.value().data<decltype(zero)>(), mean.mutable_data<double>(),
                             deviation.mutable_data<double>(), rest.mutable_data<double>());
  });
  const auto count = static_cast<double>(rows);
  const double all = sum_over_batch ? combine_moments(count, mean, deviation, sum_over_batch) : count;
  // hypot, because the square of the deviation may overflow or underflow
  const Tensor inverse =
      map("batch_norm", deviation, [root = std::sqrt(epsilon)](auto d) { return 1 / std::hypot(d, root); });
  Normalization normalization(gamma.value(), beta.value(), mean, inverse, true, fusion);
  if (!sum_over_batch) normalization.mean_rest = rest;
  normalization.sum_over_batch = sum_over_batch;
  normalization.share = count / all;
  Tensor y = normalization.forward(x.value(), fusion);
  JointPullback pullback = way_back(normalization, x.value(), y);
  if (fusion.bias) {
    mean = map("batch_norm", mean, fusion.bias->value().to(DType::float64), [](auto m, auto b) { return m + b; });
  }
  const Tensor variance = map("batch_norm", deviation, [](double d) {
    return std::isfinite(d) ? std::min(d * d, std::numeric_limits<double>::max()) : d * d;
  });
  return {record("batch_norm", std::move(y), inputs_of(x, gamma, beta, fusion), std::move(pullback)),
          saturated(mean, x.dtype()), saturated(variance, x.dtype()), static_cast<std::int64_t>(all)};
}

Variable batch_norm_inference(Variable x, const Variable& gamma, const Variable& beta, const Tensor& mean,
                              const Tensor& variance, double epsilon, const BatchNormFusion& fusion) {
  check_arguments("batch_norm_inference", x, gamma, beta, epsilon, fusion);
  check(mean.shape() == gamma.shape() && variance.shape() == gamma.shape(),
        "batch_norm_inference: expected a mean and a variance of shape {}, got {} and {}", gamma.shape(), mean.shape(),
        variance.shape());
  const Tensor inverse = map("batch_norm_inference", variance.to(DType::float64),
                             [epsilon](auto v) { return 1 / std::sqrt(v + epsilon); });
  const Normalization normalization(gamma.value(), beta.value(), mean.to(DType::float64), inverse, false, fusion);
  const bool tracked = std::ranges::any_of(inputs_of(x, gamma, beta, fusion), &Variable::tracked);
  Tensor input = x.value();
  if (!tracked) {
    x = Tensor();  // then `input` is the only owner if the caller moved x into the call
    return normalization.forward(std::move(input), fusion);
  }
  Tensor y = normalization.forward(input, fusion);
  JointPullback pullback = way_back(normalization, input, y);
  return record("batch_norm_inference", std::move(y), inputs_of(x, gamma, beta, fusion), std::move(pullback));
}

Tensor saturated(const Tensor& x, DType dtype) {
  const double most = dtype == DType::float32 ? static_cast<double>(std::numeric_limits<float>::max())
                                              : std::numeric_limits<double>::max();
  const auto kept = [most](auto v) { return std::isfinite(v) ? std::clamp<double>(v, -most, most) : v; };
  return map("saturated", x, kept).to(dtype);
}

}  // namespace xtape
