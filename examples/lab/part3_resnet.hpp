// Part 3 of the report: the summary of ResNet-50.
#pragma once

#include "examples/lab/figures.hpp"
#include "models/zoo/resnet50.hpp"

namespace xtape::lab {

/// The rows of the summary that the report shows, and the totals.
std::vector<Figure> resnet_figures(const Model& model);

}  // namespace xtape::lab
