// Einsum: products and sums over axes that letters name.
#include <algorithm>

#include "framework/io/utf8.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

/// An operand with a letter for each axis of a sample. A constant is a tensor without samples.
struct Operand {
  std::string letters;
  std::optional<SymbolicTensor> tensor;
  Tensor constant;
};

/// The letters of the operands and of the output: "bij,bjk->bik".
std::vector<std::string> letters_of(std::string equation, std::size_t operands) {
  std::erase(equation, ' ');
  const std::size_t arrow = equation.find("->");
  std::vector<std::string> parts{""};
  for (const char c : equation.substr(0, arrow)) {
    check(c == ',' || std::isalpha(static_cast<unsigned char>(c)), "equation: expected letters, got \"{:.60}\"",
          equation);
    if (c == ',') {
      parts.emplace_back();
    } else {
      check(parts.back().find(c) == std::string::npos,
            "equation: expected each letter once in an operand, got \"{:.60}\"", equation);
      parts.back() += c;
    }
  }
  check(parts.size() == operands, "equation: expected {} operands, got \"{:.60}\"", operands, equation);
  const std::string all = fmt::format("{}", fmt::join(parts, ""));
  std::string output;
  if (arrow != std::string::npos) {
    output = equation.substr(arrow + 2);
  } else {  // the letters that occur once, in alphabetical order
    for (const char c : all) {
      if (std::ranges::count(all, c) == 1) output += c;
    }
    std::ranges::sort(output);
  }
  for (const char c : output) {
    check(all.find(c) != std::string::npos && std::ranges::count(output, c) == 1,
          "equation: expected letters of operands in the output, each once, got \"{:.60}\"", equation);
  }
  parts.push_back(output);
  return parts;
}

Extent extent_of(const Operand& x, char letter) {
  const auto axis = static_cast<int>(x.letters.find(letter));
  return x.tensor ? x.tensor->shape()[axis] : Extent(x.constant.dim(axis));
}

std::vector<Extent> extents_of(const Operand& x, const std::string& letters) {
  std::vector<Extent> extents;
  for (const char letter : letters) extents.push_back(extent_of(x, letter));
  return extents;
}

/// The operand with its axes in the order of the letters.
Operand ordered(ImportNode& n, const Operand& x, const std::string& letters) {
  if (x.letters == letters) return x;
  if (!x.tensor) {
    std::vector<int> axes;
    for (const char letter : letters) axes.push_back(static_cast<int>(x.letters.find(letter)));
    return {letters, std::nullopt, transpose(Variable(x.constant), axes).value()};
  }
  Integers dims;
  for (const char letter : letters) dims.push_back(static_cast<std::int64_t>(x.letters.find(letter)) + 1);
  return {letters, n.layer<PermuteLayer>({.dims = dims}, {*x.tensor}), {}};
}

/// The operand as a stack of matrices.
Operand matrices(ImportNode& n, const Operand& x, const std::string& stack, const std::string& rows,
                 const std::string& columns) {
  Operand y = ordered(n, x, stack + rows + columns);
  if (rows.size() == 1 && columns.size() == 1) return y;
  std::vector<Extent> extents = extents_of(y, stack);
  extents.push_back(PartialShape(extents_of(y, rows)).size());
  extents.push_back(PartialShape(extents_of(y, columns)).size());
  if (y.tensor) {
    y.tensor = n.reshaped(*y.tensor, extents);
  } else {
    y.constant = y.constant.reshaped(Shape(PartialShape(extents)));
  }
  return y;
}

