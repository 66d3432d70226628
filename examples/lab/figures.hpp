// Figure: a quantity that the lab report prints, beside what xtape computes for it.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::lab {

/// How the report prints a number, and so how closely it can be compared with ours: integers and truth values exactly,
/// decimals to one unit of the last digit, 16 digits to a relative 1e-12.
enum class Printed { integer, decimals4, decimals8, digits16 };

/// What is known about the report's number: that it is right; that it is wrong, so that ours must differ; or that it
/// depends on random numbers the report does not fix, so that ours can only be of its kind.
enum class Claim { right, wrong, random };

/// What a number that depends on chance measures, and so what it can be at all and what counts as comparable: an
/// accuracy, in [0, 1], within 0.15 of the report's; a loss, at least 0, up to twice or half of it; a time on this
/// machine, above 0, up to three times or a third of it.
enum class Measure { accuracy, loss, time };

/// One quantity of one step; arrays in row-major order.
struct Figure {
  std::string step, quantity;
  std::vector<double> report, ours;
  Printed printed = Printed::decimals8;
  Claim claim = Claim::right;
  std::vector<Measure> measures{};  ///< of each of our numbers, where they depend on chance
};

/// Whether all numbers agree as closely as the report's are printed.
bool agrees(const Figure& figure);
/// Whether each of our numbers can be what it measures, and as near to the report's as Measure says.
bool possible(const Figure& figure);
bool comparable(const Figure& figure);
/// Whether the figure came out as the claim about the report's number demands; one that depends on chance needs only be
/// possible.
bool as_expected(const Figure& figure);
/// "same", "same to 1e-8", "the report is wrong", "random, comparable", "random, not comparable", "not in the report"
/// (it gives no number), or "DIFFERENT".
std::string verdict(const Figure& figure);

/// A row for each figure: step, quantity, the report's numbers, xtape's, verdict.
std::string table(const std::vector<Figure>& figures);
/// The numbers in the report's format, separated by spaces.
std::string text_of(const std::vector<double>& values, Printed printed);
/// The text broken between words into lines of at most `width` characters, each after `indent` spaces.
std::string wrapped(const std::string& text, std::size_t width = 120, std::size_t indent = 0);

/// NumPy's x[index] as one list: the elements below the leading indices, in row-major order.
std::vector<double> elements(const Tensor& x, std::initializer_list<std::int64_t> index = {});
/// A shape as a figure's numbers.
std::vector<double> extents(const Shape& shape);
/// Puts figures behind those there are.
void append(std::vector<Figure>& figures, const std::vector<Figure>& more);

}  // namespace xtape::lab
