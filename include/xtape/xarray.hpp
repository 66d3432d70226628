// The bridge to xtensor, for ops in its language: views, xarrays and apply(). Costs seconds to compile.
#pragma once

#include "framework/tensor/xarray.hpp"
