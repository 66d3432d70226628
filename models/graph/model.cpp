#include "models/graph/model.hpp"

#include <algorithm>

#include "models/graph/names_near.hpp"
#include "models/graph/network.hpp"

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

Model::Model(const std::vector<SymbolicTensor>& inputs, const SymbolicTensor& output, ModelOptions options)
    : Model(inputs, std::vector{output}, std::move(options)) {}

Model::Model(GraphFunction define, ModelOptions options)
    : network_(std::make_shared<Network>(std::move(define), std::move(options))) {}

Variable Model::operator()(const Variable& input, ForwardPass& pass) const {
  if (input_nodes().size() != 1 || output_nodes().size() != 1) {
    fail(
        "{}: expected a model of one input and one output here, got {} and {}; call it with all inputs by call(), in a "
        "custom loop: fit(), evaluate() and predict() take models of one input and one output",
        network_->title(), input_nodes().size(), output_nodes().size());
  }
  return network_->call({input}, pass)[0];
}

std::vector<Variable> Model::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return network_->call(inputs, pass);
}

SymbolicTensor Model::operator()(const SymbolicTensor& input) const { return network_->connect_one({input}); }
SymbolicTensor Model::operator()(const std::vector<SymbolicTensor>& inputs) const {
  return network_->connect_one(inputs);
}
std::vector<SymbolicTensor> Model::call(const std::vector<SymbolicTensor>& inputs) const {
  return network_->connect(inputs);
}
std::vector<TensorSpec> Model::build(const std::vector<TensorSpec>& inputs) const { return network_->build(inputs); }

std::string Model::name() const { return network_->name().empty() ? "model" : network_->name(); }
const PartialShape& Model::input_shape() const { return nodes()[input_nodes().front()].shape(); }
const PartialShape& Model::output_shape() const {
  network_->check_defined();
  return network_->spec(output_nodes().front()).shape;
}

const std::vector<ModelNode>& Model::nodes() const {
  network_->check_defined();
  return network_->nodes();
}
const std::vector<std::size_t>& Model::input_nodes() const {
  network_->check_defined();
  return network_->input_nodes();
}
const std::vector<NodeOutput>& Model::output_nodes() const {
  network_->check_defined();
  return network_->output_nodes();
}

std::vector<SymbolicTensor> Model::inputs() const {
  std::vector<SymbolicTensor> tensors;
  for (const std::size_t node : input_nodes()) tensors.push_back(nodes()[node].outputs.front());
  return tensors;
}

SymbolicTensor Model::layer_output(const std::string& name) const {
  const Layer& wanted = layer(name);
  const auto of_layer = [&](const ModelNode& node) { return node.layer.get() == &wanted; };
  check(std::ranges::count_if(nodes(), of_layer) == 1,
        "{}: expected the name of a layer that is called once, got \"{}\", called several times", network_->title(),
        name);
  const ModelNode& node = *std::ranges::find_if(nodes(), of_layer);
  check(node.outputs.size() == 1, "{}: expected the name of a layer of one output, got \"{}\", which has {}",
        network_->title(), name, node.outputs.size());
  return node.outputs.front();
}

std::vector<std::pair<std::string, Parameter>> Model::named_parameters() const {
  network_->check_defined();
  return network_->named_parameters();
}

std::vector<Parameter> Model::parameters() const {
  std::vector<Parameter> all;
  for (auto& [path, parameter] : named_parameters()) {  // a layer may also be in an inner model
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

std::vector<std::shared_ptr<Layer>> Model::all_layers() const {
  network_->check_defined();
  return network_->all_sublayers();
}

const Layer& Model::output_layer() const {
  network_->check_defined();
  return network_->output_layer();
}

std::string Model::output_activation(std::size_t output) const { return network_->activation_of_output(output); }

Parameter Model::parameter(const std::string& path) const {
  std::vector<std::string> paths;
  for (auto& [own, parameter] : named_parameters()) {
    if (own == path) return parameter;
    paths.push_back(own);
  }
  fail("{}: expected the path of one of its parameters, got \"{}\"; there are {}", network_->title(), path,
       names_near(path, std::move(paths)));
}

Layer& Model::layer(const std::string& path) const {
  network_->check_defined();
  std::shared_ptr<Layer> found = network_;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    const std::vector<Sublayer> inside = found->sublayers();
    const auto next = std::ranges::find(inside, name, &Sublayer::name);
    if (next == inside.end()) {
      std::vector<std::string> names;
      for (const Sublayer& inner : inside) names.push_back(path.substr(0, begin) + inner.name);
      fail("{}: expected the name of one of its layers, got \"{}\"; there are {}", network_->title(), path,
           names.empty() ? "none in " + path.substr(0, begin - 1) : names_near(path, std::move(names)));
    }
    found = next->layer;
    begin = end + 1;
  }
  return *found;
}

void Model::set_trainable(bool trainable) const { network_->set_trainable(trainable); }

std::optional<Variable> Model::regularization(ForwardPass& pass) const { return network_->regularization(pass); }

void Model::convert(DType dtype) {
  check(is_floating(dtype), "Model::convert: expected float32 or float64, got {}", dtype);
  for (const Parameter& parameter : parameters()) parameter.set_value(parameter.value().to(dtype));
}

DType Model::dtype() const {
  const auto all = named_parameters();
  return all.empty() ? DType::float32 : all.front().second.dtype();
}

}  // namespace xtape
