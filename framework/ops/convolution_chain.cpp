#include "framework/ops/convolution_chain.hpp"

#include <algorithm>
#include <deque>

#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/part_epilogue.hpp"

namespace xtape {
namespace {

constexpr std::int64_t band_bytes = 256 << 10;  // of the largest band between two convolutions
constexpr std::int64_t many_images = 4;         // fewer images are computed one after another

/// A convolution of the chain. `window` describes one image.
template <class T>
struct Link {
  kernels::Window window;
  std::int64_t filters;
  const T* kernel;
  std::shared_ptr<const kernels::PackedMatrix<T>> packed;  // null for depthwise convolutions and strips
  kernels::PartFunction<T> finish;

  std::int64_t input_row() const { return window.width * window.channels; }
  std::int64_t output_row() const { return window.out_width * filters; }

  /// The rows of the input that output rows [begin, end) read.
  kernels::TapRange input_rows(std::int64_t begin, std::int64_t end) const {
    const std::int64_t last =
        (end - 1) * window.stride_height - window.pad_top + (window.kernel_height - 1) * window.dilation_height + 1;
    const std::int64_t first = std::max<std::int64_t>(0, begin * window.stride_height - window.pad_top);
    return {std::min(first, window.height), std::clamp(last, std::min(first, window.height), window.height)};
  }

  /// Computes output rows [begin, end) from input rows [rows.first, rows.last), which begin at x.
  void compute(const T* x, const kernels::TapRange& rows, std::int64_t begin, std::int64_t end, T* y) const {
    kernels::Window band = window;
    band.height = rows.last - rows.first;
    band.out_height = end - begin;
    band.pad_top = rows.first - (begin * window.stride_height - window.pad_top);
    if (packed) {
      kernels::conv2d(band, filters, x, *packed, y, &finish);
    } else {
      kernels::conv2d(band, filters, x, kernel, y, &finish);
    }
  }
};

/// Computes rows of one image at a time. Between two convolutions there is a buffer of the rows that later rows still
/// need.
template <class T>
class Bands {
 public:
  Bands(const std::vector<Link<T>>& links, std::int64_t band) : links_(links), band_(band) {
    std::int64_t rows = band;  // the most rows of the input of a link that are in its buffer at once
    for (std::size_t l = links.size() - 1; l > 0; --l) {
      const kernels::Window& w = links[l].window;
      rows = (rows - 1) * w.stride_height + (w.kernel_height - 1) * w.dilation_height + 1;
      rows = std::min(rows, w.height);
      buffers_.emplace_front(rows * links[l].input_row());
    }
  }

  /// Computes output rows [begin, end) of an image, whose first row is y.
  void compute(const T* image, std::int64_t begin, std::int64_t end, T* y) {
    ranges_.assign(buffers_.size(), {0, 0});
    for (std::int64_t row = begin; row < end; row += band_) {
      run(links_.size() - 1, image, row, std::min(end, row + band_), y + row * links_.back().output_row());
    }
  }

 private:
  /// Computes output rows [begin, end) of a link.
  void run(std::size_t l, const T* image, std::int64_t begin, std::int64_t end, T* y) {
    const kernels::TapRange rows = links_[l].input_rows(begin, end);
    if (l == 0) return links_[l].compute(image + rows.first * links_[l].input_row(), rows, begin, end, y);
    T* const buffer = buffers_[l - 1].data();
    kernels::TapRange& available = ranges_[l - 1];
    const std::int64_t row = links_[l].input_row();
    const std::int64_t kept = std::max<std::int64_t>(0, available.last - rows.first);
    if (kept > 0) std::copy_n(buffer + (rows.first - available.first) * row, kept * row, buffer);
    available = rows;
    if (rows.first + kept < rows.last) run(l - 1, image, rows.first + kept, rows.last, buffer + kept * row);
    links_[l].compute(buffer, rows, begin, end, y);
  }

