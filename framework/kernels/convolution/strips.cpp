#include "framework/kernels/convolution/strips.hpp"

#include <vector>

#include "framework/kernels/convolution/strip_pieces.hpp"

namespace xtape::kernels {

template <class T>
void strips_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y,
                   const PartFunction<T>* finish) {
  const Strips<T> strips(window, filters);
  const Pieces pieces(window.batch, window.out_height, window.out_width);
  const Workspace<T> packed(strips.packed_size());
  strips.pack(w, packed.data());
  parallel_for(pieces.count(), ceil_div(pieces.count(), 4 * wanted_tasks), [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> copy(strips.copy_size(pieces.most_rows()));
    std::vector<T*> rows;  // the pixels of a strip
    for (std::int64_t i = begin; i < end; ++i) {
      const Piece piece = pieces[i];
      T* const out = y + (piece.image * window.out_height + piece.row) * strips.output_row();
      strips.multiply(x, piece, packed.data(), copy.data(), out);
      if (!finish) continue;
      rows.clear();
      for (std::int64_t p = 0; p < piece.rows * window.out_width; ++p) rows.push_back(out + p * filters);
      (*finish)(rows.data(), std::ssize(rows), 0, filters);
    }
  });
}

template <class T>
void strips_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  const Strips<T> strips(window, filters);
  const Pieces pieces(window.batch, window.out_height, window.out_width);
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(strips.copy_size(pieces.most_rows()));
    const Workspace<T> packed(strips.packed_gradient_size(pieces.most_rows()));
    for (std::int64_t i = begin; i < end; ++i) {
      const Piece piece = pieces[i];
      const T* const from = dy + (piece.image * window.out_height + piece.row) * strips.output_row();
      strips.add_kernel_gradient(x, piece, from, i > begin, copy.data(), packed.data(), sum);
    }
  };
  add_up<T>(pieces, strips.kernel_size(), add, dw);
}

template void strips_conv2d(const Window&, std::int64_t, const float*, const float*, float*,
                            const PartFunction<float>*);
template void strips_conv2d(const Window&, std::int64_t, const double*, const double*, double*,
                            const PartFunction<double>*);
template void strips_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void strips_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);

}  // namespace xtape::kernels
