// Part 2 of the report: the small convolutional network.
#pragma once

#include "examples/lab/figures.hpp"
#include "models/zoo/conv_net.hpp"

namespace xtape::lab {

/// The report's ConvNet with the initial values that it prints: random numbers of TensorFlow for graph seed 1 and, in
/// each kernel, op seed 0, scaled as Glorot-uniform (Xavier).
Model lab_conv_net();

/// The shapes and initial values of the ConvNet.
std::vector<Figure> convnet_figures();

}  // namespace xtape::lab
