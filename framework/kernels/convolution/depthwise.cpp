#include "framework/kernels/convolution/depthwise.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

/// Outputs along one axis, at output, output + output_step, ..., that read the same taps. Tap k of output i has the
/// weights of tap `tap + k tap_step` of the kernel and reads the input at `input + i input_step + k input_tap_step`.
struct Run {
  std::int64_t output, output_step, outputs;
  std::int64_t input, input_step, input_tap_step;
  std::int64_t tap, tap_step, taps;

  /// The part of the run that begins at output number `first`.
  Run part(std::int64_t first, std::int64_t count) const {
    Run run = *this;
    run.output += first * output_step;
    run.input += first * input_step;
    run.outputs = count;
    return run;
  }
};
using Runs = std::vector<Run>;

/// Divides a run whose taps may lie outside of an input of `length` pixels into runs whose taps all lie inside, so that
/// the micro-kernels never meet padding.
void append_inside(const Run& run, std::int64_t length, Runs& runs) {
  TapRange previous{-1, -1};
  for (std::int64_t i = 0; i < run.outputs; ++i) {
    const std::int64_t start = run.input + i * run.input_step;
    TapRange range = taps_inside(start, run.taps, run.input_tap_step, length);
    if (range.first >= range.last) range = {0, 0};
    if (range.first == previous.first && range.last == previous.last) {
      ++runs.back().outputs;
      continue;
    }
    previous = range;
    Run next = run.part(i, 1);
    next.input += range.first * run.input_tap_step;
    next.tap += range.first * run.tap_step;
    next.taps = range.last - range.first;
    runs.push_back(next);
  }
}

/// One axis of a window.
struct Axis {
  std::int64_t input, output, size, stride, dilation, padding;
};
Axis row_axis(const Window& s) {
  return {s.height, s.out_height, s.kernel_height, s.stride_height, s.dilation_height, s.pad_top};
}
Axis column_axis(const Window& s) {
  return {s.width, s.out_width, s.kernel_width, s.stride_width, s.dilation_width, s.pad_left};
}

/// The runs of y, which read x.
Runs forward_runs(const Axis& axis) {
  Runs runs;
  append_inside({0, 1, axis.output, -axis.padding, axis.stride, axis.dilation, 0, 1, axis.size}, axis.input, runs);
  return runs;
}

/// The runs of dx, which read dy. Tap a of the kernel connects dx at h to dy at (h + p - a d) / s, if this is an
/// integer. So pixels that are s apart read the same taps, every (s / gcd(s, d))th, at neighbouring pixels of dy. The
/// last of these taps comes first, so that they are in the order of dy.
Runs gradient_runs(const Axis& axis) {
  Runs runs;
  const auto [input, output, size, stride, dilation, padding] = axis;
  const std::int64_t common = std::gcd(stride, dilation), step = stride / common;
  for (std::int64_t phase = 0; phase < std::min(stride, input); ++phase) {
    std::int64_t first = 0;
    while (first < std::min(step, size) && (phase + padding - first * dilation) % stride != 0) ++first;
    Run run{phase, stride, ceil_div(input - phase, stride), 0, 1, dilation / common, 0, -step, 0};
    if (first < std::min(step, size)) {
      run.taps = ceil_div(size - first, step);
      run.tap = first + (run.taps - 1) * step;
      run.input = (phase + padding - run.tap * dilation) / stride;
    }
    append_inside(run, output, runs);
  }
  return runs;
}

/// Divides runs into runs of at most `most` outputs.
Runs divided(const Runs& runs, std::int64_t most) {
  Runs parts;
  for (const Run& run : runs) {
    for (std::int64_t i = 0; i < run.outputs; i += most) parts.push_back(run.part(i, std::min(most, run.outputs - i)));
  }
  return parts;
}

