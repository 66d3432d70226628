// Parts of images. Internal to layers/images.
#pragma once

#include <cstdint>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// The middle of the images. Of smaller ones the largest middle part with the new aspect ratio is resized.
Variable center_crop(const Variable& images, std::int64_t height, std::int64_t width);

}  // namespace xtape
