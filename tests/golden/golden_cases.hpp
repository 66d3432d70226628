// What the golden file holds: functions and optimizers by the names under which it has their arrays.
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

/// The file below the project's root. Arrays are named "{function}/input 0", ..., "{function}/cotangent" and what
/// evaluate() names; "{optimizer}/initial", "/gradients" and "/trajectory".
inline const std::string file = "tests/golden/peer.safetensors";

/// The windows of those functions that have one: "conv2d ...", "max_pool2d ...", "average_pool2d ...".
std::map<std::string, WindowOptions> golden_windows();

std::map<std::string, DifferentiableFunction> golden_functions();

using OptimizerMaker = std::function<std::unique_ptr<Optimizer>(const std::vector<Parameter>&)>;
std::map<std::string, OptimizerMaker> golden_optimizers();

/// The class numbers for the losses of 4 samples and 3 classes, and the targets of the others, (4, 3).
Tensor golden_labels();
Tensor golden_targets();

/// Two parameters, the rows of `initial` (2, n), after each of the steps with gradients (steps, 2, n): (steps, 2, n).
Tensor trajectory(const OptimizerMaker& make, const Tensor& initial, const Tensor& gradients);

}  // namespace xtape::golden
