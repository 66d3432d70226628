// Kernels of layer, group, instance and RMS normalization and their backward passes. T is float or double. Results do
// not depend on the number of threads.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// How the elements of x form groups: x is (outer, positions, groups, size), and a group consists of the elements with
/// one outer index and one group index. Layer normalization has positions = groups = 1, instance normalization size
/// = 1.
struct GroupShape {
  std::int64_t outer, positions, groups, size;
  std::int64_t channels() const { return groups * size; }
};

/// Writes y = (x - mean) inverse gamma + beta, where mean and inverse = 1 / sqrt(variance + epsilon) are those of the
/// element's group, and gamma and beta (channels) those of its channel; null for 1 and 0. Without `centered` the mean
/// counts as 0 (RMS normalization). mean and inverse (outer, groups) receive the statistics. Moments are accumulated in
/// double from deviations, so that a large common offset costs no digits. y may be x.
template <class T>
void group_norm(const GroupShape& shape, const T* x, const T* gamma, const T* beta, double epsilon, bool centered, T* y,
                double* mean, double* inverse);

/// The backward pass: writes dx, and dgamma and dbeta (channels) in double. dx may be x or dy.
template <class T>
void group_norm_gradient(const GroupShape& shape, const T* x, const T* dy, const T* gamma, const double* mean,
                         const double* inverse, bool centered, T* dx, double* dgamma, double* dbeta);

}  // namespace xtape::kernels
