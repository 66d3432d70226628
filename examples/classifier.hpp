// Functions of predict and evaluate: loading classifiers, and converting their outputs to logits.
#pragma once

#include <string>
#include <xtape/xtape.hpp>

#include "framework/io/utf8.hpp"

namespace xtape {

/// Loads a model that computes logits or softmax probabilities of classes from images. Error with `program` for other
/// models, including those that end in a sigmoid or tanh.
Model load_classifier(const std::string& program, const std::string& path);

/// The logits (n, classes) for the model's outputs (n, classes): the outputs themselves, or the logarithms of the
/// outputs of a softmax, where 0 counts as the smallest normal number. Error with `program` and `images`, the name of
/// the data, when an output is not finite.
Tensor logits_of(const std::string& program, const Model& model, const Tensor& outputs, const std::string& images);

}  // namespace xtape
