#include "models/network.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "framework/io/utf8.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/streams.hpp"
#include "layers/input.hpp"
#include "models/keras_names.hpp"

namespace xtape {
namespace {

bool is_input(const Layer& layer) { return layer.type() == InputLayer::type_name; }

/// Error naming `owner` for a name that no file could keep.
void check_storable(const std::string& owner, const std::string& name) {
  try {
    check_name(name);
  } catch (const Error& error) {
    fail("{}: expected names that files can keep: {}, in \"{}\"; choose another name", owner, error.what(),
         printable(name));
  }
}

/// The layers of a step: "bn2a_branch2c + add_1 + activation_3".
std::string step_name(const FusedStep& step, const std::vector<ModelNode>& nodes) {
  std::string name = nodes[step.node()].layer->name();
  for (std::size_t i = 1; i < step.nodes.size(); ++i) name += " + " + nodes[step.nodes[i]].layer->name();
  return name;
}

/// Computes a step, puts the layer's name in front of what its ops complain about, and holds it to the shape it
/// inferred.
WithoutBias call_step(const FusedStep& step, const std::vector<ModelNode>& nodes, std::vector<Variable> arguments,
                      const FusedParts& parts, ForwardPass& pass) {
  const Layer& layer = *nodes[step.node()].layer;
  pass.begin_layer(step_name(step, nodes));
  try {
    const Shape inferred = nodes[step.output()].shape.prepended(arguments.front().dim(0));
    const auto compute = [&]() -> WithoutBias {
      if (step.fused() || parts.bias) return {layer.call_fused(std::move(arguments), parts, pass)};
      if (step.without_bias) return layer.call_without_bias(arguments, pass);
      return {layer.call(arguments, pass)};
    };
    WithoutBias result = compute();
    check(result.value.shape() == inferred, "expected an output of the shape it infers, {}, got {}", inferred,
          result.value.shape());
    return result;
  } catch (const Error& error) {
    throw Error(fmt::format("{} {}: {}", layer.type(), layer.name(), error.what()));
  }
}

}  // namespace

Model::Network::Network(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
                        ModelOptions options)
    : Layer(options.name) {
  check_storable("Model", options.name);
  check(!inputs.empty() && !outputs.empty(), "{}: expected at least one input and one output, got {} and {}", title(),
        inputs.size(), outputs.size());
  KnownCalls known;
  std::set<std::size_t> listed;
  for (const SymbolicTensor& input : inputs) {
    check(is_input(*input.call().layer), "{}: expected inputs made by Input, got the output of {}", title(),
          input.call().layer->title());
    const std::size_t node = add(input, known);
    check(listed.insert(node).second, "{}: expected different inputs, got {} twice", title(),
          batch_shape_text(input.shape()));
    inputs_.push_back(node);
    input_shapes_.push_back(input.shape());
  }
  for (const SymbolicTensor& output : outputs) {
    outputs_.push_back(add(output, known));
    output_shapes_.push_back(output.shape());
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    check(listed.contains(i) || !is_input(*nodes_[i].layer),
          "{}: expected every Input that an output depends on among the model's inputs, got none for {} {}", title(),
          nodes_[i].layer->title(), batch_shape_text(nodes_[i].shape));
  }
  steps_ = plan_steps(nodes_, outputs_);
  last_use_.assign(nodes_.size(), 0);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (const std::size_t read : steps_[i].reads()) last_use_[read] = i;
  }
  for (const std::size_t output : outputs_) last_use_[output] = steps_.size();
  segments_ = plan_segments(steps_, nodes_, last_use_);
  name_layers();
  InitialStreams taken;
  for (const auto& layer : all_layers()) layer->claim_streams(options.seed, taken);
  initialize(options.seed, streams::parameters, taken);
}

