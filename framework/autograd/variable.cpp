#include "framework/autograd/variable.hpp"

#include <ostream>

#include "framework/autograd/tape.hpp"
#include "framework/tensor/strided.hpp"

namespace xtape {
namespace {

Variable indexed(const Variable& x, const StridedView& view);

/// The gradient of indexing: dy at the selected elements and 0 elsewhere. Its derivative is the indexing again.
Variable index_gradient(const Variable& dy, const Shape& shape, const StridedView& view) {
  Tensor dx = Tensor::zeros(shape, dy.dtype());
  scatter(dy.value(), view, dx);
  return record("index_gradient", std::move(dx), {{dy, [view](const Variable& ddx) { return indexed(ddx, view); }}});
}

Variable indexed(const Variable& x, const StridedView& view) {
  return record("index", gather(x.value(), view),
                {{x, [shape = x.shape(), view](const Variable& dy) { return index_gradient(dy, shape, view); }}});
}

}  // namespace

Variable::operator Tensor() const {
  check(!tracked(),
        "Tensor: expected a constant, got a variable of shape {} whose derivative is being recorded; use "
        "value() for its value alone",
        shape());
  return value_;
}

Variable Variable::operator[](std::span<const Index> indices) const {
  check(value_.defined(), "index: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  return indexed(*this, indexed_view(shape(), indices));
}

std::string to_string(const Variable& variable) { return to_string(variable.value()); }

std::ostream& operator<<(std::ostream& stream, const Variable& variable) { return stream << variable.value(); }

}  // namespace xtape
