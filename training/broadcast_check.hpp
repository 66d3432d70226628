// Whether a custom loss compares the targets of some samples with the outputs of others.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/model.hpp"
#include "training/dataset.hpp"
#include "training/loss_function.hpp"

namespace xtape {

/// Whether arithmetic would broadcast the targets of some samples against the outputs of others, or against other
/// outputs of the same sample.
bool broadcast_apart(const Shape& outputs, const Shape& targets);

/// Error naming `function` when the loss lets arithmetic broadcast labels against the outputs of other samples in a
/// batch of this data, as (n, 1) - (n) and (k, k) - (k) do. The loss is only called, on a few samples, where the shapes
/// leave that open: with a number of samples for which such shapes can't be broadcast, or, where there is none, with
/// targets in another order, which such a loss does not notice. A loss that reshapes its labels is let through, and so
/// is one that has a state and gets classes, as it would see the additional call.
void check_broadcasts(std::string_view function, const Model& model, const Dataset& data, const LossFunction& loss,
                      std::int64_t batch_size, const std::vector<double>& class_weights);

}  // namespace xtape
