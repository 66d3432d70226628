// Figure: a quantity that the lab report prints, and the value that xtape computes for it.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::lab {

/// The format of a number in the report, which determines the accuracy of the comparison: integers and truth values
/// must be equal, decimals may differ by one unit of the last digit, and 16 digits by a relative 1e-12.
enum class Printed { integer, decimals4, decimals8, digits16 };

/// What is known about the number in the report: it is right; it is wrong, so xtape's must differ; or it depends on
/// random numbers that the report does not fix, so xtape's can only be similar.
enum class Claim { right, wrong, random };

/// The kind of a quantity that depends on chance, which determines the possible values and the accepted differences: an
/// accuracy, in [0, 1], within 0.15 of the report's; a loss, at least 0, within a factor of 2; a time on this machine,
/// above 0, within a factor of 3.
enum class Measure { accuracy, loss, time };

/// One quantity of one step. Arrays are in row-major order.
struct Figure {
  std::string step, quantity;
  std::vector<double> report, ours;
  Printed printed = Printed::decimals8;
  Claim claim = Claim::right;
  std::vector<Measure> measures{};  ///< the kind of each of xtape's numbers that depends on chance
};

/// Whether all numbers agree to the accuracy of the report.
bool agrees(const Figure& figure);
/// Whether each of xtape's numbers is possible for its Measure and within the accepted difference from the report's.
bool possible(const Figure& figure);
bool comparable(const Figure& figure);
/// Whether the figure is as the Claim about the report's number requires. A figure that depends on chance must only be
/// possible.
bool as_expected(const Figure& figure);
/// "same", "same to 1e-8", "the report is wrong", "random, comparable", "random, not comparable", "not in the report"
/// (it gives no number), or "DIFFERENT".
std::string verdict(const Figure& figure);

/// A table with a row for each figure: step, quantity, the report's numbers, xtape's numbers, verdict.
std::string table(const std::vector<Figure>& figures);
/// The numbers in the report's format, separated by spaces.
std::string text_of(const std::vector<double>& values, Printed printed);
/// The text broken between words into lines of at most `width` characters, each after `indent` spaces.
std::string wrapped(const std::string& text, std::size_t width = 120, std::size_t indent = 0);

/// NumPy's x[index] as a list: the elements below the leading indices, in row-major order.
std::vector<double> elements(const Tensor& x, std::initializer_list<std::int64_t> index = {});
/// A shape as the numbers of a figure.
std::vector<double> extents(const Shape& shape);
/// Appends figures.
void append(std::vector<Figure>& figures, const std::vector<Figure>& more);

}  // namespace xtape::lab
