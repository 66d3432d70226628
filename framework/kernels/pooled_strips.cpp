#include <cstring>
#include <vector>

#include "framework/kernels/pooling.hpp"
#include "framework/kernels/strip_pieces.hpp"
#include "framework/kernels/strips.hpp"

namespace xtape::kernels {
namespace {

/// Rows of a pooling and the rows of the convolution's output under them.
class PooledRows {
 public:
  explicit PooledRows(const Window& pooling) : pooling_(pooling) {}
  Pieces pieces() const { return {pooling_.batch, pooling_.out_height, pooling_.stride_height * pooling_.width}; }
  /// Of the convolution.
  Piece under(const Piece& pooled) const {
    const std::int64_t top = pooled.row * pooling_.stride_height - pooling_.pad_top;
    const std::int64_t end = top + (pooled.rows - 1) * pooling_.stride_height + pooling_.kernel_height;
    const std::int64_t first = std::max<std::int64_t>(0, top);
    return {pooled.image, first, std::min(end, pooling_.height) - first};
  }
  std::int64_t most_under(std::int64_t rows) const {
    return (rows - 1) * pooling_.stride_height + pooling_.kernel_height;
  }
  /// The pooling of these rows by themselves.
  Window window(const Piece& pooled) const {
    const Piece read = under(pooled);
    Window w = pooling_;
    w.batch = 1;
    w.out_height = pooled.rows;
    w.height = read.rows;
    w.pad_top = read.row - (pooled.row * pooling_.stride_height - pooling_.pad_top);
    return w;
  }
  /// Where they begin in the pooled images.
  std::int64_t offset(const Piece& pooled) const {
    return (pooled.image * pooling_.out_height + pooled.row) * pooling_.out_width * pooling_.channels;
  }

 private:
  const Window& pooling_;
};

/// dw of a convolution behind which large windows are pooled: of the pixels under a window one has a derivative for
/// each filter, and what that pixel read times the derivative is added by itself.
template <class T>
class SparseKernelGradient {
 public:
  SparseKernelGradient(const Window& window, const Window& pooling)
      : window_(window),
        pooling_(pooling),
        run_(window.kernel_width * window.channels),
        vectors_(ceil_div(run_, lanes)) {}

  /// Values of a sum: for each filter its kernel, row by row of whole vectors.
  std::int64_t size() const { return pooling_.channels * filter_size(); }

  /// Adds pooled row `row`, counted in the piece whose window is `piece`, with the places and dy of that row.
  void add_row(const Window& piece, std::int64_t row, const StripInput<T>& input, const std::int32_t* places,
               const T* dy, T* sum) const {
    const std::int64_t top = row * piece.stride_height - piece.pad_top;
    for (std::int64_t column = 0; column < piece.out_width; ++column) {
      const std::int64_t left = column * piece.stride_width - piece.pad_left;
      for (std::int64_t f = 0; f < piece.channels; ++f, ++places, ++dy) {
        if (*dy == 0) continue;
        const std::int64_t i = top + *places / piece.kernel_width * piece.dilation_height;
        const std::int64_t j = left + *places % piece.kernel_width * piece.dilation_width;
        add(*dy, input.data + i * input.row + j * input.pixel, input.segment, sum + f * filter_size());
      }
    }
  }

  /// dw from the sum.
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
                            std::int32_t* places) {
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
      max_pool(rows.window(pieces[i]), convolved.data(), y + to, places ? places + to : nullptr);
    }
  });
}

/// The derivative of a few rows at a time as it was between the two, in the cache.
template <class T>
void dense_kernel_gradient(const Window& window, const Window& pooling, const T* x, const std::int32_t* places,
                           const T* dy, T* dw) {
  const Strips<T> strips(window, pooling.channels);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t most_rows = rows.most_under(pieces.most_rows());
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(strips.copy_size(most_rows));
    const Workspace<T> dy_between(most_rows * strips.output_row());
    const Workspace<T> packed(strips.packed_gradient_size(most_rows));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t from = rows.offset(pieces[i]);
      max_pool_gradient(rows.window(pieces[i]), places + from, dy + from, dy_between.data());
      strips.add_kernel_gradient(x, rows.under(pieces[i]), dy_between.data(), i > begin, copy.data(), packed.data(),
                                 sum);
    }
  };
  add_up<T>(pieces, strips.kernel_size(), add, dw);
}

template <class T>
void sparse_kernel_gradient(const Window& window, const Window& pooling, const T* x, const std::int32_t* places,
                            const T* dy, T* dw) {
  const Strips<T> strips(window, pooling.channels);
  const SparseKernelGradient<T> gradient(window, pooling);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t size = strips.copy_size(rows.most_under(pieces.most_rows()));
  const std::int64_t pooled_row = pooling.out_width * pooling.channels;
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(size + gradient.lanes);  // the last vector of a run may reach over the end
    std::fill_n(copy.data(), size + gradient.lanes, T{0});
    std::fill_n(sum, gradient.size(), T{0});
    for (std::int64_t i = begin; i < end; ++i) {
      const StripInput<T> input = strips.padded_input(x, rows.under(pieces[i]), copy.data());
      for (std::int64_t row = 0; row < pieces[i].rows; ++row) {
        const std::int64_t from = rows.offset(pieces[i]) + row * pooled_row;
        gradient.add_row(rows.window(pieces[i]), row, input, places + from, dy + from, sum);
      }
    }
  };
  const Workspace<T> sum(gradient.size());
  add_up<T>(pieces, gradient.size(), add, sum.data());
  gradient.write(sum.data(), dw);
}

template <class T>
void strips_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* places, const T* dy, T* dw) {
  constexpr std::int64_t many_pixels = 8;  // of which one has a derivative
  if (pooling.stride_height * pooling.stride_width >= many_pixels) {
    return sparse_kernel_gradient(window, pooling, x, places, dy, dw);
  }
  dense_kernel_gradient(window, pooling, x, places, dy, dw);
}

template void strips_conv2d_max_pool(const Window&, const Window&, const float*, const float*, float*, std::int32_t*);
template void strips_conv2d_max_pool(const Window&, const Window&, const double*, const double*, double*,
                                     std::int32_t*);
template void strips_max_pool_kernel_gradient(const Window&, const Window&, const float*, const std::int32_t*,
                                              const float*, float*);
template void strips_max_pool_kernel_gradient(const Window&, const Window&, const double*, const std::int32_t*,
                                              const double*, double*);

}  // namespace xtape::kernels
