#include "models/files/onnx/export_graph.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <numeric>

#include "framework/ops/manipulation.hpp"

namespace xtape::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data of ONNX is little-endian");

void set_attribute(xtape_onnx::NodeProto& node, const char* name, const Attribute& value) {
  xtape_onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    attribute.set_type(xtape_onnx::AttributeProto::INT);
    attribute.set_i(*integer);
  } else if (const auto* number = std::get_if<double>(&value)) {
    attribute.set_type(xtape_onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(*number));
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    attribute.set_type(xtape_onnx::AttributeProto::STRING);
    attribute.set_s(*text);
  } else {
    attribute.set_type(xtape_onnx::AttributeProto::INTS);
    for (const std::int64_t i : std::get<std::vector<std::int64_t>>(value)) attribute.add_ints(i);
  }
}

/// The permutation that moves the last of `rank` axes to position 1, or back.
std::vector<std::int64_t> moved_channels(int rank, bool to_front) {
  std::vector<std::int64_t> axes{0};
  if (to_front) axes.push_back(rank - 1);
  for (int i = to_front ? 1 : 2; i < (to_front ? rank - 1 : rank); ++i) axes.push_back(i);
  if (!to_front) axes.push_back(1);
  return axes;
}

}  // namespace

std::string ExportGraph::fresh(const std::string& wanted) {
  std::string name = wanted;
  while (!names_.insert(name).second) name = fmt::format("{}_{}", wanted, ++repeated_[wanted]);
  return name;
}

std::vector<std::string> ExportGraph::ops(const std::string& type, const std::vector<std::string>& inputs,
                                          const Attributes& attributes, int outputs) {
  xtape_onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) names.push_back(fresh(path_ + "/" + type));
  for (const std::string& name : names) node.add_output(name);
  node.set_name(names.front());
  for (const auto& [name, value] : attributes) set_attribute(node, name, value);
  return names;
}

std::string ExportGraph::op(const std::string& type, const std::vector<std::string>& inputs,
                            const Attributes& attributes) {
  return ops(type, inputs, attributes, 1).front();
}

std::string ExportGraph::constant(const std::string& wanted, const Tensor& value) {
  const auto known = constants_.find(wanted);
  if (known != constants_.end() && identical(known->second, value)) return wanted;
  std::string name = fresh(wanted);
  constants_.emplace(name, value);
  xtape_onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(name);
  for (int i = 0; i < value.rank(); ++i) tensor.add_dims(value.dim(i));
  const auto bytes = static_cast<std::size_t>(value.size_in_bytes());
  if (value.dtype() == DType::int64) {
    tensor.set_data_type(xtape_onnx::TensorProto::INT64);
    tensor.set_raw_data(value.data<std::int64_t>(), bytes);
  } else {
    tensor.set_data_type(xtape_onnx::TensorProto::FLOAT);
    tensor.set_raw_data(value.data<float>(), bytes);
  }
  return name;
}

std::string ExportGraph::number(double value) {
  return constant(fmt::format("number_{}", static_cast<float>(value)), Tensor::scalar(value));
}

std::string ExportGraph::integers(const std::vector<std::int64_t>& values) {
  return constant(fmt::format("integers_{}", fmt::join(values, "_")), Tensor::labels(values));
}

std::string ExportGraph::plain(const ExportValue& value) {
  if (!value.channels_first && !value.flat_of) return value.name;
  const auto known = plain_.find(value.name);
  if (known != plain_.end()) return known->second;
  std::string name = value.name;
  int rank = value.shape.rank() + 1;
  if (value.flat_of) {
    std::vector<std::int64_t> target{0, (*value.flat_of)[-1]};
    for (int i = 0; i < value.flat_of->rank() - 1; ++i) target.push_back((*value.flat_of)[i]);
    rank = value.flat_of->rank() + 1;
    name = op("Reshape", {name, integers(target)});
  }
  name = op("Transpose", {name}, {{"perm", moved_channels(rank, false)}});
  if (value.flat_of) name = op("Flatten", {name}, {{"axis", std::int64_t{1}}});
  plain_.emplace(value.name, name);
  settled_.insert(name);
  return name;
}

std::string ExportGraph::with_rank(const ExportValue& value, int rank) {
  std::vector<std::int64_t> axes;
  for (int i = value.shape.rank() + 1; i < rank; ++i) axes.push_back(std::ssize(axes) + 1);
  return axes.empty() ? plain(value) : op("Unsqueeze", {plain(value), integers(axes)});
}

std::string ExportGraph::channels_first(const ExportValue& value) {
  if (value.channels_first) return value.name;
  if (value.shape.rank() < 2) return plain(value);
  const auto known = channels_first_.find(value.name);
  if (known != channels_first_.end()) return known->second;
  std::string name = op("Transpose", {value.name}, {{"perm", moved_channels(value.shape.rank() + 1, true)}});
  channels_first_.emplace(value.name, name);
  settled_.insert(name);
  return name;
}

std::string ExportGraph::settled(std::string name, const std::string& wanted) {
  if (settled_.contains(name)) return name;
  if (graph_.node_size() > 0 && !names_.contains(wanted)) {
    xtape_onnx::NodeProto& last = *graph_.mutable_node(graph_.node_size() - 1);
    if (last.output_size() == 1 && last.output(0) == name) {
      names_.insert(wanted);
      last.set_output(0, wanted);
      name = wanted;
    }
  }
  settled_.insert(name);
  return name;
}

std::string ExportGraph::reduce(const std::string& type, const std::string& x, const std::vector<std::int64_t>& axes,
                                bool keep) {
  const std::int64_t keep_dims = keep ? 1 : 0;
  // The axes are an input since opset 13 for ReduceSum and since opset 18 for the others.
  if (type == "ReduceSum" || opset_ >= 18) return op(type, {x, integers(axes)}, {{"keepdims", keep_dims}});
  return op(type, {x}, {{"axes", axes}, {"keepdims", keep_dims}});
}

Tensor in_order_of(const ExportValue& value, const Tensor& constant) {
  const int rank = value.shape.rank();
  if (value.flat_of) {
    if (constant.size() != value.flat_of->size()) return constant;
    return channels_first_rows(constant.reshaped({constant.size()}), *value.flat_of);
  }
  if (!value.channels_first || constant.rank() == 0) return constant;
  std::vector<std::int64_t> extents(static_cast<std::size_t>(rank - constant.rank()), 1);
  for (int i = 0; i < constant.rank(); ++i) extents.push_back(constant.dim(i));
  std::vector<int> axes{rank - 1};
  for (int i = 0; i < rank - 1; ++i) axes.push_back(i);
  return permuted(constant.reshaped(Shape(extents)), axes);
}

Tensor value_of(const Layer& layer, std::string_view name) {
  const auto parameters = layer.named_parameters();
  const auto found =
      std::ranges::find(parameters, name, [](const auto& named) -> std::string_view { return named.first; });
  assert(found != parameters.end());
  return found->second.value();
}

}  // namespace xtape::onnx
