// Operators of constants and shapes. Comparisons and Where also accept tensors, and the branches of If may compute
// them.
#include <algorithm>
#include <cmath>

#include "framework/amount.hpp"
#include "framework/io/utf8.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/comparison.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "models/files/onnx/import_tensor.hpp"

namespace xtape::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Kind = Number::Kind;

void constant_row(ImportNode& n) {
  if (auto tensor = n.tensor_attribute("value")) {
    return n.graph.set(n.node.output(0), {.constant = *tensor, .parameter = tensor->size() > 1});
  }
  if (n.has("value_float")) return n.set_constant(Tensor::scalar(n.number("value_float", 0)));
  if (n.has("value_int")) return n.set_constant(Tensor::of(Shape{}, Integers{n.integer("value_int", 0)}));
  if (const auto numbers = n.reals("value_floats")) {
    const std::vector<float> values(numbers->begin(), numbers->end());
    return n.set_constant(Tensor::of({std::ssize(values)}, values));
  }
  const auto integers = n.integers("value_ints");
  check(integers.has_value(), "expected a constant of numbers, got other data");
  n.set_constant(Tensor::labels(*integers));
}

/// The size of a constant, at most 2^24 elements.
Shape small_shape(const Integers& extents) {
  std::int64_t size = 1;
  for (const std::int64_t extent : extents) {
    check(extent >= 0 && extent <= (1 << 24) && size * extent <= (1 << 24) && extents.size() <= Shape::max_rank,
          "expected a shape of at most 2^24 elements, got ({})", fmt::join(extents, ", "));
    size *= std::max<std::int64_t>(extent, 1);
  }
  return Shape(extents);
}

void constant_of_shape(ImportNode& n) {
  const Tensor value = n.tensor_attribute("value").value_or(Tensor::scalar(0));
  check(value.size() == 1, "value: expected one number, got {}", value.size());
  if (const auto shape = n.numbers(0)) {
    const auto batch = std::ranges::find(*shape, Kind::batch, &Number::kind);
    if (batch != shape->end() && batch->value == 1) {
      Integers extents;
      for (const Number& number : *shape) {
        check(number.known() || &number == &*batch, "expected known extents besides the batch, got an unknown one");
        if (&number != &*batch) extents.push_back(number.value);
      }
      const Tensor constant = Tensor::full(small_shape(extents), value.item(), value.dtype());
      return n.set(n.for_each_sample(constant, false), false, 0, {static_cast<int>(batch - shape->begin())});
    }
  }
  n.set_constant(Tensor::full(small_shape(n.constant_integers(0)), value.item(), value.dtype()));
}

void shape_row(ImportNode& n) {
  n.allow_moved_batch();
  const std::int64_t first = n.integer("start", 0);
  const bool has_end = n.has("end");
  const std::int64_t last = n.integer("end", 0);
  const bool constant = n.input(0).constant.has_value();
  std::vector<Number> numbers;
  if (n.is_tensor(0)) {
    std::int64_t axis = 0;
    for (const Extent extent : n.extents(0)) {
      numbers.push_back(extent.known() ? Number{extent.value()} : Number{axis, Kind::unknown, n.node.input(0)});
      ++axis;
    }
    if (n.graph.lead() == 1) {
      const Extent rows = n.batch().merged() ? n.tensor(0).shape()[0] : Extent(1);
      const Number samples = rows.known() ? Number{rows.value(), Kind::batch} : Number{-1, Kind::unknown};
      numbers.insert(numbers.begin() + n.batch().at, samples);
    }
  } else if (n.input(0).numbers) {
    numbers.push_back({std::ssize(*n.input(0).numbers)});
  } else {
    const Tensor given = n.constant(0);
    for (const std::int64_t extent : given.shape()) numbers.push_back({extent});
  }
  const std::int64_t rank = std::ssize(numbers);
  const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t begin = clamped(first), end = has_end ? std::max(clamped(last), begin) : rank;
  numbers = {numbers.begin() + begin, numbers.begin() + std::max(begin, end)};
  if (!constant) return n.set_numbers(numbers);
  Integers extents;
  for (const Number& number : numbers) extents.push_back(number.value);
  n.set_constant(Tensor::labels(extents));
}

