// FunctionRef: a non-owning reference to a callable, for parameters.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace xtape::kernels {

template <class Signature>
class FunctionRef;

/// A reference to a callable of this signature. It owns nothing and never allocates, so the callable must outlive it.
/// Suited for arguments that a function calls before it returns.
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  /// Refers to the callable f, which must outlive this object.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
      // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload): lambdas are passed in place
      FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}
  /// Calls the callable with the arguments.
  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace xtape::kernels
