// What predict and evaluate share: networks that name what images show, and how their outputs are read and shown.
#pragma once

#include <string>
#include <xtape/xtape.hpp>

#include "framework/io/utf8.hpp"

namespace xtape {

/// The model of a file that gives classes for images, by logits or by the probabilities of a softmax. Error naming
/// `program` when it does something else, which sigmoid and tanh at its end are too: they make neither of the two.
Model load_classifier(const std::string& program, const std::string& path);

/// The logits (n, classes) that the model's outputs (n, classes) stand for: the outputs, or the logarithms of what a
/// softmax has made, whose softmax is the same again; 0 counts as the smallest normal number. Error naming `program`
/// and `images`, what they are made for, when an output is not finite.
Tensor logits_of(const std::string& program, const Model& model, const Tensor& outputs, const std::string& images);

}  // namespace xtape
