// Parts of option rows whose reference is a loop over all elements.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/layers/option_rows.hpp"
#include "tests/layers/plain_layers.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

using Reference = std::function<Tensor(const Trial&)>;
using Indices = std::vector<std::int64_t>;

/// f(index) for each element of a tensor of this shape.
inline Tensor filled(const Shape& shape, const std::function<double(const Indices&)>& f) {
  std::vector<double> values;
  Indices index(static_cast<std::size_t>(shape.rank()), 0);
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    std::int64_t rest = i;
    for (int axis = shape.rank() - 1; axis >= 0; rest /= shape[axis--]) {
      index[static_cast<std::size_t>(axis)] = rest % shape[axis];
    }
    values.push_back(f(index));
  }
  return Tensor::of(shape, values, DType::float64);
}

inline double at(const Tensor& x, const Indices& index) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < x.rank(); ++axis) offset = offset * x.dim(axis) + index[static_cast<std::size_t>(axis)];
  return x.data<double>()[offset];
}

/// The check of an option by which the output in training becomes `expected`, and was `before`.
inline auto training_outputs(Reference before, Reference expected) {
  return [=](const Trial& plain, const Trial& changed) {
    CHECK(identical(plain.output(), plain.input()));
    CHECK(largest_difference(plain.output(Mode::training), before(plain)) < 1e-12);
    CHECK(largest_difference(changed.output(Mode::training), expected(changed)) < 1e-12);
    CHECK(largest_difference(changed.output(Mode::training), plain.output(Mode::training)) > 1e-3);
  };
}

template <class Handle>
void add(std::vector<OptionRow>& rows, const std::string& option, const typename Handle::Options& plain,
         const typename Handle::Options& changed, std::vector<Shape> samples,
         const std::function<void(const Trial&, const Trial&)>& check) {
  rows.push_back({option, Handle(plain).definition(), Handle(changed).definition(), std::move(samples), check});
}

}  // namespace xtape::test
