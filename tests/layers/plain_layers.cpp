#include "tests/layers/plain_layers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xtape::test {
namespace {

/// A tensor whose elements are f of their index.
template <class F>
Tensor filled(const Shape& shape, const F& f) {
  Tensor result = Tensor::zeros(shape, DType::float64);
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()), 0);
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    result.mutable_data<double>()[i] = f(index);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[static_cast<std::size_t>(axis)] < shape[axis]) break;
      index[static_cast<std::size_t>(axis)] = 0;
    }
  }
  return result;
}

using Index = std::vector<std::int64_t>;

std::int64_t outputs(std::int64_t input, std::int64_t size, const PlainWindow& w, std::size_t axis) {
  const std::int64_t room = w.before[axis] + input + w.after[axis] - ((size - 1) * w.dilation[axis] + 1);
  return room / w.strides[axis] + 1;
}

/// The position in the image of tap `tap` of the window of output `at`.
std::int64_t source(std::int64_t at, std::int64_t tap, const PlainWindow& w, std::size_t axis) {
  return at * w.strides[axis] + tap * w.dilation[axis] - w.before[axis];
}

bool inside(std::int64_t i, std::int64_t extent) { return i >= 0 && i < extent; }

}  // namespace

Tensor each(const Tensor& x, const std::function<double(double)>& f) {
  std::vector<double> values = x.to_vector();
  std::ranges::transform(values, values.begin(), f);
  return Tensor::of(x.shape(), values, DType::float64);
}

Tensor plain_dense(const Tensor& x, const Tensor& kernel, const Tensor& bias) {
  return filled({x.dim(0), kernel.dim(1)}, [&](const Index& i) {
    double sum = bias.defined() ? bias.at({i[1]}) : 0;
    for (std::int64_t k = 0; k < kernel.dim(0); ++k) sum += x.at({i[0], k}) * kernel.at({k, i[1]});
    return sum;
  });
}

Tensor plain_conv(const Tensor& x, const Tensor& kernel, const Tensor& bias, const PlainWindow& w) {
  const Shape shape{x.dim(0), outputs(x.dim(1), kernel.dim(0), w, 0), outputs(x.dim(2), kernel.dim(1), w, 1),
                    kernel.dim(3)};
  const std::int64_t groups = x.dim(3) / kernel.dim(2);
  return filled(shape, [&](const Index& i) {
    const std::int64_t first = i[3] / (kernel.dim(3) / groups) * kernel.dim(2);
    double sum = bias.defined() ? bias.at({i[3]}) : 0;
    for (std::int64_t a = 0; a < kernel.dim(0); ++a) {
      for (std::int64_t b = 0; b < kernel.dim(1); ++b) {
        const std::int64_t row = source(i[1], a, w, 0), column = source(i[2], b, w, 1);
        if (!inside(row, x.dim(1)) || !inside(column, x.dim(2))) continue;
        for (std::int64_t c = 0; c < kernel.dim(2); ++c) {
          sum += x.at({i[0], row, column, first + c}) * kernel.at({a, b, c, i[3]});
        }
      }
    }
    return sum;
  });
}

double largest_under_window(const std::vector<double>& pixels) { return std::ranges::max(pixels); }

double mean_under_window(const std::vector<double>& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
}

Tensor plain_pool(const Tensor& x, Pair size, const PlainWindow& w, const PlainPool& pool) {
  const Shape shape{x.dim(0), outputs(x.dim(1), size[0], w, 0), outputs(x.dim(2), size[1], w, 1), x.dim(3)};
  return filled(shape, [&](const Index& i) {
    std::vector<double> pixels;
    for (std::int64_t a = 0; a < size[0]; ++a) {
      for (std::int64_t b = 0; b < size[1]; ++b) {
        const std::int64_t row = source(i[1], a, w, 0), column = source(i[2], b, w, 1);
        if (inside(row, x.dim(1)) && inside(column, x.dim(2))) pixels.push_back(x.at({i[0], row, column, i[3]}));
      }
    }
    return pool(pixels);
  });
}

Tensor plain_pad(const Tensor& x, Pair before, Pair after) {
  const Shape shape{x.dim(0), before[0] + x.dim(1) + after[0], before[1] + x.dim(2) + after[1], x.dim(3)};
  return filled(shape, [&](const Index& i) {
    const std::int64_t row = i[1] - before[0], column = i[2] - before[1];
    return inside(row, x.dim(1)) && inside(column, x.dim(2)) ? x.at({i[0], row, column, i[3]}) : 0;
  });
}

Tensor plain_concatenate(const Tensor& a, const Tensor& b, int axis) {
  return filled(a.shape().replaced(axis, a.dim(axis) + b.dim(axis)), [&](Index i) {
    std::int64_t& along = i[static_cast<std::size_t>(axis)];
    const bool first = along < a.dim(axis);
    if (!first) along -= a.dim(axis);
    return (first ? a : b).at({i[0], i[1], i[2]});
  });
}

Tensor plain_softmax(const Tensor& x, int axis) {
  return filled(x.shape(), [&](Index i) {
    const double own = std::exp(x.at({i[0], i[1], i[2]}));
    double sum = 0;
    for (std::int64_t& along = i[static_cast<std::size_t>(axis)] = 0; along < x.dim(axis); ++along) {
      sum += std::exp(x.at({i[0], i[1], i[2]}));
    }
    return own / sum;
  });
}

std::array<Tensor, 2> plain_moments(const Tensor& x) {
  const std::int64_t channels = x.dim(-1), rows = x.size() / channels;
  const std::vector<double> values = x.to_vector();
  const auto mean_of = [&](const auto& f) {
    return filled({channels}, [&](const Index& i) {
      double sum = 0;
      for (std::int64_t row = 0; row < rows; ++row)
        sum += f(values[static_cast<std::size_t>(row * channels + i[0])], i[0]);
      return sum / static_cast<double>(rows);
    });
  };
  const Tensor mean = mean_of([](double v, std::int64_t) { return v; });
  return {mean, mean_of([&](double v, std::int64_t c) { return (v - mean.at({c})) * (v - mean.at({c})); })};
}

}  // namespace xtape::test