/// The product of two operands, with the letters of the stack, the first and the second one.
Operand product(ImportNode& n, const Operand& a, const Operand& b, const std::string& output) {
  const auto has = [](const std::string& letters, char letter) { return letters.find(letter) != std::string::npos; };
  std::string stack, summed, of_a, of_b;
  for (const char letter : a.letters) {
    const bool both = has(b.letters, letter), stays = has(output, letter);
    check(both || stays, "equation: expected letters of both operands or of the output, got {} in one operand", letter);
    (both ? (stays ? stack : summed) : of_a) += letter;
  }
  for (const char letter : b.letters) {
    if (has(a.letters, letter)) continue;
    check(has(output, letter), "equation: expected letters of both operands or of the output, got {} in one operand",
          letter);
    of_b += letter;
  }
  const Operand x = matrices(n, a, stack, of_a, summed), y = matrices(n, b, stack, summed, of_b);
  SymbolicTensor z = [&] {
    if (x.tensor && y.tensor) return n.operation({.function = std::string("MatMul")}, {*x.tensor, *y.tensor});
    const Tensor& constant = x.tensor ? y.constant : x.constant;
    return n.operation({.function = std::string("MatMul"),
                        .value_first = !x.tensor,
                        .constant_shape = Integers(constant.shape().begin(), constant.shape().end())},
                       {x.tensor ? *x.tensor : *y.tensor}, {{"constant", constant}});
  }();
  std::vector<Extent> extents = extents_of(a, stack + of_a);
  for (const Extent extent : extents_of(b, of_b)) extents.push_back(extent);
  if (of_a.size() != 1 || of_b.size() != 1) z = n.reshaped(z, extents);
  return {stack + of_a + of_b, z, {}};
}

/// The letters that are not in the output are summed.
Operand sum(ImportNode& n, const Operand& x, const std::string& output) {
  Integers axes;
  std::string left;
  for (std::size_t i = 0; i < x.letters.size(); ++i) {
    if (output.find(x.letters[i]) == std::string::npos) {
      axes.push_back(static_cast<std::int64_t>(i) + 1);
    } else {
      left += x.letters[i];
    }
  }
  if (axes.empty()) return x;
  return {left, n.operation({.function = std::string("ReduceSum"), .axes = axes}, {*x.tensor}), {}};
}

void einsum(ImportNode& n) {
  const int count = n.node.input_size();
  check(count == 1 || count == 2, "expected one or two operands, got {}", count);
  std::vector<std::string> letters = letters_of(n.text("equation", ""), static_cast<std::size_t>(count));
  std::string& output = letters.back();
  char batch = 0;
  std::vector<Operand> operands;
  for (int i = 0; i < count; ++i) {
    std::string& of = letters[static_cast<std::size_t>(i)];
    const bool lead = n.graph.lead() == 1 && n.is_tensor(i);
    const int rank = n.is_tensor(i) ? n.rank(i) : n.constant(i).rank();
    check(std::ssize(of) == rank, "equation: expected {} letters for operand {}, got {}", rank, i + 1, visible(of));
    if (lead) {
      check(batch == 0 || batch == of[0], "equation: expected one letter for the batch, got {} and {}", batch, of[0]);
      batch = of[0];
      of.erase(0, 1);
    }
    operands.push_back({of, std::nullopt, {}});
    if (n.is_tensor(i)) {
      operands.back().tensor = n.plain(i);
    } else {
      operands.back().constant = n.constant(i);
      check(is_floating(operands.back().constant.dtype()), "expected floating operands, got integers");
    }
  }
  int at = 0;
  if (batch != 0) {
    for (const Operand& x : operands) {
      check(x.letters.find(batch) == std::string::npos, "equation: expected the letter {} for the batch alone", batch);
    }
    check(output.find(batch) != std::string::npos,
          "equation: expected the batch in the output; the model computes each sample separately");
    at = static_cast<int>(output.find(batch));
    output.erase(output.find(batch), 1);
  }
  const Operand y = count == 1 ? sum(n, operands[0], output) : product(n, operands[0], operands[1], output);
  n.set(*ordered(n, y, output).tensor, false, 0, {at});
}

}  // namespace

void add_einsum_rows(ImportRows& rows) { rows["Einsum"] = einsum; }

}  // namespace xtape::onnx
