// Network: what a Model handle holds, a layer made of layers. Internal to models/.
#pragma once

#include "models/fusion.hpp"
#include "models/model.hpp"
#include "models/segments.hpp"

namespace xtape {

class Model::Network final : public Layer {
 public:
  Network(const std::vector<SymbolicTensor>& inputs, const std::vector<SymbolicTensor>& outputs, ModelOptions options);

  std::string type() const override { return "Model"; }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  std::vector<std::pair<std::string, Parameter>> named_parameters() const override;
  std::vector<std::shared_ptr<Layer>> sublayers() const override;
  std::vector<std::shared_ptr<Layer>> all_layers() const;
  std::string output_activation() const override { return activation_of_output(0); }
  std::string activation_of_output(std::size_t output) const;
  bool keeps_activation() const override;
  void set_trainable(bool trainable) override;
  bool trainable() const override;
  std::optional<Variable> regularization(ForwardPass& pass) const override;
  void rename(std::string name) override;
  std::uint64_t initialize(std::uint64_t seed, std::uint64_t stream, InitialStreams& taken) override;

  std::vector<Variable> compute(const std::vector<Variable>& inputs, ForwardPass& pass) const;
  const Layer& output_layer() const { return *nodes_[outputs_.front()].layer; }
  const std::vector<ModelNode>& nodes() const { return nodes_; }
  const std::vector<std::size_t>& input_nodes() const { return inputs_; }
  const std::vector<std::size_t>& output_nodes() const { return outputs_; }
  const std::vector<Shape>& input_shapes() const { return input_shapes_; }
  const std::vector<Shape>& output_shapes() const { return output_shapes_; }

 private:
  using KnownCalls = std::map<const SymbolicTensor::Call*, std::size_t>;  // their nodes, while the graph is read
  std::size_t add(const SymbolicTensor& tensor, KnownCalls& known);
  void name_layers();
  std::string inputs_text() const;
  [[noreturn]] void reject_input(std::size_t i, const Variable& given) const;
  void check_inputs(const std::vector<Variable>& inputs) const;
  using Values = std::vector<std::optional<WithoutBias>>;  // of each node, while somebody is still to read it
  void run(const Segment& segment, Values& values, ForwardPass& pass) const;
  void run_again_on_the_way_back(const Segment& segment, Values& values, ForwardPass& pass) const;

  std::vector<ModelNode> nodes_;  // in the order of computation
  std::vector<std::size_t> inputs_, outputs_;
  std::vector<FusedStep> steps_;       // what is computed, in order
  std::vector<std::size_t> last_use_;  // for each node the last step that reads it
  std::vector<Segment> segments_;      // of steps
  std::vector<Shape> input_shapes_, output_shapes_;
};

}  // namespace xtape
