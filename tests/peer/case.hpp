// Case: one configuration of a function, in xtape and in PyTorch. No header in this folder includes headers of PyTorch.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradcheck/gradient_check.hpp"

namespace at {
class Tensor;
}

namespace xtape::peer {

/// A function of one or more torch tensors, made from f(x), f(x, y), f(x, y, z) or f(const std::vector<at::Tensor>&).
class TorchFunction {
 public:
  using T = const at::Tensor&;
  using List = std::vector<at::Tensor>;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, TorchFunction>)
      TorchFunction(F f) {  // NOLINT(google-explicit-constructor): functions are passed as they are
    // auto, because at::Tensor is incomplete in this header
    if constexpr (std::is_invocable_v<F, T>) {
      call_ = [f = std::move(f)](const auto& x) { return f(x[0]); };
    } else if constexpr (std::is_invocable_v<F, T, T>) {
      call_ = [f = std::move(f)](const auto& x) { return f(x[0], x[1]); };
    } else if constexpr (std::is_invocable_v<F, T, T, T>) {
      call_ = [f = std::move(f)](const auto& x) { return f(x[0], x[1], x[2]); };
    } else {
      call_ = std::move(f);
    }
  }
  const std::function<at::Tensor(const List&)>& call() const { return call_; }

 private:
  std::function<at::Tensor(const List&)> call_;
};

/// The same function in both libraries. Both take and return arrays in xtape's layout. `theirs` converts inside, so
/// that PyTorch's gradients have xtape's layout too.
struct Case {
  std::string name;
  std::vector<Tensor> inputs;  ///< float64
  DifferentiableFunction ours;
  TorchFunction theirs;
};
using Cases = std::vector<Case>;

/// The families of cases. Each draws its configurations from the seed.
Cases convolution_cases(std::uint64_t seed);           ///< conv2d in every kind of padding, stride and dilation
Cases convolution_gradient_cases(std::uint64_t seed);  ///< its two derivatives as functions, with their derivatives
Cases convolution_1d_3d_cases(std::uint64_t seed);     ///< sequences, volumes, transposed convolution; poolings of them
Cases max_pool_cases(std::uint64_t seed);
Cases average_pool_cases(std::uint64_t seed);
Cases normalization_cases(std::uint64_t seed);
Cases activation_cases(std::uint64_t seed);
Cases elementary_cases(std::uint64_t seed);
Cases arithmetic_cases(std::uint64_t seed);
Cases reduction_cases(std::uint64_t seed);
Cases manipulation_cases(std::uint64_t seed);
Cases matmul_cases(std::uint64_t seed);
Cases linear_algebra_cases(std::uint64_t seed);
Cases loss_cases(std::uint64_t seed);

}  // namespace xtape::peer
