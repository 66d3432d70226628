#include "tests/peer/golden_peers.hpp"

#include <ATen/ATen.h>

#include "tests/golden/golden_cases.hpp"
#include "tests/peer/draw.hpp"
#include "tests/peer/layout.hpp"
#include "tests/peer/torch_functions.hpp"

namespace xtape::peer {
namespace {

using T = const at::Tensor&;
using Peers = std::map<std::string, GoldenPeer>;

GoldenPeer windowed(Draw& draw, const std::string& name, const WindowOptions& window) {
  const Tensor images = draw.normal({2, 5, 4, 2});
  if (name.starts_with("max_pool2d")) return {{images}, [=](T x) { return torch_max_pool(x, window); }};
  if (name.starts_with("average_pool2d")) return {{images}, [=](T x) { return torch_average_pool(x, window); }};
  const Tensor kernel = draw.normal({window.size.height, window.size.width, 2, 3});
  return {{images, kernel}, [=](T x, T w) { return torch_conv2d(x, w, window); }};
}

at::Tensor torch_moving_averages(T x) {
  const at::Tensor mean = at::zeros({x.size(-1)}, at::kDouble);
  const at::Tensor variance = at::ones({x.size(-1)}, at::kDouble);
  for (int i = 0; i < 2; ++i) at::batch_norm(to_nchw(x.detach()), {}, {}, mean, variance, true, 1 - 0.9, 1e-3, false);
  return at::cat({mean, variance});
}

Peers unary(Draw& draw) {
  const std::vector<Tensor> x{draw.uniform({4, 5}, -2, 2)};
  const std::vector<Tensor> positive{draw.uniform({4, 5}, 0.2, 2)};
  return {{"relu", {x, [](T a) { return at::relu(a); }}},
          {"sigmoid", {x, [](T a) { return at::sigmoid(a); }}},
          {"tanh", {x, [](T a) { return at::tanh(a); }}},
          {"softplus", {x, [](T a) { return at::softplus(a); }}},
          {"elu", {x, [](T a) { return at::elu(a, 0.7); }}},
          {"leaky_relu", {x, [](T a) { return at::leaky_relu(a, 0.3); }}},
          {"gelu", {x, [](T a) { return at::gelu(a); }}},
          {"softmax", {x, [](T a) { return at::softmax(a, -1); }}},
          {"log_softmax", {x, [](T a) { return at::log_softmax(a, 0); }}},
          {"exp", {x, [](T a) { return at::exp(a); }}},
          {"log", {positive, [](T a) { return at::log(a); }}},
          {"sqrt", {positive, [](T a) { return at::sqrt(a); }}},
          {"abs", {x, [](T a) { return at::abs(a); }}},
          {"square", {x, [](T a) { return at::square(a); }}},
          {"pow 3", {x, [](T a) { return at::pow(a, 3); }}},
          {"clip", {x, [](T a) { return at::clamp(a, -0.5, 0.5); }}}};
}

Peers binary(Draw& draw) {
  const std::vector<Tensor> x{draw.uniform({2, 1, 4}, 0.3, 2), draw.uniform({3, 4}, 0.3, 2)};
  return {{"pow", {x, [](T a, T b) { return at::pow(a, b); }}},
          {"add", {x, [](T a, T b) { return a + b; }}},
          {"subtract", {x, [](T a, T b) { return a - b; }}},
          {"multiply", {x, [](T a, T b) { return a * b; }}},
          {"divide", {x, [](T a, T b) { return a / b; }}},
          {"maximum", {x, [](T a, T b) { return at::maximum(a, b); }}},
          {"minimum", {x, [](T a, T b) { return at::minimum(a, b); }}}};
}

Peers arrays(Draw& draw) {
  const std::vector<Tensor> x{draw.normal({2, 3, 4})};
  const std::vector<Tensor> images{draw.normal({2, 3, 4, 3})};
  return {{"sum",
           {x,
            [](T a) {
              return a.sum(at::IntArrayRef({0, 2}));
            }}},
          {"mean", {x, [](T a) { return a.mean(at::IntArrayRef({1}), true); }}},
          {"max",
           {x,
            [](T a) {
              return at::amax(a, {-1, 0});
            }}},
          {"transpose",
           {x,
            [](T a) {
              return a.permute({2, 0, 1});
            }}},
          {"concatenate",
           {{x[0], draw.normal({2, 1, 4})},
            [](T a, T b) {
              return at::cat({a, b, a}, 1);
            }}},
          {"slice", {x, [](T a) { return at::slice(at::slice(a, 1, 1, 3), 2, -3, 4, 2); }}},
          {"pad",
           {x,
            [](T a) {
              return at::constant_pad_nd(a, {2, 0, 1, 2}, 0.5);
            }}},
          {"global_average_pool2d",
           {images,
            [](T a) {
              return a.mean(at::IntArrayRef({1, 2}));
            }}},
          {"global_max_pool2d",
           {images,
            [](T a) {
              return at::amax(a, {1, 2});
            }}},
          {"moving averages", {images, torch_moving_averages}}};
}

Peers matrices(Draw& draw) {
  const at::Tensor m = to_torch(draw.normal({2, 4, 4}));
  const std::vector<Tensor> positive{from_torch(at::matmul(m, m.transpose(1, 2)) + 4 * at::eye(4, at::kDouble))};
  const std::vector<Tensor> a{draw.uniform({4, 4}, 0, 1)};
  const auto product = [](T x, T y) { return at::matmul(x, y); };
  return {{"matmul", {{draw.normal({3, 4}), draw.normal({4, 5})}, product}},
          {"matmul, stacks", {{draw.normal({2, 1, 3, 4}), draw.normal({3, 4, 2})}, product}},
          {"solve", {{positive[0], draw.normal({2, 4, 3})}, [](T x, T y) { return at::linalg_solve(x, y); }}},
          {"inverse", {positive, [](T x) { return at::linalg_inv(x); }}},
          {"log_determinant", {a, [](T x) { return std::get<1>(at::linalg_slogdet(x)); }}},
          {"cholesky", {positive, [](T x) { return at::linalg_cholesky(x); }}}};
}

Peers normalizations_and_losses(Draw& draw) {
  const std::vector<Tensor> x{draw.normal({2, 3, 4, 3}, 1, 2), draw.normal({3}), draw.normal({3})};
  const std::vector<Tensor> z{draw.normal({4, 3}, 0, 2)};
  const std::vector<Tensor> p{draw.uniform({4, 3}, 0.1, 0.9)};
  const at::Tensor labels = to_torch(golden::golden_labels());
  const at::Tensor t = to_torch(golden::golden_targets());
  return {{"batch_norm", {x, [](T a, T gamma, T beta) { return torch_batch_norm(a, gamma, beta, 1e-3); }}},
          {"batch_norm_inference",
           {x,
            [](T a, T gamma, T beta) {
              return torch_batch_norm_inference(a, gamma, beta, at::full({3}, 0.25, at::kDouble),
                                                at::full({3}, 1.5, at::kDouble), 1e-3);
            }}},
          {"softmax_cross_entropy", {z, [=](T a) { return at::cross_entropy_loss(a, labels); }}},
          {"softmax_cross_entropy, soft", {z, [=](T a) { return at::cross_entropy_loss(a, t); }}},
          {"binary_cross_entropy", {p, [=](T a) { return at::binary_cross_entropy(a, t); }}},
          {"sigmoid_cross_entropy", {z, [=](T a) { return at::binary_cross_entropy_with_logits(a, t); }}},
          {"mean_squared_error", {z, [=](T a) { return at::mse_loss(a, t); }}}};
}

}  // namespace

std::map<std::string, GoldenPeer> golden_peers() {
  Draw draw(2026);
  Peers all;
  for (const auto& [name, window] : golden::golden_windows()) all.emplace(name, windowed(draw, name, window));
  for (const auto& family : {unary, binary, arrays, matrices, normalizations_and_losses}) all.merge(family(draw));
  return all;
}

}  // namespace xtape::peer
