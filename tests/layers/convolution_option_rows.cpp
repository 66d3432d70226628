// Rows of the options of convolution and pooling layers on sequences and volumes, and of transposed convolutions,
// compared with their definitions for any number of axes.
#include <functional>
#include <utility>

#include "tests/layers/kernel_option_rows.hpp"

namespace xtape::test {
namespace {

using Extents = std::vector<std::int64_t>;

/// How a window moves: a number for each axis. An empty list stands for ones, or for no padding.
struct AxesWindow {
  Extents strides = {}, dilation = {}, before = {}, after = {};
};

std::int64_t entry(const Extents& list, std::size_t axis, std::int64_t otherwise) {
  return list.empty() ? otherwise : list[axis];
}

/// Calls f(index) for all indices below the extents, in row-major order.
void for_each_index(const Extents& extents, const std::function<void(const Extents&)>& f) {
  Extents index(extents.size(), 0);
  for (std::int64_t count = Shape(extents).size(); count > 0; --count) {
    f(index);
    for (std::size_t axis = extents.size(); axis-- > 0;) {
      if (++index[axis] < extents[axis]) break;
      index[axis] = 0;
    }
  }
}

/// The element of x at (sample, index, channel); 0 outside of the extents.
double element(const Tensor& x, std::int64_t sample, const Extents& index, std::int64_t channel) {
  std::int64_t offset = sample;
  for (std::size_t axis = 0; axis < index.size(); ++axis) {
    const std::int64_t extent = x.dim(static_cast<int>(axis) + 1);
    if (index[axis] < 0 || index[axis] >= extent) return 0;
    offset = offset * extent + index[axis];
  }
  return x.data<double>()[offset * x.dim(-1) + channel];
}

/// The element of a kernel (size, a, b).
double weight(const Tensor& kernel, const Extents& tap, std::int64_t a, std::int64_t b) {
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < tap.size(); ++axis)
    offset = offset * kernel.dim(static_cast<int>(axis)) + tap[axis];
  return kernel.data<double>()[(offset * kernel.dim(-2) + a) * kernel.dim(-1) + b];
}

/// The position of a tap of the window of output `at`.
Extents source(const Extents& at, const Extents& tap, const AxesWindow& w) {
  Extents result;
  for (std::size_t axis = 0; axis < at.size(); ++axis) {
    result.push_back(at[axis] * entry(w.strides, axis, 1) + tap[axis] * entry(w.dilation, axis, 1) -
                     entry(w.before, axis, 0));
  }
  return result;
}

Extents outputs_of(const Tensor& x, const Extents& size, const AxesWindow& w) {
  Extents outputs;
  for (std::size_t axis = 0; axis < size.size(); ++axis) {
    const std::int64_t span = (size[axis] - 1) * entry(w.dilation, axis, 1) + 1;
    const std::int64_t length = x.dim(static_cast<int>(axis) + 1) + entry(w.before, axis, 0) + entry(w.after, axis, 0);
    outputs.push_back((length - span) / entry(w.strides, axis, 1) + 1);
  }
  return outputs;
}

Extents size_of(const Tensor& kernel) { return {kernel.shape().begin(), kernel.shape().end() - 2}; }

Tensor sized(const Tensor& x, const Extents& outputs, std::int64_t channels) {
  Extents shape{x.dim(0)};
  shape.insert(shape.end(), outputs.begin(), outputs.end());
  shape.push_back(channels);
  return Tensor::zeros(Shape(shape), DType::float64);
}

/// kernel (size, channels / groups, filters), bias (filters) or undefined.
Tensor plain_conv(const Tensor& x, const Tensor& kernel, const Tensor& bias, const AxesWindow& w) {
  const Extents outputs = outputs_of(x, size_of(kernel), w);
  const std::int64_t filters = kernel.dim(-1), group = kernel.dim(-2), groups = x.dim(-1) / group;
  Tensor y = sized(x, outputs, filters);
  double* out = y.mutable_data<double>();
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for_each_index(outputs, [&](const Extents& at) {
      for (std::int64_t f = 0; f < filters; ++f, ++out) {
        *out = bias.defined() ? bias.at({f}) : 0;
        for_each_index(size_of(kernel), [&](const Extents& tap) {
          for (std::int64_t c = 0; c < group; ++c) {
            *out += element(x, n, source(at, tap, w), f / (filters / groups) * group + c) * weight(kernel, tap, c, f);
          }
        });
      }
    });
  }
  return y;
}

