// The content of the golden file: the functions and optimizers by the names of their arrays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/ops/window.hpp"
#include "gradcheck/gradient_check.hpp"
#include "optim/optimizer.hpp"

namespace xtape::golden {

/// The file, relative to the root of the source tree. Arrays are named "{function}/input 0", ...,
/// "{function}/cotangent" and as in evaluate(); "{optimizer}/initial", "/gradients" and "/trajectory".
inline const std::string file = "tests/golden/peer.safetensors";

/// The windows of the functions that have one: "conv2d ...", "max_pool2d ...", "average_pool2d ...".
std::map<std::string, WindowOptions> golden_windows();

std::map<std::string, DifferentiableFunction> golden_functions();

using OptimizerMaker = std::function<std::unique_ptr<Optimizer>(const std::vector<Parameter>&)>;
std::map<std::string, OptimizerMaker> golden_optimizers();

/// The class numbers for the losses of 4 samples and 3 classes, and the targets (4, 3) of the other losses.
Tensor golden_labels();
Tensor golden_targets();

/// Two parameters, the rows of `initial` (2, n), after each step with the gradients (steps, 2, n): (steps, 2, n).
Tensor trajectory(const OptimizerMaker& make, const Tensor& initial, const Tensor& gradients);

}  // namespace xtape::golden
