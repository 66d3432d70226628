#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

using Kind = Number::Kind;

/// a^b; a power with a negative exponent is cut off.
std::optional<std::int64_t> power(std::int64_t a, std::int64_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  std::int64_t result = 1;
  if (a == 0 || a == 1) return b == 0 ? 1 : a;
  if (a == -1) return b % 2 == 0 ? 1 : -1;
  for (; b > 0; --b) {
    if (__builtin_mul_overflow(result, a, &result)) return std::nullopt;
  }
  return result;
}

/// The result of an operator on two integers. Nothing if it overflows or there is no such operator.
std::optional<std::int64_t> combined(const std::string& type, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (type == "Add") return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (type == "Sub") return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (type == "Mul") return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (type == "Div") {
    if (b == 0 || (a == std::numeric_limits<std::int64_t>::min() && b == -1)) return std::nullopt;
    return a / b;
  }
  if (type == "Pow") return power(a, b);
  if (type == "Mod") {  // with the sign of b
    if (b == 0 || b == -1) return b == 0 ? std::nullopt : std::optional<std::int64_t>(0);
    return a % b != 0 && (a % b < 0) != (b < 0) ? a % b + b : a % b;
  }
  if (type == "fmod") {  // with the sign of a
    if (b == 0 || b == -1) return b == 0 ? std::nullopt : std::optional<std::int64_t>(0);
    return a % b;
  }
  if (type == "Max") return std::max(a, b);
  if (type == "Min") return std::min(a, b);
  return std::nullopt;
}

/// The result of an operator on two integers, one of which at least is not known.
Number with_unknown(const std::string& type, const Number& x, const Number& y) {
  if (y.known() && y.value == 1 && (type == "Mul" || type == "Div")) return x;
  if (x.known() && x.value == 1 && type == "Mul") return y;
  const bool of_batch = x.kind == Kind::batch && y.known() && y.value > 0;
  if (of_batch && type == "Div" && x.value % y.value == 0) return {x.value / y.value, Kind::batch};
  const Number& batch = x.known() ? y : x;
  const Number& factor = x.known() ? x : y;
  if (type == "Mul" && batch.kind == Kind::batch && factor.known() && factor.value > 0) {
    const auto product = combined(type, batch.value, factor.value);
    if (product) return {*product, Kind::batch};
  }
  return {-1, Kind::unknown};
}

/// Computes integers of shapes, one or as many on each side.
std::vector<Number> combined(const std::string& type, const std::vector<Number>& a, const std::vector<Number>& b) {
  check(a.size() == b.size() || a.size() == 1 || b.size() == 1, "expected lists of one length, got {} and {}", a.size(),
        b.size());
  std::vector<Number> result;
  for (std::size_t i = 0; i < (a.empty() || b.empty() ? 0 : std::max(a.size(), b.size())); ++i) {
    const Number& x = a[a.size() == 1 ? 0 : i];
    const Number& y = b[b.size() == 1 ? 0 : i];
    if (!x.known() || !y.known()) {
      result.push_back(with_unknown(type, x, y));
      continue;
    }
    const auto value = combined(type, x.value, y.value);
    check(value.has_value(), "expected integers without overflow, got {} and {}", x.value, y.value);
    result.push_back({*value});
  }
  return result;
}

/// The elements of x, repeated to fill the shape. Integers are exact below 2^53.
template <class T = double>
std::vector<T> spread(const Tensor& x, const Shape& shape) {
  return broadcast_to(Variable(x.to(DType::float64)), shape).value().to_vector<T>();
}

/// Powers of integers with floating exponents, cut off to integers.
Tensor cut_powers(const Tensor& a, const Tensor& b, const Shape& shape) {
  const std::vector<double> x = spread(a, shape), y = spread(b, shape);
  std::vector<std::int64_t> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double power = std::pow(x[i], y[i]);
    check(std::abs(power) < 9e18, "expected powers in the range of integers, got {} to the power of {}", x[i], y[i]);
    result[i] = static_cast<std::int64_t>(power);
  }
  return Tensor::of(shape, result);
}

/// The remainder of each quotient, with the sign of a.
Tensor remainder(const Tensor& a, const Tensor& b, const Shape& shape) {
  const std::vector<double> x = spread(a, shape), y = spread(b, shape);
  std::vector<double> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) result[i] = std::fmod(x[i], y[i]);
  return Tensor::of(shape, result).to(a.dtype());
}

