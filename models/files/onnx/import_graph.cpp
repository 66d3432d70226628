#include "models/files/onnx/import_graph.hpp"

#include <algorithm>
#include <cmath>

#include "framework/amount.hpp"
#include "framework/io/utf8.hpp"
#include "models/files/onnx/import_tensor.hpp"

namespace xtape::onnx {
namespace {

/// Attributes of opsets below 7 that have another meaning are not known to the rows, and so are an Error.
constexpr int oldest_opset = 1, newest_opset = 21;

/// A name for a layer: without "/", which separates the names in paths.
std::string layer_name(std::string name) {
  for (char& c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '.';
  }
  return name;
}

std::string node_title(const xtape_onnx::NodeProto& node, int opset) {
  const std::string name = !node.name().empty() ? node.name() : node.output_size() > 0 ? node.output(0) : "";
  return fmt::format("node \"{:.100}\" ({:.60}, opset {})", name, visible(node.op_type()), opset);
}

/// Error unless load_onnx() has a row for the operator.
void check_operator(const xtape_onnx::NodeProto& node) {
  check(node.domain().empty() || node.domain() == "ai.onnx", "expected an operator of ONNX, got one of {:.60}",
        node.domain());
  static const std::set<std::string> recurrent{"GRU", "LSTM", "RNN"};
  check(!recurrent.contains(node.op_type()),
        "expected an operator that xtape supports, got a recurrent one; there are no recurrent layers. Export the part "
        "of the network before this node, and run the rest with other software");
  check(import_rows().contains(node.op_type()),
        "expected an operator that xtape supports (docs/formats.md), got {:.60}", visible(node.op_type()));
}

/// The channels-last shape of a sample whose shape in the file is given.
std::vector<Extent> channels_to_end(std::vector<Extent> extents) {
  std::rotate(extents.begin(), extents.begin() + 1, extents.end());
  return extents;
}

/// The numbers, which are whole, as integers. Error for numbers that float64 does not hold exactly.
Tensor whole_numbers(const Tensor& tensor) {
  std::vector<std::int64_t> integers;
  for (const double number : tensor.to_vector<double>()) {
    check(std::abs(number) <= 9007199254740992.0, "expected integers of at most 2^53, got {}", number);
    integers.push_back(static_cast<std::int64_t>(number));
  }
  return Tensor::of(tensor.shape(), integers);
}

Tensor known_numbers(const std::vector<Number>& numbers) {
  std::vector<std::int64_t> values;
  for (const Number& number : numbers) values.push_back(number.value);
  return Tensor::labels(values);
}

}  // namespace

ImportGraph::ImportGraph(const xtape_onnx::ModelProto& file, std::filesystem::path folder,
                         const LoadOnnxOptions& options)
    : file_(file),
      graph_(file.graph()),
      folder_(std::move(folder)),
      options_(options),
      reorders_(options.images == ImageAxes::channels_last) {
  for (const auto& set : file_.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") {
      check(set.version() >= oldest_opset && set.version() <= newest_opset, "expected an opset of {} to {}, got {}",
            oldest_opset, newest_opset, set.version());
      opset_ = static_cast<int>(set.version());
    }
  }
  for (const auto& entry : file_.metadata_props()) {
    if (entry.key() != "image_axes") continue;
    all_images_ = entry.value() == "channels_first";
    reorders_ = reorders_ && all_images_;
  }
  check(opset_ != 0, "expected the version of the operator set, got none");
  find_readers(graph_);
}

/// Finds who reads a value, also in branches that are not taken.
void ImportGraph::find_readers(const xtape_onnx::GraphProto& graph) {
  for (const auto& node : graph.node()) {
    graphs_[&node] = &graph;
    for (const std::string& input : node.input()) {
      if (!input.empty()) readers_[input].push_back(&node);
    }
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) find_readers(attribute.g());
    }
  }
  for (const auto& output : graph.output()) outputs_.insert(output.name());
}

