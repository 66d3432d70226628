#include <ATen/ATen.h>

#include "framework/ops/normalization.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/draw.hpp"
#include "tests/peer/layout.hpp"
#include "tests/peer/torch_functions.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;

}  // namespace

Cases normalization_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  while (cases.size() < 100) {
    const Shape shape = draw.shape(2, draw.coin() ? 4 : 5, 7);
    const Shape channels{shape[-1]};
    if (shape.size() / shape[-1] < 2) continue;  // PyTorch has no variance for one sample
    const double epsilon = draw.coin() ? 1e-3 : 1e-5;
    const std::vector<Tensor> inputs{draw.normal(shape, 2, draw.coin() ? 3 : 0.1), draw.normal(channels),
                                     draw.normal(channels)};
    cases.push_back({fmt::format("batch_norm of {}, epsilon {}", shape, epsilon), inputs,
                     [=](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, epsilon).y; },
                     [=](T x, T gamma, T beta) { return torch_batch_norm(x, gamma, beta, epsilon); }});
    const Tensor mean = draw.normal(channels);
    const Tensor variance = draw.uniform(channels, 0.1, 3);
    cases.push_back(
        {fmt::format("batch_norm_inference of {}, epsilon {}", shape, epsilon), inputs,
         [=](V x, V gamma, V beta) { return batch_norm_inference(x, gamma, beta, mean, variance, epsilon); },
         [=](T x, T gamma, T beta) {
           return torch_batch_norm_inference(x, gamma, beta, to_torch(mean), to_torch(variance), epsilon);
         }});
  }
  return cases;
}

}  // namespace xtape::peer
