// What a network takes, and what it says of other inputs.
#include "models/network.hpp"

namespace xtape {

/// "(None, 4)", or "2 inputs in this order: left (None, 4) and right (None, 2, 3)".
std::string Model::Network::inputs_text() const {
  if (inputs_.size() == 1) return batch_shape_text(input_shapes_[0]);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::string& name = nodes_[inputs_[i]].layer->name();
    texts.push_back(fmt::format("{}{}{}", name, name.empty() ? "" : " ", batch_shape_text(input_shapes_[i])));
  }
  return fmt::format("{} inputs in this order: {}", inputs_.size(), fmt::join(texts, " and "));
}

void Model::Network::reject_input(std::size_t i, const Variable& given) const {
  const Shape& wanted = input_shapes_[i];
  const bool single = inputs_.size() == 1;
  const std::string which = single ? "" : fmt::format(" for {}", nodes_[inputs_[i]].layer->name());
  if (!is_floating(given.dtype())) {
    fail("{}: expected floating inputs, got {}{}; predict() and DataLoader scale uint8 images to [0, 1]", title(),
         given.dtype(), which);
  }
  const bool one_sample = given.value().defined() && given.shape() == wanted;
  fail("{}: expected an input {}{} with at least one sample, got {}{}", title(), batch_shape_text(wanted), which,
       given.shape(),
       one_sample ? fmt::format("; reshape one sample to {}", wanted.prepended(1))
       : single   ? ""
                  : fmt::format("; the model has {}", inputs_text()));
}

void Model::Network::check_inputs(const std::vector<Variable>& inputs) const {
  if (inputs.size() != inputs_.size()) {
    fail("{}: expected {}, got {} {}", title(), inputs_.size() == 1 ? "one input " + inputs_text() : inputs_text(),
         inputs.size(), inputs.size() == 1 ? "input" : "inputs");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& given = inputs[i].shape();
    const bool fits = given.rank() == input_shapes_[i].rank() + 1 && given.without(0) == input_shapes_[i];
    if (!fits || given[0] < 1 || !is_floating(inputs[i].dtype())) reject_input(i, inputs[i]);
    if (given[0] != inputs[0].dim(0)) {
      fail("{}: expected inputs of one batch size, got {} and {}", title(), inputs[0].shape(), given);
    }
  }
}

}  // namespace xtape