const ImportValue* ImportGraph::find(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

const ImportValue& ImportGraph::value(const std::string& name) const {
  const ImportValue* found = find(name);
  check(found != nullptr, "expected nodes in the order of computation, got the input \"{:.100}\" before it is computed",
        name);
  return *found;
}

void ImportGraph::set(const std::string& name, ImportValue value) {
  if (name.empty()) return;
  check(values_.emplace(name, std::move(value)).second, "expected different names of values, got \"{:.100}\" twice",
        name);
}

const xtape_onnx::NodeProto* ImportGraph::only_reader(const std::string& name) const {
  const auto found = readers_.find(name);
  if (found == readers_.end() || found->second.size() != 1 || outputs_.contains(name)) return nullptr;
  const xtape_onnx::NodeProto* reader = found->second.front();
  const xtape_onnx::NodeProto* made_by = maker(name);
  return made_by != nullptr && graphs_.at(reader) == graphs_.at(made_by) ? reader : nullptr;
}

const xtape_onnx::NodeProto* ImportGraph::maker(const std::string& name) const {
  const auto found = makers_.find(name);
  return found == makers_.end() ? nullptr : found->second;
}

SymbolicTensor ImportGraph::apply(const std::shared_ptr<Layer>& layer, const std::vector<SymbolicTensor>& inputs,
                                  const Values& values, const std::string& wanted) {
  const std::string base = wanted.empty() ? layer->type() : layer_name(wanted);
  std::string name = base;
  while (!names_.insert(name).second) name = fmt::format("{}_{}", base, ++repeated_[base]);
  check_name(name);
  layer->rename(name);
  layer->give_values([&](const std::string& path, const ParameterSpec& spec) {
    const auto found = values.find(path);
    check(found != values.end(), "expected a value of {}", path);
    check(found->second.shape() == spec.shape, "{}: expected the shape {}, got {}", path, spec.shape,
          found->second.shape());
    return found->second;
  });
  return layer->connect_one(inputs);
}

void ImportGraph::read_constants(const xtape_onnx::GraphProto& graph) {
  check(graph.sparse_initializer_size() == 0, "expected dense initializers, got sparse ones");
  for (const auto& proto : graph.initializer()) {
    try {
      set(proto.name(), {.constant = tensor_of(proto, folder_), .parameter = true});
    } catch (const Error& error) {
      fail_as(error, "initializer \"{:.100}\": {}", proto.name(), error.what());
    }
  }
}

bool computes_constants(const std::string& type) {
  static const std::set<std::string> types{
      "Add",      "And",     "Cast",      "Ceil",        "Constant", "ConstantOfShape",
      "Div",      "Dropout", "Equal",     "Floor",       "Greater",  "GreaterOrEqual",
      "Identity", "If",      "Less",      "LessOrEqual", "Max",      "Mean",
      "Min",      "Mod",     "Mul",       "Not",         "Or",       "Pow",
      "Range",    "Round",   "ScatterND", "Shape",       "Size",     "Sub",
      "Sum",      "Where",   "Xor"};
  return types.contains(type);
}

bool needs_channels_first(const std::string& type) {
  static const std::set<std::string> types{"AveragePool",
                                           "BatchNormalization",
                                           "Conv",
                                           "ConvTranspose",
                                           "DepthToSpace",
                                           "GlobalAveragePool",
                                           "GlobalMaxPool",
                                           "GroupNormalization",
                                           "InstanceNormalization",
                                           "LRN",
                                           "MaxPool",
                                           "Resize",
                                           "SpaceToDepth",
                                           "Upsample"};
  return types.contains(type);
}

bool is_elementwise(const std::string& type) {
  static const std::set<std::string> types{
      "Abs",       "Add",      "Cast",     "Celu",       "Clip",    "Cos",         "Div",       "Dropout",
      "Elu",       "Erf",      "Exp",      "Gelu",       "Greater", "HardSigmoid", "HardSwish", "Identity",
      "LeakyRelu", "Less",     "Log",      "Max",        "Mean",    "Min",         "Mish",      "Mul",
      "Neg",       "PRelu",    "Pow",      "Reciprocal", "Relu",    "Selu",        "Shrink",    "Sigmoid",
      "Sin",       "Softplus", "Softsign", "Sqrt",       "Sub",     "Sum",         "Tanh",      "ThresholdedRelu",
      "Where"};
  return types.contains(type);
}

bool keeps_axes(const std::string& type) { return is_elementwise(type) || type == "Concat" || type == "Pad"; }

/// Finds the values that an operator reads that needs the channels first, directly or through elementwise operators.
void ImportGraph::find_images(const xtape_onnx::GraphProto& graph) {
  for (int i = graph.node_size(); i-- > 0;) {
    const auto& node = graph.node(i);
    const auto is_image = [&](const std::string& output) { return images_.contains(output); };
    for (const auto& attribute : node.attribute()) {
      if (!attribute.has_g()) continue;
      for (int j = 0; j < std::min(node.output_size(), attribute.g().output_size()); ++j) {
        if (is_image(node.output(j))) images_.insert(attribute.g().output(j).name());
      }
      find_images(attribute.g());
    }
    if (needs_channels_first(node.op_type()) ||
        (keeps_axes(node.op_type()) && std::ranges::any_of(node.output(), is_image))) {
      images_.insert(node.input().begin(), node.input().end());
    }
  }
}

void ImportGraph::read_inputs() {
  for (const auto& info : graph_.input()) {
    if (find(info.name()) != nullptr) continue;  // an initializer
    const auto& tensor = info.type().tensor_type();
    check(info.type().has_tensor_type() && tensor.has_shape(), "input \"{:.100}\": expected a tensor with a shape",
          info.name());
    std::vector<Extent> extents;
    for (const auto& dim : tensor.shape().dim()) {
      extents.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? Extent(dim.dim_value()) : any);
    }
    if (options_.batch_axis) {
      check(!extents.empty(), "input \"{:.100}\": expected a batch axis, got a number; set batch_axis = false",
            info.name());
      if (extents[0].known()) batch_ = extents[0].value();
      extents.erase(extents.begin());
    }
    check(extents.size() < Shape::max_rank, "input \"{:.100}\": expected at most {} axes", info.name(),
          Shape::max_rank);
    ImportValue value;
    const bool image =
        reorders_ && extents.size() > 1 && ((all_images_ && extents.size() == 3) || images_.contains(info.name()));
    if (image) extents = channels_to_end(std::move(extents));
    std::string name = layer_name(info.name());
    check_name(name);
    check(names_.insert(name).second, "expected inputs with different names, got \"{:.100}\" twice", name);
    inputs_.push_back(Input(
        {.shape = PartialShape(std::move(extents)), .dtype = dtype_of_elements(tensor.elem_type()), .name = name}));
    value.tensor = inputs_.back();
    value.channels_last = image;
    set(info.name(), std::move(value));
  }
  check(!inputs_.empty(), "expected at least one input, got none");
}

