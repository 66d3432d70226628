// Required: an option without a default.
#pragma once

#include <concepts>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

#include "layers/graph/tensor_spec.hpp"

namespace xtape {

/// Internal: the value of a required option before it is read from a file.
struct ToBeRead {};

/// An option without a default. Code that leaves it out does not compile.
template <class T>
struct Required {
  Required() = delete;
  /// Internal: an option that is read from a file later.
  Required(ToBeRead) : value() {}  // NOLINT(google-explicit-constructor): used in place of a value
  /// Converts any value that T can be made of.
  template <class U>
  requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, Required>) Required(U&& given)
      : value(std::forward<U>(given)) {}  // NOLINT(google-explicit-constructor): reads as the value
  /// The value.
  operator const T&() const { return value; }  // NOLINT(google-explicit-constructor)
  T value;                                     ///< the value
};

/// A required option that is a list, written in braces: `Reshape({.target_shape = {-1, 7}})`.
template <class List, class Element>
struct RequiredList {
  RequiredList() = delete;
  /// Internal: an option that is read from a file later.
  RequiredList(ToBeRead) {}  // NOLINT(google-explicit-constructor)
  /// The list of the elements in braces.
  RequiredList(std::initializer_list<Element> given) : value(given) {}  // NOLINT(google-explicit-constructor)
  /// Converts any value that the list can be made of: `Input({.shape = images.shape().without(0)})`.
  template <class U>
  requires(std::is_convertible_v<U, List> && !std::is_base_of_v<RequiredList, std::remove_cvref_t<U>>)
      RequiredList(U&& given)
      : value(std::forward<U>(given)) {}  // NOLINT(google-explicit-constructor)
  /// The list.
  operator const List&() const { return value; }  // NOLINT(google-explicit-constructor)
  List value;                                     ///< the list
};

template <class T>
struct Required<std::vector<T>> : RequiredList<std::vector<T>, T> {
  using RequiredList<std::vector<T>, T>::RequiredList;
};
template <>
struct Required<PartialShape> : RequiredList<PartialShape, Extent> {
  using RequiredList::RequiredList;
};

}  // namespace xtape
