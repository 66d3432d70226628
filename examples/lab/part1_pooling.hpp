// Part 1 of the report, second half: pooling step by step, and the two derivatives that the report has wrong.
#pragma once

#include "examples/lab/figures.hpp"
#include "gradcheck/gradient_check.hpp"

namespace xtape::lab {

/// pool_forward, create_mask_from_window, distribute_value and pool_backward on the report's random numbers.
std::vector<Figure> pooling_figures();

/// One of the two wrong derivatives, seen from all sides. The numbers are dA_prev[1,1], 3 x 2.
struct PoolingMistake {
  std::string mode;                  ///< "max" or "average"
  std::string explanation;           ///< what the report's program does instead
  std::vector<double> report;        ///< as printed there
  std::vector<double> formula{};     ///< what its wrong formula gives
  std::vector<double> truth;         ///< from the definition, to the digits the report would print
  std::vector<double> ours{};        ///< xtape's op
  std::vector<double> numeric{};     ///< central differences
  GradientReport formula_checked{};  ///< xtape's checker on an op with the wrong formula as its derivative
  GradientReport ours_checked{};     ///< and on xtape's op

  /// Its rows for the table of figures.
  std::vector<Figure> figures() const;
  /// The checker rejects the wrong derivative and accepts ours.
  bool told_apart() const { return !formula_checked.passed() && ours_checked.passed(); }
};
std::vector<PoolingMistake> pooling_mistakes();

/// The numbers side by side, what went wrong, and the checker's word on both.
std::string to_string(const PoolingMistake& mistake);

}  // namespace xtape::lab