bool ImportGraph::is_constant(const xtape_onnx::NodeProto& node) const {
  bool found = false;
  for (const std::string& input : node.input()) {
    if (input.empty()) continue;
    const ImportValue& given = value(input);
    // extents, such as the end of a slice, are arguments
    const bool extents =
        found && node.op_type() != "Concat" && given.numbers && std::ranges::all_of(*given.numbers, &Number::known);
    if (!given.constant && !extents) return false;
    found = true;
  }
  return found;
}

/// Computes a node of constants by the model of this node, in float64 if its first input has integers. The inputs of
/// operators that join several tensors are inputs of the model, otherwise only the first one.
void ImportGraph::compute(const xtape_onnx::NodeProto& proto) {
  xtape_onnx::ModelProto file;
  *file.mutable_opset_import() = file_.opset_import();
  auto& node = *file.mutable_graph()->add_node() = proto;
  const LoadOnnxOptions options{.images = ImageAxes::channels_first,
                                .batch_axis = needs_channels_first(proto.op_type())};
  const DType dtype = value(proto.input(0)).constant->dtype();
  const bool joins = proto.op_type() == "Concat";
  std::vector<Variable> inputs;
  bool weights = false;
  std::map<std::string, Tensor> constants;
  for (int i = 0; i < proto.input_size(); ++i) {
    if (proto.input(i).empty()) continue;
    const ImportValue& given = value(proto.input(i));
    weights = weights || given.parameter;
    node.set_input(i, fmt::format("xtape input {}", i));
    if (i > 0 && !joins) {
      constants.emplace(node.input(i), given.constant ? *given.constant : known_numbers(*given.numbers));
      continue;
    }
    check(given.constant->dtype() == dtype, "expected inputs of one type, got {} and {}", dtype,
          given.constant->dtype());
    auto& info = *file.mutable_graph()->add_input();
    info.set_name(node.input(i));
    auto& tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(xtape_onnx::TensorProto::FLOAT);
    tensor.mutable_shape();
    for (int axis = 0; axis < given.constant->rank(); ++axis) {
      tensor.mutable_shape()->add_dim()->set_dim_value(given.constant->dim(axis));
    }
    const Tensor values = is_floating(dtype) ? *given.constant : given.constant->to(DType::float64);
    inputs.emplace_back(options.batch_axis ? values
                                           : values.reshaped(Shape(PartialShape(values.shape()).prepended(1))));
  }
  for (const std::string& output : proto.output()) {
    if (!output.empty() && is_read(output)) file.mutable_graph()->add_output()->set_name(output);
  }
  if (file.graph().output_size() == 0) return;
  ImportGraph graph(file, folder_, options);
  for (auto& [name, constant] : constants) graph.set(name, {.constant = std::move(constant)});
  Model model = graph.model();
  for (const ModelNode& made : model.nodes()) {
    const PartialShape& shape = made.shape();
    check(shape.known() && Shape(shape).size() <= (1 << 28), "expected constants of at most 2^28 elements, got {}",
          shape);
  }
  if (!is_floating(dtype)) model.convert(DType::float64);
  ForwardPass pass(Mode::inference);
  const std::vector<Variable> outputs = model.call(inputs, pass);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Tensor result = outputs[i].value();
    if (!options.batch_axis) result = result.reshaped(result.shape().without(0));
    set(file.graph().output(static_cast<int>(i)).name(),
        {.constant = is_floating(dtype) ? result : whole_numbers(result), .parameter = weights && result.size() > 1});
  }
}

