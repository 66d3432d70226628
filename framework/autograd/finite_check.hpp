// FiniteCheck: finds the op that computed the first NaN or infinity, and summarizes the inputs of this op.
#pragma once

#include <cstdint>
#include <string>

#include "framework/autograd/observer.hpp"

namespace xtape {

/// Whether no element is NaN or infinite; true for integers.
bool all_finite(const Tensor& tensor);
/// Whether no element is NaN; true for integers.
bool no_nan(const Tensor& tensor);

/// The shape of a tensor and statistics of its finite elements: "(2, 3): min -1, mean 0.5, max 2, 1 of 6 not finite".
std::string summary_of_values(const Tensor& tensor);

/// Ends a pass at the first recorded value or derivative that is NaN or infinite, with an Error that names step, layer
/// and op and summarizes the op's inputs. Reads every element.
///
///   FiniteCheck finite(adam.iterations());
///   ForwardPass pass(Mode::training, {.observers = {&finite}});
class FiniteCheck final : public Observer {
 public:
  /// Checks passes of the training step with this number, which messages contain. fit() gives iterations() of the
  /// optimizer, which counts from 0; its own messages count the steps of an epoch from 1.
  explicit FiniteCheck(std::int64_t step = 0) : step_(step) {}
  void op_recorded(const ObservedOp& op, const Tensor& value, const std::vector<Variable>& inputs) override;
  void derivative_computed(const ObservedOp& op, std::size_t which, const Tensor& derivative) override;

 private:
  void require(const ObservedOp& op, std::string_view what, const Tensor& value,
               const std::vector<Variable>& inputs) const;
  std::int64_t step_;
};

}  // namespace xtape
