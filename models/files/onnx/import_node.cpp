#include <algorithm>
#include <fmt/ranges.h>
#include <optional>
#include <set>
#include <tuple>

#include "framework/io/utf8.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "models/files/onnx/import_tensor.hpp"

namespace xtape::onnx {
using StoredAttribute = xtape_onnx::AttributeProto;

const StoredAttribute* ImportNode::attribute(const char* name, int type) {
  read_.insert(name);
  for (const StoredAttribute& found : node.attribute()) {
    if (found.name() != name) continue;
    check(found.type() == type, "attribute {}: expected type {} of ONNX, got {}", name, type,
          static_cast<int>(found.type()));
    return &found;
  }
  return nullptr;
}

bool ImportNode::has(const char* name) const {
  return std::ranges::any_of(node.attribute(), [&](const StoredAttribute& found) { return found.name() == name; });
}

std::int64_t ImportNode::integer(const char* name, std::int64_t otherwise) {
  const StoredAttribute* found = attribute(name, StoredAttribute::INT);
  return found != nullptr ? found->i() : otherwise;
}

double ImportNode::number(const char* name, double otherwise) {
  const StoredAttribute* found = attribute(name, StoredAttribute::FLOAT);
  return found != nullptr ? found->f() : otherwise;
}

std::string ImportNode::text(const char* name, const std::string& otherwise) {
  const StoredAttribute* found = attribute(name, StoredAttribute::STRING);
  return found != nullptr ? found->s() : otherwise;
}

std::optional<std::vector<std::int64_t>> ImportNode::integers(const char* name) {
  const StoredAttribute* found = attribute(name, StoredAttribute::INTS);
  if (found == nullptr) return std::nullopt;
  return std::vector<std::int64_t>(found->ints().begin(), found->ints().end());
}

std::optional<std::vector<double>> ImportNode::reals(const char* name) {
  const StoredAttribute* found = attribute(name, StoredAttribute::FLOATS);
  if (found == nullptr) return std::nullopt;
  return std::vector<double>(found->floats().begin(), found->floats().end());
}

std::optional<Tensor> ImportNode::tensor_attribute(const char* name) {
  const StoredAttribute* found = attribute(name, StoredAttribute::TENSOR);
  if (found == nullptr) return std::nullopt;
  return tensor_of(found->t(), graph.folder());
}

const xtape_onnx::GraphProto& ImportNode::graph_attribute(const char* name) {
  const StoredAttribute* found = attribute(name, StoredAttribute::GRAPH);
  check(found != nullptr, "expected an attribute {}, got none", name);
  return found->g();
}

void ImportNode::check_all_read() const {
  for (const StoredAttribute& found : node.attribute()) {
    check(read_.contains(found.name()), "expected attributes that xtape supports, got {:.60}", visible(found.name()));
  }
}

const ImportValue& ImportNode::input(int i) const {
  check(has_input(i), "expected an input {}, got none", i + 1);
  const ImportValue& value = graph.value(node.input(i));
  check(value.batch.at == 0 || i < moved_inputs_,
        "expected the batch on the first axis, got it on axis {}; the model computes each sample separately",
        value.batch.at);
  check(!value.batch.merged() || i < moved_inputs_,
        "expected a batch axis, got one that is merged with another axis, in front of an operator that reads both");
  return value;
}

Tensor ImportNode::constant(int i) const {
  const ImportValue& value = input(i);
  if (!value.constant) {
    check(value.numbers && std::ranges::all_of(*value.numbers, &Number::known),
          "expected a constant as input {}, got a value that depends on the inputs of the model", i + 1);
    return Tensor::labels(constant_integers(i));
  }
  return *value.constant;
}

std::vector<std::int64_t> ImportNode::constant_integers(int i) const {
  const ImportValue& value = input(i);
  std::vector<std::int64_t> result;
  if (value.numbers) {
    for (const Number& number : *value.numbers) {
      check(number.known(), "expected constant integers as input {}, got an extent that is not known", i + 1);
      result.push_back(number.value);
    }
    return result;
  }
  const Tensor given = constant(i);
  check(given.dtype() == DType::int64, "expected integers as input {}, got {}", i + 1, given.dtype());
  return given.to_vector<std::int64_t>();
}

std::optional<std::vector<std::int64_t>> ImportNode::integers_of(const char* name, int i) {
  if (has(name)) return integers(name);
  if (has_input(i)) return constant_integers(i);
  return std::nullopt;
}

std::optional<std::vector<Number>> ImportNode::numbers(int i) const {
  const ImportValue& value = input(i);
  if (value.numbers) return value.numbers;
  if (!value.constant || value.constant->dtype() != DType::int64 || value.constant->rank() > 1) return std::nullopt;
  std::vector<Number> result;
  for (const std::int64_t number : value.constant->to_vector<std::int64_t>()) result.push_back({number});
  return result;
}

SymbolicTensor ImportNode::plain(const ImportValue& value) {
  check(value.tensor.has_value(), "expected a value that depends on the inputs of the model, got a constant");
  if (value.flat_of) {
    const Shape& image = *value.flat_of;
    std::vector<std::int64_t> target, dims{image.rank()};
    for (int i = 0; i < image.rank(); ++i) target.push_back(image[i]);
    for (int i = 1; i < image.rank(); ++i) dims.push_back(i);
    const SymbolicTensor unflattened = layer<ReshapeLayer>({.target_shape = target}, {*value.tensor});
    return layer<FlattenLayer>({}, {layer<PermuteLayer>({.dims = dims}, {unflattened})});
  }
  if (!value.channels_last) return *value.tensor;
  const int rank = value.tensor->shape().rank();
  std::vector<std::int64_t> dims{rank};
  for (int i = 1; i < rank; ++i) dims.push_back(i);
  return layer<PermuteLayer>({.dims = dims}, {*value.tensor});
}

SymbolicTensor ImportNode::images(const ImportValue& value) {
  check(value.tensor.has_value(), "expected a value that depends on the inputs of the model, got a constant");
  const int rank = value.tensor->shape().rank();
  if (value.channels_last) return *value.tensor;
  if (rank < 2) return plain(value);
  std::vector<std::int64_t> dims;
  for (int i = 2; i <= rank; ++i) dims.push_back(i);
  dims.push_back(1);
  return layer<PermuteLayer>({.dims = dims}, {*value.tensor});
}

SymbolicTensor ImportNode::images(int i, int rank) {
  const ImportValue& value = input(i);
  const int given = value.tensor ? value.tensor->shape().rank() : 0;
  check(graph.lead() == 1, "expected a batch axis, got batch_axis = false");
  check(value.tensor && (rank < 0 ? given >= 2 : given == rank),
        "expected an input with {} axes besides the batch, got {}", rank < 0 ? 2 : rank, given);
  return images(value);
}

const SymbolicTensor& ImportNode::tensor(int i) const {
  check(input(i).tensor.has_value(), "expected a value that depends on the inputs of the model, got a constant");
  return *input(i).tensor;
}

std::vector<Extent> extents_of(const ImportValue& value) {
  std::vector<Extent> result(value.tensor->shape().begin(), value.tensor->shape().end());
  if (value.channels_last) std::rotate(result.begin(), result.end() - 1, result.end());
  if (value.batch.merged()) result.erase(result.begin());
  return result;
}

std::vector<Extent> ImportNode::extents(int i) const {
  tensor(i);
  return extents_of(input(i));
}

BatchAxis ImportNode::common_batch() const {
  std::optional<BatchAxis> common;
  for (int i = 0; i < node.input_size(); ++i) {
    if (!is_tensor(i)) continue;
    const BatchAxis& batch = input(i).batch;
    check(!common || *common == batch,
          "expected inputs with the batch on the same axis, got it on the axes {} and {}{}; the model computes each "
          "sample separately",
          common->at, batch.at, common->merged() || batch.merged() ? ", merged with rows" : "");
    common = batch;
  }
  return common.value_or(BatchAxis());
}

SymbolicTensor ImportNode::for_each_sample(const Tensor& constant, bool trainable) {
  check(is_floating(constant.dtype()), "expected a floating constant for each sample, got {}", constant.dtype());
  std::vector<std::int64_t> shape;
  for (int i = 0; i < constant.rank(); ++i) shape.push_back(constant.dim(i));
  return operation({.function = std::string("Constant"), .constant_shape = shape, .trainable = trainable},
                   {graph.any_input()}, {{"constant", constant}});
}

std::pair<SymbolicTensor, std::int64_t> ImportNode::axis_with(const Number& extent) const {
  const ImportValue& value = graph.value(extent.of);
  const int lead = graph.lead(), rank = value.tensor->shape().rank() + lead - (value.batch.merged() ? 1 : 0);
  const std::int64_t of_file = lead == 1 && extent.value >= value.batch.at ? extent.value + 1 : extent.value;
  return {*value.tensor, axis_of(of_file, rank, value.channels_last, value.batch)};
}

SymbolicTensor ImportNode::for_each_sample(const Tensor& constant, bool trainable, const Number& extent,
                                           std::int64_t axis) {
  check(is_floating(constant.dtype()) && extent.named(),
        "expected a floating constant and the extent of a value, got a constant of {} and {}", constant.dtype(),
        extent.known() ? fmt::format("the number {}", extent.value) : "an extent that was computed");
  const auto [tensor, from] = axis_with(extent);
  std::vector<std::int64_t> shape;
  for (int i = 0; i < constant.rank(); ++i) shape.push_back(constant.dim(i));
  return operation({.function = std::string("Constant"),
                    .axes = {from},
                    .numbers = {axis},
                    .constant_shape = shape,
                    .trainable = trainable},
                   {tensor}, {{"constant", constant}});
}

std::pair<std::string, std::int64_t> ImportNode::origin(std::string name, std::int64_t axis) const {
  constexpr int most_nodes = 100;
  const auto of_samples = [](const ImportValue* value) { return value && value->tensor && !value->batch.merged(); };
  for (int i = 0; i < most_nodes && graph.lead() > 0; ++i) {
    const xtape_onnx::NodeProto* maker = graph.maker(name);
    if (!maker) break;
    if (maker->op_type() == "Transpose") {
      const ImportValue* from = graph.find(maker->input(0));
      if (!of_samples(from)) break;
      const int rank = from->tensor->shape().rank() + 1;
      std::vector<std::int64_t> axes;  // of samples
      for (int to = 0; to < rank; ++to) {
        const auto& attributes = maker->attribute();
        const auto perm = std::ranges::find(attributes, "perm", &xtape_onnx::AttributeProto::name);
        const std::int64_t at = perm != attributes.end() && perm->ints_size() == rank ? perm->ints(to) : rank - 1 - to;
        if (at != from->batch.at) axes.push_back(at < from->batch.at ? at : at - 1);
      }
      if (axis >= std::ssize(axes)) break;
      axis = axes[static_cast<std::size_t>(axis)];
      name = maker->input(0);
    } else if (is_elementwise(maker->op_type()) && of_samples(graph.find(name))) {
      // The extent is that of the only operand in which it is unknown. Of several, each may be 1 in a call, and is
      // repeated then.
      const auto rank = extents_of(*graph.find(name)).size();
      const auto has_it = [&](const std::string& operand) {
        const ImportValue* value = graph.find(operand);
        if (!of_samples(value)) return false;
        const std::vector<Extent> extents = extents_of(*value);
        return extents.size() == rank && axis < std::ssize(extents) && !extents[static_cast<std::size_t>(axis)].known();
      };
      if (std::ranges::count_if(maker->input(), has_it) != 1) break;
      name = *std::ranges::find_if(maker->input(), has_it);
    } else {
      break;
    }
  }
  return {std::move(name), axis};
}

void ImportNode::fill_rest(const PartialShape& x, const std::vector<Number>& numbers,
                           std::vector<std::int64_t>& target) const {
  std::int64_t old_elements = 1, elements = 1;
  std::set<std::pair<std::string, std::int64_t>> unknown, named;
  for (int i = 0; i < x.rank(); ++i) {
    if (!x[i].known() && !unknown.insert(origin(node.input(0), i)).second) return;
    old_elements *= x[i].known() ? x[i].value() : 1;
  }
  std::optional<std::size_t> rest;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i].kind == Number::Kind::unknown) {
      if (!numbers[i].named() || !named.insert(origin(numbers[i].of, numbers[i].value)).second) return;
    } else if (target[i] == -1) {
      if (rest) return;
      rest = i;
    } else {
      elements *= target[i];
    }
  }
  if (rest && named == unknown && elements > 0 && old_elements % elements == 0) target[*rest] = old_elements / elements;
}

