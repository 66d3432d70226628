// Pooling of sequences (n, length, channels) and volumes (n, depth, height, width, channels) by the ops on images.
#pragma once

#include "framework/ops/pooling.hpp"
#include "framework/ops/window_1d_3d.hpp"

namespace xtape {

/// y = the largest x in the window, as in max_pool2d.
Variable max_pool1d(const Variable& x, const WindowOptions1D& window);
/// y = the mean of the x in the window that lie on the sequence, as in average_pool2d.
Variable average_pool1d(const Variable& x, const WindowOptions1D& window);
/// The mean of each channel over the length: (n, length, channels) -> (n, channels).
Variable global_average_pool1d(const Variable& x);
/// The maximum of each channel over the length: (n, length, channels) -> (n, channels).
Variable global_max_pool1d(const Variable& x);

/// y = the largest x in the window, as in max_pool2d. It is the maximum over slices, and then over the depth.
Variable max_pool3d(const Variable& x, const WindowOptions3D& window);
/// y = the mean of the x in the window that lie on the volume, as in average_pool2d. It is the mean over slices, and
/// then over the depth.
Variable average_pool3d(const Variable& x, const WindowOptions3D& window);
/// The mean of each channel over depth, height and width: (n, depth, height, width, channels) -> (n, channels).
Variable global_average_pool3d(const Variable& x);
/// The maximum of each channel over depth, height and width: (n, depth, height, width, channels) -> (n, channels).
Variable global_max_pool3d(const Variable& x);

/// The length of the output of a pooling of sequences. Error as in pooling_window.
std::vector<std::int64_t> pooling_extents(std::string_view function, const Shape& x, const WindowOptions1D& options,
                                          std::string_view shown = "");
/// Height and width of the output of a pooling of images. Error as in pooling_window.
std::vector<std::int64_t> pooling_extents(std::string_view function, const Shape& x, const WindowOptions& options,
                                          std::string_view shown = "");
/// Depth, height and width of the output of a pooling of volumes. Error as in pooling_window.
std::vector<std::int64_t> pooling_extents(std::string_view function, const Shape& x, const WindowOptions3D& options,
                                          std::string_view shown = "");

}  // namespace xtape
