// Parameter: a named tensor that a model owns and an optimizer changes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <typeindex>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// A named value, and data that is derived from this value alone. A Parameter is a handle: copies refer to the same
/// parameter. Several threads may read a parameter at the same time; a write requires exclusive access.
class Parameter {
 public:
  /// Makes a parameter with a name and an initial value.
  Parameter(std::string name, Tensor value, bool trainable = true);

  /// The path of the parameter in its model, such as "encoder/conv1/kernel".
  const std::string& name() const;
  /// Changes the name, for all copies.
  void rename(std::string name);
  /// Whether training passes record the derivative with respect to this parameter. If not, it is a constant.
  bool trainable() const;
  /// Sets whether the parameter is trainable.
  void set_trainable(bool trainable) const;

  /// The current value.
  const Tensor& value() const;
  /// The shape of the value.
  const Shape& shape() const { return value().shape(); }
  /// The element type of the value.
  DType dtype() const { return value().dtype(); }

  /// Replaces the value. Error if the shape differs. The type may change, but not from floating to int64 or uint8, or
  /// back.
  void set_value(Tensor value) const;
  /// Calls f(value) to change the elements in place. The reference is valid during the call. Error if f changes the
  /// shape or type; the value is zero afterwards, also if f throws after such a change.
  void modify(const std::function<void(Tensor& value)>& f) const;
  /// Sets a function that an optimizer applies to the value after each of its steps, such as the projection of a
  /// constraint; an empty function for none. It returns a value of the same shape and type; otherwise the step is an
  /// Error.
  void set_constraint(std::function<Tensor(const Tensor& value)> project) const;
  /// The function set by set_constraint(); empty for none.
  const std::function<Tensor(const Tensor& value)>& constraint() const;
  /// The number of writes so far, that is, of calls of set_value() and modify().
  std::uint64_t version() const;

  /// An object T(value) that is computed from the value alone, such as a packed kernel. It is made at the first call
  /// and kept until the next write. Pointers that this function returned stay valid after that write. Thread-safe.
  template <class T>
  std::shared_ptr<const T> derived() const {
    const MakeDerived make = [](const Tensor& value) -> std::shared_ptr<const void> {
      return std::make_shared<const T>(value);
    };
    return std::static_pointer_cast<const T>(derived(typeid(T), make));
  }
  /// Frees the objects that derived() keeps. The next call computes it again.
  void drop_derived() const;

  /// Whether both are handles of the same parameter.
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

/// The hash of a parameter. Copies of one parameter have the same hash.
template <>
struct std::hash<xtape::Parameter> {
  /// The hash of the parameter's identity; it does not depend on its value.
  std::size_t operator()(const xtape::Parameter& parameter) const noexcept {
    return std::hash<const void*>()(parameter.state_.get());
  }
};
