// Network: the layer that a Model handle refers to; it is made of layers. Internal to models/.
#pragma once

#include <map>

#include "models/graph/fusion.hpp"
#include "models/graph/model.hpp"
#include "models/graph/segments.hpp"

namespace xtape {

class Model::Network final : public Layer {
 public:
  Network(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs, ModelOptions options);
  Network(GraphFunction define, ModelOptions options);

  std::string type() const override { return "Model"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  std::vector<Sublayer> sublayers() const override;
  std::string output_activation() const override { return activation_of_output(0); }
  std::string activation_of_output(std::size_t output) const;
  bool keeps_activation() const override;
  bool trainable() const override;

  /// Error if the graph is not made yet, before the first call.
  void check_defined() const;
  const Layer& output_layer() const { return *nodes_[outputs_.front().node].layer; }
  const std::vector<ModelNode>& nodes() const { return nodes_; }
  const std::vector<std::size_t>& input_nodes() const { return inputs_; }
  const std::vector<NodeOutput>& output_nodes() const { return outputs_; }
  const TensorSpec& spec(NodeOutput value) const { return nodes_[value.node].outputs[value.output].spec(); }

 protected:
  void prepare(const std::vector<TensorSpec>& inputs) override;

 private:
  using KnownCalls =
      std::map<const SymbolicTensor::Call*, std::size_t>;  // the node of each call, while the graph is read
  void read_graph(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs);
  NodeOutput add(const SymbolicTensor& tensor, KnownCalls& known);
  void name_layers();
  std::string inputs_text() const;
  [[noreturn]] void reject_input(std::size_t i, const Variable& given) const;
  void check_inputs(const std::vector<Variable>& inputs) const;
  using Values = std::vector<std::vector<Variable>>;  // outputs of each node, until the last step that reads them
  void run_segment(const Segment& segment, Values& values, ForwardPass& pass) const;
  void run_recomputed(const Segment& segment, Values& values, ForwardPass& pass) const;
  std::vector<Variable> compute_step(const FusedStep& step, FusedCall& call, ForwardPass& pass) const;

  GraphFunction define_;  // empty once the graph is made
  std::uint64_t seed_;
  std::vector<ModelNode> nodes_;  // in the order of computation
  std::vector<std::size_t> inputs_;
  std::vector<NodeOutput> outputs_;
  std::vector<FusedStep> steps_;       // the computation, in order
  std::vector<std::size_t> last_use_;  // the last step that reads each node
  std::vector<Segment> segments_;      // checkpointed blocks of steps
};

}  // namespace xtape
