// What is computed from weights alone, kept from one inference to the next.
#pragma once

#include <any>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "framework/autograd/parameter.hpp"

namespace xtape {

/// Keeps what layers make of their weights, such as kernels in the order in which they are multiplied with: with few
/// images that costs more than the computation itself. Given to inference passes, one after the other or several at
/// once:
///
///   WeightCache cache;
///   ForwardPass pass(Mode::inference, {.cache = &cache});
///   Tensor y = model(image, pass).value();
///
/// A parameter that was given another value, or was written to, is noticed; but not what is written through a pointer
/// that was taken from its tensor (mutable_data) before a pass and kept.
class WeightCache {
 public:
  /// What belongs to the parameter; default-constructed at the first call. T has to be the same at every call.
  template <class T>
  T& of(const Parameter& parameter) {
    const std::lock_guard lock(mutex_);
    std::any& kept = kept_[parameter.identity()];
    if (!kept.has_value()) kept = std::make_shared<T>();
    return *std::any_cast<std::shared_ptr<T>&>(kept);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<const void*, std::any> kept_;
};

}  // namespace xtape
