// All differentiable functions.
#pragma once

#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/comparison.hpp"
#include "framework/ops/convolution.hpp"
#include "framework/ops/depthwise_convolution.hpp"
#include "framework/ops/dropout.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/linear_algebra.hpp"
#include "framework/ops/losses.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/normalization.hpp"
#include "framework/ops/pooling.hpp"
#include "framework/ops/reductions.hpp"