void ImportGraph::read_node(const xtape_onnx::NodeProto& proto) {
  if (skipped_.contains(&proto)) return;
  try {
    check(proto.output_size() > 0, "expected an output, got none");
    if (!computes_constants(proto.op_type()) && is_constant(proto)) return compute(proto);
    ImportNode node(*this, proto);
    import_rows().at(proto.op_type())(node);
    node.check_all_read();
  } catch (const Error& error) {
    const std::string title = node_title(proto, opset_) + ": ";
    if (std::string_view(error.what()).starts_with(title)) throw;  // compute() reads the node in a graph of its own
    fail_as(error, "{}{}", title, error.what());
  }
}

/// The operators that are missing come first: an exporter puts nodes in front of an LSTM that read its initial state,
/// and an Error about these would hide the reason.
void check_operators(const xtape_onnx::GraphProto& graph, int opset) {
  for (const auto& node : graph.node()) {
    try {
      check_operator(node);
    } catch (const Error& error) {
      fail_as(error, "{}: {}", node_title(node, opset), error.what());
    }
  }
}

void ImportGraph::read_nodes(const xtape_onnx::GraphProto& graph) {
  for (const auto& node : graph.node()) {
    for (const std::string& output : node.output()) makers_.emplace(output, &node);
  }
  for (const auto& node : graph.node()) {
    if (node.op_type() == "Constant") read_node(node);
  }
  for (const auto& node : graph.node()) {
    if (node.op_type() != "Constant") read_node(node);
  }
}