  const std::vector<Link<T>>& links_;
  std::int64_t band_;
  std::deque<kernels::Workspace<T>> buffers_;  // of the inputs of all links but the first
  std::vector<kernels::TapRange> ranges_;      // the rows in them
};

/// The number of parts of an image, one for each thread, so that no thread reads what another one has just written.
/// Each part computes again what it needs of the rows of other parts. With too few rows for that, the convolutions are
/// computed in parallel, one after another: 1.
std::int64_t parts_of(std::int64_t rows) {
  constexpr std::int64_t least_rows = 3;  // of a part
  const int threads = kernels::usable_threads();
  return rows >= threads * least_rows ? threads : 1;
}

/// The rows of the output of a chain that are computed at once; 0 if the chain is not faster than its convolutions: if
/// the weights take more memory than the values between the convolutions, they should be read once for all images.
template <class T>
std::int64_t band_of(const std::vector<Link<T>>& links, std::int64_t images) {
  std::int64_t band = links.back().window.out_height, rows = 1, between = 0, weights = 0;
  for (std::size_t l = links.size() - 1; l > 0; --l) {
    const kernels::Window& w = links[l].window;
    rows = std::min(rows * w.stride_height, w.height);
    band = std::min(band, band_bytes / static_cast<std::int64_t>(sizeof(T)) / (rows * links[l].input_row()));
    between += w.height * links[l].input_row();
  }
  for (const Link<T>& link : links) {
    weights += link.window.taps() * link.window.group_channels() * link.filters;
  }
  if (images > 1 && weights > between) return 0;
  return std::max<std::int64_t>(1, band);
}

}  // namespace

std::optional<Tensor> conv2d_chain(const Tensor& x, const std::vector<ChainLink>& links) {
  std::vector<kernels::Window> windows;
  Shape shape = x.shape();
  for (const ChainLink& link : links) {
    const Tensor& kernel = link.convolution.kernel;
    if (kernel.dtype() != x.dtype()) return std::nullopt;
    try {
      windows.push_back(convolution_window("conv2d", shape, kernel.shape(), link.convolution.options));
    } catch (const Error&) {
      return std::nullopt;  // the separate convolution throws it with the name of its layer
    }
    const kernels::Window& w = windows.back();
    shape = {w.batch, w.out_height, w.out_width, kernel.dim(3)};
    if (shape.size() == 0 || !fits(link.epilogue, shape, x.dtype())) return std::nullopt;
  }
  Tensor y = Tensor::empty(shape, x.dtype());
  const bool done = with_floating("conv2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::deque<PreparedEpilogue<T>> epilogues;
    std::vector<Link<T>> prepared;
    T* const out = y.mutable_data<T>();
    for (std::size_t l = 0; l < links.size(); ++l) {
      const InferenceConvolution& c = links[l].convolution;
      const std::int64_t filters = c.kernel.dim(3);
      if (!kernels::computes_bands<T>(windows[l], filters)) return false;
      const bool packs = kernels::multiplies_packed<T>(windows[l], filters);
      if (packs && !c.packed) return false;
      epilogues.emplace_back(links[l].epilogue, filters, out);
      if (!epilogues.back().usable()) return false;
      kernels::Window one = windows[l];
      one.batch = 1;
      prepared.push_back({one, filters, c.kernel.data<T>(), packs ? c.packed->packed<T>(windows[l]) : nullptr,
                          epilogues.back().finish()});
    }
    const std::int64_t images = x.dim(0), band = band_of(prepared, images);
    if (band == 0) return false;
    const T* const in = x.data<T>();
    const std::int64_t rows = prepared.back().window.out_height;
    const auto compute = [&](Bands<T>& bands, std::int64_t image, std::int64_t begin, std::int64_t end) {
      bands.compute(in + image * (x.size() / images), begin, end, out + image * (y.size() / images));
    };
    // Many images are computed in parallel, each by one thread. Of fewer images each is divided.
    const std::int64_t parts = parts_of(rows), enough = parts == 1 ? many_images : kernels::usable_threads();
    if (images >= std::max(many_images, enough)) {
      kernels::parallel_for(images, 1, [&](std::int64_t image, std::int64_t) {
        Bands<T> bands(prepared, band);
        compute(bands, image, 0, rows);
      });
      return true;
    }
    std::deque<Bands<T>> of_parts;
    for (std::int64_t part = 0; part < parts; ++part) of_parts.emplace_back(prepared, band);
    for (std::int64_t image = 0; image < images; ++image) {
      kernels::parallel_for(parts, 1, [&](std::int64_t part, std::int64_t) {
        compute(of_parts[static_cast<std::size_t>(part)], image, part * rows / parts, (part + 1) * rows / parts);
      });
    }
    return true;
  });
  if (!done) return std::nullopt;
  return y;
}

}  // namespace xtape