void size_row(ImportNode& n) {
  check(!n.is_tensor(0), "expected a constant, got a value that depends on the inputs of the model");
  n.set_constant(Tensor::of(Shape{}, Integers{n.constant(0).size()}));
}

/// The numbers, cut off to integers.
Tensor integers_of(const Tensor& tensor) {
  Integers integers;
  for (const double number : tensor.to_vector<double>()) {
    check(std::abs(number) < 9e18, "expected numbers in the range of integers, got {}", number);
    integers.push_back(static_cast<std::int64_t>(number));
  }
  return Tensor::of(tensor.shape(), integers);
}

/// Whether the elements of a tensor are 1 and 0, as results of comparisons.
bool is_truth(const SymbolicTensor& x) {
  const auto* layer = dynamic_cast<const OperatorLayer*>(x.call().layer.get());
  return layer != nullptr &&
         (layer->options().function.value == "Greater" || layer->options().function.value == "Less");
}

void cast_row(ImportNode& n) {
  n.ignore("saturate");
  n.allow_moved_batch();
  const auto type = static_cast<int>(n.integer("to", 0));
  const DType to = dtype_of_elements(type);
  const ImportValue& x = n.input(0);
  const bool to_truth = type == xtape_onnx::TensorProto::BOOL;
  if (x.tensor) {
    const DType from = x.tensor->dtype();
    check(!to_truth || is_truth(*x.tensor), "expected a comparison or a constant for truth values, got {} elements",
          from);
    check(to_truth || (to == DType::float32 && is_floating(from)) || (to == DType::int64 && from == to),
          "expected a cast between floating types or between integers, got {} to {}", from, to);
    return n.copy_input();
  }
  if (x.numbers && to == DType::int64 && !to_truth) return n.copy_input();
  const Tensor value = n.constant(0);
  if (to_truth) return n.set_constant(not_equal(value, 0).to(DType::int64));
  const bool cut = to == DType::int64 && is_floating(value.dtype());
  n.graph.set(n.node.output(0), {.constant = cut ? integers_of(value) : value.to(to), .parameter = x.parameter});
}

/// Floor, Ceil or Round (half to even) of constants, for the arithmetic of extents.
template <double (*function)(double)>
void rounded(ImportNode& n) {
  const Tensor x = n.constant(0);
  std::vector<double> values = x.to_vector<double>();
  for (double& value : values) value = function(value);
  n.set_constant(Tensor::of(x.shape(), values).to(x.dtype()));
}
double floored(double x) { return std::floor(x); }
double ceiled(double x) { return std::ceil(x); }
double rounded_to_even(double x) { return std::nearbyint(x); }

/// The numbers of the samples, from 0.
void range_of_samples(ImportNode& n) {
  const Tensor start = n.constant(0), delta = n.constant(2);
  check(start.size() == 1 && start.item() == 0 && delta.size() == 1 && delta.item() == 1 &&
            start.dtype() == DType::int64 && delta.dtype() == DType::int64,
        "expected the integers from 0 with delta 1 for a limit that is the batch, got others");
  n.graph.set(n.node.output(0), {.positions = SamplePositions{.of_first = Tensor::zeros({1}, DType::int64)}});
}

