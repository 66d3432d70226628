#include "framework/ops/group_normalization.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/normalization/group_norm.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/unit_vectors.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

void check_arguments(std::string_view function, const Variable& x, const std::optional<Variable>& gamma,
                     const std::optional<Variable>& beta, const Shape& wanted, double epsilon) {
  check(x.size() > 0 && is_floating(x.dtype()), "{}: expected a floating x with at least one element, got {} {}",
        function, x.dtype(), x.shape());
  check(epsilon >= 0 && std::isfinite(epsilon), "{}: expected a finite epsilon of at least 0, got {}", function,
        epsilon);
  for (const auto& given : {gamma, beta}) {
    check(!given || (given->shape() == wanted && given->dtype() == x.dtype()),
          "{}: expected gamma and beta {} {} for x {}, got {} {}", function, wanted, x.dtype(), x.shape(),
          given ? given->shape() : wanted, given ? given->dtype() : x.dtype());
  }
}

struct RowNormalization {
  kernels::GroupShape shape;
  double epsilon;
  bool centered;
};

template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

Tensor value_of(const std::optional<Variable>& x) { return x ? x->value() : Tensor(); }

/// x in float64 with groups whose squares leave the range of the type divided by powers of two, which normalization
/// undoes: epsilon makes no difference to large variances. Undefined if there are no such groups.
Variable with_squares_in_range(const Variable& x, const RowNormalization& how) {
  const auto& [outer, positions, groups, size] = how.shape;
  const Variable grouped = reshape(x, {outer, positions, groups, size});
  const Tensor units = map("normalization", magnitude(grouped, {1, 3}), [&](auto largest) {
    constexpr double most = 0x1p400;
    const auto unit = static_cast<double>(largest);
    return static_cast<decltype(largest)>(how.epsilon == 0 ? unit : std::max(unit / most, 1.0));
  });
  const std::vector<double> all = units.to_vector();
  if (std::ranges::all_of(all, [](double unit) { return unit == 1; })) return Tensor();
  return reshape(grouped / Variable(units), x.shape());
}

Variable normalized(std::string_view name, const Variable& x, const std::optional<Variable>& gamma,
                    const std::optional<Variable>& beta, const RowNormalization& how) {
  const Shape statistics{how.shape.outer, how.shape.groups};
  Tensor mean = Tensor::empty(statistics, DType::float64), inverse = Tensor::empty(statistics, DType::float64);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const Tensor scale = value_of(gamma), shift = value_of(beta);
  with_floating(name, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::group_norm(how.shape, x.value().data<T>(), data_or_null<T>(scale), data_or_null<T>(shift), how.epsilon,
                        how.centered, y.mutable_data<T>(), mean.mutable_data<double>(), inverse.mutable_data<double>());
  });
  const auto usual = [](double of_group) { return of_group > 0 && std::isfinite(of_group); };
  if (x.dtype() == DType::float64 && !std::ranges::all_of(inverse.to_vector(), usual)) {
    const Variable in_range = with_squares_in_range(x, how);
    if (in_range.value().defined()) return normalized(name, in_range, gamma, beta, how);
  }
  std::vector<Variable> inputs{x};
  if (gamma) inputs.push_back(*gamma);
  if (beta) inputs.push_back(*beta);
  const bool has_gamma = gamma.has_value(), has_beta = beta.has_value();
  const auto definition = [how, has_gamma, has_beta](const std::vector<Variable>& v) {
    const auto& [outer, positions, groups, size] = how.shape;
    const Variable grouped = reshape(v[0], {outer, positions, groups, size});
    const Variable centered = how.centered ? grouped - xtape::mean(grouped, {1, 3}, true) : grouped;
    const Variable deviation = sqrt(xtape::mean(square(centered), {1, 3}, true) + how.epsilon);
    Variable result = reshape(centered / deviation, v[0].shape());
    if (has_gamma) result = result * v[1];
    return has_beta ? result + v.back() : result;
  };
  const auto backward = [name, how, x = x.value(), scale, mean, inverse, has_gamma, has_beta,
                         wanted = gamma  ? gamma->shape()
                                  : beta ? beta->shape()
                                         : Shape{}](const Tensor& dy) -> std::vector<Tensor> {
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    Tensor dgamma = Tensor::empty({how.shape.channels()}, DType::float64), dbeta = dgamma;
    with_floating(name, x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::group_norm_gradient(how.shape, x.data<T>(), dy.data<T>(), data_or_null<T>(scale), mean.data<double>(),
                                   inverse.data<double>(), how.centered, dx.mutable_data<T>(),
                                   dgamma.mutable_data<double>(), dbeta.mutable_data<double>());
    });
    std::vector<Tensor> derivatives{std::move(dx)};
    if (has_gamma) derivatives.push_back(dgamma.to(x.dtype()).reshaped(wanted));
    if (has_beta) derivatives.push_back(dbeta.to(x.dtype()).reshaped(wanted));
    return derivatives;
  };
  return record(name, std::move(y), inputs, backward, definition);
}

/// Rows of the last `axes` axes.
Variable normalized_rows(std::string_view name, const Variable& x, const std::optional<Variable>& gamma,
                         const std::optional<Variable>& beta, double epsilon, int axes, bool centered) {
  check(axes >= 1 && axes <= x.rank(), "{}: expected 1 to {} axes for x {}, got {}", name, x.rank(), x.shape(), axes);
  std::vector<std::int64_t> extents;
  for (int axis = x.rank() - axes; axis < x.rank(); ++axis) extents.push_back(x.dim(axis));
  const Shape row(extents);
  check_arguments(name, x, gamma, beta, row, epsilon);
  return normalized(name, x, gamma, beta,
                    {.shape = {x.size() / row.size(), 1, 1, row.size()}, .epsilon = epsilon, .centered = centered});
}

}  // namespace

Variable layer_norm(const Variable& x, const std::optional<Variable>& gamma, const std::optional<Variable>& beta,
                    double epsilon, int axes) {
  return normalized_rows("layer_norm", x, gamma, beta, epsilon, axes, true);
}

Variable rms_norm(const Variable& x, const std::optional<Variable>& gamma, double epsilon, int axes) {
  return normalized_rows("rms_norm", x, gamma, std::nullopt, epsilon, axes, false);
}

Variable group_norm(const Variable& x, const std::optional<Variable>& gamma, const std::optional<Variable>& beta,
                    std::int64_t groups, double epsilon) {
  constexpr std::string_view name = "group_norm";
  check(x.rank() >= 2, "{}: expected x (n, ..., channels), got shape {}", name, x.shape());
  const std::int64_t channels = x.dim(-1);
  check(groups >= 1 && channels % groups == 0, "{}: expected a number of groups that divides the {} channels, got {}",
        name, channels, groups);
  check_arguments(name, x, gamma, beta, {channels}, epsilon);
  const std::int64_t n = x.dim(0);
  return normalized(
      name, x, gamma, beta,
      {.shape = {n, x.size() / n / channels, groups, channels / groups}, .epsilon = epsilon, .centered = true});
}

}  // namespace xtape
