// Reductions and functions that move elements.

#include <ATen/ATen.h>
#include <algorithm>
#include <numeric>

#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"
#include "tests/peer/case.hpp"
#include "tests/peer/draw.hpp"

namespace xtape::peer {
namespace {

using V = const Variable&;
using T = const at::Tensor&;

std::vector<int> shuffled_axes(Draw& draw, int rank) {
  std::vector<int> axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  for (std::size_t i = axes.size(); i > 1; --i) {
    std::swap(axes[i - 1], axes[static_cast<std::size_t>(draw.integer(0, static_cast<std::int64_t>(i) - 1))]);
  }
  return axes;
}

/// Some axes, all different, some of them counted from the end.
std::vector<int> draw_axes(Draw& draw, int rank) {
  std::vector<int> axes = shuffled_axes(draw, rank);
  axes.resize(static_cast<std::size_t>(draw.integer(0, rank)));
  for (int& axis : axes) axis -= draw.coin() ? rank : 0;
  return axes;
}

Case transpose_case(Draw& draw) {
  const Shape shape = draw.shape(0, 5, 4);
  const std::vector<int> given = draw.coin() ? shuffled_axes(draw, shape.rank()) : std::vector<int>{};
  std::vector<std::int64_t> order(given.begin(), given.end());
  if (given.empty()) {
    for (int axis = shape.rank(); axis-- > 0;) order.push_back(axis);
  }
  return {fmt::format("transpose of {} to ({})", shape, fmt::join(order, ", ")),
          {draw.normal(shape)},
          [given](V x) { return transpose(x, given); },
          [order](T x) { return x.permute(order); }};
}

Case reshape_case(Draw& draw) {
  const Shape shape = draw.shape(1, 4, 5);
  const bool flat = draw.coin();
  const std::int64_t last = shape[-1];
  return {fmt::format("reshape of {} to {}", shape, flat ? "one axis" : "rows"),
          {draw.normal(shape)},
          [=](V x) {
            return flat ? reshape(x, {-1}) : reshape(x, {last, -1, 1});
          },
          [=](T x) {
            return flat ? x.reshape({-1}) : x.reshape({last, -1, 1});
          }};
}

Case concatenate_case(Draw& draw) {
  const Shape shape = draw.shape(1, 4, 4);
  const int axis = static_cast<int>(draw.integer(-shape.rank(), shape.rank() - 1));
  std::vector<Tensor> inputs;
  for (auto count = draw.integer(1, 4); count-- > 0;) {
    inputs.push_back(draw.normal(shape.replaced(axis, draw.integer(1, 4))));
  }
  return {fmt::format("concatenate {} like {} along {}", inputs.size(), shape, axis), inputs,
          [axis](const std::vector<Variable>& x) { return concatenate(x, axis); },
          [axis](const std::vector<at::Tensor>& x) { return at::cat(x, axis); }};
}

Case slice_case(Draw& draw) {
  const Shape shape = draw.shape(1, 4, 7);
  std::vector<std::int64_t> begin, end, step;
  for (const std::int64_t extent : shape) {
    begin.push_back(draw.integer(0, extent - 1));
    end.push_back(draw.integer(begin.back() + 1, extent));
    step.push_back(draw.integer(1, 3));
    if (draw.coin()) begin.back() -= extent;  // from the end of the axis, in both libraries
    if (end.back() < extent && draw.coin()) end.back() -= extent;
  }
  return {fmt::format("slice of {} from ({}) to ({}) by ({})", shape, fmt::join(begin, ", "), fmt::join(end, ", "),
                      fmt::join(step, ", ")),
          {draw.normal(shape)},
          [=](V x) {
            std::vector<Index> indices;
            for (std::size_t i = 0; i < begin.size(); ++i) indices.emplace_back(begin[i], end[i], step[i]);
            return x[indices];
          },
          [=](T x) {
            at::Tensor y = x;
            for (std::size_t i = 0; i < begin.size(); ++i) {
              y = at::slice(y, static_cast<std::int64_t>(i), begin[i], end[i], step[i]);
            }
            return y;
          }};
}

Case pad_case(Draw& draw) {
  const Shape shape = draw.shape(1, 4, 5);
  std::vector<PadWidths> widths;
  std::vector<std::int64_t> last_first;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    widths.push_back({draw.integer(0, 3), draw.integer(0, 3)});
    last_first.insert(last_first.begin(), {widths.back().before, widths.back().after});
  }
  return {fmt::format("pad {} by, last axis first, ({})", shape, fmt::join(last_first, ", ")),
          {draw.normal(shape)},
          [widths](V x) { return pad(x, widths, 0.7); },
          [last_first](T x) { return at::constant_pad_nd(x, last_first, 0.7); }};
}

}  // namespace

Cases reduction_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 120; ++i) {
    const Shape shape = draw.shape(0, 5, 6);
    const std::vector<int> axes = draw_axes(draw, shape.rank());
    const std::vector<std::int64_t> dims(axes.begin(), axes.end());
    const bool keep = draw.coin();
    const std::string of = fmt::format("of {} over ({}){}", shape, fmt::join(axes, ", "), keep ? ", kept" : "");
    const std::vector<Tensor> inputs{
        draw.normal(shape)};  // no two are equal, because PyTorch's amax divides the gradient among equal elements
    if (i % 3 == 0) {
      cases.push_back(
          {"sum " + of, inputs, [=](V x) { return sum(x, axes, keep); }, [=](T x) { return at::sum(x, dims, keep); }});
    } else if (i % 3 == 1) {
      cases.push_back({"mean " + of, inputs, [=](V x) { return mean(x, axes, keep); },
                       [=](T x) { return at::mean(x, dims, keep); }});
    } else {
      cases.push_back(
          {"max " + of, inputs, [=](V x) { return max(x, axes, keep); }, [=](T x) { return at::amax(x, dims, keep); }});
    }
  }
  return cases;
}

Cases manipulation_cases(std::uint64_t seed) {
  Draw draw(seed);
  Cases cases;
  for (int i = 0; i < 24; ++i) {
    for (const auto make : {transpose_case, reshape_case, concatenate_case, slice_case, pad_case}) {
      cases.push_back(make(draw));
    }
  }
  return cases;
}

}  // namespace xtape::peer
