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

/// Outputs [first, last) of an axis that read the same taps.
struct Stretch {
  std::int64_t first, last;
  TapRange taps;
};

/// A correlation along one axis: output i reads the inputs start + t * distance + i * step for t in [0, taps), where
/// tap t has the index first_tap + t * tap_step in the kernel. Inputs outside of [0, length) are padding.
struct Axis {
  std::int64_t outputs, length;
  std::int64_t taps, first_tap, tap_step;
  std::int64_t start, distance, step;

  std::vector<Stretch> stretches() const {
    std::vector<Stretch> all;
    for (std::int64_t i = 0; i < outputs; ++i) {
      TapRange range = taps_inside(start + i * step, taps, distance, length);
      range.last = std::max(range.first, range.last);
      if (!all.empty() && all.back().taps.first == range.first && all.back().taps.last == range.last) {
        all.back().last = i + 1;
      } else {
        all.push_back({i, i + 1, range});
      }
    }
    return all;
  }
};

/// One axis of the forward pass.
Axis forward_axis(std::int64_t outputs, std::int64_t length, std::int64_t taps, std::int64_t pad, std::int64_t dilation,
                  std::int64_t stride) {
  return {outputs, length, taps, 0, 1, -pad, dilation, stride};
}

/// One axis of a phase of dx: its pixels phase, phase + stride, ... read outputs of the forward pass. Every `period`-th
/// tap reaches them; the last of these comes first, because it reaches the first output.
Axis gradient_axis(const Axis& forward, std::int64_t phase) {
  const std::int64_t stride = forward.step, period = stride / std::gcd(stride, forward.distance);
  Axis axis{ceil_div(forward.length - phase, stride),
            forward.outputs,
            0,
            0,
            -period,
            0,
            period * forward.distance / stride,
            1};
  for (std::int64_t tap = 0; tap < forward.taps; ++tap) {
    const std::int64_t from = phase - forward.start - tap * forward.distance;
    if (from % stride != 0) continue;
    ++axis.taps;
    axis.first_tap = tap;
    axis.start = from / stride;
  }
  return axis;
}

Axis row_axis(const Window& w) {
  return forward_axis(w.out_height, w.height, w.kernel_height, w.pad_top, w.dilation_height, w.stride_height);
}
Axis column_axis(const Window& w) {
  return forward_axis(w.out_width, w.width, w.kernel_width, w.pad_left, w.dilation_width, w.stride_width);
}

/// The taps of a stretch of rows and a stretch of columns, from output (rows.first, columns.first) of an image on.
template <class T>
DepthwiseInput<T> taps_of(const Axis& rows, const Axis& columns, std::int64_t row, std::int64_t column,
                          const TapRange& row_taps, const TapRange& column_taps, const T* image,
                          std::int64_t channels) {
  const std::int64_t top = rows.start + row_taps.first * rows.distance + row * rows.step;
  const std::int64_t left = columns.start + column_taps.first * columns.distance + column * columns.step;
  return {image + (top * columns.length + left) * channels,
          row_taps.last - row_taps.first,
          column_taps.last - column_taps.first,
          rows.distance * columns.length * channels,
          columns.distance * channels,
          columns.step * channels};
}

/// Rows of an output of `values` values each, per task of parallel_for.
std::int64_t row_grain(std::int64_t values) {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, values));
}

/// out(image, row, column) = the sum of the taps, where `out` gives the address of an output of the axes, `out_pixel`
/// values from the next one in its row. w (kernel_height, kernel_width, channels). `finish` is called for each row.
template <class T, class Out>
void correlate(std::int64_t batch, const Axis& rows, const Axis& columns, std::int64_t kernel_width,
               std::int64_t channels, const T* x, const T* w, const Out& out, std::int64_t out_pixel,
               const Engine<T>& engine, const PartFunction<T>* finish = nullptr) {
  const std::vector<Stretch> stretches = columns.stretches();
  parallel_for(batch * rows.outputs, row_grain(columns.outputs * channels), [&](std::int64_t begin, std::int64_t end) {
    std::vector<T*> pixels(static_cast<std::size_t>(finish ? columns.outputs : 0));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / rows.outputs, row = i % rows.outputs;
      const TapRange range = taps_inside(rows.start + row * rows.step, rows.taps, rows.distance, rows.length);
      const TapRange row_taps{range.first, std::max(range.first, range.last)};
      const T* const from = x + image * rows.length * columns.length * channels;
      for (const Stretch& s : stretches) {
        const std::int64_t tap_row = rows.first_tap + row_taps.first * rows.tap_step;
        const std::int64_t tap_column = columns.first_tap + s.taps.first * columns.tap_step;
        engine.multiply_depthwise({.pixels = s.last - s.first,
                                   .channels = channels,
                                   .x = taps_of(rows, columns, row, s.first, row_taps, s.taps, from, channels),
                                   .w = w + (tap_row * kernel_width + tap_column) * channels,
                                   .w_row = rows.tap_step * kernel_width * channels,
                                   .w_column = columns.tap_step * channels,
                                   .y = out(image, row, s.first),
                                   .y_pixel = out_pixel});
      }
      if (!finish) continue;
      for (std::size_t p = 0; p < pixels.size(); ++p) pixels[p] = out(image, row, static_cast<std::int64_t>(p));
      (*finish)(pixels.data(), columns.outputs, 0, channels);
    }
  });
}

