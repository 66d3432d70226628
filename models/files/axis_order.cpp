#include "models/files/axis_order.hpp"

#include <numeric>

#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

/// Splits the rows into the axes `image` and moves axis `from` of them to `to`.
Tensor with_moved_axis(const Tensor& rows, std::vector<std::int64_t> image, std::ptrdiff_t from, std::ptrdiff_t to) {
  std::vector<int> axes(image.size() + 1);
  std::iota(axes.begin(), axes.end(), 0);
  axes.erase(axes.begin() + from);
  axes.insert(axes.begin() + to, static_cast<int>(from));
  image.push_back(rows.size() / rows.dim(0));
  return permuted(rows.reshaped(Shape(image)), axes).reshaped(rows.shape());
}

}  // namespace

Tensor permuted(const Tensor& tensor, const std::vector<int>& axes) {
  return transpose(Variable(tensor), axes).value();
}

Tensor channels_first_rows(const Tensor& rows, const Shape& image) {
  return with_moved_axis(rows, {image.begin(), image.end()}, image.rank() - 1, 0);
}

Tensor channels_last_rows(const Tensor& rows, const Shape& image) {
  std::vector<std::int64_t> channels_first{image[-1]};
  channels_first.insert(channels_first.end(), image.begin(), image.end() - 1);
  return with_moved_axis(rows, std::move(channels_first), 0, image.rank() - 1);
}

}  // namespace xtape