/// kernel (size, filters, channels). Each input adds its kernel to the outputs, of which `before` are cut off.
Tensor plain_transposed(const Tensor& x, const Tensor& kernel, const Tensor& bias, const Extents& outputs,
                        const AxesWindow& w) {
  const std::int64_t filters = kernel.dim(-2), channels = kernel.dim(-1);
  Tensor y = sized(x, outputs, filters);
  double* out = y.mutable_data<double>();
  const Extents inputs(x.shape().begin() + 1, x.shape().end() - 1);
  for (std::int64_t i = 0; i < y.size(); ++i) out[i] = bias.defined() ? bias.at({i % filters}) : 0;
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for_each_index(inputs, [&](const Extents& at) {
      for_each_index(size_of(kernel), [&](const Extents& tap) {
        const Extents to = source(at, tap, w);
        std::int64_t offset = n;
        for (std::size_t axis = 0; axis < to.size(); ++axis) {
          if (to[axis] < 0 || to[axis] >= outputs[axis]) return;
          offset = offset * outputs[axis] + to[axis];
        }
        for (std::int64_t f = 0; f < filters; ++f) {
          for (std::int64_t c = 0; c < channels; ++c) {
            out[offset * filters + f] += element(x, n, at, c) * weight(kernel, tap, f, c);
          }
        }
      });
    });
  }
  return y;
}

Tensor plain_pool(const Tensor& x, const Extents& size, const AxesWindow& w, const PlainPool& pool) {
  const Extents outputs = outputs_of(x, size, w);
  Tensor y = sized(x, outputs, x.dim(-1));
  double* out = y.mutable_data<double>();
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for_each_index(outputs, [&](const Extents& at) {
      for (std::int64_t c = 0; c < x.dim(-1); ++c) {
        std::vector<double> values;
        for_each_index(size, [&](const Extents& tap) {
          const Extents from = source(at, tap, w);
          bool inside = true;
          for (std::size_t axis = 0; axis < from.size(); ++axis) {
            inside = inside && from[axis] >= 0 && from[axis] < x.dim(static_cast<int>(axis) + 1);
          }
          if (inside) values.push_back(element(x, n, from, c));
        });
        *out++ = pool(values);
      }
    });
  }
  return y;
}

Tensor bias_of(const Trial& t) { return t.has("bias") ? t.parameter("bias") : Tensor(); }

/// Adds rows of a layer with one linear output for each window: add(option, change of the options, window).
template <class Handle, class Output>
auto window_rows(std::vector<OptionRow>& rows, const typename Handle::Options& plain, const Shape& sample,
                 const Output& output) {
  return [=, &rows](const std::string& option, const auto& change, const AxesWindow& window) {
    auto options = plain;
    change(options);
    rows.push_back({option,
                    Handle(plain).definition(),
                    Handle(options).definition(),
                    {sample},
                    outputs(output(AxesWindow{}), output(window))});
  };
}

const auto convolved = [](const AxesWindow& window) {
  return [window](const Trial& t) { return plain_conv(t.input(), t.parameter("kernel"), bias_of(t), window); };
};