void ImportGraph::read() {
  check_operators(graph_, opset_);
  read_constants(graph_);
  find_images(graph_);
  read_inputs();
  read_nodes(graph_);
}

namespace {

using NewNames = std::map<std::string, std::string>;

void rename(std::string& name, const NewNames& names) {
  if (const auto found = names.find(name); found != names.end()) name = found->second;
}

/// Replaces names that the nodes and outputs of a graph and of its branches read.
void rename_reads(xtape_onnx::GraphProto& graph, const NewNames& names) {
  for (auto& node : *graph.mutable_node()) {
    for (std::string& input : *node.mutable_input()) rename(input, names);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) rename_reads(*attribute.mutable_g(), names);
    }
  }
  for (auto& output : *graph.mutable_output()) rename(*output.mutable_name(), names);
}

}  // namespace

/// The branch with new names for values whose names are taken: branches may use the same ones, and those of the outputs
/// of their node.
const xtape_onnx::GraphProto& ImportGraph::renamed(const xtape_onnx::GraphProto& branch,
                                                   const xtape_onnx::NodeProto& node) {
  const std::set<std::string> results(node.output().begin(), node.output().end());
  NewNames names;
  const auto visit = [&](const std::string& name) {
    if (!values_.contains(name) && !results.contains(name)) return;
    names[name] = fmt::format("{} of branch {}", name, renamed_.size());
  };
  for (const auto& constant : branch.initializer()) visit(constant.name());
  for (const auto& made : branch.node()) {
    for (const std::string& output : made.output()) visit(output);
  }
  if (names.empty()) return branch;
  xtape_onnx::GraphProto& copy = renamed_.emplace_back(branch);
  for (auto& constant : *copy.mutable_initializer()) rename(*constant.mutable_name(), names);
  for (auto& made : *copy.mutable_node()) {
    for (std::string& output : *made.mutable_output()) rename(output, names);
  }
  rename_reads(copy, names);
  find_readers(copy);
  return copy;
}

void ImportGraph::read_branch(const xtape_onnx::GraphProto& given, const xtape_onnx::NodeProto& node) {
  check(given.output_size() == node.output_size(), "expected a branch with {}, got {}",
        amount(node.output_size(), "output"), given.output_size());
  check_operators(given, opset_);
  const xtape_onnx::GraphProto& branch = renamed(given, node);
  read_constants(branch);
  read_nodes(branch);
  for (int i = 0; i < node.output_size(); ++i) {
    set(node.output(i), value(branch.output(i).name()));
  }
}

Model ImportGraph::model() {
  read();
  std::vector<SymbolicTensor> outputs;
  for (const auto& info : graph_.output()) {
    const ImportValue& output = value(info.name());
    check(output.tensor.has_value(), "output \"{:.100}\": expected a value that depends on the inputs, got a constant",
          info.name());
    check(!output.batch.merged(), "output \"{:.100}\": expected a batch axis, got one that is merged with another axis",
          info.name());
    const bool image = reorders_ && output.tensor->shape().rank() == 3;
    xtape_onnx::NodeProto place;
    place.set_name(info.name());
    ImportNode node(*this, place);
    outputs.push_back(image && (output.channels_last || all_images_) ? node.images(output) : node.plain(output));
  }
  check(!outputs.empty(), "expected at least one output, got none");
  const std::string& name = options_.name.empty() ? graph_.name() : options_.name;
  return {inputs_, outputs, {.name = layer_name(name)}};
}

}  // namespace xtape::onnx