SymbolicTensor ImportNode::reshaped(const SymbolicTensor& x, const std::vector<Extent>& extents,
                                    const std::vector<Number>& numbers) {
  std::vector<std::int64_t> target;
  for (const Extent extent : extents) target.push_back(extent.known() ? extent.value() : -1);
  if (!batch().merged()) fill_rest(x.shape(), numbers, target);
  const auto unknown = std::ranges::count(target, -1);
  const bool unchanged = PartialShape(extents) == x.shape();  // unless several unknown extents change their order
  if (unknown <= 1) return unchanged ? x : layer<ReshapeLayer>({.target_shape = target}, {x});
  // Unknown extents keep their order if both shapes have as many of them, and as many elements otherwise, unless the
  // target says that they are those of a value of the file. One of them follows from the others.
  std::vector<std::int64_t> axes;
  std::int64_t old_elements = 1, elements = 1;
  for (int i = 0; i < x.shape().rank(); ++i) {
    if (!x.shape()[i].known()) axes.push_back(i + 1);
    old_elements *= x.shape()[i].known() ? x.shape()[i].value() : 1;
  }
  for (const std::int64_t extent : target) elements *= extent == -1 ? 1 : extent;
  bool in_order = std::ssize(axes) == unknown && elements == old_elements;
  if (in_order && !numbers.empty()) {  // unless the target names them all, in another order
    bool named = true, same = true;
    for (std::size_t i = 0, next = 0; i < target.size(); ++i) {
      if (target[i] != -1) continue;
      named = named && numbers[i].named();
      same = same && is_extent(numbers[i], axes[next++] - 1);
    }
    in_order = !named || same;
  }
  if (unchanged && in_order) return x;
  OperatorLayer::Options options{.function = std::string("ReshapeLike")};
  SymbolicTensor like = x;
  bool stay = true;  // whether all axes keep their positions
  std::size_t next = 0;
  std::string of;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] != -1 || std::ssize(options.axes) + 1 == unknown) continue;
    std::int64_t axis = in_order ? axes[next++] : 0;
    if (!in_order) {
      const Number number = i < numbers.size() ? numbers[i] : Number{};
      if (!number.named() || (!of.empty() && number.of != of)) continue;
      of = number.of;
      std::tie(like, axis) = axis_with(number);
    }
    stay = stay && in_order && axis == static_cast<std::int64_t>(i) + 1;
    options.axes.push_back(axis);
    target[i] = 0;
  }
  check(std::ranges::count(target, -1) == 1,
        "expected at most one extent that is unknown, or extents of one other value, got ({}) for {}; export the "
        "network with fixed extents",
        fmt::join(extents, ", "), x.shape());
  options.numbers = target;
  if (!stay) return operation(options, {x, like});
  return operation({.function = std::string("Reshape"), .numbers = target}, {x});
}

