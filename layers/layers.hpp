// Includes all layers.
#pragma once

#include "layers/activation.hpp"
#include "layers/batch_normalization.hpp"
#include "layers/builtin_layers.hpp"
#include "layers/conv2d.hpp"
#include "layers/dense.hpp"
#include "layers/dropout.hpp"
#include "layers/initializer.hpp"
#include "layers/input.hpp"
#include "layers/merge.hpp"
#include "layers/normalization.hpp"
#include "layers/pooling.hpp"
#include "layers/regularizer.hpp"
#include "layers/reshaping.hpp"
#include "layers/softmax.hpp"