/// The distances in memory for a rectangle of outputs. in_width, out_width and kernel_width are in pixels.
DepthwiseLayout layout(const Run& rows, const Run& columns, std::int64_t channels, std::int64_t in_width,
                       std::int64_t out_width, std::int64_t kernel_width) {
  return {.rows = rows.outputs,
          .columns = columns.outputs,
          .tap_rows = rows.taps,
          .tap_columns = columns.taps,
          .channels = channels,
          .x_row = rows.input_step * in_width * channels,
          .x_column = columns.input_step * channels,
          .x_tap_row = rows.input_tap_step * in_width * channels,
          .x_tap_column = columns.input_tap_step * channels,
          .w_row = rows.tap_step * kernel_width * channels,
          .w_column = columns.tap_step * channels,
          .y_row = rows.output_step * out_width * channels,
          .y_column = columns.output_step * channels};
}

/// The offset of the first element of a rectangle in images (height, width, channels).
std::int64_t offset(std::int64_t image, std::int64_t row, std::int64_t column, std::int64_t height, std::int64_t width,
                    std::int64_t channels) {
  return ((image * height + row) * width + column) * channels;
}

/// The images that a convolution reads or writes.
struct Extent {
  std::int64_t height, width;
};

constexpr std::int64_t channels_at_once = 64;  ///< whose weights, and the rows that they read, stay in the L1 cache
constexpr std::int64_t work_of_task = 65536;   ///< multiply-adds

/// Computes `out` from `in` and w with a multiplier of 1: the forward pass, and with the runs of dx the backward pass.
template <class T>
void convolve(const Window& window, const Runs& row_runs, const Runs& column_runs, Extent in_extent, Extent out_extent,
              const T* in, const T* w, T* out) {
  const Engine<T>& engine = *engines_in_use<T>().wide;
  const std::int64_t channels = window.channels;
  const std::int64_t work_of_row = out_extent.width * channels * window.taps();
  const std::int64_t rows_of_task = std::max<std::int64_t>(1, work_of_task / std::max<std::int64_t>(1, work_of_row));
  const Runs parts = divided(row_runs, rows_of_task);
  const auto count = static_cast<std::int64_t>(parts.size());
  const std::int64_t grain =
      std::max<std::int64_t>(1, rows_of_task * count / std::max<std::int64_t>(1, out_extent.height));
  parallel_for(window.batch * count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / count;
      const Run& rows = parts[static_cast<std::size_t>(i % count)];
      for (std::int64_t c = 0; c < channels; c += channels_at_once) {
        for (const Run& columns : column_runs) {
          DepthwiseLayout l = layout(rows, columns, channels, in_extent.width, out_extent.width, window.kernel_width);
          l.channels = std::min(channels_at_once, channels - c);
          if (rows.taps == 0 || columns.taps == 0) l.tap_rows = l.tap_columns = 0;
          const bool reads = l.tap_rows > 0;
          engine.convolve_channels(
              l,
              reads ? in + c + offset(image, rows.input, columns.input, in_extent.height, in_extent.width, channels)
                    : in,
              w + c + (rows.tap * window.kernel_width + columns.tap) * channels,
              out + c + offset(image, rows.output, columns.output, out_extent.height, out_extent.width, channels));
        }
      }
    }
  });
}

/// Computes dw with a multiplier of 1. Pieces of the output rows have sums of their own, which are added in their
/// order.
template <class T>
void sum_products(const Window& window, const T* x, const T* dy, T* dw) {
  constexpr std::int64_t values_at_once = 16384;  // of dy, with the x that they meet, in the L2 cache
  const Engine<T>& engine = *engines_in_use<T>().wide;
  const std::int64_t channels = window.channels, weights = window.taps() * channels;
  const std::int64_t row = std::max<std::int64_t>(1, window.out_width * channels);
  const Runs parts = divided(forward_runs(row_axis(window)), std::max<std::int64_t>(1, values_at_once / row));
  const Runs column_runs = forward_runs(column_axis(window));
  const auto count = static_cast<std::int64_t>(parts.size());
  const std::int64_t work = window.output_pixels() * weights;
  const std::int64_t pieces = std::clamp<std::int64_t>(work / work_of_task, 1, wanted_tasks);
  const std::int64_t grain = std::max<std::int64_t>(1, ceil_div(window.batch * count, pieces));
  const std::int64_t sum_count = ceil_div(window.batch * count, grain);
  const std::int64_t stride = padded(weights);
  const Workspace<T> sums(sum_count * stride);
  parallel_for(window.batch * count, grain, [&](std::int64_t begin, std::int64_t end) {
    T* const sum = sums.data() + begin / grain * stride;
    std::fill_n(sum, weights, T{0});
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / count;
      const Run& rows = parts[static_cast<std::size_t>(i % count)];
      for (const Run& columns : column_runs) {
        if (rows.taps == 0 || columns.taps == 0) continue;
        engine.add_channel_products(
            layout(rows, columns, channels, window.width, window.out_width, window.kernel_width),
            x + offset(image, rows.input, columns.input, window.height, window.width, channels),
            dy + offset(image, rows.output, columns.output, window.out_height, window.out_width, channels),
            sum + (rows.tap * window.kernel_width + columns.tap) * channels);
      }
    }
  });
  std::fill_n(dw, weights, T{0});
  for (std::int64_t i = 0; i < sum_count; ++i) {
    for (std::int64_t k = 0; k < weights; ++k) dw[k] += sums[i * stride + k];
  }
}

