#include "layers/parameters/constraint.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>
#include <set>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/unit_vectors.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"

namespace xtape {
namespace {

constexpr double smallest_norm = 1e-7;  // epsilon of Keras

/// value * wanted(norm) / (epsilon + norm), with a norm over the axes.
template <class F>
Tensor with_norms(const Tensor& value, const std::vector<int>& axes, F wanted) {
  const Variable w = value.to(DType::float64), unit = magnitude(w, axes);  // squares stay in range
  const Tensor norms = (unit * sqrt(sum(square(w / unit), axes, true))).value();
  const Tensor factors = map("constraint", norms, [&](double norm) { return wanted(norm) / (smallest_norm + norm); });
  return (w * factors).value().to(value.dtype());
}

/// The largest singular value of a matrix, to a relative error of about 1e-12, or what 1000 iterations give: the error
/// shrinks by the squared ratio of the second to the first singular value in each one.
double spectral_norm_of(const Tensor& matrix) {
  const Variable w = matrix;
  const Variable transposed = transpose(w);
  Variable v = RandomStream(0).normal({matrix.dim(1), 1}, 0, 1, DType::float64);
  double sigma = 0;
  for (int i = 0; i < 1000; ++i) {
    const double length = sqrt(sum(square(v))).value().item();
    if (length == 0) return sigma;
    const Variable u = matmul(w, v * (1 / length));
    const double before = std::exchange(sigma, sqrt(sum(square(u))).value().item());
    if (!std::isfinite(sigma) || std::abs(sigma - before) <= 1e-13 * sigma) break;
    v = matmul(transposed, u);
  }
  return sigma;
}

struct NormArguments {
  double max_value = 2;
  std::vector<std::int64_t> axes = {0};
  static void fields(auto& arguments, auto field) {
    field("max_value", arguments.max_value);
    field("axes", arguments.axes);
  }
};
struct UnitArguments {
  std::vector<std::int64_t> axes = {0};
  static void fields(auto& arguments, auto field) { field("axes", arguments.axes); }
};
struct MinMaxArguments {
  double min_value = 0, max_value = 1, rate = 1;
  std::vector<std::int64_t> axes = {0};
  static void fields(auto& arguments, auto field) {
    field("min_value", arguments.min_value);
    field("max_value", arguments.max_value);
    field("rate", arguments.rate);
    field("axes", arguments.axes);
  }
};

std::vector<std::int64_t> wide(const std::vector<int>& axes) { return {axes.begin(), axes.end()}; }
std::vector<int> narrow(const std::vector<std::int64_t>& axes) {
  std::vector<int> result;
  for (const std::int64_t axis : axes) result.push_back(static_cast<int>(axis));
  return result;
}

Constraint constraint_named(const std::string& name, const LayerConfig& arguments) {
  if (name == "max_norm") {
    const auto read = options_of<NormArguments>(arguments);
    return max_norm(read.max_value, narrow(read.axes));
  }
  if (name == "unit_norm") return unit_norm(narrow(options_of<UnitArguments>(arguments).axes));
  if (name == "non_neg") {
    static_cast<void>(options_of<OnlyName>(arguments));  // it has none
    return non_neg();
  }
  if (name == "spectral_norm") {
    static_cast<void>(options_of<OnlyName>(arguments));
    return spectral_norm();
  }
  if (name == "min_max_norm") {
    const auto read = options_of<MinMaxArguments>(arguments);
    return min_max_norm({read.min_value, read.max_value, read.rate, narrow(read.axes)});
  }
  const auto unknown = [name](const Tensor&) -> Tensor {
    fail("constraint {}: expected one of xtape's, got one that only the program that saved the layer has", name);
  };
  return {name, unknown, arguments};
}

}  // namespace

Constraint max_norm(double max_value, std::vector<int> axes) {
  check(std::isfinite(max_value) && max_value >= 0, "max_norm: expected a finite max_value of at least 0, got {}",
        max_value);
  const NormArguments arguments{max_value, wide(axes)};
  const auto project = [=](const Tensor& value) {
    return with_norms(value, axes, [=](double norm) { return std::min(norm, max_value); });
  };
  return {"max_norm", project, config_of(arguments)};
}

Constraint unit_norm(std::vector<int> axes) {
  const auto project = [=](const Tensor& value) { return with_norms(value, axes, [](double) { return 1.0; }); };
  return {"unit_norm", project, config_of(UnitArguments{wide(axes)})};
}

Constraint non_neg() {
  return {"non_neg",
          [](const Tensor& value) { return map("non_neg", value, [](auto v) { return v < 0 ? decltype(v){0} : v; }); }};
}

Constraint min_max_norm(const MinMaxNormOptions& options) {
  const auto& [least, most, rate, axes] = options;
  check(least >= 0 && least <= most && std::isfinite(most),
        "min_max_norm: expected 0 <= min_value <= max_value, both finite, got {} and {}", least, most);
  check(rate > 0 && rate <= 1, "min_max_norm: expected a rate in (0, 1], got {}", rate);
  const auto project = [o = options](const Tensor& value) {
    return with_norms(value, o.axes, [&](double norm) {
      return o.rate * std::clamp(norm, o.min_value, o.max_value) + (1 - o.rate) * norm;
    });
  };
  return {"min_max_norm", project, config_of(MinMaxArguments{least, most, rate, wide(axes)})};
}

Constraint spectral_norm() {
  return {
      "spectral_norm", [](const Tensor& value) {
        const std::int64_t columns = value.dim(-1);
        const Variable w = value.to(DType::float64), unit = magnitude(w, {});
        const Tensor near = (w / unit).value();
        const double sigma = spectral_norm_of(near.reshaped({near.size() / columns, columns})) * unit.value().item();
        return sigma > 0 ? Tensor((Variable(w) * (1 / sigma)).value().to(value.dtype())) : value;
      }};
}

void check_constraint(const std::string& what, const Constraint& constraint, const PartialShape& shape) {
  check(constraint.name != "spectral_norm" || shape.rank() >= 1,
        "{}: expected a kernel for spectral_norm, got a parameter of shape {}", what, shape);
  if (constraint.name != "max_norm" && constraint.name != "unit_norm" && constraint.name != "min_max_norm") return;
  const ConfigValue* given = find_field(constraint.arguments, "axes");
  const auto* axes = given ? std::get_if<std::vector<std::int64_t>>(given) : nullptr;
  if (!axes) return;
  std::set<std::int64_t> known;
  for (const std::int64_t axis : *axes) {
    check(axis >= -shape.rank() && axis < shape.rank() && known.insert(axis < 0 ? axis + shape.rank() : axis).second,
          "{}: expected different axes in [{}, {}) for {} of a parameter of shape {}, got ({})", what, -shape.rank(),
          shape.rank(), constraint.name, shape, fmt::join(*axes, ", "));
  }
}

ConfigValue to_config(const Constraint& constraint) {
  if (constraint.name.empty()) return nullptr;
  LayerConfig config{{{"name", constraint.name}}};
  config.fields.insert(config.fields.end(), constraint.arguments.fields.begin(), constraint.arguments.fields.end());
  return config;
}

void from_config(const ConfigValue& given, Constraint& constraint) {
  constraint = {};
  if (std::holds_alternative<std::nullptr_t>(given)) return;
  const auto* config = std::get_if<LayerConfig>(&given);
  check(config, "expected null or a constraint's name and numbers, got {}", config_text(given));
  const auto [name, arguments] = name_and_arguments(*config);
  constraint = constraint_named(name, arguments);
}

}  // namespace xtape
