#include "models/graph/network.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "framework/io/utf8.hpp"
#include "framework/tensor/streams.hpp"
#include "layers/graph/input.hpp"
#include "models/files/keras_names.hpp"

namespace xtape {
namespace {

/// Error with `owner` for a name that a file cannot store.
void check_storable(const std::string& owner, const std::string& name) {
  try {
    check_name(name);
  } catch (const Error& error) {
    fail_as(error, "{}: expected names that files can keep: {}, in \"{}\"; choose another name", owner, error.what(),
            printable(name));
  }
}

/// Error unless the outputs of a layer agree with its output_specs().
void check_computed(const ModelNode& node, const std::vector<Variable>& computed, std::int64_t batch) {
  check(computed.size() == node.outputs.size(), "{}: expected as many outputs as it infers, {}, got {}",
        node.layer->title(), node.outputs.size(), computed.size());
  for (std::size_t i = 0; i < computed.size(); ++i) {
    const TensorSpec& spec = node.outputs[i].spec();
    const PartialShape inferred = spec.shape.prepended(batch);
    check(inferred.matches(computed[i].shape()), "{}: expected an output of the shape it infers, {}, got {}",
          node.layer->title(), inferred, computed[i].shape());
    check(spec.takes(computed[i].dtype()), "{}: expected an output of the type it infers, {}, got {}",
          node.layer->title(), spec.dtype, computed[i].dtype());
  }
}

/// The names of the layers inside a layer that is not a model. A model has checked its own names.
void check_names_inside(const std::string& owner, const Layer& layer) {
  (void)layer.all_sublayers();  // throws if the layer is inside itself
  for (const Sublayer& inner : layer.sublayers()) {
    check_storable(owner, inner.name);
    check_names_inside(owner, *inner.layer);
  }
}

}  // namespace

Model::Network::Network(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs,
                        ModelOptions options)
    : Layer(options.name), seed_(options.seed) {
  check_storable("Model", options.name);
  read_graph(inputs, outputs);
}

Model::Network::Network(GraphFunction define, ModelOptions options)
    : Layer(options.name), define_(std::move(define)), seed_(options.seed) {
  check_storable("Model", options.name);
  check(static_cast<bool>(define_), "{}: expected a function that makes a graph, got an empty one", title());
}

void Model::Network::check_defined() const {
  check(!define_,
        "{}: expected a model with known inputs, got one that was not called yet; begin it with an Input, "
        "or call it on a symbolic tensor",
        title());
}

void Model::Network::prepare(const std::vector<TensorSpec>& inputs) {
  if (!define_) return;
  std::vector<SymbolicTensor> symbols;
  for (const TensorSpec& input : inputs) symbols.push_back(Input({.shape = input.shape, .dtype = input.dtype}));
  read_graph(symbols, define_(symbols));
  define_ = nullptr;
}

void Model::Network::read_graph(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs) {
  nodes_.clear();  // nodes of an earlier attempt that failed
  inputs_.clear();
  outputs_.clear();
  check(!inputs.empty() && !outputs.empty(), "{}: expected at least one input and one output, got {} and {}", title(),
        inputs.size(), outputs.size());
  KnownCalls known;
  std::set<std::size_t> listed;
  for (const SymbolicTensor& input : inputs) {
    check(is_input(*input.call().layer), "{}: expected inputs made by Input, got the output of {}", title(),
          input.call().layer->title());
    const std::size_t node = add(input, known).node;
    check(listed.insert(node).second, "{}: expected different inputs, got {} twice", title(),
          batch_shape_text(input.shape()));
    inputs_.push_back(node);
  }
  for (const SymbolicTensor& output : outputs) outputs_.push_back(add(output, known));
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    check(listed.contains(i) || !is_input(*nodes_[i].layer),
          "{}: expected every Input that an output depends on among the model's inputs, got none for {} {}", title(),
          nodes_[i].layer->title(), batch_shape_text(nodes_[i].shape()));
  }
  steps_ = plan_steps(nodes_, outputs_);
  last_use_.assign(nodes_.size(), 0);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (const NodeOutput& read : steps_[i].reads()) last_use_[read.node] = i;
  }
  for (const NodeOutput& output : outputs_) last_use_[output.node] = steps_.size();
  segments_ = plan_segments(steps_, nodes_, last_use_);
  name_layers();
  InitialStreams taken;
  for (const auto& layer : all_sublayers()) layer->claim_streams(seed_, taken);
  initialize(seed_, streams::parameters, taken);
}

