// Includes all layers.
#pragma once

#include "layers/convolution/conv2d.hpp"
#include "layers/convolution/depthwise_conv2d.hpp"
#include "layers/convolution/pooling.hpp"
#include "layers/core/activation.hpp"
#include "layers/core/dense.hpp"
#include "layers/core/dropout.hpp"
#include "layers/core/softmax.hpp"
#include "layers/graph/builtin_layers.hpp"
#include "layers/graph/input.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "layers/normalization/normalization.hpp"
#include "layers/parameters/initializer.hpp"
#include "layers/parameters/regularizer.hpp"
#include "layers/shape/merge.hpp"
#include "layers/shape/reshaping.hpp"