/// Adds the call behind a tensor after the calls it depends on: depth first, with a stack of our own.
std::size_t Model::Network::add(const SymbolicTensor& tensor, KnownCalls& known) {
  std::vector<SymbolicTensor> pending{tensor};
  while (!pending.empty()) {
    const SymbolicTensor top = pending.back();
    const auto& call = top.call();
    if (known.contains(&call)) {
      pending.pop_back();
      continue;
    }
    const std::size_t before = pending.size();
    for (auto input = call.inputs.rbegin(); input != call.inputs.rend(); ++input) {
      if (!known.contains(&input->call())) pending.push_back(*input);
    }
    if (pending.size() > before) continue;
    pending.pop_back();
    ModelNode node{call.layer, {}, top.shape(), top};
    for (const SymbolicTensor& input : call.inputs) node.inputs.push_back(known.at(&input.call()));
    known[&call] = nodes_.size();
    nodes_.push_back(std::move(node));
  }
  return known.at(&tensor.call());
}

void Model::Network::name_layers() {
  std::map<std::string, const Layer*> taken;
  for (const ModelNode& node : nodes_) {
    if (node.layer->name().empty()) continue;
    check(node.layer->name().find('/') == std::string::npos,
          "{}: expected layer names without \"/\", which separates the parts of a parameter's path, got \"{}\"",
          title(), node.layer->name());
    check_storable(title(), node.layer->name());
    const auto [known, fresh] = taken.emplace(node.layer->name(), node.layer.get());
    check(fresh || known->second == node.layer.get(),
          "{}: expected layers with different names, got two named \"{}\" ({} and {}); layers without a name were "
          "named by the first Model that used them: give one of the two a .name",
          title(), node.layer->name(), known->second->type(), node.layer->type());
  }
  std::map<std::string, int> counts;
  for (const ModelNode& node : nodes_) {
    std::string chosen = node.layer->name();
    while (chosen.empty() || (taken.contains(chosen) && taken[chosen] != node.layer.get())) {
      const std::string base = is_input(*node.layer) ? "input" : snake_case(node.layer->type());
      chosen = fmt::format("{}_{}", base, ++counts[base]);
    }
    node.layer->rename(chosen);
    taken[chosen] = node.layer.get();
  }
}

std::vector<std::shared_ptr<Layer>> Model::Network::sublayers() const {
  std::vector<std::shared_ptr<Layer>> layers;
  std::set<const Layer*> seen;
  for (const ModelNode& node : nodes_) {
    if (seen.insert(node.layer.get()).second) layers.push_back(node.layer);
  }
  return layers;
}

void Model::Network::set_trainable(bool trainable) {
  for (const auto& layer : sublayers()) layer->set_trainable(trainable);
}

std::vector<std::shared_ptr<Layer>> Model::Network::all_layers() const {
  std::vector<std::shared_ptr<Layer>> all = sublayers();
  for (std::size_t i = 0; i < all.size(); ++i) {  // grows while it is walked
    for (const auto& inner : all[i]->sublayers()) {
      if (std::ranges::find(all, inner) == all.end()) all.push_back(inner);
    }
  }
  return all;
}

std::optional<Variable> Model::Network::regularization(ForwardPass& pass) const {
  std::optional<Variable> total;
  for (const auto& layer : all_layers()) {
    if (!layer->sublayers().empty()) continue;  // its layers count, each once
    const std::optional<Variable> own = layer->regularization(pass);
    if (own) total = total ? *total + *own : *own;
  }
  return total;
}

std::string Model::Network::activation_of_output(std::size_t output) const {
  std::vector<std::string> activations;  // of the nodes
  for (const ModelNode& node : nodes_) {
    std::string& activation = activations.emplace_back(node.layer->output_activation());
    if (!node.layer->keeps_activation() || node.inputs.empty()) continue;
    activation = activations[node.inputs.front()];
    for (const std::size_t input : node.inputs) {
      if (activations[input] != activation) activation.clear();
    }
  }
  return activations[outputs_.at(output)];
}

bool Model::Network::keeps_activation() const {
  return std::ranges::all_of(
      nodes_, [](const ModelNode& node) { return is_input(*node.layer) || node.layer->keeps_activation(); });
}

bool Model::Network::trainable() const {
  return std::ranges::any_of(sublayers(), [](const auto& layer) { return layer->trainable(); });
}