/// Adds the call that computes a tensor, after the calls it depends on: depth first, without recursion.
NodeOutput Model::Network::add(const SymbolicTensor& tensor, KnownCalls& known) {
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
    ModelNode node{call.layer, {}, top.outputs_of_call()};
    for (const SymbolicTensor& input : call.inputs) node.inputs.push_back({known.at(&input.call()), input.output()});
    known[&call] = nodes_.size();
    nodes_.push_back(std::move(node));
  }
  return {known.at(&tensor.call()), tensor.output()};
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
    check_names_inside(title(), *node.layer);
    std::string chosen = node.layer->name();
    while (chosen.empty() || (taken.contains(chosen) && taken[chosen] != node.layer.get())) {
      const std::string base = is_input(*node.layer) ? "input" : snake_case(node.layer->type());
      chosen = fmt::format("{}_{}", base, ++counts[base]);
    }
    node.layer->rename(chosen);
  }
}

std::vector<Sublayer> Model::Network::sublayers() const {
  std::vector<Sublayer> layers;
  std::set<const Layer*> seen;
  for (const ModelNode& node : nodes_) {
    if (seen.insert(node.layer.get()).second) layers.push_back({node.layer->name(), node.layer});
  }
  return layers;
}

std::string Model::Network::activation_of_output(std::size_t output) const {
  std::vector<std::string> activations;  // of the nodes
  for (const ModelNode& node : nodes_) {
    std::string& activation = activations.emplace_back(node.layer->output_activation());
    if (!node.layer->keeps_activation() || node.inputs.empty()) continue;
    activation = activations[node.inputs.front().node];
    for (const NodeOutput& input : node.inputs) {
      if (activations[input.node] != activation) activation.clear();
    }
  }
  return outputs_.empty() ? "" : activations[outputs_.at(output).node];
}

bool Model::Network::keeps_activation() const {
  return std::ranges::all_of(
      nodes_, [](const ModelNode& node) { return is_input(*node.layer) || node.layer->keeps_activation(); });
}

bool Model::Network::trainable() const {
  return std::ranges::any_of(sublayers(), [](const Sublayer& inner) { return inner.layer->trainable(); });
}

std::vector<TensorSpec> Model::Network::output_specs(const std::vector<TensorSpec>& inputs) const {
  bool fits = inputs.size() == inputs_.size(), same = fits;
  for (std::size_t i = 0; fits && i < inputs.size(); ++i) {
    const TensorSpec& own = spec({inputs_[i]});
    fits = own.shape.matches(inputs[i].shape) && own.dtype == inputs[i].dtype;
    same = same && own == inputs[i];
  }
  if (!fits) reject(inputs_text(), inputs);
  std::vector<TensorSpec> results;
  if (same) {
    for (const NodeOutput& output : outputs_) results.push_back(spec(output));
    return results;
  }
  std::vector<std::vector<TensorSpec>> specs(nodes_.size());  // of each node, with more known extents
  for (std::size_t i = 0; i < inputs.size(); ++i) specs[inputs_[i]] = {inputs[i]};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    std::vector<TensorSpec> arguments;
    for (const NodeOutput& input : nodes_[i].inputs) arguments.push_back(specs[input.node][input.output]);
    if (!arguments.empty()) specs[i] = nodes_[i].layer->output_specs(arguments);
  }
  for (const NodeOutput& output : outputs_) results.push_back(specs[output.node][output.output]);
  return results;
}