std::int64_t ImportNode::axis_of(std::int64_t axis, int rank, bool channels_last, BatchAxis batch) const {
  check(axis >= -rank && axis < rank, "expected an axis below {}, got {}", rank, axis);
  if (axis < 0) axis += rank;
  if (graph.lead() == 0) return axis + 1;
  check(axis != batch.at, "expected an axis of samples, got the batch axis; the model computes each sample separately");
  const int rows = batch.merged() ? 1 : 0;
  if (axis < batch.at) return axis + 1 + rows;
  if (!channels_last) return axis + rows;
  return axis == 1 ? rank - 1 : axis - 1;
}

void ImportNode::set(const SymbolicTensor& tensor, bool channels_last, int output, BatchAxis batch) {
  check(output < node.output_size(), "expected {} outputs, got {}", output + 1, node.output_size());
  graph.set(node.output(output), {.tensor = tensor, .channels_last = channels_last, .batch = batch});
}

void ImportNode::set_like(const SymbolicTensor& tensor, int i) {
  const ImportValue& like = input(i);
  graph.set(node.output(0),
            {.tensor = tensor, .channels_last = like.channels_last, .flat_of = like.flat_of, .batch = like.batch});
}

void ImportNode::copy_input() {
  const ImportValue copy = input(0);
  graph.set(node.output(0), copy);
}

void ImportNode::set_constant(Tensor tensor) { graph.set(node.output(0), {.constant = std::move(tensor)}); }

void ImportNode::set_numbers(std::vector<Number> numbers) {
  graph.set(node.output(0), {.numbers = std::move(numbers)});
}

std::string ImportNode::name() const {
  return !node.name().empty() ? node.name() : node.output_size() > 0 ? node.output(0) : "";
}

Tensor channels_last_constant(const Tensor& constant, int sample_rank) {
  if (constant.rank() == 0) return constant;
  std::vector<std::int64_t> extents(static_cast<std::size_t>(std::max(sample_rank - constant.rank(), 0)), 1);
  for (int i = 0; i < constant.rank(); ++i) extents.push_back(constant.dim(i));
  std::vector<int> axes;
  for (int i = 1; i < sample_rank; ++i) axes.push_back(i);
  axes.push_back(0);
  return transpose(Variable(constant.reshaped(Shape(extents))), axes).value();
}

}  // namespace xtape::onnx