Tensor combined_constants(const std::string& type, const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype() || type == "Pow", "expected operands of one type, got {} and {}", a.dtype(), b.dtype());
  const Shape shape = broadcast_shapes(type, a.shape(), b.shape());
  check(shape.size() <= std::max(a.size(), b.size()) * 64 + 4096, "expected a small constant, got the shape {}", shape);
  if (a.dtype() == DType::int64 && is_floating(b.dtype())) return cut_powers(a, b, shape);
  if (a.dtype() == DType::int64) {
    const auto x = spread<std::int64_t>(a, shape), y = spread<std::int64_t>(b, shape);
    std::vector<std::int64_t> result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto value = combined(type, x[i], y[i]);
      check(value.has_value(), "expected integers without overflow, got {} and {}", x[i], y[i]);
      result[i] = *value;
    }
    return Tensor::of(shape, result);
  }
  const Variable x = a, y = b.to(a.dtype());
  if (type == "Add" || type == "Sum") return add(x, y).value();
  if (type == "Sub") return subtract(x, y).value();
  if (type == "Mul") return multiply(x, y).value();
  if (type == "Div") return divide(x, y).value();
  if (type == "Max") return maximum(x, y).value();
  if (type == "Min") return minimum(x, y).value();
  if (type == "fmod") return remainder(a, b, shape);
  check(type == "Pow", "expected integers, got {}", a.dtype());
  return pow(x, y).value();
}

/// A tensor and a constant.
ImportValue with_constant(ImportNode& n, const std::string& type, const ImportValue& x, const ImportValue& other,
                          bool constant_first) {
  const Tensor& constant = *other.constant;
  const int rank = x.tensor->shape().rank();
  check(is_floating(constant.dtype()) || type == "Pow", "expected operands of one type, got {}", constant.dtype());
  ImportValue y{.channels_last = x.channels_last, .flat_of = x.flat_of, .batch = x.batch};
  if (constant.size() == 1 && constant.rank() <= rank + n.graph.lead()) {
    const double value = constant.item();
    const auto rescaled = [&](double scale, double offset) {
      y.tensor = n.layer<RescalingLayer>({.scale = scale, .offset = offset}, {*x.tensor});
      return y;
    };
    if (type == "Add") return rescaled(1, value);
    if (type == "Sub") return constant_first ? rescaled(-1, value) : rescaled(1, -value);
    if (type == "Mul") return rescaled(value, 0);
    y.tensor = n.operation({.function = type, .value = value, .value_first = constant_first}, {*x.tensor});
    return y;
  }
  const int behind = rank - (x.batch.merged() ? 1 : 0) - x.batch.at;  // axes behind the batch in the file
  const int at = n.graph.lead() == 1 ? constant.rank() - behind - 1 : -1;
  check(n.graph.lead() == 0 || (at <= x.batch.at && (at < 0 || constant.dim(at) == 1)),
        "expected a constant for the axes of samples, got the shape {} for samples with {} axes", constant.shape(),
        rank);
  Tensor aligned = (at >= 0 ? constant.reshaped(constant.shape().without(at)) : constant).to(DType::float32);
  SymbolicTensor tensor = *x.tensor;
  if (x.flat_of) {
    tensor = n.plain(x);
    y.flat_of.reset();
  }
  if (x.channels_last) aligned = channels_last_constant(aligned, rank);
  std::vector<std::int64_t> shape;
  for (int i = 0; i < aligned.rank(); ++i) shape.push_back(aligned.dim(i));
  y.tensor = n.operation(
      {.function = type, .value_first = constant_first, .constant_shape = shape, .trainable = other.parameter},
      {tensor}, {{"constant", aligned}});
  return y;
}

ImportValue of_tensors(ImportNode& n, const std::string& type, const ImportValue& a, const ImportValue& b) {
  const int rank = a.tensor->shape().rank(), other = b.tensor->shape().rank();
  check(rank == other || n.graph.lead() == 0,
        "expected inputs with the same number of axes, got {} and {} besides the batch", rank, other);
  const bool last = (a.channels_last || b.channels_last) && rank == other;
  const bool flat = a.flat_of && a.flat_of == b.flat_of;
  const SymbolicTensor x = last ? n.images(a) : flat ? *a.tensor : n.plain(a);
  const SymbolicTensor y = last ? n.images(b) : flat ? *b.tensor : n.plain(b);
  ImportValue result{.channels_last = last, .batch = n.common_batch()};
  if (flat) result.flat_of = a.flat_of;
  if (x.shape() == y.shape()) {
    if (type == "Add") result.tensor = n.layer<AddLayer>({}, {x, y});
    if (type == "Sub") result.tensor = n.layer<SubtractLayer>({}, {x, y});
    if (type == "Mul") result.tensor = n.layer<MultiplyLayer>({}, {x, y});
    if (type == "Max") result.tensor = n.layer<MaximumLayer>({}, {x, y});
    if (type == "Min") result.tensor = n.layer<MinimumLayer>({}, {x, y});
  }
  if (!result.tensor) result.tensor = n.operation({.function = type}, {x, y});
  return result;
}

