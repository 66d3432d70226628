// The interface to xtensor for custom ops: views, xarrays and apply(). It takes seconds to compile.
#pragma once

#include "framework/tensor/xarray.hpp"