void range_row(ImportNode& n) {
  const Tensor start = n.constant(0);
  const auto numbers = n.numbers(1);
  const bool of_samples = numbers && numbers->size() == 1 && numbers->front().kind == Number::Kind::batch;
  if (of_samples && numbers->front().value == 1) return range_of_samples(n);
  const Tensor limit = n.constant(1), delta = n.constant(2);
  check(start.size() == 1 && limit.size() == 1 && delta.size() == 1 && delta.item() != 0,
        "expected a start, a limit and a delta other than 0, got {}, {} and {} numbers{}", start.size(), limit.size(),
        delta.size(), delta.size() == 1 && delta.item() == 0 ? " and a delta of 0" : "");
  const double count = std::max(std::ceil((limit.item() - start.item()) / delta.item()), 0.0);
  check(count <= (1 << 24), "expected at most 2^24 numbers, got {}", count);
  std::vector<double> values;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i) {
    values.push_back(start.item() + static_cast<double>(i) * delta.item());
  }
  n.set_constant(Tensor::of({std::ssize(values)}, values).to(start.dtype()));
}

using Comparison = Tensor (*)(const Variable&, const Variable&);

// Truth values are 1 and 0.
Variable truth(const Variable& x) { return not_equal(x, 0).to(DType::float32); }
Tensor both(const Variable& a, const Variable& b) { return minimum(truth(a), truth(b)).value(); }
Tensor either(const Variable& a, const Variable& b) { return maximum(truth(a), truth(b)).value(); }
Tensor one_of(const Variable& a, const Variable& b) { return not_equal(truth(a), truth(b)); }

/// Comparisons of constants, and of extents with numbers that no extent can be.
template <Comparison function>
void compared(ImportNode& n) {
  const std::string& type = n.node.op_type();
  if (n.is_tensor(0) || n.is_tensor(1)) {
    check(type == "Less" || type == "Greater", "expected constants, got values that depend on the inputs of the model");
    return combine_operands(n);
  }
  if (n.input(0).constant && n.input(1).constant) {
    const Tensor a = n.constant(0), b = n.constant(1);
    check(a.dtype() == b.dtype() && broadcast_shapes(type, a.shape(), b.shape()).size() <= (1 << 24),
          "expected operands of one type with at most 2^24 elements, got {} and {}", a.dtype(), b.dtype());
    return n.set_constant(function(a, b).to(DType::int64));
  }
  const auto a = n.numbers(0), b = n.numbers(1);
  check(a && b && (a->size() == b->size() || a->size() == 1 || b->size() == 1), "expected lists of one length");
  Integers results;
  for (std::size_t i = 0; i < (a->empty() || b->empty() ? 0 : std::max(a->size(), b->size())); ++i) {
    const Number &x = (*a)[a->size() == 1 ? 0 : i], &y = (*b)[b->size() == 1 ? 0 : i];
    // an unknown extent is no negative number
    const bool different = x.known() != y.known() && (x.known() ? x : y).value < 0;
    check((x.known() && y.known()) || (type == "Equal" && different), "expected known extents, got an unknown one");
    const bool holds = !different && function(Tensor::labels({x.value}), Tensor::labels({y.value})).item() != 0;
    results.push_back(holds ? 1 : 0);
  }
  n.set_constant(Tensor::labels(results));
}

void not_row(ImportNode& n) { n.set_constant(equal(n.constant(0), 0).to(DType::int64)); }

/// A constant operand of Where as a tensor that has it in each sample. Samples have `rank` axes. The condition, the
/// first operand, is written as a comparison, which save_onnx() can express.
SymbolicTensor selected_constant(ImportNode& n, int i, int rank, bool channels_last) {
  Tensor constant = n.constant(i);
  if (n.graph.lead() == 1 && constant.rank() == rank + 1 && constant.dim(0) == 1) {
    constant = constant.reshaped(constant.shape().without(0));
  }
  check(constant.rank() <= rank, "expected a constant for the axes of samples, got the shape {}", constant.shape());
  PartialShape shape = constant.shape();
  while (shape.rank() < rank) shape = shape.prepended(1);
  constant = constant.reshaped(Shape(shape));
  if (!is_floating(constant.dtype())) constant = constant.to(DType::float32);
  if (channels_last) constant = channels_last_constant(constant, rank);
  const bool finite = std::ranges::all_of(constant.to_vector<double>(), [](double x) { return std::isfinite(x); });
  const SymbolicTensor y = n.for_each_sample(constant, i > 0 && finite && n.input(i).parameter);
  return i > 0 ? y : n.operation({.function = std::string("Greater"), .value = 0.5}, {y});
}