void add_conv1d_rows(std::vector<OptionRow>& rows) {
  const Conv1D::Options plain{.filters = 2, .kernel_size = 2};
  const Shape sample{9, 2};
  add_kernel_rows<Conv1D>(rows, plain, {sample}, convolved({}), one_kernel<Conv1D::Options>());
  const auto add = window_rows<Conv1D>(rows, plain, sample, convolved);
  add("filters", [](auto& o) { o.filters = 4; }, {});
  add("kernel_size", [](auto& o) { o.kernel_size = 3; }, {});
  add("strides", [](auto& o) { o.strides = 2; }, {.strides = {2}});
  add("padding", [](auto& o) { o.padding = {2, 1}; }, {.before = {2}, .after = {1}});
  add("padding", [](auto& o) { o.padding = Padding1D::causal; }, {.before = {1}});
  add("padding", [](auto& o) { o.padding = Padding1D::same; }, {.after = {1}});
  add("dilation_rate", [](auto& o) { o.dilation_rate = 3; }, {.dilation = {3}});
  add("groups", [](auto& o) { o.groups = 2; }, {});
}

void add_conv3d_rows(std::vector<OptionRow>& rows) {
  const Conv3D::Options plain{.filters = 2, .kernel_size = 2};
  const Shape sample{5, 6, 7, 2};
  add_kernel_rows<Conv3D>(rows, plain, {sample}, convolved({}), one_kernel<Conv3D::Options>());
  const auto add = window_rows<Conv3D>(rows, plain, sample, convolved);
  add("filters", [](auto& o) { o.filters = 4; }, {});
  add("kernel_size", [](auto& o) { o.kernel_size = {3, 1, 2}; }, {});
  add("strides", [](auto& o) { o.strides = {2, 1, 3}; }, {.strides = {2, 1, 3}});
  add("padding", [](auto& o) { o.padding = {1, 2, 0, 1, 2, 0}; }, {.before = {1, 0, 2}, .after = {2, 1, 0}});
  add("padding", [](auto& o) { o.padding = Padding3D::same; }, {.after = {1, 1, 1}});
  add("dilation_rate", [](auto& o) { o.dilation_rate = {2, 1, 3}; }, {.dilation = {2, 1, 3}});
  add("groups", [](auto& o) { o.groups = 2; }, {});
}

/// Rows of a transposed convolution of (4, 3, 2)[..axes], with kernels of 3 taps and strides 2.
template <class Handle, int axes>
void add_transposed_rows(std::vector<OptionRow>& rows) {
  using Options = typename Handle::Options;
  using Size = AxesSize<axes>;
  const auto first = [](const Extents& three) { return Extents(three.begin(), three.begin() + axes); };
  const auto size = [](const Extents& e) {
    if constexpr (axes == 1) {
      return Size(e[0]);
    } else if constexpr (axes == 2) {
      return Size(e[0], e[1]);
    } else {
      return Size(e[0], e[1], e[2]);
    }
  };
  Extents extents = first({4, 3, 2});
  extents.push_back(2);
  const Shape sample(extents);
  const Options plain{.filters = 2, .kernel_size = 3, .strides = 2};
  const auto transposed = [=](const Extents& outputs, const AxesWindow& window) {
    return [=](const Trial& t) {
      return plain_transposed(t.input(), t.parameter("kernel"), bias_of(t), first(outputs), window);
    };
  };
  const Extents twos = first({2, 2, 2});
  const auto before = transposed({9, 7, 5}, {.strides = twos});
  add_kernel_rows<Handle>(rows, plain, {sample}, before, one_kernel<Options>());
  const auto add = [&](const std::string& option, const auto& change, const Extents& after, const AxesWindow& window) {
    auto options = plain;
    change(options);
    rows.push_back({option,
                    Handle(plain).definition(),
                    Handle(options).definition(),
                    {sample},
                    outputs(before, transposed(after, window))});
  };
  add("filters", [](auto& o) { o.filters = 3; }, {9, 7, 5}, {.strides = twos});
  add("kernel_size", [&](auto& o) { o.kernel_size = size({1, 3, 4}); }, {8, 7, 6}, {.strides = twos});
  add("strides", [&](auto& o) { o.strides = size({3, 1, 4}); }, {12, 5, 8}, {.strides = first({3, 1, 4})});
  add("padding", [](auto& o) { o.padding = AxesPadding<axes>::same; }, {8, 6, 4}, {.strides = twos});
  add("dilation_rate",
      [&](auto& o) {
        o.dilation_rate = size({2, 1, 3});
      },
      {11, 7, 9}, {.strides = twos, .dilation = first({2, 1, 3})});
  // with same padding the smallest output has a row more than an even number of strides
  const auto trimmed = [=](const Trial& t) {
    return plain_transposed(t.input(), t.parameter("kernel"), bias_of(t), first({7, 5, 3}),
                            {.strides = twos, .before = first({1, 1, 1})});
  };
  auto same = plain, odd = plain;
  same.padding = odd.padding = AxesPadding<axes>::same;
  odd.output_padding = size({0, 0, 0});
  rows.push_back({"output_padding",
                  Handle(same).definition(),
                  Handle(odd).definition(),
                  {sample},
                  outputs(transposed({8, 6, 4}, {.strides = twos}), trimmed)});
  add("output_padding", [&](auto& o) { o.output_padding = size({1, 0, 1}); }, {10, 7, 6}, {.strides = twos});
}

