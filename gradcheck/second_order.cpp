#include "gradcheck/second_order.hpp"

#include <algorithm>

#include "framework/autograd/forward_pass.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// The product of a and b, which have the same shape, element by element. It can be differentiated any number of times.
/// This is not the multiply of ops/, so the check does not depend on an op that may be under test.
Variable product(const Variable& a, const Variable& b) {
  Tensor y = map("gradient_function", a.value(), b.value(), [](auto u, auto v) { return u * v; });
  return record("product", std::move(y),
                {{a, [b](const Variable& dy) { return product(dy, b); }},
                 {b, [a](const Variable& dy) { return product(dy, a); }}});
}

/// The elements of a vector from `begin` on as a tensor of the given shape.
template <class T>
Tensor part_of(const Tensor& vector, std::int64_t begin, const Shape& shape) {
  Tensor part = Tensor::empty(shape, vector.dtype());
  std::copy_n(vector.data<T>() + begin, shape.size(), part.mutable_data<T>());
  return part;
}

/// Concatenates the elements of all parts in one vector.
Variable joined(const std::vector<Variable>& parts) {
  std::int64_t size = 0;
  for (const Variable& part : parts) size += part.size();
  Tensor y = Tensor::empty({size}, parts.front().dtype());
  std::vector<Dependency> dependencies;
  with_floating("gradient_function", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::int64_t begin = 0;
    for (const Variable& part : parts) {
      std::copy_n(part.value().data<T>(), part.size(), y.mutable_data<T>() + begin);
      dependencies.push_back(
          {part, [begin, shape = part.shape()](const Tensor& dy) { return part_of<T>(dy, begin, shape); }});
      begin += part.size();
    }
  });
  return record("joined", std::move(y), dependencies);
}

Variable recorded(const DifferentiableFunction& f, std::vector<Variable> inputs) {
  const Variable cotangent = inputs.back();
  inputs.pop_back();
  const Variable weighed = product(f(inputs), cotangent);
  return joined(gradients(weighed, inputs, Tensor::ones(weighed.shape(), weighed.dtype())));
}

}  // namespace

DifferentiableFunction gradient_function(const DifferentiableFunction& f) {
  return [f](const std::vector<Variable>& inputs) {
    if (std::ranges::all_of(inputs, &Variable::tracked)) return recorded(f, inputs);
    ForwardPass pass(Mode::training);  // a separate tape, because the inputs are constants
    std::vector<Variable> watched;
    watched.reserve(inputs.size());
    for (const Variable& input : inputs) watched.push_back(pass.watch(input.value()));
    return recorded(f, watched).detached();
  };
}

}  // namespace xtape