/// `count` values, each repeated `times` times.
template <class T>
void repeat(const T* from, std::int64_t count, std::int64_t times, T* to) {
  parallel_for(count, ceil_div(16384, times), [&](std::int64_t begin, std::int64_t end) {
    if (times == 2) {
      for (std::int64_t i = begin; i < end; ++i) to[2 * i] = to[2 * i + 1] = from[i];
    } else {
      for (std::int64_t i = begin; i < end; ++i) std::fill_n(to + i * times, times, from[i]);
    }
  });
}

/// The images with each channel repeated for its filters: then every filter has a separate channel.
template <class T>
class ChannelOfEachFilter {
 public:
  ChannelOfEachFilter(const Window& window, std::int64_t filters, const T* x)
      : copy_(filters == window.channels ? 0 : window.input_pixels() * filters),
        data_(filters == window.channels ? x : copy_.data()) {
    if (filters == window.channels) return;
    repeat(x, window.input_pixels() * window.channels, filters / window.channels, copy_.data());
  }
  const T* data() const { return data_; }

 private:
  Workspace<T> copy_;
  const T* data_;
};

/// Wide vectors where they are full.
template <class T>
const Engine<T>& engine_for(std::int64_t channels) {
  const Engines<T>& engines = engines_in_use<T>();
  return channels % engines.wide->vector_columns == 0 ? *engines.wide : *engines.narrow;
}

}  // namespace

template <class T>
void depthwise_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y,
                      const PartFunction<T>* finish) {
  const ChannelOfEachFilter<T> expanded(window, filters, x);
  const auto out = [&](std::int64_t image, std::int64_t row, std::int64_t column) {
    return y + ((image * window.out_height + row) * window.out_width + column) * filters;
  };
  correlate(window.batch, row_axis(window), column_axis(window), window.kernel_width, filters, expanded.data(), w, out,
            filters, engine_for<T>(filters), finish);
}

template <class T>
void depthwise_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx) {
  const bool repeated = filters != window.channels;
  const Workspace<T> of_filters(repeated ? window.input_pixels() * filters : 0);
  T* const to = repeated ? of_filters.data() : dx;
  const Engine<T>& engine = engine_for<T>(filters);
  for (std::int64_t top = 0; top < std::min(window.stride_height, window.height); ++top) {
    for (std::int64_t left = 0; left < std::min(window.stride_width, window.width); ++left) {
      const auto out = [&](std::int64_t image, std::int64_t row, std::int64_t column) {
        return to + ((image * window.height + top + row * window.stride_height) * window.width + left +
                     column * window.stride_width) *
                        filters;
      };
      correlate(window.batch, gradient_axis(row_axis(window), top), gradient_axis(column_axis(window), left),
                window.kernel_width, filters, dy, w, out, window.stride_width * filters, engine);
    }
  }
  if (!repeated) return;
  const std::int64_t multiplier = filters / window.channels;
  parallel_for(window.input_pixels() * window.channels, ceil_div(16384, multiplier),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   dx[i] = std::accumulate(to + i * multiplier, to + (i + 1) * multiplier, T{0});
                 }
               });
}

template <class T>
void depthwise_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  constexpr std::int64_t pixels_a_sum = 1024;  // more would lose accuracy in float
  const ChannelOfEachFilter<T> expanded(window, filters, x);
  const Axis rows = row_axis(window), columns = column_axis(window);
  const std::vector<Stretch> row_stretches = rows.stretches(), column_stretches = columns.stretches();
  const Engine<T>& engine = engine_for<T>(filters);
  // Pieces of output rows, each with separate sums, which are added in order.
  const std::int64_t lines = window.batch * window.out_height, size = window.taps() * filters;
  const std::int64_t grain = std::max(ceil_div(lines, wanted_tasks), row_grain(window.out_width * filters));
  const std::int64_t pieces = ceil_div(lines, grain);
  const Workspace<T> sums(pieces * size);
  parallel_for(lines, grain, [&](std::int64_t begin, std::int64_t end) {
    T* const sum = sums.data() + begin / grain * size;
    std::fill_n(sum, size, T{0});
    for (std::int64_t line = begin; line < end;) {
      const std::int64_t image = line / window.out_height, row = line % window.out_height;
      const auto of_row = std::ranges::find_if(row_stretches, [&](const Stretch& s) { return row < s.last; });
      std::int64_t count =
          std::min({of_row->last - row, end - line, std::max<std::int64_t>(1, pixels_a_sum / window.out_width)});
      for (const Stretch& s : column_stretches) {
        engine.add_depthwise_products(
            {.lines = count,
             .pixels = s.last - s.first,
             .channels = filters,
             .x = taps_of(rows, columns, row, s.first, of_row->taps, s.taps,
                          expanded.data() + image * window.height * window.width * filters, filters),
             .x_line = rows.step * window.width * filters,
             .dy = dy + (line * window.out_width + s.first) * filters,
             .dy_line = window.out_width * filters,
             .dy_pixel = filters,
             .dw = sum + (of_row->taps.first * window.kernel_width + s.taps.first) * filters,
             .dw_row = window.kernel_width * filters,
             .dw_column = filters});
      }
      line += count;
    }
  });
  std::copy_n(sums.data(), size, dw);
  for (std::int64_t piece = 1; piece < pieces; ++piece) {
    for (std::int64_t i = 0; i < size; ++i) dw[i] += sums[piece * size + i];
  }
}

template void depthwise_conv2d(const Window&, std::int64_t, const float*, const float*, float*,
                               const PartFunction<float>*);
template void depthwise_conv2d(const Window&, std::int64_t, const double*, const double*, double*,
                               const PartFunction<double>*);
template void depthwise_input_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void depthwise_input_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template void depthwise_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void depthwise_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);

}  // namespace xtape::kernels
