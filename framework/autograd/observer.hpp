// Observer: receives notifications about passes while they run.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// An op on a tape and the layer that recorded it.
struct ObservedOp {
  std::string_view name;   ///< name of the op, such as "conv2d"
  std::string_view layer;  ///< name of the layer; empty if the op was recorded before any layer began
};

/// The base class of observers. A pass notifies the observers in PassOptions::observers in order, on the thread that
/// runs the pass. All functions do nothing by default. An exception that an observer throws ends the pass. Ops on
/// constants are not recorded and therefore not reported.
class Observer {
 public:
  virtual ~Observer() = default;

  /// Called before the ops of a layer, or of another named part of the computation, such as "loss".
  virtual void layer_begins(std::string_view /*layer*/) {}
  /// Called after an op was computed from `inputs` and recorded. `value` is its output.
  virtual void op_recorded(const ObservedOp& /*op*/, const Tensor& /*value*/, const std::vector<Variable>& /*inputs*/) {
  }
  /// Called before the derivatives of an op are computed.
  virtual void backward_begins(const ObservedOp& /*op*/) {}
  /// Called after the derivative with respect to input number `which` of the op was computed.
  virtual void derivative_computed(const ObservedOp& /*op*/, std::size_t /*which*/, const Tensor& /*derivative*/) {}
  /// Called after all derivatives of the op were computed.
  virtual void backward_ends(const ObservedOp& /*op*/) {}

 protected:
  /// Only derived classes can be created and copied.
  Observer() = default;
  /// Copies an observer.
  Observer(const Observer&) = default;
  /// Assigns an observer.
  Observer& operator=(const Observer&) = default;
};

}  // namespace xtape