/// Parameters get their whole path, so that those of two nested models have different names.
void Model::Network::rename(std::string name) {
  Layer::rename(std::move(name));
  for (auto& [path, parameter] : named_parameters()) parameter.rename(this->name() + "/" + path);
}

std::uint64_t Model::Network::initialize(std::uint64_t seed, std::uint64_t stream, InitialStreams& taken) {
  const std::uint64_t first = stream;
  for (const auto& layer : sublayers()) stream += layer->initialize(seed, stream, taken);
  return stream - first;
}

std::vector<std::pair<std::string, Parameter>> Model::Network::named_parameters() const {
  std::vector<std::pair<std::string, Parameter>> all;
  for (const auto& layer : sublayers()) {
    for (auto& [path, parameter] : layer->named_parameters()) all.emplace_back(layer->name() + "/" + path, parameter);
  }
  return all;
}

Shape Model::Network::output_shape(const std::vector<Shape>& inputs) const {
  if (inputs != input_shapes_) reject(inputs_text(), inputs);
  check(outputs_.size() == 1,
        "{}: expected one output for use as a layer, got {}; make a Model of one of the outputs for that", title(),
        outputs_.size());
  return output_shapes_.front();
}

Variable Model::Network::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return compute(inputs, pass).front();
}

std::vector<Variable> Model::Network::compute(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  check_inputs(inputs);
  Values values(nodes_.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) values[inputs_[i]] = WithoutBias{inputs[i]};
  for (const Segment& segment : segments_) {
    if (pass.recompute() && pass.records() && segment.worth_recomputing) {
      run_again_on_the_way_back(segment, values, pass);
    } else {
      run(segment, values, pass);
    }
  }
  std::vector<Variable> results;
  for (const std::size_t output : outputs_) results.push_back(values[output]->value);
  return results;
}

void Model::Network::run(const Segment& segment, Values& values, ForwardPass& pass) const {
  for (std::size_t i = segment.begin; i < segment.end; ++i) {
    const FusedStep& step = steps_[i];
    if (step.inputs.empty()) continue;  // an input of the model
    std::vector<Variable> arguments;
    for (const std::size_t input : step.inputs) arguments.push_back(values[input]->value);
    FusedParts parts{.relu = step.relu, .max_pool = step.max_pool};
    if (step.inputs.size() == 1) parts.bias = values[step.inputs[0]]->bias;
    if (step.residual) parts.residual = values[*step.residual]->value;
    for (const std::size_t read : step.reads()) {
      if (last_use_[read] == i) values[read].reset();  // nobody reads it again: only the tape may keep it
    }
    values[step.output()] = call_step(step, nodes_, std::move(arguments), parts, pass);
  }
}

void Model::Network::run_again_on_the_way_back(const Segment& segment, Values& values, ForwardPass& pass) const {
  std::vector<std::size_t> nodes;  // that it reads and does not make
  std::vector<Variable> inputs;
  std::vector<Parameter> parameters;
  const auto add_to = [](auto& list, const auto& element) {
    const bool fresh = std::ranges::find(list, element) == list.end();
    if (fresh) list.push_back(element);
    return fresh;
  };
  for (std::size_t i = segment.begin; i < segment.end; ++i) {
    for (const std::size_t read : steps_[i].reads()) {
      if (values[read] && add_to(nodes, read)) inputs.push_back(values[read]->value);
    }
    for (const auto& [path, parameter] : nodes_[steps_[i].node()].layer->named_parameters()) {
      if (parameter.trainable()) add_to(parameters, parameter);
    }
  }
  for (const std::size_t node : nodes) {
    if (last_use_[node] < segment.end) values[node].reset();
  }
  const std::size_t output = steps_[segment.end - 1].output();
  const auto self = std::static_pointer_cast<const Network>(shared_from_this());  // lives until the way back
  const SegmentFunction compute = [self, segment, nodes, output](const std::vector<Variable>& x, ForwardPass& again) {
    Values between(self->nodes_.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) between[nodes[i]] = WithoutBias{x[i]};
    self->run(segment, between, again);
    return between[output]->value;
  };
  values[output] = WithoutBias{recomputed(inputs, parameters, compute, pass)};
}

}  // namespace xtape