/// A depthwise kernel (size, channels, multiplier) as one of as many groups as channels.
Tensor grouped_1d(const Tensor& kernel) { return kernel.reshaped({kernel.dim(0), 1, kernel.dim(1) * kernel.dim(2)}); }

template <class Handle, class Output>
void add_depthwise_rows(std::vector<OptionRow>& rows, const typename Handle::Options& plain, const Output& output) {
  const auto add = window_rows<Handle>(rows, plain, {9, 2}, output);
  add("kernel_size", [](auto& o) { o.kernel_size = 3; }, {});
  add("strides", [](auto& o) { o.strides = 2; }, {.strides = {2}});
  add("padding", [](auto& o) { o.padding = {2, 1}; }, {.before = {2}, .after = {1}});
  add("padding", [](auto& o) { o.padding = Padding1D::causal; }, {.before = {1}});
  add("dilation_rate", [](auto& o) { o.dilation_rate = 3; }, {.dilation = {3}});
  add("depth_multiplier", [](auto& o) { o.depth_multiplier = 3; }, {});
}

void add_depthwise_conv1d_rows(std::vector<OptionRow>& rows) {
  const auto output = [](const AxesWindow& window) {
    return [window](const Trial& t) {
      return plain_conv(t.input(), grouped_1d(t.parameter("depthwise_kernel")), bias_of(t), window);
    };
  };
  using Options = DepthwiseConv1D::Options;
  add_kernel_rows<DepthwiseConv1D>(rows, {.kernel_size = 2}, {{9, 2}}, output({}),
                                   {{"depthwise", "depthwise_kernel", &Options::depthwise_initializer,
                                     &Options::depthwise_regularizer, &Options::depthwise_constraint}});
  add_depthwise_rows<DepthwiseConv1D>(rows, {.kernel_size = 2}, output);
}

void add_separable_conv1d_rows(std::vector<OptionRow>& rows) {
  const auto output = [](const AxesWindow& window) {
    return [window](const Trial& t) {
      const Tensor y = plain_conv(t.input(), grouped_1d(t.parameter("depthwise_kernel")), Tensor(), window);
      return plain_conv(y, t.parameter("pointwise_kernel"), bias_of(t), AxesWindow());
    };
  };
  using Options = SeparableConv1D::Options;
  const Options plain{.filters = 2, .kernel_size = 2};
  add_kernel_rows<SeparableConv1D>(rows, plain, {{9, 2}}, output({}),
                                   {{"depthwise", "depthwise_kernel", &Options::depthwise_initializer,
                                     &Options::depthwise_regularizer, &Options::depthwise_constraint},
                                    {"pointwise", "pointwise_kernel", &Options::pointwise_initializer,
                                     &Options::pointwise_regularizer, &Options::pointwise_constraint}});
  add_depthwise_rows<SeparableConv1D>(rows, plain, output);
  window_rows<SeparableConv1D>(rows, plain, {9, 2}, output)("filters", [](auto& o) { o.filters = 3; }, {});
}