constexpr std::int64_t values_of_task = 16384;  ///< copied or added

/// Repeats every channel `multiplier` times.
template <class T>
void expand(std::int64_t values, std::int64_t multiplier, const T* x, T* expanded) {
  parallel_for(values, values_of_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) std::fill_n(expanded + i * multiplier, multiplier, x[i]);
  });
}

/// Adds the `multiplier` gradients of every channel.
template <class T>
void contract(std::int64_t values, std::int64_t multiplier, const T* expanded, T* dx) {
  parallel_for(values, values_of_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T sum = 0;
      for (std::int64_t k = 0; k < multiplier; ++k) sum += expanded[i * multiplier + k];
      dx[i] = sum;
    }
  });
}

/// The window on the images whose channels are repeated.
Window expanded_window(Window window, std::int64_t multiplier) {
  window.channels *= multiplier;
  return window;
}

}  // namespace

template <class T>
void depthwise_conv2d(const Window& window, std::int64_t multiplier, const T* x, const T* w, T* y) {
  const Window wide = expanded_window(window, multiplier);
  const std::int64_t values = window.input_pixels() * window.channels;
  const Workspace<T> expanded(multiplier == 1 ? 0 : values * multiplier);
  if (multiplier != 1) expand(values, multiplier, x, expanded.data());
  convolve(wide, forward_runs(row_axis(wide)), forward_runs(column_axis(wide)), {wide.height, wide.width},
           {wide.out_height, wide.out_width}, multiplier == 1 ? x : expanded.data(), w, y);
}

template <class T>
void depthwise_input_gradient(const Window& window, std::int64_t multiplier, const T* dy, const T* w, T* dx) {
  const Window wide = expanded_window(window, multiplier);
  const std::int64_t values = window.input_pixels() * window.channels;
  const Workspace<T> expanded(multiplier == 1 ? 0 : values * multiplier);
  convolve(wide, gradient_runs(row_axis(wide)), gradient_runs(column_axis(wide)), {wide.out_height, wide.out_width},
           {wide.height, wide.width}, dy, w, multiplier == 1 ? dx : expanded.data());
  if (multiplier != 1) contract(values, multiplier, expanded.data(), dx);
}

template <class T>
void depthwise_kernel_gradient(const Window& window, std::int64_t multiplier, const T* x, const T* dy, T* dw) {
  const std::int64_t values = window.input_pixels() * window.channels;
  const Workspace<T> expanded(multiplier == 1 ? 0 : values * multiplier);
  if (multiplier != 1) expand(values, multiplier, x, expanded.data());
  sum_products(expanded_window(window, multiplier), multiplier == 1 ? x : expanded.data(), dy, dw);
}

template void depthwise_conv2d(const Window&, std::int64_t, const float*, const float*, float*);
template void depthwise_conv2d(const Window&, std::int64_t, const double*, const double*, double*);
template void depthwise_input_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void depthwise_input_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template void depthwise_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void depthwise_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);

}  // namespace xtape::kernels