/// A selection of constants, of extents, or of tensors.
void where_row(ImportNode& n) {
  if (n.is_tensor(0) || n.is_tensor(1) || n.is_tensor(2)) {
    bool last = false;
    int rank = 0;
    for (int i = 0; i < 3; ++i) {
      last = last || n.input(i).channels_last;
      if (n.is_tensor(i)) rank = std::max(rank, n.tensor(i).shape().rank());
    }
    std::vector<SymbolicTensor> operands;
    std::optional<double> value;
    bool value_first = false;
    for (int i = 0; i < 3; ++i) {
      if (n.is_tensor(i)) {
        check(n.graph.lead() == 0 || n.tensor(i).shape().rank() == rank,
              "expected inputs with the same number of axes, got {} and {} besides the batch",
              n.tensor(i).shape().rank(), rank);
        operands.push_back(last ? n.images(n.input(i)) : n.plain(i));
      } else if (i > 0 && !value && n.constant(i).size() == 1 && std::isfinite(n.constant(i).item())) {
        value = n.constant(i).item();
        value_first = i == 1;
      } else {
        operands.push_back(selected_constant(n, i, rank, last));
      }
    }
    return n.set(n.operation({.function = std::string("Where"), .value = value, .value_first = value_first}, operands),
                 last);
  }
  const Tensor condition = n.constant(0);
  if (n.input(1).constant && n.input(2).constant) {
    const Tensor a = n.constant(1), b = n.constant(2);
    const Shape shape = broadcast_shapes("Where", a.shape(), b.shape());
    check(a.dtype() == b.dtype() && broadcast_shapes("Where", shape, condition.shape()).size() <= (1 << 24),
          "expected operands of one type with at most 2^24 elements, got {} and {}", a.dtype(), b.dtype());
    return n.set_constant(where(condition, a, b).value());
  }
  const auto a = n.numbers(1), b = n.numbers(2);
  const Integers conditions = n.constant_integers(0);
  const std::size_t size = conditions.size();
  check(a && b && (a->size() == size || a->size() == 1) && (b->size() == size || b->size() == 1),
        "expected two lists of {} numbers, got {} and {}", size, a ? a->size() : 0, b ? b->size() : 0);
  std::vector<Number> results;
  for (std::size_t i = 0; i < size; ++i) {
    const std::vector<Number>& from = conditions[i] != 0 ? *a : *b;
    results.push_back(from[from.size() == 1 ? 0 : i]);
  }
  n.set_numbers(results);
}

/// The offset in `shape` of the part that the indices at `at` select: one for each of its first axes.
std::int64_t offset_of_part(const Shape& shape, const std::int64_t* at, std::int64_t count) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    std::int64_t index = axis < count ? at[axis] : 0;
    const std::int64_t extent = shape[axis];
    check(index >= -extent && index < extent, "expected indices in [{}, {}), got {}", -extent, extent, index);
    index = index < 0 ? index + extent : index;
    offset = offset * extent + index;
  }
  return offset;
}

/// What stands at a place of a ScatterND after an update.
template <class T>
using Reduction = T (*)(T value, T update);

template <class T>
Reduction<T> reduction_of(const std::string& name) {
  if (name == "add") return [](T value, T update) { return value + update; };
  if (name == "mul") return [](T value, T update) { return value * update; };
  if (name == "max") return [](T value, T update) { return std::max(value, update); };
  if (name == "min") return [](T value, T update) { return std::min(value, update); };
  check(name == "none", "reduction: expected none, add, mul, max or min, got {:.60}", visible(name));
  return [](T, T update) { return update; };
}

