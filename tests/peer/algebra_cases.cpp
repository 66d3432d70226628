// Matrix products, linear algebra and losses.

#include <ATen/ATen.h>

#include "framework/ops/linear_algebra.hpp"
#include "framework/ops/losses.hpp"
#include "framework/ops/matmul.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/draw.hpp"
#include "tests/peer/layout.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;

Shape with_matrix(const Shape& stack, std::int64_t rows, std::int64_t columns) {
  std::vector<std::int64_t> extents(stack.begin(), stack.end());
  extents.insert(extents.end(), {rows, columns});
  return Shape(extents);
}

/// Nonsingular matrices with determinants of both signs: random ones with a large diagonal.
Tensor regular_matrices(Draw& draw, const Shape& shape) {
  Tensor a = draw.normal(shape);
  const std::int64_t n = shape[-1];
  for (std::int64_t i = 0; i < a.size() / n; ++i) {
    const auto shift = static_cast<double>(draw.coin() ? n + 2 : -n - 2);
    a.mutable_data<double>()[i * n + i % n] += shift;
  }
  return a;
}

/// m mT + n: symmetric and positive definite.
Tensor positive_matrices(Draw& draw, const Shape& shape) {
  const at::Tensor m = to_torch(draw.normal(shape));
  return from_torch(at::matmul(m, m.transpose(-1, -2)) +
                    static_cast<double>(shape[-1]) * at::eye(shape[-1], at::kDouble));
}

void add_cross_entropies(Draw& draw, Cases& cases) {
  const std::int64_t batch = draw.integer(1, 6);
  const std::int64_t classes = draw.integer(2, 7);
  const double spread = draw.coin() ? 2 : 100;
  const Tensor logits = draw.normal({batch, classes}, 0, spread);
  const std::string of = fmt::format("of {}, spread {}", logits.shape(), spread);
  const Tensor labels = draw.labels(batch, classes);
  cases.push_back({"softmax_cross_entropy " + of,
                   {logits},
                   [=](V z) { return softmax_cross_entropy(z, labels); },
                   [=](T z) { return at::cross_entropy_loss(z, to_torch(labels)); }});
  const Tensor soft = from_torch(at::softmax(to_torch(draw.normal({batch, classes})), -1));
  cases.push_back({"softmax_cross_entropy, soft " + of,
                   {logits},
                   [=](V z) { return softmax_cross_entropy(z, soft); },
                   [=](T z) { return at::cross_entropy_loss(z, to_torch(soft)); }});
}

void add_elementwise_losses(Draw& draw, Cases& cases) {
  const Shape shape = draw.shape(0, 4, 5);
  const std::string of = fmt::format("of {}", shape);
  const Tensor targets = draw.coin() ? draw.uniform(shape, 0, 1) : draw.whole_numbers(shape, 0, 1);
  cases.push_back({"binary_cross_entropy " + of,
                   {draw.uniform(shape, 0.01, 0.99)},
                   [=](V p) { return binary_cross_entropy(p, targets); },
                   [=](T p) { return at::binary_cross_entropy(p, to_torch(targets)); }});
  // computed by the definition: Keras clips probabilities at a distance of 1e-7 from 0 and 1, PyTorch clips logarithms
  // at -100
  cases.push_back({"binary_cross_entropy beyond 0 and 1 " + of,
                   {draw.uniform(shape, -0.5, 1.5)},
                   [=](V p) { return binary_cross_entropy(p, targets); },
                   [=](T p) { return at::binary_cross_entropy(at::clamp(p, 1e-7, 1 - 1e-7), to_torch(targets)); }});
  cases.push_back({"sigmoid_cross_entropy " + of,
                   {draw.uniform(shape, -40, 40)},
                   [=](V z) { return sigmoid_cross_entropy(z, targets); },
                   [=](T z) { return at::binary_cross_entropy_with_logits(z, to_torch(targets)); }});
  cases.push_back({"mean_squared_error " + of,
                   {draw.normal(shape)},
                   [=](V x) { return mean_squared_error(x, targets); },
                   [=](T x) { return at::mse_loss(x, to_torch(targets)); }});
}

}  // namespace

Cases matmul_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 80; ++i) {
    const std::int64_t longest = i % 8 == 0 ? 90 : 7;  // some are larger than one tile of the product
    const std::int64_t m = draw.integer(1, longest);
    const std::int64_t k = draw.integer(1, longest);
    const std::int64_t n = draw.integer(1, longest);
    const Shape stack = draw.shape(0, 3, 3);
    const Shape a = with_matrix(draw.broadcastable_to(stack), m, k);
    const Shape b = with_matrix(draw.broadcastable_to(stack), k, n);
    cases.push_back({fmt::format("matmul of {} and {}", a, b), {draw.normal(a), draw.normal(b)}, matmul, [](T x, T w) {
                       return at::matmul(x, w);
                     }});
  }
  return cases;
}

Cases linear_algebra_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 24; ++i) {
    const std::int64_t n = draw.integer(1, 7);
    const Shape stack = draw.shape(0, 2, 3);
    const Shape square = with_matrix(stack, n, n);
    const Shape right = with_matrix(stack, n, draw.integer(1, 4));
    const auto solved = [](T a, T b) { return at::linalg_solve(a, b); };
    cases.push_back({fmt::format("solve {} and {}", square, right),
                     {regular_matrices(draw, square), draw.normal(right)},
                     solve,
                     solved});
    // as a matrix of one column, because PyTorch 1.13 fails in the derivative for a vector of one element
    cases.push_back({fmt::format("solve for a vector of {}", n),
                     {regular_matrices(draw, {n, n}), draw.normal({n})},
                     solve,
                     [](T a, T b) { return at::linalg_solve(a, b.unsqueeze(1)).squeeze(1); }});
    cases.push_back({fmt::format("inverse of {}", square), {regular_matrices(draw, square)}, inverse, [](T a) {
                       return at::linalg_inv(a);
                     }});
    cases.push_back(
        {fmt::format("log_determinant of {}", square), {regular_matrices(draw, square)}, log_determinant, [](T a) {
           return std::get<1>(at::linalg_slogdet(a));
         }});
    cases.push_back({fmt::format("cholesky of {}", square), {positive_matrices(draw, square)}, cholesky, [](T a) {
                       return at::linalg_cholesky(a);
                     }});
  }
  return cases;
}

Cases loss_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 30; ++i) {
    add_cross_entropies(draw, cases);
    add_elementwise_losses(draw, cases);
  }
  return cases;
}

}  // namespace xtape::peer
