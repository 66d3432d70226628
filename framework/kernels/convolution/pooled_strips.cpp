#include <cstring>
#include <vector>

#include "framework/kernels/convolution/pooling.hpp"
#include "framework/kernels/convolution/strip_pieces.hpp"
#include "framework/kernels/convolution/strips.hpp"

namespace xtape::kernels {
namespace {

/// The relation between rows of the pooled output and the rows of the convolution's output under their windows.
class PooledRows {
 public:
  explicit PooledRows(const Window& pooling) : pooling_(pooling) {}
  /// The rows of the pooled output, divided into pieces.
  Pieces pieces() const { return {pooling_.batch, pooling_.out_height, pooling_.stride_height * pooling_.width}; }
  /// The rows of the convolution's output that a piece of the pooled output reads.
  Piece under(const Piece& pooled) const {
    const std::int64_t top = pooled.row * pooling_.stride_height - pooling_.pad_top;
    const std::int64_t end = top + (pooled.rows - 1) * pooling_.stride_height + pooling_.kernel_height;
    const std::int64_t first = std::max<std::int64_t>(0, top);
    return {pooled.image, first, std::min(end, pooling_.height) - first};
  }
  /// The largest number of such rows for a piece of `rows` rows.
  std::int64_t most_under(std::int64_t rows) const {
    return (rows - 1) * pooling_.stride_height + pooling_.kernel_height;
  }
  /// The pooling window for a piece on its own: its input is under(pooled).
  Window window(const Piece& pooled) const {
    const Piece read = under(pooled);
    Window w = pooling_;
    w.batch = 1;
    w.out_height = pooled.rows;
    w.height = read.rows;
    w.pad_top = read.row - (pooled.row * pooling_.stride_height - pooling_.pad_top);
    return w;
  }
  /// The offset of a piece in the pooled output, in elements.
  std::int64_t offset(const Piece& pooled) const {
    return (pooled.image * pooling_.out_height + pooled.row) * pooling_.out_width * pooling_.channels;
  }

 private:
  const Window& pooling_;
};

/// The gradient dw of a convolution whose output is max-pooled with large windows. For each filter only one pixel under
/// a window has a nonzero gradient. So dw is the sum, over windows and filters, of this gradient times the input that
/// the pixel reads.
template <class T>
class SparseKernelGradient {
 public:
  SparseKernelGradient(const Window& window, const Window& pooling)
      : window_(window),
        pooling_(pooling),
        run_(window.kernel_width * window.channels),
        vectors_(ceil_div(run_, lanes)) {}

  /// Number of values in a sum: for each filter the rows of its kernel, each padded to whole vectors.
  std::int64_t size() const { return pooling_.channels * filter_size(); }

  /// Adds one row of the pooled output. `row` is its number in the piece whose pooling window is `piece`; `argmax` and
  /// `dy` belong to that row.
  void add_row(const Window& piece, std::int64_t row, const StripInput<T>& input, const std::int32_t* argmax,
               const T* dy, T* sum) const {
    const std::int64_t top = row * piece.stride_height - piece.pad_top;
    for (std::int64_t column = 0; column < piece.out_width; ++column) {
      const std::int64_t left = column * piece.stride_width - piece.pad_left;
      for (std::int64_t f = 0; f < piece.channels; ++f, ++argmax, ++dy) {
        if (*dy == 0) continue;
        const std::int64_t i = top + *argmax / piece.kernel_width * piece.dilation_height;
        const std::int64_t j = left + *argmax % piece.kernel_width * piece.dilation_width;
        add(*dy, input.data + i * input.row + j * input.pixel, input.segment, sum + f * filter_size());
      }
    }
  }

  /// Converts a sum to dw (kernel_height, kernel_width, channels, filters).
  void write(const T* sum, T* dw) const {
    for (std::int64_t f = 0; f < pooling_.channels; ++f) {
      for (std::int64_t kh = 0; kh < window_.kernel_height; ++kh, sum += vectors_ * lanes) {
        for (std::int64_t k = 0; k < run_; ++k) dw[(kh * run_ + k) * pooling_.channels + f] = sum[k];
      }
    }
  }

  static constexpr std::int64_t lanes = 8;

 private:
  using Values [[gnu::vector_size(lanes * sizeof(T))]] = T;

  std::int64_t filter_size() const { return window_.kernel_height * vectors_ * lanes; }

