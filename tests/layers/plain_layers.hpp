// Reference layers: their definitions as plain loops over float64 arrays.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::test {

using Pair = std::array<std::int64_t, 2>;  // height and width

/// How a window moves over an image.
struct PlainWindow {
  Pair strides = {1, 1}, dilation = {1, 1}, before = {0, 0}, after = {0, 0};
};

/// f(x) for each element.
Tensor each(const Tensor& x, const std::function<double(double)>& f);

/// x (n, inputs), kernel (inputs, units), bias (units) or undefined.
Tensor plain_dense(const Tensor& x, const Tensor& kernel, const Tensor& bias);

/// x (n, height, width, channels), kernel (kh, kw, channels / groups, filters), bias (filters) or undefined.
Tensor plain_conv(const Tensor& x, const Tensor& kernel, const Tensor& bias, const PlainWindow& window);

/// A function of the pixels of one channel in the window, without padding.
using PlainPool = std::function<double(const std::vector<double>& pixels)>;
double largest_under_window(const std::vector<double>& pixels);
double mean_under_window(const std::vector<double>& pixels);
Tensor plain_pool(const Tensor& x, Pair size, const PlainWindow& window, const PlainPool& pool);

/// Zeros around images.
Tensor plain_pad(const Tensor& x, Pair before, Pair after);

/// Concatenates (n, height, width) along axis 1 or 2, or along the batch, axis 0.
Tensor plain_concatenate(const Tensor& a, const Tensor& b, int axis);
Tensor plain_softmax(const Tensor& x, int axis);

/// Mean and biased variance of each channel, the last axis.
std::array<Tensor, 2> plain_moments(const Tensor& x);

}  // namespace xtape::test
