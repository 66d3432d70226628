#include "models/model.hpp"

#include <algorithm>

#include "models/network.hpp"

namespace xtape {

Model::Model(const SymbolicTensor& input, const SymbolicTensor& output, ModelOptions options)
    : Model(std::vector{input}, std::vector{output}, std::move(options)) {}

Model::Model(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
             ModelOptions options)
    : network_(std::make_shared<Network>(inputs, outputs, std::move(options))) {}

Model::Model(std::shared_ptr<Network> network) : network_(std::move(network)) {}

std::shared_ptr<Layer> Model::definition() const { return network_; }

std::optional<Model> Model::from_layer(const std::shared_ptr<Layer>& layer) {
  auto network = std::dynamic_pointer_cast<Network>(layer);
  if (!network) return std::nullopt;
  return Model(std::move(network));
}

Variable Model::operator()(const Variable& input, ForwardPass& pass) const {
  if (input_nodes().size() != 1 || output_nodes().size() != 1) {
    fail(
        "{}: expected a model of one input and one output here, got {} and {}; call it with all inputs by call(), in a "
        "custom loop: fit(), evaluate() and predict() take models of one input and one output",
        network_->title(), input_nodes().size(), output_nodes().size());
  }
  return network_->compute({input}, pass)[0];
}

Model::Model(const std::vector<SymbolicTensor>& inputs, const SymbolicTensor& output, ModelOptions options)
    : Model(inputs, std::vector{output}, std::move(options)) {}

std::vector<Variable> Model::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return network_->compute(inputs, pass);
}

SymbolicTensor Model::operator()(const SymbolicTensor& input) const { return network_->connect({input}); }
SymbolicTensor Model::operator()(const std::vector<SymbolicTensor>& inputs) const { return network_->connect(inputs); }

std::string Model::name() const { return network_->name().empty() ? "model" : network_->name(); }
const Shape& Model::input_shape() const { return network_->input_shapes().front(); }
const Shape& Model::output_shape() const { return network_->output_shapes().front(); }
const std::vector<ModelNode>& Model::nodes() const { return network_->nodes(); }

const std::vector<std::size_t>& Model::input_nodes() const { return network_->input_nodes(); }
const std::vector<std::size_t>& Model::output_nodes() const { return network_->output_nodes(); }

std::vector<SymbolicTensor> Model::inputs() const {
  std::vector<SymbolicTensor> tensors;
  for (const std::size_t node : input_nodes()) tensors.push_back(nodes()[node].output);
  return tensors;
}

SymbolicTensor Model::layer_output(const std::string& name) const {
  const Layer& wanted = layer(name);
  const auto of_layer = [&](const ModelNode& node) { return node.layer.get() == &wanted; };
  check(std::ranges::count_if(nodes(), of_layer) == 1,
        "{}: expected the name of a layer that is called once, got \"{}\", called several times", network_->title(),
        name);
  return std::ranges::find_if(nodes(), of_layer)->output;
}

std::vector<std::pair<std::string, Parameter>> Model::named_parameters() const { return network_->named_parameters(); }

std::vector<Parameter> Model::parameters() const {
  std::vector<Parameter> all;
  for (auto& [path, parameter] : named_parameters()) {  // a layer may be here and in a model that is a layer here
    if (std::ranges::find(all, parameter) == all.end()) all.push_back(parameter);
  }
  return all;
}

std::int64_t Model::parameter_count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters()) count += parameter.shape().size();
  return count;
}

std::int64_t Model::trainable_count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters()) count += parameter.trainable() ? parameter.shape().size() : 0;
  return count;
}

std::vector<std::shared_ptr<Layer>> Model::all_layers() const { return network_->all_layers(); }

const Layer& Model::output_layer() const { return network_->output_layer(); }

std::string Model::output_activation(std::size_t output) const { return network_->activation_of_output(output); }

Layer& Model::layer(const std::string& name) const {
  std::vector<std::string> names;
  for (const ModelNode& node : nodes()) {
    if (node.layer->name() == name) return *node.layer;
    names.push_back(node.layer->name());
  }
  fail("{}: expected the name of one of its layers, got \"{}\"; there are {}", network_->title(), name,
       fmt::join(names, ", "));
}

void Model::set_trainable(bool trainable) const { network_->set_trainable(trainable); }

std::optional<Variable> Model::regularization(ForwardPass& pass) const { return network_->regularization(pass); }

void Model::convert(DType dtype) const {
  check(is_floating(dtype), "Model::convert: expected float32 or float64, got {}", dtype);
  for (const Parameter& parameter : parameters()) parameter.set_value(parameter.value().to(dtype));
}

DType Model::dtype() const {
  const auto all = named_parameters();
  return all.empty() ? DType::float32 : all.front().second.dtype();
}

}  // namespace xtape
