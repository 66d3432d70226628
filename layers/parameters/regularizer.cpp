#include "layers/parameters/regularizer.hpp"

#include <cmath>
#include <optional>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/unit_vectors.hpp"

namespace xtape {
namespace {

void check_factor(std::string_view function, double factor) {
  check(std::isfinite(factor) && factor >= 0, "{}: expected a finite factor of at least 0, got {}", function, factor);
}

/// The mean of |cosine| over all pairs of different rows. A row of zeros has the cosine 0 with every other, as in
/// Keras.
Variable mean_cosine(const Variable& rows) {
  constexpr double smallest = 1e-12;  // norms below it count as it
  const std::int64_t n = rows.dim(0);
  const Variable unit = unit_vectors(rows, {1}, smallest);
  Tensor others = Tensor::ones({n, n}, rows.dtype());
  with_floating("orthogonal_regularizer", rows.dtype(), [&](auto zero) {
    auto* const values = others.mutable_data<decltype(zero)>();
    for (std::int64_t i = 0; i < n; ++i) values[i * n + i] = 0;
  });
  const double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  return sum(abs(matmul(unit, transpose(unit)) * others)) * (n > 1 ? 0.5 / pairs : 0);
}

}  // namespace

Regularizer l1(double factor) {
  check_factor("l1", factor);
  return {.l1 = factor};
}
Regularizer l2(double factor) {
  check_factor("l2", factor);
  return {.l2 = factor};
}
Regularizer l1_l2(double l1, double l2) {
  check_factor("l1_l2", l1);
  check_factor("l1_l2", l2);
  return {.l1 = l1, .l2 = l2};
}
Regularizer orthogonal_regularizer(double factor, Vectors vectors) {
  check_factor("orthogonal_regularizer", factor);
  return {.orthogonal = factor, .vectors = vectors};
}

Variable penalty(const Regularizer& regularizer, const Variable& w) {
  std::optional<Variable> total;
  const auto add = [&](const Variable& more) { total = total ? *total + more : more; };
  if (regularizer.l1 != 0) add(sum(abs(w)) * regularizer.l1);
  if (regularizer.l2 != 0) add(sum(w * (regularizer.l2 * w)));  // w * w may overflow
  if (regularizer.orthogonal != 0) {
    add(mean_cosine(regularizer.vectors == Vectors::rows ? w : transpose(w)) * regularizer.orthogonal);
  }
  return total.value_or(Tensor::zeros({}, w.dtype()));
}

void check_regularizer(std::string_view what, const Regularizer& regularizer, const PartialShape& shape) {
  for (const double factor : {regularizer.l1, regularizer.l2, regularizer.orthogonal}) {
    check(std::isfinite(factor) && factor >= 0, "{}: expected a finite regularizer of at least 0, got {}", what,
          factor);
  }
  check(regularizer.orthogonal == 0 || shape.rank() == 2,
        "{}: expected a matrix for the orthogonal regularizer, got a parameter of shape {}", what, shape);
}

ConfigValue to_config(const Regularizer& regularizer) {
  if (!regularizer.any()) return nullptr;
  LayerConfig config;
  if (regularizer.l1 != 0) config.fields.push_back({"l1", regularizer.l1});
  if (regularizer.l2 != 0) config.fields.push_back({"l2", regularizer.l2});
  if (regularizer.orthogonal != 0) {
    config.fields.push_back({"orthogonal", regularizer.orthogonal});
    config.fields.push_back({"vectors", regularizer.vectors == Vectors::rows ? "rows" : "columns"});
  }
  return config;
}

void from_config(const ConfigValue& given, Regularizer& regularizer) {
  regularizer = {};
  if (std::holds_alternative<std::nullptr_t>(given)) return;
  const auto* config = std::get_if<LayerConfig>(&given);
  check(config && !config->fields.empty(), "expected null or factors \"l1\", \"l2\" or \"orthogonal\", got {}",
        config_text(given));
  std::string vectors = "rows";
  ConfigReader reader(*config);
  reader.read("l1", regularizer.l1);
  reader.read("l2", regularizer.l2);
  reader.read("orthogonal", regularizer.orthogonal);
  reader.read("vectors", vectors);
  reader.finish();
  for (const double factor : {regularizer.l1, regularizer.l2, regularizer.orthogonal})
    check_factor("regularizer", factor);
  check(vectors == "rows" || vectors == "columns", "vectors: expected \"rows\" or \"columns\", got \"{:.60}\"",
        vectors);
  regularizer.vectors = vectors == "rows" ? Vectors::rows : Vectors::columns;
}

}  // namespace xtape
