#include "training/distributed/gradient_reduction.hpp"

namespace xtape {

std::unique_ptr<GradientReduction> GradientReduction::over(const Shards& /*shards*/, const std::vector<Parameter>& /*p*/) {
  return nullptr;
}

void GradientReduction::add(std::size_t /*index*/, Tensor /*gradient*/) {}

std::vector<Tensor> GradientReduction::wait() { return {}; }

}  // namespace xtape
