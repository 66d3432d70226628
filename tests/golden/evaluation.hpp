// The output of a function, and its gradients for a cotangent, as named arrays.
#pragma once

#include <filesystem>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "gradcheck/gradient_check.hpp"
#include "tests/support/support.hpp"

namespace xtape::golden {

/// The folder of the golden files.
inline std::filesystem::path folder() { return test::source_root() / "tests/golden"; }

/// "output", and for each input "gradient 0", "gradient 1", ... of <cotangent, output>; zeros for an output that does
/// not depend on the inputs. Error when the cotangent does not have the shape of the output.
std::vector<NamedTensor> evaluate(const DifferentiableFunction& function, const std::vector<Tensor>& inputs,
                                  const Tensor& cotangent);

/// The largest |a - b| / (1 + |b|) over all elements. Equal infinities have the difference 0; different shapes and NaN
/// have an infinite difference.
double largest_difference(const Tensor& a, const Tensor& b);

}  // namespace xtape::golden