template <class Handle>
void add_pooling_row(std::vector<OptionRow>& rows, const std::string& option, const typename Handle::Options& options,
                     const Shape& sample, const Extents& size, const AxesWindow& window, const PlainPool& pool) {
  const auto pooled = [pool](const Extents& extents, const AxesWindow& w) {
    return [=](const Trial& t) { return plain_pool(t.input(), extents, w, pool); };
  };
  const Extents twos(size.size(), 2);
  rows.push_back({option,
                  Handle().definition(),
                  Handle(options).definition(),
                  {sample},
                  outputs(pooled(twos, {.strides = twos}), pooled(size, window))});
}

template <class Handle>
void add_pooling1d_rows(std::vector<OptionRow>& rows, const PlainPool& pool) {
  const Shape sample{7, 2};
  add_pooling_row<Handle>(rows, "pool_size", {.pool_size = 3}, sample, {3}, {.strides = {3}}, pool);
  add_pooling_row<Handle>(rows, "strides", {.strides = 3}, sample, {2}, {.strides = {3}}, pool);
  add_pooling_row<Handle>(rows, "padding", {.padding = Padding1D::same}, sample, {2}, {.strides = {2}, .after = {1}},
                          pool);
}

template <class Handle>
void add_pooling3d_rows(std::vector<OptionRow>& rows, const PlainPool& pool) {
  const Shape sample{5, 6, 7, 2};
  add_pooling_row<Handle>(rows, "pool_size", {.pool_size = {3, 2, 4}}, sample, {3, 2, 4}, {.strides = {3, 2, 4}}, pool);
  add_pooling_row<Handle>(rows, "strides", {.strides = Extent3D(1, 3, 2)}, sample, {2, 2, 2}, {.strides = {1, 3, 2}},
                          pool);
  add_pooling_row<Handle>(rows, "padding", {.padding = Padding3D::same}, sample, {2, 2, 2},
                          {.strides = {2, 2, 2}, .after = {1, 0, 1}}, pool);
  add_pooling_row<Handle>(rows, "padding", {.padding = {1, 0, 0, 1, 1, 1}}, sample, {2, 2, 2},
                          {.strides = {2, 2, 2}, .before = {1, 0, 1}, .after = {0, 1, 1}}, pool);
}

/// The same values in a shape with all axes.
template <class Handle>
void add_keepdims_row(std::vector<OptionRow>& rows, const Shape& sample) {
  rows.push_back({"keepdims",
                  Handle().definition(),
                  Handle({.keepdims = true}).definition(),
                  {sample},
                  [rank = sample.rank()](const Trial& plain, const Trial& changed) {
                    Shape kept = plain.output().shape().without(0);
                    for (int axis = 1; axis < rank; ++axis) kept = kept.prepended(1);
                    CHECK(identical(changed.output(), plain.output().reshaped(kept.prepended(3))));
                  }});
}

}  // namespace

void add_convolution_axes_rows(std::vector<OptionRow>& rows) {
  add_keepdims_row<GlobalMaxPooling1D>(rows, {5, 2});
  add_keepdims_row<GlobalAveragePooling1D>(rows, {5, 2});
  add_keepdims_row<GlobalMaxPooling2D>(rows, {3, 4, 2});
  add_keepdims_row<GlobalAveragePooling2D>(rows, {3, 4, 2});
  add_keepdims_row<GlobalMaxPooling3D>(rows, {2, 3, 2, 2});
  add_keepdims_row<GlobalAveragePooling3D>(rows, {2, 3, 2, 2});
  add_conv1d_rows(rows);
  add_conv3d_rows(rows);
  add_transposed_rows<Conv1DTranspose, 1>(rows);
  add_transposed_rows<Conv2DTranspose, 2>(rows);
  add_transposed_rows<Conv3DTranspose, 3>(rows);
  add_depthwise_conv1d_rows(rows);
  add_separable_conv1d_rows(rows);
  add_pooling1d_rows<MaxPooling1D>(rows, largest_under_window);
  add_pooling1d_rows<AveragePooling1D>(rows, mean_under_window);
  add_pooling3d_rows<MaxPooling3D>(rows, largest_under_window);
  add_pooling3d_rows<AveragePooling3D>(rows, mean_under_window);
}

}  // namespace xtape::test
