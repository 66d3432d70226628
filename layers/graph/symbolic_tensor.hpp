// SymbolicTensor: a tensor without values in the layer graph.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "layers/graph/tensor_spec.hpp"

namespace xtape {

class Layer;

/// An output of a call of a layer in the layer graph. It has a shape, an element type and the call that computes it,
/// but no values.
class SymbolicTensor {
 public:
  /// One call of a layer in the layer graph.
  struct Call {
    std::shared_ptr<Layer> layer;        ///< the layer that is called
    std::vector<SymbolicTensor> inputs;  ///< the arguments of the call
    std::vector<TensorSpec> outputs;     ///< the specs of the results
    /// Destroys the calls that only this one refers to in a loop: recursion would overflow the stack for a chain of
    /// 100,000 calls.
    ~Call();
  };

  /// Internal: output number `output` of a call.
  SymbolicTensor(std::shared_ptr<Call> call, std::size_t output) : call_(std::move(call)), output_(output) {}

  /// Shape and element type of one sample.
  const TensorSpec& spec() const { return call_->outputs[output_]; }
  /// Shape of one sample, without the batch axis.
  const PartialShape& shape() const { return spec().shape; }
  /// Element type.
  DType dtype() const { return spec().dtype; }
  /// The call that computes this tensor.
  const Call& call() const { return *call_; }
  /// The number of this tensor among the outputs of the call, from 0.
  std::size_t output() const { return output_; }
  /// All outputs of the call, including this one.
  std::vector<SymbolicTensor> outputs_of_call() const;
  friend bool operator==(const SymbolicTensor& a, const SymbolicTensor& b) {
    return a.call_ == b.call_ && a.output_ == b.output_;
  }

 private:
  std::shared_ptr<Call> call_;
  std::size_t output_;
};

// Defined in layers/shape/merge.cpp.
/// The sum of two tensors of equal shapes: `Add()({a, b})`.
SymbolicTensor operator+(const SymbolicTensor& a, const SymbolicTensor& b);
/// The difference of two tensors of equal shapes: `Subtract()({a, b})`.
SymbolicTensor operator-(const SymbolicTensor& a, const SymbolicTensor& b);
/// The element-wise product of two tensors of equal shapes: `Multiply()({a, b})`.
SymbolicTensor operator*(const SymbolicTensor& a, const SymbolicTensor& b);

}  // namespace xtape
