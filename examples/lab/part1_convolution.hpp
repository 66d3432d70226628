// Part 1 of the report, first half: padding and convolution step by step.
#pragma once

#include "examples/lab/figures.hpp"

namespace xtape::lab {

/// zero_pad, conv_single_step, conv_forward and conv_backward on the report's random numbers, in float64.
std::vector<Figure> convolution_figures();

}  // namespace xtape::lab
