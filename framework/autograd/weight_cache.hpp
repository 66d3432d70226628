// What is computed from weights alone, kept from one inference to the next.
#pragma once

#include <any>
#include <map>
#include <memory>

#include "framework/autograd/parameter.hpp"
#include "framework/error.hpp"
#include "framework/kernels/program_locks.hpp"

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
  /// What belongs to the parameter, for as long as that lives; default-constructed at the first call. Error when T is
  /// another than then.
  template <class T>
  T& of(const Parameter& parameter) {
    const std::lock_guard lock(kernels::program_locks.caches);
    auto found = kept_.find(parameter.identity());
    if (found == kept_.end()) {
      std::erase_if(kept_, [](const auto& entry) { return entry.first.expired(); });
      found = kept_.emplace(parameter.identity(), std::make_shared<T>()).first;
    }
    auto* const kept = std::any_cast<std::shared_ptr<T>>(&found->second);
    check(kept, "WeightCache: expected one type for {} at every call, got another than at the first", parameter.name());
    return **kept;
  }

 private:
  std::map<std::weak_ptr<const void>, std::any, std::owner_less<>> kept_;
};

}  // namespace xtape
