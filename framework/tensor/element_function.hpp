// ElementFunction: a function of single numbers as a value.
#pragma once

#include <cstdint>
#include <functional>

namespace xtape {

/// A function of single floating numbers and its derivative as a value, such as an activation function. Both work in
/// place, so that parts of an array can be changed while they are in the cache.
class ElementFunction {
 public:
  /// Refers to copies of `f`, called as T f(T), and of `derivative`, which returns dx and is called as T derivative(T
  /// dy, T x). Where one takes double it computes in double for both types. Both must be pure.
  template <class F, class Derivative>
  ElementFunction(F f, Derivative derivative)
      : float32_(loop<float>(f)),
        float64_(loop<double>(f)),
        derivative32_(derivative_loop<float>(derivative)),
        derivative64_(derivative_loop<double>(derivative)) {}
  /// Replaces each of `count` values v by f(v).
  void operator()(float* values, std::int64_t count) const { float32_(values, count); }
  /// The same in float64.
  void operator()(double* values, std::int64_t count) const { float64_(values, count); }
  /// Replaces each of `count` derivatives dy with respect to f(x) by that with respect to x.
  void differentiate(const float* x, float* dy, std::int64_t count) const { derivative32_(x, dy, count); }
  /// The same in float64.
  void differentiate(const double* x, double* dy, std::int64_t count) const { derivative64_(x, dy, count); }

 private:
  template <class T, class F>
  static std::function<void(T*, std::int64_t)> loop(F f) {
    return [f](T* values, std::int64_t count) {
      const F own = f;  // captures of a local copy cannot change in the loop, so it vectorizes
      for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(own(values[i]));
    };
  }
  template <class T, class Derivative>
  static std::function<void(const T*, T*, std::int64_t)> derivative_loop(Derivative derivative) {
    return [derivative](const T* x, T* dy, std::int64_t count) {
      const Derivative own = derivative;
      for (std::int64_t i = 0; i < count; ++i) dy[i] = static_cast<T>(own(dy[i], x[i]));
    };
  }

  std::function<void(float*, std::int64_t)> float32_;
  std::function<void(double*, std::int64_t)> float64_;
  std::function<void(const float*, float*, std::int64_t)> derivative32_;
  std::function<void(const double*, double*, std::int64_t)> derivative64_;
};

}  // namespace xtape
