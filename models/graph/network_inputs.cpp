// The checks of a network's inputs, and their messages.
#include "models/graph/network.hpp"

namespace xtape {

/// The expected inputs: "(None, 4)", or "2 inputs in this order: left (None, 4) and right (None, 2, 3)".
std::string Model::Network::inputs_text() const {
  if (inputs_.size() == 1) return to_string(spec({inputs_[0]}));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::string& name = nodes_[inputs_[i]].layer->name();
    texts.push_back(fmt::format("{}{}{}", name, name.empty() ? "" : " ", to_string(spec({inputs_[i]}))));
  }
  return fmt::format("{} inputs in this order: {}", inputs_.size(), fmt::join(texts, " and "));
}

void Model::Network::reject_input(std::size_t i, const Variable& given) const {
  const TensorSpec& wanted = spec({inputs_[i]});
  const bool single = inputs_.size() == 1;
  const std::string which = single ? "" : fmt::format(" for {}", nodes_[inputs_[i]].layer->name());
  if (is_floating(wanted.dtype) && !is_floating(given.dtype())) {
    fail("{}: expected floating inputs, got {}{}; predict() and DataLoader scale uint8 images to [0, 1]", title(),
         given.dtype(), which);
  }
  if (!is_floating(wanted.dtype) && given.dtype() != wanted.dtype) {
    fail(
        "{}: expected an input {}{}, got {} {}; convert it with .to(DType::{}), in a Dataset too, which takes uint8 "
        "for "
        "images",
        title(), to_string(wanted), which, given.dtype(), given.shape(), wanted.dtype);
  }
  const bool one_sample = given.value().defined() && wanted.shape.matches(given.shape());
  fail("{}: expected an input {}{} with at least one sample, got {}{}", title(), to_string(wanted), which,
       given.shape(),
       one_sample ? fmt::format("; reshape one sample to {}", given.shape().prepended(1))
       : single   ? ""
                  : fmt::format("; the model has {}", inputs_text()));
}

void Model::Network::check_inputs(const std::vector<Variable>& inputs) const {
  check_defined();
  if (inputs.size() != inputs_.size()) {
    fail("{}: expected {}, got {} {}", title(), inputs_.size() == 1 ? "one input " + inputs_text() : inputs_text(),
         inputs.size(), inputs.size() == 1 ? "input" : "inputs");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& given = inputs[i].shape();
    const TensorSpec& wanted = spec({inputs_[i]});
    const bool fits = given.rank() == wanted.shape.rank() + 1 && wanted.shape.matches(given.without(0));
    if (!fits || given[0] < 1 || !wanted.takes(inputs[i].dtype())) reject_input(i, inputs[i]);
    if (given[0] != inputs[0].dim(0)) {
      fail("{}: expected inputs of one batch size, got {} and {}", title(), inputs[0].shape(), given);
    }
  }
}

}  // namespace xtape
