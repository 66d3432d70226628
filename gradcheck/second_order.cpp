#include "gradcheck/second_order.hpp"

#include <algorithm>

#include "framework/autograd/forward_pass.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// Elements of a and b of one shape multiplied, with a derivative that has one again: multiply of ops/, which this
/// module does not include.
Variable product(const Variable& a, const Variable& b) {
  Tensor y = map("gradient_function", a.value(), b.value(), [](auto u, auto v) { return u * v; });
  return record("product", std::move(y),
                {{a, [b](const Variable& dy) { return product(dy, b); }},
                 {b, [a](const Variable& dy) { return product(dy, a); }}});
}

/// Elements [begin, begin + size of the shape) of a vector under that shape.
template <class T>
Tensor part_of(const Tensor& vector, std::int64_t begin, const Shape& shape) {
  Tensor part = Tensor::empty(shape, vector.dtype());
  std::copy_n(vector.data<T>() + begin, shape.size(), part.mutable_data<T>());
  return part;
}

/// All elements of all parts in one vector.
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
    ForwardPass pass(Mode::training);  // of constants: a tape of its own, whose end leaves a constant
    std::vector<Variable> watched;
    watched.reserve(inputs.size());
    for (const Variable& input : inputs) watched.push_back(pass.watch(input.value()));
    return recorded(f, watched).detached();
  };
}

}  // namespace xtape
