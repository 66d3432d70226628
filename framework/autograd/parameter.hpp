// Parameter: a named tensor that a model owns and an optimizer changes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <typeindex>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// A name, a value, and what is derived from the value alone. A handle: copies are the same parameter. Threads may read
/// one parameter at the same time; a write needs it for itself.
class Parameter {
 public:
  Parameter(std::string name, Tensor value, bool trainable = true);

  /// The path in its model, such as "encoder/conv1/kernel".
  const std::string& name() const;
  void rename(std::string name);
  /// Whether training passes record the derivative with respect to it. Otherwise it is a constant for them.
  bool trainable() const;
  void set_trainable(bool trainable) const;

  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  DType dtype() const { return value().dtype(); }

  /// Replaces the value. Error when the shape differs; the type may change.
  void set_value(Tensor value) const;
  /// Calls f(value) to change the elements in place. The reference is valid during the call. Error when f changes shape
  /// or type; the value is zero then.
  void modify(const std::function<void(Tensor& value)>& f) const;
  /// Number of writes: calls of set_value() and modify().
  std::uint64_t version() const;

  /// What T(value) computes from the value alone, such as a packed kernel. Made at the first call and kept until the
  /// next write; whoever holds the result keeps it. May be called by several threads.
  template <class T>
  std::shared_ptr<const T> derived() const {
    const MakeDerived make = [](const Tensor& value) -> std::shared_ptr<const void> {
      return std::make_shared<const T>(value);
    };
    return std::static_pointer_cast<const T>(derived(typeid(T), make));
  }
  /// Frees what derived() keeps. The next call computes it again.
  void drop_derived() const;

  friend bool operator==(const Parameter& a, const Parameter& b) { return a.state_ == b.state_; }

 private:
  friend struct std::hash<Parameter>;
  struct State;
  using MakeDerived = std::shared_ptr<const void> (*)(const Tensor& value);
  std::shared_ptr<const void> derived(std::type_index type, MakeDerived make) const;
  void begin_write() const;

  std::shared_ptr<State> state_;
};

}  // namespace xtape

/// Copies of one parameter have one hash.
template <>
struct std::hash<xtape::Parameter> {
  std::size_t operator()(const xtape::Parameter& parameter) const noexcept {
    return std::hash<const void*>()(parameter.state_.get());
  }
};
