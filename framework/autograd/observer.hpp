// Observer: watches passes as they run.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// An op on a tape, and the layer that it was recorded in; empty when no layer had begun.
struct ObservedOp {
  std::string_view name, layer;
};

/// What passes report to those in PassOptions::observers, in order, on the thread that runs the pass. Does nothing by
/// default. An exception of an observer ends the pass. Ops of constants are not recorded, and so not reported.
class Observer {
 public:
  virtual ~Observer() = default;

  /// The ops that follow belong to this layer, or to another part of the computation with a name, such as "loss".
  virtual void layer_begins(std::string_view /*layer*/) {}
  /// An op was computed from the inputs, and recorded.
  virtual void op_recorded(const ObservedOp& /*op*/, const Tensor& /*value*/, const std::vector<Variable>& /*inputs*/) {
  }
  /// The derivatives of an op come next.
  virtual void backward_begins(const ObservedOp& /*op*/) {}
  /// The derivative with respect to input number `which` of the op was computed.
  virtual void derivative_computed(const ObservedOp& /*op*/, std::size_t /*which*/, const Tensor& /*derivative*/) {}
  /// All derivatives of the op were computed.
  virtual void backward_ends(const ObservedOp& /*op*/) {}

 protected:
  Observer() = default;
  Observer(const Observer&) = default;
  Observer& operator=(const Observer&) = default;
};

}  // namespace xtape
