#include "framework/communication/tree_sum.hpp"

#include "framework/communication/element_sums.hpp"

namespace xtape {
namespace {

/// a + b, in the storage of a.
Tensor sum_of(Tensor a, const Tensor& b) {
  with_summable("TreeSum", a.dtype(), [&]<class T>(T) {
    T* left = a.mutable_data<T>();
    add_elements(left, left, b.data<T>(), a.size());
  });
  return a;
}

}  // namespace

void TreeSum::add(Tensor term) {
  check(term.defined() && term.dtype() != DType::uint8, "TreeSum: expected a term of float32, float64 or int64, got {}",
        term.defined() ? to_string(term.dtype()) : "an undefined one");
  if (!partial_.empty()) {
    const Tensor& first = partial_.front().second;
    check(term.dtype() == first.dtype() && term.shape() == first.shape(),
          "TreeSum: expected a term of {} {} like the first, got {} {}", first.dtype(), first.shape(), term.dtype(),
          term.shape());
  }
  int level = 0;
  for (; !partial_.empty() && partial_.back().first == level; ++level) {
    term = sum_of(std::move(partial_.back().second), term);
    partial_.pop_back();
  }
  partial_.emplace_back(level, std::move(term));
  ++count_;
}

Tensor TreeSum::take() {
  check(!partial_.empty(), "TreeSum: expected at least one term, got none");
  Tensor sum = std::move(partial_.back().second);
  for (partial_.pop_back(); !partial_.empty(); partial_.pop_back()) {
    sum = sum_of(std::move(partial_.back().second), sum);
  }
  count_ = 0;
  return sum;
}

Tensor tree_sum(std::vector<Tensor> terms) {
  TreeSum sum;
  for (Tensor& term : terms) sum.add(std::move(term));
  return sum.take();
}

}  // namespace xtape