  void add(T factor, const T* read, std::int64_t segment, T* sum) const {
    for (std::int64_t kh = 0; kh < window_.kernel_height; ++kh, read += segment) {
      for (std::int64_t v = 0; v < vectors_; ++v, sum += lanes) {
        Values x, total;
        std::memcpy(&x, read + v * lanes, sizeof x);
        std::memcpy(&total, sum, sizeof total);
        total += factor * x;
        std::memcpy(sum, &total, sizeof total);
      }
    }
  }

  const Window& window_;
  const Window& pooling_;
  std::int64_t run_, vectors_;
};

}  // namespace

template <class T>
void strips_conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y,
                            std::int32_t* argmax) {
  const Strips<T> strips(window, pooling.channels);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t most_rows = rows.most_under(pieces.most_rows());
  const Workspace<T> packed(strips.packed_size());
  strips.pack(w, packed.data());
  parallel_for(pieces.count(), ceil_div(pieces.count(), 4 * wanted_tasks), [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> copy(strips.copy_size(most_rows));
    const Workspace<T> convolved(most_rows * strips.output_row());
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t to = rows.offset(pieces[i]);
      strips.multiply(x, rows.under(pieces[i]), packed.data(), copy.data(), convolved.data());
      max_pool(rows.window(pieces[i]), convolved.data(), y + to, argmax ? argmax + to : nullptr);
    }
  });
}

/// For small windows: computes the gradient of the convolution's output from argmax and dy, a few rows at a time so
/// that they stay in the cache, and from these rows dw.
template <class T>
void dense_kernel_gradient(const Window& window, const Window& pooling, const T* x, const std::int32_t* argmax,
                           const T* dy, T* dw) {
  const Strips<T> strips(window, pooling.channels);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t most_rows = rows.most_under(pieces.most_rows());
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(strips.copy_size(most_rows));
    const Workspace<T> dconvolved(most_rows * strips.output_row());
    const Workspace<T> packed(strips.packed_gradient_size(most_rows));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t from = rows.offset(pieces[i]);
      max_pool_gradient(rows.window(pieces[i]), argmax + from, dy + from, dconvolved.data());
      strips.add_kernel_gradient(x, rows.under(pieces[i]), dconvolved.data(), i > begin, copy.data(), packed.data(),
                                 sum);
    }
  };
  add_up<T>(pieces, strips.kernel_size(), add, dw);
}

/// For large windows: see SparseKernelGradient.
template <class T>
void sparse_kernel_gradient(const Window& window, const Window& pooling, const T* x, const std::int32_t* argmax,
                            const T* dy, T* dw) {
  const Strips<T> strips(window, pooling.channels);
  const SparseKernelGradient<T> gradient(window, pooling);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t size = strips.copy_size(rows.most_under(pieces.most_rows()));
  const std::int64_t pooled_row = pooling.out_width * pooling.channels;
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(size + gradient.lanes);  // the last vector of a run may read past the end
    std::fill_n(copy.data(), size + gradient.lanes, T{0});
    std::fill_n(sum, gradient.size(), T{0});
    for (std::int64_t i = begin; i < end; ++i) {
      const StripInput<T> input = strips.padded_input(x, rows.under(pieces[i]), copy.data());
      for (std::int64_t row = 0; row < pieces[i].rows; ++row) {
        const std::int64_t from = rows.offset(pieces[i]) + row * pooled_row;
        gradient.add_row(rows.window(pieces[i]), row, input, argmax + from, dy + from, sum);
      }
    }
  };
  const Workspace<T> sum(gradient.size());
  add_up<T>(pieces, gradient.size(), add, sum.data());
  gradient.write(sum.data(), dw);
}

template <class T>
void strips_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* argmax, const T* dy, T* dw) {
  constexpr std::int64_t many_pixels = 8;  // pixels per window; only one of them has a nonzero gradient
  if (pooling.stride_height * pooling.stride_width >= many_pixels) {
    return sparse_kernel_gradient(window, pooling, x, argmax, dy, dw);
  }
  dense_kernel_gradient(window, pooling, x, argmax, dy, dw);
}

template void strips_conv2d_max_pool(const Window&, const Window&, const float*, const float*, float*, std::int32_t*);
template void strips_conv2d_max_pool(const Window&, const Window&, const double*, const double*, double*,
                                     std::int32_t*);
template void strips_max_pool_kernel_gradient(const Window&, const Window&, const float*, const std::int32_t*,
                                              const float*, float*);
template void strips_max_pool_kernel_gradient(const Window&, const Window&, const double*, const std::int32_t*,
                                              const double*, double*);

}  // namespace xtape::kernels
