// feature_maps(): the feature maps of a network that other networks build on.
#pragma once

#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// The last feature map of each resolution, from the finest to the coarsest, of a model with one image input (height,
/// width, channels): those from which each next smaller one is computed, and the last one. For a ResNet they have 1/2,
/// 1/4, 1/8, 1/16 and 1/32 of the image's height. A new model reads several of them at once:
/// `Model(model.inputs(), feature_maps(model))`; parts for detection or segmentation can be added to them before.
/// Layers inside a nested model are not seen. An unknown height or width counts as 256 pixels, which only the order of
/// the maps depends on. Error when the model has several inputs or another kind of input.
std::vector<SymbolicTensor> feature_maps(const Model& model);

}  // namespace xtape
