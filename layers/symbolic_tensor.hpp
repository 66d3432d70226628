// SymbolicTensor: a value in the layer graph.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "layers/tensor_spec.hpp"

namespace xtape {

class Layer;

/// An output of a layer's call in the layer graph: its shape and type, and how it is computed. No numbers.
class SymbolicTensor {
 public:
  /// One call of a layer.
  struct Call {
    std::shared_ptr<Layer> layer;
    std::vector<SymbolicTensor> inputs;
    std::vector<TensorSpec> outputs;
    /// Destroys the graph of its inputs one call after the other: recursion would overflow the stack in a chain of
    /// 100,000 calls.
    ~Call();
  };

  SymbolicTensor(std::shared_ptr<Call> call, std::size_t output) : call_(std::move(call)), output_(output) {}

  const TensorSpec& spec() const { return call_->outputs[output_]; }
  /// Shape of one sample, without the batch axis.
  const PartialShape& shape() const { return spec().shape; }
  DType dtype() const { return spec().dtype; }
  const Call& call() const { return *call_; }
  /// Its number among the outputs of the call.
  std::size_t output() const { return output_; }
  /// All outputs of the call, this one among them.
  std::vector<SymbolicTensor> outputs_of_call() const;
  friend bool operator==(const SymbolicTensor& a, const SymbolicTensor& b) {
    return a.call_ == b.call_ && a.output_ == b.output_;
  }

 private:
  std::shared_ptr<Call> call_;
  std::size_t output_;
};

// The same as Add()({a, b}), Subtract()({a, b}), Multiply()({a, b}); defined in layers/merge.cpp.
SymbolicTensor operator+(const SymbolicTensor& a, const SymbolicTensor& b);
SymbolicTensor operator-(const SymbolicTensor& a, const SymbolicTensor& b);
SymbolicTensor operator*(const SymbolicTensor& a, const SymbolicTensor& b);

}  // namespace xtape
