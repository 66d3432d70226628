// Part 2 of the report: the small convolutional network.
#pragma once

#include "examples/lab/figures.hpp"
#include "models/zoo/conv_net.hpp"

namespace xtape::lab {

/// The report's ConvNet with the initial values it prints: TensorFlow's random numbers for graph seed 1 and, in each
/// kernel, op seed 0, made Glorot-uniform (Xavier).
Model lab_conv_net();

/// Its shapes and initial values.
std::vector<Figure> convnet_figures();

}  // namespace xtape::lab