template <class T>
Tensor scattered(Reduction<T> reduction, const Tensor& data, const Tensor& indices, const Tensor& updates,
                 std::int64_t part) {
  std::vector<T> values = data.to_vector<T>();
  const std::vector<T> given = updates.to_vector<T>();
  const auto at = indices.to_vector<std::int64_t>();
  const std::int64_t count = indices.dim(-1), parts = part == 0 ? 0 : std::ssize(given) / part;
  for (std::int64_t i = 0; i < parts; ++i) {
    T* place = values.data() + offset_of_part(data.shape(), at.data() + i * count, count);
    const T* update = given.data() + i * part;
    std::transform(place, place + part, update, place, reduction);
  }
  return Tensor::of(data.shape(), values);
}

/// Constants with other values at some places, as a mask that a program has filled part by part.
void scatter_nd_row(ImportNode& n) {
  const std::string reduction = n.text("reduction", "none");
  const Tensor data = n.constant(0), indices = n.constant(1), updates = n.constant(2);
  check(data.size() <= (1 << 24) && data.dtype() == updates.dtype(),
        "expected at most 2^24 elements and updates of the same type, got {} {} and {}", data.dtype(), data.shape(),
        updates.dtype());
  check(
      indices.dtype() == DType::int64 && indices.rank() >= 1 && indices.dim(-1) >= 1 && indices.dim(-1) <= data.rank(),
      "expected integers as indices of at most {}, got {} {}", amount(data.rank(), "axis", "axes"), indices.dtype(),
      indices.shape());
  const auto of_data = data.shape().begin() + indices.dim(-1);
  Integers wanted(indices.shape().begin(), indices.shape().end() - 1);
  wanted.insert(wanted.end(), of_data, data.shape().end());
  check(std::ranges::equal(wanted, updates.shape()), "expected updates of shape ({}), got {}", fmt::join(wanted, ", "),
        updates.shape());
  check(reduction == "none" || is_floating(data.dtype()), "reduction: expected none for integers, got {:.60}",
        visible(reduction));
  std::int64_t part = 1;
  for (auto extent = of_data; extent != data.shape().end(); ++extent) part *= *extent;
  n.set_constant(data.dtype() == DType::int64
                     ? scattered(reduction_of<std::int64_t>(reduction), data, indices, updates, part)
                     : scattered(reduction_of<float>(reduction), data, indices, updates, part));
}

/// The branch that a constant condition selects.
void if_row(ImportNode& n) {
  const Tensor condition = n.constant(0);
  check(condition.size() == 1, "expected one condition, got {}", condition.size());
  const auto &then_branch = n.graph_attribute("then_branch"), &else_branch = n.graph_attribute("else_branch");
  n.graph.read_branch(condition.item() != 0 ? then_branch : else_branch, n.node);
}

}  // namespace

void add_constant_rows(ImportRows& rows) {
  rows["Constant"] = constant_row;
  rows["ConstantOfShape"] = constant_of_shape;
  rows["Shape"] = shape_row;
  rows["Size"] = size_row;
  rows["Cast"] = cast_row;
  rows["Floor"] = rounded<floored>;
  rows["Ceil"] = rounded<ceiled>;
  rows["Round"] = rounded<rounded_to_even>;
  rows["Range"] = range_row;
  rows["Where"] = where_row;
  rows["ScatterND"] = scatter_nd_row;
  rows["If"] = if_row;
  rows["Equal"] = compared<equal>;
  rows["Greater"] = compared<greater>;
  rows["GreaterOrEqual"] = compared<greater_equal>;
  rows["Less"] = compared<less>;
  rows["LessOrEqual"] = compared<less_equal>;
  rows["And"] = compared<both>;
  rows["Or"] = compared<either>;
  rows["Xor"] = compared<one_of>;
  rows["Not"] = not_row;
}

}  // namespace xtape::onnx
