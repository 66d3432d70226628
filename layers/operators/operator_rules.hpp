// The functions of Operator: a row for each one. Internal to layers/.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "layers/operators/operator.hpp"

namespace xtape {

/// A function of Operator. Shapes have the batch axis in front, with an unknown extent; the shape of the parameter, if
/// there is one, is among the inputs.
struct OperatorRule {
  int inputs;        ///< number of operands, with the parameter or the value
  bool takes_value;  ///< whether `value` can be an operand
  /// The shape of the output. Error when the options or the shapes do not fit.
  PartialShape (*shape)(const OperatorLayer::Options& options, const std::vector<PartialShape>& inputs);
  /// Computes the output. Samples have been aligned for functions that broadcast.
  Variable (*compute)(const OperatorLayer::Options& options, const std::vector<Variable>& inputs);
};

/// All functions by their names.
const std::map<std::string_view, OperatorRule>& operator_rules();

}  // namespace xtape