/// Positions of samples, plus constants or multiplied by a number.
ImportValue with_positions(const std::string& type, const SamplePositions& positions,
                           const std::optional<Tensor>& other) {
  check(other && other->dtype() == DType::int64 && (type == "Add" || (type == "Mul" && other->size() == 1)),
        "expected positions of samples plus constants or multiplied by a number, got another operation or operand");
  const int rank = positions.of_first.rank();
  check(other->rank() < rank || (other->rank() == rank && other->dim(0) == 1),
        "expected constants that are equal for all samples, got the shape {}", other->shape());
  constexpr std::int64_t most = std::int64_t{1} << 40;  // so that the arithmetic of constants is exact
  const auto numbers = other->to_vector<std::int64_t>();
  check(std::ranges::all_of(numbers, [](std::int64_t number) { return number >= 0 && number <= most; }),
        "expected numbers from 0 to 2^40 for positions of samples, got others");
  SamplePositions result{combined_constants(type, positions.of_first, *other), positions.step};
  if (type == "Mul") {
    check(numbers[0] == 0 || positions.step <= most / numbers[0],
          "expected samples of at most 2^40 elements, got {} x {}", positions.step, numbers[0]);
    result.step *= numbers[0];
  }
  return {.positions = std::move(result)};
}

/// Integers of a shape as a constant, if all are known.
std::optional<Tensor> constant_of(const ImportValue& value, const std::optional<std::vector<Number>>& numbers) {
  if (value.constant || !numbers || !std::ranges::all_of(*numbers, &Number::known)) return value.constant;
  std::vector<std::int64_t> known;
  for (const Number& number : *numbers) known.push_back(number.value);
  return Tensor::labels(known);
}

ImportValue combined(ImportNode& n, const std::string& type, const ImportValue& a, const ImportValue& b,
                     const std::optional<std::vector<Number>>& a_numbers,
                     const std::optional<std::vector<Number>>& b_numbers) {
  if (a.positions) return with_positions(type, *a.positions, constant_of(b, b_numbers));
  if (b.positions) return with_positions(type, *b.positions, constant_of(a, a_numbers));
  if (a.tensor && b.tensor) return of_tensors(n, type, a, b);
  if (a.tensor && b.constant) return with_constant(n, type, a, b, false);
  if (b.tensor && a.constant) return with_constant(n, type, b, a, true);
  if (a.constant && b.constant) return {.constant = combined_constants(type, *a.constant, *b.constant)};
  check(a_numbers && b_numbers, "expected operands that are both tensors or both shapes, got one of each");
  return {.numbers = combined(type, *a_numbers, *b_numbers)};
}

/// Sum, Mean, Max and Min of any number of inputs.
void variadic(ImportNode& n) {
  const std::string type = n.node.op_type();
  const std::string step = type == "Sum" || type == "Mean" ? "Add" : type;
  n.allow_moved_batch(n.node.input_size());
  ImportValue y = n.input(0);
  for (int i = 1; i < n.node.input_size(); ++i) y = combined(n, step, y, n.input(i), std::nullopt, std::nullopt);
  check(!y.positions, "expected floating numbers, got positions of samples");
  if (type == "Mean" && n.node.input_size() > 1) {
    const double scale = 1.0 / n.node.input_size();
    if (y.constant) y.constant = combined_constants("Mul", *y.constant, Tensor::scalar(scale));
    if (y.tensor) y.tensor = n.layer<RescalingLayer>({.scale = scale}, {*y.tensor});
  }
  n.graph.set(n.node.output(0), y);
}

/// The second operand of opsets below 7, a constant whose first axis is the given one of the first operand.
ImportValue aligned(ImportNode& n, ImportValue operand, std::int64_t axis) {
  check(operand.constant.has_value() && n.is_tensor(0), "axis: expected a tensor and a constant, got other operands");
  const int rank = n.rank(0);
  axis = axis < 0 ? axis + rank : axis;
  Shape shape = operand.constant->shape();
  check(axis >= 0 && axis <= rank - shape.rank(), "axis: expected an axis of the first operand, got {}", axis);
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents.resize(static_cast<std::size_t>(rank - axis), 1);
  operand.constant = operand.constant->reshaped(Shape(extents));
  return operand;
}

/// The remainder of a division of constants or extents.
void mod_row(ImportNode& n) {
  check(!n.is_tensor(0) && !n.is_tensor(1), "expected constants, got values that depend on the inputs of the model");
  const std::string type = n.integer("fmod", 0) != 0 ? "fmod" : "Mod";
  n.graph.set(n.node.output(0), combined(n, type, n.input(0), n.input(1), n.numbers(0), n.numbers(1)));
}

}  // namespace

void combine_operands(ImportNode& n) {
  n.allow_moved_batch(2);
  ImportValue right = n.input(1);
  if (n.graph.opset() < 7 && n.has("axis")) right = aligned(n, right, n.integer("axis", 0));
  n.ignore("broadcast");  // of opsets below 7: shapes are broadcast in any case
  n.graph.set(n.node.output(0),
              combined(n, n.node.op_type(), n.input(0), right, n.is_tensor(0) ? std::nullopt : n.numbers(0),
                       n.is_tensor(1) ? std::nullopt : n.numbers(1)));
}

void add_arithmetic_rows(ImportRows& rows) {
  for (const char* type : {"Add", "Sub", "Mul", "Div", "Pow"}) rows[type] = combine_operands;
  rows["Mod"] = mod_row;
  for (const char* type : {"Sum", "Mean", "Max", "Min"}) rows[type] = variadic;
}

}  // namespace xtape::onnx
