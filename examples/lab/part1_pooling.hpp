// Part 1 of the report, second half: pooling step by step, and the two derivatives that the report has wrong.
#pragma once

#include "examples/lab/figures.hpp"
#include "gradcheck/gradient_check.hpp"

namespace xtape::lab {

/// pool_forward, create_mask_from_window, distribute_value and pool_backward on the report's random numbers.
std::vector<Figure> pooling_figures();

/// One of the two wrong derivatives of the report, with all comparisons. The numbers are dA_prev[1,1], 3 x 2.
struct PoolingMistake {
  std::string mode;                  ///< "max" or "average"
  std::string explanation;           ///< what the program of the report computes instead
  std::vector<double> report;        ///< the numbers in the report
  std::vector<double> formula{};     ///< computed by the wrong formula
  std::vector<double> truth;         ///< by the definition, rounded as in the report
  std::vector<double> ours{};        ///< computed by the op of xtape
  std::vector<double> numeric{};     ///< central differences
  GradientReport formula_checked{};  ///< result of xtape's checker for an op with the wrong formula as its derivative
  GradientReport ours_checked{};     ///< result of xtape's checker for the op of xtape

  /// The rows of the table of figures.
  std::vector<Figure> figures() const;
  /// Whether the checker rejects the wrong derivative and accepts that of xtape.
  bool told_apart() const { return !formula_checked.passed() && ours_checked.passed(); }
};
std::vector<PoolingMistake> pooling_mistakes();

/// The numbers in columns, the explanation of the mistake, and both results of the checker.
std::string to_string(const PoolingMistake& mistake);

}  // namespace xtape::lab