std::vector<Variable> Model::Network::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  check_inputs(inputs);
  Values values(nodes_.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) values[inputs_[i]] = {inputs[i]};
  for (const Segment& segment : segments_) {
    if (pass.recompute() && pass.records() && segment.worth_recomputing) {
      run_recomputed(segment, values, pass);
    } else {
      run_segment(segment, values, pass);
    }
  }
  std::vector<Variable> results;
  for (const NodeOutput& output : outputs_) results.push_back(values[output.node][output.output]);
  return results;
}

void Model::Network::run_segment(const Segment& segment, Values& values, ForwardPass& pass) const {
  for (std::size_t i = segment.begin; i < segment.end; ++i) {
    const FusedStep& step = steps_[i];
    if (step.inputs.empty()) continue;  // an input of the model
    FusedCall call{
        .layers = step.layers, .inputs = {}, .residual = std::nullopt, .current = nodes_[step.node()].layer.get()};
    for (const NodeOutput& input : step.inputs) call.inputs.push_back(values[input.node][input.output]);
    if (step.residual) call.residual = values[step.residual->node][step.residual->output];
    for (const NodeOutput& read : step.reads()) {
      if (last_use_[read.node] == i) values[read.node].clear();  // only the tape may still hold the values
    }
    values[step.output()] = compute_step(step, call, pass);
  }
}

std::vector<Variable> Model::Network::compute_step(const FusedStep& step, FusedCall& call, ForwardPass& pass) const {
  const std::int64_t batch = call.inputs.front().dim(0);
  std::vector<Variable> computed;
  if (step.rule) {
    try {
      computed = {step.rule->compute(call, pass)};
    } catch (const Error& error) {
      fail_as(error, "{}: {}", call.current->title(), error.what());
    }
  } else {
    const Layer& layer = *nodes_[step.node()].layer;
    pass.begin_layer(layer.name());
    computed = layer.run(call.inputs, pass);
  }
  check_computed(nodes_[step.output()], computed, batch);
  return computed;
}

void Model::Network::run_recomputed(const Segment& segment, Values& values, ForwardPass& pass) const {
  std::vector<NodeOutput> read;  // values that the segment reads and does not compute
  std::vector<Variable> inputs;
  std::vector<Parameter> parameters;
  const auto add_to = [](auto& list, const auto& element) {
    const bool fresh = std::ranges::find(list, element) == list.end();
    if (fresh) list.push_back(element);
    return fresh;
  };
  for (std::size_t i = segment.begin; i < segment.end; ++i) {
    for (const NodeOutput& value : steps_[i].reads()) {
      if (!values[value.node].empty() && add_to(read, value)) inputs.push_back(values[value.node][value.output]);
    }
    for (const std::size_t node : steps_[i].nodes) {
      for (const auto& [path, parameter] : nodes_[node].layer->named_parameters()) {
        if (parameter.trainable()) add_to(parameters, parameter);
      }
    }
  }
  for (const NodeOutput& value : read) {
    if (last_use_[value.node] < segment.end) values[value.node].clear();
  }
  const std::size_t output = steps_[segment.end - 1].output();
  const auto self = std::static_pointer_cast<const Network>(shared_from_this());  // lives until the backward pass
  const SegmentFunction compute = [self, segment, read, output](const std::vector<Variable>& x, ForwardPass& again) {
    Values between(self->nodes_.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      auto& outputs = between[read[i].node];
      outputs.resize(std::max(outputs.size(), read[i].output + 1), Tensor());
      outputs[read[i].output] = x[i];
    }
    self->run_segment(segment, between, again);
    return between[output].front();
  };
  values[output] = {recomputed(inputs, parameters, compute, pass)};
}

}  // namespace xtape
